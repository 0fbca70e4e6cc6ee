"""The file of ``mmbench baseline save``: its records, written and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec

from mmbench.core.errors import DamagedFileError, NewerSchemaError, NotComparableError
from mmbench.results.codec import check_metric_values, digest, migrate, pretty_json, write_atomic
from mmbench.results.packing import PackedTable
from mmbench.results.schema import SCHEMA_VERSION, PlanFile, Record, RunFile, ScoresFile, TaskPerf

FORMAT = "mmbench-baseline"
"""What the file calls itself."""
BASELINE_VERSION = 1
"""Version of the records of this module; the records inside have the `SCHEMA_VERSION` of run directories."""
MAX_SIZE = 2**26
"""Bytes of a file at most; a larger one is not read."""


class SavedTask(Record, frozen=True, kw_only=True):
    """One task of a baseline."""

    plan: PlanFile
    """What was asked; its batches are left out."""
    scores: ScoresFile
    """Every value with its interval; slices are left out, since they come from the tables again."""
    perf: TaskPerf | None
    """Speed of the session in which it was asked; null where it was not measured."""
    tables: dict[str, PackedTable]
    """Unit to its scores."""


class BaselineFile(Record, frozen=True, kw_only=True):
    """One run, small enough to be kept in git: one JSON document."""

    format: Literal["mmbench-baseline"]
    """Always ``mmbench-baseline``."""
    version: int
    """`BASELINE_VERSION` of the writer."""
    schema_version: int
    """`SCHEMA_VERSION` of the writer."""
    digest: str
    """sha256 over all other fields as canonical JSON; a file that does not match it is refused."""
    run: RunFile
    """``run.json`` of the run: model, digest, options, seed, tasks, what was learned, packages, machine. Of paths only the
    last part is kept."""
    tasks: dict[str, SavedTask]
    """Full task name to what is kept of it."""


def write_baseline(path: Path, run: RunFile, tasks: dict[str, SavedTask]) -> BaselineFile:
    """Write a baseline, replacing the file as a whole. Raises `RunFailedError`."""
    document = BaselineFile(
        format="mmbench-baseline",
        version=BASELINE_VERSION,
        schema_version=SCHEMA_VERSION,
        digest="",
        run=run,
        tasks=tasks,
    )
    document = msgspec.structs.replace(document, digest=_digest(msgspec.to_builtins(document)))
    write_atomic(path, pretty_json(document))
    return document


def _digest(document: dict[str, Any]) -> str:
    return digest({name: value for name, value in document.items() if name != "digest"})


def read_baseline(path: Path) -> BaselineFile:
    """Read a baseline strictly.

    Raises `NotComparableError` when it cannot be read, is no baseline, is damaged, or is newer than this mmbench knows.
    """
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MAX_SIZE else b""
    except OSError as error:
        raise NotComparableError(f"cannot read {path}: {error.strerror or error}") from error
    if size > MAX_SIZE:
        raise NotComparableError(f"{path} is no baseline: it has {size:,} bytes, and at most {MAX_SIZE:,} are read")
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotComparableError(f"{path} is no baseline, or a damaged one: {error}") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise NotComparableError(f"{path} is no baseline: `mmbench baseline save RUN FILE` makes one")
    try:
        return _decode(document, path)
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(path, error) from error


def _decode(document: dict[str, Any], path: Path) -> BaselineFile:
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise msgspec.ValidationError(f"version is {version!r}")
    if version > BASELINE_VERSION:
        raise NewerSchemaError(path, version, BASELINE_VERSION)
    migrate({"schema_version": document.get("schema_version")}, path)
    if document.get("digest") != _digest(document):
        raise DamagedFileError(path, "its content does not match its digest. Save the baseline again.")
    tasks = {
        name: {**task, "plan": migrate(task["plan"], path), "scores": migrate(task["scores"], path)}
        for name, task in document["tasks"].items()
    }
    for task in tasks.values():
        check_metric_values(task["scores"])
    return msgspec.convert({**document, "run": migrate(document["run"], path), "tasks": tasks}, BaselineFile)
