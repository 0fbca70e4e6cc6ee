"""Small worlds for tests: data files with pictures, models in files, and the command line in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

import mmbench as package
from mmbench.results.codec import seal
from mmbench.results.log import read_log
from mmbench.results.schema import ResponseLine

COLOURS = {"red": (220, 30, 30), "green": (30, 180, 40), "blue": (40, 60, 220), "black": (10, 10, 10)}
"""Colours of the generated pictures, which are also the closed answer set of the questions about them."""


# --- data ---


def write_picture(path: Path, colour: tuple[int, int, int], size: int = 8) -> Path:
    """A picture of one colour; `path` tells the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), colour).save(path)
    return path


def write_questions(folder: Path, n: int = 8, *, closed: bool = True, name: str = "mine.jsonl") -> Path:
    """`n` questions ``q0``, ``q1`` … about the colour of as many different pictures; the answer to ``qI`` cycles."""
    rows: list[dict[str, Any]] = []
    for i in range(n):
        colour = list(COLOURS)[i % len(COLOURS)]
        red, green, blue = COLOURS[colour]
        write_picture(folder / "images" / f"{i}.png", (red, green, (blue + i) % 256))
        row = {"id": f"q{i}", "image": f"{i}.png", "question": f"what colour is picture {i}?", "answer": colour}
        rows.append({**row, "choices": list(COLOURS)} if closed else row)
    return write_rows(folder / name, rows)


def write_captions(folder: Path, n: int = 6, each: int = 2, name: str = "captions.jsonl") -> Path:
    """`n` different pictures with `each` captions."""
    rows = []
    for i in range(n):
        write_picture(folder / "images" / f"c{i}.png", (i % 256, i // 256, 7))
        rows.append({"image": f"c{i}.png", "captions": [f"picture number {i}, take {k}" for k in range(each)]})
    return write_rows(folder / name, rows)


def write_rows(path: Path, rows: Iterable[Any]) -> Path:
    """A JSON Lines file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_model(folder: Path, source: str, name: str = "mymodel.py") -> Path:
    """A file with a model in it, younger than the one that it replaces: Python compares whole seconds and the size."""
    path = folder / name
    written = path.stat().st_mtime if path.exists() else None
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    if written is not None:
        os.utime(path, (written + 2, written + 2))
    return path


# --- models for runs in this process ---


class Colours:
    """Answers "red" to everything and remembers what it was asked; resumable, because it has a digest."""

    def __init__(self, digest: str | None = "colours") -> None:
        self.info = {"digest": digest}
        self.calls: list[list[str]] = []

    @property
    def asked(self) -> list[str]:
        """Sample ids in the order in which they were asked."""
        return [sample_id for call in self.calls for sample_id in call]

    def answer(self, request: Any) -> Any:
        """What it says to one request."""
        return "red"

    def generate(self, requests: Sequence[Any]) -> list[Any]:
        """One answer for each request."""
        self.calls.append([request.sample_id for request in requests])
        return [self.answer(request) for request in requests]


def evaluate(model: Any, data: Path, folder: Path, tasks: str = "vqa", **options: Any) -> package.RunResult:
    """Run a model of this process on a data file, below `folder`, in silence."""
    return package.run(model, tasks, data=data, out=folder / "runs", progress=False, **options)


# --- what is on disk ---


def lines(run: Path, task: str | None = None) -> list[ResponseLine]:
    """The response log of a run's task (of its only one)."""
    return list(read_log(log_of(run, task)))


def log_of(run: Path, task: str | None = None) -> Path:
    """The file of the response log."""
    if task is not None:
        return run / "tasks" / task.replace("/", "__") / "responses.jsonl"
    (log,) = run.glob("tasks/*/responses.jsonl")
    return log


def statuses(run: Path) -> dict[str, str]:
    """Sample id to the last logged status."""
    return {line.id.split("/")[-2]: line.status for line in lines(run)}


def scores_of(run: Path) -> dict[str, bytes]:
    """Every file in the folders ``scores`` of a run, hidden ones included, as bytes."""
    files = [path for folder in run.glob("tasks/*/scores") for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def only_run(out: Path) -> Path:
    """The only run directory below `out`."""
    (run,) = (path.parent for path in out.glob("*/run.json"))
    return run


def edit_json(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a JSON file in place, and the digest of a record with it."""
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    if document.get("digest") and "format" not in document:  # a baseline has another
        document["digest"] = seal(document)
    path.write_text(json.dumps(document), encoding="utf-8")


# --- the command line ---


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    """Its exit code; negative when a signal killed it."""
    out: str
    """Its standard output."""
    err: str
    """Its standard error."""

    def document(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)

    def refused(self, code: int, *words: str) -> None:
        """Assert that the command ended with this code and one sentence that holds `words`, not with a traceback."""
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        for word in words:
            assert word in self.err


def environment(**extra: str) -> dict[str, str]:
    """The environment of a child: this one's, without settings of mmbench."""
    return {**{k: v for k, v in os.environ.items() if not k.startswith("MMBENCH_")}, "COLUMNS": "200", **extra}


def mmbench(*arguments: str | Path, folder: Path, timeout: float = 120, **extra: str) -> Ended:
    """Run ``mmbench`` in a process of its own, in `folder`, with `extra` environment variables."""
    child = start(*arguments, folder=folder, **extra)
    out, err = child.communicate(timeout=timeout)
    return Ended(child.returncode, out, err)


def start(*arguments: str | Path, folder: Path, **extra: str) -> subprocess.Popen[str]:
    """Start ``mmbench`` in a process of its own and return at once."""
    return start_python("-m", "mmbench", *arguments, folder=folder, **extra)


def start_python(*arguments: str | Path, folder: Path, **extra: str) -> subprocess.Popen[str]:
    """Start Python in a process of its own and return at once. Ctrl-C reaches it although the tests may run in the background, where it is ignored."""
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment(**extra),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - it calls nothing that takes a lock
    )


def wait_until(condition: Callable[[], bool], timeout: float = 60, what: str = "it") -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout:g} s"
        time.sleep(0.001)
