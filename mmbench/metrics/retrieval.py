"""Retrieval: exact ranks in bounded memory, and the expected value of every metric under random tie-breaking.

What is guaranteed, and how. A matrix product in floating point may round the same pair of vectors differently at
another position of the matrix, in another block, with another number of threads or on another processor. Equal
gallery items would then not tie, a constant model would get ranks from noise, and ranks would depend on the order of the
data. Reading the positive's score from the same block as its rivals' does not cure that by itself. So `rank_counts`
first rounds the vectors to a grid of 26 bits below their norm, on which every product and every partial sum is a
whole number below 2**53: the product in float64 is exact. It follows, without any assumption on the BLAS, that

- equal gallery vectors tie exactly, and a constant model ties with everything;
- ranks depend neither on the order of queries and gallery, nor on the block, the threads or the machine.

What it costs: the scores are those of the rounded vectors. For unit vectors they differ from the scores of the given
vectors by about 1e-8, a fraction of the error of a product in float32, which decides between no two items that such a
product tells apart reliably. The grid of the gallery is set by its longest vector: normalise the vectors, or keep
their norms within a few orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from mmbench.core.metric import Metric
from mmbench.metrics.formulas import mean_metric, median_metric

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Ints = NDArray[np.int64]

KS = (1, 5, 10)
"""The cut-offs of the field."""

_GRID_BITS = 26
_NORM_MARGIN = 0.25
"""Norms are brought below 2**0.25, so that norms of about 1 do not fall on either side of a power of two."""
_BLOCK_BYTES = 32 * 2**20
"""Scores in memory at once."""
_COUNT_UP_TO = 16
"""With more positives than this, the rivals of a query are sorted rather than counted once for each positive."""
_SORT_BELOW = 1024
"""So are fewer rivals than this."""


@dataclass(frozen=True, slots=True, eq=False)
class RankCounts:
    """Where the positives of each query stand in its ranking: n queries, p positives in all."""

    indptr: Ints
    """int64 [n + 1]: the positives of query i stand at ``indptr[i]:indptr[i + 1]``."""
    greater: Ints
    """int64 [p]: gallery items that score higher than this positive."""
    tied: Ints
    """int64 [p]: gallery items, itself included, with exactly its score."""
    best_positives: Ints
    """int64 [n]: positives of the query that share the score of its best positive."""
    gallery: int
    """Number of gallery items."""

    @property
    def n_positives(self) -> Ints:
        """int64 [n]: positives of each query."""
        return np.diff(self.indptr)


def rank_counts(
    queries: Floats32, gallery: Floats32, indptr: Ints, positives: Ints, *, block: int | None = None
) -> RankCounts:
    """Rank the gallery for every query by dot product and count what stands above and beside each positive.

    Parameters:
    - `queries`, float32 [n, d], and `gallery`, float32 [m, d], best with rows of norm 1;
    - `indptr`, int64 [n + 1], and `positives`, int64 [p]: ``positives[indptr[i]:indptr[i + 1]]`` are the gallery
      rows that answer query i, at least one each and all different;
    - `block`: queries scored at once; by default as many as keep to 32 MiB of scores. It changes no result.

    Raises ValueError for NaN or infinite numbers, and for shapes or positives that do not fit.
    """
    _check(queries, gallery, indptr, positives)
    if block is None:
        block = max(1, _BLOCK_BYTES // (8 * max(len(gallery), 1)))
    elif block < 1:
        raise ValueError(f"block {block}: expected at least 1")
    columns = _on_grid(gallery, shared=True).T
    scores = np.empty((min(block, len(queries)), len(gallery)))
    greater, tied = np.empty((2, len(positives)), dtype=np.int64)
    limits = indptr.tolist()
    for start in range(0, len(queries), block):
        part = _on_grid(queries[start : start + block], shared=False)
        np.matmul(part, columns, out=scores[: len(part)])
        for query, row in enumerate(scores[: len(part)], start):
            span = slice(limits[query], limits[query + 1])
            greater[span], tied[span] = _rank(row, row[positives[span]])
    return _counted(indptr, greater, tied, len(gallery))


def chance_counts(indptr: Ints, gallery: int) -> RankCounts:
    """What `rank_counts` finds for a model to which all items are equal; its expected metrics are those of chance.

    Parameters: `indptr`, int64 [n + 1], as in `rank_counts`; `gallery`, the number of items.

    >>> expected_recall(chance_counts(np.array([0, 1]), 1000), 10).tolist()
    [0.01]
    """
    positives = int(indptr[-1])
    greater = np.zeros(positives, dtype=np.int64)
    return _counted(np.asarray(indptr, dtype=np.int64), greater, np.full(positives, gallery, dtype=np.int64), gallery)


def expected_hit(counts: RankCounts, k: int) -> Floats:
    """Probability that at least one positive is among the first k, over uniformly random orders of what ties.

    1 - C(t - p, r) / C(t, r) with r = min(max(k - g, 0), t): the best positive's score has g items above it and is
    shared by t, of which p are positives. Returns: float64 [n]. Raises ValueError for k below 1.

    >>> counts = RankCounts(np.array([0, 1]), np.array([2]), np.array([4]), np.array([1]), gallery=10)
    >>> [expected_hit(counts, k).item() for k in (2, 3, 5, 6)]
    [0.0, 0.25, 0.75, 1.0]
    """
    _check_cutoff(k)
    above, tied, positives = _best(counts)
    places = np.clip(k - above, 0, tied)
    return _each_distinct(_hit, tied, positives, places)


def expected_recall(counts: RankCounts, k: int) -> Floats:
    """Share of a query's positives that is expected among the first k, over uniformly random orders of what ties.

    The mean over its positives of min(max((k - greater) / tied, 0), 1). Returns: float64 [n]. Raises ValueError for k
    below 1.

    >>> counts = RankCounts(np.array([0, 2]), np.array([0, 3]), np.array([2, 4]), np.array([1]), gallery=10)
    >>> expected_recall(counts, 5).item()
    0.75
    """
    _check_cutoff(k)
    shares = np.clip((k - counts.greater) / counts.tied, 0.0, 1.0)
    owners = np.repeat(np.arange(len(counts.n_positives)), counts.n_positives)
    # Sorted within each query, so that the order in which its positives are listed does not reach the last bit.
    shares = shares[np.lexsort((shares, owners))]
    return np.asarray(np.add.reduceat(shares, counts.indptr[:-1]) / counts.n_positives)


def expected_rank(counts: RankCounts) -> Floats:
    """Expected rank of the first positive, from 1, over uniformly random orders of what ties.

    g + (t + 1) / (p + 1), where the best positive's score has g items above it and is shared by t, of which p are
    positives. Returns: float64 [n].

    >>> counts = RankCounts(np.array([0, 1]), np.array([2]), np.array([4]), np.array([1]), gallery=10)
    >>> expected_rank(counts).item()
    4.5
    """
    above, tied, positives = _best(counts)
    return above + (tied + 1) / (positives + 1)


def expected_reciprocal_rank(counts: RankCounts) -> Floats:
    """Expected reciprocal of the rank of the first positive, over uniformly random orders of what ties.

    The sum over x = 1 … t - p + 1 of C(t - x, p - 1) / C(t, p) / (g + x), where the best positive's score has g items
    above it and is shared by t, of which p are positives. Returns: float64 [n].

    >>> counts = RankCounts(np.array([0, 1]), np.array([0]), np.array([2]), np.array([1]), gallery=10)
    >>> expected_reciprocal_rank(counts).item()
    0.75
    """
    above, tied, positives = _best(counts)
    return _each_distinct(_reciprocal_rank, above, tied, positives)


def query_columns(counts: RankCounts, ks: Sequence[int] = KS) -> dict[str, Floats]:
    """The columns of a query table that `retrieval_metrics` reads, float64 [n] each.

    ``hit@k`` and ``recall@k`` for each k, ``rank`` (expected rank of the first positive) and ``rr`` (its expected
    reciprocal).
    """
    columns = {f"hit@{k}": expected_hit(counts, k) for k in ks}
    columns |= {f"recall@{k}": expected_recall(counts, k) for k in ks}
    return columns | {"rank": expected_rank(counts), "rr": expected_reciprocal_rank(counts)}


def retrieval_metrics(direction: str, ks: Sequence[int] = KS) -> list[Metric]:
    """The metrics of one direction over the table ``query_<direction>``, whose columns `query_columns` makes.

    Parameters: `direction`, such as ``i2t`` (a picture asks for its captions) or ``t2i``. Raises ValueError for a
    direction or a k that cannot stand in a metric's id.

    >>> [str(metric.id) for metric in retrieval_metrics("i2t", ks=(1,))]
    ['hit_rate@1(direction=i2t)', 'recall@1(direction=i2t)', 'median_rank(direction=i2t)', 'mrr(direction=i2t)']
    """
    unit = f"query_{direction}"
    ties = "expected value over uniformly random orders of ties"
    hits = [mean_metric(f"hit_rate@{k}(direction={direction})", unit, f"hit@{k}", reference=ties) for k in ks]
    recalls = [mean_metric(f"recall@{k}(direction={direction})", unit, f"recall@{k}", reference=ties) for k in ks]
    median = median_metric(f"median_rank(direction={direction})", unit, "rank", reference=ties)
    return [*hits, *recalls, median, mean_metric(f"mrr(direction={direction})", unit, "rr", reference=ties, scale=1.0)]


def expected_pair(queries: Floats32, gallery: Floats32) -> Floats:
    """Probability that both queries of a pair rank their own item above the other's, ties broken at random.

    Query j of a pair belongs to item j. The product over j of 1 where its own item scores higher, ½ where the two tie,
    0 otherwise. Parameters: `queries` and `gallery`, float32 [n, 2, d], best with vectors of norm 1; scores are exact
    as in `rank_counts`. Queries that are equal get 0, unless their items tie as well. Returns: float64 [n]. Raises
    ValueError for NaN or infinite numbers, and for shapes that do not fit.

    >>> items = np.array([[[1, 0], [0, 1]]], dtype=np.float32)
    >>> expected_pair(items, items).item(), expected_pair(items[:, [0, 0]], items).item()
    (1.0, 0.0)
    """
    if queries.shape != gallery.shape or queries.ndim != 3 or queries.shape[1] != 2:
        raise ValueError(f"queries {queries.shape} and gallery {gallery.shape}: expected [n, 2, d] twice")
    if not (np.isfinite(queries).all() and np.isfinite(gallery).all()):
        raise ValueError("the queries or the gallery hold NaN or infinite numbers")
    shape = queries.shape
    flat = (shape[0] * 2, shape[2])
    asked = _on_grid(queries.reshape(flat), shared=False).reshape(shape)
    items = _on_grid(gallery.reshape(flat), shared=True).reshape(shape)
    lead = np.einsum("nqd,nqd->nq", asked, items) - np.einsum("nqd,nqd->nq", asked, items[:, ::-1])
    return np.asarray(((np.sign(lead) + 1) / 2).prod(axis=1))


def pair_metric(direction: str) -> Metric:
    """``pair_accuracy(direction=…)``: the mean of `expected_pair`, the column ``pair`` of the table ``pair_<direction>``.

    Parameters: `direction`, ``t2i`` where captions rank pictures. Raises ValueError where it cannot stand in an id.
    """
    ties = "both queries of a pair right against each other's item (the image score of Winoground for t2i); ties: expected value"
    return mean_metric(f"pair_accuracy(direction={direction})", f"pair_{direction}", "pair", reference=ties)


def _check(queries: Floats32, gallery: Floats32, indptr: Ints, positives: Ints) -> None:
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise ValueError(f"queries {queries.shape} and gallery {gallery.shape}: expected [n, d] and [m, d]")
    for name, vectors in (("queries", queries), ("gallery", gallery)):
        if not np.isfinite(vectors).all():
            raise ValueError(f"the {name} hold NaN or infinite numbers")
    if indptr.shape != (len(queries) + 1,) or positives.ndim != 1 or indptr[0] != 0 or indptr[-1] != len(positives):
        raise ValueError(f"indptr {indptr.shape} does not divide {positives.shape} positives among the queries")
    if (np.diff(indptr) < 1).any():
        raise ValueError("a query has no positive")
    if len(positives) and not 0 <= positives.min() <= positives.max() < len(gallery):
        raise ValueError(f"a positive lies outside the gallery of {len(gallery)} items")
    owners = np.repeat(np.arange(len(queries)), np.diff(indptr))
    if len(np.unique(owners * len(gallery) + positives)) != len(positives):
        raise ValueError("a query names a positive twice")


def _check_cutoff(k: int) -> None:
    if k < 1:
        raise ValueError(f"k = {k}: expected at least 1")


def _on_grid(vectors: Floats32, *, shared: bool) -> Floats:
    """Whole numbers float64 [n, d] in place of vectors, scaled by powers of two, with norms below 2**26.25 or so.

    With `shared` one scale serves all rows. A query has a scale of its own: that changes no order among its scores.
    """
    exact = vectors.astype(np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    if shared:
        norms[:] = norms.max(initial=0.0)
    norms[norms == 0] = 1.0
    exponents = np.ceil(np.log2(norms) - _NORM_MARGIN).astype(np.int32)
    np.ldexp(exact, (_GRID_BITS - exponents)[:, None], out=exact)
    return np.rint(exact, out=exact)


def _rank(row: Floats, scores: Floats) -> tuple[Ints, Ints]:
    """How many numbers of `row` lie above each of `scores`, and how many equal it."""
    rivals = row[row >= scores.min()]
    if len(scores) > 1 and (len(scores) > _COUNT_UP_TO or len(rivals) < _SORT_BELOW):
        rivals.sort()
        ends = np.searchsorted(rivals, scores, side="right")
        return len(rivals) - ends, ends - np.searchsorted(rivals, scores, side="left")
    above = [np.count_nonzero(rivals > score) for score in scores]
    return np.array(above), np.array([np.count_nonzero(rivals == score) for score in scores])


def _counted(indptr: Ints, greater: Ints, tied: Ints, gallery: int) -> RankCounts:
    best = np.minimum.reduceat(greater, indptr[:-1])
    at_best = (greater == np.repeat(best, np.diff(indptr))).astype(np.int64)
    return RankCounts(indptr, greater, tied, np.add.reduceat(at_best, indptr[:-1]), gallery)


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
