"""What the recurrent text encoders share."""

from __future__ import annotations

import torch
from torch import nn

from mmbench_baselines.blocks import compact
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
