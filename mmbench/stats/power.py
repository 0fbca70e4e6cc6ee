"""Power of paired comparisons: the smallest difference that can be detected, and the number of units that it takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache

from mmbench.stats.distributions import normal_cdf, normal_quantile, t_quantile

_NORMAL_FROM = 300.0
"""Degrees of freedom from which the normal approximation is good to half a per cent."""
_STEPS = 400
"""Steps of Simpson's rule."""


def minimum_detectable_effect(
    se: float,
    *,
    alpha: float = 0.05,
    power: float = 0.8,
    sides: int = 2,
    df: float | None = None,
    known: bool = False,
) -> float:
    """The true difference that a test finds with a given probability.

    By the normal approximation (z of 1 - alpha / sides, plus z of the power) times the standard error. With degrees of freedom
    the test is Student's, so its power is that of the noncentral t distribution where the true standard error is known. Where `se`
    was itself estimated with these degrees of freedom, the power is averaged over what the estimate may be: with five clusters a
    standard error is often half of the true one, and an effect that is large beside it would be found less often than it says.

    Args:
        se: Standard error of the difference at the sample size at hand, in the unit of the difference.
        alpha: Level of the test.
        power: Probability of finding the difference.
        sides: 1 or 2.
        df: Degrees of freedom of the standard error that the test uses; None for many.
        known: Whether `se` is the true standard error, as in a plan from given numbers, and not an estimate.

    Returns:
        The difference, in the unit of `se`; 0 for a standard error of 0.

    Raises:
        ValueError: For a negative or infinite standard error, and for levels that make no test.

    Example:
        >>> round(minimum_detectable_effect(0.01), 5), round(minimum_detectable_effect(0.01, df=4), 5)
        (0.02802, 0.04677)
    """
    if not 0 <= se < math.inf:
        raise ValueError(f"a standard error is a finite number from 0 up, got {se!r}")
    multiplier = _multiplier(alpha, power, sides)
    if df is None or df > _NORMAL_FROM:
        return multiplier * se
    critical = t_quantile(1 - alpha / sides, df)
    return se * _detectable_errors(critical, df, power, known)


@lru_cache(maxsize=1024)  # the metrics of a table share a few degrees of freedom
def _detectable_errors(critical: float, df: float, power: float, known: bool) -> float:
    """The effect that Student's test detects with this power, in standard errors."""
    if known:
        return _smallest(lambda effect: noncentral_t_tail(critical, df, effect), power)
    return _smallest(lambda effect: _average_power(critical, df, effect), power)


def noncentral_t_tail(t: float, df: float, noncentrality: float) -> float:
    r"""The probability that a noncentral t variable exceeds `t`.

    .. math:: P(T > t) = \int_0^\infty \Phi(\delta - t s) f(s) ds

    where s is the ratio of estimated to true standard error, whose square times `df` is chi-squared; by Simpson's rule.

    Args:
        t: The point.
        df: Degrees of freedom, above 0.
        noncentrality: The true difference in standard errors.
    """
    log_scale = math.log(2) + df / 2 * math.log(df / 2) - math.lgamma(df / 2)
    low, high = 0.0, 1 + 12 / math.sqrt(2 * df)
    step = (high - low) / _STEPS
    total = 0.0
    for place in range(_STEPS + 1):
        s = low + place * step
        density = math.exp(log_scale + (df - 1) * math.log(max(s, 1e-300)) - df * s * s / 2)
        weight = 1 if place in (0, _STEPS) else 4 if place % 2 else 2
        total += weight * density * normal_cdf(noncentrality - t * s)
    return total * step / 3


def _average_power(critical: float, df: float, effect: float) -> float:
    """How often Student's test finds `effect` estimated standard errors, over what both estimates of the error may be.

    One estimate is that of the data at hand, the other that of the test to come; of both the ratio to the true error is taken
    from Wilson and Hilferty's approximation (PNAS 1931): its cube root squared is nearly normal. Within 0.6 % of the exact
    effect from 2 degrees of freedom up.
    """
    variance = 2 / (9 * df)
    ratios = [(max(0.0, 1 - variance + z * math.sqrt(variance)) ** 1.5, weight) for z, weight in _normal_nodes()]
    return sum(
        here * there * normal_cdf(effect * estimated - critical * used)
        for estimated, here in ratios
        for used, there in ratios
    )


@cache
def _normal_nodes() -> list[tuple[float, float]]:
    """Points of the standard normal distribution with their weights: the trapezoidal rule, exact to 1e-5 for what is smooth."""
    points = [half / 2 for half in range(-8, 9)]
    density = [math.exp(-z * z / 2) for z in points]
    return [(z, each / math.fsum(density)) for z, each in zip(points, density, strict=True)]


def _smallest(found: Callable[[float], float], power: float) -> float:
    """The smallest effect that is found with the power, by bisection; `found` rises with the effect."""
    low, high = 0.0, 2.0
    while found(high) < power:
        low, high = high, 2 * high
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        if found(middle) < power:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def clusters_needed(
    effect: float, *, sd: float, alpha: float = 0.05, power: float = 0.8, sides: int = 2, df_share: float = 1.0
) -> int:
    """How many clusters find a true difference of `effect` with probability `power`.

    Args:
        effect: The difference in natural units, not 0.
        sd: Standard deviation of a cluster's part in the mean: the standard error from G clusters times the root of G. For
            clusters of m units with intra-cluster correlation rho, sqrt((1 + (m - 1) rho) / m) times that of a unit.
        alpha: Level of the test, which is Student's with as many degrees of freedom as clusters less 1.
        power: How often the difference is to be found.
        sides: 1 or 2.
        df_share: How many even clusters one of these is worth, where they are uneven.

    Raises:
        ValueError: As `samples_needed`.

    >>> clusters_needed(0.02, sd=0.05)
    52
    """
    count = samples_needed(effect, sd=sd, alpha=alpha, power=power, sides=sides)
    while True:
        df = max(1.0, count * df_share - 1)
        if df > _NORMAL_FROM:
            return count
        critical = t_quantile(1 - alpha / sides, df)
        if not sd or noncentral_t_tail(critical, df, abs(effect) / sd * math.sqrt(count)) >= power:
            return count
        count += 1


def samples_needed(
    effect: float,
    *,
    sd: float,
    alpha: float = 0.05,
    power: float = 0.8,
    sides: int = 2,
    design_effect: float = 1.0,
) -> int:
    """How many paired units find a true difference of `effect` with probability `power`.

    ((z of 1 - alpha / sides, plus z of power) · sd / effect)² · design effect, rounded up, at least 2.

    Args:
        effect: The difference in natural units, not 0.
        sd: Standard deviation of the differences of single units (`paired_binary_sd` for a 0/1 metric).
        alpha: Level of the test.
        power: How often the difference is to be found.
        sides: 1 or 2.
        design_effect: The variance with clusters divided by the variance without (see `design_effect`): how many clustered
            units are worth one independent unit.

    Raises:
        ValueError: For numbers that make no test, and for an effect that no number of units shows.

    >>> samples_needed(0.01, sd=paired_binary_sd(0.10))
    7849
    """
    if not (effect and math.isfinite(effect)):
        raise ValueError(f"an effect is a finite number other than 0, got {effect!r}")
    if not 0 <= sd < math.inf:
        raise ValueError(f"a standard deviation is a finite number from 0 up, got {sd!r}")
    if not 0 < design_effect < math.inf:
        raise ValueError(f"a design effect is a finite number above 0, got {design_effect!r}")
    ratio = _multiplier(alpha, power, sides) * sd / abs(effect) * math.sqrt(design_effect)
    if ratio > 2**26:
        raise ValueError(f"an effect of {effect!r} is too small to be found with any number of samples")
    return max(2, math.ceil(ratio**2))


def paired_binary_sd(disagreement: float, effect: float = 0.0) -> float:
    """Standard deviation of the difference of two 0/1 scores of one unit: sqrt(disagreement - effect²).

    Args:
        disagreement: Share of the units on which the scores differ.
        effect: The difference of the means, at most as large.

    Raises:
        ValueError: Where there are no such shares.
    """
    if not 0 <= abs(effect) <= disagreement <= 1:
        raise ValueError(f"a disagreement lies between |effect| and 1, got {disagreement!r} with effect {effect!r}")
    return math.sqrt(disagreement - effect**2)


def design_effect(clustered_se: float, naive_se: float) -> float:
    """How many times the clusters multiply the variance: (clustered SE / naive SE)² (Kish 1965).

    Raises:
        ValueError: Unless both are finite and the naive standard error is above 0.
    """
    if not (0 <= clustered_se < math.inf and 0 < naive_se < math.inf):
        raise ValueError(f"a design effect needs two standard errors, got {clustered_se!r} and {naive_se!r}")
    return (clustered_se / naive_se) ** 2


def _multiplier(alpha: float, power: float, sides: int) -> float:
    if sides not in (1, 2):
        raise ValueError(f"a test has 1 or 2 sides, got {sides!r}")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha lies between 0 and 1, got {alpha!r}")
    if not alpha < power < 1:
        raise ValueError(f"power lies between alpha and 1, got {power!r}")
    return normal_quantile(1 - alpha / sides) + normal_quantile(power)
