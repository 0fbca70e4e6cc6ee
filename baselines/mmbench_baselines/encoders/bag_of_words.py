"""A text encoder that does not see the order of words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import nn

from mmbench_baselines.blocks import compact
from mmbench_baselines.card import Option, read_card
from mmbench_baselines.encoded import Encoded, Raw


class BagOfWords(nn.Module):
    """The sum of the tokens' embeddings, layer-normalised; equal bags give equal vectors to the last bit.

    Shapes: ids [n, t] → tokens [n, t, d] in the order of their ids, pooled [n, d]. Floating-point sums depend on the
    order of their terms, so the tokens are sorted and added one after the other, and no matrix product follows:
    neither the order of words, nor padding, nor the rest of the batch can change a bit.
    """

    name: ClassVar[str] = "bag-of-words"
    modality: ClassVar[str] = "text"
    reference: ClassVar[str] = "control for word order"
    count: ClassVar[str] = "v*d + 2*d"
    defaults: ClassVar[Mapping[str, Option]] = {}

    def __init__(self, dim: int, vocabulary: int, **options: Option) -> None:
        super().__init__()
        read_card(f"{__name__}:BagOfWords").with_options(options, "encoder")
        self.embedding = nn.Embedding(vocabulary, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, raw: Raw) -> Encoded:
        """Encode text, ids int64 [n, t] with or without a mask."""
        ids, mask = compact(raw.values, raw.mask)
        last = torch.full_like(ids, torch.iinfo(ids.dtype).max)
        order = torch.where(mask, ids, last).argsort(dim=1, stable=True)
        ids, mask = ids.gather(1, order), mask.gather(1, order)
        words = self.embedding(ids)
        words = torch.where(mask[:, :, None], words, torch.zeros_like(words))
        total = torch.zeros_like(words[:, 0])
        for word in words.unbind(1):
            total = total + word
        return Encoded(self.norm(words), self.norm(total), mask)
