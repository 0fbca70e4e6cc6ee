"""A recurrent text encoder with GRU cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import nn

from mmbench_baselines.card import Option, read_card
from mmbench_baselines.encoders.recurrent import Recurrent


class Gru(Recurrent):
    """Reads the tokens from left to right with one layer of GRU cells; ids [n, t] → tokens [n, t, d], pooled [n, d]."""

    name: ClassVar[str] = "gru"
    modality: ClassVar[str] = "text"
    reference: ClassVar[str] = "Cho et al. 2014"
    count: ClassVar[str] = "v*d + 6*d**2 + 8*d"
    defaults: ClassVar[Mapping[str, Option]] = {}

    def __init__(self, dim: int, vocabulary: int, **options: Option) -> None:
        read_card(f"{__name__}:Gru").with_options(options, "encoder")
        super().__init__(nn.GRU(dim, dim, batch_first=True), dim, vocabulary)
