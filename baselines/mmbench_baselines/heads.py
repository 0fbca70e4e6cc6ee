"""Heads: the fused vector in, logits out."""

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
