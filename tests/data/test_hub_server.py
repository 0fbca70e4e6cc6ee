"""Datasets that are fetched from a hub on this machine: pins, other owners, terms, what was begun, and no network at all."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from helpers import Ended, mmbench
from PIL import Image
from shards import png, shard

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
    sent: int = 0
    knows_ranges: bool = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def do_GET(self) -> None:
        hub, path = self.hub, self.path.partition("?")[0]
        hub.asked.append(f"{self.command} {path}")
        wanted = self.headers.get("Range", "")
        if hub.refusal:
            self.reply(hub.refusal[0], b"{}", {"X-Error-Code": hub.refusal[1], "X-Error-Message": hub.refusal[1]})
        elif path == f"/api/datasets/{hub.owner}/toy/revision/{COMMIT}":
            files = [p for p in sorted(hub.folder.rglob("*")) if p.is_file()]
            listed = [{"rfilename": p.relative_to(hub.folder).as_posix(), "size": p.stat().st_size} for p in files]
            self.reply(200, json.dumps({"id": f"{hub.owner}/toy", "sha": COMMIT, "siblings": listed}).encode(), {})
        elif path.startswith(prefix := f"/datasets/{hub.owner}/toy/resolve/{COMMIT}/"):
            data = (hub.folder / unquote(path.removeprefix(prefix))).read_bytes()
            facts = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
            if wanted and hub.knows_ranges:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                start = int(first) if first else max(0, len(data) - int(last))
                end = min(len(data), int(last) + 1) if first and last else len(data)
                facts["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
                self.reply(206, data[start:end], facts)
            else:
                self.reply(200, data, facts)
        else:
            self.reply(404, b"", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815 - the name that the base class looks for

    def reply(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.hub.sent += len(data)
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


READ = """
import json, sys
sys.path.insert(0, ".")
from mmbench.core.card import rows_digest
from toy import task
rows = task.source.rows("test")
pixels = [list(row.image.source.load().getpixel((0, 0))) for row in rows[: int(sys.argv[1])]]
print(json.dumps([len(rows), rows_digest(rows), pixels, list(task.source.notes)]))
"""


def read_task(hub: FakeHub, tmp_path: Path, images: int, **extra: str) -> tuple[int, str, list[list[int]], list[str]]:
    """Count and digest of the rows of the task, the first pixels of some of its images, and what is told of its source."""
    (tmp_path / "toy.py").write_text(TASK.replace("task = VqaCard(", "task = card = VqaCard("))
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_DATASETS_OFFLINE": "0", "HF_ENDPOINT": hub.url, **extra}
    environment["HF_HOME"] = str(tmp_path / "home")
    command = [sys.executable, "-c", READ, str(images)]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count, digest, pixels, notes = json.loads(done.stdout)
    return count, digest, pixels, notes


def kept(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "home").rglob("*.parquet")]


def test_a_streamed_dataset_is_the_same_as_a_fetched_one(hub: FakeHub, tmp_path: Path) -> None:
    count, digest, pixels, notes = read_task(hub, tmp_path, 2, MMBENCH_STREAM="1")
    assert (count, pixels) == (2, [[1, 0, 0], [2, 0, 0]])
    assert kept(tmp_path) == []
    assert not any("train" in path for path in hub.asked)
    assert any(COMMIT in note for note in notes)
    assert read_task(hub, tmp_path, 2)[:3] == (count, digest, pixels)
    assert kept(tmp_path) != []
    hub.asked.clear()
    assert read_task(hub, tmp_path, 2, MMBENCH_STREAM="1", HF_HUB_OFFLINE="1")[:3] == (count, digest, pixels)
    assert hub.asked == [], "what was fetched is read from the cache"


def test_a_run_streams_and_another_split_is_left_alone(hub: FakeHub, tmp_path: Path) -> None:
    ended = run(hub, tmp_path, "run", "--model", "oracle", "--tasks", "toy.py:task", "--stream", "--json")
    assert ended.code == 0, ended.err
    assert ended.document()["metrics"][0]["value"] == 1
    assert kept(tmp_path) == []
    refused = run(hub, tmp_path, "run", "--model", "oracle", "--tasks", "toy.py:task", "--stream", "--offline")
    refused.refused(2, "new/toy is not on this machine")


def test_of_the_images_of_a_streamed_dataset_only_those_that_are_looked_at_are_fetched(
    hub: FakeHub, tmp_path: Path
) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    draw, rows = np.random.default_rng(0), 24
    images = []
    for _ in range(rows):
        stream = io.BytesIO()
        Image.fromarray(draw.integers(0, 256, (300, 300, 3), np.uint8)).save(stream, "PNG")
        images.append({"bytes": stream.getvalue(), "path": "a.png"})
    columns = {"id": [str(n) for n in range(rows)], "question": ["?"] * rows, "answer": ["x"] * rows}
    path = hub.folder / "data" / "validation-00000-of-00001.parquet"
    pq.write_table(pa.table({"image": images, **columns}), path, row_group_size=2)
    whole = path.stat().st_size
    found = read_task(hub, tmp_path, 1, MMBENCH_STREAM="1")
    assert (found[0], len(found[2])) == (rows, 1)
    assert hub.sent < whole / 2
    hub.knows_ranges = False  # then the whole file comes, and is cut here
    assert read_task(hub, tmp_path, 1, MMBENCH_STREAM="1")[:3] == found[:3]


def test_a_folder_of_images_on_the_hub_is_read_by_datasets(hub: FakeHub, tmp_path: Path) -> None:
    shutil.rmtree(hub.folder)
    for split, colours in (("train", [9]), ("validation", [1, 2])):
        (hub.folder / split).mkdir(parents=True)
        lines = []
        for colour in colours:
            (hub.folder / split / f"{colour}.png").write_bytes(png((colour, 0, 0)))
            lines.append({"file_name": f"{colour}.png", "id": str(colour), "question": "?", "answer": "x"})
        (hub.folder / split / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    ended = run(hub, tmp_path, "data", "fetch", "toy.py:task", "--json")
    assert ended.code == 0, ended.err
    assert ended.document()["rows"] == 2
    hub.asked.clear()
    ended = run(hub, tmp_path, "run", "--model", "oracle", "--tasks", "toy.py:task", "--offline", "--json")
    assert ended.code == 0, ended.err
    assert ended.document()["metrics"][0]["value"] == 1
    assert hub.asked == []


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_tables_of_text_on_the_hub_are_read(ending: str, hub: FakeHub, tmp_path: Path) -> None:
    shutil.rmtree(hub.folder)
    hub.folder.mkdir()
    for split, count in (("train", 1), ("validation", 3)):
        rows = [{"id": f"r{n}", "question": "?", "answer": "x"} for n in range(count)]
        text = (
            "".join(json.dumps(row) + "\n" for row in rows)
            if ending == "jsonl"
            else "id,question,answer\n" + "".join(f"r{n},?,x\n" for n in range(count))
        )
        (hub.folder / f"{split}.{ending}").write_text(text)
    ended = run(hub, tmp_path, "data", "fetch", "toy.py:task", "--json")
    assert ended.code == 0, ended.err
    assert ended.document()["rows"] == 3


def test_a_repository_without_data_is_refused_in_one_sentence(hub: FakeHub, tmp_path: Path) -> None:
    shutil.rmtree(hub.folder)
    hub.folder.mkdir()
    (hub.folder / "weights.bin").write_bytes(b"x")
    run(hub, tmp_path, "data", "fetch", "toy.py:task").refused(2, "new/toy holds no files of data")
