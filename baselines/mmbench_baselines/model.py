"""Encoders, a fusion and a head become a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from mmbench.core import UnknownNameError
from mmbench_baselines import catalog
from mmbench_baselines.captioner.decoder import Decoder
from mmbench_baselines.captioner.model import Captioner
from mmbench_baselines.card import Option, Sizes
from mmbench_baselines.encoded import Encoded, Raw
from mmbench_baselines.fusions.base import Fusion, Present
from mmbench_baselines.two_tower import TwoTower


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that determines a model before it has learned anything, but the seed."""

    baseline: str
    """Name of a baseline in `catalog.BASELINES`."""
    vocabulary: int
    """v: number of token ids."""
    classes: int = 2
    """c: number of answers; two towers have none."""
    dim: int = 64
    """d: width of tokens and pooled vectors, and o, that of the fused vector."""
    head: str | None = None
    """Name of the head; None: the one that the fusion goes with."""
    encoders: Mapping[str, str] = field(default_factory=dict)
    """Modality to name of its encoder; the baseline's own where none is given."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Options of the fusion, or of the decoder."""


class FusionModel(nn.Module):
    """One encoder a modality, a fusion and a head."""

    def __init__(self, encoders: Mapping[str, nn.Module], fusion: Fusion, head: nn.Module, *, affine: bool) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(dict(sorted(encoders.items())))
        self.fusion = fusion
        self.head = head
        self.additive = fusion.additive == "always" or (fusion.additive == "affine-head" and affine)
        """Whether logits are a sum of functions of one modality each."""

    def encode(self, inputs: Mapping[str, Raw]) -> dict[str, Encoded]:
        """Encode some or all modalities. What is shared by many rows can be encoded once; see `Encoded.take`."""
        for name in inputs:
            if name not in self.encoders:
                raise UnknownNameError("modality", name, self.encoders, hint=f"There are {', '.join(self.encoders)}.")
        return {name: self.encoders[name](raw) for name, raw in inputs.items()}

    def fuse(self, encoded: Mapping[str, Encoded], present: Present | None = None) -> Tensor:
        """Logits, float [n, c], from encoded modalities in any order; `present` marks the rows that lack one."""
        return self.head(self.fusion(encoded, present))

    def forward(self, inputs: Mapping[str, Raw], present: Present | None = None) -> Tensor:
        """`encode`, then `fuse`."""
        return self.fuse(self.encode(inputs), present)


def build_fusion(name: str, sizes: Sizes, **options: Option) -> Fusion:
    """Build a fusion by its name.

    Raises:
        UnknownNameError: If there is no fusion or no option with this name.
        UsageError: For modalities that it does not take.
    """
    built: Fusion = catalog.load_part("fusion", name)(sizes, **options)
    return built


def build_head(name: str, width: int, classes: int) -> nn.Module:
    """A head by its registered name. Raises `UnknownNameError`."""
    built: nn.Module = catalog.load_part("head", name)(width, classes)
    return built


def build_encoder(name: str, dim: int, vocabulary: int, **options: Option) -> nn.Module:
    """An encoder by its registered name; `vocabulary` matters to text alone. Raises `UnknownNameError`, `UsageError`."""
    built: nn.Module = catalog.load_part("encoder", name)(dim, vocabulary, **options)
    return built


def build(recipe: Recipe) -> FusionModel | TwoTower | Captioner:
    """The model of a recipe, its weights drawn from torch's generator. Raises `UnknownNameError` and `UsageError`."""
    baseline = catalog.baseline(recipe.baseline)
    chosen = {**baseline.encoders, **recipe.encoders}
    encoders = {name: build_encoder(chosen[name], recipe.dim, recipe.vocabulary) for name in sorted(chosen)}
    if baseline.kind == "embeddings":
        return TwoTower(encoders)
    if baseline.kind == "captions":
        return Captioner(encoders, Decoder(recipe.dim, recipe.vocabulary, **recipe.options), recipe.dim)
    head = recipe.head or baseline.card.head
    out = recipe.classes if head == "none" else recipe.dim
    fusion = build_fusion(baseline.fusion, Sizes(tuple(encoders), recipe.dim, out), **recipe.options)
    return FusionModel(encoders, fusion, build_head(head, out, recipe.classes), affine=head in catalog.AFFINE_HEADS)


def count_parameters(module: Any) -> int:
    """The number of trained weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())
