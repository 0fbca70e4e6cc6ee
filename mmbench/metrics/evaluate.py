"""From a table of scores to metric values: the number, its interval, and how many units stand behind it.

The same rows give the same value and the same interval to the last bit, in whatever order and from however many shards
they come: totals are rounded once (`mmbench.stats.exact_totals`), clusters are numbered in the order of their ids, and
what a `compute` function sees is sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mmbench.core.errors import PluginError
from mmbench.core.metric import ONES, Metric
from mmbench.core.score_table import COUNTED, MetricValue, ScoreTable
from mmbench.stats import (
    ONE_CLUSTER,
    UNDEFINED,
    BootstrapMethod,
    Interval,
    bootstrap_compute,
    bootstrap_formula,
    bootstrap_interval,
    cluster_sums,
    exact_totals,
    formula_interval,
    in_order,
    mean_interval,
    no_interval,
)
from mmbench.stats.clustered import effective_clusters

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

STATUSES = ("scored", "truncated", "unparsed", "refused", "error", "skipped")
"""Every `ScoreStatus`, in the order of its code in arrays."""
_CODES = {status: code for code, status in enumerate(STATUSES)}
IS_COUNTED = np.array([status in COUNTED for status in STATUSES])
"""bool [6]: whether units of a status enter values, by its code."""
IntervalChoice = Literal["standard", "percentile", "bca"]
"""How intervals are made: ``standard``, Student's t for means and percentiles of the bootstrap for the rest;
``percentile`` and ``bca``, that bootstrap for everything."""
INTERVALS: tuple[IntervalChoice, ...] = get_args(IntervalChoice)


@dataclass(frozen=True, slots=True)
class Units:
    """What a metric reads of a table, or of some of its rows, as arrays."""

    rows: Floats
    """[n, d]"""
    clusters: Codes
    """[n] codes in the order of the cluster ids."""
    status: NDArray[np.int8]
    """[n] positions in `STATUSES`."""
    incomplete: str | None
    """What must be known to read the values; see `remarks_on`."""

    def take(self, index: Codes | NDArray[np.bool_]) -> Units:
        """The units at these positions, or where a mask of all is true."""
        return Units(self.rows[index], self.clusters[index], self.status[index], self.incomplete)


@dataclass(frozen=True, slots=True)
class IntervalMethod:
    """How the interval of a value is made.

    Raises:
        ValueError: If there is no such choice.
    """

    interval: IntervalChoice = "standard"
    """One of `INTERVALS`."""
    seed: int = 0
    """Of the bootstrap, where there is one."""

    def __post_init__(self) -> None:
        if self.interval not in INTERVALS:
            raise ValueError(f"an interval is one of {', '.join(INTERVALS)}, not {self.interval!r}")

    @property
    def kind(self) -> BootstrapMethod:
        """What is made of the bootstrap, where there is one."""
        return "bca" if self.interval == "bca" else "percentile"


_STANDARD = IntervalMethod()


def evaluate(metric: Metric, table: ScoreTable, *, seed: int = 0, interval: IntervalChoice = "standard") -> MetricValue:
    """Evaluate a metric over a table, with its 95 % interval.

    Args:
        metric: The metric.
        table: A table of its unit.
        seed: Seed of the bootstrap, where the interval comes from one.
        interval: One of `INTERVALS`.

    Returns:
        The value over the units that were scored, truncated, unparsed or refused. It is None, with a reason, where there are none or the formula
        is not finite there. ``n_failed`` counts the units whose status is ``error``; ``skipped`` units are counted nowhere.
        ``value_failed_as_zero`` exists for plain means of which higher is better.

    Raises:
        PluginError: If the table does not have what the metric reads.
        ValueError: If there is no such `interval`.

    Example:
        >>> from mmbench.metrics import accuracy
        >>> table = ScoreTable("sample", ["a", "b"], ["a", "b"], ["scored", "error"], {"accuracy": [1.0, 0.0]})
        >>> found = evaluate(accuracy(), table)
        >>> found.value, found.n, found.n_failed, found.coverage
        (1.0, 1, 1, 0.5)
    """
    return evaluate_units(metric, read_units(metric, table), IntervalMethod(interval, seed))


def evaluate_slices(
    metric: Metric, table: ScoreTable, *, seed: int = 0, interval: IntervalChoice = "standard"
) -> dict[str, dict[str, MetricValue]]:
    """Evaluate a metric over every slice of a table.

    Args:
        metric: As in `evaluate`.
        table: As in `evaluate`.
        seed: As in `evaluate`.
        interval: As in `evaluate`.

    Returns:
        Slice name → label → the value over those units alone; both sorted. The label ``""`` means that a unit is in no slice of that
        name, and is left out.

    Raises:
        PluginError: As `evaluate`.
        ValueError: As `evaluate`.
    """
    return slices_of_units(metric, read_units(metric, table), table, IntervalMethod(interval, seed))


def slices_of_units(
    metric: Metric, units: Units, table: ScoreTable, method: IntervalMethod = _STANDARD
) -> dict[str, dict[str, MetricValue]]:
    """The same, where the units of the table have been read."""
    return {
        name: {
            label: evaluate_units(metric, units.take(index), method) for label, index in _by_label(table.slices[name])
        }
        for name in sorted(table.slices)
    }


def unit_values(metric: Metric, table: ScoreTable) -> Floats:
    """Apply the formula of a metric to every unit by itself.

    Args:
        metric: A metric with a formula.
        table: A table of its unit.

    Returns:
        float64 [n], for a mean the unit's own score; NaN where that is undefined and for units outside the value.

    Raises:
        ValueError: If the metric has no formula.
        PluginError: If the table does not have what the metric reads.
    """
    if metric.formula is None:
        raise ValueError(f"metric {metric.id} has no value for a single unit")
    units = read_units(metric, table)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.asarray(metric.formula(units.rows), dtype=np.float64)
    return np.where(IS_COUNTED[units.status] & np.isfinite(values), values, np.nan)


def read_units(metric: Metric, table: ScoreTable) -> Units:
    """Read all units of a table as a metric sees them.

    Raises:
        PluginError: If the table does not have what the metric reads.
    """
    rows = read_rows(metric, table)
    if len(table.status) != len(rows) or len(table.cluster_ids) != len(rows):
        raise PluginError(f"table {table.unit!r} has {len(rows)} units, but not as many statuses and clusters")
    return Units(rows, cluster_codes(table), status_codes(table), remarks_on(metric, table))


def remarks_on(metric: Metric, table: ScoreTable) -> str | None:
    """What must be known to read values of a metric over a table: why they are incomplete, and remarks on its columns."""
    found = [table.incomplete, *(table.remarks.get(name) for name in metric.columns)]
    return "; ".join(dict.fromkeys(filter(None, found))) or None


def read_rows(metric: Metric, table: ScoreTable) -> Floats:
    """Put the columns of a metric side by side.

    Returns:
        float64 [n, d].

    Raises:
        PluginError: If the table does not have the columns.
    """
    if metric.unit != table.unit:
        raise PluginError(f"metric {metric.id} reads tables of unit {metric.unit!r}, not {table.unit!r}")
    count = len(table.unit_ids)
    parts = []
    for name in metric.columns:
        if name != ONES and name not in table.columns:
            known = ", ".join(sorted(table.columns)) or "none"
            raise PluginError(f"metric {metric.id} reads column {name!r}; the table {table.unit!r} has: {known}")
        part = np.ones(count) if name == ONES else np.asarray(table.columns[name], dtype=np.float64)
        if part.ndim not in (1, 2) or len(part) != count:
            raise PluginError(f"column {name!r} of table {table.unit!r} has shape {part.shape} for {count} units")
        parts.append(part)
    return np.column_stack(parts)


def cluster_codes(table: ScoreTable) -> Codes:
    """Number the clusters of a table in the order of their ids: int64 [n]."""
    numbers = {cluster: code for code, cluster in enumerate(sorted(set(table.cluster_ids)))}
    return np.fromiter(map(numbers.__getitem__, table.cluster_ids), np.int64, len(table.cluster_ids))


def status_codes(table: ScoreTable) -> NDArray[np.int8]:
    """Look up the status of every unit: int8 [n], positions in `STATUSES`.

    Raises:
        PluginError: If a status is not among them.
    """
    unknown = set(table.status) - _CODES.keys()
    if unknown:
        raise PluginError(f"table {table.unit!r} has a status {min(unknown)!r}; expected one of {', '.join(STATUSES)}")
    return np.fromiter(map(_CODES.__getitem__, table.status), np.int8, len(table.status))


def _by_label(labels: Sequence[str]) -> list[tuple[str, Codes]]:
    """Each label but the empty one with the positions where it stands, int64, in the order of the labels."""
    names = sorted(set(labels))
    numbers = {name: code for code, name in enumerate(names)}
    codes = np.fromiter(map(numbers.__getitem__, labels), np.int64, len(labels))
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    groups = np.split(np.argsort(codes, kind="stable"), ends[:-1])
    return [(name, group) for name, group in zip(names, groups, strict=False) if name]


def evaluate_units(metric: Metric, units: Units, method: IntervalMethod = _STANDARD) -> MetricValue:
    """The value of a metric over these units; see `evaluate`."""
    per_status = np.bincount(units.status, minlength=len(STATUSES)).tolist()
    n_failed = per_status[_CODES["error"]]
    bounds = _bounds(metric, units)
    counted = IS_COUNTED[units.status]
    if not counted.all():
        units = units.take(counted)
    n = len(units.rows)
    present, clusters = np.unique(units.clusters, return_inverse=True)
    units = Units(units.rows, clusters.astype(np.int64, copy=False), units.status, units.incomplete)

    value, code, reason = _value(metric, units)
    interval = Interval(None, None, "none")
    if value is not None:
        sizes = np.bincount(units.clusters).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            interval = _interval(metric, units, value, method).finite().warned(effective_clusters(sizes))
    codes = [*(["remark"] if units.incomplete else []), *([code] if code else []), *interval.codes]
    reasons = [text for text in (units.incomplete, reason, interval.reason, interval.warning) if text]
    return MetricValue(
        id=str(metric.id),
        value=value,
        low=interval.low,
        high=interval.high,
        n=n,
        n_failed=n_failed,
        n_unparsed=per_status[_CODES["unparsed"]],
        n_refused=per_status[_CODES["refused"]],
        coverage=n / (n + n_failed) if n + n_failed else 0.0,
        value_failed_as_zero=_failed_as_zero(metric, units.rows, n_failed),
        n_clusters=len(present),
        method=interval.method,
        higher_is_better=metric.higher_is_better,
        unit=metric.unit,
        scale=metric.scale,
        reason="; ".join(reasons) or None,
        n_truncated=per_status[_CODES["truncated"]],
        bound_low=bounds[0],
        bound_high=bounds[1],
        codes=codes,
    )


def _bounds(metric: Metric, units: Units) -> tuple[float | None, float | None]:
    """The value with every truncated, unparsed, refused and failed unit at the lower and at the upper end of the range."""
    low, high = metric.bounds
    asked = units.status != _CODES["skipped"]
    total = int(asked.sum())
    if not (metric.is_mean and metric.columns[1] == ONES) or low is None or high is None or not total:
        return None, None
    clean = units.rows[units.status == _CODES["scored"]]
    if not np.isfinite(clean).all():
        return None, None
    known, others = float(exact_totals(clean)[0]) if len(clean) else 0.0, total - len(clean)
    return (known + others * low) / total, (known + others * high) / total


def _value(metric: Metric, units: Units) -> tuple[float | None, str, str | None]:
    """The value, or None with a code of `MetricValue.codes` and the reason."""
    rows = units.rows
    if not len(rows):
        return None, "no-units", "no unit was scored"
    if not np.isfinite(rows).all():
        return None, "not-finite", "a score is not a finite number"
    value = point(metric, rows, units.clusters)
    if np.isfinite(value):
        return value + 0.0, "", None
    why = "" if metric.undefined is None else metric.undefined(exact_totals(rows))
    return None, "undefined", f"{UNDEFINED}: {why}" if why else UNDEFINED


def point(metric: Metric, rows: Floats, clusters: Codes) -> float:
    """Compute the value of a metric without its interval.

    Args:
        metric: The metric.
        rows: float64 [n, d], what it reads of n units, at least one.
        clusters: int64 [n].

    Returns:
        The value; NaN or infinite where it is undefined.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric.formula is not None:
            return float(metric.formula(exact_totals(rows)))
        if metric.compute is not None:
            return float(metric.compute(in_order(rows, clusters)[0], np.ones((1, len(rows))))[0])
    raise ValueError(f"metric {metric.id} has neither a formula nor a compute function")


def _interval(metric: Metric, units: Units, value: float, method: IntervalMethod) -> Interval:
    if (count := int(units.clusters.max()) + 1) == 1:
        return no_interval("one-cluster", ONE_CLUSTER)
    if metric.formula is not None:
        sums = cluster_sums(units.rows, units.clusters, count)
        if metric.is_mean and method.interval == "standard":
            bounds = metric.bounds if metric.score_interval else (metric.bounds[0], None)
            return mean_interval(sums, bounds, value=value)
        if method.interval == "standard":
            totals = exact_totals(units.rows)
            events = None if metric.events is None else metric.events(totals)
            rests_on = None if events is None else (events.fewest, events.trials)
            found = formula_interval(metric.formula, sums, value=value, bounds=metric.bounds, events=rests_on)
            if found is not None:
                return found
        drawn = bootstrap_formula(metric.formula, sums, seed=method.seed)
    elif metric.compute is not None:
        drawn = bootstrap_compute(metric.compute, units.rows, units.clusters, seed=method.seed)
    else:
        raise ValueError(f"metric {metric.id} has neither a formula nor a compute function")
    return bootstrap_interval(drawn, value=value, bounds=metric.bounds, kind=method.kind)


def _failed_as_zero(metric: Metric, rows: Floats, n_failed: int) -> float | None:
    plain = metric.is_mean and metric.columns[1] == ONES and metric.higher_is_better
    total = len(rows) + n_failed
    if not plain or not total or not np.isfinite(rows).all():
        return None
    return float(exact_totals(rows)[0]) / total
