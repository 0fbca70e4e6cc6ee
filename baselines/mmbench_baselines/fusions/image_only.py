"""The image alone."""

from __future__ import annotations

from torch import Tensor, nn

from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class ImageOnly(Fusion):
    """An affine map of the pooled image; whatever else is given is not looked at.

    Shapes: [n, d] → [n, o].
    """

    name = "image-only"
    formula = "y = W x_image + b"
    reference = "single-modality control"
    count = "d*o + o"
    additive = "always"
    least = 1
    needs = ("image",)

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        self.map = nn.Linear(sizes.dim, sizes.out)

    def join(self, given: Prepared) -> Tensor:
        """Missing: zeros."""
        return self.map(given.pooled["image"])
