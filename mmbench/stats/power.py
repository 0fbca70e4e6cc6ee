"""Power of paired comparisons: the smallest difference that can be detected, and the number of units that it takes."""

from __future__ import annotations

import math

from mmbench.stats.distributions import normal_quantile


def minimum_detectable_effect(se: float, *, alpha: float = 0.05, power: float = 0.8, sides: int = 2) -> float:
    """The true difference that a test finds with probability `power`: (z of 1 - alpha / sides, plus z of power) · SE.

    This is a normal approximation.

    Args:
        se: Standard error of the difference with the units at hand.
        alpha: Level of the test.
        power: How often the difference is to be found.
        sides: 1 or 2.

    Returns:
        The difference, in the unit of `se`; 0 for a standard error of 0.

    Raises:
        ValueError: For a standard error that is negative or infinite, and for levels that make no test.

    >>> round(minimum_detectable_effect(0.01), 6)
    0.028016
    """
    if not 0 <= se < math.inf:
        raise ValueError(f"a standard error is a finite number from 0 up, got {se!r}")
    return _multiplier(alpha, power, sides) * se


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
