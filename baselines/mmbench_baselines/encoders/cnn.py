"""A small convolutional network that knows where it looks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own habit

from mmbench.core import UsageError
from mmbench_baselines.card import Option, read_card
from mmbench_baselines.encoded import Encoded, Raw


class Cnn(nn.Module):
    """Three 3 × 3 convolutions over colours and coordinates, then the strongest response in each cell of 8 × 8 pixels.

    Shapes: [n, 3, h, w] → [n, 5, h, w] → stride 2, [n, c, h/2, w/2] → stride 2, [n, 2c, h/4, w/4] → [n, 4c, h/4, w/4] →
    maximum, [n, 4c, h/8, w/8]. Tokens are these cells with their coordinates, mapped to d: [n, h·w/64, d]. The pooled
    vector maps their averages over a grid of g × g: [n, 4c·g²] → [n, d]; half of its units start with the same weights for
    every cell of the grid. Both end in layer normalisation. Any resolution from 8 pixels up; rows of a batch do not mix.
    Colours x enter as 4x - 3x̄, which brings a plain background close to 0 and still tells flat images apart. A unit
    before the maximum sees 15 × 15 pixels, a figure of a scene.
    """

    name: ClassVar[str] = "cnn"
    modality: ClassVar[str] = "image"
    reference: ClassVar[str] = "coordinate channels: CoordConv (Liu et al. 2018)"
    count: ClassVar[str] = "90*channels**2 + 52*channels + (4*channels + 4*channels*grid**2 + 8)*d"
    defaults: ClassVar[Mapping[str, Option]] = {"channels": 16, "grid": 4}

    def __init__(self, dim: int, vocabulary: int = 0, **options: Option) -> None:
        super().__init__()
        chosen = read_card(f"{__name__}:Cnn").with_options(options, "encoder")
        channels, self.grid = int(chosen["channels"]), int(chosen["grid"])
        widths = (5, channels, 2 * channels, 4 * channels)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=stride, padding=1)
            for (before, after), stride in zip(pairwise(widths), (2, 2, 1), strict=True)
        )
        for layer in self.layers:
            _start(layer)
        self.to_token = nn.Linear(4 * channels + 2, dim)
        self.to_pooled = nn.Linear(4 * channels * self.grid**2, dim)
        _tie(self.to_pooled, self.grid**2)
        self.norm_tokens = nn.LayerNorm(dim)
        self.norm_pooled = nn.LayerNorm(dim)

    def forward(self, raw: Raw) -> Encoded:
        """Encode images, float [n, 3, h, w] in [0, 1]. Raises `UsageError` on other shapes."""
        pixels = raw.values
        if pixels.ndim != 4 or pixels.shape[1] != 3 or min(pixels.shape[2:]) < 8:
            raise UsageError(f"images of shape {list(pixels.shape)}: expected [n, 3, h, w] with h and w from 8 up")
        h = torch.empty_like(pixels[:, :1].expand(-1, 5, -1, -1), memory_format=torch.channels_last)
        torch.sub(4 * pixels, 3 * pixels.mean(dim=(2, 3), keepdim=True), out=h[:, :3])
        h[:, 3:] = _coordinates(pixels)
        *before, last = self.layers
        for layer in before:
            h = F.relu(layer(h), inplace=True)
        h = F.relu(F.max_pool2d(last(h), 2), inplace=True)  # in the other order: the same at four times the cost
        cells = torch.cat([h, _coordinates(h)], dim=1).flatten(2).transpose(1, 2)
        pooled = F.adaptive_avg_pool2d(h, self.grid).flatten(1)
        mask = torch.ones(cells.shape[:2], dtype=torch.bool, device=cells.device)
        return Encoded(self.norm_tokens(self.to_token(cells)), self.norm_pooled(self.to_pooled(pooled)), mask)


def _start(layer: nn.Module) -> None:
    """First weights that keep the size of the signal through rectified layers (He et al. 2015)."""
    nn.init.kaiming_normal_(layer.get_parameter("weight"), nonlinearity="relu")
    nn.init.zeros_(layer.get_parameter("bias"))


def _tie(layer: nn.Linear, cells: int) -> None:
    """The first half of the outputs starts with the same weights for every cell: with a map of the average of all cells.

    What there is, and how many, can be read from that before anything is known of where it lies.
    """
    weights = layer.weight.detach().view(layer.out_features, -1, cells)
    tied = weights[: layer.out_features // 2]
    tied.copy_(tied[:, :, :1].clone())


def _coordinates(maps: Tensor) -> Tensor:
    """[n, 2, h, w]: row and column of every cell, from -1 to 1."""
    n, _, height, width = maps.shape
    rows = torch.linspace(-1, 1, height, dtype=maps.dtype, device=maps.device)
    columns = torch.linspace(-1, 1, width, dtype=maps.dtype, device=maps.device)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij")).expand(n, -1, -1, -1)
