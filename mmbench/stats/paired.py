"""Differences of two models on the same units: B minus A, with an interval and p-values.

What the two have in common (hard images, easy questions) cancels when the difference is taken unit by unit, so a paired
difference is usually far more certain than the two intervals suggest. Errors within a cluster are correlated here, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mmbench.stats.clustered import cluster_error, effective_clusters, formula_error, spread_df
from mmbench.stats.differences import Difference, bootstrap_tails
from mmbench.stats.distributions import t_quantile
from mmbench.stats.intervals import (
    LEVEL,
    NO_SPREAD,
    ONE_CLUSTER,
    OVERFLOW,
    UNDEFINED,
    agree,
    defined_resamples,
)
from mmbench.stats.proportions import paired_score_bounds, paired_score_tails
from mmbench.stats.resampling import RESAMPLES, Bootstrap, bootstrap_compute, bootstrap_formula, in_order
from mmbench.stats.sums import cluster_sums, exact_totals
from mmbench.stats.tests import mcnemar_midp

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Formula = Callable[[Floats], Floats]
Compute = Callable[[Floats, Floats], Floats]


def paired_mean_difference(a: Floats, b: Floats, clusters: Codes, *, level: float = LEVEL) -> Difference:
    """The difference of two means over the same units.

    Where all scores are 0 or 1 and no cluster has two units: Tango's score interval and test, which at 0 is McNemar's test. Elsewhere
    the clustered error of b - a by CR2 and Student's t with Satterthwaite's degrees of freedom (`cluster_error`); for clusters of one
    unit this is the paired t test. Interval and p-values always come from the same test, so they agree.

    Args:
        a: The scores of the reference, float64 [n].
        b: The scores of the candidate on the same units in the same order, float64 [n].
        clusters: Cluster of each unit, int64 [n], any codes.
        level: Level of the interval.

    Returns:
        No interval, with a reason, for a single cluster and where clusters do not differ at all; no value for no units and for
        scores that are not finite.

    Raises:
        ValueError: If shapes or level make no sense.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"expected scores [n] of the same units, got shapes {a.shape} and {b.shape}")
    ones = np.ones_like(a)
    difference = paired_ratio_difference(np.stack([a, ones], 1), np.stack([b, ones], 1), clusters, level=level)
    binary = bool((((a == 0) | (a == 1)) & ((b == 0) | (b == 1))).all())
    if difference.value is None or not binary or difference.n_clusters < difference.n or difference.n < 2:
        return difference
    changed = int((b > a).sum()), int((a > b).sum())
    if difference.low is None and changed != (0, 0):
        return difference
    low, high = paired_score_bounds(*changed, difference.n, level)
    found = replace(difference, low=low, high=high, changed=changed, reason=None)
    return _with_p(found, *paired_score_tails(*changed, difference.n), "paired-score")


def paired_ratio_difference(a: Floats, b: Floats, clusters: Codes, *, level: float = LEVEL) -> Difference:
    """The difference of two ratios of sums (weighted means) over the same units, by its linearised clustered error.

    A unit adds (x_b - m_b · w_b) / W_b - (x_a - m_a · w_a) / W_a to the error, with ratios m and sums of denominators W. Where clusters
    hold several units, there are no more degrees of freedom than the kurtosis of what they contribute allows (`spread_df`): where the
    units of a cluster go together, uneven clusters are worth less than Satterthwaite's approximation for independent ones says.

    Args:
        a: What each unit adds to numerator and denominator of the reference, float64 [n, 2].
        b: The same of the candidate.
        clusters: Cluster of each unit, int64 [n], any codes.
        level: Level of the interval.

    Returns:
        As `paired_mean_difference`, which this is where every denominator is 1.

    Raises:
        ValueError: If shapes or level make no sense.
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
    shares = np.abs(sums_a[:, 1] / weight_a + sums_b[:, 1] / weight_b) / 2
    size = max(np.abs(sums_a[:, 0] / weight_a).max(), np.abs(sums_b[:, 0] / weight_b).max())
    if np.abs(parts).max() <= NO_SPREAD * size:
        return replace(_no_spread(value, len(a), count), effective_clusters=effective_clusters(shares))
    if shares.max() >= 1 - NO_SPREAD:
        return _without_interval(value, len(a), count, ONE_CLUSTER)
    with np.errstate(over="ignore", invalid="ignore"):
        error = cluster_error(parts, shares)
    if not np.isfinite(error.se):
        return _without_interval(value, len(a), count, OVERFLOW)
    df = error.df if count == len(a) else min(error.df, spread_df(np.square(parts) / (1 - shares)))
    half = t_quantile(0.5 + level / 2, df) * error.se
    found = _without_interval(value, len(a), count, None)
    found = replace(found, low=value - half, high=value + half, se=error.se, df=df, effective_clusters=error.effective)
    tails = found.tails()
    return found if tails is None else _with_p(found, *tails, "paired-cluster-t")


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
    """The difference of a formula of sums, by a jackknife that leaves the same cluster out of both models.

    Interval and p-values come from Student's t with the degrees of freedom of `formula_error`, and at most one fewer than there are
    clusters on which the models differ: those on which they do not say nothing about the error. Where the formula is undefined without
    some cluster, a paired cluster bootstrap stands in: percentiles, and p-values that are the interval turned round, never
    below 2**-G, what the signs of G clusters can prove at most.

    Args:
        formula: float64 [..., d] → [...].
        a: The rows of the reference, float64 [n, d].
        b: The rows of the candidate on the same units in the same order, float64 [n, d].
        clusters: Cluster of each unit, int64 [n], any codes.
        seed: Of the bootstrap.
        resamples: Of the bootstrap, at least 1.
        level: Level of the interval.

    Returns:
        No interval, with a reason, for a single cluster, where clusters do not differ, and where more than 5 % of the resamples are
        undefined; no value for no units, rows that are not finite and where the formula is not finite.

    Raises:
        ValueError: If shapes or level make no sense.
    """
    a, b, codes, count, trouble = _checked(a, b, clusters, level)
    if trouble is not None:
        return _nothing(len(a), count, trouble)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(_apart(formula(exact_totals(b)), formula(exact_totals(a))))
    if (trouble := _no_interval(value, count)) is not None:
        return _without_interval(value, len(a), count, trouble)
    width = a.shape[1]
    sums = np.concatenate([cluster_sums(a, codes, count), cluster_sums(b, codes, count)], axis=1)

    def both(total: Floats) -> Floats:
        return _apart(formula(total[..., width:]), formula(total[..., :width]))

    error = formula_error(both, sums)
    if error is None:
        return _bootstrapped(value, bootstrap_formula(both, sums, seed=seed, resamples=resamples), len(a), level)
    se, df = error
    differing = int((sums[:, :width] != sums[:, width:]).any(axis=1).sum())
    df = max(min(df, differing - 1.0), 1.0)
    half = t_quantile(0.5 + level / 2, df) * se
    found = _without_interval(value, len(a), count, None)
    found = replace(found, low=value - half, high=value + half, se=se, df=df, method="paired-cluster-jackknife")
    tails = found.tails()
    return found if tails is None else _with_p(found, *tails, found.method)


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


def _apart(b: Floats, a: Floats) -> Floats:
    """b - a; 0 where rounding alone sets them apart, as where one formula adds up other numbers on the two sides."""
    difference = np.asarray(b - a)
    return np.where(np.abs(difference) <= NO_SPREAD * np.maximum(np.abs(a), np.abs(b)), 0.0, difference)


def _bootstrapped(value: float, drawn: Bootstrap, n: int, level: float) -> Difference:
    values, reason = defined_resamples(drawn)
    if reason is not None:
        return _without_interval(value, n, drawn.clusters, reason)
    values = np.sort(values)
    p_lower, p_upper = bootstrap_tails(values, drawn.clusters)
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
        drawn=values,
    )
    if agree(values):
        reason = "all bootstrap resamples agree: no interval"
        found = replace(found, low=None, high=None, se=0.0, reason=reason, drawn=None)
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


def _without_interval(value: float, n: int, clusters: int, reason: str | None) -> Difference:
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
