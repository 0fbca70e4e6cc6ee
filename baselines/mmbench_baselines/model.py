"""Encoders, a fusion and a head become a model."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
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


def build(
    name: str,
    vocabulary: int,
    classes: int = 2,
    *,
    dim: int = 64,
    head: str | None = None,
    encoders: Mapping[str, str] = MappingProxyType({}),
    options: Mapping[str, Option] = MappingProxyType({}),
) -> FusionModel | TwoTower | Captioner:
    """Build the model of a baseline, its weights drawn from torch's generator.

    Args:
        name: One of `catalog.BASELINES`.
        vocabulary: Number of token ids, v.
        classes: Number of answers, c. Only fusions have any.
        dim: Width of tokens, pooled vectors and the fused vector, d and o.
        head: Name of the head; None: the one that goes with the fusion.
        encoders: Modality to name of its encoder, where it is not the baseline's own.
        options: Options of the fusion or of the decoder.

    Raises:
        UnknownNameError: For a name or an option that does not exist.
        UsageError: For a value that an option does not take.
    """
    baseline = catalog.baseline(name)
    chosen = {**baseline.encoders, **encoders}
    built = {each: build_encoder(chosen[each], dim, vocabulary) for each in sorted(chosen)}
    if baseline.kind == "embeddings":
        return TwoTower(built)
    if baseline.kind == "captions":
        return Captioner(built, Decoder(dim, vocabulary, **options), dim)
    head = head or baseline.card.head
    out = classes if head == "none" else dim
    fusion = build_fusion(baseline.fusion, Sizes(tuple(built), dim, out), **options)
    return FusionModel(built, fusion, build_head(head, out, classes), affine=head in catalog.AFFINE_HEADS)


def count_parameters(module: Any) -> int:
    """The number of trained weights of a module."""
    return sum(parameter.numel() for parameter in module.parameters())
