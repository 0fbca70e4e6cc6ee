"""Two towers that never meet but in a dot product."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own habit

from mmbench.core import UnknownNameError, UsageError
from mmbench_baselines.encoded import Encoded, Raw

MAX_SCALE = 100.0
"""The inverse temperature grows no further."""


class TwoTower(nn.Module):
    """One encoder a modality; rows match by the cosine of their pooled vectors, learned with InfoNCE.

    Shapes: pooled [n, d] → unit vectors [n, d]; scores [n, m]. The towers' vectors are used as they are, without another
    map, so that what is equal to the bit after an encoder stays equal.
    """

    name: ClassVar[str] = "two-tower"
    formula: ClassVar[str] = "s(v, t) = e^τ ⟨v/‖v‖, t/‖t‖⟩, e^τ ≤ 100; loss: mean of InfoNCE over rows and columns"
    reference: ClassVar[str] = "InfoNCE (van den Oord et al. 2018) in both directions (CLIP, Radford et al. 2021)"
    count: ClassVar[str] = "1"
    head: ClassVar[str] = "none"
    least: ClassVar[int] = 2
    most: ClassVar[int] = 2

    def __init__(self, encoders: Mapping[str, nn.Module]) -> None:
        super().__init__()
        if len(encoders) != 2:
            raise UsageError(f"two towers take 2 modalities; given: {', '.join(encoders) or 'none'}")
        self.encoders = nn.ModuleDict(dict(sorted(encoders.items())))
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    @property
    def scale(self) -> Tensor:
        """The inverse temperature, at most `MAX_SCALE`."""
        return self.log_scale.clamp(max=math.log(MAX_SCALE)).exp()

    def encode(self, inputs: Mapping[str, Raw]) -> dict[str, Encoded]:
        """Encode one modality or both."""
        for name in inputs:
            if name not in self.encoders:
                raise UnknownNameError("modality", name, self.encoders, hint=f"There are {', '.join(self.encoders)}.")
        return {name: self.encoders[name](raw) for name, raw in inputs.items()}

    def embed(self, encoded: Encoded) -> Tensor:
        """Unit vectors, float [n, d]."""
        return F.normalize(encoded.each(encoded.pooled), dim=1)

    def fuse(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """Scores [n, m]: rows are the first modality in alphabetical order, columns the second."""
        first, second = (self.embed(encoded[name]) for name in self.encoders)
        return self.scale * first @ second.T

    def loss(self, encoded: Mapping[str, Encoded]) -> Tensor:
        """InfoNCE in both directions, a scalar: row i of one modality belongs to row i of the other."""
        scores = self.fuse(encoded)
        own = torch.arange(len(scores), device=scores.device)
        return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
