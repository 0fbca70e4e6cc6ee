"""The outer product of all modalities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class TensorFusion(Fusion):
    """One affine map of the outer product of all modalities, each with a 1 in front.

    Shapes: k × [n, d] → k × [n, rank + 1] → [n, (rank + 1)ᵏ] → [n, o]. The product grows with the power of k, so k is
    at most 4.
    """

    name = "tensor"
    formula = "y = W vec([1; z_1] ⊗ … ⊗ [1; z_k]) + b, z_m = LN(P_m x_m + b_m)"
    reference = "TFN (Zadeh et al. 2017)"
    count = "k*(d*rank + 3*rank) + (rank + 1)**k*o + o"
    most = 4
    defaults: ClassVar[Mapping[str, Option]] = {"rank": 16}

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        rank = self.number("rank")
        self.maps = self.per_modality(rank)
        self.norms = nn.ModuleDict({name: nn.LayerNorm(rank) for name in sizes.modalities})
        self.out = nn.Linear((rank + 1) ** len(sizes.modalities), sizes.out)

    def join(self, given: Prepared) -> Tensor:
        """Missing: [1; 0], which leaves the products of the others."""
        product: Tensor | None = None
        for name, x in given.pooled.items():
            z = self.norms[name](self.maps[name](x)) * given.present[name]
            factor = torch.cat([torch.ones_like(z[:, :1]), z], dim=1)
            product = factor if product is None else (product[:, :, None] * factor[:, None, :]).flatten(1)
        return self.out(product)
