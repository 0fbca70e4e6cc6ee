"""Values of the metrics for each query, from the counts: expected over the orders of what ties, or with ties placed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb

import numpy as np
from numpy.typing import NDArray

from mmbench.metrics.retrieval.counts import RankCounts
from mmbench.metrics.retrieval.declarations import KS, TIES, Ties

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def expected_hit(counts: RankCounts, k: int) -> Floats:
    r"""Probability that at least one positive is among the first k, over uniformly random orders of what ties.

    .. math:: 1 - \binom{t - p}{r} / \binom{t}{r}, \quad r = \min(\max(k - g, 0), t)

    where the best positive's score has g items above it and is shared by t, of which p are positives.

    Args:
        counts: Of n queries.
        k: The cut-off.

    Returns:
        float64 [n] in [0, 1].

    Raises:
        ValueError: If k is below 1.

    Example:
        >>> counts = RankCounts(np.array([0, 1]), np.array([2]), np.array([4]), np.array([1]), gallery=10)
        >>> [expected_hit(counts, k).item() for k in (2, 3, 5, 6)]
        [0.0, 0.25, 0.75, 1.0]
    """
    _check_cutoff(k)
    above, tied, positives = _best(counts)
    places = np.clip(k - above, 0, tied)
    return _each_distinct(_hit, tied, positives, places)


def expected_recall(counts: RankCounts, k: int) -> Floats:
    r"""Share of a query's positives that is expected among the first k, over uniformly random orders of what ties.

    .. math:: \frac{1}{p} \sum_j \min(\max((k - g_j) / t_j, 0), 1)

    where the score of positive j has g_j items above it and is shared by t_j.

    Args:
        counts: Of n queries.
        k: The cut-off.

    Returns:
        float64 [n] in [0, 1].

    Raises:
        ValueError: If k is below 1.

    Example:
        >>> counts = RankCounts(np.array([0, 2]), np.array([0, 3]), np.array([2, 4]), np.array([1]), gallery=10)
        >>> expected_recall(counts, 5).item()
        0.75
    """
    _check_cutoff(k)
    shares = np.clip((k - counts.greater) / counts.tied, 0.0, 1.0)
    # Sorted within each query, so that the order in which its positives are listed does not reach the last bit.
    shares = shares[np.lexsort((shares, _owners(counts)))]
    return np.asarray(np.add.reduceat(shares, counts.indptr[:-1]) / counts.n_positives)


def _discounts(places: int) -> Floats:
    """Sums of 1 / log2(1 + rank) over the first 0, 1, … ranks: float64 [places + 1]."""
    return np.concatenate(([0.0], np.cumsum(1 / np.log2(np.arange(2, places + 2)))))


def _best_gain(counts: RankCounts, k: int) -> Floats:
    """The gain of a ranking with all positives in front, for each query: float64 [n]."""
    return np.asarray(_discounts(k)[np.minimum(counts.n_positives, k)])


def expected_ndcg(counts: RankCounts, k: int) -> Floats:
    r"""Expected nDCG of the first k, positives counting 1 and others 0, over uniformly random orders of what ties.

    .. math:: \sum_j \frac{1}{t_j} \sum_{x = g_j + 1}^{\min(g_j + t_j, k)} \frac{1}{\log_2(1 + x)}
        \Big/ \sum_{x=1}^{\min(p, k)} \frac{1}{\log_2(1 + x)}

    where the score of positive j has g_j items above it and is shared by t_j, and p are positives.

    Args:
        counts: Of n queries.
        k: The cut-off.

    Returns:
        float64 [n] in [0, 1]. Source: Järvelin and Kekäläinen 2002; for ties McSherry and Najork 2008.

    Raises:
        ValueError: If k is below 1.

    Example:
        >>> counts = RankCounts(np.array([0, 1]), np.array([1]), np.array([1]), np.array([1]), gallery=10)
        >>> expected_ndcg(counts, 10).round(6).item()
        0.63093
    """
    _check_cutoff(k)
    sums = _discounts(k)
    gains = (sums[np.minimum(counts.greater + counts.tied, k)] - sums[np.minimum(counts.greater, k)]) / counts.tied
    gains = gains[np.lexsort((gains, _owners(counts)))]
    return np.asarray(np.minimum(np.add.reduceat(gains, counts.indptr[:-1]) / _best_gain(counts, k), 1.0))


def expected_rank(counts: RankCounts) -> Floats:
    r"""Expected rank of the first positive, from 1, over uniformly random orders of what ties.

    .. math:: g + (t + 1) / (p + 1)

    where the best positive's score has g items above it and is shared by t, of which p are positives.

    Args:
        counts: Of n queries.

    Returns:
        float64 [n], at least 1.

    Example:
        >>> counts = RankCounts(np.array([0, 1]), np.array([2]), np.array([4]), np.array([1]), gallery=10)
        >>> expected_rank(counts).item()
        4.5
    """
    above, tied, positives = _best(counts)
    return above + (tied + 1) / (positives + 1)


def expected_reciprocal_rank(counts: RankCounts) -> Floats:
    r"""Expected reciprocal of the rank of the first positive, over uniformly random orders of what ties.

    .. math:: \sum_{x=1}^{t-p+1} \binom{t - x}{p - 1} / \binom{t}{p} \cdot \frac{1}{g + x}

    where the best positive's score has g items above it and is shared by t, of which p are positives.

    Args:
        counts: Of n queries.

    Returns:
        float64 [n] in (0, 1].

    Example:
        >>> counts = RankCounts(np.array([0, 1]), np.array([0]), np.array([2]), np.array([1]), gallery=10)
        >>> expected_reciprocal_rank(counts).item()
        0.75
    """
    above, tied, positives = _best(counts)
    return _each_distinct(_reciprocal_rank, above, tied, positives)


def placed_ranks(counts: RankCounts, ties: Ties) -> Ints:
    """Rank all positives when they stand before, or after, whatever else ties with them.

    Args:
        counts: Of n queries with p positives in all.
        ties: ``optimistic`` or ``pessimistic``.

    Returns:
        int64 [p], from 1, in increasing order for each query.

    Raises:
        ValueError: If the rule for ties is another.

    Example:
        >>> counts = RankCounts(np.array([0, 2]), np.array([2, 2]), np.array([4, 4]), np.array([2]), gallery=10)
        >>> placed_ranks(counts, "optimistic").tolist(), placed_ranks(counts, "pessimistic").tolist()
        ([3, 4], [5, 6])
    """
    if ties not in TIES[1:]:
        raise ValueError(f"ties {ties!r}: expected {' or '.join(TIES[1:])}")
    owners = _owners(counts)
    order = np.lexsort((counts.greater, owners))
    greater, tied = counts.greater[order], counts.tied[order]
    # Positives of a query that tie follow one another: one group each.
    starts = np.flatnonzero(np.diff(greater, prepend=-1) | np.diff(owners, prepend=-1))
    sizes = np.diff(starts, append=len(greater))
    within = np.arange(len(greater)) - np.repeat(starts, sizes)
    others = tied - np.repeat(sizes, sizes) if ties == "pessimistic" else 0
    return np.asarray(greater + others + within + 1)


def query_columns(counts: RankCounts, ks: Sequence[int] = KS, ties: Ties = "expected") -> dict[str, Floats]:
    """Compute the columns of a query table that `retrieval_metrics` reads.

    Args:
        counts: Of n queries.
        ks: The cut-offs.
        ties: Where positives stand among what ties with them.

    Returns:
        ``hit@k``, ``recall@k`` and ``ndcg@k`` for each k, ``rank`` (of the first positive) and ``rr`` (its reciprocal), float64 [n] each.

    Raises:
        ValueError: If a k is below 1, or there is no such rule for ties.

    Example:
        >>> counts = RankCounts(np.array([0, 1]), np.array([0]), np.array([4]), np.array([1]), gallery=4)
        >>> {ties: query_columns(counts, (1,), ties)["hit@1"].item() for ties in TIES}
        {'expected': 0.25, 'optimistic': 1.0, 'pessimistic': 0.0}
    """
    if ties == "expected":
        columns = {f"hit@{k}": expected_hit(counts, k) for k in ks}
        columns |= {f"recall@{k}": expected_recall(counts, k) for k in ks}
        columns |= {f"ndcg@{k}": expected_ndcg(counts, k) for k in ks}
        return columns | {"rank": expected_rank(counts), "rr": expected_reciprocal_rank(counts)}
    for k in ks:
        _check_cutoff(k)
    ranks = placed_ranks(counts, ties)
    first = ranks[counts.indptr[:-1]].astype(np.float64)
    columns = {f"hit@{k}": (first <= k).astype(np.float64) for k in ks}
    within = {k: np.add.reduceat((ranks <= k).astype(np.int64), counts.indptr[:-1]) for k in ks}
    columns |= {f"recall@{k}": found / counts.n_positives for k, found in within.items()}
    for k in ks:
        gains = np.where(ranks <= k, 1 / np.log2(1.0 + ranks), 0.0)
        columns[f"ndcg@{k}"] = np.add.reduceat(gains, counts.indptr[:-1]) / _best_gain(counts, k)
    return columns | {"rank": first, "rr": 1 / first}


def _check_cutoff(k: int) -> None:
    if k < 1:
        raise ValueError(f"k = {k}: expected at least 1")


def _owners(counts: RankCounts) -> Ints:
    """The query of each positive: int64 [p]."""
    return np.repeat(np.arange(len(counts.n_positives)), counts.n_positives)


def _best(counts: RankCounts) -> tuple[Ints, Ints, Ints]:
    """Of the best positive's score, for each query: items above, items that share it, positives that share it."""
    above = np.minimum.reduceat(counts.greater, counts.indptr[:-1])
    at_best = counts.greater == np.repeat(above, counts.n_positives)
    tied = np.maximum.reduceat(np.where(at_best, counts.tied, 0), counts.indptr[:-1])
    return above, tied, counts.best_positives


def _each_distinct(function: Callable[[int, int, int], float], *columns: Ints) -> Floats:
    """The function of each row of three columns, called once for every distinct row: float64 [n]."""
    distinct, inverse = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    values = np.array([function(*row) for row in distinct.tolist()], dtype=np.float64)
    return values[inverse.reshape(-1)]


def _hit(tied: int, positives: int, places: int) -> float:
    """1 - C(t - p, r) / C(t, r) in whole numbers, rounded once. It is symmetrical in p and r; few factors are fast."""
    few, many = sorted((positives, places))
    orders = comb(tied, few)
    return (orders - comb(tied - many, few)) / orders


def _reciprocal_rank(above: int, tied: int, positives: int) -> float:
    places = np.arange(1, tied - positives + 2)
    # P(x + 1) / P(x) = (t - x - p + 1) / (t - x), from P(1) = p / t.
    steps = (tied - places[:-1] - positives + 1) / (tied - places[:-1])
    chances = np.cumprod(np.concatenate(([positives / tied], steps)))
    return float((chances / (above + places)).sum())
