"""What goes into an encoder, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """A batch of one modality before its encoder."""

    values: Tensor
    """Pictures: float [n, 3, h, w] in [0, 1]. Text: int64 [n, t], ids of tokens."""
    mask: Tensor | None = None
    """bool [n, t], False where there is padding; None: no padding. Pictures have none."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A batch of one modality after its encoder."""

    tokens: Tensor
    """float [n, t, d]; anything where `mask` is False."""
    pooled: Tensor
    """float [n, d]."""
    mask: Tensor
    """bool [n, t], False where there is padding."""

    def take(self, rows: Tensor) -> Encoded:
        """The rows of these numbers, int64 [m], repeats allowed: a picture of twelve questions is encoded once."""
        return Encoded(self.tokens[rows], self.pooled[rows], self.mask[rows])
