"""What columns of parquet and Arrow files hold: images, classes, plain values."""

from __future__ import annotations

import math
from typing import Any

from mmbench.data.records import NumberText


def image_kind(kind: Any, feature: Any) -> str | None:
    """``one`` or ``list`` for a column of images, by its feature in `datasets` or by its type; None for any other."""
    if isinstance(feature, dict):
        if feature.get("_type") == "Image":
            return "one"
        inner = feature.get("feature")
        return "list" if isinstance(inner, dict) and inner.get("_type") == "Image" else None
    if isinstance(feature, list) and len(feature) == 1 and isinstance(feature[0], dict):
        return "list" if feature[0].get("_type") == "Image" else None
    if _holds_bytes(kind):
        return "one"
    value = getattr(kind, "value_type", None)
    return "list" if value is not None and kind.num_fields == 1 and _holds_bytes(value) else None


def _holds_bytes(kind: Any) -> bool:
    """Whether a type is bytes, or the object of bytes and path that `datasets` keeps images in."""
    if str(kind) in ("binary", "large_binary"):
        return True
    names = {kind.field(n).name for n in range(kind.num_fields)} if str(kind).startswith("struct") else set()
    return names == {"bytes", "path"}


def class_names(feature: Any) -> list[str] | None:
    """The names of a column of classes, by number."""
    if isinstance(feature, dict) and feature.get("_type") == "ClassLabel":
        names = feature.get("names")
        return list(names) if names else None
    return None


def column_values(column: Any, names: list[str] | None) -> list[Any]:
    """The values of a column, as a JSON file of them would be read."""
    values: list[Any] = column.to_pylist()
    kind = str(column.type)
    if names is not None:
        return [None if value is None or not 0 <= value < len(names) else names[value] for value in values]
    if kind in ("string", "large_string", "bool"):
        return values
    return [as_json(value) for value in values]


def as_json(value: Any) -> Any:
    """A value of a table as one of JSON: numbers as `NumberText`, NaN as null, arrays as lists, anything else as text."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return None if math.isnan(value) else NumberText(repr(value))
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value if isinstance(value, bytes) else str(value)
