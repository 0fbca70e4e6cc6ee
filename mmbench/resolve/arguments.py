"""Normalise user-supplied models: names, aliases, suites, objects and classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmbench.core.errors import UsageError
from mmbench.resolve.config import load_config
from mmbench.resolve.model_names import ResolvedModel, resolve_instance, resolve_model
from mmbench.resolve.suites import wanted_models


def models_of(
    given: Any, options: Mapping[str, Any] | None = None, suite: str | None = None
) -> list[tuple[ResolvedModel, bool]]:
    """Find models without building them.

    Args:
        given: Names separated by commas, an object, a class, or a list of them. A name may be an alias of ``mmbench.toml``
            in the working directory.
        options: Options of every one of these models.
        suite: The name after ``--suite``, as in `wanted_models`.

    Returns:
        Each model, and whether it was named itself rather than by a suite.

    Raises:
        UsageError: If there is none, or one is given twice; and what `resolve_model` raises.
    """
    aliases = load_config().aliases
    wanted = wanted_models(list(given) if isinstance(given, list | tuple) else [given], aliases, suite)
    found = [
        resolve_model(each.model, options, aliases)
        if isinstance(each.model, str)
        else resolve_instance(each.model, options)
        for each in wanted
    ]
    names = [resolved.name for resolved in found]
    if not found:
        raise UsageError("no model given; see: mmbench list models, mmbench list suites")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            f"model {twice[0]!r} is given twice; give one of them another name (an alias in mmbench.toml, or another "
            "class name)"
        )
    return [(resolved, each.suite is None) for resolved, each in zip(found, wanted, strict=True)]
