"""Feature-wise linear modulation of tokens by the modality that asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own habit

from mmbench_baselines.blocks import masked_max, masked_mean
from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class Film(Fusion):
    """The question scales and shifts every feature of the other modalities' tokens, in residual layers.

    Shapes: [n, t, d] tokens and [n, d] question → [n, t, d] through each layer → mean and maximum over tokens, [n, 2d]
    → [n, o]. Scale and shift are of the question alone.
    """

    name = "film"
    formula = "h ← h + GELU((1 + γ(x_q)) ∘ LN(U h) + β(x_q)); y = W[mean_t h; max_t h] + b"  # noqa: RUF001
    reference = "FiLM (Perez et al. 2018)"
    count = "(k - 1)*(d**2 + d) + 3*layers*(d**2 + d) + 2*d*o + o"
    defaults: ClassVar[Mapping[str, Option]] = {"layers": 2, "query": "text"}

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        dim, layers = sizes.dim, self.number("layers")
        self.maps = self.per_modality(dim, self.others)
        self.modulate = nn.Linear(dim, 2 * layers * dim)
        self.mix = nn.ModuleList(nn.Linear(dim, dim) for _ in range(layers))
        self.out = nn.Linear(2 * dim, sizes.out)

    def join(self, given: Prepared) -> Tensor:
        """Missing question: no scaling and no shift. Missing others: 0 tokens, which pool to 0."""
        h = torch.cat([given.mapped(name, self.maps[name]) for name in self.others], dim=1)
        mask = torch.cat([given.mask[name] for name in self.others], dim=1)
        said = self.modulate(given.pooled[self.query])
        said = torch.where(given.present[self.query], said, torch.zeros_like(said))[:, None, :]
        parts = said.chunk(2 * len(self.mix), dim=2)
        for layer, mix in enumerate(self.mix):
            scale, shift = parts[2 * layer], parts[2 * layer + 1]
            h = h + F.gelu((1 + scale) * F.layer_norm(mix(h), h.shape[-1:]) + shift)
        return self.out(torch.cat([masked_mean(h, mask), masked_max(h, mask)], dim=1))
