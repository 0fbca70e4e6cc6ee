"""Runs of one model that differ in seed alone, as one: means, what every seed got, and how many solved the task."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from mmbench.core.errors import OptionError
from mmbench.core.scores import MetricValue
from mmbench.results.codec import canonical_json
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import LearnedEntry, TaskEntry, TaskPerf
from mmbench.results.view import RunView

SOLVED = 0.95
"""A seed counts as having solved a task from this value up, unless told otherwise."""


def checked_threshold(solved: float) -> float:
    """The threshold itself. Raises `OptionError` unless it lies from 0 to 1."""
    if not 0 <= solved <= 1:
        raise OptionError("--solved", solved, "a number from 0 to 1")
    return solved


@dataclass(frozen=True, slots=True)
class SeedRow:
    """One metric of one task of one model, over its seeds. It has no confidence interval: see `low` and `high`."""

    model: str
    """The model's name, as in `SeedGroup.label`."""
    task: str
    """The task's full name."""
    id: str
    """The metric's id with its convention."""
    primary: bool
    """Whether it stands in the main table."""
    seeds: tuple[int, ...]
    """[s] the seeds, in ascending order."""
    metrics: tuple[MetricValue | None, ...]
    """[s] what each seed got; None for a seed that was not scored."""
    chance: float | None
    """What uniform guessing is expected to get; None where undefined."""
    prior: float | None
    """What the blind `template-prior` gets; None where there is no training split."""
    threshold: float = SOLVED
    """The value from which a seed counts as having solved the task."""

    @property
    def one(self) -> MetricValue:
        """The metric of the first seed that was scored: its scale, direction and unit are those of all."""
        return next(metric for metric in self.metrics if metric is not None)

    @property
    def values(self) -> tuple[float | None, ...]:
        """[s] the value of each seed; None where there is none."""
        return tuple(metric.value if metric else None for metric in self.metrics)

    @property
    def _defined(self) -> list[float]:
        return [value for value in self.values if value is not None]

    @property
    def value(self) -> float | None:
        """The mean of the values that there are, in the metric's natural range; None where there are none."""
        return math.fsum(self._defined) / len(self._defined) if self._defined else None

    @property
    def low(self) -> float | None:
        """The smallest value of a seed: with `high` the range over seeds, which is no confidence interval."""
        return min(self._defined, default=None)

    @property
    def high(self) -> float | None:
        """The largest value of a seed."""
        return max(self._defined, default=None)

    @property
    def n(self) -> int:
        """Units that entered the values, summed over seeds."""
        return sum(metric.n for metric in self.metrics if metric)

    @property
    def n_failed(self) -> int:
        """Units that ended in an error or a time-out, summed over seeds."""
        return sum(metric.n_failed for metric in self.metrics if metric)

    @property
    def coverage(self) -> float:
        """n / (n + n_failed) over all seeds, from 0 to 1."""
        return self.n / (self.n + self.n_failed) if self.n else 0.0

    @property
    def solved(self) -> tuple[int, int] | None:
        """(seeds at or above the threshold, seeds that have a value); None where 1 is not what solving means."""
        values = self._defined
        is_share = self.one.higher_is_better and self.one.scale == 100 and all(0 <= value <= 1 for value in values)
        return (sum(value >= self.threshold for value in values), len(values)) if values and is_share else None

    @property
    def solve_rate(self) -> float | None:
        """The share of seeds at or above the threshold; None as in `solved`."""
        return self.solved[0] / self.solved[1] if self.solved else None

    def to_dict(self) -> dict[str, Any]:
        """Flat, for JSON. ``min`` and ``max`` are the range over seeds."""
        return {
            "model": self.model,
            "task": self.task,
            "id": self.id,
            "value": self.value,
            "min": self.low,
            "max": self.high,
            "seeds": list(self.seeds),
            "values": list(self.values),
            "solve_rate": self.solve_rate,
            "solved_from": self.threshold if self.solved else None,
            "n": self.n,
            "n_failed": self.n_failed,
            "n_unparsed": sum(metric.n_unparsed for metric in self.metrics if metric),
            "n_refused": sum(metric.n_refused for metric in self.metrics if metric),
            "coverage": self.coverage,
            "higher_is_better": self.one.higher_is_better,
            "unit": self.one.unit,
            "scale": self.one.scale,
            "primary": self.primary,
            "chance": self.chance,
            "prior": self.prior,
        }


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """Runs of one model that differ in seed alone; often a single one."""

    label: str
    """The model's name, and what sets it apart where several models share it."""
    runs: tuple[RunView, ...]
    """[s] the runs, in ascending order of their seeds."""
    threshold: float = SOLVED
    """The value from which a seed counts as having solved a task."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """[s] the seeds."""
        return tuple(view.run.seed for view in self.runs)

    @property
    def several(self) -> bool:
        """Whether there is more than one seed."""
        return len(self.runs) > 1

    @property
    def tasks(self) -> list[str]:
        """The tasks of all runs, in their order."""
        return list(dict.fromkeys(name for view in self.runs for name in view.run.tasks))

    def entries(self, task: str) -> list[tuple[int, TaskEntry]]:
        """(seed, entry) of the runs that have this task."""
        return [(view.run.seed, view.run.tasks[task]) for view in self.runs if task in view.run.tasks]

    def rows(self, task: str) -> list[SeedRow]:
        """Every metric of a task; empty where no seed was scored."""
        found = [{row.id: row for row in view.rows([task])} for view in self.runs]
        first = {name: row for of_run in reversed(found) for name, row in of_run.items()}
        order = dict.fromkeys(name for of_run in found for name in of_run)
        return [
            SeedRow(
                model=self.label,
                task=task,
                id=name,
                primary=first[name].primary,
                seeds=self.seeds,
                metrics=tuple(of_run[name].metric if name in of_run else None for of_run in found),
                chance=first[name].chance,
                prior=first[name].prior,
                threshold=self.threshold,
            )
            for name in order
        ]

    def slices(self, task: str) -> dict[str, dict[str, dict[str, float]]]:
        """Slice name → label → metric id → mean over the seeds that have a value there."""
        found: dict[str, dict[str, dict[str, list[float]]]] = {}
        for view in self.runs:
            scores = view.scores.get(task)
            for name, labels in (scores.slices if scores else {}).items():
                for label, metrics in labels.items():
                    place = found.setdefault(name, {}).setdefault(label, {})
                    for metric in metrics:
                        if metric.value is not None:
                            place.setdefault(metric.id, []).append(metric.value)
        return {
            name: {label: {key: math.fsum(v) / len(v) for key, v in place.items()} for label, place in labels.items()}
            for name, labels in found.items()
        }

    def perf(self, task: str) -> list[TaskPerf]:
        """The speeds of the seeds that were measured."""
        return [view.perf[task] for view in self.runs if task in view.perf]

    def learned(self, task: str) -> list[LearnedEntry]:
        """What the seeds said of their training."""
        return [entry.learned for _, entry in self.entries(task) if entry.learned is not None]


def middle(values: Iterable[float | None]) -> float | None:
    """The median of the values that there are; None where there are none."""
    found = [value for value in values if value is not None]
    return median(found) if found else None


def data_key(view: RunView, task: str) -> Hashable:
    """What two runs must share for their values of a task to stand side by side: its data, options and samples.

    Raises `NotComparableError` when the plan on disk is damaged.
    """
    if view.facts is not None:
        return view.facts[task]
    entry = view.run.tasks[task]
    plan = RunDirectory(view.path).read_plan(task)
    options = canonical_json(entry.source.options)
    return entry.version, entry.fingerprint, entry.split, options, plan.selection_digest if plan else entry.n_samples


def group_seeds(
    views: Sequence[RunView],
    tasks: Sequence[str] | None = None,
    *,
    solved: float = SOLVED,
    names_are_models: bool = False,
) -> list[SeedGroup]:
    """Put together the runs that differ in seed alone, in the order of the first of each.

    Parameters: `tasks` that matter, None for all; `solved`, the threshold of the solve rate; `names_are_models`, true
    where a name stands for one model, as within one command: a model without a digest (an object from Python) is then
    known by its name, and is never put together with another run else.
    """
    data = cache(lambda path, task: data_key(by_path[path], task))
    by_path = {view.path: view for view in views}
    groups: list[list[RunView]] = []
    model_keys: list[Hashable] = []
    for view in views:
        key = _model_key(view, names_are_models)
        for group, known in zip(groups, model_keys, strict=True):
            if known == key and _differs_in_seed(view, group, data, tasks):
                group.append(view)
                break
        else:
            groups.append([view])
            model_keys.append(key)
    ordered = [tuple(sorted(group, key=lambda view: view.run.seed)) for group in groups]
    return [SeedGroup(label, runs, solved) for label, runs in zip(_labels(ordered), ordered, strict=True)]


def _model_key(view: RunView, names_are_models: bool) -> Hashable:
    model = view.run.model
    own = model.digest or ("" if names_are_models else str(view.path))
    return model.name, own, canonical_json(model.options), view.run.mmbench_version


def _differs_in_seed(
    view: RunView, group: Sequence[RunView], data: Callable[[Path, str], Hashable], tasks: Sequence[str] | None
) -> bool:
    if view.run.seed in {member.run.seed for member in group}:
        return False
    return all(
        data(member.path, task) == data(view.path, task)
        for member in group
        for task in member.run.tasks
        if task in view.run.tasks and (tasks is None or task in tasks)
    )


def _labels(groups: Sequence[Sequence[RunView]]) -> list[str]:
    """A label for each group: the model's name, with its options or its directory where another group has the name."""
    names = [group[0].run.model.name for group in groups]
    options = [", ".join(f"{k}={v}" for k, v in sorted(group[0].run.model.options.items())) for group in groups]
    labels = []
    for name, own, group in zip(names, options, groups, strict=True):
        rivals = [other for other, its in zip(options, names, strict=True) if its == name]
        if len(rivals) == 1:
            labels.append(name)
        elif rivals.count(own) == 1:
            labels.append(f"{name} ({own or 'no options'})")
        else:
            labels.append(group[0].path.name)
    return labels
