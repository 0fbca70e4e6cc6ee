"""Baselines in one small file: what may be saved, and the file read back as a side of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from mmbench.comparison.sides import Side, TaskSide, facts_of, load_side
from mmbench.core.errors import DamagedFileError, NotComparableError, UsageError
from mmbench.core.scores import ScoreTable
from mmbench.results.packing import HiddenIds, PackedTable, ids_digest, pack_table, unpack_tables
from mmbench.results.rundir import RunDirectory, find_run, make_folder
from mmbench.results.saved import BaselineFile, SavedTask, read_baseline, write_baseline
from mmbench.results.schema import RunFile, TaskEntry

_PATH_OPTIONS = ("checkpoints", "cache")
"""Options of a run that name folders of the machine, and no part of what was asked."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save did."""

    before: Side | None
    """The baseline that the file held; None for a new file."""
    after: Side
    """The baseline that it holds."""


class PackedTables:
    """The tables of one task of a baseline: without ids, until they are read beside tables of the same units."""

    def __init__(self, packed: Mapping[str, PackedTable], path: Path) -> None:
        self._packed = packed
        self._path = path
        self._tables: Mapping[str, ScoreTable] | None = None

    def read(self) -> Mapping[str, ScoreTable]:
        """Unit to table, with `HiddenIds` and numbered clusters. Raises `NotComparableError` when they are damaged."""
        if self._tables is None:
            try:
                self._tables = unpack_tables(self._packed)
            except ValueError as error:
                raise DamagedFileError(self._path, error) from error
        return self._tables

    def beside(self, other: Mapping[str, ScoreTable]) -> Mapping[str, ScoreTable]:
        """Unit to table, with the ids and clusters of `other`. Raises `NotComparableError` where those are not the same."""
        found = dict(self.read())
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


def load_saved(path: Path) -> Side:
    """A baseline file as a side of a comparison. Raises `NotComparableError` when it is damaged or newer."""
    return _side(read_baseline(path), path)


def _side(file: BaselineFile, path: Path) -> Side:
    tasks = {name: _task_side(file, name, entry, path) for name, entry in file.run.tasks.items()}
    return Side(file.run.model.name, path, file.run, tasks)


def _task_side(file: BaselineFile, name: str, entry: TaskEntry, path: Path) -> TaskSide:
    saved = file.tasks.get(name)
    return TaskSide(
        name=name,
        facts=facts_of(entry, saved.plan if saved else None),
        status=entry.status,
        primary=tuple(saved.scores.primary) if saved else (),
        metrics={value.id: value for value in saved.scores.metrics} if saved else {},
        recipes=saved.scores.recipes if saved else {},
        perf=saved.perf if saved else None,
        learned=entry.learned,
        source=entry.source,
        store=PackedTables(saved.tables if saved else {}, path),
        reason=entry.reason,
    )


def save_baseline(reference: str, path: Path, out: Path) -> Saved:
    """Save a run as a baseline, in place of the one that the file may hold.

    Raises `UsageError` when there is no such run, or the file cannot be written there; `NotComparableError` when the run
    is damaged, did not end well, or has a sample or a value that is missing: a baseline must be whole, and not smaller than
    the one of the same data that it replaces. The folder of the file is made where it is not there.
    """
    _check_target(path)
    directory = find_run(reference, out)
    if path.resolve().is_relative_to(directory.path.resolve()):
        raise UsageError(f"{path} lies inside the run; a baseline is a file of its own")
    side = load_side(directory.path, out)
    _check_whole(side)
    before = load_saved(path) if path.is_file() else None
    if before is not None:
        _check_size(before, side)
    tasks = {name: _saved_task(directory, side, name) for name, task in side.tasks.items() if task.metrics}
    make_folder(path.parent, "FILE")
    file = write_baseline(path, _portable(side.run), tasks)
    return Saved(before, _side(file, path))


def _check_target(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is there already and is no file: name a file, such as gates/MODEL.json")
    if path.is_file():
        try:
            read_baseline(path)
        except NotComparableError as error:
            raise NotComparableError(f"{error}. It is left as it is: remove it, or name another file") from error


def _check_whole(side: Side) -> None:
    """Refuse a run that is not complete in every task, or lacks a sample or a value."""
    run = side.run
    again = "the same command again goes on with the run"
    if run.status == "running":
        raise NotComparableError(
            f"{side.path} is no baseline: the run did not end (it was killed, or is running still); {again}"
        )
    if run.status != "complete":
        raise NotComparableError(f"{side.path} is no baseline: the run is {run.status}; {again}")
    scored = 0
    for name, task in side.tasks.items():
        if task.status == "incompatible":
            continue
        if task.status != "complete":
            raise NotComparableError(f"{side.path} is no baseline: {name} is {task.status}; {again}")
        if not task.metrics:
            raise NotComparableError(f"{side.path} is no baseline: {name} has no scores; {again}")
        scored += 1
        for value in task.metrics.values():
            _check_value(side, name, value)
    if not scored:
        raise NotComparableError(f"{side.path} is no baseline: the model could not answer any of its tasks")


def _check_size(before: Side, after: Side) -> None:
    """Refuse a run of a part of the samples (``--limit``) in place of a baseline of more samples of the same data."""
    for name, old in before.tasks.items():
        new = after.tasks.get(name)
        if not old.metrics or new is None or not new.metrics:
            continue
        same = all(old.facts.get(fact) == new.facts.get(fact) for fact in ("data fingerprint", "split"))
        had, has = old.facts["number of samples"], new.facts["number of samples"]
        if same and has < had:
            raise NotComparableError(
                f"{before.path} holds {had:,} samples of {name}, and {after.path} only {has:,} of them: run without --limit, "
                "save to another file, or remove this one first"
            )


def _check_value(side: Side, task: str, value: Any) -> None:
    where = f"{side.path} is no baseline: {task}:{value.id}"
    if value.n_failed:
        raise NotComparableError(f"{where} lacks {value.n_failed:,} samples that could not be scored")
    if value.value is None and value.id in side.tasks[task].primary:
        raise NotComparableError(f"{where} has no value: {value.reason or 'undefined'}")


def _saved_task(directory: RunDirectory, side: Side, name: str) -> SavedTask:
    entry = side.run.tasks[name]
    plan = directory.read_plan(name)
    if plan is None or entry.scoring is None:
        raise NotComparableError(f"{directory.path} is no baseline: the plan of {name} is missing")
    scores = directory.read_scores(name, entry.scoring)
    tables = side.tasks[name].tables()
    for unit, table in tables.items():
        if table.incomplete is not None:
            raise NotComparableError(f"{side.path} is no baseline: {name}, {unit}: {table.incomplete}")
    return SavedTask(
        plan=msgspec.structs.replace(plan, batches=[]),
        scores=msgspec.structs.replace(scores, slices={}),
        perf=side.tasks[name].perf,
        tables={unit: pack_table(table) for unit, table in sorted(tables.items())},
    )


def _portable(run: RunFile) -> RunFile:
    """A run's record without the folders of the machine: of paths only the last part is kept."""
    replaced = msgspec.structs.replace
    tasks = {}
    for name, entry in run.tasks.items():
        source, learned = entry.source, entry.learned
        if source.data_path is not None:
            source = replaced(source, data_path=Path(source.data_path).name)
        if learned is not None and learned.checkpoint is not None:
            learned = replaced(learned, checkpoint=Path(learned.checkpoint).name)
        tasks[name] = replaced(entry, source=source, learned=learned)
    spec = {key: value for key, value in run.spec.items() if key not in _PATH_OPTIONS}
    if isinstance(spec.get("data"), list):
        spec["data"] = [
            {**each, "path": Path(each["path"]).name} if isinstance(each, dict) and "path" in each else each
            for each in spec["data"]
        ]
    return replaced(run, tasks=tasks, spec=spec)
