"""Registered extractors, found by name. Those of this package and of others are registered in the same way."""

from __future__ import annotations

from mmbench import registry
from mmbench.core.errors import MmbenchError, PluginError, UnknownNameError
from mmbench.extract.declare import Extractor, Reads

_HINT = "See: mmbench list extractors"


def extractor_named(name: str, *, reads: Reads | None = None) -> Extractor:
    """Import the extractor that is registered under a name.

    Args:
        name: The name.
        reads: What it must find; None for anything.

    Returns:
        The extractor.

    Raises:
        UnknownNameError: If there is none, or it finds something else.
        PluginError: If two distributions claim the name, or it cannot be imported or is no declared extractor.
    """
    plugin = registry.find("extractor", name, hint=_HINT)
    found = registry.load(plugin)
    if not isinstance(found, Extractor):
        kind = type(found).__name__
        raise PluginError(
            f"extractor {name!r} is an object of type {kind}; expected what mmbench.extract.extractor declares"
        )
    if found.name != name:
        raise PluginError(f"extractor {name!r} declares the name {found.name!r}; register it under that")
    if reads is not None and found.reads != reads:
        names = [each.name for each in extractors() if each.reads == reads]
        raise UnknownNameError(f"extractor of a {reads}", name, names, hint=f"There are: {', '.join(names)}.")
    return found


def version_of_today(stated: str) -> str:
    """The text form of today's version of an extractor where that finds all that an earlier one found; else as stated.

    Args:
        stated: The text form of an extractor, such as ``exact-v1``.
    """
    name, _, version = stated.rpartition("-v")
    try:
        found = extractor_named(name)
    except MmbenchError:  # it is not installed, or no longer there
        return stated
    return str(found) if version in found.extends else stated


def extractors() -> list[Extractor]:
    """Import all registered extractors, by name; those that cannot be imported are left out."""
    found: list[Extractor] = []
    for plugin in registry.plugins("extractor"):
        try:
            found.append(extractor_named(plugin.name))
        except MmbenchError:  # `mmbench list extractors` shows it
            continue
    return found
