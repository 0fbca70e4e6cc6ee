"""The question looks at the tokens of the other modalities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmbench_baselines.blocks import Block
from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.encoded import Encoded
from mmbench_baselines.fusions.base import Fusion, Prepared


class Attention(Fusion):
    """Question-guided attention over the tokens of the other modalities, looked at once a layer.

    Shapes: [n, d] question and [n, t, d] tokens → [n, 1, d] through each layer → [n, o]. With a single token there is
    nothing to choose from, so it needs several to let modalities interact.
    """

    name = "attention"
    formula = "q ← q + O softmax(QKᵀ/√d)V, Q from q, K and V from t_m; q ← q + FFN(q); y = W LN(q) + b"
    reference = "stacked attention (Yang et al. 2016) in dot-product form (Vaswani et al. 2017)"
    count = "k*(d**2 + d) + layers*(8*d**2 + 12*d) + 2*d + d*o + o"
    defaults: ClassVar[Mapping[str, Option]] = {"heads": 4, "layers": 2, "query": "text"}

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        self.maps = self.per_modality(sizes.dim)
        self.blocks = nn.ModuleList(
            Block(sizes.dim, self.number("heads"), cross=True) for _ in range(self.number("layers"))
        )
        self.out = nn.Sequential(nn.LayerNorm(sizes.dim), nn.Linear(sizes.dim, sizes.out))

    def join(self, given: Prepared) -> Tensor:
        """Missing question: a learned constant asks. Missing others: nothing to look at."""
        q = self.maps[self.query](given.pooled[self.query])
        if len(self.others) == 1 and self.others[0] in given.shared:
            seen = self._look_together(q, given.shared[self.others[0]])
        else:
            tokens = torch.cat([self.maps[name](given.tokens[name]) for name in self.others], dim=1)
            mask = torch.cat([given.mask[name] for name in self.others], dim=1)
            seen = self._look(q[:, None, :], tokens, mask)[:, 0]
        return self.out(seen)

    def _look(self, q: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        for block in self.blocks:
            q = block(q, tokens, mask)
        return q

    def _look_together(self, q: Tensor, other: Encoded) -> Tensor:
        """Questions [n, d] about shared tokens [m, t, d] to [n, d].

        Those about one image look at it in one product, so that its keys and values are made once.
        """
        clean = torch.where(other.mask[:, :, None], other.tokens, torch.zeros_like(other.tokens))
        tokens = self.maps[self.others[0]](clean)
        rows, slots = slots_of(other)
        asked = q.new_zeros(len(tokens), int(slots.max()) + 1, q.shape[1]).index_put((rows, slots), q)
        return self._look(asked, tokens, other.mask)[rows, slots]


def slots_of(other: Encoded) -> tuple[Tensor, Tensor]:
    """(row, slot) of each example, both int64 [n]: those about the same row get slots from 0 up."""
    rows = torch.arange(len(other), device=other.pooled.device) if other.rows is None else other.rows
    order = rows.argsort(stable=True)
    counts = torch.bincount(rows, minlength=len(other.pooled))
    starts = counts.cumsum(0) - counts
    slots = torch.empty_like(rows)
    slots[order] = torch.arange(len(rows), device=rows.device) - starts[rows[order]]
    return rows, slots
