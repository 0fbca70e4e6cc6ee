"""Two runs, metric by metric: both values over the units that both have, and the paired difference between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.joins import Joined, Mismatch, join_tables, mismatches
from mmbench.analysis.stored_metrics import metric_for
from mmbench.analysis.variants import is_allowed
from mmbench.comparison.bounds import DifferenceBounds, detectable, difference_bounds
from mmbench.comparison.paired_metric import paired, unit_changes
from mmbench.comparison.silence import without_silent
from mmbench.core.metric import Metric
from mmbench.core.score_table import MetricValue
from mmbench.metrics.evaluate import Units, evaluate_units, read_rows, remarks_on
from mmbench.results.metric_specs import same_computation
from mmbench.results.run import Run, TaskResult
from mmbench.stats import Correction, Difference

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """One metric of one task, B against A."""

    task: str
    """Full name of the task."""
    id: str
    """The metric's id with its convention."""
    unit: str
    """What a row of its table is."""
    primary: bool
    """Whether it stands in the main table."""
    higher_is_better: bool
    """The metric's direction."""
    scale: float
    """What tables multiply values and differences by: 100 where the field shows per cent, and a difference in points."""
    a: MetricValue
    """The reference's value over the units that both have; over its own where there is no difference."""
    b: MetricValue
    """The candidate's."""
    difference: Difference
    """B minus A."""
    slice: tuple[str, str] | None = None
    """(slice name, label) where only the units of a slice are compared; None for all."""
    mde: float | None = None
    """The true difference that a comparison of these units finds 8 times in 10 (two-sided, 5 %); None without an error, and where
    none within the metric's range would be found so often."""
    changed: int = 0
    """Units whose own score is not the same, or whose row, where the metric means nothing for a single unit."""
    gained: int = 0
    """Units, among those changed, whose own score rose; of a metric without a formula, whose first column did."""
    lost: int = 0
    """Units whose own score fell."""
    only_a: int = 0
    """Units that entered A's value alone: they failed in B. They are outside the pair."""
    only_b: int = 0
    """Units that entered B's value alone."""
    neither: int = 0
    """Units that failed in both."""
    silent: tuple[int, int, int] = (0, 0, 0)
    """Units that A did not answer, that B did not, and either of them: outside the pair of a metric that is over answers alone."""
    bounds: DifferenceBounds | None = None
    """What the difference could be if truncated, unparsed, refused and failed answers were all wrong or all right; None where
    there are none, and where the metric is no plain mean over a finite range."""
    p_adjusted: float | None = None
    """The two-sided p-value corrected for the family that it is of; None for slices, and where there is no p-value."""
    family: int = 0
    """How many p-values are in that family; 0 where nothing was corrected."""
    seed_share: float | None = None
    """The share of the difference's variance that seeds add to what the samples do; None for one seed a side."""

    @property
    def better(self) -> int:
        """Units on which B did better, by the metric's direction."""
        return self.gained if self.higher_is_better else self.lost

    @property
    def worse(self) -> int:
        """Units on which B did worse."""
        return self.lost if self.higher_is_better else self.gained

    @property
    def coverage(self) -> float:
        """The share of the units that either side was asked which entered the difference, from 0 to 1."""
        total = self.difference.n + self.only_a + self.only_b + self.neither + self.silent[2]
        return self.difference.n / total if total else 0.0

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the fields, the values with all of theirs, and ``better``, ``worse`` and ``coverage``."""
        first = ("task", "id", "unit", "primary", "higher_is_better", "scale")
        then = ("mde", "changed", "better", "worse", "only_a", "only_b", "neither", "coverage")
        part = None if self.slice is None else dict(zip(("name", "label"), self.slice, strict=True))
        own = {name: getattr(self, name) for name in first}
        bounds = self.bounds and self.bounds.to_dict(self.difference)
        return {
            **own,
            "slice": part,
            **{name: msgspec.to_builtins(getattr(self, name)) for name in ("a", "b")},
            "difference": msgspec.to_builtins(self.difference.to_dict()),
            **{name: msgspec.to_builtins(getattr(self, name)) for name in (*then, "silent", "p_adjusted", "family")},
            **({} if self.seed_share is None else {"seed_share": self.seed_share}),
            "bounds": bounds,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that two runs differ in, as far as they compare."""

    a: Run
    """The reference."""
    b: Run
    """The candidate: differences are B minus A."""
    metrics: list[MetricDifference]
    """Every metric that both have, in the order of the tasks."""
    slices: list[MetricDifference]
    """The primary metrics (or those that were asked for) by slice."""
    refused: Mapping[str, list[Mismatch]]
    """Task to what keeps the two runs from being compared on it."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Task to a sentence that says which of the two lacks it, or lacks some metrics of it."""
    allowed: Mapping[str, list[Mismatch]] = field(default_factory=dict)
    """Task to what differs between the two and was allowed to."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Metric id to why its stored maker cannot compute it here; its values stand without a difference."""
    correction: Correction = "none"
    """How the p-values of each task were corrected (`mmbench.comparison.families`)."""
    seeds: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    """The seeds of either side, where several runs of each are compared as one; None for two runs."""

    @property
    def exit_code(self) -> int:
        """0, or 3 when a task was refused, a metric's maker is missing, or nothing could be compared."""
        compared = {each.task for each in self.metrics if each.difference.value is not None}
        tried = {each.task for each in self.metrics}
        return 3 if self.refused or self.unknown or not compared or tried - compared else 0

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"a", "b", "metrics": […], "slices": […], "refused": {task: […]}, "correction", …}``."""
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "metrics": [each.to_dict() for each in self.metrics],
            "slices": [each.to_dict() for each in self.slices],
            "refused": {task: [asdict(each) for each in found] for task, found in self.refused.items()},
            "allowed": {task: [asdict(each) for each in found] for task, found in self.allowed.items()},
            "missing": dict(self.missing),
            "unknown": dict(self.unknown),
            "correction": self.correction,
            **({} if self.seeds is None else {"seeds": [list(side) for side in self.seeds]}),
        }


def compare_runs(
    a: Run,
    b: Run,
    tasks: Iterable[str] | None = None,
    metrics: Mapping[str, Iterable[str]] | Iterable[str] | None = None,
    *,
    slices: bool = True,
    allow: Iterable[str] = (),
) -> Comparison:
    """Compare two runs on the tasks that both have.

    Parameters: `a`, the reference, and `b`, the candidate; `tasks`, full names, None for all; `metrics`, ids, or task to
    the ids wanted of it, where tasks that are not in it are left out, None for all; `slices`, also by slice, the primary metrics or those that were
    named; `allow`, names of `mmbench.analysis.variants.ALLOWANCES`. A task is refused, with every reason, where what
    was asked differs between the two. Raises `NotComparableError` for score tables that are missing or damaged.
    """
    names = list(dict.fromkeys([*a.tasks, *b.tasks]))
    wanted = names if tasks is None else [name for name in names if name in set(tasks)]
    ids = _by_task(metrics, wanted)
    wanted = [name for name in wanted if ids is None or name in ids]
    found: list[MetricDifference] = []
    by_slice: list[MetricDifference] = []
    refused: dict[str, list[Mismatch]] = {}
    allowed: dict[str, list[Mismatch]] = {}
    missing: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for name in wanted:
        lack = [_lacks(side, name) for side in (a, b)]
        if any(lack):
            missing[name] = "; ".join(text for text in lack if text)
            continue
        left, right = a.tasks[name], b.tasks[name]
        differs = mismatches(left, right)
        if any(not is_allowed(each, allow) for each in differs):
            refused[name] = differs
            continue
        if differs:
            allowed[name] = differs
        pair = _TaskPair(left, right, None if ids is None else ids[name])
        found += pair.metrics()
        by_slice += pair.slices() if slices else []
        if text := pair.lacking(a.label, b.label):
            missing[name] = text
        unknown |= pair.unknown()
    return Comparison(a, b, found, by_slice, refused, missing, allowed, unknown)


def _by_task(
    metrics: Mapping[str, Iterable[str]] | Iterable[str] | None, tasks: Iterable[str]
) -> dict[str, frozenset[str]] | None:
    """Task to the ids wanted of it; None for all."""
    if metrics is None:
        return None
    if isinstance(metrics, Mapping):
        return {task: frozenset(ids) for task, ids in metrics.items()}
    return dict.fromkeys(tasks, frozenset(metrics))


def _lacks(side: Run, task: str) -> str | None:
    """Why a side has nothing to compare on a task; None where it has."""
    if task not in side.tasks:
        return f"{side.label} has not run it"
    if side.tasks[task].status == "incompatible":
        return f"{side.label} cannot answer it ({side.tasks[task].reason or 'n/a'})"
    return None


class _TaskPair:
    """One task of two runs whose facts agree."""

    def __init__(self, a: TaskResult, b: TaskResult, ids: frozenset[str] | None) -> None:
        self.a, self.b = a, b
        self.ids = [name for name in a.metrics if name in b.metrics and (ids is None or name in ids)]
        self.sliced = [name for name in self.ids if ids is not None or name in a.primary]
        self.joined = join_tables(a, b)
        self._known: dict[str, tuple[Metric | None, str | None]] = {}

    def lacking(self, label_a: str, label_b: str) -> str:
        """Which metrics one of the two has alone; empty where both have the same."""
        alone = [
            (label, [name for name in own.metrics if name not in other.metrics])
            for label, own, other in ((label_b, self.a, self.b), (label_a, self.b, self.a))
        ]
        return "; ".join(f"{label} has no {', '.join(names)}" for label, names in alone if names)

    def unknown(self) -> dict[str, str]:
        """Each metric of which a stored maker, which is not here or has changed, keeps the difference from being computed."""
        made = {
            name
            for name in self.ids
            for spec in (self.a.specs.get(name), self.b.specs.get(name))
            if spec and spec.maker
        }
        reasons = {name: self._found(name) for name in self.ids if name in made}
        return {name: reason or "" for name, (metric, reason) in reasons.items() if metric is None}

    def metrics(self) -> list[MetricDifference]:
        """Every metric that both have."""
        return [self._metric(name) for name in self.ids]

    def _metric(self, name: str) -> MetricDifference:
        metric, reason = self._found(name)
        if metric is not None and (joined := self.joined.get(metric.unit)) is not None:
            return self._difference(metric, read_pair(metric, joined), joined, None)
        a, b = self.a.metrics[name], self.b.metrics[name]
        reason = reason or "the score tables of one run lack the unit of this metric"
        nothing = Difference(None, None, None, None, None, None, None, 0, 0, "none", reason)
        return MetricDifference(**self._described(name, a), a=a, b=b, difference=nothing)

    def _described(self, name: str, metric: Metric | MetricValue) -> dict[str, Any]:
        direction, primary = metric.higher_is_better, name in self.a.primary
        described = {"unit": metric.unit, "primary": primary, "higher_is_better": direction, "scale": metric.scale}
        return {"task": self.a.name, "id": name, **described}

    def _found(self, name: str) -> tuple[Metric | None, str | None]:
        if name not in self._known:
            one, other = self.a.specs.get(name), self.b.specs.get(name)
            if one is not None and other is not None and not same_computation(one, other):
                self._known[name] = None, f"the two runs compute {name} in different ways; see mmbench rescore"
            else:
                self._known[name] = metric_for(self.a if one is not None else self.b, name)
        return self._known[name]

    def slices(self) -> list[MetricDifference]:
        """The primary metrics, or those asked for, by slice."""
        found = []
        for name in self.sliced:
            metric, _ = self._found(name)
            if metric is not None and (joined := self.joined.get(metric.unit)) is not None:
                rows = read_pair(metric, joined)
                found += [self._difference(metric, rows, part, (each, label)) for each, label, part in parts_of(joined)]
        return found

    def _difference(
        self, metric: Metric, rows: tuple[Floats, Floats], joined: Joined, part: tuple[str, str] | None
    ) -> MetricDifference:
        asked = joined.n
        joined, silent = without_silent(metric, rows, joined)
        rows_a, rows_b = rows[0][joined.rows_a], rows[1][joined.rows_b]
        found = paired(metric, rows_a, rows_b, joined.clusters)
        change = unit_changes(metric, rows_a, rows_b)
        status_a, status_b = joined.status_a[joined.rows_a], joined.status_b[joined.rows_b]
        a = evaluate_units(metric, Units(rows_a, joined.clusters, status_a, remarks_on(metric, joined.a)))
        b = evaluate_units(metric, Units(rows_b, joined.clusters, status_b, remarks_on(metric, joined.b)))
        if (bounds := difference_bounds(metric, rows, joined)) is not None:
            a, b = (
                replace(value, bound_low=low, bound_high=high) for value, (low, high) in ((a, bounds.a), (b, bounds.b))
            )
        return MetricDifference(
            **self._described(str(metric.id), metric),
            slice=part,
            a=a,
            b=b,
            difference=found,
            mde=detectable(found, metric.bounds),
            changed=int(np.count_nonzero(change)),
            gained=int((change > 0).sum()),
            lost=int((change < 0).sum()),
            only_a=joined.only_a,
            only_b=joined.only_b,
            neither=joined.neither,
            silent=(*silent, asked - joined.n),
            bounds=bounds,
        )


def read_pair(metric: Metric, joined: Joined) -> tuple[Floats, Floats]:
    """What a metric reads of the whole tables of both sides, float64 [rows, d] each. Raises `PluginError`."""
    return read_rows(metric, joined.a), read_rows(metric, joined.b)


def parts_of(joined: Joined) -> list[tuple[str, str, Joined]]:
    """(slice name, label, the pair within it) of every slice, in the order of names and labels.

    A slice is what the reference's table says; what failed is counted within it.
    """
    parts = []
    for name, labels in sorted(joined.a.slices.items()):
        numbers = {label: code for code, label in enumerate(sorted(set(labels)))}
        beside = joined.b.slices.get(name, [""] * len(joined.b.unit_ids))
        codes_a = np.array([numbers[label] for label in labels], dtype=np.int64)
        codes_b = np.array([numbers.get(label, -1) for label in beside], dtype=np.int64)
        parts += [(name, each, joined.part(codes_a == code, codes_b == code)) for each, code in numbers.items() if each]
    return parts
