"""Exact ranks in bounded memory: what is guaranteed, and how.

A matrix product in floating point may round the same pair of vectors differently at another position of the matrix, in
another block, with another number of threads or on another processor. Equal gallery items would then not tie, a constant
model would get ranks from noise, and ranks would depend on the order of the data. Reading the positive's score from the
same block as its rivals' does not cure that by itself. So ranks are defined by the scores of the vectors rounded to a grid
of 26 bits below their norm, on which every product and every partial sum is a whole number below 2**53: float64
holds it exactly. It follows, without any assumption on the BLAS, that

- equal gallery vectors tie exactly, and a constant model ties with everything;
- ranks depend neither on the order of queries and gallery, nor on the block, the threads or the machine.

What it costs: the scores are those of the rounded vectors. For unit vectors they differ from the scores of the given
vectors by about 1e-8, a fraction of the error of a product in float32, which decides between no two items that such a
product tells apart reliably. The grid of the gallery is set by its longest vector: normalise the vectors, or keep
their norms within a few orders of magnitude.

How it is fast: a product in float32 settles every score but those within its error bound of a positive's score
(`mmbench.metrics.retrieval.blocks`), and one product serves both directions. Vectors are read in parts, so they may be
files mapped to memory, in float16, float32 or float64; scores are in memory a block at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.metrics.retrieval.blocks import CpuEngine, Found, Limits
from mmbench.metrics.retrieval.counts import RankCounts, Relevant, counted
from mmbench.metrics.retrieval.grid import (
    MAX_DIM,
    Floats,
    Floats32,
    Ints,
    Side,
    exact_scores,
    float32_error,
    side,
)

Vectors = NDArray[Any]
"""Floats [n, d]: float16, float32 or float64, in memory or mapped to it."""

_Block = tuple[tuple[slice, Limits | None], tuple[slice, Limits | None]]
_LOADED = 8
"""Blocks of columns that are loaded together, so that rows are read less often."""
_PAIRS = 512
"""Exact scores of positives computed at once."""


def rank_counts(
    queries: Vectors,
    gallery: Vectors,
    indptr: Ints,
    positives: Ints,
    *,
    block: int | None = None,
) -> RankCounts:
    """Rank the gallery for every query by dot product and count what stands above and beside each positive.

    Args:
        queries: floats [n, d], best with rows of norm 1; read as float32.
        gallery: floats [m, d], likewise.
        indptr: int64 [n + 1]; ``positives[indptr[i]:indptr[i + 1]]`` are the gallery rows that answer query i.
        positives: int64 [p], at least one for each query and all different.
        block: Rows and columns of the scores that are computed at once, at most; it changes no result.

    Returns:
        The counts, exact as this module says.

    Raises:
        ValueError: If there are NaN or infinite numbers, or shapes or positives do not fit.

    Example:
        >>> vectors = np.eye(3, dtype=np.float32)
        >>> rank_counts(vectors, vectors, np.arange(4), np.arange(3)).greater.tolist()
        [0, 0, 0]
    """
    relevant = Relevant(np.arange(len(queries)), np.asarray(indptr), np.asarray(positives))
    _check_vectors(("queries", queries), ("gallery", gallery))
    _check_relevant(relevant, len(queries), len(gallery))
    asking, items = side("queries", queries), side("gallery", gallery).shared()
    found, _ = _both(asking, items, (relevant, None), block)
    return found


def rank_both(
    images: Vectors,
    texts: Vectors,
    i2t: Relevant,
    t2i: Relevant,
    *,
    block: int | None = None,
) -> tuple[RankCounts, RankCounts]:
    """Count as `rank_counts` does in both directions, at the price of one product.

    When some norms differ by more than a factor of about 2, each direction needs a product of its own.

    Args:
        images: floats [n, d].
        texts: floats [m, d].
        i2t: Which images ask and what texts answer them; `captions_of_images` makes both directions.
        t2i: The same of texts.
        block: As in `rank_counts`.

    Returns:
        The counts from image to text and from text to image; they are those of `rank_counts`.

    Raises:
        ValueError: As `rank_counts` does.

    Example:
        >>> from mmbench.metrics import captions_of_images
        >>> vectors = np.eye(3, dtype=np.float32)
        >>> i2t, t2i = rank_both(vectors, vectors[[0, 0, 1, 2]], *captions_of_images(np.array([0, 0, 1, 2]), 3))
        >>> i2t.greater.tolist(), i2t.tied.tolist(), t2i.greater.tolist(), t2i.tied.tolist()
        ([0, 0, 0, 0], [2, 2, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1])
    """
    _check_vectors(("images", images), ("texts", texts))
    _check_relevant(i2t, len(images), len(texts))
    _check_relevant(t2i, len(texts), len(images))
    rows, columns = side("images", images), side("texts", texts)
    if rows.of_one_scale() and columns.of_one_scale():
        return _both(rows.shared(), columns.shared(), (i2t, t2i), block)
    forth, _ = _both(rows, columns.shared(), (i2t, None), block)
    back, _ = _both(columns, rows.shared(), (t2i, None), block)
    return forth, back


class _Direction:
    """The queries of one direction, with what has been counted for them."""

    def __init__(self, relevant: Relevant, sides: tuple[Side, Side], engine: CpuEngine) -> None:
        """Parameters: `sides`, the vectors that ask, then those that answer."""
        asking, items = sides
        sizes = np.diff(relevant.indptr)
        counts = np.zeros(len(asking), dtype=np.int64)
        counts[relevant.rows] = sizes
        self.relevant = relevant
        self.gallery = len(items)
        self.starts = np.concatenate(([0], np.cumsum(counts)))
        self.owners = np.repeat(relevant.rows, sizes)
        self.slots = np.arange(len(relevant.positives)) - np.repeat(relevant.indptr[:-1], sizes)
        self.exact = _exact_scores(sides, (self.owners, relevant.positives), engine)
        error = float32_error(asking.vectors.shape[1], asking.norms, float(items.norms.max(initial=0.0)))[self.owners]
        self.low = np.nextafter((self.exact - error).astype(np.float32), np.float32(-np.inf))
        self.high = np.nextafter((self.exact + error).astype(np.float32), np.float32(np.inf))
        self.greater, self.tied = np.zeros((2, len(relevant.positives)), dtype=np.int64)

    def limits(self, queries: slice) -> Limits | None:
        """What these queries are compared with; None when none of them asks."""
        pairs = slice(int(self.starts[queries.start]), int(self.starts[queries.stop]))
        if pairs.start == pairs.stop:
            return None
        slots, owners = self.slots[pairs], self.owners[pairs] - queries.start
        shape = int(slots.max()) + 1, queries.stop - queries.start
        low, high = np.full((2, *shape), np.inf, dtype=np.float32)
        exact = np.full(shape, np.inf)
        low[slots, owners], high[slots, owners] = self.low[pairs], self.high[pairs]
        exact[slots, owners] = self.exact[pairs]
        return Limits(low, high, exact)

    def add(self, queries: slice, found: Found) -> None:
        """Add what a block has found for these queries."""
        if found is None:
            return
        pairs = slice(int(self.starts[queries.start]), int(self.starts[queries.stop]))
        places = self.slots[pairs], self.owners[pairs] - queries.start
        self.greater[pairs] += found[0][places]
        self.tied[pairs] += found[1][places]

    def counts(self) -> RankCounts:
        return counted(self.relevant.indptr, self.greater, self.tied, self.gallery)


def _both(
    rows: Side, columns: Side, asked: tuple[Relevant, Relevant | None], block: int | None
) -> tuple[RankCounts, RankCounts]:
    if block is not None and block < 1:
        raise ValueError(f"block {block}: expected at least 1")
    engine = CpuEngine()
    try:
        return count_all(rows, columns, asked, engine, block)
    finally:
        engine.close()


def count_all(
    rows: Side, columns: Side, asked: tuple[Relevant, Relevant | None], engine: CpuEngine, block: int | None = None
) -> tuple[RankCounts, RankCounts]:
    """The counts of the rows that ask, and of the columns that do; with None for the columns, the rows' twice."""
    forth = _Direction(asked[0], (rows, columns), engine)
    back = _Direction(asked[1], (columns, rows), engine) if asked[1] is not None else None
    loaded, height, width = (min(block or size, size) for size in (engine.loaded, engine.rows, engine.columns))
    dim = rows.vectors.shape[1]
    wide = np.empty((min(width * _LOADED, len(columns)), dim), dtype=np.float32)
    high = np.empty((min(loaded, len(rows)), dim), dtype=np.float32)
    for outer in _spans(0, len(columns), width * _LOADED):
        right = columns.part(outer, wide)
        across = [(span, back.limits(span) if back else None) for span in _spans(outer.start, outer.stop, width)]
        for span in _spans(0, len(rows), loaded):
            left = rows.part(span, high)
            down = [(part, forth.limits(part)) for part in _spans(span.start, span.stop, height)]
            blocks = list(product(down, across))
            count = partial(_count, engine, (left, span.start), (right, outer.start))
            for ((one, _), (other, _)), (found, found_back) in zip(blocks, engine.map(count, blocks), strict=True):
                forth.add(one, found)
                if back:
                    back.add(other, found_back)
    return forth.counts(), (back or forth).counts()


def _count(engine: CpuEngine, left: tuple[Any, int], right: tuple[Any, int], block: _Block) -> tuple[Found, Found]:
    """What the engine finds in a block; `left` and `right` are what is loaded and its first row."""
    (rows, limits), (columns, limits_back) = block
    return engine.count(left[0][_moved(rows, left[1])], right[0][_moved(columns, right[1])], limits, limits_back)


def _moved(span: slice, start: int) -> slice:
    return slice(span.start - start, span.stop - start)


def _spans(start: int, stop: int, size: int) -> Iterator[slice]:
    return (slice(first, min(first + size, stop)) for first in range(start, stop, size))


def _exact_scores(sides: tuple[Side, Side], pairs: tuple[Ints, Ints], engine: CpuEngine) -> Floats:
    """Exact scores of pairs (row that asks, row that answers): float64 [p]."""

    def some(span: slice) -> Floats:
        parts: list[Floats32] = [each.part(rows[span]) for each, rows in zip(sides, pairs, strict=True)]
        return exact_scores(*parts)

    return np.concatenate([np.empty(0), *engine.map(some, _spans(0, len(pairs[0]), _PAIRS))])


def _check_vectors(first: tuple[str, Vectors], second: tuple[str, Vectors]) -> None:
    one, two = first[1].shape, second[1].shape
    if len(one) != 2 or len(two) != 2 or one[1] != two[1]:
        raise ValueError(f"{first[0]} {one} and {second[0]} {two}: expected [n, d] and [m, d]")
    if one[1] > MAX_DIM:
        raise ValueError(f"vectors of {one[1]} numbers: expected at most {MAX_DIM}")
    for name, vectors in (first, second):
        if vectors.dtype.kind != "f":
            raise ValueError(f"the {name} are of type {vectors.dtype}: expected floats")


def _check_relevant(relevant: Relevant, queries: int, gallery: int) -> None:
    rows, indptr, positives = relevant.rows, relevant.indptr, relevant.positives
    if len(rows) and (rows[0] < 0 or rows[-1] >= queries or (np.diff(rows) < 1).any()):
        raise ValueError(f"the rows that ask are not different rows of {queries} in increasing order")
    if indptr.shape != (len(rows) + 1,) or positives.ndim != 1 or indptr[0] != 0 or indptr[-1] != len(positives):
        raise ValueError(f"indptr {indptr.shape} does not divide {positives.shape} positives among the queries")
    if (np.diff(indptr) < 1).any():
        raise ValueError("a query has no positive")
    if len(positives) and not 0 <= positives.min() <= positives.max() < gallery:
        raise ValueError(f"a positive lies outside the gallery of {gallery} items")
    owners = np.repeat(np.arange(len(rows)), np.diff(indptr))
    if len(np.unique(owners * gallery + positives)) != len(positives):
        raise ValueError("a query names a positive twice")
