"""Counting in blocks of scores: a product in float32 decides what it can, the exact product on the grid the rest.

A score in float32 that lies further from a positive's exact score than the error of the product (`grid.float32_error`)
is certainly above or below it. What lies closer is computed again, exactly; where that is much of a strip (copies of
one vector, a model that says the same of everything), the whole strip is. So the counts are those of the exact scores.

A block is counted in strips of rows that stay in a core's cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from threading import RLock, local
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from mmbench.metrics.retrieval.grid import Floats, Floats32, Ints, exact_scores

DENSE = 64
"""When more than one in so many scores of a strip is in doubt, all of them are computed exactly."""

_COLUMNS = 2040
"""Scores in a row of a block: 255 words of 8 bytes, so that the bytes of a sum of words cannot overflow."""
_ROWS = 512
"""Rows of a block: the product of fewer would be slower."""
_STRIP = 64
"""Rows that are counted at once: 0.5 MB of scores. Fewer than 256, for the same reason."""
_SORT_ABOVE = 32
"""With more positives than this for a row, its scores are sorted rather than compared once for each positive."""
_PAIRS = 256
"""Scores that are computed exactly at once."""

Pair = tuple[Ints, Ints]


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    """What n queries are compared with: a slot for each of their positives, infinite where a query has fewer."""

    low: Floats32
    """float32 [s, n]: a score below this is certainly below the positive's."""
    high: Floats32
    """float32 [s, n]: a score above this is certainly above the positive's."""
    exact: Floats
    """float64 [s, n]: the positive's score on the grid, a whole number."""

    def of(self, queries: slice) -> Limits:
        """Those of some of the queries."""
        return Limits(self.low[:, queries], self.high[:, queries], self.exact[:, queries])


Found = Pair | None
"""Scores above each positive and those equal to it, int64 [s, n] twice; None where nobody asked."""


class CpuEngine:
    """BLAS through NumPy, in threads that each multiply and count a block of their own.

    Parameters: `threads`, by default as many as the BLAS uses, or one for each core that the process may use.
    """

    rows = _ROWS
    columns = _COLUMNS

    def __init__(self, threads: int | None = None) -> None:
        self._held = ExitStack()
        used = self._held.enter_context(single_threaded_products())
        threads = threads or used or _cores()
        self.loaded = _ROWS * threads
        self._pool = self._held.enter_context(ThreadPoolExecutor(threads)) if threads > 1 else None
        self._local = local()

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """The function of each item, in order, in the threads."""
        return map(function, items) if self._pool is None else self._pool.map(function, items)

    def close(self) -> None:
        """End the threads, and let the BLAS use as many as before."""
        self._held.close()

    def count(
        self, left: Floats32, right: Floats32, rows: Limits | None, columns: Limits | None
    ) -> tuple[Found, Found]:
        """Count the scores of every row of `left` [r, d] with every row of `right` [c, d], c ≤ 2,040, by row and by column."""
        scores = np.matmul(left, right.T, out=self._memory("scores", (len(left), len(right)), np.float32))
        wide: Floats | None = None
        by_row, by_column = [], []
        for start in range(0, len(left), _STRIP):
            span = slice(start, min(start + _STRIP, len(left)))
            asked = rows.of(span) if rows is not None else None
            found = _filtered(scores[span], (left[span], right), asked, columns)
            if found is None:
                if wide is None:
                    wide = self._memory("wide", right.shape, np.float64)
                    wide[:] = right
                exact = self._memory("exact", (span.stop - start, len(right)), np.float64)
                found = _exact(np.matmul(left[span].astype(np.float64), wide.T, out=exact), asked, columns)
            by_row.append(found[0])
            by_column.append(found[1])
        return _side_by_side(by_row), _added(by_column)

    def _memory(self, name: str, shape: tuple[int, int], dtype: type[np.floating[Any]]) -> NDArray[Any]:
        """Memory that the thread uses again and again: new memory costs as much as a product."""
        size = shape[0] * shape[1]
        kept: NDArray[Any] | None = getattr(self._local, name, None)
        if kept is None or kept.size < size:
            kept = np.empty(size, dtype=dtype)
            setattr(self._local, name, kept)
        return kept[:size].reshape(shape)


@contextmanager
def single_threaded_products() -> Iterator[int | None]:
    """Keep products in the thread that asks for them, because threads that each ask for one would take time from each other.

    The number of threads is a setting of the process: it comes back afterwards, and whoever comes second waits.

    Yields:
        The number of threads that products used before; None where the BLAS cannot be asked and does as it did.
    """
    with _ONE_AT_A_TIME:
        threads = max((each["num_threads"] for each in _blas().info()), default=None)
        with _blas().limit(limits=1):
            yield threads


_ONE_AT_A_TIME = RLock()


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="blas")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _side_by_side(parts: list[Found]) -> Found:
    found = [part for part in parts if part is not None]
    if not found:
        return None
    return np.concatenate([above for above, _ in found], axis=1), np.concatenate([tied for _, tied in found], axis=1)


def _added(parts: list[Found]) -> Found:
    found = [part for part in parts if part is not None]
    return (sum(above for above, _ in found), sum(tied for _, tied in found)) if found else None  # type: ignore[return-value]


# --- one strip ---


def _filtered(
    scores: Floats32, sides: tuple[Floats32, Floats32], rows: Limits | None, columns: Limits | None
) -> tuple[Found, Found] | None:
    """The counts of a strip of scores in float32, of the vectors of its two sides; None when too many are in doubt."""
    found: list[Found] = []
    for axis, limits in ((0, rows), (1, columns)):
        if limits is None:
            found.append(None)
            continue
        compared = _compared(_Strip(scores, axis), limits.low, limits.high, scores.size // DENSE)
        if compared is None:
            return None
        above, tied, doubtful = compared
        if doubtful:
            tied[:] = 0
            slots, queries, items = (np.concatenate(part) for part in zip(*doubtful, strict=True))
            asking, answering = sides[axis], sides[1 - axis]
            for first in range(0, len(slots), _PAIRS):
                some = slice(first, first + _PAIRS)
                place = slots[some], queries[some]
                vectors = asking.take(queries[some], axis=0), answering.take(items[some], axis=0)
                lead = exact_scores(*vectors) - limits.exact[place]
                np.add.at(above, place, lead > 0)
                np.add.at(tied, place, lead == 0)
        found.append((above, tied))
    return found[0], found[1]


def _exact(scores: Floats, rows: Limits | None, columns: Limits | None) -> tuple[Found, Found]:
    """The counts of a strip of exact scores."""
    found: list[Found] = []
    for axis, limits in ((0, rows), (1, columns)):
        compared = None if limits is None else _compared(_Strip(scores, axis), limits.exact, limits.exact, None)
        found.append(None if compared is None else compared[:2])
    return found[0], found[1]


class _Strip:
    """Scores [r, c] of queries along an axis, and masks to compare them into."""

    def __init__(self, scores: NDArray[Any], axis: int) -> None:
        self.scores = scores
        self.axis = axis
        width = -(-scores.shape[1] // 8) * 8  # whole words; what is over stays 0
        self._masks = np.zeros((2, len(scores), width), dtype=bool)

    def only(self, queries: Ints) -> _Strip:
        """The scores of some of the queries."""
        return _Strip(self.scores.take(queries, axis=self.axis), self.axis)

    def count(self, mask: int, compare: np.ufunc, limits: NDArray[Any]) -> Ints:
        """Scores that compare so with their query's limit, into one of the masks: int64 [n]."""
        found = self._masks[mask]
        width = self.scores.shape[1]
        compare(self.scores, limits[:, None] if self.axis == 0 else limits, out=found[:, :width])
        if self.axis == 0:
            sums = found.view(np.uint64).sum(axis=1, keepdims=True)
            return np.asarray(sums.view(np.uint8).sum(axis=1, dtype=np.int64))
        return np.asarray(found.view(np.uint8).sum(axis=0, dtype=np.uint8)[:width].astype(np.int64))

    def differing(self) -> Pair:
        """Query and item where the masks differ."""
        one, two = self._masks
        flat = np.flatnonzero(np.logical_xor(one, two, out=two))
        row, column = np.divmod(flat, two.shape[1])
        return (row, column) if self.axis == 0 else (column, row)


def _compared(
    strip: _Strip, low: NDArray[Any], high: NDArray[Any], most: int | None
) -> tuple[Ints, Ints, list[tuple[Ints, Ints, Ints]]] | None:
    """Count scores above `high` and those from `low` to `high`: int64 [s, n] twice, and which the latter are.

    Parameters: `most`, how many may be between the two, else the answer is None; None for any number of them, which are
    then counted and not named. The third part: slots, queries and items, int64 [z] each, in several pieces.
    """
    if len(low) > _SORT_ABOVE:
        return _by_sorting(strip, low, high, most)
    above, between = np.zeros((2, *low.shape), dtype=np.int64)
    named: list[tuple[Ints, Ints, Ints]] = []
    doubtful = 0
    for slot in range(len(low)):
        reached = strip.count(0, np.greater_equal, low[slot])
        busy = np.flatnonzero(reached)
        if not len(busy):
            continue
        part = strip
        if 4 * len(busy) > len(reached):
            above[slot] = strip.count(1, np.greater, high[slot])
        else:
            part = strip.only(busy)
            part.count(0, np.greater_equal, low[slot, busy])
            above[slot, busy] = part.count(1, np.greater, high[slot, busy])
        between[slot] = reached - above[slot]
        here = int(between[slot].sum())
        if most is None or not here:
            continue
        doubtful += here
        if doubtful > most:
            return None
        queries, items = part.differing()
        named.append((np.full(here, slot), queries if part is strip else busy[queries], items))
    return above, between, named


def _by_sorting(
    strip: _Strip, low: NDArray[Any], high: NDArray[Any], most: int | None
) -> tuple[Ints, Ints, list[tuple[Ints, Ints, Ints]]] | None:
    """`_compared` for many positives a query: the scores of each query are sorted once."""
    above, between = np.empty((2, *low.shape), dtype=np.int64)
    named: list[tuple[Ints, Ints, Ints]] = []
    doubtful = 0
    for query, items in enumerate(np.moveaxis(strip.scores, strip.axis, 0)):
        order = np.argsort(items)
        ordered = items[order]
        ends = np.searchsorted(ordered, high[:, query], side="right")
        starts = np.searchsorted(ordered, low[:, query], side="left")
        above[:, query], between[:, query] = len(ordered) - ends, ends - starts
        doubtful += int((ends - starts).sum())
        if most is None:
            continue
        if doubtful > most:
            return None
        slots = np.repeat(np.arange(len(low)), ends - starts)
        # Positions starts[slot], starts[slot] + 1, … for every slot, one after the other.
        first = np.cumsum(ends - starts) - (ends - starts)
        named.append((slots, np.full(len(slots), query), order[np.arange(len(slots)) + (starts - first)[slots]]))
    return above, between, named
