"""Vectors on a grid on which products are exact, and how far a product in float32 may lie from that.

The grid has 26 bits below the norm of a vector: its numbers become whole numbers, which float32 holds (those that need more
than 24 bits are multiples of 2 or 4 as they come). Every product of two of them and every partial sum of a dot product
is a whole number below 2**53, so float64 holds it exactly, in whatever order it is summed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Ints = NDArray[np.int64]

GRID_BITS = 26
MAX_DIM = 2**20
"""Numbers in a vector; the bound of `float32_error` is meant for no more."""

_NORM_MARGIN = 0.25
"""Norms are brought below 2**0.25, so that norms of about 1 do not fall on either side of a power of two."""
_ROWS = 4096
"""Vectors converted at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """The vectors on one side of a product, each with the power of two that brings its norm below 2**0.25 or so."""

    vectors: NDArray[Any]
    """Floats [n, d]: an array, or a file mapped to memory."""
    exponents: NDArray[np.int32]
    """int32 [n]: a vector is divided by 2 to this power, which is exact."""
    norms: Floats
    """float64 [n]: norms of the divided vectors."""

    def __len__(self) -> int:
        return len(self.vectors)

    def part(self, rows: slice | Ints, memory: Floats32 | None = None) -> Floats32:
        """Some of the vectors on the grid: whole numbers, float32 [r, d], with norms below 2**26.25 or so.

        `memory`, float32 [r or more, d], holds them where it is given: new memory costs more than the work.
        """
        given = self.vectors[rows]
        part = np.empty(given.shape, dtype=np.float32) if memory is None else memory[: len(given)]
        np.copyto(part, given, casting="same_kind")
        exponents = self.exponents[rows]
        if exponents.any():
            np.ldexp(part, (GRID_BITS - exponents)[:, None], out=part)
        else:
            part *= np.float32(2**GRID_BITS)
        return np.rint(part, out=part)

    def shared(self) -> Side:
        """The same vectors with one power of two for all, that of the longest."""
        norms = np.ldexp(self.norms, self.exponents)
        exponents = np.full_like(self.exponents, _exponents(norms.max(initial=0.0, keepdims=True))[0])
        return replace(self, exponents=exponents, norms=np.ldexp(norms, -exponents))

    def of_one_scale(self) -> bool:
        """Whether `shared` changes nothing: norms within a power of two of each other, or 0."""
        return bool((self.exponents == self.shared().exponents)[self.norms > 0].all())


def side(name: str, vectors: NDArray[Any]) -> Side:
    """The vectors, floats [n, d], each with a power of two of its own.

    Raises ValueError, with the `name`, for numbers that are NaN, or infinite in float32.
    """
    norms = np.empty(len(vectors))
    for start in range(0, len(vectors), _ROWS):
        with np.errstate(over="ignore"):
            part = np.asarray(vectors[start : start + _ROWS], dtype=np.float32)
        if not np.isfinite(part).all():
            raise ValueError(f"the {name} hold NaN or infinite numbers")
        exact = part.astype(np.float64)
        norms[start : start + _ROWS] = np.sqrt(np.einsum("ij,ij->i", exact, exact))
    exponents = _exponents(norms)
    return Side(vectors, exponents, np.ldexp(norms, -exponents))


def exact_scores(left: Floats32, right: Floats32) -> Floats:
    """Dot products of rows with rows on the grid: (float32 [r, d], float32 [r, d]) → whole numbers float64 [r]."""
    return np.asarray(np.einsum("ij,ij->i", left.astype(np.float64), right.astype(np.float64)))


def float32_error(dim: int, norms: Floats, others: float) -> Floats:
    """How far a product in float32 may lie from the exact one, whatever the order in which it is summed.

    |fl(x·y) - x·y| ≤ g |x|·|y| with g = d u / (1 - d u) and u = 2**-24 (Higham 2002, Accuracy and Stability of Numerical
    Algorithms, section 3.1). The products of whole numbers cannot underflow.

    Parameters: `dim`, d; `norms`, float64 [n], of the vectors x, and `others`, the largest norm among y, as in `Side`.
    Returns: float64 [n], in units of products on the grid.
    """
    unit = dim * 2.0**-24
    rounded = np.sqrt(dim) / 2  # how much longer a vector may be on the grid
    size = (norms * 2.0**GRID_BITS + rounded) * (others * 2.0**GRID_BITS + rounded)
    return np.asarray(1.001 * unit / (1 - unit) * size)


def _exponents(norms: Floats) -> NDArray[np.int32]:
    return np.ceil(np.log2(np.where(norms == 0, 1.0, norms)) - _NORM_MARGIN).astype(np.int32)
