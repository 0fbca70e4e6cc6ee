"""Identify a model without building it: by declared version and weights where it is registered, else by its source file."""

from __future__ import annotations

import hashlib
import inspect
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from mmbench.core.model import model_info
from mmbench.registry import Plugin
from mmbench.resolve.former_digests import FORMER_DIGESTS
from mmbench.results.codec import digest
from mmbench.results.source_files import source_digest


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one model from another, beside its name and options."""

    digest: str | None
    """Digest of its version and weights, or of its source; None where it cannot be told."""
    version: str | None = None
    """The declared version of a registered model; None for all others."""
    former: tuple[str, ...] = ()
    """Digests by which earlier versions of mmbench knew the same model."""
    source: str | None = None
    """Digest of the file or package that a model comes from; None for a registered one, and where it has none."""


def of_registered(plugin: Plugin, target: Any, options: Mapping[str, Any]) -> Identity:
    """The identity of a registered model: its name, the version that it declares and its weights, never its source.

    Args:
        plugin: The model's registration.
        target: The class, or an instance.
        options: The arguments of the class.

    Returns:
        The identity. Where the model declares no version, that of its distribution stands in.
    """
    version = _declared_version(target) or plugin.distribution
    weights = _weights(target, options)
    found = digest({"name": plugin.name, "version": version, "weights": weights})
    former = (each for each in FORMER_DIGESTS if plugin.name in each.names.split() and each.version == version)
    return Identity(found, version, tuple(_joined(each.source, each.weights or weights) for each in former))


def of_source(source: str | None, target: Any, options: Mapping[str, Any]) -> Identity:
    """The identity of a model that is not registered: the digest of its source, and of its weights where it has one.

    Args:
        source: Digest of the file or package that the model was loaded from; None where there is none.
        target: The class, or an instance, whose own `info.digest` stands in for that of the source.
        options: The arguments of the class.
    """
    weights = _weights(target, options)
    if not isinstance(target, type):
        return Identity(weights or source, source=source)
    return Identity(source if weights is None else _joined(source, weights), source=source)


def unrepeatable_digest() -> str:
    """A digest that no other run has, for a model whose own cannot be told."""
    return f"instance-{uuid.uuid4().hex}"


def digest_of_module(module: ModuleType) -> str | None:
    """Digest of a module's file; of every Python file below it, for a package; None where it has no file."""
    file = getattr(module, "__file__", None)  # modules that are built into the interpreter have none
    if not file:
        return None
    return source_digest(Path(file))


def digest_of_class(target: type) -> str | None:
    """Digest of the file that defines a class; None where it has none, or depends on more, as inside a function."""
    if "<locals>" in target.__qualname__:
        return None
    try:
        source = inspect.getsourcefile(target)
    except (TypeError, OSError):  # OSError: a class typed into an interpreter
        return None
    return hashlib.sha256(Path(source).read_bytes()).hexdigest() if source and Path(source).is_file() else None


def _declared_version(target: Any) -> str | None:
    version = getattr(target, "version", None)
    return str(version) if isinstance(version, str | int | float) else model_info(target).version


def _weights(target: Any, options: Mapping[str, Any]) -> str | None:
    if not isinstance(target, type):
        return model_info(target).digest
    weights_digest = getattr(target, "weights_digest", None)
    found = weights_digest(**options) if callable(weights_digest) else None
    return None if found is None else str(found)


def _joined(source: str | None, weights: str | None) -> str:
    if source is not None and weights is None:
        return source
    return hashlib.sha256(f"{source} {weights}".encode()).hexdigest()
