"""Runs that differ in the value of one option: quality with its paired drop, against speed and memory."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mmbench.analysis.variants import ALLOWANCES, matched
from mmbench.comparison.differences import MetricDifference, compare_runs
from mmbench.core.ids import split_variant
from mmbench.core.score_table import MetricValue
from mmbench.results.run import Run
from mmbench.results.schema import TaskPerf

FRONTS = ("speed", "memory")
"""What quality is weighed against."""


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """One model with one value of the option, on one task."""

    model: str
    """Name of the model."""
    setting: str
    """The value, as ``quantisation=int8``."""
    task: str
    """Full name of the task, without the settings that the sweep makes variants of it by."""
    metric: MetricValue | None
    """The first primary metric; None where the run has none."""
    problem: str | None = None
    """Why there is no value, or why the run ended early; None where it ended well."""
    against_first: MetricDifference | None = None
    """The paired difference to the first value of the option; None for the first itself, and where none can be computed."""
    not_paired: str | None = None
    """Why there is no difference to the first; None where there is one, and for the first itself."""
    perf: TaskPerf | None = None
    """Figures of speed and memory; None where nothing was measured."""
    weights_bytes: int | None = None
    """Bytes that the weights take as they were loaded, as the model says; None where it does not."""
    fronts: tuple[str, ...] = ()
    """Which of `FRONTS` it lies on: no other value has quality at least as high at less time or memory."""

    @property
    def drop(self) -> tuple[float, float | None, float | None] | None:
        """(value, low, high) of what is lost against the first value, in the metric's natural range; positive is worse."""
        found = self.against_first
        if found is None or found.difference.value is None:
            return None
        value, low, high = found.difference.value, found.difference.low, found.difference.high
        if not found.higher_is_better:
            return value, low, high
        return -value, None if high is None else -high, None if low is None else -low

    @property
    def quality(self) -> float | None:
        """The metric's value, turned so that more is better; None where there is none."""
        if self.metric is None or self.metric.value is None:
            return None
        return self.metric.value if self.metric.higher_is_better else -self.metric.value

    @property
    def samples_per_s(self) -> float | None:
        """Samples a second, where the figure may be quoted."""
        return self.measured_per_s if self.speed_is_valid else None

    @property
    def measured_per_s(self) -> float | None:
        """Samples a second, also where the figure must not be quoted."""
        return None if self.perf is None else self.perf.value("samples_per_s")

    @property
    def speed_is_valid(self) -> bool:
        """Whether figures of speed may be quoted; False where nothing was measured."""
        quality = None if self.perf is None else self.perf.quality
        return quality is not None and quality.valid

    @property
    def energy_j(self) -> float | None:
        """Joules of the GPU for each request; None where they were not measured."""
        return None if self.perf is None else self.perf.value("gpu_energy_per_request")

    @property
    def gpu_bytes(self) -> int | None:
        """Peak memory of the GPU; None where none was used."""
        return self._bytes("gpu_allocated")

    @property
    def process_bytes(self) -> int | None:
        """Peak memory of the process, in which the runs of a sweep are made one after the other."""
        return self._bytes("peak_memory")

    def _bytes(self, figure: str) -> int | None:
        value = None if self.perf is None else self.perf.value(figure)
        return None if value is None else int(value)

    @property
    def memory_bytes(self) -> int | None:
        """What it takes to run it: peak memory of the GPU, or the weights where no GPU was used."""
        return self.weights_bytes if self.gpu_bytes is None else self.gpu_bytes

    def to_dict(self) -> dict[str, Any]:
        """Flat, for JSON."""
        metric, drop = self.metric, self.drop or (None, None, None)
        return {
            "model": self.model,
            "setting": self.setting,
            "task": self.task,
            "metric": metric.id if metric else None,
            "value": metric.value if metric else None,
            "low": metric.low if metric else None,
            "high": metric.high if metric else None,
            "drop": drop[0],
            "drop_low": drop[1],
            "drop_high": drop[2],
            "p": self.against_first.difference.p_value if self.against_first else None,
            "not_paired": self.not_paired,
            "samples_per_s": self.samples_per_s,
            "gpu_bytes": self.gpu_bytes,
            "process_bytes": self.process_bytes,
            "weights_bytes": self.weights_bytes,
            "energy_j_per_request": self.energy_j,
            "fronts": list(self.fronts),
            "problem": self.problem,
        }


def sweep_points(swept: Sequence[tuple[str, Mapping[str, Run], Mapping[str, str]]]) -> list[SweepPoint]:
    """Put the runs of a sweep side by side.

    Args:
        swept: For each value of the option (its label, model to run, model to what ended its run early or kept it from being
            planned; the model is empty where a problem concerns all of them).

    Returns:
        Model by model, task by task, in the order of the values. Differences are to the first value that has a result.
    """
    models = list(dict.fromkeys(name for _, runs, _ in swept for name in runs))
    found: list[SweepPoint] = []
    for model in models:
        own = [runs.get(model) for _, runs, _ in swept]
        shared = set.intersection(*(set(run.tasks) for run in own if run is not None))
        for task in dict.fromkeys(_name(name, shared) for run in own if run is not None for name in run.tasks):
            points = [
                _point(model, label, task, _renamed(run, shared), problems.get(model) or problems.get(""))
                for (label, _, problems), run in zip(swept, own, strict=True)
            ]
            found += _with_fronts(_paired(points, own))
    return found


def _name(name: str, shared: Container[str]) -> str:
    """The name by which a task stands in the table: its own where all runs have it, else without its settings."""
    return name if name in shared else split_variant(name)[0]


def _renamed(run: Run | None, shared: Container[str]) -> Run | None:
    if run is None:
        return None
    return replace(run, tasks={_name(name, shared): result for name, result in run.tasks.items()})


def _point(model: str, label: str, task: str, run: Run | None, problem: str | None) -> SweepPoint:
    result = run.tasks.get(task) if run is not None else None
    primary = next((name for name in result.primary if name in result.metrics), None) if result is not None else None
    weights = run.record.model.settings.get("weights_bytes") if run is not None else None
    metric = result.metrics[primary] if result is not None and primary is not None else None
    if result is not None and (metric is None or metric.value is None):
        problem = problem or result.reason or (metric.reason if metric is not None else None) or result.status
    return SweepPoint(
        model,
        label,
        task,
        metric,
        problem,
        perf=result.perf if result is not None else None,
        weights_bytes=weights if isinstance(weights, int) else None,
    )


def _paired(points: Sequence[SweepPoint], runs: Sequence[Run | None]) -> list[SweepPoint]:
    """The points with their differences to the first that has a value."""
    first = next((place for place, point in enumerate(points) if point.quality is not None), None)
    return [
        replace(point, **_difference(points[first], runs[first], runs[place]))
        if first is not None and point.quality is not None and place != first
        else point
        for place, point in enumerate(points)
    ]


def _difference(first: SweepPoint, a: Run | None, b: Run | None) -> dict[str, Any]:
    if a is None or b is None or first.metric is None:
        return {}
    left, right = matched(a, b)
    compared = compare_runs(left, right, metrics=[first.metric.id], slices=False, allow=ALLOWANCES)
    names = (first.task, split_variant(first.task)[0])
    found = next((each for each in compared.metrics if each.task in names), None)
    if found is not None and found.difference.value is not None:
        return {"against_first": found}
    refused = next((each for name, each in compared.refused.items() if name in names), None)
    if refused:
        return {"not_paired": f"{refused[0].field} differs"}
    return {"not_paired": found.difference.reason if found is not None else "the two runs share no result"}


def _with_fronts(points: Sequence[SweepPoint]) -> list[SweepPoint]:
    speed = front([(point.quality, point.samples_per_s) for point in points])
    memory = front([(p.quality, None if p.memory_bytes is None else -p.memory_bytes) for p in points])
    return [
        replace(point, fronts=tuple(name for name, on in zip(FRONTS, each, strict=True) if on))
        for point, each in zip(points, zip(speed, memory, strict=True), strict=True)
    ]


def front(points: Sequence[tuple[float | None, float | None]]) -> list[bool]:
    """Which points no other point dominates: at least as good in both, and better in one.

    Args:
        points: Pairs in which more is better; None: unknown, such a point is on no front.

    >>> front([(0.9, 10.0), (0.8, 20.0), (0.7, 15.0), (0.8, None)])
    [True, True, False, False]
    """
    known = [(q, v) for q, v in points if q is not None and v is not None]
    return [
        q is not None and v is not None and not any(a >= q and b >= v and (a, b) != (q, v) for a, b in known)
        for q, v in points
    ]
