"""Hypothesis tests that need no standard error, and Holm's correction for several tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmbench.stats.distributions import SMALLEST_P, normal_tail

Alternative = Literal["two-sided", "greater", "less"]
Correction = Literal["holm", "fdr_bh", "none"]
"""How the p-values of one table are corrected for how many there are: Holm's method, that of Benjamini and Hochberg, or not at all."""
CORRECTIONS: tuple[Correction, ...] = get_args(Correction)

_EXACT_UP_TO = 50
"""Observations of both samples with which `mann_whitney` counts every arrangement; all counts are then below 2**53."""


def mcnemar_midp(gained: int, lost: int, alternative: Alternative = "two-sided") -> float:
    """Mid-p value of McNemar's test: are as many units gained as lost?

    Under the null each of the n = gained + lost units that changed was as likely to change either way, so that `gained`
    is binomial (n, 1/2). The mid-p counts half of the probability of what was observed: P(X > x) + P(X = x) / 2 on one
    side, twice the smaller side for ``two-sided`` (Fagerland, Lydersen and Laake 2013). Valid where units are independent.

    Args:
        gained: Units that are right in B alone.
        lost: Units that are right in A alone.
        alternative: ``greater`` for more gained than lost.

    Returns:
        The p-value; 1 (one-sided 1/2) where nothing changed.

    Raises:
        ValueError: For a negative number and an unknown alternative.

    >>> mcnemar_midp(9, 1), mcnemar_midp(0, 0), mcnemar_midp(5, 0, "greater")
    (0.01171875, 1.0, 0.015625)
    """
    if gained < 0 or lost < 0:
        raise ValueError(f"numbers of units cannot be negative: gained {gained}, lost {lost}")
    _known(alternative)
    n = gained + lost
    if alternative == "greater":
        return _binomial_midp(lost, n)
    if alternative == "less":
        return _binomial_midp(gained, n)
    return min(1.0, 2 * _binomial_midp(min(gained, lost), n))


def _binomial_midp(k: int, n: int) -> float:
    """P(X < k) + P(X = k) / 2 for X binomial (n, 1/2), at least `SMALLEST_P`."""
    if 2 * k == n:
        return 0.5
    if 2 * k > n:
        return 1.0 - _binomial_midp(n - k, n)
    if n <= 1000:
        numerator = 2 * sum(math.comb(n, i) for i in range(k)) + math.comb(n, k)
        return float(numerator / 2 ** (n + 1))
    total, term = 0.5, 1.0
    for i in range(k, 0, -1):  # P(X = i - 1) / P(X = i) = i / (n - i + 1) < 1
        term *= i / (n - i + 1)
        total += term
        if term < 1e-18 * total:
            break
    log_p = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) + math.log(total)
    return max(math.exp(log_p), SMALLEST_P)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's step-down method (Holm 1979).

    Rejecting every hypothesis whose adjusted p-value is at most alpha keeps the family-wise error at alpha, under any dependence.

    Returns:
        Adjusted p-values in the order given, at most 1.

    Raises:
        ValueError: For a number that is not a probability.

    >>> holm([0.25, 0.03125, 0.015625])
    [0.25, 0.0625, 0.046875]
    """
    _probabilities(p_values)
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def fdr_bh(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values by the method of Benjamini and Hochberg (1995).

    Among the hypotheses with an adjusted p-value of at most alpha, a share of at most alpha is true on average, for tests that are
    independent or positively dependent.

    Returns:
        Adjusted p-values in the order given, at most 1.

    Raises:
        ValueError: For a number that is not a probability.

    >>> fdr_bh([0.25, 0.03125, 0.015625])
    [0.25, 0.046875, 0.046875]
    """
    _probabilities(p_values)
    adjusted = [0.0] * len(p_values)
    running = 1.0
    for rank, index in reversed(list(enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i]), 1))):
        running = min(running, p_values[index] * len(p_values) / rank)
        adjusted[index] = running
    return adjusted


def corrected(p_values: Sequence[float | None], correction: Correction = "holm") -> list[float | None]:
    """Correct the p-values of one family.

    Args:
        p_values: Probabilities; None where there is no test, which then does not count.
        correction: One of `CORRECTIONS`.

    Returns:
        Corrected p-values in the order given; None where there was none.

    Raises:
        ValueError: For a number that is not a probability, and for an unknown correction.
    """
    if correction not in CORRECTIONS:
        raise ValueError(f"a correction is one of {', '.join(CORRECTIONS)}, not {correction!r}")
    known = [p for p in p_values if p is not None]
    adjusted = iter(holm(known) if correction == "holm" else fdr_bh(known) if correction == "fdr_bh" else known)
    return [None if p is None else next(adjusted) for p in p_values]


def _probabilities(p_values: Sequence[float]) -> None:
    for p in p_values:
        if not 0 <= p <= 1:
            raise ValueError(f"a p-value lies between 0 and 1, got {p!r}")


def mann_whitney(a: ArrayLike, b: ArrayLike, alternative: Alternative = "two-sided") -> float:
    """p-value of the Mann-Whitney U test (rank-sum test) of two independent samples.

    With up to 50 observations together every arrangement of the ranks is counted, ties included (midranks); beyond, the
    normal approximation with corrections for ties and continuity. Mann and Whitney 1947; Hollander, Wolfe and Chicken 2013.

    Args:
        a: The first sample: finite numbers, at least one.
        b: The second sample, likewise.
        alternative: ``greater`` for a above b.

    Returns:
        The p-value, at least 1 / arrangements; 1 where all observations are equal.

    Raises:
        ValueError: For an empty sample, a number that is not finite, and an unknown alternative.

    >>> mann_whitney([4.0, 5.0, 6.0], [1.0, 2.0, 3.0]), mann_whitney([4.0, 5.0, 6.0], [1.0, 2.0, 3.0], "greater")
    (0.1, 0.05)
    """
    first, second = np.asarray(a, dtype=np.float64).ravel(), np.asarray(b, dtype=np.float64).ravel()
    if not len(first) or not len(second) or not np.isfinite(first).all() or not np.isfinite(second).all():
        raise ValueError("each of the two samples needs at least one number, and finite numbers alone")
    _known(alternative)
    _, codes, counts = np.unique(np.concatenate([first, second]), return_inverse=True, return_counts=True)
    doubled = (2 * np.cumsum(counts) - counts + 1)[codes]  # twice the midranks: whole numbers
    above, below = _rank_sum_tails(doubled, len(first), counts)
    if alternative == "greater":
        return above
    return below if alternative == "less" else min(1.0, 2 * min(above, below))


def _rank_sum_tails(doubled: NDArray[np.int64], n: int, ties: NDArray[np.int64]) -> tuple[float, float]:
    """P(W >= w) and P(W <= w) of twice the rank sum of the first `n` observations."""
    observed, total = int(doubled[:n].sum()), len(doubled)
    if total <= _EXACT_UP_TO:
        ways = np.zeros((n + 1, int(doubled.sum()) + 1), dtype=np.int64)  # [size of a subset, twice its rank sum]
        ways[0, 0] = 1
        for rank in doubled.tolist():
            ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank].copy()
        counts = ways[n]
        arrangements = math.comb(total, n)
        return int(counts[observed:].sum()) / arrangements, int(counts[: observed + 1].sum()) / arrangements
    centre = n * (total + 1)
    tied = float((ties.astype(np.float64) ** 3 - ties).sum()) / (total * (total - 1))
    spread = math.sqrt(n * (total - n) / 12 * (total + 1 - tied))
    if spread == 0:
        return 1.0, 1.0
    shift = (observed - centre) / 2
    return normal_tail((shift - 0.5) / spread), normal_tail((-shift - 0.5) / spread)


def _known(alternative: str) -> None:
    if alternative not in ("two-sided", "greater", "less"):
        raise ValueError(f"alternative is two-sided, greater or less, not {alternative!r}")
