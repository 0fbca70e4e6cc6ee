"""The element-wise product of the mapped pooled vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class Product(Fusion):
    """Every modality mapped and layer-normalised, then multiplied element by element.

    Shapes: k × [n, d] → k × [n, o] → [n, o]. The factors are not squashed: a product of tanh features hardly learns.
    """

    name = "product"
    formula = "y = Π_m LN(W_m x_m + b_m)"
    reference = "Hadamard product (VQA's deeper LSTM Q + norm I, Antol et al. 2015; Kim et al. 2017)"
    count = "k*(d*o + 3*o)"

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        self.maps = self.per_modality(sizes.out)
        self.norms = nn.ModuleDict({name: nn.LayerNorm(sizes.out) for name in sizes.modalities})

    def join(self, given: Prepared) -> Tensor:
        """Missing: a factor of 1."""
        factors = [
            torch.where(given.present[name], self.norms[name](self.maps[name](x)), 1.0)
            for name, x in given.pooled.items()
        ]
        return torch.stack(factors).prod(0)
