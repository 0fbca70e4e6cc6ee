"""The paired difference of any metric on rows of the same units, by the method that fits it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmbench.core.metric import ONES, Metric
from mmbench.stats import (
    RESAMPLES,
    Difference,
    exact_totals,
    paired_compute_difference,
    paired_difference,
    paired_mean_difference,
    paired_ratio_difference,
)
from mmbench.stats.intervals import FEW_EVENTS, TOO_FEW_EVENTS

Floats = NDArray[np.float64]


def unit_changes(metric: Metric, a: Floats, b: Floats) -> Floats:
    """B minus A of every unit by itself: float64 [n].

    What the metric's formula makes of the unit's own row; its first column where there is no formula. NaN where the row
    changed and the formula means nothing for it (a correlation of one sample). Parameters: `a` and `b`, float64 [n, d], the
    rows of the same units.
    """
    if metric.formula is None:
        return np.asarray(b[:, 0] - a[:, 0], dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.asarray(metric.formula(b) - metric.formula(a), dtype=np.float64)
    unknown = np.where((a != b).any(axis=1), np.nan, 0.0)
    return np.where(np.isfinite(change), change, unknown)


def paired(
    metric: Metric, a: Floats, b: Floats, clusters: NDArray[np.int64], *, resamples: int = RESAMPLES
) -> Difference:
    """The difference of a metric, B minus A, by the method that fits it.

    Parameters: `a` and `b`, float64 [n, d], the rows of the same units; `clusters`, int64 [n]; `resamples`, where a bootstrap
    is needed. The interval is cut to what two values of the metric can differ by.
    """
    return within_range(_paired(metric, a, b, clusters, resamples), metric.bounds)


def within_range(found: Difference, bounds: tuple[float | None, float | None]) -> Difference:
    """A difference whose interval is cut to the range of differences: from -(high - low) to high - low of the metric's range."""
    least, most = bounds
    if found.value is None or found.low is None or found.high is None or least is None or most is None:
        return found
    span = max(most - least, abs(found.value))
    return replace(found, low=max(found.low, -span), high=min(found.high, span))


def _paired(metric: Metric, a: Floats, b: Floats, clusters: NDArray[np.int64], resamples: int) -> Difference:
    if metric.compute is not None:
        return paired_compute_difference(metric.compute, a, b, clusters, resamples=resamples)
    if metric.is_mean and metric.columns[1] == ONES:
        return paired_mean_difference(a[:, 0], b[:, 0], clusters)
    if metric.is_mean:
        return paired_ratio_difference(a, b, clusters)
    if metric.formula is None:
        raise ValueError(f"metric {metric.id} has neither a formula nor a compute function")
    found = paired_difference(metric.formula, a, b, clusters, resamples=resamples)
    rests_on = None if metric.events is None or found.low is None else metric.events(exact_totals(a))
    if rests_on is not None and rests_on.fewest < FEW_EVENTS:
        found = replace(found, low=None, high=None, reason=TOO_FEW_EVENTS)
    return found
