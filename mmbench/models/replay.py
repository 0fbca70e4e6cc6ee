"""Answers made elsewhere: a file of predictions stands in for the model."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from mmbench.core.errors import DataError, UsageError
from mmbench.core.model import MODALITIES
from mmbench.core.requests import Choose, Generate, Request
from mmbench.core.responses import Generation, Usage

_ID_FIELDS = ("id", "sample_id", "question_id", "image_id")
_TEXT_FIELDS = ("prediction", "output", "answer", "response", "caption")


class Replay:
    """Answer from a predictions file: JSON Lines, JSON or CSV with `id` and `prediction`, or a run's responses.jsonl.

    Predictions are found by sample id, or by request id (``task/sample/n``). A sample without a prediction is an
    error of that sample, never an empty answer.
    """

    version = "1"
    modalities = MODALITIES

    def __init__(self, file: str) -> None:
        self.file = file
        self._predictions: dict[str, Any] = {}

    @classmethod
    def weights_digest(cls, file: str) -> str:
        """sha256 of the file. Raises `UsageError` when it cannot be read."""
        return hashlib.sha256(_read(file)).hexdigest()

    def open(self) -> None:
        """Read the file. Raises `DataError` naming the line that is broken."""
        self._predictions = dict(_rows(Path(self.file), _read(self.file)))

    def _find(self, request: Request) -> Any:
        for key in (request.id, request.sample_id):
            if key in self._predictions:
                return self._predictions[key]
        raise DataError(f"{self.file} has no prediction for sample {request.sample_id!r}")

    def generate(self, requests: Sequence[Generate]) -> list[Any]:
        """The predicted texts; a number stands as it is written in JSON."""
        found = [self._find(request) for request in requests]
        return [json.dumps(said) if isinstance(said, float) or type(said) is int else said for said in found]

    def choose(self, requests: Sequence[Choose]) -> list[Any]:
        """The predicted scores of the choices; a predicted text counts as 1 for that choice and 0 for the others."""
        found = [self._find(request) for request in requests]
        return [
            [float(choice == answer) for choice in request.choices] if isinstance(answer, str) else answer
            for request, answer in zip(requests, found, strict=True)
        ]


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the predictions {file}: {error.strerror or error}") from error


def _rows(path: Path, data: bytes) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    for number, row in _parse(path, data):
        key, value = _pair(path, number, row)
        if value is None:
            continue
        if key in seen:
            raise DataError(f"id {key!r} was already on line {seen[key]}", path, number)
        seen[key] = number
        yield key, value


def _parse(path: Path, data: bytes) -> Iterator[tuple[int, Any]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8: {error}") from error
    if path.suffix == ".csv":
        reader = csv.DictReader(StringIO(text, newline=""))
        for row in reader:
            yield reader.line_num, row
        return
    if path.suffix == ".json":
        try:
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise DataError(error.msg, path, error.lineno) from error
        if isinstance(document, dict):
            document = [{"id": key, "prediction": value} for key, value in document.items()]
        yield from enumerate(document if isinstance(document, list) else [document], 1)
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"not JSON: {error.msg}", path, number) from error


def _pair(path: Path, number: int, row: Any) -> tuple[str, Any]:
    if not isinstance(row, dict):
        raise DataError("expected an object with 'id' and 'prediction'", path, number)
    key = next((row[name] for name in _ID_FIELDS if row.get(name) is not None), None)
    if key is None:
        raise DataError(f"no id (one of {', '.join(_ID_FIELDS)})", path, number)
    if row.get("status") in ("error", "timeout"):
        return str(key), None
    if row.get("status") in ("refused", "truncated") and isinstance(row.get("output", ""), str):
        return str(key), _ended(row)
    value = next((row[name] for name in _TEXT_FIELDS if row.get(name) is not None), None)
    if value is None:
        raise DataError(f"no prediction (one of {', '.join(_TEXT_FIELDS)})", path, number)
    return str(key), value


def _ended(row: dict[str, Any]) -> Generation:
    """The generation of a line of a run's log that did not end by itself."""
    counts = {name: row[name] for name in ("input_tokens", "output_tokens") if isinstance(row.get(name), int)}
    reasoning = row.get("reasoning")
    return Generation(
        row.get("output") or "",
        Usage(**counts),
        refused=row["status"] == "refused",
        reasoning=reasoning if isinstance(reasoning, str) else None,
        finish_reason="length" if row["status"] == "truncated" else "unknown",
    )
