"""95 % intervals: by the clustered standard error for means, by a seeded cluster bootstrap for everything else.

Errors within a cluster (the questions about one image) are correlated; only clusters are independent. Both methods therefore
work on sums over clusters and never treat rows as independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmbench.stats.distributions import normal_cdf, normal_quantile, t_quantile
from mmbench.stats.resampling import Bootstrap

Floats = NDArray[np.float64]
Bounds = tuple[float | None, float | None]
BootstrapMethod = Literal["percentile", "bca"]
"""How an interval comes from resamples: 2.5 % to 97.5 % of them, or bias-corrected and accelerated."""

Z95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""
LEVEL = 0.95
"""Level of an interval."""

NO_SPREAD = 1e-12
"""Clusters whose deviations are below this share of their size differ by rounding alone."""
ONE_CLUSTER = "one cluster: no interval"
"""The reason where there is a single cluster."""
UNDEFINED = "undefined for these units"
"""The reason for a value that is not finite, where nothing more specific is known."""
NO_WIDTH = 1e-9
"""Resamples that differ by less than this share of their size agree: they come from sums on a grid."""
UNDEFINED_SHARE = 0.05
"""With more undefined resamples than this there is no bootstrap interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval, or the reason why there is none."""

    low: float | None
    """Lower end, in the metric's natural range; None where there is no interval."""
    high: float | None
    """Upper end."""
    method: str
    """``cluster-t``, ``wilson``, ``cluster-bootstrap(resamples=…,seed=…)``, ``cluster-bootstrap-bca(…)`` or ``none``."""
    reason: str | None = None
    """Why there is no interval."""


def naive_se(values: Floats) -> float:
    """Standard error of the mean as if all rows were independent: standard deviation (ddof 1) / sqrt(n).

    Compared with `clustered_se` it shows how much the clusters cost.

    Args:
        values: float64 ``[n]``, n at least 2.

    Raises:
        ValueError: For fewer values.
    """
    if len(values) < 2:
        raise ValueError(f"a standard error needs two values, got {len(values)}")
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def clustered_se(values: Floats, clusters: NDArray[np.int64]) -> float:
    """Cluster-robust standard error of the mean, without a small-sample correction.

    sqrt(sum over clusters of (sum over the cluster of (x - mean))²) / n: the sandwich estimator of a regression on a
    constant (Liang and Zeger 1986), for clusters of one row the standard deviation (ddof 0) / sqrt(n).

    Args:
        values: float64 ``[n]``, n at least 1.
        clusters: int64 ``[n]``, codes from 0.

    >>> round(clustered_se(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1])), 6)
    0.353553
    """
    residuals = np.bincount(clusters, weights=values - values.mean())
    return float(np.sqrt(np.square(residuals).sum()) / len(values))


@lru_cache(maxsize=1024)
def t_multiplier(clusters: int, level: float = LEVEL) -> float:
    """How many clustered standard errors an interval reaches to either side: t(G - 1) · sqrt(G / (G - 1)).

    The root compensates that `clustered_se` divides by G where an unbiased variance divides by G - 1; with clusters of one
    row this is the interval of Student's t test. It is 1.96 for many clusters, 2.01 for 100, 2.38 for 10 and 17.97 for 2.

    Args:
        clusters: The number of clusters G, at least 2.
        level: The level of the interval, between 0 and 1.

    Raises:
        ValueError: For fewer clusters, and for other levels.

    >>> round(t_multiplier(10), 3), round(t_multiplier(10**6), 3)
    (2.385, 1.96)
    """
    if clusters < 2:
        raise ValueError(f"an interval needs two clusters, got {clusters}")
    return t_quantile(0.5 + level / 2, clusters - 1) * float(np.sqrt(clusters / (clusters - 1)))


def mean_interval(sums: Floats, bounds: Bounds = (0.0, 1.0), *, value: float | None = None) -> Interval:
    """95 % interval of a mean by Student's t, from the sums of its clusters.

    value ± `t_multiplier` · SE, clipped to the bounds, where SE = sqrt(sum of (S_g - value · W_g)²) / sum of W_g: the
    linearised error of a ratio, which is `clustered_se` when each row weighs 1. When all clusters agree on an end of a range
    that is bounded on both sides, that error is 0 and claims too much; Wilson's interval (1927) for as many trials as
    there are clusters is used instead.

    Args:
        sums: float64 ``[g, 2]``, the sums of values S and of weights W of each cluster.
        bounds: The natural range of the mean.
        value: The mean, where it is known more exactly than from `sums`.

    Returns:
        The interval. There is none, with a reason, for a single cluster, for an undefined mean, and where all clusters have
        the same mean inside the range: nothing then shows how far another sample would be from it.
    """
    sums = sums[sums.any(axis=1)]
    if len(sums) == 1:
        return Interval(None, None, "none", ONE_CLUSTER)
    total, weight = sums.sum(axis=0).tolist()
    if not weight or not np.isfinite(total / weight):
        return Interval(None, None, "none", "the mean is undefined: no interval")
    mean = total / weight if value is None else value
    for end in bounds:
        if end is not None and bool((sums[:, 0] == end * sums[:, 1]).all()) and None not in bounds:
            return _wilson(end, bounds, len(sums))
    deviations = sums[:, 0] - mean * sums[:, 1]
    if np.abs(deviations).max() <= NO_SPREAD * np.abs(sums[:, 0]).max():
        return Interval(None, None, "none", "every cluster has the same mean: no interval")
    half = t_multiplier(len(sums)) * float(np.sqrt(np.square(deviations).sum()) / abs(weight))
    return Interval(*_clip(mean - half, mean + half, bounds), "cluster-t")


def bootstrap_interval(
    drawn: Bootstrap, *, value: float, bounds: Bounds = (None, None), kind: BootstrapMethod = "percentile"
) -> Interval:
    """95 % interval from the resamples of a seeded bootstrap over clusters.

    Args:
        drawn: The resamples, from `bootstrap` or `bootstrap_formula`.
        value: The statistic of the data as they are; the interval is widened to include it.
        bounds: The natural range. When it is bounded on both sides and all resamples agree on one of its ends, Wilson's
            interval for as many trials as there are clusters is used instead of an interval of no width.
        kind: ``percentile``, 2.5 % to 97.5 % of the resamples, or ``bca`` (see `bca_levels`).

    Returns:
        The interval. There is none, with a reason, for a single cluster, when more than 5 % of the resamples are undefined
        (not finite; fewer are left out), where all resamples of a formula of sums agree, and where BCa is undefined.
    """
    if drawn.clusters == 1:
        return Interval(None, None, "none", ONE_CLUSTER)
    values, reason = defined_resamples(drawn)
    if reason is not None:
        return Interval(None, None, "none", reason)
    about = f"(resamples={len(drawn.values)},seed={drawn.seed})"
    smallest, largest = float(values.min()), float(values.max())
    if agree(values):
        if None not in bounds and smallest in bounds:
            return _wilson(smallest, bounds, drawn.clusters)
        if drawn.is_sum:
            return Interval(None, None, "none", "all bootstrap resamples agree: no interval")
        return Interval(min(smallest, value), max(largest, value), f"cluster-bootstrap{about}")
    levels = (0.5 - LEVEL / 2, 0.5 + LEVEL / 2)
    if kind == "bca":
        found = bca_levels(values, value, drawn.jackknife())
        if isinstance(found, str):
            return Interval(None, None, "none", f"{found}: no interval")
        levels = found
    low, high = np.quantile(values, levels).tolist()
    method = f"cluster-bootstrap-bca{about}" if kind == "bca" else f"cluster-bootstrap{about}"
    return Interval(min(low, value), max(high, value), method)


def agree(values: Floats) -> bool:
    """Whether resamples (finite float64, at least one) are all the same but for rounding."""
    return bool(np.ptp(values) <= NO_WIDTH * np.abs(values).max())


def defined_resamples(drawn: Bootstrap) -> tuple[Floats, str | None]:
    """The finite resamples, and the reason why they are too few for an interval; None where they are enough."""
    values = drawn.values[np.isfinite(drawn.values)]
    undefined, total = len(drawn.values) - len(values), len(drawn.values)
    if undefined > UNDEFINED_SHARE * total:
        return values, f"undefined in {undefined} of {total} bootstrap resamples: no interval"
    return values, None


def bca_levels(values: Floats, value: float, jackknife: Floats, level: float = LEVEL) -> tuple[float, float] | str:
    """The two quantiles of the resamples that bound a bias-corrected and accelerated interval (Efron 1987).

    With z0 the normal quantile of the share of resamples below `value` (ties count half) and the acceleration a of
    `acceleration`, an end z of the normal interval moves to z0 + (z0 + z) / (1 - a (z0 + z)).

    Args:
        values: Finite float64 ``[resamples]``.
        value: The statistic of the data.
        jackknife: float64 ``[groups]``, the statistic without each group.
        level: The level of the interval.

    Returns:
        Two shares between 0 and 1, or the reason why there are none.
    """
    share = float(np.mean((values < value) + 0.5 * (values == value)))
    if not 0 < share < 1:
        return "BCa is undefined where all resamples lie on one side of the value"
    accelerated = acceleration(jackknife)
    if accelerated is None:
        return "BCa is undefined: the jackknife is not finite or has no spread"
    bias = normal_quantile(share)
    ends = []
    for z in (normal_quantile(0.5 - level / 2), normal_quantile(0.5 + level / 2)):
        bend = 1 - accelerated * (bias + z)
        if bend <= 0:
            return "BCa is undefined: the statistic is too skewed"
        ends.append(normal_cdf(bias + (bias + z) / bend))
    return ends[0], ends[1]


def acceleration(jackknife: Floats) -> float | None:
    """How fast the standard error changes with the value: sum of d³ / (6 · (sum of d²)^1.5), d = mean - jackknife value.

    Source: Efron 1987, by the jackknife of Efron and Tibshirani 1993, 14.15.

    Args:
        jackknife: float64 ``[groups]``, the statistic without each group.

    Returns:
        None where a value is not finite or all values are equal.
    """
    if len(jackknife) < 2 or not np.isfinite(jackknife).all():
        return None
    deviations = jackknife.mean() - jackknife
    largest = float(np.abs(deviations).max())
    if largest <= NO_SPREAD * float(np.abs(jackknife).max()):
        return None
    deviations /= largest  # neither power of a small number underflows
    return float((deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5))


def _clip(low: float, high: float, bounds: Bounds) -> tuple[float, float]:
    floor, ceiling = bounds
    return (low if floor is None else max(low, floor)), (high if ceiling is None else min(high, ceiling))


def _wilson(end: float, bounds: Bounds, trials: int) -> Interval:
    """Wilson's interval when every trial ended at `end`: z² / (n + z²) of the range, from that end inwards."""
    floor, ceiling = bounds
    if floor is None or ceiling is None:
        raise ValueError("Wilson's interval needs a range with two ends")
    width = (ceiling - floor) * Z95**2 / (trials + Z95**2)
    if end == ceiling:
        return Interval(ceiling - width, ceiling, "wilson")
    return Interval(floor, floor + width, "wilson")
