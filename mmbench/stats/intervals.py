"""95 % intervals: by the clustered standard error for means, by a seeded cluster bootstrap for the rest.

Units of one cluster (the questions of one picture) err together, so the cluster is what is independent. Both methods
therefore work on sums over clusters and never on rows as if these were independent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmbench.stats.sums import on_grid

Floats = NDArray[np.float64]
Bounds = tuple[float | None, float | None]
Statistic = Callable[[Floats], Floats]

Z95 = 1.959963984540054
"""The 97.5 % point of the standard normal distribution."""
RESAMPLES = 2000
"""Default number of bootstrap resamples."""

UNDEFINED_SHARE = 0.05
"""With more undefined resamples than this there is no bootstrap interval."""
_CHUNK = 2**19
"""Weights in memory at once, at three arrays of 8 bytes each."""
_ONE_CLUSTER = "one cluster: no interval"


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval, or the reason why there is none."""

    low: float | None
    """Lower end, in the metric's natural range; None where there is no interval."""
    high: float | None
    """Upper end."""
    method: str
    """``cluster-se``, ``wilson``, ``cluster-bootstrap(resamples=…,seed=…)`` or ``none``."""
    reason: str | None = None
    """Why there is no interval."""


def clustered_se(values: Floats, clusters: NDArray[np.int64]) -> float:
    """Cluster-robust standard error of the mean, without a small-sample correction.

    sqrt(sum over clusters of (sum over the cluster of (x - mean))²) / n: the sandwich estimator of a regression on a
    constant (Liang and Zeger 1986), for clusters of one row the standard deviation (ddof 0) / sqrt(n).

    Parameters: `values`, float64 [n], n at least 1; `clusters`, int64 [n], codes from 0.

    >>> round(clustered_se(np.array([1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1])), 6)
    0.353553
    """
    residuals = np.bincount(clusters, weights=values - values.mean())
    return float(np.sqrt(np.square(residuals).sum()) / len(values))


def mean_interval(sums: Floats, bounds: Bounds = (0.0, 1.0), *, value: float | None = None) -> Interval:
    """Normal 95 % interval of a mean, from what each cluster adds to it.

    value ± `Z95` · SE, clipped to the bounds, where SE = sqrt(sum of (S_g - value · W_g)²) / sum of W_g: the linearised
    error of a ratio, which is `clustered_se` when each row weighs 1. When all clusters agree on an end of a range that
    is bounded on both sides, that error is 0 and claims too much; Wilson's interval (1927) for as many trials as
    there are clusters stands in.

    Parameters: `sums`, float64 [g, 2], sum of values S and of weights W of each cluster; `bounds`, the natural range of
    the mean; `value`, the mean where it is known more exactly than from `sums`.

    Returns: no interval, with a reason, for a single cluster and for an undefined mean.
    """
    sums = sums[sums.any(axis=1)]
    if len(sums) == 1:
        return Interval(None, None, "none", _ONE_CLUSTER)
    total, weight = sums.sum(axis=0).tolist()
    if not weight or not np.isfinite(total / weight):
        return Interval(None, None, "none", "the mean is undefined: no interval")
    mean = total / weight if value is None else value
    for end in bounds:
        if end is not None and bool((sums[:, 0] == end * sums[:, 1]).all()) and None not in bounds:
            return _wilson(end, bounds, len(sums))
    error = float(np.sqrt(np.square(sums[:, 0] - mean * sums[:, 1]).sum()) / weight)
    return Interval(*_clip(mean - Z95 * error, mean + Z95 * error, bounds), "cluster-se")


def resample_weights(generator: np.random.Generator, clusters: int, count: int) -> Floats:
    """How often each cluster is drawn in each of `count` bootstrap resamples.

    Returns: float64 [count, clusters] of whole numbers; each row adds up to `clusters`. Drawing a few rows at a time
    from one generator gives the same rows as drawing them together.
    """
    picks = generator.integers(0, clusters, size=(count, clusters), dtype=np.int64)
    picks += np.arange(count, dtype=np.int64)[:, None] * clusters
    drawn = np.bincount(picks.ravel(), minlength=count * clusters)
    return drawn.reshape(count, clusters).astype(np.float64)


def formula_statistic(formula: Callable[[Floats], Floats], sums: Floats) -> Statistic:
    """A formula of the sum of rows as a function of cluster weights float64 [b, g]: one matrix product.

    Parameters: `sums`, finite float64 [g, d], the sum of each cluster's rows; rounded by `on_grid`, so that the product
    is exact and does not depend on how many resamples are computed together.
    """
    terms = on_grid(sums, max(len(sums), 1))
    return lambda weights: formula(weights @ terms)


def bootstrap_values(
    statistic: Statistic,
    clusters: int,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    chunk: int | None = None,
    width: int | None = None,
) -> Floats:
    """A statistic of seeded resamples of the clusters: float64 [resamples], NaN or infinite where it is undefined.

    Parameters as in `bootstrap_interval`; `width`, how many numbers the statistic gives for each resample, where these are
    several (values of models that are judged on the same clusters): then float64 [resamples, width].
    """
    generator = np.random.default_rng(seed)
    chunk = max(1, _CHUNK // clusters) if chunk is None else chunk
    values = np.empty(resamples if width is None else (resamples, width))
    with np.errstate(divide="ignore", invalid="ignore"):
        for start in range(0, resamples, chunk):
            stop = min(start + chunk, resamples)
            values[start:stop] = statistic(resample_weights(generator, clusters, stop - start))
    return values


def bootstrap_interval(
    statistic: Statistic,
    clusters: int,
    *,
    value: float,
    seed: int,
    bounds: Bounds = (None, None),
    resamples: int = RESAMPLES,
    chunk: int | None = None,
) -> Interval:
    """Percentile interval (2.5 % to 97.5 %) of a seeded bootstrap over clusters.

    Parameters:
    - `statistic`: cluster weights float64 [b, clusters] → float64 [b]; see `formula_statistic`;
    - `value`: the statistic of the data as they are; the interval is widened to it where it would lie outside;
    - `bounds`: the natural range. When it is bounded on both sides and all resamples agree on one of its ends,
      Wilson's interval for as many trials as there are clusters stands in for an interval of no width;
    - `chunk`: resamples computed at once; it bounds memory and changes nothing else.

    Returns: no interval, with a reason, for a single cluster, or when more than 5 % of the resamples are undefined (not
    finite); fewer are left out.
    """
    if clusters == 1:
        return Interval(None, None, "none", _ONE_CLUSTER)
    values = bootstrap_values(statistic, clusters, seed=seed, resamples=resamples, chunk=chunk)
    defined = values[np.isfinite(values)]
    if resamples - len(defined) > UNDEFINED_SHARE * resamples:
        reason = f"undefined in {resamples - len(defined)} of {resamples} bootstrap resamples: no interval"
        return Interval(None, None, "none", reason)
    low, high = np.percentile(defined, (2.5, 97.5)).tolist()
    if None not in bounds and value in bounds and bool((defined == value).all()):
        return _wilson(value, bounds, clusters)
    return Interval(min(low, value), max(high, value), f"cluster-bootstrap(resamples={resamples},seed={seed})")


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
