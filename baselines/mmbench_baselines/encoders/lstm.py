"""A recurrent text encoder with LSTM cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import nn

from mmbench_baselines.card import Option, read_card
from mmbench_baselines.encoders.recurrent import Recurrent


class Lstm(Recurrent):
    """Reads the tokens from left to right with one layer of LSTM cells; ids [n, t] → tokens [n, t, d], pooled [n, d]."""

    name: ClassVar[str] = "lstm"
    modality: ClassVar[str] = "text"
    reference: ClassVar[str] = "Hochreiter and Schmidhuber 1997"
    count: ClassVar[str] = "v*d + 8*d**2 + 10*d"
    defaults: ClassVar[Mapping[str, Option]] = {}

    def __init__(self, dim: int, vocabulary: int, **options: Option) -> None:
        read_card(f"{__name__}:Lstm").with_options(options, "encoder")
        super().__init__(nn.LSTM(dim, dim, batch_first=True), dim, vocabulary)
