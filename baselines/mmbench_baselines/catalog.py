"""The baselines that exist and the parts they are made of. Importing it, and reading every card, loads no torch."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmbench.core import MissingExtraError, UnknownNameError
from mmbench_baselines.card import Card, Sizes, read_card

PartKind = Literal["fusion", "encoder", "head"]

FUSIONS: Mapping[str, str] = {
    "attention": "mmbench_baselines.fusions.attention:Attention",
    "concat": "mmbench_baselines.fusions.concat:Concat",
    "cross-attention": "mmbench_baselines.fusions.cross_attention:CrossAttention",
    "film": "mmbench_baselines.fusions.film:Film",
    "gated": "mmbench_baselines.fusions.gated:Gated",
    "image-only": "mmbench_baselines.fusions.one_modality:ImageOnly",
    "late": "mmbench_baselines.fusions.late:Late",
    "low-rank": "mmbench_baselines.fusions.low_rank:LowRank",
    "product": "mmbench_baselines.fusions.product:Product",
    "sum": "mmbench_baselines.fusions.sum:Sum",
    "tensor": "mmbench_baselines.fusions.tensor:TensorFusion",
    "text-only": "mmbench_baselines.fusions.one_modality:TextOnly",
    "transformer": "mmbench_baselines.fusions.transformer:Transformer",
}
"""Fusions by name."""

ENCODERS: Mapping[str, str] = {
    "bag-of-words": "mmbench_baselines.encoders.bag_of_words:BagOfWords",
    "cnn": "mmbench_baselines.encoders.cnn:Cnn",
    "gru": "mmbench_baselines.encoders.recurrent:Gru",
    "lstm": "mmbench_baselines.encoders.recurrent:Lstm",
    "transformer": "mmbench_baselines.encoders.transformer:TextTransformer",
}
"""Encoders by name."""

HEADS: Mapping[str, str] = {
    "linear": "mmbench_baselines.heads:LinearHead",
    "mlp": "mmbench_baselines.heads:MlpHead",
    "none": "mmbench_baselines.heads:NoHead",
}
"""Heads by name."""

AFFINE_HEADS = frozenset({"linear", "none"})
"""Heads that are affine: they keep a sum of functions of one modality each what it is."""

TWO_TOWER = "mmbench_baselines.two_tower:TwoTower"
"""What joins the two towers of a retrieval baseline."""
DECODER = "mmbench_baselines.captioner.decoder:Decoder"
"""What writes the captions of a captioner."""
NOTHING = "mmbench_baselines.captioner.model:Nothing"
"""What stands in the place of the image where a captioner has no encoder."""

Kind = Literal["answers", "embeddings", "captions"]

_PARTS: Mapping[PartKind, Mapping[str, str]] = {"fusion": FUSIONS, "encoder": ENCODERS, "head": HEADS}


def card(kind: PartKind, name: str) -> Card:
    """The card of a registered fusion, encoder or head. Raises `UnknownNameError`."""
    known = _PARTS[kind]
    if name not in known:
        raise UnknownNameError(kind, name, known, hint=f"Known: {', '.join(sorted(known))}.")
    return read_card(known[name])


def load_part(kind: PartKind, name: str) -> Any:
    """Import the class of a fusion, encoder or head.

    Raises:
        UnknownNameError: If there is no part with this name.
        MissingExtraError: If torch is not installed.
    """
    module, _, attribute = card(kind, name).target.partition(":")
    require_torch(f"{kind} {name!r}")
    return getattr(importlib.import_module(module), attribute)


def require_torch(what: str) -> None:
    """Raise `MissingExtraError` where torch or safetensors is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("torch", "safetensors")):
        raise MissingExtraError(what, "baselines")


def is_additive(fusion: str, head: str | None = None) -> bool:
    """Whether a model of this fusion and head (default: the fusion's own) has additive logits."""
    found = card("fusion", fusion)
    used = card("head", head or found.head).name
    return found.additive == "always" or (found.additive == "affine-head" and used in AFFINE_HEADS)


_BOTH: Mapping[str, str] = {"image": "cnn", "text": "gru"}
_LOOKS_AT: Mapping[str, Mapping[str, str]] = {"image-only": {"image": "cnn"}, "text-only": {"text": "gru"}}


@dataclass(frozen=True, slots=True)
class Baseline:
    """One model that users can name."""

    name: str
    """What users type."""
    kind: Kind
    """``answers``: a fusion and a head that score a closed answer set; ``embeddings``: two towers that never fuse;
    ``captions``: a decoder that writes what an image shows."""
    fusion: str
    """Name of the fusion; ``two-tower`` for embeddings, ``captioner`` for captions."""
    encoders: Mapping[str, str] = field(default_factory=lambda: _BOTH)
    """Modality to name of its encoder."""
    note: str = ""
    """What sets it apart from the fusion that it uses; empty where the fusion says all."""

    @property
    def card(self) -> Card:
        """The card of its fusion, of its towers or of its decoder."""
        targets = {"embeddings": TWO_TOWER, "captions": DECODER}
        return read_card(targets[self.kind]) if self.kind in targets else card("fusion", self.fusion)

    @property
    def additive(self) -> bool:
        """Whether its scores are a sum of functions of one modality each."""
        if self.kind == "captions":
            return not self.encoders
        return self.kind == "answers" and is_additive(self.fusion)

    @property
    def modalities(self) -> tuple[str, ...]:
        """What it looks at, in alphabetical order; a captioner looks at the text that it has written so far."""
        return tuple(sorted({*self.encoders, "text"} if self.kind == "captions" else self.encoders))

    def parameters(self, *, dim: int = 64, vocabulary: int = 64, classes: int = 16) -> int:
        """Closed form of all its parameters: encoders, fusion and head, or encoder and decoder.

        `dim` is also the width of the fused vector.
        """
        total = sum(card("encoder", name).parameters(d=dim, v=vocabulary) for name in self.encoders.values())
        if self.kind == "embeddings":
            return total + self.card.parameters()
        if self.kind == "captions":
            total += 0 if self.encoders else read_card(NOTHING).parameters(d=dim)
            return total + self.card.parameters(d=dim, v=vocabulary)
        out = classes if self.card.head == "none" else dim
        total += self.card.fusion_parameters(Sizes(tuple(self.encoders), dim, out))
        return total + card("head", self.card.head).parameters(o=out, c=classes)


BASELINES: Mapping[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        *(Baseline(name, "answers", name, _LOOKS_AT.get(name, _BOTH)) for name in FUSIONS),
        Baseline(
            "cnn-lstm", "answers", "concat", {"image": "cnn", "text": "lstm"}, "concat, with an LSTM for the text"
        ),
        Baseline("two-tower", "embeddings", "two-tower"),
        Baseline(
            "bag-of-words",
            "embeddings",
            "two-tower",
            {"image": "cnn", "text": "bag-of-words"},
            "two-tower whose text tower does not see the order of words: equal bags get equal vectors to the bit",
        ),
        Baseline("captioner", "captions", "captioner", {"image": "cnn"}),
        Baseline(
            "captioner-blind",
            "captions",
            "captioner",
            {},
            "captioner that never sees the image: learned constants stand in the place of its tokens",
        ),
    )
}
"""Every baseline by name."""


def baseline(name: str) -> Baseline:
    """A baseline by name. Raises `UnknownNameError`."""
    if name not in BASELINES:
        raise UnknownNameError("baseline", name, BASELINES, hint="See: mmbench list baselines")
    return BASELINES[name]
