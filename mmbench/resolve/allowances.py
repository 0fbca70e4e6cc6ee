"""What is refused unless the user allows it by name: ``--allow``."""

from __future__ import annotations

from collections.abc import Iterable

from mmbench.core.errors import UnknownNameError

FOREIGN_SOURCE = "foreign-source"
"""A Python file or module that a stored run names, rather than this command, is imported."""
OUTSIDE_IMAGES = "outside-images"
"""Images outside the folder of the data file are sent to an endpoint."""
MEMORY = "memory"
"""A model is loaded although its weights seem to need more memory than is free."""

VERSIONS = "versions"
"""Shards that were asked with other versions of packages are merged."""
WEIGHTS = "weights"
"""Shards of a model that learned other weights, or weights that nobody can tell apart, are merged."""


def allowances(names: Iterable[str], known: Iterable[str]) -> frozenset[str]:
    """The names as a set. Raises `UnknownNameError` for one that is none of those that a command knows."""
    found, there_are = frozenset(names), tuple(known)
    for name in sorted(found.difference(there_are)):
        raise UnknownNameError("value of --allow:", name, there_are, hint=f"There are: {', '.join(there_are)}.")
    return found
