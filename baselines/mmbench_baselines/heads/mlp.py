"""Two layers to the classes."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn


class MlpHead(nn.Module):
    """Layer normalisation and one hidden layer of four times the fused width. Not affine: added features interact."""

    name: ClassVar[str] = "mlp"
    formula: ClassVar[str] = "z = V GELU(U LN(y) + b) + c"
    count: ClassVar[str] = "2*o + 4*o**2 + 4*o + 4*o*c + c"

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, classes)
        )

    def forward(self, fused: Tensor) -> Tensor:
        """[n, o] → [n, c]."""
        return self.layers(fused)
