"""Gates that look at all modalities decide how much of each passes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class Gated(Fusion):
    """Gated multimodal units: a gate for each modality and feature, computed from all modalities.

    Shapes: k × [n, d] → k × [n, o] features and k × [n, o] gates → [n, o].
    """

    name = "gated"
    formula = "y = Σ_m σ(U_m[x_1; …; x_k] + c_m) ∘ tanh(W_m x_m + b_m)"  # noqa: RUF001
    reference = "GMU (Arevalo et al. 2017)"
    count = "k*(d*o + o) + k*(k*d*o + o)"

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        self.maps = self.per_modality(sizes.out)
        every = len(sizes.modalities) * sizes.dim
        self.gates = nn.ModuleDict({name: nn.Linear(every, sizes.out) for name in sizes.modalities})

    def join(self, given: Prepared) -> Tensor:
        """Missing: no term of its own, and zeros in what the gates see."""
        every = torch.cat(list(given.pooled.values()), dim=1)
        terms = [
            torch.sigmoid(self.gates[name](every)) * torch.tanh(self.maps[name](x)) * given.present[name]
            for name, x in given.pooled.items()
        ]
        return torch.stack(terms).sum(0)
