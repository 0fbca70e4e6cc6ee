"""The text alone."""

from __future__ import annotations

from torch import Tensor, nn

from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class TextOnly(Fusion):
    """An affine map of the pooled text; whatever else is given is not looked at.

    Shapes: [n, d] → [n, o].
    """

    name = "text-only"
    formula = "y = W x_text + b"
    reference = "single-modality control"
    count = "d*o + o"
    additive = "always"
    least = 1
    needs = ("text",)

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        self.map = nn.Linear(sizes.dim, sizes.out)

    def join(self, given: Prepared) -> Tensor:
        """Missing: zeros."""
        return self.map(given.pooled["text"])
