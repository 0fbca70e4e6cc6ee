"""Records of a JSONL, JSON or CSV file, one at a time, each with its line, and checked access to their fields."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmbench.core import DataError, nearest_names

LIST_SEPARATOR = "|"
"""What stands between the items of a list in a CSV cell."""
_SHOWN = 5
_LONGEST = 160
"""Characters of a cell that a message shows."""


class NumberText(str):
    """A JSON number, kept as it is written, so that an answer ``1.50`` stays ``1.50``."""

    __slots__ = ()


_LITERAL = re.compile(r"\s*\[.*\]\s*", re.DOTALL)
_WHOLE = re.compile(r"-?\d{1,15}\.0+")


@dataclass(frozen=True, slots=True)
class Record:
    """The fields of one row or object, and where it stands."""

    path: Path
    """The file."""
    place: str
    """Where in the file it begins: ``line 3``, ``images[2]``."""
    fields: Mapping[str, Any]
    """Field name to value; empty cells of a CSV file are left out."""
    is_csv: bool = False
    """Cells hold lists as text, separated by `LIST_SEPARATOR`."""

    def error(self, message: str) -> DataError:
        """An error that names the file and the place."""
        return DataError(message, self.path, self.place)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.fields.get(name) is not None

    def missing(self, *names: str) -> DataError:
        """The error for a record that has none of these fields."""
        for name in names:
            if name in self.fields:
                return self.error(f"field {name!r}: expected a value, found null")
        wanted = " or ".join(map(repr, names))
        near = {close for name in names for close in nearest_names(name, self.fields)} - set(names)
        if near:
            return self.error(
                f"missing field {wanted}; it has {' and '.join(map(repr, sorted(near)))}, perhaps misspelt"
            )
        return self.error(f"missing field {wanted}; it has {', '.join(map(repr, self.fields)) or 'no fields'}")

    def text(self, name: str, *, number: bool = False) -> str:
        """A required field that holds a text with something in it, or a number where that is allowed."""
        if name not in self.fields:
            raise self.missing(name)
        return self.checked(self.fields[name], f"field {name!r}", number=number)

    def texts(self, name: str, *, key: str | None = None) -> list[str]:
        """A field that holds a list of texts or numbers, or of objects with one of these under `key`."""
        value = self.fields[name]
        if self.is_csv and isinstance(value, str):
            value = python_list(value) or [cell.strip() for cell in value.split(LIST_SEPARATOR)]
        if not isinstance(value, list):
            raise self.error(f"field {name!r}: expected a list of strings, found {describe(value)}")
        if not value:
            raise self.error(f"field {name!r}: expected at least one item, found an empty list")
        items = [self._inner(item, key, name, n) for n, item in enumerate(value)]
        return [self.checked(item, f"field {name!r}, item {n}", number=True) for n, item in enumerate(items)]

    def _inner(self, item: object, key: str | None, name: str, n: int) -> object:
        if key is None or not isinstance(item, dict):
            return item
        if key not in item:
            raise self.error(f"field {name!r}, item {n}: expected a string or an object with {key!r}")
        return item[key]

    def slices(self) -> dict[str, str]:
        """The labels in ``slices`` (an object; in a CSV cell as JSON) and ``type``. Raises `DataError`."""
        labels: dict[str, str] = {}
        if self.has("type"):
            labels["type"] = self.text("type", number=True)
        if self.has("slices"):
            value = self.fields["slices"]
            if self.is_csv:
                value = self._json(value)
            if not isinstance(value, dict):
                raise self.error(f"field 'slices': expected an object of names and labels, found {describe(value)}")
            for name, label in value.items():
                labels[name] = self.checked(label, f"field 'slices', label {name!r}", number=True)
        return labels

    def _json(self, cell: str) -> object:
        try:
            return json.loads(cell)
        except ValueError as error:
            raise self.error(f"field 'slices': expected a JSON object in the cell, found {cut(cell)!r}") from error

    def checked(self, value: object, what: str, *, number: bool = False) -> str:
        """The value as a plain text that is not blank, else a `DataError` about `what`."""
        if not isinstance(value, str) or (isinstance(value, NumberText) and not number):
            expected = "a string or a number" if number else "a string"
            raise self.error(f"{what}: expected {expected}, found {describe(value)}")
        if not value.strip():
            raise self.error(f"{what}: expected a text, found an empty one")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise self.error(f"{what}: holds half of a surrogate pair, which is no text")
        return str(value)

    def identifier(self, value: object, what: str) -> str:
        """The value as an id: a string or number, printable, without blanks at its ends."""
        text = self.checked(value, what, number=True)
        text = id_text(float(text)) if isinstance(value, NumberText) and _WHOLE.fullmatch(text) else text
        if not text.isprintable() or text != text.strip():
            raise self.error(f"{what}: {cut(text)!r} is no id; expected printable text without blanks at its ends")
        return text


def id_text(value: float | str) -> str:
    """An id as a text; a whole number without decimals, because tables with a gap turn 7 into 7.0.

    >>> id_text(7.0), id_text("7.0"), id_text(7), id_text(1.5)
    ('7', '7.0', '7', '1.5')
    """
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def python_list(text: str) -> list[Any] | None:
    """The list in a text such as ``"['red', 'blue']"``, as pandas writes lists; None where the text is none."""
    if not _LITERAL.fullmatch(text):
        return None
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    if not isinstance(value, list):
        return None
    return [
        NumberText(item) if isinstance(item, int | float) and not isinstance(item, bool) else item for item in value
    ]


def describe(value: object) -> str:
    """What a JSON value is, in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, NumberText | float):
        return f"the number {value}"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"


def listed(items: list[str], count: int = _SHOWN) -> str:
    """The first few of some items, each cut to what one can read, and how many more there are."""
    more = f" and {len(items) - count:,} more" if len(items) > count else ""
    return ", ".join(map(cut, items[:count])) + more


def cut(text: str, most: int = _LONGEST) -> str:
    """A text for a message: of a long one the beginning, and its length.

    >>> cut("short"), cut("x" * 500, 3)
    ('short', 'xxx… (500 characters)')
    """
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"


def refuse_repeated(path: Path, names: Iterable[str]) -> None:
    """Raise `DataError` with a list where ids of a file stand there more than once."""
    twice = [f"{name} ({count} times)" for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path}: ids that stand there more than once: {listed(twice)}")
