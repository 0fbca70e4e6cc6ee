"""The options of a baseline: how it is built, how long it is trained, where it runs. Loads no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from mmbench.core import UnknownNameError, UsageError
from mmbench_baselines import catalog
from mmbench_baselines.card import Card, Option
from mmbench_baselines.files import digest

VERSION = "2"
"""Changes whenever the same settings, data and seed could give other weights, or the same weights other answers."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How a baseline is trained: the same for every fusion, so that what differs between them is the fusion."""

    steps: int = 4400
    """Steps of the optimiser at most."""
    batch: int = 64
    """Samples a step, or a few more: groups (Latin blocks, images, families) are never torn apart."""
    lr: float = 1.5e-3
    """Highest learning rate, reached after a twentieth of the steps; from there it falls to 0 along a cosine."""
    weight_decay: float = 0.1
    """Decoupled weight decay of AdamW."""
    shift: int = 4
    """Images are moved by up to this many pixels in each direction, at random."""
    checks: int = 20
    """How often the validation samples are asked; the weights that did best there are kept."""
    patience: int = 12
    """Training ends early after this many checks in a row without a better one."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "checks", "patience"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name}={getattr(self, name)}: expected a whole number from 1 up")
        if self.shift < 0:
            raise UsageError(f"shift={self.shift}: expected 0 or more pixels")
        if not (self.lr > 0 and self.weight_decay >= 0 and max(self.lr, self.weight_decay) < float("inf")):
            raise UsageError(
                f"lr={self.lr}, weight_decay={self.weight_decay}: expected a positive number, and 0 or more"
            )


EMBEDDINGS_BUDGET = Budget(steps=1200, batch=128, lr=2e-3, weight_decay=0.01)
"""What two towers get unless set otherwise: a step compares all pairs of its batch, so it should be large."""
CAPTIONS_BUDGET = Budget(steps=2400, batch=32, lr=2.5e-3, weight_decay=0.05)
"""What captioners get unless set otherwise: a sample is an image, of which three captions are learned in a step."""
TOKEN_STEPS = {"attention": 3000, "cross-attention": 2000, "film": 3000, "transformer": 2000}
"""Steps of the fusions that look at tokens, unless set otherwise: a step of theirs takes longer, and so every baseline
gets about the same time, at most two minutes on two cores."""
BUDGETS: Mapping[catalog.Kind, Budget] = {
    "answers": Budget(),
    "embeddings": EMBEDDINGS_BUDGET,
    "captions": CAPTIONS_BUDGET,
}
DIM: Mapping[catalog.Kind, int] = {"answers": 64, "embeddings": 128, "captions": 64}
"""Width unless set otherwise."""


BEAM = 4
"""Captions that beam search keeps unless set otherwise."""


@dataclass(frozen=True, slots=True)
class Search:
    """How a captioner writes. Greedy: the likeliest word each time; beam: the best of several captions kept side by side."""

    beam: int | None = BEAM
    """How many captions are kept; None: greedy."""

    @classmethod
    def parse(cls, search: Any = "beam", beam: Any = None) -> Self:
        """Check options as given on a command line. Raises `UnknownNameError` and `UsageError`."""
        if search not in ("greedy", "beam"):
            raise UnknownNameError("search", str(search), ("greedy", "beam"), hint="It is greedy or beam.")
        if beam is not None and (type(beam) is not int or beam < 1):
            raise UsageError(f"beam={beam!r}: expected a whole number from 1 up")
        if search == "greedy" and beam is not None:
            raise UsageError(f"beam={beam}: search=greedy keeps one caption; leave one of the two out")
        return cls((BEAM if beam is None else beam) if search == "beam" else None)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a user can set of one baseline."""

    baseline: str
    """Name in `catalog.BASELINES`."""
    dim: int = 64
    """Width of tokens, pooled and fused vectors."""
    size: int = 64
    """Images are brought to this many pixels in width and height."""
    head: str | None = None
    """Name of the head; None: the one that the fusion goes with."""
    encoders: Mapping[str, str] = field(default_factory=dict)
    """Modality to name of its encoder, where it is not the baseline's own."""
    fusion: Mapping[str, Option] = field(default_factory=dict)
    """Options of the fusion, or of the decoder."""
    search: Search = field(default_factory=Search)
    """How captions are written; not part of what determines a checkpoint."""
    budget: Budget = field(default_factory=Budget)
    """How it is trained."""
    device: str = "auto"
    """``auto`` (a GPU where torch sees one), ``cpu``, ``cuda``, ``cuda:1`` …; not part of what determines a checkpoint."""
    checkpoint: str | None = None
    """A folder with a checkpoint that is used as it is; None: found by all that determines it, or trained."""

    @classmethod
    def parse(cls, baseline: str, options: Mapping[str, Any]) -> Self:
        """Check options as given on a command line. Raises `UnknownNameError` with the nearest names, `UsageError`."""
        found = catalog.baseline(baseline)
        card = found.card
        own: dict[str, Any] = {"dim": DIM[found.kind], "size": 64, "head": None, "device": "auto", "checkpoint": None}
        searched: dict[str, Any] = {"search": "beam", "beam": None} if found.kind == "captions" else {}
        budget = BUDGETS[found.kind]
        trained = asdict(replace(budget, steps=TOKEN_STEPS.get(found.fusion, budget.steps)))
        coders = {f"{name}_encoder": name for name in found.encoders}
        chosen: dict[str, Any] = {"fusion": {}, "encoders": {}}
        for name, value in options.items():
            if name in own:
                own[name] = value
            elif name in searched:
                searched[name] = value
            elif name in trained:
                trained[name] = _number(name, value, type(trained[name]))
            elif name in coders:
                chosen["encoders"][coders[name]] = _encoder(coders[name], value)
            elif found.kind != "embeddings" and name in card.defaults:
                chosen["fusion"][name] = value
            else:
                known = [*own, *searched, *trained, *coders, *card.defaults]
                raise UnknownNameError(f"option of {baseline}:", name, known, hint=f"It has: {', '.join(known)}.")
        card.with_options(chosen["fusion"], "decoder" if found.kind == "captions" else "fusion")
        _check_own(own, found)
        if own["head"] == card.head:  # what is given at its default is the same model
            own["head"] = None
        for name, usual in (("fusion", card.defaults), ("encoders", found.encoders)):
            chosen[name] = {option: value for option, value in chosen[name].items() if value != usual[option]}
        return cls(baseline, **own, **chosen, search=Search.parse(**searched), budget=Budget(**trained))

    def determines(self) -> dict[str, Any]:
        """What determines the weights beside data and seed, as plain values."""
        said = {name.name: getattr(self, name.name) for name in fields(self)}
        del said["device"], said["checkpoint"], said["search"]
        return {**said, "encoders": dict(self.encoders), "fusion": dict(self.fusion), "budget": asdict(self.budget)}

    def digest(self) -> str:
        """sha256 of `determines` and `VERSION`."""
        return digest({"version": VERSION, **self.determines()})


def _number(name: str, value: Any, kind: type) -> int | float:
    right = isinstance(value, int | float) and not isinstance(value, bool)
    if not right or (kind is int and not isinstance(value, int)):
        raise UsageError(f"{name}={value!r}: expected a {'whole ' if kind is int else ''}number")
    try:
        return float(value) if kind is float else int(value)
    except OverflowError:
        raise UsageError(f"{name}: the number is too large") from None


def _encoder(modality: str, name: Any) -> str:
    said = catalog.card("encoder", str(name))
    if said.modality != modality:
        raise UsageError(f"encoder {name!r} reads {said.modality}, not {modality}")
    return said.name


def _check_own(own: Mapping[str, Any], baseline: catalog.Baseline) -> None:
    for name, least in (("dim", 1), ("size", 8)):
        if type(own[name]) is not int or own[name] < least:
            raise UsageError(f"{name}={own[name]!r}: expected a whole number from {least} up")
    head = own["head"]
    if head is not None:
        card: Card = catalog.card("head", str(head))
        if baseline.kind != "answers":
            raise UsageError(f"head={head!r}: {baseline.name} has no head")
        if (card.name == "none") is not (baseline.card.head == "none"):
            raise UsageError(f"head={head!r}: {baseline.name} goes with the head {baseline.card.head!r}")
    for name in ("device", "checkpoint"):
        if own[name] is not None and not isinstance(own[name], str):
            raise UsageError(f"{name}={own[name]!r}: expected a text")
