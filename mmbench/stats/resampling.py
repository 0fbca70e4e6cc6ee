"""Seeded resampling of clusters: the values that a statistic takes on other draws of the same size.

The generator is read strictly in the order of the resamples, so how many of them are computed together bounds the memory
and changes nothing; sums are taken on a grid on which they are exact (`on_grid`), so no order of summation shows either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmbench.stats.sums import on_grid

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Formula = Callable[[Floats], Floats]
Statistic = Callable[[Floats], Floats]
Compute = Callable[[Floats, Floats], Floats]
Picks = NDArray[np.uint32] | NDArray[np.int64]

RESAMPLES = 2000
"""Default number of bootstrap resamples."""

_CHUNK = 2**16
"""Draws, or weights of rows, in memory at once: few enough for the cache of a core."""
_FEWEST, _MOST = 8, 2**21
"""But of so many resamples at least, as long as these are no more draws: a matrix product reads the rows once for all of
them."""
_GATHERED = 2**14
"""Up to so many numbers (they fit the cache), and for up to two columns, it is faster to look the drawn rows up and add
them than to count how often each was drawn."""
_ONE_THREAD, _PART = 2**18, 2**13
"""Multiplications in one product up to which OpenBLAS starts no threads, and the clusters in it."""
_KINDS = 16
"""With at most one kind of row in so many clusters, kinds are drawn instead of clusters."""
_JACKKNIFE_GROUPS = 2000
"""Groups of clusters that a jackknife of what is no sum leaves out in turn, at most."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The resamples of a statistic, and what an interval needs to know about them."""

    values: Floats
    """[resamples] NaN or infinite where the statistic is undefined."""
    clusters: int
    """How many clusters there are; as many are drawn."""
    seed: int
    """Seed of the generator."""
    jackknife: Callable[[], Floats]
    """The statistic without each cluster (or group of clusters) in turn: float64 [groups], computed when called."""
    is_sum: bool
    """True for a formula of sums."""


def resample_weights(generator: np.random.Generator, clusters: int, count: int) -> Floats:
    """How often each cluster is drawn in each of `count` bootstrap resamples.

    Returns:
        float64 ``[count, clusters]`` of whole numbers; each row adds up to `clusters`. Drawing a few rows at a time from one
        generator gives the same rows as drawing them together.
    """
    return _counted(_picks(generator, clusters, count), clusters)


def _counted(picks: Picks, clusters: int) -> Floats:
    """How often each cluster is among the picks [count, …] of each row: float64 [count, clusters]."""
    weights = np.empty((len(picks), clusters))
    for row, own in zip(weights, picks, strict=True):  # the counters of one row stay in the cache
        row[:] = np.bincount(own, minlength=clusters)
    return weights


def _picks(generator: np.random.Generator, clusters: int, count: int) -> Picks:
    """Which clusters are drawn: [count, clusters]. Both types consume the generator alike; the small one is faster."""
    if clusters <= 2**32:
        return generator.integers(0, clusters, size=(count, clusters), dtype=np.uint32)
    return generator.integers(0, clusters, size=(count, clusters), dtype=np.int64)


def formula_statistic(formula: Formula, sums: Floats) -> Statistic:
    """A formula of the sum of rows as a function of cluster weights float64 [b, g], computed as one matrix product.

    Args:
        formula: float64 ``[..., d]`` → ``[...]``.
        sums: Finite float64 ``[g, d]``, the sum of each cluster's rows. They are rounded by `on_grid`, so that the product is
            exact and does not depend on how many resamples are computed together.
    """
    terms = on_grid(sums, max(len(sums), 1))
    return lambda weights: formula(_product(weights, terms))


def _product(weights: Floats, terms: Floats) -> Floats:
    """`weights` @ `terms`, in parts that a BLAS computes in one thread; sums on the grid are exact, so no part shows.

    Its other threads would wait for each of thousands of small products in a busy loop, at several times the price on cores that other
    processes use.
    """
    rows = max(1, min(len(weights), _ONE_THREAD // max(min(len(terms), _PART) * terms.shape[1], 1)))
    total = np.zeros((len(weights), terms.shape[1]))
    for first in range(0, len(weights), rows):
        own = slice(first, first + rows)
        for start in range(0, len(terms), _PART):
            part = slice(start, start + _PART)
            total[own] += weights[own, part] @ terms[part]
    return total


def bootstrap(
    statistic: Statistic, clusters: int, *, seed: int = 0, resamples: int = RESAMPLES, chunk: int | None = None
) -> Bootstrap:
    """Draw seeded resamples of a statistic of cluster weights.

    Args:
        statistic: float64 ``[b, clusters]`` → float64 ``[b]``.
        clusters: Number of clusters, at least 1.
        seed: Seed of the draws.
        resamples: Number of draws, at least 1.
        chunk: Resamples that are computed at once; None for a number that suits the cache.

    Raises:
        ValueError: For no clusters, and for no resamples.
    """
    chunk = _at_once(clusters) if chunk is None else chunk
    values = bootstrap_values(statistic, clusters, seed=seed, resamples=resamples, chunk=chunk)
    return Bootstrap(values, clusters, seed, lambda: _jackknife(statistic, clusters, chunk), is_sum=False)


def bootstrap_values(
    statistic: Statistic,
    clusters: int,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    chunk: int | None = None,
    width: int | None = None,
) -> Floats:
    """Compute a statistic of seeded resamples of the clusters.

    Args:
        statistic: As in `bootstrap`, like `clusters`, `seed`, `resamples` and `chunk`.
        clusters: Number of clusters.
        seed: Seed of the draws.
        resamples: Number of draws.
        chunk: Resamples that are computed at once.
        width: How many numbers the statistic gives for each resample, where there are several (values of models that are
            judged on the same clusters); None for one.

    Returns:
        float64 ``[resamples]``, or ``[resamples, width]``; NaN or infinite where the statistic is undefined.
    """
    generator = np.random.default_rng(seed)

    def draw(count: int) -> Floats:
        return statistic(resample_weights(generator, clusters, count))

    return _in_chunks(draw, clusters, resamples, _at_once(clusters) if chunk is None else chunk, width)


def bootstrap_formula(
    formula: Formula, sums: Floats, *, seed: int = 0, resamples: int = RESAMPLES, chunk: int | None = None
) -> Bootstrap:
    """Draw seeded resamples of a formula of the sum of rows.

    The draws are those of `bootstrap` over `formula_statistic`, with the same result to the last bit, only faster.
    Where there are few kinds of rows (0/1 scores, counts of a confusion matrix), the number of clusters of each kind is
    drawn instead: multinomial, which is the same bootstrap from other random numbers.

    Args:
        formula: float64 ``[..., d]`` → ``[...]``.
        sums: Finite float64 ``[g, d]``, the sum of each cluster's rows.
        seed: As in `bootstrap`, like `resamples` and `chunk`.
        resamples: Number of draws.
        chunk: Resamples that are computed at once.
    """
    clusters, width = sums.shape
    terms = on_grid(sums, max(clusters, 1))
    pairs = _pairs(terms)
    generator = np.random.default_rng(seed)

    def counted(count: int) -> Floats:
        return formula(_product(resample_weights(generator, clusters, count), terms))

    def gathered(count: int) -> Floats:
        picks = _picks(generator, clusters, count).astype(np.intp)
        sums = np.stack([pair.take(picks).sum(axis=1) for pair in pairs], axis=1)
        return formula(sums.view(np.float64)[:, :width])

    kinds = _kinds(terms)
    if kinds is not None:
        draw = _kinds_drawn(kinds, seed, lambda weights: formula(weights @ kinds[0]))
    else:
        draw = gathered if width <= 2 or terms.size <= _GATHERED else counted
    chunk = _at_once(clusters if kinds is None else len(kinds[0])) if chunk is None else chunk
    values = _in_chunks(draw, clusters, resamples, chunk)
    return Bootstrap(values, clusters, seed, lambda: _without_each(formula, terms), is_sum=True)


def bootstrap_compute(
    compute: Compute, rows: Floats, clusters: Codes, *, seed: int = 0, resamples: int = RESAMPLES
) -> Bootstrap:
    """Draw seeded resamples of a statistic that is not a formula of sums.

    Where no cluster has two rows and there are few kinds of rows (ranks), the number of rows of each kind is drawn, as in
    `bootstrap_formula`.

    Args:
        compute: (rows float64 ``[k, d]``, weights float64 ``[b, k]``) → float64 ``[b]``, where a weight of w means w such rows.
            It sees the rows sorted (`in_order`).
        rows: Finite float64 ``[n, d]``, n at least 1.
        clusters: int64 ``[n]``, codes from 0 without gaps.
        seed: Seed of the draws.
        resamples: Number of draws.
    """
    rows, clusters = in_order(rows, clusters)
    count = int(clusters.max()) + 1
    kinds = _kinds(rows) if count == len(rows) else None
    chunk = _at_once(len(rows))

    def statistic(weights: Floats) -> Floats:
        return compute(rows, weights[:, clusters])

    if count < len(rows):
        return bootstrap(statistic, count, seed=seed, resamples=resamples, chunk=chunk)
    if kinds is None:
        draw, at_once = _rows_drawn(rows, clusters, seed, compute), chunk
    else:
        draw = _kinds_drawn(kinds, seed, lambda weights: compute(kinds[0], weights))
        at_once = _at_once(len(kinds[0]))
    values = _in_chunks(draw, count, resamples, at_once)
    return Bootstrap(values, count, seed, lambda: _jackknife(statistic, count, chunk), is_sum=False)


def _rows_drawn(rows: Floats, clusters: Codes, seed: int, compute: Compute) -> Callable[[int], Floats]:
    """A function that draws clusters of one row each. It counts rows, not clusters: weights need not be put into the rows' order."""
    generator = np.random.default_rng(seed)
    row_of = np.argsort(clusters).astype(np.uint32)  # half the size; more rows than it can number fit no memory
    return lambda count: compute(rows, _counted(row_of.take(_picks(generator, len(rows), count)), len(rows)))


def in_order(rows: Floats, clusters: Codes) -> tuple[Floats, Codes]:
    """Sort rows and their clusters by row, then by cluster, so that the order in which they were given does not matter."""
    order = np.lexsort((clusters, *rows.T[::-1]))
    return rows[order], clusters[order]


def _kinds_drawn(kinds: tuple[Floats, Floats], seed: int, statistic: Statistic) -> Callable[[int], Floats]:
    """A function that draws how many rows there are of each kind and computes the statistic of these numbers."""
    generator = np.random.default_rng(seed)
    total = float(kinds[1].sum())
    return lambda count: statistic(generator.multinomial(int(total), kinds[1] / total, size=count).astype(np.float64))


def _at_once(size: int) -> int:
    """How many resamples of `size` draws or weights are computed together."""
    size = max(size, 1)
    return max(1, _CHUNK // size, min(_FEWEST, _MOST // size))


def _in_chunks(
    draw: Callable[[int], Floats], clusters: int, resamples: int, chunk: int, width: int | None = None
) -> Floats:
    if clusters < 1 or resamples < 1:
        raise ValueError(f"a bootstrap needs a cluster and a resample, got {clusters} and {resamples}")
    values = np.empty(resamples if width is None else (resamples, width))
    with np.errstate(divide="ignore", invalid="ignore"):
        for start in range(0, resamples, chunk):
            stop = min(start + chunk, resamples)
            values[start:stop] = draw(stop - start)
    return values


def _pairs(terms: Floats) -> list[NDArray[np.complex128]]:
    """Columns two by two as complex numbers, [g] each: one look-up fetches both. The last is padded with 0."""
    padded = np.zeros((len(terms), -(-terms.shape[1] // 2) * 2))
    padded[:, : terms.shape[1]] = terms
    return list(np.ascontiguousarray(padded.view(np.complex128).T))


def _kinds(terms: Floats) -> tuple[Floats, Floats] | None:
    """The distinct rows, sorted, and how many rows are of each; None where they are not few."""
    most = len(terms) // _KINDS
    if not most or any(len(np.unique(column)) > most for column in terms.T):
        return None
    order = np.lexsort(terms.T[::-1])
    ordered = terms[order]
    starts = np.flatnonzero(np.concatenate([[True], (ordered[1:] != ordered[:-1]).any(axis=1)]))
    if len(starts) > most:
        return None
    return ordered[starts], np.diff(np.concatenate([starts, [len(terms)]])).astype(np.float64)


def _without_each(formula: Formula, terms: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(formula(terms.sum(axis=0) - terms), dtype=np.float64)


def _jackknife(statistic: Statistic, clusters: int, chunk: int) -> Floats:
    """The statistic without each group of clusters: single clusters where they are few, else every n-th cluster."""
    groups = min(clusters, _JACKKNIFE_GROUPS)
    of_cluster = np.arange(clusters) % groups
    values = np.empty(groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        for start in range(0, groups, chunk):
            stop = min(start + chunk, groups)
            weights = of_cluster[None, :] != np.arange(start, stop)[:, None]
            values[start:stop] = statistic(weights.astype(np.float64))
    return values
