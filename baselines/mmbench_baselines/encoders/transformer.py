"""A small transformer over tokens of text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmbench_baselines.blocks import Block, compact, masked_mean
from mmbench_baselines.card import Option, read_card
from mmbench_baselines.encoded import Encoded, Raw


class TextTransformer(nn.Module):
    """Embeddings with sinusoidal positions through pre-normalised layers; the pooled vector is the mean of the tokens.

    Shapes: ids [n, t] → tokens [n, t, d], layer-normalised, pooled [n, d].
    """

    name: ClassVar[str] = "transformer"
    modality: ClassVar[str] = "text"
    reference: ClassVar[str] = "Vaswani et al. 2017"
    count: ClassVar[str] = "v*d + layers*(8*d**2 + 10*d) + 2*d"
    defaults: ClassVar[Mapping[str, Option]] = {"heads": 4, "layers": 2}

    def __init__(self, dim: int, vocabulary: int, **options: Option) -> None:
        super().__init__()
        chosen = read_card(f"{__name__}:TextTransformer").with_options(options, "encoder")
        self.embedding = nn.Embedding(vocabulary, dim)
        self.blocks = nn.ModuleList(Block(dim, int(chosen["heads"]), cross=False) for _ in range(int(chosen["layers"])))
        self.norm = nn.LayerNorm(dim)

    def forward(self, raw: Raw) -> Encoded:
        """Encode text, ids int64 [n, t] with or without a mask."""
        ids, mask = compact(raw.values, raw.mask)
        h = self.embedding(ids)
        h = h + positions(h)
        for block in self.blocks:
            h = block(h, h, mask)
        tokens = self.norm(h)
        return Encoded(tokens, masked_mean(tokens, mask), mask)


def positions(tokens: Tensor, start: int = 0) -> Tensor:
    """[t, d] of tokens [n, t, d], the first at `start`: sines in the first half of the features, cosines in the second."""
    length, dim = tokens.shape[1:]
    half = (dim + 1) // 2
    rates = torch.exp(torch.arange(half, dtype=tokens.dtype, device=tokens.device) * (-math.log(10_000.0) / half))
    angles = torch.arange(start, start + length, dtype=tokens.dtype, device=tokens.device)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :dim]
