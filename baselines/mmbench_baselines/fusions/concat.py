"""Concatenation of the pooled vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class Concat(Fusion):
    """One affine map of all pooled vectors side by side.

    Shapes: k × [n, d] → [n, k·d] → [n, o]. With an affine head nothing in it lets modalities interact; the default head
    is an MLP, which does.
    """

    name = "concat"
    formula = "y = W[x_1; …; x_k] + b"
    reference = "early fusion; as in VQA's LSTM Q + I (Antol et al. 2015)"
    count = "k*d*o + o"
    additive = "affine-head"
    head = "mlp"

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        self.map = nn.Linear(len(sizes.modalities) * sizes.dim, sizes.out)

    def join(self, given: Prepared) -> Tensor:
        """Missing: zeros."""
        return self.map(torch.cat(list(given.pooled.values()), dim=1))
