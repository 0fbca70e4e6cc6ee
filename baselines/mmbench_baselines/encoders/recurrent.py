"""Recurrent text encoders: one layer of GRU or LSTM cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import nn

from mmbench_baselines.blocks import compact
from mmbench_baselines.card import Option, read_card
from mmbench_baselines.encoded import Encoded, Raw


class Recurrent(nn.Module):
    """Embeds ids, reads them from left to right; the pooled vector is the state after the last token.

    Shapes: ids [n, t] → tokens [n, t, d], pooled [n, d], both layer-normalised. A row without tokens pools to 0.
    """

    def __init__(self, cells: nn.Module, dim: int, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, dim)
        self.cells = cells
        self.norm = nn.LayerNorm(dim)

    def forward(self, raw: Raw) -> Encoded:
        """Encode text, ids int64 [n, t] with or without a mask."""
        ids, mask = compact(raw.values, raw.mask)
        tokens = self.norm(self.cells(self.embedding(ids))[0])
        lengths = mask.sum(1)
        last = (lengths - 1).clamp(min=0)
        pooled = tokens[torch.arange(len(ids), device=ids.device), last]
        return Encoded(tokens, torch.where(lengths[:, None] > 0, pooled, torch.zeros_like(pooled)), mask)


class Gru(Recurrent):
    """Reads the tokens from left to right with one layer of GRU cells; ids [n, t] → tokens [n, t, d], pooled [n, d]."""

    name: ClassVar[str] = "gru"
    modality: ClassVar[str] = "text"
    reference: ClassVar[str] = "Cho et al. 2014"
    count: ClassVar[str] = "v*d + 6*d**2 + 8*d"
    defaults: ClassVar[Mapping[str, Option]] = {}

    def __init__(self, dim: int, vocabulary: int, **options: Option) -> None:
        read_card(f"{__name__}:Gru").with_options(options, "encoder")
        super().__init__(nn.GRU(dim, dim, batch_first=True), dim, vocabulary)


class Lstm(Recurrent):
    """Reads the tokens from left to right with one layer of LSTM cells; ids [n, t] → tokens [n, t, d], pooled [n, d]."""

    name: ClassVar[str] = "lstm"
    modality: ClassVar[str] = "text"
    reference: ClassVar[str] = "Hochreiter and Schmidhuber 1997"
    count: ClassVar[str] = "v*d + 8*d**2 + 10*d"
    defaults: ClassVar[Mapping[str, Option]] = {}

    def __init__(self, dim: int, vocabulary: int, **options: Option) -> None:
        read_card(f"{__name__}:Lstm").with_options(options, "encoder")
        super().__init__(nn.LSTM(dim, dim, batch_first=True), dim, vocabulary)
