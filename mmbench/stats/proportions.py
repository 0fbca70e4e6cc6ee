"""Score intervals: for a mean on a range with two ends, and for the difference of two paired proportions."""

from __future__ import annotations

import math
from collections.abc import Callable

from mmbench.stats.distributions import normal_quantile, normal_tail


def score_bounds(mean: float, trials: float, quantile: float) -> tuple[float, float]:
    r"""Wilson's score interval of a proportion, for a number of trials that need not be whole.

    .. math:: \frac{\hat p + q^2 / 2n \pm q \sqrt{\hat p (1 - \hat p) / n + q^2 / 4n^2}}{1 + q^2 / n}

    Args:
        mean: The proportion, from 0 to 1.
        trials: Effective number of trials n, above 0.
        quantile: How many standard errors the interval reaches: 1.96, or the point of Student's t where n is estimated.

    Returns:
        The lower and the upper end. Source: Wilson, JASA 1927.

    Example:
        >>> [round(end, 4) for end in score_bounds(0.9, 50, 1.96)]
        [0.7864, 0.9565]
    """
    square = quantile * quantile / trials
    centre = (mean + square / 2) / (1 + square)
    half = math.sqrt(mean * (1 - mean) * square + square * square / 4) / (1 + square)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def paired_score(gained: int, lost: int, n: int, difference: float = 0.0) -> float:
    r"""Tango's score statistic of the difference of two paired proportions.

    .. math:: T(\delta) = \frac{b - c - n \delta}{\sqrt{n (2 \tilde q + \delta (1 - \delta))}}

    where :math:`\tilde q` is the probability of a loss that is most likely when the difference is :math:`\delta`. At 0 its square is McNemar's
    statistic. It is standard normal, in good approximation, when the true difference is :math:`\delta`.

    Args:
        gained: Units right in B alone, b.
        lost: Units right in A alone, c.
        n: All units.
        difference: The hypothetical difference B - A, strictly between -1 and 1.

    Returns:
        The statistic; 0 where nothing changed and the difference is 0. Source: Tango, Statistics in Medicine 1998.

    Example:
        >>> round(paired_score(9, 1, 100), 4)
        2.5298
    """
    numerator = gained - lost - n * difference
    linear = -gained - lost + (2 * n - gained + lost) * difference
    constant = -lost * difference * (1 - difference)
    root = math.sqrt(max(linear * linear - 8 * n * constant, 0.0))
    loss = (root - linear) / (4 * n)
    variance = n * (2 * loss + difference * (1 - difference))
    if variance <= 0:
        return 0.0 if numerator == 0 else math.copysign(math.inf, numerator)
    return numerator / math.sqrt(variance)


def paired_score_bounds(gained: int, lost: int, n: int, level: float) -> tuple[float, float]:
    """The interval of the difference of two paired proportions that Tango's score test does not reject.

    It excludes 0 exactly where McNemar's test is significant, and has a width also where nothing changed: z² / (n + z²) to either side.

    Args:
        gained: Units right in B alone.
        lost: Units right in A alone.
        n: All units.
        level: Level of the interval, between 0 and 1.

    Returns:
        The lower and the upper end, from -1 to 1.

    Example:
        >>> [round(end, 4) for end in paired_score_bounds(9, 1, 100, 0.95)]
        [0.0226, 0.1541]
    """
    z = normal_quantile(0.5 + level / 2)
    observed = (gained - lost) / n
    low = _crossing(lambda d: paired_score(gained, lost, n, d) - z, -1.0, observed)
    high = _crossing(lambda d: -paired_score(gained, lost, n, d) - z, 1.0, observed)
    return low, high


def _crossing(excess: Callable[[float], float], outside: float, inside: float) -> float:
    """Where a function falls from above 0 to 0 on the way from `outside` to `inside`, by bisection."""
    for _ in range(100):
        middle = (outside + inside) / 2
        if middle in (outside, inside):
            break
        if excess(middle) > 0:
            outside = middle
        else:
            inside = middle
    return inside


def paired_score_tails(gained: int, lost: int, n: int, difference: float = 0.0) -> tuple[float, float]:
    """One-sided p-values of Tango's score test: (B - A below `difference`, B - A above it).

    Args:
        gained: Units right in B alone.
        lost: Units right in A alone.
        n: All units.
        difference: The difference under the null hypothesis.
    """
    statistic = paired_score(gained, lost, n, difference)
    return normal_tail(-statistic), normal_tail(statistic)
