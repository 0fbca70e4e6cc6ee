"""The file of ``mmbench baseline save``: its records, how it is written, and how it is read as a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from mmbench.core.errors import DamagedFileError, NewerSchemaError, NotComparableError
from mmbench.core.score_table import ScoreTable
from mmbench.results.codec import check_metric_values, digest, migrate, pretty_json, write_atomic
from mmbench.results.packing import HiddenIds, PackedTable, ids_digest, unpack_tables
from mmbench.results.run import Run, TaskResult
from mmbench.results.schema import (
    SCHEMA_VERSION,
    AskedLine,
    PlanFile,
    ResponseLine,
    RunFile,
    ScoresFile,
    StoredRecord,
    TaskPerf,
)

FORMAT = "mmbench-baseline"
"""What the file calls itself."""
BASELINE_VERSION = 1
"""Version of the records of this module; the records inside have the `SCHEMA_VERSION` of run directories."""
MAX_SIZE = 2**26
"""Bytes of a file at most; a larger one is not read."""


class SavedTask(StoredRecord, frozen=True, kw_only=True):
    """One task of a baseline."""

    plan: PlanFile
    """What was asked; its batches are left out."""
    scores: ScoresFile
    """Every value with its interval; slices are left out, since they come from the tables again."""
    perf: TaskPerf | None
    """Speed of the session in which it was asked; null where it was not measured."""
    tables: dict[str, PackedTable]
    """Unit to its scores."""


class BaselineFile(StoredRecord, frozen=True, kw_only=True):
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
    tasks = {name: _migrated(task, document["schema_version"], path) for name, task in document["tasks"].items()}
    for task in tasks.values():
        check_metric_values(task["scores"])
    return msgspec.convert({**document, "run": migrate(document["run"], path), "tasks": tasks}, BaselineFile)


def _migrated(task: dict[str, Any], version: int, path: Path) -> dict[str, Any]:
    """The records of one task, in today's schema."""
    perf = task["perf"]
    if perf is not None:
        perf = migrate({"schema_version": version, "tasks": {"": perf}}, path)["tasks"][""]
    return {**task, "plan": migrate(task["plan"], path), "scores": migrate(task["scores"], path), "perf": perf}


class _SavedStore:
    """One task of a baseline: its tables have no ids, until they are read beside tables of the same units."""

    has_ids = False

    def __init__(self, saved: SavedTask | None, path: Path) -> None:
        self._plan = saved.plan if saved else None
        self._packed = saved.tables if saved else {}
        self._path = path
        self._tables: Mapping[str, ScoreTable] | None = None

    def plan(self) -> PlanFile | None:
        return self._plan

    def tables(self) -> Mapping[str, ScoreTable]:
        """Unit to table, with `HiddenIds` and numbered clusters. Raises `NotComparableError` when they are damaged."""
        if self._tables is None:
            try:
                self._tables = unpack_tables(self._packed)
            except ValueError as error:
                raise DamagedFileError(self._path, error) from error
        return self._tables

    def tables_beside(self, other: Mapping[str, ScoreTable]) -> Mapping[str, ScoreTable]:
        """Unit to table, with the ids and clusters of `other`. Raises `NotComparableError` where those are not the same."""
        found = dict(self.tables())
        for unit, table in found.items():
            if unit in other:
                found[unit] = self._named(unit, table, other[unit])
        return found

    def _named(self, unit: str, table: ScoreTable, other: ScoreTable) -> ScoreTable:
        packed = self._packed[unit]
        if ids_digest(other.unit_ids) != packed.ids_digest:
            raise NotComparableError(
                f"{self._path} is about other units of {unit!r} than the run ({packed.n:,} against "
                f"{len(other.unit_ids):,}), or about the same in another order: save a baseline of the same samples"
            )
        if isinstance(other.unit_ids, HiddenIds):
            return table  # two baselines: the same numbers stand for the same units
        if ids_digest(other.cluster_ids) != packed.clusters_digest:
            raise NotComparableError(f"{self._path}: the clusters of {unit!r} have changed; save the baseline again")
        return replace(table, unit_ids=other.unit_ids, cluster_ids=other.cluster_ids)

    def responses(self) -> Iterator[ResponseLine]:
        return iter(())

    def asked(self) -> Sequence[AskedLine]:
        return ()


def load_saved(path: Path) -> Run:
    """Read a baseline file as a run. Raises `NotComparableError` when it is damaged or newer."""
    return as_run(read_baseline(path), path)


def as_run(file: BaselineFile, path: Path) -> Run:
    """A baseline as a run that lies at `path`."""
    tasks = {}
    for name, entry in file.run.tasks.items():
        saved = file.tasks.get(name)
        scores, perf = (saved.scores, saved.perf) if saved else (None, None)
        tasks[name] = TaskResult(entry, scores, perf, _SavedStore(saved, path))
    return Run(path, file.run, tasks, file.run.model.name)
