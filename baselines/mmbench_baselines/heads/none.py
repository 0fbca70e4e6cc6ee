"""No head: the fusion gives logits."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn


class NoHead(nn.Module):
    """What comes in goes out; the fused width is the number of classes. Affine."""

    name: ClassVar[str] = "none"
    formula: ClassVar[str] = "z = y"
    count: ClassVar[str] = "0"

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.width, self.classes = width, classes

    def forward(self, fused: Tensor) -> Tensor:
        """[n, c] → [n, c]."""
        return fused
