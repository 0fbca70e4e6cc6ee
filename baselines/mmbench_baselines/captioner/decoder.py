"""The words written so far and the image become the next word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own habit

from mmbench_baselines.blocks import MultiHead
from mmbench_baselines.card import Option, read_card
from mmbench_baselines.encoded import Encoded
from mmbench_baselines.encoders.transformer import positions

KeysValues = tuple[Tensor, Tensor]
"""Keys and values of one attention, float [n, heads, t, d/heads] each."""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What a decoder keeps of m images: made once, however many words are written about them."""

    summary: Tensor
    """float [m, d], added to every word."""
    seen: tuple[KeysValues, ...]
    """For each layer, keys and values of the tokens of the images."""

    def take(self, rows: Tensor) -> Memory:
        """The images with these numbers, int64 [n], repeats allowed."""
        return Memory(self.summary[rows], tuple((keys[rows], values[rows]) for keys, values in self.seen))


class Layer(nn.Module):
    """Words look at earlier words, then at the image; a feed-forward follows. 12d² + 15d parameters.

    Layers are normalised before each of the three; the tokens of the image are taken as they are.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.words = MultiHead(dim, heads)
        self.norm_look = nn.LayerNorm(dim)
        self.picture = MultiHead(dim, heads)
        self.feed = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x: Tensor, earlier: KeysValues | None, seen: KeysValues) -> tuple[Tensor, KeysValues]:
        """(x, keys and values of all words so far), with x float [n, t, d] and t = 1 where there are earlier ones.

        `seen` is about m images, of which each has n/m of the rows, one after the other.
        """
        normed = self.norm(x)
        own = keys_values(self.words, normed)
        if earlier is not None:
            own = torch.cat([earlier[0], own[0]], dim=2), torch.cat([earlier[1], own[1]], dim=2)
        x = x + attend(self.words, normed, own, causal=earlier is None)
        asked = self.norm_look(x).view(len(seen[0]), -1, x.shape[-1])
        x = x + attend(self.picture, asked, seen).view_as(x)
        return x + self.feed(x), own


class Decoder(nn.Module):
    """Writes a caption word by word, with attention to the words so far and to the tokens of the image.

    Shapes: tokens [m, t, d] and pooled [m, d] of m images, words [n, w] → logits [n, w, v], of the next word each. Word
    0 stands before the first and after the last (`words.BOUNDARY`).
    """

    name: ClassVar[str] = "captioner"
    formula: ClassVar[str] = (
        "p(w_i | w_<i, image) = softmax(W LN(x_i) + b); x_i = E w_{i-1} + position + U p, then a layer: x ← x + "
        "attention to x_≤i; x ← x + O softmax(QKᵀ/√d)V, K and V from the image's tokens; x ← x + FFN(x)"
    )
    reference: ClassVar[str] = (
        "attention to the image for each word (Show, Attend and Tell, Xu et al. 2015), as the decoder of Vaswani et al. "
        "2017, normalised before each layer"
    )
    count: ClassVar[str] = "v*d + d**2 + d + layers*(12*d**2 + 15*d) + 2*d + v*d + v"
    head: ClassVar[str] = "none"
    least: ClassVar[int] = 1
    most: ClassVar[int] = 1
    defaults: ClassVar[Mapping[str, Option]] = {"heads": 4, "layers": 1}

    def __init__(self, dim: int, vocabulary: int, **options: Option) -> None:
        super().__init__()
        chosen = read_card(f"{__name__}:Decoder").with_options(options, "decoder")
        self.embedding = nn.Embedding(vocabulary, dim)
        self.summary = nn.Linear(dim, dim)
        self.layers = nn.ModuleList(Layer(dim, int(chosen["heads"])) for _ in range(int(chosen["layers"])))
        self.out = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, vocabulary))

    def remember(self, encoded: Encoded) -> Memory:
        """What is needed of images, one each: none of them shared."""
        seen = tuple(keys_values(cast(Layer, layer).picture, encoded.tokens) for layer in self.layers)
        return Memory(self.summary(encoded.pooled), seen)

    def forward(self, memory: Memory, words: Tensor) -> Tensor:
        """Logits, float [n, w, v], of the word after each of `words`, int64 [n, w]; n/m rows for each of m images."""
        return self._run(memory, words, None)[0]

    def start(self, memory: Memory, each: int = 1) -> Writing:
        """Begin to write `each` captions for every image."""
        return Writing(self, memory, each)

    def _run(self, memory: Memory, words: Tensor, earlier: list[KeysValues] | None) -> tuple[Tensor, list[KeysValues]]:
        before = 0 if earlier is None else earlier[0][0].shape[2]
        x = self.embedding(words)
        x = x + positions(x, before) + memory.summary.repeat_interleave(len(x) // len(memory.summary), dim=0)[:, None]
        kept = []
        for number, layer in enumerate(self.layers):
            x, own = layer(x, None if earlier is None else earlier[number], memory.seen[number])
            kept.append(own)
        return self.out(x), kept


class Writing:
    """Captions being written: the keys and values of the words so far are kept, so that a step costs one word each."""

    def __init__(self, decoder: Decoder, memory: Memory, each: int) -> None:
        self._decoder, self._memory = decoder, memory
        self._earlier: list[KeysValues] | None = None
        self.rows = len(memory.summary) * each
        """Captions: those of the first image, then those of the second …"""

    def step(self, words: Tensor) -> Tensor:
        """Logits, float [rows, v], of what follows these words, int64 [rows]; the first ones are `BOUNDARY`."""
        logits, self._earlier = self._decoder._run(self._memory, words[:, None], self._earlier)
        return logits[:, 0]

    def keep(self, rows: Tensor) -> None:
        """Go on with these captions in the place of what stood there, int64 [rows]; each stays with its image."""
        if self._earlier is not None:
            self._earlier = [(keys[rows], values[rows]) for keys, values in self._earlier]


def keys_values(heads: MultiHead, tokens: Tensor) -> KeysValues:
    """What of tokens [n, t, d] can be looked at."""
    return _split(heads, heads.key(tokens)), _split(heads, heads.value(tokens))


def attend(heads: MultiHead, asked: Tensor, seen: KeysValues, *, causal: bool = False) -> Tensor:
    """Tokens [n, q, d] look at keys and values of their rows; with `causal`, at none that come later. Gives [n, q, d]."""
    found = F.scaled_dot_product_attention(_split(heads, heads.query(asked)), *seen, is_causal=causal)
    return heads.out(found.transpose(1, 2).reshape(asked.shape))


def _split(heads: MultiHead, x: Tensor) -> Tensor:
    n, t, dim = x.shape
    return x.view(n, t, heads.heads, dim // heads.heads).transpose(1, 2)
