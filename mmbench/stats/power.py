"""Power of paired comparisons: the smallest difference that can be detected, and the number of units that it takes."""

from __future__ import annotations

import math

from mmbench.stats.distributions import normal_cdf, normal_quantile, t_quantile

_NORMAL_FROM = 300.0
"""Degrees of freedom from which the normal approximation is good to half a per cent."""
_STEPS = 400
"""Steps of Simpson's rule."""


def minimum_detectable_effect(
    se: float, *, alpha: float = 0.05, power: float = 0.8, sides: int = 2, df: float | None = None
) -> float:
    """The true difference that a test finds with a given probability.

    By the normal approximation (z of 1 - alpha / sides, plus z of the power) times the standard error; with degrees of freedom by the
    noncentral t distribution, because a standard error from few clusters is itself uncertain.

    Args:
        se: Standard error of the difference at the sample size at hand, in the unit of the difference.
        alpha: Level of the test.
        power: Probability of finding the difference.
        sides: 1 or 2.
        df: Degrees of freedom of the standard error; None: known exactly.

    Returns:
        The difference, in the unit of `se`; 0 for a standard error of 0.

    Raises:
        ValueError: For a negative or infinite standard error, and for levels that make no test.

    Example:
        >>> round(minimum_detectable_effect(0.01), 6), round(minimum_detectable_effect(0.01, df=4), 6)
        (0.028016, 0.037611)
    """
    if not 0 <= se < math.inf:
        raise ValueError(f"a standard error is a finite number from 0 up, got {se!r}")
    multiplier = _multiplier(alpha, power, sides)
    if df is None or df > _NORMAL_FROM:
        return multiplier * se
    return _noncentrality(t_quantile(1 - alpha / sides, df), df, power) * se


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


def _noncentrality(critical: float, df: float, power: float) -> float:
    """The noncentrality at which Student's test with this critical value has the power, by bisection."""
    low, high = 0.0, 2.0
    while noncentral_t_tail(critical, df, high) < power:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        if noncentral_t_tail(critical, df, middle) < power:
            low = middle
        else:
            high = middle
    return (low + high) / 2


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
