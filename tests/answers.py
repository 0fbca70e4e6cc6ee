"""Runs to compare, made in this process: models whose answers are known."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers import evaluate

from mmbench.results.find import load_run
from mmbench.results.run import Run


class Answers:
    """Answers from a dictionary, "red" to the rest; a None in it is a failure."""

    def __init__(self, name: str, answers: Mapping[str, Any] | None = None) -> None:
        self.info = {"name": name, "digest": name}
        self.answers = dict(answers or {})

    def generate(self, requests: Sequence[Any]) -> list[Any]:
        return [self.answers.get(request.sample_id, "red") for request in requests]


def run(folder: Path, data: Path, name: str, answers: Mapping[str, Any] | None = None, **options: Any) -> Path:
    """The directory of a run of `Answers`."""
    model = type(name, (Answers,), {})(name, answers)
    return evaluate(model, data, folder, **options).path


def side(folder: Path, data: Path, name: str, answers: Mapping[str, Any] | None = None, **options: Any) -> Run:
    """The same, read."""
    return load_run(run(folder, data, name, answers, **options), folder)


def digest_of(folder: Path) -> str:
    """Digest over the names, contents and times of all files below a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found.update(f"{path.relative_to(folder)}\0{path.stat().st_mtime_ns}\0".encode() + path.read_bytes())
    return found.hexdigest()
