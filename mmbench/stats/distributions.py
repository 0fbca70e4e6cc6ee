"""Tails and quantiles of the normal and of Student's t distribution, from the standard library alone.

Tails are computed as tails, never as 1 minus something, so that a small p-value keeps its digits; what is smaller than
the smallest normal float64 is given as that number, because no finite sample makes a p-value of 0.
"""

from __future__ import annotations

import math
import sys
from functools import lru_cache

SMALLEST_P = sys.float_info.min
"""Stands for a p-value that is too small for a float64: 2.2e-308."""

_ITERATIONS = 10_000
_LARGE_DF = 1e7
"""With this many degrees of freedom, t and normal agree to seven digits and more at every quantile that is used."""


def normal_quantile(p: float) -> float:
    """The point below which a standard normal variable lies with probability `p`.

    Args:
        p: A probability between 0 and 1, both excluded.

    Raises:
        ValueError: For any other number.

    >>> round(normal_quantile(0.975), 6)
    1.959964
    """
    if not 0 < p < 1:
        raise ValueError(f"a probability between 0 and 1 has a quantile, {p!r} has none")
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)


def normal_cdf(z: float) -> float:
    """The probability that a standard normal variable is at most `z`."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def normal_tail(z: float) -> float:
    """The probability that a standard normal variable exceeds `z`, at least `SMALLEST_P`."""
    return max(0.5 * math.erfc(z / math.sqrt(2)), SMALLEST_P)


def t_tail(t: float, df: float) -> float:
    """The probability that Student's t with `df` degrees of freedom exceeds `t`, at least `SMALLEST_P`.

    It is half the regularised incomplete beta function I_x(df/2, 1/2) at x = df / (df + t²), by its continued fraction
    (Abramowitz and Stegun 1964, 26.5.8 and 26.7.1).

    Raises:
        ValueError: Unless df > 0 and t is a number.

    >>> round(t_tail(2.0, 10), 6), t_tail(0.0, 3)
    (0.036694, 0.5)
    """
    if not df > 0 or math.isnan(t):
        raise ValueError(f"Student's t needs a number and more than 0 degrees of freedom, got t = {t!r}, df = {df!r}")
    if df >= _LARGE_DF:
        return normal_tail(t)
    if t < 0:
        return 1.0 - t_tail(-t, df)
    if math.isinf(t):
        return SMALLEST_P
    if t > 1e100:  # the first term alone: the square would overflow
        log_tail = df / 2 * (math.log(df) - 2 * math.log(t)) - _log_beta_half(df / 2) - math.log(df)
        return max(math.exp(log_tail), SMALLEST_P)
    square = t * t
    x, rest = df / (df + square), square / (df + square)
    a, b = df / 2, 0.5
    # x^a (1 - x)^b / B(a, b); log x as log1p keeps its digits where t is small beside df.
    front = math.exp(-a * math.log1p(square / df) + b * math.log(rest) - _log_beta_half(a)) if square else 0.0
    if x < (a + 1) / (a + b + 2):
        inside = front * _beta_fraction(a, b, x) / a
    else:
        inside = 1.0 - front * _beta_fraction(b, a, rest) / b
    return max(0.5 * inside, SMALLEST_P)


def t_quantile(p: float, df: float) -> float:
    """The point below which Student's t with `df` degrees of freedom lies with probability `p`.

    Args:
        p: A probability between 0 and 1, both excluded.
        df: Degrees of freedom, above 0.

    Raises:
        ValueError: For any other numbers.

    >>> round(t_quantile(0.975, 9), 6)
    2.262157
    """
    if not 0 < p < 1:
        raise ValueError(f"a probability between 0 and 1 has a quantile, {p!r} has none")
    if p == 0.5:
        return 0.0
    if p < 0.5:
        return -_upper_point(p, df)
    return _upper_point(1.0 - p, df)


@lru_cache(maxsize=1024)  # the metrics of a table share a few degrees of freedom
def _upper_point(tail: float, df: float) -> float:
    """The t > 0 with `t_tail` = tail < 1/2: bisection in a bracket that doubles; ends when no float lies between."""
    low, high = 0.0, 1.0
    while t_tail(high, df) > tail:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        if t_tail(middle, df) > tail:
            low = middle
        else:
            high = middle
    return high


def _log_beta_half(a: float) -> float:
    """log B(a, 1/2).

    For large a from the asymptotic series of a ratio of gamma functions: the difference of two large logarithms would
    lose the digits that count.
    """
    if a < 30:
        return math.lgamma(a) + math.lgamma(0.5) - math.lgamma(a + 0.5)
    series = 1 - 1 / (8 * a) + 1 / (128 * a**2) + 5 / (1024 * a**3) - 21 / (32768 * a**4) - 399 / (262144 * a**5)
    return 0.5 * math.log(math.pi / a) - math.log(series)


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, evaluated forwards (Lentz 1976)."""
    tiny = 1e-300
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1), tiny)
    result = d
    for m in range(1, _ITERATIONS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1.0 / _away_from_zero(1.0 + step * d, tiny)
            c = _away_from_zero(1.0 + step / c, tiny)
            result *= c * d
        if abs(c * d - 1.0) < 1e-16:
            break
    return result


def _away_from_zero(number: float, tiny: float) -> float:
    return number if abs(number) > tiny else tiny
