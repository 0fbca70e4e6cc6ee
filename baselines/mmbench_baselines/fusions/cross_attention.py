"""The tokens of each modality look at those of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmbench_baselines.blocks import Block, masked_mean
from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class CrossAttention(Fusion):
    """Attention in both directions: the tokens of each modality look at the tokens of all others.

    Shapes: k × [n, t_m, d] through each layer → mean over tokens, k × [n, d] → [n, k·d] → [n, o].
    """

    name = "cross-attention"
    formula = (
        "h_m ← h_m + O softmax(QKᵀ/√d)V, Q from h_m, K and V from h_others; y = W[mean LN(h_1); …; mean LN(h_k)] + b"
    )
    reference = "co-attentional layers (Lu et al. 2019; Tsai et al. 2019)"
    count = "k*(d**2 + d) + k*layers*(8*d**2 + 12*d) + 2*k*d + k*d*o + o"
    defaults: ClassVar[Mapping[str, Option]] = {"heads": 2, "layers": 1}

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        dim, heads, names = sizes.dim, self.number("heads"), sizes.modalities
        self.maps = self.per_modality(dim)
        self.layers = nn.ModuleList(
            nn.ModuleDict({name: Block(dim, heads, cross=True) for name in names}) for _ in range(self.number("layers"))
        )
        self.norms = nn.ModuleDict({name: nn.LayerNorm(dim) for name in names})
        self.out = nn.Linear(len(names) * dim, sizes.out)

    def join(self, given: Prepared) -> Tensor:
        """Missing: nobody looks at it, and its own mean is 0."""
        names = self.sizes.modalities
        h = {name: given.mapped(name, self.maps[name]) for name in names}
        rest = {name: [other for other in names if other != name] for name in names}
        seen = {name: torch.cat([given.mask[other] for other in rest[name]], dim=1) for name in names}
        layer: Any
        for layer in self.layers:
            h = {
                name: layer[name](h[name], torch.cat([h[other] for other in rest[name]], dim=1), seen[name])
                for name in names
            }
        means = [masked_mean(self.norms[name](h[name]), given.mask[name]) for name in names]
        return self.out(torch.cat(means, dim=1))
