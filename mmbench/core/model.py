"""What a model is: any object with one of three methods. Nothing to inherit.

``generate(requests) -> Sequence[str | Generation]``, ``choose(requests) -> Sequence[scores]`` and
``embed(requests) -> array [n, dim]`` take a batch; a method that is ``async def`` takes one request. Optional:
``collate(requests)`` (its result arrives as ``inputs=``), ``open()``, ``close()``, ``info``,
``fit(task_info, train, val, context)``, ``modalities`` and ``max_images`` (what a request may hold), ``settings`` and
``notes`` (what it answers by, and what must be known of its answers), the class methods ``weights_digest(**options)`` for
what its source does not tell, ``weights_size(**options)`` for the bytes that its weights take and
``image_tokens(**options)`` for the tokens that an image is read as at most, and ``version``, a text. A registered model is
another model when its version or its weights change, whatever becomes of its source, so `version` has to change whenever the
same request could get another answer.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from mmbench.core.errors import PluginError
from mmbench.core.requests import Request, RequestKind
from mmbench.core.samples import Sample

KINDS: tuple[RequestKind, ...] = ("generate", "choose", "embed")
"""The methods by which a model may answer, which are also the kinds of requests."""


MODALITIES = ("audio", "image", "text", "video")
"""What a request may hold."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model says of itself, all of it optional. A plain dict with these keys serves as well."""

    digest: str | None = None
    """Digest of the weights or of whatever else determines the answers; without it an instance never resumes."""
    version: str | None = None
    """Version of a registered model, where its class has no attribute ``version``."""
    description: str = ""
    """One line for people."""
    parameters: int | None = None
    """Number of weights."""
    modalities: tuple[str, ...] = ("image", "text")
    """Those of `MODALITIES` that a request may hold. An attribute of the model by this name counts first."""
    max_images: int | None = None
    """Images that a request may hold at most; None for any number. An attribute of the model by this name counts first."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do, read off its methods and attributes without building it."""

    kinds: frozenset[RequestKind]
    """The kinds of request that it answers."""
    asynchronous: frozenset[RequestKind]
    """Those among them whose method is ``async def`` and takes one request."""
    learns: bool
    """It has `fit`: it is built once per task and sees that task's training split first."""
    collates: bool
    """It has `collate`."""
    largest_first: bool = False
    """It wants batches of requests of about the same cost, the costliest first: less padding, and memory runs out early."""
    modalities: frozenset[str] = frozenset({"image", "text"})
    """What a request may hold."""
    max_images: int | None = None
    """Images that a request may hold at most; None for any number."""
    remote: bool = False
    """What it is asked leaves the machine; an attribute of the model by this name says so."""
    batches_itself: bool = False
    """Its engine decides what is computed together, whatever it is asked together; an attribute by this name says so."""


@dataclass(frozen=True, slots=True)
class FitProgress:
    """How far `fit` has come."""

    done: int
    """Steps done."""
    total: int
    """Steps at most."""
    loss: float | None = None
    """Mean training loss since the last report; None where there is none."""
    val: tuple[str, float] | None = None
    """Name and last value, from 0 to 1, of what is measured on the validation samples."""


def _ignore(progress: FitProgress) -> None:
    """Show nothing."""


def _no_note(text: str) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class FitContext:
    """What `fit` may use beside the samples."""

    requests: Callable[[Sample], Sequence[Request]]
    """The requests that the task would make from a training or validation sample, as the model will see them. Raises
    `UsageError` for any other sample: the split that is asked is out of reach."""
    seed: int
    """The run's seed for this task."""
    folder: Path | None = None
    """Where what was learned may be kept for later runs; None: nowhere."""
    report: Callable[[FitProgress], None] = _ignore
    """Shows progress; cheap, may be called at every step."""
    note: Callable[[str], None] = _no_note
    """Shows one line to people."""
    threads: int | None = None
    """CPU threads to compute with, in training and afterwards; None: as many as the model chooses."""
    retrain: bool = False
    """Train even where the model comes with weights for this task."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a model may say of itself after `fit`, as its attribute ``learned``."""

    parameters: int | None = None
    """Number of weights that were trained."""
    train_s: float | None = None
    """Seconds that training took in all sessions; kept with a checkpoint, so that a model that was loaded has it too."""
    samples_per_s: float | None = None
    """Training samples a second."""
    modalities: tuple[str, ...] = ()
    """The modalities that it looks at, in alphabetical order; empty: it does not say."""
    checkpoint: str | None = None
    """Where its weights lie."""
    weights: str | None = None
    """A digest of its weights, for a model that keeps them nowhere; None: of the files of `checkpoint`."""
    val: Mapping[str, float] = field(default_factory=dict)
    """What it reached on the validation samples, by name, from 0 to 1."""


def capabilities(model: object) -> Capabilities:
    """Read a model's capabilities off its class (not built yet) or off an instance."""
    kinds = frozenset(kind for kind in KINDS if callable(getattr(model, kind, None)))
    return Capabilities(
        kinds=kinds,
        asynchronous=frozenset(kind for kind in kinds if inspect.iscoroutinefunction(getattr(model, kind))),
        learns=callable(getattr(model, "fit", None)),
        collates=callable(getattr(model, "collate", None)),
        largest_first=getattr(model, "largest_first", False) is True,
        modalities=frozenset(_declared(model, "modalities")),
        max_images=_declared(model, "max_images"),
        remote=getattr(model, "remote", False) is True,
        batches_itself=getattr(model, "batches_itself", False) is True,
    )


def _declared(model: object, name: str) -> Any:
    """A field of `ModelInfo` that may also be an attribute of the model itself."""
    own = getattr(model, name, None)
    if own is not None and not isinstance(own, property):
        return own
    info = getattr(model, "info", None)
    default = getattr(ModelInfo(), name)
    return info.get(name, default) if isinstance(info, Mapping) else getattr(info, name, default)


def model_info(model: object) -> ModelInfo:
    """The model's `info`, whether a `ModelInfo`, a mapping with its fields, or absent. Raises `PluginError`."""
    info = getattr(model, "info", None)
    if info is None or isinstance(info, property):
        return ModelInfo()
    if isinstance(info, ModelInfo):
        return info
    if isinstance(info, Mapping):
        known = {each.name for each in fields(ModelInfo)}
        values: dict[str, Any] = {str(key): value for key, value in info.items() if key in known}
        return ModelInfo(**values)
    raise PluginError(f"the model's info is a {type(info).__name__}; expected a dict or mmbench.ModelInfo")
