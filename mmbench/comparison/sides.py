"""What a comparison reads of a run: facts that must agree, values, and score tables, which are read when they are needed."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from mmbench.core.errors import UsageError
from mmbench.core.scores import MetricValue, ScoreTable
from mmbench.results.rundir import RunDirectory, find_run
from mmbench.results.schema import LearnedEntry, PlanFile, Recipe, RunFile, TaskEntry, TaskPerf, TaskSource, TaskStatus
from mmbench.results.view import RunView

UNSCORED = "status"
"""Name of the fact that differs where one side has no values of a task."""


class TableStore(Protocol):
    """Where the score tables of a task come from."""

    def read(self) -> Mapping[str, ScoreTable]:
        """Unit to table. Raises `NotComparableError` when the tables are missing or damaged."""

    def beside(self, other: Mapping[str, ScoreTable]) -> Mapping[str, ScoreTable]:
        """Unit to table, for a store that keeps no ids of its own: those of `other`, where it knows them to be the same.

        Raises `NotComparableError` when they are not, or what `read` raises.
        """


@dataclass(frozen=True, slots=True)
class TaskSide:
    """One task of one run, as comparisons read it."""

    name: str
    """Full name."""
    facts: Mapping[str, Any]
    """All that must agree before values are compared, by name: version, data, split, prompt, samples …"""
    status: TaskStatus
    """How far it came."""
    primary: tuple[str, ...]
    """Ids of the metrics that stand in the main table, in order."""
    metrics: Mapping[str, MetricValue]
    """Metric id to its value over all units; empty where the task is not scored."""
    recipes: Mapping[str, Recipe]
    """Metric id to how it comes from the tables; an id is absent where that is not written down."""
    perf: TaskPerf | None
    """Its speed, where it was measured."""
    learned: LearnedEntry | None
    """What the model learned before it was asked."""
    source: TaskSource
    """How to build the task again."""
    store: TableStore
    """Where its tables come from."""
    reason: str | None = None
    """Why the status is what it is, where that needs words."""

    def tables(self, beside: TaskSide | None = None) -> Mapping[str, ScoreTable]:
        """Unit to score table, read once. `beside`: the side it is compared with, which may lend its ids.

        Raises `NotComparableError` when the tables are missing, damaged, or not of the same units as those beside.
        """
        return self.store.read() if beside is None else self.store.beside(beside.store.read())


@dataclass(frozen=True, slots=True)
class Side:
    """One run directory, or one saved baseline, read."""

    label: str
    """The model's name; see `distinct` for runs that share it."""
    path: Path
    """Where it lies."""
    run: RunFile
    """``run.json``, or what the baseline kept of it."""
    tasks: Mapping[str, TaskSide]
    """Full task name to the task."""

    def to_dict(self) -> dict[str, Any]:
        """What it is, for JSON: model, label, path, seed."""
        return {"model": self.run.model.name, "label": self.label, "path": str(self.path), "seed": self.run.seed}


class StoredTables:
    """The tables of one scoring in a run directory, kept once they are read."""

    def __init__(self, directory: RunDirectory, task: str, scoring: str | None) -> None:
        self._directory = directory
        self._task = task
        self._scoring = scoring
        self._tables: Mapping[str, ScoreTable] | None = None

    def read(self) -> Mapping[str, ScoreTable]:
        """Unit to table; nothing where the task is not scored. Raises `NotComparableError`."""
        if self._tables is None:
            found = {} if self._scoring is None else self._directory.read_tables(self._task, self._scoring)
            self._tables = found
        return self._tables

    def beside(self, other: Mapping[str, ScoreTable]) -> Mapping[str, ScoreTable]:
        """As `read`: these tables have ids of their own."""
        del other
        return self.read()


def load_side(reference: str | Path, out: Path) -> Side:
    """A run by its directory, or by a name under `out`; or a file that ``mmbench baseline save`` made.

    Raises `UsageError` when there is none, `NotComparableError` when it is damaged or of a newer schema.
    """
    path = Path(reference)
    with contextlib.suppress(OSError):  # a name that is too long for a path
        if path.is_file() and path.name != "run.json":
            from mmbench.comparison.saved import load_saved

            return load_saved(path)
    directory = find_run(str(reference), out)
    view = RunView.load(directory)
    tasks = {name: _task_side(view, directory, entry) for name, entry in view.run.tasks.items()}
    return Side(view.run.model.name, directory.path, view.run, tasks)


def distinct(sides: Sequence[Side]) -> list[Side]:
    """The sides with labels that tell them apart: the model's name, with its seed or the run's folder where it must be.

    Raises `UsageError` for a run that is given twice, and for fewer than two.
    """
    if len(sides) < 2:
        raise UsageError("a comparison needs two runs: mmbench compare REFERENCE CANDIDATE")
    paths = [side.path.resolve() for side in sides]
    if twice := [side for side, path in zip(sides, paths, strict=True) if paths.count(path) > 1]:
        raise UsageError(f"{twice[0].path} is given twice; a comparison needs two different runs")
    names = [side.run.model.name for side in sides]
    seeded = [f"{side.run.model.name} (seed {side.run.seed})" for side in sides]
    labels = []
    for side, name, with_seed in zip(sides, names, seeded, strict=True):
        label = name if names.count(name) == 1 else with_seed if seeded.count(with_seed) == 1 else side.path.name
        labels.append(label)
    if len(set(labels)) < len(labels):
        labels = [str(side.path) for side in sides]
    return [replace(side, label=label) for side, label in zip(sides, labels, strict=True)]


def _task_side(view: RunView, directory: RunDirectory, entry: TaskEntry) -> TaskSide:
    scores = view.scores.get(entry.name)
    return TaskSide(
        name=entry.name,
        facts=facts_of(entry, directory.read_plan(entry.name)),
        status=entry.status,
        primary=tuple(scores.primary) if scores else (),
        metrics={value.id: value for value in scores.metrics} if scores else {},
        recipes=scores.recipes if scores else {},
        perf=view.perf.get(entry.name),
        learned=entry.learned,
        source=entry.source,
        store=StoredTables(directory, entry.name, entry.scoring),
        reason=entry.reason,
    )


def facts_of(entry: TaskEntry, plan: PlanFile | None) -> dict[str, Any]:
    """All that must agree between two runs of a task before their values are compared; a pure function of the records.

    Without a plan, only what ``run.json`` says of the task.
    """
    facts: dict[str, Any] = {
        "task version": entry.version,
        "data fingerprint": entry.fingerprint,
        "split": entry.split,
        "request kind": dict(entry.served_as),
        "task options": dict(entry.source.options),
        "number of samples": entry.n_samples,
    }
    if plan is not None:
        identity = plan.identity
        facts |= {
            "task options": dict(identity.get("options", entry.source.options)),
            "prompt": identity.get("prompt"),
            "extractor": identity.get("extractor"),
            "generation parameters": identity.get("generation"),
            "selected samples": plan.selection_digest,
        }
    return facts
