"""One affine map to the classes."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn


class LinearHead(nn.Module):
    """One affine map to the classes. Affine, so that additive features give additive logits."""

    name: ClassVar[str] = "linear"
    formula: ClassVar[str] = "z = V y + c"
    count: ClassVar[str] = "o*c + c"

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.map = nn.Linear(width, classes)

    def forward(self, fused: Tensor) -> Tensor:
        """[n, o] → [n, c]."""
        return self.map(fused)
