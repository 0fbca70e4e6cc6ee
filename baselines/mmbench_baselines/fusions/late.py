"""Every modality decides alone, and the logits are averaged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class Late(Fusion):
    """The mean of one small MLP a modality, over those present; without a head, o is the number of classes.

    Shapes: k × [n, d] → k × [n, hidden] → k × [n, o] → [n, o].
    """

    name = "late"
    formula = "y = mean_m (V_m GELU(W_m x_m + b_m) + c_m)"
    reference = "late fusion: averaged logits (decision-level fusion; Snoek et al. 2005)"
    count = "k*(d*hidden + hidden + hidden*o + o)"
    additive = "affine-head"
    head = "none"
    defaults: ClassVar[Mapping[str, Option]] = {"hidden": 128}

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        hidden = self.number("hidden")
        self.experts = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(sizes.dim, hidden), nn.GELU(), nn.Linear(hidden, sizes.out))
                for name in sizes.modalities
            }
        )

    def join(self, given: Prepared) -> Tensor:
        """Missing: left out of the mean; 0 where all are missing."""
        present = torch.stack(list(given.present.values()), dim=1)
        votes = torch.stack([self.experts[name](x) for name, x in given.pooled.items()], dim=1)
        return (votes * present).sum(1) / present.sum(1).clamp(min=1)
