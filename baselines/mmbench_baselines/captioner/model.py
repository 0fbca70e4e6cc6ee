"""An image's encoder and a decoder become a model; without the encoder it is the twin that sees nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from mmbench_baselines.captioner.decoder import Decoder, Memory
from mmbench_baselines.encoded import Encoded, Raw

IMAGE = "image"
"""The one modality."""


class Nothing(nn.Module):
    """What stands in the place of an image's tokens and pooled vector: learned constants, the same for all images."""

    name: ClassVar[str] = "nothing"
    count: ClassVar[str] = "17*d"

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.randn(16, dim))
        self.pooled = nn.Parameter(torch.randn(dim))

    def forward(self, images: int) -> Encoded:
        """As if so many images had been encoded."""
        tokens = self.tokens.expand(images, -1, -1)
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return Encoded(tokens, self.pooled.expand(images, -1), mask)


class Captioner(nn.Module):
    """Writes captions of images, or of nothing where it has no encoder."""

    def __init__(self, encoders: Mapping[str, nn.Module], decoder: Decoder, dim: int) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(dict(encoders))
        self.nothing = None if IMAGE in self.encoders else Nothing(dim)
        self.decoder = decoder
        self.additive = self.nothing is not None
        """Whether what it writes is a function of one modality: of the words so far alone."""

    def remember(self, images: Raw) -> Memory:
        """What the decoder needs of images, float [m, 3, h, w] in [0, 1]; the blind twin counts them and looks no further."""
        if self.nothing is not None:
            return self.decoder.remember(self.nothing(len(images.values)))
        return self.decoder.remember(self.encoders[IMAGE](images))

    def forward(self, images: Raw, words: Tensor) -> Tensor:
        """Logits, float [n, w, v], of the word after each of `words`, int64 [n, w]; n/m rows an image, in order."""
        return self.decoder(self.remember(images), words)
