"""A small convolutional network that knows where it looks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own habit

from mmbench.baselines.card import Option, read_card
from mmbench.baselines.encoded import Encoded, Raw
from mmbench.core import UsageError


class Cnn(nn.Module):
    """Three 3 × 3 convolutions of stride 2 over colours and coordinates; a token is a cell of 8 × 8 pixels.

    Shapes: [n, 3, h, w] → [n, 5, h, w] → [n, 2c, h/8, w/8]. Tokens are these cells with their coordinates, mapped to d:
    [n, h·w/64, d]. The pooled vector maps their averages over a grid of g × g: [n, 2c·g²] → [n, d]. Both end in layer
    normalisation. Any resolution from 8 pixels up; rows of a batch do not mix.
    """

    name: ClassVar[str] = "cnn"
    modality: ClassVar[str] = "image"
    reference: ClassVar[str] = "coordinate channels: CoordConv (Liu et al. 2018)"
    count: ClassVar[str] = "54*channels**2 + 50*channels + (2*channels + 2*channels*grid**2 + 8)*d"
    defaults: ClassVar[Mapping[str, Option]] = {"channels": 32, "grid": 4}

    def __init__(self, dim: int, vocabulary: int = 0, **options: Option) -> None:
        super().__init__()
        chosen = read_card(f"{__name__}:Cnn").with_options(options, "encoder")
        channels, self.grid = int(chosen["channels"]), int(chosen["grid"])
        widths = (5, channels, 2 * channels, 2 * channels)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=2, padding=1) for before, after in pairwise(widths)
        )
        self.to_token = nn.Linear(2 * channels + 2, dim)
        self.to_pooled = nn.Linear(2 * channels * self.grid**2, dim)
        self.norm_tokens = nn.LayerNorm(dim)
        self.norm_pooled = nn.LayerNorm(dim)

    def forward(self, raw: Raw) -> Encoded:
        """Encode pictures, float [n, 3, h, w] in [0, 1]. Raises `UsageError` on other shapes."""
        pixels = raw.values
        if pixels.ndim != 4 or pixels.shape[1] != 3 or min(pixels.shape[2:]) < 8:
            raise UsageError(f"pictures of shape {list(pixels.shape)}: expected [n, 3, h, w] with h and w from 8 up")
        h = torch.cat([2 * pixels - 1, _coordinates(pixels)], dim=1)
        for layer in self.layers:
            h = F.relu(layer(h))
        cells = torch.cat([h, _coordinates(h)], dim=1).flatten(2).transpose(1, 2)
        pooled = F.adaptive_avg_pool2d(h, self.grid).flatten(1)
        mask = torch.ones(cells.shape[:2], dtype=torch.bool, device=cells.device)
        return Encoded(self.norm_tokens(self.to_token(cells)), self.norm_pooled(self.to_pooled(pooled)), mask)


def _coordinates(maps: Tensor) -> Tensor:
    """[n, 2, h, w]: row and column of every cell, from -1 to 1."""
    n, _, height, width = maps.shape
    rows = torch.linspace(-1, 1, height, dtype=maps.dtype, device=maps.device)
    columns = torch.linspace(-1, 1, width, dtype=maps.dtype, device=maps.device)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(n, -1, -1, -1)
