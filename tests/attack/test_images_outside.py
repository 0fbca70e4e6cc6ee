"""Data files of strangers: only what decodes as an image is sent, and only from where the user said."""

import base64
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended, lines, only_run, write_model, write_picture, write_rows
from hostile import OK, HostileServer, answer

SECRET = b"root:x:0:0:root:/root:/bin/bash\n"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder of data, and beside it a secret and an image that belong to somebody else."""
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "passwd").write_bytes(SECRET)
    write_picture(tmp_path / "private" / "photo.png", (1, 2, 3))
    write_picture(tmp_path / "data" / "images" / "own.png", (9, 9, 9))
    return tmp_path


def questions(folder: Path, *images: str) -> Path:
    rows = [{"id": f"q{n}", "image": each, "question": "?", "answer": "red"} for n, each in enumerate(images)]
    return write_rows(folder / "mine.jsonl", rows)


def sent(server: HostileServer) -> list[bytes]:
    return [
        base64.b64decode(each) for body in server.requests for each in re.findall(rb"base64,([A-Za-z0-9+/=]+)", body)
    ]


def ask(call: Callable[..., Ended], data: Path, *more: str | Path) -> tuple[Ended, HostileServer]:
    with HostileServer(lambda connection, _: connection.sendall(answer(OK))) as server:
        arguments = ["-t", "vqa", "--data", data, "--base-url", server.url, "--retries", "0", *more]
        return call("run", "-m", "openai/m", *arguments), server


@pytest.mark.parametrize("how", ["link", "folder link", "dots", "absolute", "link to a link"])
def test_an_image_that_lies_elsewhere_is_not_sent(how: str, world: Path, call: Callable[..., Ended]) -> None:
    images, photo = world / "data" / "images", world / "private" / "photo.png"
    name = "trap.png"
    if how == "link":
        (images / name).symlink_to(photo)
    elif how == "folder link":
        (images / "sub").symlink_to(world / "private")
        name = "sub/photo.png"
    elif how == "link to a link":
        (images / "one.png").symlink_to(photo)
        (images / name).symlink_to("one.png")
    else:
        name = "../../private/photo.png" if how == "dots" else str(photo)
    data = questions(world / "data", "own.png", name)
    ended, server = ask(call, data)
    ended.refused(2, "--images", "outside-images")
    assert server.requests == []
    for allowed in (["--images", str(world / "private")], ["--allow", "outside-images"]):
        ended, server = ask(call, data, *allowed)
        assert ended.code == 0, ended.err
        assert len(sent(server)) == 2
        assert set(sent(server)) == {photo.read_bytes(), (images / "own.png").read_bytes()}
        for run in (world / "results" / "runs").iterdir():
            run.rename(world / f"kept-{run.name}-{allowed[0].strip('-')}")


@pytest.mark.parametrize("allowed", [[], ["--allow", "outside-images"]])
def test_what_is_no_image_is_never_sent(allowed: list[str], world: Path, call: Callable[..., Ended]) -> None:
    images = world / "data" / "images"
    (images / "text.png").write_bytes(SECRET)
    (images / "begins.png").write_bytes((images / "own.png").read_bytes()[:16] + SECRET)
    if allowed:
        (images / "link.png").symlink_to(world / "private" / "passwd")
    names = [path.name for path in images.iterdir()]
    ended, server = ask(call, questions(world / "data", *names), *allowed)
    assert ended.code == 4, ended.err
    assert set(sent(server)) == {(images / "own.png").read_bytes()}
    assert not any(SECRET in body for body in server.requests)


def test_a_model_of_this_machine_may_read_them(world: Path, call: Callable[..., Ended]) -> None:
    (world / "data" / "images" / "trap.png").symlink_to(world / "private" / "photo.png")
    write_model(
        world,
        "class M:\n    def generate(self, requests):\n        return [str(r.images[0].load().size) for r in requests]\n",
    )
    ended = call("run", "-m", "mymodel", "-t", "vqa", "--data", questions(world / "data", "trap.png"))
    assert ended.code == 0, ended.err
    assert [line.output for line in lines(only_run(world / "results" / "runs"))] == ["(8, 8)"]


def test_a_data_file_behind_a_link_owns_the_folder_that_it_lies_in(world: Path, call: Callable[..., Ended]) -> None:
    """The folder is resolved first: a link to a folder of data is no way out of it."""
    (world / "shortcut").symlink_to(world / "data")
    questions(world / "data", "own.png")
    ended, server = ask(call, world / "shortcut" / "mine.jsonl")
    assert ended.code == 0, ended.err
    assert len(sent(server)) == 1


def test_a_folder_that_is_none_is_a_sentence(world: Path, call: Callable[..., Ended]) -> None:
    ended, _ = ask(call, questions(world / "data", "own.png"), "--images", "nowhere")
    ended.refused(2, "nowhere")
    ended, _ = ask(call, questions(world / "data", "own.png"), "--allow", "outside")
    ended.refused(2, "outside-images")


def snapshot(world: Path, blobs: str = "") -> Path:
    """A dataset as the hub's cache has it: the files of a revision are links to blobs, or blobs are a link elsewhere."""
    repo = world / "hub" / "datasets--owner--name"
    files = questions(world / "data", "own.png"), world / "data" / "images" / "own.png"
    (repo / "snapshots" / "abc" / "images").mkdir(parents=True)
    if blobs:
        (repo / "blobs").symlink_to(world / blobs)
    else:
        (repo / "blobs").mkdir()
    for number, file in enumerate(files):
        blob = file if blobs else file.rename(repo / "blobs" / str(number))
        place = repo / "snapshots" / "abc" / file.relative_to(world / "data")
        place.symlink_to(Path(os.path.relpath(repo / "blobs" / blob.name, place.parent)))
    return repo / "snapshots" / "abc"


@pytest.mark.parametrize("given", [".", "mine.jsonl"])
def test_the_images_of_a_snapshot_in_the_cache_of_the_hub_are_its_own(
    given: str, world: Path, call: Callable[..., Ended]
) -> None:
    folder = snapshot(world)
    (world / "home").symlink_to(world / "hub")
    data = world / "home" / folder.relative_to(world / "hub") / given
    ended, server = ask(call, data)
    assert ended.code == 0, ended.err
    assert len(sent(server)) == 1
    (folder / "images" / "trap.png").symlink_to(world / "private" / "photo.png")
    (folder / "mine.jsonl").unlink()
    ended, server = ask(call, questions(folder, "own.png", "trap.png"))
    ended.refused(2, "trap.png", "--images")
    assert server.requests == []


def test_a_folder_that_only_looks_like_the_cache_of_the_hub_leads_nowhere(
    world: Path, call: Callable[..., Ended]
) -> None:
    folder = snapshot(world, blobs="private")
    (folder / "mine.jsonl").unlink()
    (folder / "images" / "own.png").unlink()
    (folder / "images" / "own.png").symlink_to("../../../blobs/photo.png")
    ended, server = ask(call, questions(folder, "own.png"))
    ended.refused(2, "--images")
    assert server.requests == []
