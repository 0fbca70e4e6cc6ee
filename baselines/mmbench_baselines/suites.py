"""The baselines as a whole: suites that run them all, and what ``mmbench list baselines`` says. It loads no torch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass

from mmbench.core import Suite
from mmbench_baselines.catalog import BASELINES, Baseline, Kind

MODELS = (
    "text-only",
    "image-only",
    "late",
    "sum",
    "concat",
    "cnn-lstm",
    "product",
    "gated",
    "tensor",
    "low-rank",
    "film",
    "attention",
    "cross-attention",
    "transformer",
    "two-tower",
    "bag-of-words",
)
"""What answers or embeds, from those that look at one modality or add up, over products, to attention and towers."""
CAPTIONERS = ("captioner-blind", "captioner")
"""What describes an image: it would write something about a question too, so it stands in no suite of all baselines."""

all_baselines = Suite("Every fusion baseline; the tasks are yours to name", MODELS)
tiny = Suite(
    "Every fusion baseline on generated scenes: questions and retrieval", MODELS, ("vqa/scenes", "retrieval/scenes")
)


@dataclass(frozen=True, slots=True)
class ListedBaseline:
    """One row of ``mmbench list baselines``."""

    name: str
    """What users type."""
    kind: Kind
    """``answers``: it chooses among a closed answer set; ``embeddings``: two towers, for retrieval; ``captions``: it
    describes an image."""
    formula: str
    """What its fusion or decoder computes."""
    reference: str
    """Where that was published, or what it stands for."""
    parameters: int
    """Number of weights, encoders and head included, at `sizes`."""
    sizes: Mapping[str, int]
    """The sizes that `parameters` is stated at: ``dim``, ``vocabulary``, ``classes``."""
    closed_form: str
    """Number of weights of its fusion alone, over k modalities, d and o, the widths of what goes in and comes out; of a
    decoder, over d and the vocabulary v."""
    additive: bool
    """Whether its scores are a sum of functions of one modality each, so that no block of scenes can be all right."""
    encoders: Mapping[str, str]
    """Modality to encoder."""
    head: str
    """What turns the fused vector into logits; ``none`` where the fusion gives them itself."""
    note: str
    """What sets it apart from its fusion or decoder; empty where nothing does."""


def listed() -> list[ListedBaseline]:
    """Every baseline at its default sizes, in the order of `MODELS`, then of `CAPTIONERS`."""
    return [_row(BASELINES[name]) for name in (*MODELS, *CAPTIONERS)]


def _row(baseline: Baseline) -> ListedBaseline:
    parameters = inspect.signature(Baseline.parameters).parameters.values()
    sizes = {each.name: int(each.default) for each in parameters if each.default is not each.empty}
    card = baseline.card
    return ListedBaseline(
        name=baseline.name,
        kind=baseline.kind,
        formula=card.formula,
        reference=card.reference,
        parameters=baseline.parameters(**sizes),
        sizes=sizes,
        closed_form=card.closed_form,
        additive=baseline.additive,
        encoders=dict(baseline.encoders),
        head=card.head,
        note=baseline.note,
    )
