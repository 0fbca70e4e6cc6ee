"""A finished or unfinished run as readers need it: run.json with the values and speeds it points to."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mmbench.core.scores import MetricValue
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import RunFile, ScoresFile, TaskEntry, TaskPerf


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of one task of one run, with what stands beside it."""

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


@dataclass(frozen=True, slots=True)
class RunView:
    """A run, read."""

    path: Path
    """The run directory."""
    run: RunFile
    """``run.json``."""
    scores: dict[str, ScoresFile]
    """Task to its current values; tasks that are not scored are absent."""
    perf: dict[str, TaskPerf]
    """Task to its speed, where it was measured."""
    facts: Mapping[str, Hashable] | None = None
    """Task to all that must agree before values stand side by side; None where `data_key` reads it from the directory."""

    @classmethod
    def load(cls, directory: RunDirectory) -> RunView:
        """Read a run directory. Raises `NotComparableError` when a file of it is damaged or of a newer schema."""
        run = directory.read()
        scores = {
            name: directory.read_scores(name, entry.scoring)
            for name, entry in run.tasks.items()
            if entry.scoring is not None
        }
        perf = directory.read_perf()
        return cls(directory.path, run, scores, dict(perf.tasks) if perf else {})

    def rows(self, tasks: list[str] | None = None) -> list[MetricRow]:
        """Every metric of every scored task (of those named), in the order of the tasks."""
        return [
            MetricRow(
                model=self.run.model.name,
                task=name,
                metric=value,
                primary=value.id in scores.primary,
                chance=entry.chance.get(value.id),
                prior=entry.prior.get(value.id),
                seed=self.run.seed,
            )
            for name, entry, scores in self._scored(tasks)
            for value in scores.metrics
        ]

    def _scored(self, tasks: list[str] | None) -> list[tuple[str, TaskEntry, ScoresFile]]:
        names = self.run.tasks if tasks is None else [name for name in tasks if name in self.run.tasks]
        return [(name, self.run.tasks[name], self.scores[name]) for name in names if name in self.scores]
