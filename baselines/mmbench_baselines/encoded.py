"""What goes into an encoder, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """A batch of one modality before its encoder."""

    values: Tensor
    """Images: float [n, 3, h, w] in [0, 1]. Text: int64 [n, t], ids of tokens."""
    mask: Tensor | None = None
    """bool [n, t], False where there is padding; None: no padding. Images have none."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A batch of one modality after its encoder."""

    tokens: Tensor
    """float [m, t, d]; anything where `mask` is False."""
    pooled: Tensor
    """float [m, d]."""
    mask: Tensor
    """bool [m, t], False where there is padding."""
    rows: Tensor | None = None
    """int64 [n]: which of the m each of n examples is about, see `take`; None: n = m, each about its own."""

    def take(self, rows: Tensor) -> Encoded:
        """Examples about the rows of these numbers, int64 [n], repeats allowed.

        A image of twelve questions is encoded once, and copied only by a fusion that has to.
        """
        return Encoded(self.tokens, self.pooled, self.mask, rows if self.rows is None else self.rows[rows])

    def __len__(self) -> int:
        """n, the number of examples."""
        return len(self.pooled) if self.rows is None else len(self.rows)

    def each(self, values: Tensor) -> Tensor:
        """Values [m, …] of the encoded as values [n, …] of the examples."""
        return values if self.rows is None else values[self.rows]
