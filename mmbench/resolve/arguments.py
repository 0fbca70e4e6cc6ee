"""What users give in more than one form, in one: names, models, seeds, data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmbench.core.errors import OptionError, UsageError
from mmbench.core.spec import DataSource
from mmbench.resolve.models import ResolvedModel, resolve_instance, resolve_model
from mmbench.resolve.suites import wanted_models

Data = str | Path | Mapping[str, str | Path]
"""A path, or {task or data set name: path}."""


def models_of(
    given: Any,
    options: Mapping[str, Any] | None = None,
    aliases: Mapping[str, Mapping[str, Any]] | None = None,
    suite: str | None = None,
) -> list[tuple[ResolvedModel, bool]]:
    """Models with these options, none of them built; and of each, whether it was named itself or is of a suite.

    Parameters: `given`, names separated by commas, an object, a class, or a list of them; `suite`, as in
    `wanted_models`. Raises `UsageError` and its
    kin for none, for one that is given twice, and what `resolve_model` raises.
    """
    wanted = wanted_models(list(given) if isinstance(given, list | tuple) else [given], aliases or (), suite)
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


def seeds_of(first: int, count: int) -> range:
    """`count` seeds from the first on. Raises `UsageError` for less than one.

    >>> list(seeds_of(3, 2))
    [3, 4]
    """
    if count < 1:
        raise OptionError("--seeds", count, "at least 1")
    return range(first, first + count)


def sources_of(data: Data | None) -> tuple[DataSource, ...]:
    """The user's own data; a path under the empty name, or without one, is for every family named without data."""
    if data is None:
        return ()
    if isinstance(data, str | Path):
        return (DataSource(str(data)),)
    return tuple(DataSource(str(path), name or None) for name, path in data.items())
