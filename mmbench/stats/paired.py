"""Differences of two models on the same units: B minus A, with an interval and p-values.

What the two have in common (hard images, easy questions) cancels when the difference is taken unit by unit, so a paired
difference is usually far more certain than the two intervals suggest. Errors within a cluster are correlated here, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmbench.stats.distributions import t_tail
from mmbench.stats.intervals import LEVEL, NO_SPREAD, ONE_CLUSTER, UNDEFINED, agree, defined_resamples, t_multiplier
from mmbench.stats.resampling import RESAMPLES, Bootstrap, bootstrap_compute, bootstrap_formula, in_order
from mmbench.stats.sums import cluster_sums, exact_totals
from mmbench.stats.tests import mcnemar_midp

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Formula = Callable[[Floats], Floats]
Compute = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True, slots=True)
class Difference:
    """B minus A on the same units, with its uncertainty."""

    value: float | None
    """b - a, in the metric's natural range; None where it is undefined."""
    low: float | None
    """Lower end of the interval (95 % unless another level was asked for); None where there is none."""
    high: float | None
    """Upper end."""
    se: float | None
    """Standard error of the difference: clustered, or the standard deviation over the resamples."""
    p_value: float | None
    """Two-sided: how likely a difference as large as this is where there is none. Never 0."""
    p_lower: float | None
    """One-sided, against the alternative that B is below A."""
    p_upper: float | None
    """One-sided, against the alternative that B is above A."""
    n: int
    """Paired units."""
    n_clusters: int
    """Clusters of these units."""
    method: str
    """How interval and p-values were made: ``paired-cluster-t``, ``paired-cluster-t+mcnemar-midp`` (interval, p-values),
    ``mcnemar-midp`` or ``sign-test`` (p-values alone), ``paired-cluster-bootstrap(resamples=…,seed=…)`` or ``none``."""
    reason: str | None = None
    """Why there is no value, or no interval."""


def paired_mean_difference(a: Floats, b: Floats, clusters: Codes, *, level: float = LEVEL) -> Difference:
    """The difference of two means over the same units, by its clustered standard error.

    With d = b - a: `se` is `clustered_se` of d, which is statsmodels' cluster-robust OLS of d on a constant without
    correction. The interval is d̄ ± t(G - 1) · SE · sqrt(G / (G - 1)) for G clusters and the p-values come from the same t: for
    clusters of one unit this is the paired t test. Where all scores are 0 or 1 and no cluster has two units, the p-values are
    McNemar's mid-p instead.

    Args:
        a: Scores of the reference, float64 ``[n]``.
        b: Scores of the candidate, of the same units in the same order.
        clusters: int64 ``[n]``, any codes.
        level: The level of the interval.

    Returns:
        The difference. It has no interval, with a reason, for a single cluster and where the clusters do not differ at all; it
        has no value for no units and for scores that are not finite.

    Raises:
        ValueError: For shapes that do not match, and for levels outside 0 to 1.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"expected scores [n] of the same units, got shapes {a.shape} and {b.shape}")
    ones = np.ones_like(a)
    difference = paired_ratio_difference(np.stack([a, ones], 1), np.stack([b, ones], 1), clusters, level=level)
    binary = bool((((a == 0) | (a == 1)) & ((b == 0) | (b == 1))).all())
    if difference.value is None or not binary or difference.n_clusters < difference.n or difference.n < 2:
        return difference
    gained, lost = int((b > a).sum()), int((a > b).sum())
    method = "mcnemar-midp" if difference.low is None else f"{difference.method}+mcnemar-midp"
    return _with_p(difference, mcnemar_midp(gained, lost, "less"), mcnemar_midp(gained, lost, "greater"), method)


def paired_ratio_difference(a: Floats, b: Floats, clusters: Codes, *, level: float = LEVEL) -> Difference:
    """The difference of two ratios of sums (weighted means) over the same units, by its linearised clustered error.

    A unit adds (x_b - m_b · w_b) / W_b - (x_a - m_a · w_a) / W_a to the error, with ratios m and sums of denominators W. Where
    every denominator is 1 this is `paired_mean_difference`, which has the same results and errors.

    Args:
        a: What each unit adds to the reference's numerator and denominator, float64 ``[n, 2]``.
        b: The same of the candidate.
        clusters: int64 ``[n]``, any codes.
        level: The level of the interval.
    """
    a, b, codes, count, trouble = _checked(a, b, clusters, level)
    if a.shape[1] != 2:
        raise ValueError(f"expected numerators and denominators [n, 2], got shape {a.shape}")
    if trouble is not None:
        return _nothing(len(a), count, trouble)
    (top_a, weight_a), (top_b, weight_b) = exact_totals(a).tolist(), exact_totals(b).tolist()
    if not weight_a or not weight_b:
        return _nothing(len(a), count, "the mean is undefined")
    mean_a, mean_b = top_a / weight_a, top_b / weight_b
    value = float(exact_totals(b[:, :1] - a[:, :1])[0]) / weight_b if weight_a == weight_b else mean_b - mean_a
    if not np.isfinite(value):
        return _nothing(len(a), count, "the mean is undefined")
    if count == 1:
        return _without_interval(value, len(a), count, ONE_CLUSTER)
    sums_a, sums_b = cluster_sums(a, codes, count), cluster_sums(b, codes, count)
    terms_a = (sums_a[:, 0] - mean_a * sums_a[:, 1]) / weight_a
    terms_b = (sums_b[:, 0] - mean_b * sums_b[:, 1]) / weight_b
    parts = terms_b - terms_a
    size = max(np.abs(sums_a[:, 0] / weight_a).max(), np.abs(sums_b[:, 0] / weight_b).max())
    if np.abs(parts).max() <= NO_SPREAD * size:
        return _no_spread(value, len(a), count)
    se = float(np.sqrt(np.square(parts).sum()))
    half = t_multiplier(count, level) * se
    t = value / (se * (count / (count - 1)) ** 0.5)
    found = Difference(value, value - half, value + half, se, None, None, None, len(a), count, "paired-cluster-t")
    return _with_p(found, t_tail(-t, count - 1), t_tail(t, count - 1), found.method)


def paired_difference(
    formula: Formula,
    a: Floats,
    b: Floats,
    clusters: Codes,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Difference:
    """The difference of a formula of sums, by a paired cluster bootstrap: both models get the same draws.

    The interval is the percentile interval, and `se` the standard deviation over the resamples. The p-values invert the
    interval: the one-sided p of "B is above A" is the share of resamples in which it is not, (1 + their number) /
    (1 + resamples), and never below 2**-G, the most that the signs of G clusters can prove. The two-sided p is twice the smaller.

    Args:
        formula: float64 ``[..., d]`` → ``[...]``.
        a: Rows of the reference, float64 ``[n, d]``.
        b: Rows of the candidate, of the same units in the same order.
        clusters: int64 ``[n]``, any codes.
        seed: Seed of the draws.
        resamples: Number of draws, at least 1.
        level: The level of the interval.

    Returns:
        The difference. It has no interval, with a reason, for a single cluster, where all resamples agree, and where more than
        5 % of them are undefined; it has no value for no units, for rows that are not finite and where the formula is not
        finite.

    Raises:
        ValueError: For shapes that do not match, and for levels outside 0 to 1.
    """
    a, b, codes, count, trouble = _checked(a, b, clusters, level)
    if trouble is not None:
        return _nothing(len(a), count, trouble)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(formula(exact_totals(b))) - float(formula(exact_totals(a)))
    if (trouble := _no_interval(value, count)) is not None:
        return _without_interval(value, len(a), count, trouble)
    width = a.shape[1]
    sums = np.concatenate([cluster_sums(a, codes, count), cluster_sums(b, codes, count)], axis=1)
    drawn = bootstrap_formula(
        lambda total: formula(total[..., width:]) - formula(total[..., :width]), sums, seed=seed, resamples=resamples
    )
    return _bootstrapped(value, drawn, len(a), level)


def paired_compute_difference(
    compute: Compute,
    a: Floats,
    b: Floats,
    clusters: Codes,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Difference:
    """As `paired_difference`, for a statistic that is not a formula of sums, such as a median.

    Args:
        compute: (rows float64 ``[n, d]``, weights float64 ``[b, n]``) → float64 ``[b]``. It sees the rows in an order that does
            not depend on the order in which they were given.
        a: As in `paired_difference`, like everything that follows.
        b: Rows of the candidate.
        clusters: Codes of the clusters.
        seed: Seed of the draws.
        resamples: Number of draws.
        level: The level of the interval.
    """
    a, b, codes, count, trouble = _checked(a, b, clusters, level)
    if trouble is not None:
        return _nothing(len(a), count, trouble)
    width = a.shape[1]
    rows, codes = in_order(np.concatenate([a, b], axis=1), codes)

    def both(rows: Floats, weights: Floats) -> Floats:
        return compute(rows[:, width:], weights) - compute(rows[:, :width], weights)

    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(both(rows, np.ones((1, len(rows))))[0])
    if (trouble := _no_interval(value, count)) is not None:
        return _without_interval(value, len(a), count, trouble)
    return _bootstrapped(value, bootstrap_compute(both, rows, codes, seed=seed, resamples=resamples), len(a), level)


def _bootstrapped(value: float, drawn: Bootstrap, n: int, level: float) -> Difference:
    values, reason = defined_resamples(drawn)
    if reason is not None:
        return _without_interval(value, n, drawn.clusters, reason)
    total = 1 + len(values)
    least = 0.5**drawn.clusters
    p_lower = max((1 + int((values >= 0).sum())) / total, least)
    p_upper = max((1 + int((values <= 0).sum())) / total, least)
    method = f"paired-cluster-bootstrap(resamples={len(drawn.values)},seed={drawn.seed})"
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2]).tolist()
    found = Difference(
        value=value,
        low=min(low, value),
        high=max(high, value),
        se=float(values.std(ddof=1)) if len(values) > 1 else None,
        p_value=None,
        p_lower=None,
        p_upper=None,
        n=n,
        n_clusters=drawn.clusters,
        method=method,
    )
    if agree(values):
        found = replace(found, low=None, high=None, se=0.0, reason="all bootstrap resamples agree: no interval")
    return _with_p(found, p_lower, p_upper, method)


def _no_interval(value: float, clusters: int) -> str | None:
    """The reason why no resample needs to be drawn; None where one does."""
    if not np.isfinite(value):
        return UNDEFINED
    return ONE_CLUSTER if clusters == 1 else None


def _checked(a: Floats, b: Floats, clusters: Codes, level: float) -> tuple[Floats, Floats, Codes, int, str | None]:
    """Both models' rows as float64 [n, d], codes from 0, the number of clusters, and the reason why there can be no value."""
    a, b, clusters = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64), np.asarray(clusters)
    if a.ndim != 2 or a.shape != b.shape or clusters.shape != (len(a),):
        raise ValueError(
            f"expected rows [n, d] of the same units and clusters [n], got {a.shape}, {b.shape} and {clusters.shape}"
        )
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval lies between 0 and 1, got {level!r}")
    present, codes = np.unique(clusters, return_inverse=True)
    trouble = None
    if not len(a):
        trouble = "no unit was scored by both"
    elif not (np.isfinite(a).all() and np.isfinite(b).all()):
        trouble = "a score is not a finite number"
    return a, b, codes.astype(np.int64, copy=False), len(present), trouble


def _nothing(n: int, clusters: int, reason: str) -> Difference:
    return Difference(None, None, None, None, None, None, None, n, clusters, "none", reason)


def _without_interval(value: float, n: int, clusters: int, reason: str) -> Difference:
    kept = value if np.isfinite(value) else None
    return Difference(kept, None, None, None, None, None, None, n, clusters, "none", reason)


def _no_spread(value: float, n: int, clusters: int) -> Difference:
    """The difference where it is the same in every cluster, so that there is no error to estimate.

    If there were no difference, all G clusters would go one way with a two-sided mid-p of 2**-G (the sign test); no change at
    all is no evidence.
    """
    reason = "the difference is the same in every cluster: no interval"
    found = Difference(value, None, None, 0.0, None, None, None, n, clusters, "sign-test", reason)
    gained, lost = (clusters if value > 0 else 0), (clusters if value < 0 else 0)
    return _with_p(found, mcnemar_midp(gained, lost, "less"), mcnemar_midp(gained, lost, "greater"), "sign-test")


def _with_p(difference: Difference, p_lower: float, p_upper: float, method: str) -> Difference:
    two_sided = min(1.0, 2 * min(p_lower, p_upper))
    return replace(difference, p_value=two_sided, p_lower=p_lower, p_upper=p_upper, method=method)
