"""Runs of one model that differ in seed alone, as one: means, what every seed got, and how many solved the task."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from mmbench.core.errors import OptionError
from mmbench.core.score_table import MetricValue
from mmbench.results.codec import canonical_json
from mmbench.results.run import Run, TaskResult
from mmbench.results.schema import LearnedEntry, TaskPerf

Key = Callable[[TaskResult], Hashable]
"""What results must share to stand beside each other."""

SOLVED = 0.95
"""A seed counts as having solved a task from this value up, unless told otherwise."""


LEAST_COVERAGE = 0.95
"""A model with less of a task's samples than this has no rank there: it would take the samples from all others."""


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
    def n_truncated(self) -> int:
        """Units, among n, whose output was cut off, summed over seeds."""
        return sum(metric.n_truncated for metric in self.metrics if metric)

    @property
    def n_unparsed(self) -> int:
        """Units, among n, whose output held no answer, summed over seeds."""
        return sum(metric.n_unparsed for metric in self.metrics if metric)

    @property
    def n_refused(self) -> int:
        """Units, among n, that the model declined to answer, summed over seeds."""
        return sum(metric.n_refused for metric in self.metrics if metric)

    @property
    def bound_low(self) -> float | None:
        """The mean over seeds of `MetricValue.bound_low`; None where a seed that was scored has none."""
        return _mean([metric.bound_low for metric in self.metrics if metric])

    @property
    def bound_high(self) -> float | None:
        """The mean over seeds of `MetricValue.bound_high`; None as for `bound_low`."""
        return _mean([metric.bound_high for metric in self.metrics if metric])

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
            "n_truncated": self.n_truncated,
            "n_unparsed": self.n_unparsed,
            "n_refused": self.n_refused,
            "coverage": self.coverage,
            "bound_low": self.bound_low,
            "bound_high": self.bound_high,
            "higher_is_better": self.one.higher_is_better,
            "unit": self.one.unit,
            "scale": self.one.scale,
            "primary": self.primary,
            "chance": self.chance,
            "prior": self.prior,
        }


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean; None where a value is missing, or all are."""
    found = [value for value in values if value is not None]
    return math.fsum(found) / len(found) if found and len(found) == len(values) else None


def data_key(result: TaskResult) -> Hashable:
    """What results must share to stand in one table: version, data, split, options and samples of the task.

    Raises `NotComparableError` when the plan on disk is damaged.
    """
    key = result.comparability_key
    samples = key.get("selected samples", key["number of samples"])
    options = canonical_json(result.source.options)
    return key["task version"], key["data fingerprint"], key["split"], options, samples


def question_key(result: TaskResult) -> Hashable:
    """What results must share to be ranked together: all that must agree but the kind of request.

    Raises `NotComparableError` when the plan on disk is damaged.
    """
    return canonical_json({name: value for name, value in result.comparability_key.items() if name != "request kind"})


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """Runs of one model that differ in seed alone; often a single one."""

    label: str
    """The model's name, and what sets it apart where several models share it."""
    runs: tuple[Run, ...]
    """[s] the runs, in ascending order of their seeds."""
    threshold: float = SOLVED
    """The value from which a seed counts as having solved a task."""
    key: Key = data_key
    """What results must share to stand beside each other."""

    @property
    def seeds(self) -> tuple[int, ...]:
        """[s] the seeds."""
        return tuple(run.seed for run in self.runs)

    @property
    def several(self) -> bool:
        """Whether there is more than one seed."""
        return len(self.runs) > 1

    @property
    def tasks(self) -> list[str]:
        """The tasks of all runs, in their order."""
        return list(dict.fromkeys(name for run in self.runs for name in run.tasks))

    def results(self, task: str) -> list[TaskResult]:
        """The results of the runs that have this task."""
        return [run.tasks[task] for run in self.runs if task in run.tasks]

    def scored(self, task: str) -> list[TaskResult]:
        """The results that have values."""
        return [result for result in self.results(task) if result.metrics]

    def rows(self, task: str) -> list[SeedRow]:
        """Every metric of a task; empty where no seed was scored."""
        found = [{row.id: row for row in run.rows([task])} for run in self.runs]
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
        for result in self.results(task):
            for name, labels in result.slices.items():
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
        return [result.perf for result in self.results(task) if result.perf is not None]

    def learned(self, task: str) -> list[LearnedEntry]:
        """The training summaries that the seeds reported."""
        return [result.learned for result in self.results(task) if result.learned is not None]


def is_incomplete(group: SeedGroup, task: str) -> bool:
    """Whether a model's values of a task cover less than they should: samples, seeds or the end of it are missing."""
    results, scored = group.results(task), group.scored(task)
    values = [value for result in scored for value in result.metrics.values()]
    whole = all(result.status == "complete" for result in results)
    return not whole or len(scored) < len(results) or any(value.n_failed for value in values)


def is_ranked(group: SeedGroup, task: str, metric: str) -> bool:
    """Whether a model has a value of this metric that may be ranked."""
    scored = group.scored(task)
    values = [result.metrics.get(metric) for result in scored if result.status in ("complete", "partial")]
    return 0 < len(values) == len(scored) and all(
        value is not None and value.value is not None and value.coverage >= LEAST_COVERAGE for value in values
    )


def middle(values: Iterable[float | None]) -> float | None:
    """The median of the values that there are; None where there are none."""
    found = [value for value in values if value is not None]
    return median(found) if found else None


def group_seeds(
    runs: Sequence[Run],
    tasks: Sequence[str] | None = None,
    *,
    solved: float = SOLVED,
    names_are_models: bool = False,
    key: Key = data_key,
) -> list[SeedGroup]:
    """Put together the runs that differ in seed alone, in the order of the first of each.

    Args:
        runs: The runs.
        tasks: The tasks that matter; None for all.
        solved: The threshold of the solve rate.
        names_are_models: Whether a name stands for one model, as within one command. A model without a digest (an object
            from Python) is then known by its name; otherwise it is never put together with another run.
        key: What results must share to be averaged.

    Returns:
        The groups, with labels that tell them apart.
    """
    groups: list[list[Run]] = []
    model_keys: list[Hashable] = []
    for run in runs:
        model = _model_key(run, names_are_models)
        for group, known in zip(groups, model_keys, strict=True):
            if known == model and _differs_in_seed(run, group, tasks, key):
                group.append(run)
                break
        else:
            groups.append([run])
            model_keys.append(model)
    ordered = [tuple(sorted(group, key=lambda run: run.seed)) for group in groups]
    return [SeedGroup(label, members, solved, key) for label, members in zip(_labels(ordered), ordered, strict=True)]


def by_data(groups: Sequence[SeedGroup], task: str) -> tuple[list[list[SeedGroup]], list[SeedGroup]]:
    """The models whose values of a task may stand side by side, set by set; and those that cannot answer it."""
    sets: dict[Hashable, list[SeedGroup]] = {}
    unfit: list[SeedGroup] = []
    for group in groups:
        results = group.results(task)
        fitting = [result for result in results if result.status != "incompatible"]
        if fitting:
            sets.setdefault(group.key(fitting[0]), []).append(group)
        elif results:
            unfit.append(group)
    return list(sets.values()), unfit


def _model_key(run: Run, names_are_models: bool) -> Hashable:
    own = run.model.digest or ("" if names_are_models else str(run.path))
    return run.model.name, own, canonical_json(run.model.options), run.record.mmbench_version


def _differs_in_seed(run: Run, group: Sequence[Run], tasks: Sequence[str] | None, key: Key) -> bool:
    if run.seed in {member.seed for member in group}:
        return False
    return all(
        key(member.tasks[task]) == key(run.tasks[task])
        for member in group
        for task in member.tasks
        if task in run.tasks and (tasks is None or task in tasks)
    )


def _labels(groups: Sequence[Sequence[Run]]) -> list[str]:
    """A label for each group: the model's name, with its options or its directory where another group has the name."""
    names = [group[0].model.name for group in groups]
    options = [", ".join(f"{k}={v}" for k, v in sorted(group[0].model.options.items())) for group in groups]
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
