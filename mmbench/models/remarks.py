"""What a model says of how it was asked: its attributes ``settings`` and ``notes``, both optional."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec


def settings_of(model: object) -> dict[str, Any]:
    """Settings that a model answers by, beside its options: its attribute ``settings``, a mapping that JSON can hold.

    Anything else counts as none.
    """
    found = getattr(model, "settings", None)
    if not isinstance(found, Mapping) or not all(isinstance(name, str) for name in found):
        return {}
    try:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(found)))
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError):
        return {}
    return plain


def notes_on(model: object, task: str) -> dict[str, int]:
    """What must be known of a model's answers to a task: sentence to number of requests.

    Args:
        model: Its attribute ``notes``, where it has one, is a mapping of sentences to the ids of the requests concerned.
        task: Full name of the task.
    """
    found = getattr(model, "notes", None)
    if not isinstance(found, Mapping):
        return {}
    counts = {
        str(sentence): sum(str(each).startswith(f"{task}/") for each in list(ids))
        for sentence, ids in found.items()
        if isinstance(ids, Collection) and not isinstance(ids, str)
    }
    return {sentence: count for sentence, count in counts.items() if count}
