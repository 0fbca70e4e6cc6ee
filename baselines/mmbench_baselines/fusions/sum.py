"""A weighted sum of the mapped pooled vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class Sum(Fusion):
    """Every modality mapped on its own, then added with learned weights that sum to 1 over those present.

    Shapes: k × [n, d] → k × [n, o] → [n, o]. Its head is linear, so nothing in the model lets modalities interact.
    """

    name = "sum"
    formula = "y = Σ_m a_m (W_m x_m + b_m), a = softmax(w)"
    reference = "additive fusion with one scalar weight a modality"
    count = "k*(d*o + o) + k"
    additive = "affine-head"
    head = "linear"

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        self.maps = self.per_modality(sizes.out)
        self.weights = nn.Parameter(torch.zeros(len(sizes.modalities)))

    def join(self, given: Prepared) -> Tensor:
        """Missing: the others share its weight; 0 where all are missing."""
        present = torch.cat(list(given.present.values()), dim=1)
        shares = torch.where(present, self.weights.softmax(0), torch.zeros_like(self.weights))
        shares = shares / torch.where(present.any(1, keepdim=True), shares.sum(1, keepdim=True), 1.0)
        mapped = torch.stack([self.maps[name](x) for name, x in given.pooled.items()], dim=1)
        return (shares[:, :, None] * mapped).sum(1)
