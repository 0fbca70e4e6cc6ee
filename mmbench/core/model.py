"""What a model is: any object with one of three methods. Nothing to inherit.

``generate(requests) -> Sequence[str | Generation]``, ``choose(requests) -> Sequence[scores]`` and
``embed(requests) -> array [n, dim]`` take a batch; a method that is ``async def`` takes one request. Optional:
``collate(requests)`` (its result arrives as ``inputs=``), ``open()``, ``close()``, ``info``,
``fit(task_info, train, val, context)``, and a class method ``weights_digest(**options)`` for what its source does not
tell.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from mmbench.core.errors import PluginError
from mmbench.core.requests import Request, RequestKind
from mmbench.core.samples import Sample

KINDS: tuple[RequestKind, ...] = ("generate", "choose", "embed")
"""The methods by which a model may answer, which are also the kinds of requests."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model says of itself, all of it optional. A plain dict with these keys serves as well."""

    digest: str | None = None
    """Digest of the weights or of whatever else determines the answers; without it an instance never resumes."""
    description: str = ""
    """One line for people."""
    parameters: int | None = None
    """Number of weights."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do, read off its methods without building it."""

    kinds: frozenset[RequestKind]
    """The kinds of request that it answers."""
    asynchronous: frozenset[RequestKind]
    """Those among them whose method is ``async def`` and takes one request."""
    learns: bool
    """It has `fit`: it is built once per task and sees that task's training split first."""
    collates: bool
    """It has `collate`."""


@dataclass(frozen=True, slots=True)
class FitContext:
    """What `fit` may use beside the samples."""

    requests: Callable[[Sample], Sequence[Request]]
    """The requests that the task would make from a sample, as the model will see them."""
    seed: int
    """The run's seed for this task."""


def capabilities(model: object) -> Capabilities:
    """Read a model's capabilities off its class (not built yet) or off an instance."""
    kinds = frozenset(kind for kind in KINDS if callable(getattr(model, kind, None)))
    return Capabilities(
        kinds=kinds,
        asynchronous=frozenset(kind for kind in kinds if inspect.iscoroutinefunction(getattr(model, kind))),
        learns=callable(getattr(model, "fit", None)),
        collates=callable(getattr(model, "collate", None)),
    )


def model_info(model: object) -> ModelInfo:
    """The model's `info`, whether a `ModelInfo`, a mapping with its fields, or absent. Raises `PluginError`."""
    info = getattr(model, "info", None)
    if info is None or isinstance(info, property):
        return ModelInfo()
    if isinstance(info, ModelInfo):
        return info
    if isinstance(info, Mapping):
        known = {field.name for field in fields(ModelInfo)}
        values: dict[str, Any] = {str(key): value for key, value in info.items() if key in known}
        return ModelInfo(**values)
    raise PluginError(f"the model's info is a {type(info).__name__}; expected a dict or mmbench.ModelInfo")
