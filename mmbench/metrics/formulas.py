"""Formulas over sums of rows, weighted statistics, and the metrics made from them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmbench.core.ids import MetricId
from mmbench.core.metric import ONES, Metric

Floats = NDArray[np.float64]


def ratio(sums: Floats) -> Floats:
    """First column divided by the second: float64 [..., 2] → float64 [...]; 0/0 is NaN, without a warning.

    >>> ratio(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [0.75, nan]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Floats = np.asarray(sums[..., 0] / sums[..., 1])
    return quotient


def weighted_median(rows: Floats, weights: Floats) -> Floats:
    """Medians of one column under several weightings: (float64 [n, 1], float64 [b, n]) → float64 [b].

    The midpoint of the lower and the upper median: the least values whose cumulative weight is at least half, and more
    than half, of the total. For weights of 1 this is `numpy.median`; for whole numbers, the median with each
    value repeated so often. Weights must not be negative. NaN where the weights add up to 0, or a NaN has weight.

    >>> weighted_median(np.array([[1.0], [2.0], [9.0]]), np.array([[1.0, 1, 1], [1, 1, 0], [0, 1, 3]])).tolist()
    [2.0, 1.5, 9.0]
    """
    values = rows[:, 0]
    order = np.argsort(values, kind="stable")
    if not np.array_equal(order, np.arange(len(order))):
        values, weights = values[order], weights[:, order]
    cumulative = np.cumsum(weights, axis=1)
    medians = np.full(len(weights), np.nan)
    first_nan = int(np.searchsorted(values, np.nan))
    for index, running in enumerate(cumulative):
        if not len(running) or not running[-1] > 0 or (first_nan and running[first_nan - 1] < running[-1]):
            continue
        half = running[-1] / 2
        lower = values[np.searchsorted(running, half, side="left")]
        upper = values[np.searchsorted(running, half, side="right")]
        medians[index] = (lower if lower == upper else (lower + upper) / 2) + 0.0  # -0.0 and 0.0 are the same median
    return medians


def mean_metric(
    metric_id: str,
    unit: str,
    column: str,
    *,
    reference: str = "",
    higher_is_better: bool = True,
    bounds: tuple[float | None, float | None] = (0.0, 1.0),
    scale: float = 100.0,
) -> Metric:
    """The mean of a column over the units of a table.

    Parameters: `metric_id`, as text; `unit`, the table; the rest as in `Metric`. Raises ValueError for a bad id.
    """
    return Metric(
        id=MetricId.parse(metric_id),
        unit=unit,
        columns=(column, ONES),
        formula=ratio,
        is_mean=True,
        higher_is_better=higher_is_better,
        bounds=bounds,
        scale=scale,
        reference=reference,
    )


def median_metric(
    metric_id: str,
    unit: str,
    column: str,
    *,
    reference: str = "",
    higher_is_better: bool = False,
    bounds: tuple[float | None, float | None] = (1.0, None),
    scale: float = 1.0,
) -> Metric:
    """The median of a column over the units of a table; by default a rank: from 1 up, and lower is better.

    Parameters: `metric_id`, as text; `unit`, the table; the rest as in `Metric`. Raises ValueError for a bad id.
    """
    return Metric(
        id=MetricId.parse(metric_id),
        unit=unit,
        columns=(column,),
        compute=weighted_median,
        higher_is_better=higher_is_better,
        bounds=bounds,
        scale=scale,
        reference=reference,
    )
