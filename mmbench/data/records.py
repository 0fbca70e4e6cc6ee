"""Records of a JSONL, JSON or CSV file, one at a time, each with its line, and checked access to their fields."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmbench.core import DataError, nearest_names

JSON_LINES = (".jsonl", ".ndjson")
SEPARATORS = {".csv": ",", ".tsv": "\t"}
SUFFIXES = (*JSON_LINES, ".json", *SEPARATORS)
"""Suffixes of the files that are read."""
LIST_SEPARATOR = "|"
"""What stands between the items of a list in a CSV cell."""
_SHOWN = 5
_LONGEST_CELL = 2**28
"""Characters of a CSV cell, 256 Mi: an image of a hundred megapixels as base64 has fewer."""


class NumberText(str):
    """A JSON number, kept as it is written, so that an answer ``1.50`` stays ``1.50``."""

    __slots__ = ()


_WHOLE = re.compile(r"-?\d{1,15}\.0+")
_DECODER = json.JSONDecoder(parse_int=NumberText, parse_float=NumberText)


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
        if self.is_csv:
            value = [cell.strip() for cell in value.split(LIST_SEPARATOR)]
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
            raise self.error(f"field 'slices': expected a JSON object in the cell, found {cell!r}") from error

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
            raise self.error(f"{what}: {text!r} is no id; expected printable text without blanks at its ends")
        return text


def id_text(value: float | str) -> str:
    """An id as a text; a whole number without decimals, because tables with a gap turn 7 into 7.0.

    >>> id_text(7.0), id_text("7.0"), id_text(7), id_text(1.5)
    ('7', '7.0', '7', '1.5')
    """
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


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


def listed(items: list[str]) -> str:
    """The first five of some items, and how many more there are."""
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def refuse_repeated(path: Path, names: Iterable[str]) -> None:
    """Raise `DataError` with a list where ids of a file stand there more than once."""
    twice = [f"{name} ({count} times)" for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{path}: ids that stand there more than once: {listed(twice)}")


def find_data_file(path: Path) -> Path:
    """The file itself, or the only data file in a folder. Raises `DataError`."""
    if path.is_dir():
        found = sorted(inside for inside in path.iterdir() if inside.suffix.lower() in SUFFIXES and inside.is_file())
        if len(found) == 1:
            return found[0]
        kinds = f"one file that ends in {', '.join(SUFFIXES)}"
        names = listed([candidate.name for candidate in found])
        raise DataError(
            f"{path} is a folder; expected {kinds} in it, found {names + '; name one' if found else 'none'}"
        )
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: unknown kind of file {path.suffix!r}; expected one of {', '.join(SUFFIXES)}")
    return path


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file, one after the other. Raises `DataError`, also when there are none."""
    suffix = path.suffix.lower()
    if suffix in JSON_LINES:
        records = _json_lines(path)
    elif suffix in SEPARATORS:
        records = _csv_rows(path, SEPARATORS[suffix])
    else:
        records = _json_list(path, read_text(path))
    empty = True
    for record in records:
        empty = False
        yield record
    if empty:
        raise DataError(f"{path} holds no rows")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark. Raises `DataError`."""
    return "".join(_lines(path))


def read_json(path: Path, text: str) -> Any:
    """The value that a whole JSON text holds, numbers as `NumberText`. Raises `DataError`."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise DataError(f"not valid JSON: {error.msg}", path, error.lineno) from error
    except RecursionError as error:
        raise DataError(f"{path}: not usable JSON: nested too deeply") from error


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    byte = line[error.start]
                    raise DataError(f"not UTF-8 text (byte 0x{byte:02x})", path, number) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _json_lines(path: Path) -> Iterator[Record]:
    for number, line in enumerate(_lines(path), 1):
        if line.isspace():
            continue
        try:
            value = _DECODER.decode(line.rstrip("\r\n"))
        except json.JSONDecodeError as error:
            raise DataError(f"not valid JSON: {error.msg} (column {error.colno})", path, number) from error
        except RecursionError as error:
            raise DataError("not usable JSON: nested too deeply", path, number) from error
        yield record_of(path, f"line {number}", value)


def _json_list(path: Path, text: str) -> Iterator[Record]:
    """Walk a JSON list item by item, so that each has its line."""
    whole = read_json(path, text)
    if not isinstance(whole, list):
        raise DataError(f"expected a list of objects, found {describe(whole)}", path, 1)
    position, line = text.index("[") + 1, 1
    counted = 0
    for value in whole:
        while text[position] in " \t\r\n,":
            position += 1
        line += text.count("\n", counted, position)
        counted = position
        yield record_of(path, f"line {line}", value)
        _, position = _DECODER.raw_decode(text, position)


def record_of(path: Path, place: str, value: object) -> Record:
    """The record that a JSON object is. Raises `DataError` when the value is something else."""
    if not isinstance(value, dict):
        raise DataError(f"expected an object, found {describe(value)}", path, place)
    return Record(path, place, value)


def _csv_rows(path: Path, separator: str) -> Iterator[Record]:
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))  # images stand in cells
    reader = csv.reader(_lines(path), delimiter=separator, strict=True)
    names: list[str] | None = None
    line = 1
    try:
        for cells in reader:
            begins, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names = _header(path, begins, cells)
                continue
            if len(cells) != len(names):
                raise DataError(f"expected {len(names)} cells, as in the header, found {len(cells)}", path, begins)
            fields = {name: cell for name, cell in zip(names, cells, strict=True) if cell.strip()}
            yield Record(path, f"line {begins}", fields, is_csv=True)
    except csv.Error as error:
        raise DataError(f"not valid CSV: {error}", path, line) from error


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(set(names)) != len(names) or "" in names:
        raise DataError(f"expected a header with different names, found {', '.join(names)}", path, line)
    return names
