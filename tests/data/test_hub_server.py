"""Datasets that are fetched from a hub on this machine: pins, other owners, terms, what was begun, and no network at all."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from helpers import Ended, mmbench
from shards import shard

pytestmark = pytest.mark.slow
pytest.importorskip("datasets")
COMMIT = "c0ffee" + "0" * 34
TASK = """
from mmbench.data import Distribution, Fields, Hub, questions_of
from mmbench_tasks.vqa import VqaCard

task = VqaCard(
    name="vqa/toy", description="a toy", licence="CC0-1.0", citation="nobody", revision="1",
    source=Distribution(
        rows_of=questions_of,
        hub=Hub(id="new/toy", also=("old/toy",), revision="c0ffee" + "0" * 34, splits={"test": "validation"}),
        fields=Fields(id="id", question="question", answer="answer", image="image"),
    ),
)
"""


@dataclass
class FakeHub:
    """Serves a folder as a dataset of some owner; everybody else has none."""

    folder: Path
    owner: str = "new"
    refusal: tuple[int, str] | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def do_GET(self) -> None:
        hub, path = self.hub, self.path.partition("?")[0]
        hub.asked.append(f"{self.command} {path}")
        if hub.refusal:
            self.reply(hub.refusal[0], b"{}", {"X-Error-Code": hub.refusal[1], "X-Error-Message": hub.refusal[1]})
        elif path == f"/api/datasets/{hub.owner}/toy/revision/{COMMIT}":
            files = [p for p in sorted(hub.folder.rglob("*")) if p.is_file()]
            listed = [{"rfilename": p.relative_to(hub.folder).as_posix(), "size": p.stat().st_size} for p in files]
            self.reply(200, json.dumps({"id": f"{hub.owner}/toy", "sha": COMMIT, "siblings": listed}).encode(), {})
        elif path.startswith(prefix := f"/datasets/{hub.owner}/toy/resolve/{COMMIT}/"):
            data = (hub.folder / path.removeprefix(prefix)).read_bytes()
            self.reply(200, data, {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT})
        else:
            self.reply(404, b"", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815 - the name that the base class looks for

    def reply(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    folder = tmp_path / "files"
    for split, colours in (("train", [8]), ("validation", [1, 2])):
        columns = {"question": ["?"] * len(colours), "answer": ["x"] * len(colours)}
        shard(folder / "data" / f"{split}-00000-of-00001.parquet", colours, **columns)
    found = FakeHub(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": found}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    server.shutdown()
    server.server_close()


def run(hub: FakeHub, tmp_path: Path, *arguments: str, **extra: str) -> Ended:
    (tmp_path / "toy.py").write_text(TASK)
    online = {
        "HF_HUB_OFFLINE": "0",
        "HF_DATASETS_OFFLINE": "0",
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(tmp_path / "home"),
    }
    return mmbench(*arguments, folder=tmp_path, **{**online, **extra})


def test_a_split_is_fetched_once_and_then_needs_no_network(hub: FakeHub, tmp_path: Path) -> None:
    ended = run(hub, tmp_path, "data", "fetch", "toy.py:task", "--json")
    assert ended.code == 0, ended.err
    assert ended.document()["revision"] == COMMIT
    assert not any("train" in path for path in hub.asked), "of other splits nothing is fetched"
    hub.asked.clear()
    ended = run(hub, tmp_path, "run", "--model", "oracle", "--tasks", "toy.py:task", "--offline", "--json")
    assert ended.code == 0, ended.err
    assert ended.document()["metrics"][0]["value"] == 1
    assert f"read from new/toy at {COMMIT}" in ended.err
    assert hub.asked == []


def test_a_former_owner_is_asked_where_the_new_one_has_nothing(hub: FakeHub, tmp_path: Path) -> None:
    hub.owner = "old"
    ended = run(hub, tmp_path, "data", "fetch", "toy.py:task", "--json")
    assert ended.code == 0, ended.err
    assert ended.document()["repository"] == "old/toy"


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((401, "GatedRepo"), "accept its terms at"),
        ((404, "RevisionNotFound"), "has no revision c0ffee"),
        ((404, "RepoNotFound"), "there is no dataset new/toy"),
        ((500, "Broken"), "new/toy cannot be fetched"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(refusal: tuple[int, str], words: str, hub: FakeHub, tmp_path: Path) -> None:
    hub.refusal = refusal
    run(hub, tmp_path, "run", "--model", "oracle", "--tasks", "toy.py:task").refused(2, words)
    assert not (tmp_path / "results").exists()


def test_where_the_network_is_forbidden_no_socket_is_opened(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "def guard(event, args):\n"
        "    if event.startswith(('socket.connect', 'socket.getaddrinfo', 'socket.bind')):\n"
        "        open('opened.txt', 'a').write(event)\n"
        "sys.addaudithook(guard)\n"
    )
    asked = ("run", "--model", "oracle", "--tasks", "toy.py:task", "--offline")
    run(hub, tmp_path, *asked, PYTHONPATH=str(tmp_path)).refused(2, "new/toy is not on this machine")
    assert hub.asked == []
    assert not (tmp_path / "opened.txt").exists()
    assert run(hub, tmp_path, "data", "fetch", "toy.py:task", PYTHONPATH=str(tmp_path)).code == 0
    assert (tmp_path / "opened.txt").exists(), "the guard sees sockets"
