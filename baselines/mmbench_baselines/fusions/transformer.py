"""All tokens in one stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmbench_baselines.blocks import Block
from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class Transformer(Fusion):
    """Single stream: a learned token and the tokens of all modalities look at one another.

    Shapes: k × [n, t_m, d] → [n, 1 + Σ t_m, d] through each layer → the learned token, [n, d] → [n, o]. What tells
    modalities apart is that each has its own map.
    """

    name = "transformer"
    formula = "h = [c; W_1 t_1; …; W_k t_k]; h ← h + MHA(LN h); h ← h + FFN(LN h); y = W LN(h_c) + b"
    reference = "single-stream transformer (Li et al. 2019; Kim et al. 2021)"
    count = "k*(d**2 + d) + d + layers*(8*d**2 + 10*d) + 2*d + d*o + o"
    defaults: ClassVar[Mapping[str, Option]] = {"heads": 2, "layers": 2}

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        self.maps = self.per_modality(sizes.dim)
        self.start = nn.Parameter(torch.randn(sizes.dim) * sizes.dim**-0.5)
        self.blocks = nn.ModuleList(
            Block(sizes.dim, self.number("heads"), cross=False) for _ in range(self.number("layers"))
        )
        self.out = nn.Sequential(nn.LayerNorm(sizes.dim), nn.Linear(sizes.dim, sizes.out))

    def join(self, given: Prepared) -> Tensor:
        """Missing: nobody looks at its tokens."""
        mapped = [given.mapped(name, self.maps[name]) for name in self.sizes.modalities]
        start = self.start.expand(mapped[0].shape[0], 1, -1)
        h = torch.cat([start, *mapped], dim=1)
        always = torch.ones_like(given.mask[self.sizes.modalities[0]][:, :1])
        mask = torch.cat([always, *given.mask.values()], dim=1)
        *lower, last = self.blocks
        for block in lower:
            h = block(h, h, mask)
        return self.out(last(h[:, :1], h, mask)[:, 0])
