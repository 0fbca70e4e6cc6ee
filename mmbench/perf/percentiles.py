"""Percentiles of latencies: order statistics, their distribution-free intervals, and how many requests they need.

A failed request has no latency. It is entered as infinity, so that it lies above every percentile: a percentile that falls
on one has no value, instead of one that the requests which happened to end well flatter.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

SHOWN = (0.5, 0.9, 0.95, 0.99, 0.999)
"""The quantiles of a latency that are shown, each from its floor up."""
LEVEL = 0.95
"""Level of the intervals."""
CONFIDENCE = 0.99
"""Confidence of early stopping, as MLPerf sets it."""


class Percentile(NamedTuple):
    """One percentile of a latency. Times are in the unit of the latencies."""

    q: float
    """The quantile, from 0 to 1."""
    value: float | None
    """The order statistic; None where it falls on a failed request."""
    low: float | None
    """Lower end of the interval; None where it falls on a failed request."""
    high: float | None
    """Upper end of the interval; None where it falls on a failed request, so that no upper bound is known."""
    n: int
    """Requests, failed ones included."""


def with_failures(latencies: Iterable[float], failed: int = 0) -> list[float]:
    """Latencies in ascending order, with an infinite one for each failed request.

    >>> with_failures([3.0, 1.0], failed=1)
    [1.0, 3.0, inf]
    """
    return sorted(latencies) + [math.inf] * failed


def percentiles(ordered: Sequence[float]) -> list[Percentile]:
    """Those of `SHOWN` that there are enough requests for.

    Args:
        ordered: As `with_failures` gives them.
    """
    return [found for q in SHOWN if (found := percentile(ordered, q)) is not None]


def percentile(ordered: Sequence[float], q: float) -> Percentile | None:
    """One percentile with its interval; None below its `sample_floor`.

    It is the order statistic number ⌊n·q⌋, counted from 0, as in MLPerf's LoadGen. Nothing is interpolated, so that the
    value is a latency that a request had. The ends of the interval are order statistics too: their ranks are the
    outermost that a binomial (n, q) count of requests below the true quantile leaves 2.5 % beyond (Conover, Practical
    Nonparametric Statistics, section 3.2). The interval holds for any distribution of independent latencies.

    Args:
        ordered: As `with_failures` gives them.
        q: The quantile, above 0 and below 1.

    Raises:
        ValueError: If `q` is not between 0 and 1.

    Example:
        >>> percentile([float(i) for i in range(100)], 0.5)
        Percentile(q=0.5, value=50.0, low=39.0, high=60.0, n=100)
    """
    n = len(ordered)
    if n < sample_floor(q):
        return None
    tail = (1 - LEVEL) / 2
    low = _most_within(n, q, tail)
    high = n - 1 - _most_within(n, 1 - q, tail)
    value, lower, upper = (_finite(ordered[place]) for place in (_place(n, q), low, high))
    return Percentile(q, value, lower, upper, n)


@lru_cache(maxsize=64)
def sample_floor(q: float) -> int:
    """Requests from which a percentile is shown: those of MLPerf's early stopping with one request above it.

    It is the smallest n for which at most one of n requests lies above the true quantile with a probability below 1 %.

    >>> [sample_floor(q) for q in SHOWN]
    [11, 64, 130, 662, 6636]
    """
    return requests_needed(1, q)


def requests_needed(over: int, q: float) -> int:
    """Requests after which early stopping allows this many above the target (MLPerf: h + t for t over latency).

    The smallest n with P(X ≤ over) ≤ 1 % for X binomial (n, 1 - q): were the target met by a share below q, so few above
    it would be that unlikely.

    Args:
        over: Requests whose latency is above the target, failed ones included.
        q: The quantile for which the target is set.

    Raises:
        ValueError: If `q` is not between 0 and 1.
    """
    _check(q)
    low, high = over + 1, max(2 * over, 8)
    while allowed_over(high, q) < over:
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        if allowed_over(middle, q) >= over:
            high = middle
        else:
            low = middle + 1
    return low


def allowed_over(n: int, q: float) -> int:
    """Requests of n that may lie above a target so that it counts as met at quantile q; -1 where even none is too many.

    >>> allowed_over(64, 0.9), allowed_over(63, 0.9), allowed_over(10, 0.9)
    (1, 0, -1)
    """
    _check(q)
    return _most_within(n, 1 - q, 1 - CONFIDENCE)


def early_stopping_estimate(ordered: Sequence[float], q: float) -> float | None:
    """A latency that the true percentile lies below with 99 % confidence; None below the floor, or where a request failed there.

    MLPerf's estimate for SingleStream and MultiStream: the t-th largest of n latencies, with the largest t that
    `allowed_over` gives.

    Args:
        ordered: As `with_failures` gives them.
        q: The quantile.
    """
    allowed = allowed_over(len(ordered), q)
    return _finite(ordered[len(ordered) - allowed]) if allowed >= 1 else None


def meets_target(ordered: Sequence[float], q: float, target: float) -> bool:
    """Whether a latency target is met at quantile q with 99 % confidence: MLPerf's rule for the server scenario."""
    over = sum(latency > target for latency in ordered)
    return allowed_over(len(ordered), q) >= over


def _check(q: float) -> None:
    if not 0 < q < 1:
        raise ValueError(f"a quantile is above 0 and below 1, not {q!r}")


def _place(n: int, q: float) -> int:
    return min(n - 1, int(n * q))


def _finite(latency: float) -> float | None:
    return latency if math.isfinite(latency) else None


@lru_cache(maxsize=4096)
def _most_within(n: int, p: float, probability: float) -> int:
    """The largest k with P(X ≤ k) ≤ `probability` for X binomial (n, p); -1 where there is none."""
    if n == 0:
        return -1
    # Twelve standard deviations and a bit below the mean nothing is left that a float would notice.
    start = max(0, math.floor(n * p - 12 * math.sqrt(n * p * (1 - p)) - 40))
    term = math.exp(_log_choose(n, start) + start * math.log(p) + (n - start) * math.log1p(-p))
    total, k = term, start
    while total <= probability and k < n:
        term *= (n - k) / (k + 1) * p / (1 - p)
        k += 1
        total += term
    return k - 1 if total > probability else k


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
