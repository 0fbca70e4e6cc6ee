"""Late interaction: items of several vectors each, ranked by MaxSim, exactly and in bounded memory.

As in `mmbench.metrics.retrieval.ranks`, vectors are rounded to a grid on which every sum is a whole number below 2**53, so that
float64 holds all scores exactly: equal items tie, and neither order nor blocks nor threads change a rank. A score sums over
the vectors of a query, which takes bits of its own: the grid has 26 bits below the norm, less one for each factor of four in the
number of a query's vectors (23 for 64 vectors, 20 for 4,096).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.metrics.retrieval.counts import RankCounts, Relevant, counted
from mmbench.metrics.retrieval.grid import GRID_BITS, Floats, Ints

_QUERY_VECTORS = 1024
"""Vectors of queries that are multiplied at once; a query that has more comes alone."""
_ITEM_VECTORS = 8192
"""Vectors of the gallery that are multiplied at once; an item that has more comes alone. A block of products is 64 MB."""

Items = Sequence[NDArray[Any]]
"""Floats [n_i, d] for each item, which may be parts of a file that is mapped to memory."""


def max_sim(query: NDArray[Any], item: NDArray[Any]) -> float:
    r"""Late interaction of two items: every vector of the query takes the best that it finds.

    .. math:: s(q, d) = \sum_i \max_j \langle q_i, d_j \rangle

    Args:
        query: floats [n, d], best with rows of norm 1.
        item: floats [m, d].

    Returns:
        The score. Source: Khattab & Zaharia, ColBERT, SIGIR 2020; Faysse et al., ColPali, ICLR 2025.

    Example:
        >>> max_sim(np.eye(2), np.array([[1.0, 0.0], [0.6, 0.8]]))
        1.8
    """
    return float((np.asarray(query, dtype=np.float64) @ np.asarray(item, dtype=np.float64).T).max(axis=1).sum())


def rank_late(queries: Items, gallery: Items, relevant: Relevant, *, normalise: bool = True) -> RankCounts:
    """Rank the gallery for every query by MaxSim and count what stands above and beside each positive.

    Vectors that are zero are padding and take no part.

    Args:
        queries: floats [n_i, d] for each item that may ask.
        gallery: floats [m_j, d] for each item.
        relevant: Which queries ask, and which items answer them.
        normalise: Whether vectors are brought to norm 1 first.

    Returns:
        The counts, exact as this module says. A block of products and the scores of a block of queries are in memory at once.

    Raises:
        ValueError: If an item has no vector other than zero, or numbers that are NaN or infinite.
    """
    most = max((len(queries[row]) for row in relevant.rows.tolist()), default=1)
    grid = _Grid(most, normalise=normalise)
    greater, tied = np.zeros((2, len(relevant.positives)), dtype=np.int64)
    sizes = [len(queries[row]) for row in relevant.rows.tolist()]
    for some in _blocks(sizes, _QUERY_VECTORS):
        asked = [queries[row] for row in relevant.rows[some].tolist()]
        scores = np.empty((len(asked), len(gallery)))
        vectors, starts = grid.of(asked)
        for columns in _blocks([len(item) for item in gallery], _ITEM_VECTORS):
            items, edges = grid.of(gallery[columns])
            best = np.maximum.reduceat(vectors @ items.T, edges, axis=1)
            scores[:, columns] = np.add.reduceat(best, starts, axis=0)
        for place, own in enumerate(scores):
            pairs = slice(*relevant.indptr[some.start + place : some.start + place + 2].tolist())
            wanted = own[relevant.positives[pairs]]
            order = np.sort(own)
            above = len(own) - np.searchsorted(order, wanted, side="right")
            greater[pairs] = above
            tied[pairs] = len(own) - above - np.searchsorted(order, wanted, side="left")
    return counted(relevant.indptr, greater, tied, len(gallery))


def expected_pair_late(queries: Sequence[Items], gallery: Sequence[Items], *, normalise: bool = True) -> Floats:
    """`expected_pair` by MaxSim.

    Args:
        queries: The two queries of each of n pairs, floats [n_i, d] each.
        gallery: The two items of each pair, likewise; query j of a pair belongs to item j.
        normalise: Whether vectors are brought to norm 1 first.

    Returns:
        float64 [n] in [0, 1].

    Raises:
        ValueError: As `rank_late` does.
    """
    found = np.empty(len(queries))
    for number, (asked, items) in enumerate(zip(queries, gallery, strict=True)):
        counts = rank_late(asked, items, Relevant(np.arange(2), np.arange(3), np.arange(2)), normalise=normalise)
        found[number] = ((counts.greater == 0) * np.where(counts.tied == 2, 0.5, 1.0)).prod()
    return found


class _Grid:
    """Rounds vectors to whole numbers such that the scores of queries with so many vectors are exact."""

    def __init__(self, most: int, *, normalise: bool) -> None:
        self._scale = 2.0 ** (GRID_BITS - int(np.ceil(np.log2(max(1, most)) / 2)))
        self._normalise = normalise

    def of(self, items: Items) -> tuple[Floats, Ints]:
        """The vectors of items below each other, zeros left out: whole numbers float64 [t, d], and where each item starts."""
        parts = [self._part(item) for item in items]
        sizes = [len(part) for part in parts]
        return np.concatenate(parts), np.concatenate(([0], np.cumsum(sizes[:-1], dtype=np.int64))).astype(np.int64)

    def _part(self, item: NDArray[Any]) -> Floats:
        vectors = np.asarray(item, dtype=np.float64)
        norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        if not np.isfinite(norms).all():
            raise ValueError("an item holds NaN or infinite numbers")
        vectors, norms = vectors[norms > 0], norms[norms > 0]
        if len(vectors) == 0:
            raise ValueError("an item has no vector other than zero")
        return np.asarray(np.rint((vectors / norms[:, None] if self._normalise else vectors) * self._scale))


def _blocks(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Neighbours that have at most so many vectors together, or one alone that has more."""
    start = total = 0
    for place, size in enumerate(sizes):
        if place > start and total + size > most:
            yield slice(start, place)
            start, total = place, 0
        total += size
    if start < len(sizes):
        yield slice(start, len(sizes))
