"""A stored run as everything that reads it sees it: its record and, task by task, values, score tables, answers, speed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from mmbench.core.errors import ShardRunError
from mmbench.core.score_table import MetricValue, ScoreTable
from mmbench.extract import version_of_today
from mmbench.results.log import read_log
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import (
    AskedLine,
    LearnedEntry,
    MetricSpec,
    ModelEntry,
    PlanFile,
    ResponseLine,
    RunFile,
    ScoresFile,
    TaskEntry,
    TaskPerf,
    TaskSource,
    TaskStatus,
)


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of one task of one run, with what guessing gets."""

    model: str
    """The model's name."""
    task: str
    """The task's full name."""
    metric: MetricValue
    """The value with its interval and counts."""
    primary: bool
    """Whether it stands in the main table."""
    chance: float | None
    """What uniform guessing is expected to get; None where undefined."""
    prior: float | None
    """What the blind `template-prior` gets; None where there is no training split."""
    seed: int = 0
    """The run's seed."""

    @property
    def id(self) -> str:
        """The metric's id with its convention."""
        return self.metric.id

    @property
    def value(self) -> float | None:
        """The value, in the metric's natural range."""
        return self.metric.value

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """Low and high end of the 95 % interval."""
        return self.metric.low, self.metric.high

    def to_dict(self) -> dict[str, Any]:
        """Flat: model, task, seed, the fields of the value, primary, chance, prior."""
        value = {field.name: getattr(self.metric, field.name) for field in fields(MetricValue)}
        own = {"primary": self.primary, "chance": self.chance, "prior": self.prior}
        return {"model": self.model, "task": self.task, "seed": self.seed, **value, **own}


class TaskStore(Protocol):
    """The place where the large parts of a task's results lie. Each is read when it is asked for.

    All methods raise `NotComparableError` for files that are missing or damaged.
    """

    has_ids: bool
    """Whether the score tables name their units; a saved baseline knows the ids by a digest alone."""

    def plan(self) -> PlanFile | None:
        """What was asked; None before there was a plan."""

    def tables(self) -> Mapping[str, ScoreTable]:
        """Unit to score table; empty where the task is not scored."""

    def tables_beside(self, other: Mapping[str, ScoreTable]) -> Mapping[str, ScoreTable]:
        """Unit to score table, named as in `other` by a store that keeps no ids and knows them to be the same."""

    def responses(self) -> Iterator[ResponseLine]:
        """The lines of the response log in order; none where the log is not kept."""

    def asked(self) -> Sequence[AskedLine]:
        """What an imported run was asked, sample by sample; empty for all others."""


@dataclass(frozen=True, eq=False)
class TaskResult:
    """One task of one run."""

    entry: TaskEntry
    """What ``run.json`` says of it."""
    scores: ScoresFile | None
    """Its current values; None where it is not scored."""
    perf: TaskPerf | None
    """Its speed; None where it was not measured."""
    store: TaskStore
    """Where its plan, score tables and answers lie."""

    @property
    def name(self) -> str:
        """Full name."""
        return self.entry.name

    @property
    def status(self) -> TaskStatus:
        """How far it came."""
        return self.entry.status

    @property
    def reason(self) -> str | None:
        """Why the status is what it is, where that needs words."""
        return self.entry.reason

    @property
    def source(self) -> TaskSource:
        """How to build the task again."""
        return self.entry.source

    @property
    def learned(self) -> LearnedEntry | None:
        """The training summary that the model reported; None for models that do not learn."""
        return self.entry.learned

    @cached_property
    def metrics(self) -> Mapping[str, MetricValue]:
        """Metric id to its value over all units; empty where the task is not scored."""
        return {value.id: value for value in self.scores.metrics} if self.scores else {}

    @property
    def primary(self) -> tuple[str, ...]:
        """Ids of the metrics that stand in the main table, in order."""
        return tuple(self.scores.primary) if self.scores else ()

    @property
    def specs(self) -> Mapping[str, MetricSpec]:
        """Metric id to how it is computed from the tables; an id is absent where that is not written down."""
        return self.scores.specs if self.scores else {}

    @property
    def slices(self) -> Mapping[str, Mapping[str, list[MetricValue]]]:
        """Slice name, then label, to the metrics over the units in that slice; a saved baseline keeps none."""
        return self.scores.slices if self.scores else {}

    @cached_property
    def stated_key(self) -> Mapping[str, Any]:
        """`comparability_key` as the run states it, with the extractor of its time; no plug-in is read for it."""
        return comparability_key(self.entry, self.store.plan())

    @cached_property
    def comparability_key(self) -> Mapping[str, Any]:
        """All that must agree before values are compared, by name: version, data, split, prompt, samples and so on.

        Where an earlier version of an extractor found an answer in every output, and today's finds what it found, today's counts.
        """
        key = dict(self.stated_key)
        extractor = key.get("extractor")
        if extractor and self.metrics and not any(value.n_unparsed for value in self.metrics.values()):
            key["extractor"] = version_of_today(extractor)
        return key

    def tables(self, beside: TaskResult | None = None) -> Mapping[str, ScoreTable]:
        """Read the score tables, once.

        Args:
            beside: The result that this one is compared with, which may lend the ids of its units.

        Returns:
            Unit to score table.

        Raises:
            NotComparableError: If the tables are missing, damaged, or of other units than those beside.
        """
        return self.store.tables() if beside is None else self.store.tables_beside(beside.store.tables())

    def responses(self) -> Iterator[ResponseLine]:
        """The lines of the response log in order, the last of a request's standing for it; none of a saved baseline."""
        return self.store.responses()

    def asked(self) -> Sequence[AskedLine]:
        """What an imported run was asked, sample by sample; empty for all others, and for a saved baseline."""
        return self.store.asked()


@dataclass(frozen=True, eq=False)
class Run:
    """One run, read from its directory or from a saved baseline."""

    path: Path
    """Where it lies."""
    record: RunFile
    """``run.json``, or what the baseline kept of it."""
    tasks: Mapping[str, TaskResult]
    """Full task name to its result."""
    label: str
    """What tables call it: the model's name, and what tells it apart where several runs share that."""

    @property
    def model(self) -> ModelEntry:
        """The model."""
        return self.record.model

    @property
    def seed(self) -> int:
        """The seed."""
        return self.record.seed

    def rows(self, tasks: Iterable[str] | None = None) -> list[MetricRow]:
        """Every metric of the tasks that are named (None: of all), in that order; tasks that the run lacks are skipped."""
        names = self.tasks if tasks is None else [name for name in tasks if name in self.tasks]
        return [
            MetricRow(
                model=self.model.name,
                task=name,
                metric=value,
                primary=value.id in task.primary,
                chance=task.entry.chance.get(value.id),
                prior=task.entry.prior.get(value.id),
                seed=self.seed,
            )
            for name, task in ((name, self.tasks[name]) for name in names)
            for value in task.metrics.values()
        ]

    def slice_rows(self, tasks: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Every value of a slice, flat: model, task, seed, the slice's name and label, the fields of the value, primary."""
        return [
            {
                "model": self.model.name,
                "task": task.name,
                "seed": self.seed,
                "slice": name,
                "label": label,
                **{field.name: getattr(value, field.name) for field in fields(MetricValue)},
                "primary": value.id in task.primary,
            }
            for task in self.tasks.values()
            if tasks is None or task.name in tasks
            for name, labels in sorted(task.slices.items())
            for label, values in sorted(labels.items())
            for value in values
        ]

    def to_dict(self) -> dict[str, Any]:
        """What it is, for JSON: model, label, path, seed."""
        return {"model": self.model.name, "label": self.label, "path": str(self.path), "seed": self.seed}


class _DirectoryStore:
    """A task in a run directory. The score tables are kept once they are read."""

    has_ids = True

    def __init__(self, directory: RunDirectory, entry: TaskEntry) -> None:
        self._directory = directory
        self._entry = entry
        self._tables: Mapping[str, ScoreTable] | None = None

    def plan(self) -> PlanFile | None:
        return self._directory.read_plan(self._entry.name)

    def tables(self) -> Mapping[str, ScoreTable]:
        if self._tables is None:
            name, scoring = self._entry.name, self._entry.scoring
            self._tables = {} if scoring is None else self._directory.read_tables(name, scoring)
        return self._tables

    def tables_beside(self, other: Mapping[str, ScoreTable]) -> Mapping[str, ScoreTable]:
        del other  # these tables have ids of their own
        return self.tables()

    def responses(self) -> Iterator[ResponseLine]:
        return read_log(self._directory.task(self._entry.name) / "responses.jsonl")

    def asked(self) -> Sequence[AskedLine]:
        return self._directory.read_asked(self._entry.name)


def read_run(directory: RunDirectory, *, shard: bool = False) -> Run:
    """Read a run directory.

    Args:
        directory: The run directory.
        shard: Whether one shard of a run will do, which has no result.

    Raises:
        NotComparableError: If a file of it is damaged or of a newer schema.
        ShardRunError: If it is a shard, and that will not do.
    """
    record = directory.read()
    if record.shard is not None and not shard:
        raise ShardRunError(directory.path, record.shard.number, record.shard.of)
    scores = {
        name: None if entry.scoring is None else directory.read_scores(name, entry.scoring)
        for name, entry in record.tasks.items()
    }
    measured = directory.read_perf()
    perf = measured.tasks if measured else {}
    tasks = {
        name: TaskResult(entry, scores[name], perf.get(name), _DirectoryStore(directory, entry))
        for name, entry in record.tasks.items()
    }
    return Run(directory.path, record, tasks, record.model.name)


def comparability_key(entry: TaskEntry, plan: PlanFile | None) -> dict[str, Any]:
    """All that must agree between two runs of a task before their values are compared; a pure function of the records.

    Without a plan, only what ``run.json`` says of the task. Answers that were chosen pass no extractor.
    """
    key: dict[str, Any] = {
        "task version": entry.version,
        "data fingerprint": entry.fingerprint,
        "split": entry.split,
        "request kind": dict(entry.served_as),
        "task options": dict(entry.source.options),
        "number of samples": entry.n_samples,
    }
    if plan is not None:
        identity, scored_by = plan.identity, entry.scored_by or plan.former_scoring
        key |= {
            "task options": {**identity.get("options", entry.source.options), **scored_by.get("options", {})},
            "prompt": identity.get("prompt"),
            "extractor": None if {*entry.served_as.values()} == {"choose"} else scored_by.get("extractor"),
            "generation parameters": identity.get("generation"),
            "selected samples": plan.selection_digest,
        }
    return key
