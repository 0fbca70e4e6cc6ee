"""Requests that carry the bytes of their images, for workers that cannot read the files (``--ship-media``)."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

from mmbench.core.errors import MediaError
from mmbench.core.media import Media
from mmbench.core.requests import Message, Request
from mmbench.data.sources import BytesImage


def with_bytes(request: Request) -> Request:
    """A copy of a request whose images are in memory, as their files lie; equal ones are one object.

    What cannot be read stays as it is, and is an error of its own requests where the model looks at it.
    """
    made = copy(request)
    for name in ("part", "parts", "messages"):
        if hasattr(made, name):
            setattr(made, name, _in_memory(getattr(made, name)))
    return made


def _in_memory(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_in_memory, value))
    if isinstance(value, Message):
        return replace(value, parts=_in_memory(value.parts))
    if not isinstance(value, Media) or value.path is None:
        return value
    source: Any = value.source
    if value.kind != "image" or not hasattr(source, "raw"):
        return value
    try:
        return replace(value, source=BytesImage(source.raw(), getattr(source, "digest", "")))
    except MediaError:
        return value
