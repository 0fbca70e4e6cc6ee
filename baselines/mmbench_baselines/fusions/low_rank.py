"""The outer product of all modalities, its weights a sum of rank-1 tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class LowRank(Fusion):
    """Low-rank multimodal fusion: tensor fusion without ever forming the outer product.

    Shapes: k × [n, d + 1] → k × [n, rank, o] → product over modalities → weighted sum over ranks, [n, o]. Factors are
    [rank, d + 1, o] a modality.
    """

    name = "low-rank"
    formula = "y = Σ_r w_r Π_m (F_m⁽ʳ⁾ᵀ[x_m; 1]) + b"
    reference = "LMF (Liu et al. 2018)"
    count = "k*rank*(d + 1)*o + rank + o"
    defaults: ClassVar[Mapping[str, Option]] = {"rank": 8}

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        rank, rows = self.number("rank"), sizes.dim + 1
        self.factors = nn.ParameterDict(
            {name: nn.Parameter(torch.randn(rank, rows, sizes.out) / rows**0.5) for name in sizes.modalities}
        )
        self.weights = nn.Parameter(torch.full((rank,), rank**-0.5))
        self.bias = nn.Parameter(torch.zeros(sizes.out))

    def join(self, given: Prepared) -> Tensor:
        """Missing: [0; 1], a learned constant factor."""
        factors = [
            torch.einsum("ni,rio->nro", torch.cat([x, torch.ones_like(x[:, :1])], dim=1), self.factors[name])
            for name, x in given.pooled.items()
        ]
        return torch.einsum("nro,r->no", torch.stack(factors).prod(0), self.weights) + self.bias
