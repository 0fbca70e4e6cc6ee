"""Attention over tokens with masks, and small functions that fusions and encoders share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own habit

from mmbench.core import UsageError


class MultiHead(nn.Module):
    """softmax(QKᵀ/√(d/h))V in h heads; 4d² + 3d parameters.

    Keys have no bias: it would shift all scores of a query alike, which softmax does not see, so it could never learn.
    Where a query may look at nothing, the result is 0 plus the bias of the output.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        if dim % heads:
            raise UsageError(f"heads={heads}: expected a divisor of the width {dim}")
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        for layer in (self.query, self.key):
            nn.init.normal_(layer.weight, std=dim**-0.5)  # scores start with a spread of 1: no query sees all alike

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """Queries [n, q, d] look at keys [n, t, d] where mask, bool [n, t], is True; gives [n, q, d]."""
        n, q, dim = queries.shape

        def split(x: Tensor) -> Tensor:
            return x.view(n, -1, self.heads, dim // self.heads).transpose(1, 2)

        some = mask.any(dim=1, keepdim=True)
        seen = F.scaled_dot_product_attention(
            split(self.query(queries)),
            split(self.key(keys)),
            split(self.value(keys)),
            attn_mask=(mask | ~some)[:, None, None, :].expand(n, self.heads, q, -1),
        )
        seen = seen.transpose(1, 2).reshape(n, q, dim)
        return self.out(seen * some[:, :, None])


class Block(nn.Module):
    """x + attention, then + feed-forward of width 2d, layers normalised before each.

    8d² + 10d parameters where x looks at itself, 8d² + 12d where it looks at other tokens.
    """

    def __init__(self, dim: int, heads: int, *, cross: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.norm_other = nn.LayerNorm(dim) if cross else None
        self.attention = MultiHead(dim, heads)
        self.feed = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x: Tensor, other: Tensor, mask: Tensor) -> Tensor:
        """[n, q, d] looks at other, [n, t, d], where mask, bool [n, t], is True. Without `cross`, x is other or a part of it."""
        queries = self.norm(x)
        keys = queries if other is x else (self.norm_other or self.norm)(other)
        x = x + self.attention(queries, keys, mask)
        return x + self.feed(x)


def masked_mean(tokens: Tensor, mask: Tensor) -> Tensor:
    """Mean of [n, t, d] over the tokens where mask, bool [n, t], is True; 0 where there are none. Gives [n, d]."""
    kept = torch.where(mask[:, :, None], tokens, torch.zeros_like(tokens))
    return kept.sum(1) / mask.sum(1, keepdim=True).clamp(min=1).to(tokens.dtype)


def masked_max(tokens: Tensor, mask: Tensor) -> Tensor:
    """Maximum of [n, t, d] over the tokens where mask, bool [n, t], is True; 0 where there are none. Gives [n, d]."""
    lowest = torch.full_like(tokens, torch.finfo(tokens.dtype).min)
    highest = torch.where(mask[:, :, None], tokens, lowest).amax(1)
    return torch.where(mask.any(1, keepdim=True), highest, torch.zeros_like(highest))


def compact(ids: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Move padding behind the tokens of each row, their order kept, and make its ids 0: (ids, mask), both [n, t]."""
    if mask is None:
        return ids, torch.ones_like(ids, dtype=torch.bool)
    order = (~mask).to(torch.int8).argsort(dim=1, stable=True)
    moved = mask.gather(1, order)
    return torch.where(moved, ids.gather(1, order), torch.zeros_like(ids)), moved
