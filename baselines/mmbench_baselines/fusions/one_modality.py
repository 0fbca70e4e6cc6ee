"""Controls that look at one modality."""

from __future__ import annotations

from torch import Tensor, nn

from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.fusions.base import Fusion, Prepared


class OneModality(Fusion):
    """Base of the controls: an affine map of the one modality that they need."""

    def __init__(self, sizes: Sizes, **options: Option) -> None:
        super().__init__(sizes, **options)
        self.map = nn.Linear(sizes.dim, sizes.out)

    def join(self, given: Prepared) -> Tensor:
        """Missing: zeros."""
        return self.map(given.pooled[self.needs[0]])


class ImageOnly(OneModality):
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


class TextOnly(OneModality):
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
