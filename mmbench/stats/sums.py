"""Sums whose last bit does not depend on the order of the terms.

Floating-point addition is not associative, so the order of rows, shards, threads and matrix blocks would show in the last
digits of a value, and with them in files that ought to be equal. There are two remedies, each with its use:

- `exact_totals` rounds once, at the end. A metric's value comes from it.
- `on_grid` rounds the terms to a grid so coarse that every sum of them is exact, in whatever order and by whatever
  BLAS. Intervals come from it: a sum of n terms is off by at most n² / 2**51 of the largest, far below what an interval
  means, and thousands of resamples remain one matrix product.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BITS = 52
"""Bits that a sum on the grid may use; one of the 53 is left for the rounding of the terms."""


def on_grid(values: Floats, weight: float) -> Floats:
    """Round each column so that its sums are exact.

    Args:
        values: Finite float64 ``[n, d]``.
        weight: The largest total of the absolute integer weights with which rows of a column are ever added (n where each row
            is added once), at least 1.

    Returns:
        float64 ``[n, d]``: column by column, multiples of a power of two; unchanged where they were multiples already, as
        counts and 0/1 scores are. Every partial sum within `weight` fits into the 53 bits of a float64.
    """
    if not len(values):
        return values.copy()
    largest = np.abs(values).max(axis=0)
    exponents = np.frexp(largest)[1] + math.frexp(weight)[1] - _BITS
    exponents = np.maximum(exponents, -1074)
    rounded: Floats = np.ldexp(np.rint(np.ldexp(values, -exponents)), exponents)
    return rounded


def exact_totals(rows: Floats) -> Floats:
    """The sum of the rows, correctly rounded, so the same for every order of the rows.

    Args:
        rows: Finite float64 ``[n, d]``.

    Returns:
        float64 ``[d]``; NaN where a sum overflows.

    >>> exact_totals(np.array([[1e16], [1.0], [-1e16]])).tolist()
    [1.0]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        totals: Floats = rows.sum(axis=0)
    inexact = (on_grid(rows, max(len(rows), 1)) != rows).any(axis=0)
    for column in np.flatnonzero(inexact):
        try:
            totals[column] = math.fsum(rows[:, column].tolist())
        except OverflowError:
            totals[column] = math.nan
    return totals


def cluster_sums(rows: Floats, clusters: NDArray[np.int64], count: int) -> Floats:
    """The sum of the rows of each cluster; the same for every order of the rows.

    Args:
        rows: Finite float64 ``[n, d]``.
        clusters: int64 ``[n]``, codes from 0 to `count` - 1.
        count: The number of clusters.

    Returns:
        float64 ``[count, d]``, sums of the rows as rounded by `on_grid`.
    """
    largest = int(np.bincount(clusters).max()) if len(rows) else 1
    terms = on_grid(rows, largest)  # no sum has more terms, so a grid as fine as this is exact
    sums = np.empty((count, rows.shape[1]))
    for column in range(rows.shape[1]):
        sums[:, column] = np.bincount(clusters, weights=terms[:, column], minlength=count)
    return sums
