"""Refuse keywords that a public function does not have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmbench.core.errors import UnknownNameError


def check_keywords(given: Mapping[str, Any], known: type, what: str) -> None:
    """Raise `UnknownNameError` for a keyword that is none of the fields of a `TypedDict`, with the nearest.

    Args:
        given: The keywords.
        known: The `TypedDict`.
        what: The function, for messages: ``mmbench.track``.
    """
    names = tuple(known.__annotations__)
    for keyword in given:
        if keyword not in names:
            raise UnknownNameError(f"option of {what}:", keyword, names)
