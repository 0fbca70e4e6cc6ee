"""95 % intervals: score intervals and Student's t for means, a jackknife for formulas, a seeded bootstrap for everything else.

Errors within a cluster (the questions about one image) are correlated; only clusters are independent. All methods therefore
work on sums over clusters and never treat rows as independent. docs/design/statistics.md says why these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from mmbench.stats.clustered import FEW_CLUSTERS, cluster_error, effective_clusters, formula_error, skewed_bounds
from mmbench.stats.distributions import normal_cdf, normal_quantile, t_quantile
from mmbench.stats.proportions import score_bounds
from mmbench.stats.resampling import Bootstrap

Floats = NDArray[np.float64]
Bounds = tuple[float | None, float | None]
BootstrapMethod = Literal["percentile", "bca"]
"""How an interval comes from resamples: 2.5 % to 97.5 % of them, or bias-corrected and accelerated."""

LEVEL = 0.95
"""Level of an interval."""

NO_SPREAD = 1e-12
"""Clusters whose deviations are below this share of their size differ by rounding alone."""
ONE_CLUSTER = "one cluster: no interval"
"""The reason where there is a single cluster."""
UNDEFINED = "undefined for these units"
"""The reason for a value that is not finite, where nothing more specific is known."""
OVERFLOW = "the scores are too large for their squares to be numbers: no interval"
"""The reason where an error is not finite although the value is."""
OUT_OF_RANGE = "the value lies outside the range that its metric declares: no interval"
"""The reason where scores are not what a metric says of them."""
NO_WIDTH = 1e-9
"""Resamples within this part of their size of each other agree: they come from sums on a grid."""
CAUTION = 10.0
"""Observations that the 0/1 variance counts for when every cluster lies at an end of the range."""
SKEWED = 1.0
"""Skewness of the clusters' contributions from which it is said."""
COCHRAN = 25.0
"""Clusters that a mean needs to be nearly normal, in units of the squared skewness."""
FEW_EVENTS = 5.0
"""References of the rarest class below which the interval of a value over classes is withheld."""
TOO_FEW_EVENTS = f"a class with fewer than {FEW_EVENTS:.0f} references: no interval"
"""The reason where it is withheld."""
_AT_END = 1e-12
"""A mean whose p (1 - p) is below this is as good as at an end of its range."""
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
    """``cluster-score``, ``cluster-t``, ``wilson``, ``cluster-jackknife``, ``cluster-bootstrap(resamples=…,seed=…)``,
    ``cluster-bootstrap-bca(…)`` or ``none``."""
    reason: str | None = None
    """Why there is no interval."""
    warning: str | None = None
    """What must be known to read the interval; None where nothing is."""
    codes: tuple[str, ...] = ()
    """`reason` and `warning` for programs; see `MetricValue.codes`."""

    def finite(self) -> Interval:
        """The same, or no interval where the squares of the scores are too large for a float."""
        ends = [end for end in (self.low, self.high) if end is not None]
        return self if np.isfinite(ends).all() else no_interval("overflow", OVERFLOW)

    def warned(self, effective: float) -> Interval:
        """The same, with a warning where the clusters are as few as `effective` equal ones and none stands there yet."""
        if self.low is None or "few-clusters" in self.codes or effective >= FEW_CLUSTERS:
            return self
        found = _roughness(effective)
        texts = [text for text in (self.warning, found["warning"]) if text]
        return replace(self, warning="; ".join(texts), codes=(*self.codes, *found["codes"]))


def no_interval(code: str, reason: str) -> Interval:
    """No interval, and why: a code of `MetricValue.codes` and a sentence."""
    return Interval(None, None, "none", reason, codes=(code,))


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


def mean_interval(
    sums: Floats, bounds: Bounds = (0.0, 1.0), *, value: float | None = None, level: float = LEVEL
) -> Interval:
    """Interval of a mean, from what each cluster adds to it.

    On a range with two ends: Wilson's score interval with the effective number of trials p (1 - p) / SE², where SE is the CR2 standard error
    (`cluster_error`) and the quantile is that of Student's t with Satterthwaite's degrees of freedom. Where many clusters lie at an end
    of the range, the few that do not say little about the variance; it is then averaged with that of 0/1 scores, which is the largest
    possible one (`_cautious_trials`). Elsewhere: Student's t with Hall's correction for skewness.

    Args:
        sums: float64 [g, 2], sum of values S and of weights W of each cluster.
        bounds: The natural range of the mean.
        value: The mean, where it is known more exactly than from `sums`.
        level: Level of the interval.

    Returns:
        No interval, with a reason, for a single cluster, for an undefined mean, and where all clusters have one mean that is no
        end of the range: nothing shows how far another sample would be from it.
    """
    sums = sums[sums.any(axis=1)]
    if len(sums) == 1:
        return no_interval("one-cluster", ONE_CLUSTER)
    total, weight = sums.sum(axis=0).tolist()
    if not weight or not np.isfinite(total / weight):
        return no_interval("undefined", "the mean is undefined: no interval")
    mean = total / weight if value is None else value
    sums = sums[sums[:, 1] != 0]
    if len(sums) == 1:
        return no_interval("one-cluster", ONE_CLUSTER)
    effective = effective_clusters(np.abs(sums[:, 1]))
    for end in bounds:
        if end is not None and bool((sums[:, 0] == end * sums[:, 1]).all()) and None not in bounds:
            return _wilson(end, bounds, effective, level)
    deviations = sums[:, 0] - mean * sums[:, 1]
    if np.abs(deviations).max() <= NO_SPREAD * np.abs(sums[:, 0]).max():
        return no_interval("no-spread", "every cluster has the same mean: no interval")
    error = cluster_error(deviations, sums[:, 1])
    quantile = t_quantile(0.5 + level / 2, error.df)
    floor, ceiling = bounds
    if floor is None or ceiling is None:
        low, high = skewed_bounds(mean, error, quantile, len(sums))
        return Interval(
            *_clip(low, high, bounds), "cluster-t", **_roughness(error.effective, error.skewness, len(sums))
        )
    width = ceiling - floor
    at_end = max(float((sums[:, 0] == end * sums[:, 1]).mean()) for end in (floor, ceiling))
    place = (mean - floor) / width
    if not -NO_WIDTH <= place <= 1 + NO_WIDTH:
        return no_interval("out-of-range", OUT_OF_RANGE)
    if place * (1 - place) < _AT_END:
        return _wilson(floor if place < 0.5 else ceiling, bounds, effective, level)
    rows = max(abs(weight), effective) if bool((sums[:, 1] % 1 == 0).all()) else effective
    trials = _cautious_trials(place, (error.se / width) ** 2, at_end, len(sums), rows)
    low, high = score_bounds(place, trials, quantile)
    return Interval(floor + low * width, floor + high * width, "cluster-score", **_roughness(error.effective))


def _cautious_trials(place: float, variance: float, at_end: float, clusters: int, rows: float) -> float:
    """The effective number of trials of a mean at `place` in [0, 1], averaged with that of 0/1 scores where clusters lie at an end.

    The estimate counts as many observations as there are degrees of freedom, the 0/1 variance as `CAUTION` times the share of clusters at
    the end: scores in the middle of the range are left alone, and so are large samples. It is never taken for larger than that of `rows`
    independent 0/1 scores, so that clusters of several 0/1 scores are judged by their own variance.
    """
    estimated = variance / (place * (1 - place))
    weight = CAUTION * at_end
    cautious = ((clusters - 1) * estimated + weight / rows) / (clusters - 1 + weight)
    return 1.0 / max(cautious, estimated)


class _Roughness(TypedDict):
    """The fields of an `Interval` that say why it is rough."""

    warning: str | None
    codes: tuple[str, ...]


def _roughness(effective: float, skewness: float = 0.0, clusters: int = 0) -> _Roughness:
    """What makes an interval rough: few or uneven clusters, and skewed contributions of few clusters.

    A mean of n skewed values is close to normal from n = 25 γ² on (Cochran, Sampling Techniques, 1977, 2.15); a sample of normal values
    hardly ever has a skewness above 1.
    """
    found = {}
    if effective < FEW_CLUSTERS:
        found["few-clusters"] = (
            f"few or uneven clusters: they weigh as much as {effective:.1f} equal ones, so the interval is rough"
        )
    if abs(skewness) > SKEWED and clusters < COCHRAN * skewness**2:
        found["skewed"] = (
            f"the values are skewed (skewness {skewness:.1f}) and from {clusters} clusters alone: the mean of so few may miss the long tail, "
            "so the interval is rough"
        )
    return {"warning": "; ".join(found.values()) or None, "codes": tuple(found)}


def formula_interval(
    formula: Callable[[Floats], Floats],
    sums: Floats,
    *,
    value: float,
    bounds: Bounds = (None, None),
    events: tuple[float, float] | None = None,
    level: float = LEVEL,
) -> Interval | None:
    """Interval of a formula of sums by the jackknife over clusters.

    On a range with two ends Wilson's score interval, else Student's t, both with the standard error and the degrees of freedom of
    `formula_error`.

    Args:
        formula: float64 [..., d] → float64 [...], smooth in the sums.
        sums: What each cluster adds, float64 [g, d], g at least 2.
        value: The formula of the sum of all.
        bounds: The natural range of the formula.
        events: What a value over several parts, such as classes, rests on: the references of the rarest part, and the number of 0/1
            trials whose mean varies as much (`Events`). They bound the degrees of freedom and steady the error, which a rare class that
            happens to be all right leaves too small; with fewer references than `FEW_EVENTS` there is no interval.
        level: Level of the interval.

    Returns:
        The interval; None where the jackknife is undefined or has no spread, so that another method must be used.
    """
    if events is not None and events[0] < FEW_EVENTS:
        return no_interval("few-references", TOO_FEW_EVENTS)
    error = formula_error(formula, sums)
    if error is None:
        return None
    se, df = error
    if events is not None:
        df = max(min(df, events[0] - 1.0), 1.0)
    quantile = t_quantile(0.5 + level / 2, df)
    floor, ceiling = bounds
    if floor is None or ceiling is None:
        return Interval(*_clip(value - quantile * se, value + quantile * se, bounds), "cluster-jackknife")
    width = ceiling - floor
    place = (value - floor) / width
    if not 0 < place < 1:
        return None
    estimated = (se / width) ** 2 / (place * (1 - place))
    if events is not None:
        fewest, trials = events
        steady = ((fewest - 1) * estimated + CAUTION / trials) / (fewest - 1 + CAUTION)
        estimated = max(estimated, steady)
    low, high = score_bounds(place, 1 / estimated, quantile)
    return Interval(floor + low * width, floor + high * width, "cluster-jackknife")


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
        return no_interval("one-cluster", ONE_CLUSTER)
    values, reason = defined_resamples(drawn)
    if reason is not None:
        return no_interval("undefined-resamples", reason)
    about = f"(resamples={len(drawn.values)},seed={drawn.seed})"
    smallest, largest = float(values.min()), float(values.max())
    if agree(values):
        if None not in bounds and smallest in bounds:
            return _wilson(smallest, bounds, drawn.clusters)
        if drawn.is_sum:
            return no_interval("no-spread", "all bootstrap resamples agree: no interval")
        return Interval(min(smallest, value), max(largest, value), f"cluster-bootstrap{about}")
    levels = (0.5 - LEVEL / 2, 0.5 + LEVEL / 2)
    if kind == "bca":
        found = bca_levels(values, value, drawn.jackknife())
        if isinstance(found, str):
            return no_interval("undefined-bca", f"{found}: no interval")
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


def _wilson(end: float, bounds: Bounds, trials: float, level: float = LEVEL) -> Interval:
    """Wilson's interval when every trial ended at `end`: z² / (n + z²) of the range, from that end inwards."""
    floor, ceiling = bounds
    if floor is None or ceiling is None:
        raise ValueError("Wilson's interval needs a range with two ends")
    square = normal_quantile(0.5 + level / 2) ** 2
    width = (ceiling - floor) * square / (trials + square)
    if end == ceiling:
        return Interval(ceiling - width, ceiling, "wilson", **_roughness(trials))
    return Interval(floor, floor + width, "wilson", **_roughness(trials))
