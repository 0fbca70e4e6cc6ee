"""What an actor of Ray says of a setup that it cannot use, and what is sent to it; no cluster is needed for these."""

import hashlib
import pickle
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import write_model, write_picture

from mmbench.core import Generate, Media, MediaError, MmbenchError, UsageError
from mmbench.core.requests import Message
from mmbench.data.sources import BytesImage, FileImage
from mmbench.perf.machine import packages
from mmbench.resolve.model_names import resolve_model
from mmbench.runner.execute.recipe import ModelRecipe
from mmbench.runner.pool.cluster import _explained, check_address, room
from mmbench.runner.pool.ray_actor import RayActor
from mmbench.runner.pool.ray_workers import _without_mmbench
from mmbench.runner.pool.resources import Share
from mmbench.runner.pool.shipping import Shelf, Shipper, unpack
from mmbench.runner.pool.transport import Work, WorkerInfo, WorkerSetup

MODEL = """
class Reds:
    def generate(self, requests):
        return ["red" for _ in requests]
"""


def setup(folder: Path, **changes: Any) -> bytes:
    recipe = ModelRecipe.of(resolve_model(str(write_model(folder, MODEL))))
    return pickle.dumps(WorkerSetup(recipe, **{"version": packages()["mmbench"], "loader_threads": 0, **changes}))


def opened(data: bytes, media: Sequence[str] = ()) -> Any:
    return pickle.loads(RayActor().open(data, media))


def test_an_actor_answers_leases_in_their_order_and_begins_them_ahead(tmp_path: Path) -> None:
    actor = RayActor()
    assert isinstance(pickle.loads(actor.open(setup(tmp_path), [])), WorkerInfo)
    for lease in (0, 1):
        requests = [Generate(parts=("what colour?",), id=f"t/s{lease}/0")]
        actor.begin(lease, pickle.dumps(Shipper().pack(Work(lease, "t", requests, 4, auto=True))))
    for lease in (0, 1):
        answer = pickle.loads(actor.answer(lease))
        assert (answer.lease, [response.output for response in answer.responses]) == (lease, ["red"])
    actor.begin(2, b"no pickle")
    assert isinstance(pickle.loads(actor.answer(2)), MmbenchError)
    actor.close()


def test_another_version_another_model_file_and_missing_media_are_refused_before_anything_is_asked(
    tmp_path: Path,
) -> None:
    assert isinstance(opened(setup(tmp_path, version="0.0.1")), UsageError)
    data = setup(tmp_path)
    picture = str(write_picture(tmp_path / "a.png", (1, 2, 3)))
    assert isinstance(opened(data, [picture]), WorkerInfo)
    assert isinstance(opened(data, [picture, str(tmp_path / "missing.png")]), UsageError)
    write_model(tmp_path, MODEL.replace("red", "blue"))
    assert isinstance(opened(data), UsageError)


def test_images_that_are_sent_need_no_file(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", (1, 2, 3))
    media = Media("image", "image/png", "0" * 64, FileImage(str(path)))
    missing = Media("image", "image/png", "1" * 64, FileImage(str(tmp_path / "b.png")))
    request = Generate(parts=(media, "what?", missing), messages=(Message("user", (media, "what?")),), id="t/s/0")
    sent = unpack(Shipper(files=True).pack(Work(0, "t", [request], 1, auto=True)), Shelf()).requests[0]
    assert isinstance(sent, Generate)
    assert (request.media[0].path, sent.id) == (str(path), "t/s/0")
    expected = path.read_bytes(), media.load().tobytes()
    path.unlink()
    for shipped in (sent.parts[0], sent.messages[0].parts[0]):
        assert isinstance(shipped, Media)
        assert shipped.path is None
        assert shipped == media
        assert (shipped.source.raw(), shipped.load().tobytes()) == expected  # type: ignore[attr-defined]
    with pytest.raises(MediaError):
        sent.parts[2].load()  # type: ignore[union-attr]


@pytest.mark.parametrize("in_files", [True, False])
def test_a_worker_gets_each_image_once_while_it_keeps_it_and_again_when_it_does_not(
    in_files: bool, tmp_path: Path
) -> None:
    images = []
    for number in range(6):
        data = bytes([number]) * 2000
        (path := tmp_path / str(number)).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        source = FileImage(str(path), digest) if in_files else BytesImage(data, digest)
        images.append(Media("image", "image/png", digest, source))

    def leases(shipper: Shipper, shelf: Shelf, order: Sequence[int]) -> int:
        before = shipper.sent_bytes
        for lease, number in enumerate(order):
            asked = [Generate(parts=(images[each], "what?"), id=f"t/{each}/0") for each in (number, number)]
            got = unpack(pickle.loads(pickle.dumps(shipper.pack(Work(lease, "t", asked, 2, auto=True)))), shelf)
            for one, other in zip(got.requests, asked, strict=True):
                assert one.media[0].source.raw() == other.media[0].source.raw()  # type: ignore[attr-defined]
        return shipper.sent_bytes - before

    shipper, shelf = Shipper(files=True), Shelf()
    assert leases(shipper, shelf, [0, 1, 2, 3, 4, 5] * 5) == 6 * 2000
    shipper, shelf = Shipper(files=True, capacity=7000), Shelf(7000)  # three of them
    assert leases(shipper, shelf, [0, 1, 2, 0, 1, 2]) == 3 * 2000
    assert leases(shipper, shelf, [3, 0, 1, 2]) == 4 * 2000, "3 for 0, then each for the one that is asked next"
    assert leases(shipper, shelf, [2, 1, 0, 3]) == 1 * 2000, "the last three were kept"
    assert leases(Shipper(), Shelf(), [0, 0]) == (0 if in_files else 2000), "files are read where they are asked"


def test_the_room_of_a_cluster_counts_nodes_one_by_one() -> None:
    nodes = [{"CPU": 4.0}, {"CPU": 8.0, "GPU": 2.0}, {"CPU": 1.0, "GPU": 4.0}]
    assert room(Share(1, 1.0, 0.0), nodes) == 13
    assert room(Share(1, 1.0, 1.0), nodes) == 3
    assert room(Share(1, 4.0, 2.0), nodes) == 1
    assert room(Share(1, 2.0, 4.0), nodes) == 0


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "head:", ":6379", "head:port"])
def test_addresses_that_are_none_are_refused(address: str) -> None:
    with pytest.raises(UsageError):
        check_address(address)


def test_an_address_that_does_not_answer_is_refused() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # held, so that nobody else takes it, and not listened at
        with pytest.raises(UsageError):
            check_address(f"127.0.0.1:{silent.getsockname()[1]}")


def test_a_cluster_that_asks_for_a_token_is_told_apart() -> None:
    class AuthenticationError(Exception):
        """As Ray names it."""

    refused = ConnectionError(
        "Failed to connect to Ray cluster at head:6379"
    )  # all that Ray 2.60 says of a wrong token
    for error in (AuthenticationError("Unauthenticated"), refused):
        assert "RAY_AUTH_TOKEN" in str(_explained("head:6379", error))
    assert "RAY_AUTH_TOKEN" not in str(_explained("head:6379", RuntimeError("Version mismatch: 2.59 and 2.60")))


def test_a_node_without_mmbench_is_named() -> None:
    told = (
        "ray::RayActor.__init__() (pid=25081, ip=10.0.0.7, actor_id=aa) ModuleNotFoundError: No module named 'mmbench'"
    )
    assert "10.0.0.7" in _without_mmbench("mmbench", told)
    assert packages()["mmbench"] in _without_mmbench("mmbench", "")
