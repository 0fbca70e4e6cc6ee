"""What a model says of how it was asked: its attributes ``settings`` and ``notes``, both optional.

One that cannot be read counts as none, with a warning in the log: remarks never fail a run.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

_LOG = logging.getLogger("mmbench.models")


def settings_of(model: object) -> dict[str, Any]:
    """Settings that a model answers by, beside its options: its attribute ``settings``, a mapping that JSON can hold.

    Anything else counts as none.
    """
    found = _mapping(model, "settings")
    if not all(isinstance(name, str) for name in found):
        return {}
    try:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        return {}
    return plain


def notes_on(model: object, task: str) -> dict[str, int]:
    """What must be known of a model's answers to a task: sentence to number of requests.

    Args:
        model: Its attribute ``notes``, where it has one, is a mapping of sentences to the ids of the requests concerned.
        task: Full name of the task.
    """
    counts: dict[str, int] = {}
    for sentence, ids in _mapping(model, "notes").items():
        if isinstance(ids, Collection) and not isinstance(ids, str):
            counts[str(sentence)] = sum(str(each).startswith(f"{task}/") for each in list(ids))
    return {sentence: count for sentence, count in counts.items() if count}


def _mapping(model: object, name: str) -> dict[Any, Any]:
    """A copy of the mapping that an attribute holds; empty for anything else."""
    try:
        found = getattr(model, name, None)
        return dict(found) if isinstance(found, Mapping) else {}
    except Exception as error:  # noqa: BLE001 - a property of a stranger may fail in any way
        _LOG.warning("the model's %s cannot be read: %s: %s", name, type(error).__name__, error)
        return {}
