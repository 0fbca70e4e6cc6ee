"""Read JSON, JSON Lines and separated values, told apart by what the files hold and not by their names."""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from mmbench.core import DataError
from mmbench.core.visible import shown_name
from mmbench.data.records import NumberText, Record, cut, describe
from mmbench.data.result_files import object_of_results
from mmbench.data.tables.table import Table, refuse_empty

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
SEPARATED = (".csv", ".tsv", ".txt", ".token")
WRAPPERS = (
    "data",
    "questions",
    "annotations",
    "samples",
    "examples",
    "items",
    "rows",
    "instances",
    "results",
    "images",
)
"""Keys under which an object keeps its list of rows; the first that is there is read."""
SPLITS = ("test", "validation", "val", "dev", "train", "testdev", "minival", "minitest", "restval")
"""Keys that are names of splits."""
_LONGEST_CELL = 2**28
"""Characters of a cell, 256 Mi: an image of a hundred megapixels as base64 has fewer."""


class _RepeatedKeyError(ValueError):
    """An object has a key twice, of which readers would keep one or the other."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        key = next(key for n, (key, _) in enumerate(pairs) if key in dict(pairs[:n]))
        raise _RepeatedKeyError(f"the key {shown_name(key)!r} stands twice in one object")
    return found


_DECODER = json.JSONDecoder(parse_int=NumberText, parse_float=NumberText, object_pairs_hook=_object)
_TOKEN = re.compile(r"[^\t]+#\d+\t")
_BARE_COMMAS = "image,caption"


def text_table(path: Path, split: str = "") -> Table:
    """The table in a JSON file or one of separated values; either may be compressed (``.gz``).

    Args:
        path: The file.
        split: Of an object that holds several splits, the one that is read; empty: the first of `SPLITS`.

    Raises:
        DataError: If the file cannot be read.
    """
    begin = _begin(path)
    if _suffix(path) in JSON_SUFFIXES or begin.lstrip()[:1] in ("[", "{"):
        return _json_table(path, begin, split)
    return _separated_table(path, begin)


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


MAX_INFLATED = 2**33
"""Bytes that a compressed file may take when it is inflated; one that takes more is refused."""


class _Bounded(gzip.GzipFile):
    """A compressed file that stops where it has become too large."""

    def read(self, size: int | None = -1) -> bytes:
        """As usual. Raises `OSError` beyond the bound."""
        if self.tell() > MAX_INFLATED:
            raise OSError(f"it takes more than {MAX_INFLATED:,} bytes when it is inflated")
        return super().read(size)

    def readline(self, size: int | None = -1) -> bytes:
        """As usual, but no line is longer than the bound. Raises `OSError` beyond the bound."""
        line = super().readline(MAX_INFLATED + 1 - self.tell() if size is None or size < 0 else size)
        if self.tell() > MAX_INFLATED:
            raise OSError(f"it takes more than {MAX_INFLATED:,} bytes when it is inflated")
        return line

    def __next__(self) -> bytes:
        if line := self.readline():
            return line
        raise StopIteration


def _open(path: Path) -> BinaryIO:
    return cast("BinaryIO", _Bounded(path, "rb")) if path.name.lower().endswith(".gz") else path.open("rb")


def _begin(path: Path) -> str:
    """The first line that is not blank, or what fits into a MiB of it. Raises `DataError`."""
    try:
        with _open(path) as stream:
            while line := stream.readline(2**20):
                if (text := line.decode("utf-8-sig", "replace").strip("\r\n")) and text.strip():
                    return text
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise unreadable(path, error) from error
    return ""


def unreadable(path: Path, error: BaseException) -> DataError:
    """The error for a file that cannot be opened, read or unpacked."""
    return DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark. Raises `DataError`."""
    return "".join(lines_of(path))


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, compressed or not, with their ends. Raises `DataError`."""
    try:
        with _open(path) as stream:
            for number, line in enumerate(stream, 1):
                try:
                    yield line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    byte = line[error.start]
                    raise DataError(f"not UTF-8 text (byte 0x{byte:02x})", path, number) from error
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise unreadable(path, error) from error


# --- JSON ---


def read_json(path: Path, text: str) -> Any:
    """The value that a whole JSON text holds, numbers as `NumberText`. Raises `DataError`."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise DataError(f"not valid JSON: {error.msg}", path, error.lineno) from error
    except RecursionError as error:
        raise DataError(f"{path}: not usable JSON: nested too deeply") from error
    except _RepeatedKeyError as error:
        raise DataError(str(error), path) from error


def _json_table(path: Path, begin: str, split: str) -> Table:
    if _is_json_lines(path, begin):
        return Table(path, "JSON Lines", lambda: refuse_empty(path, _json_lines(path)))
    text = read_text(path)
    value = read_json(path, text)
    if isinstance(value, list) or not isinstance(value, dict):
        return Table(path, "JSON list", lambda: refuse_empty(path, _json_list(path, text, value)), count=_count(value))
    return _object_table(path, value, split)


def _is_json_lines(path: Path, begin: str) -> bool:
    """Whether each line is an object; the first line tells, and for one line alone the name of the file."""
    if begin.lstrip()[:1] != "{":
        return _suffix(path) != ".json" and begin.lstrip()[:1] != "["
    try:
        value = json.loads(begin)
    except (ValueError, RecursionError):
        return _suffix(path) != ".json" and begin.strip() != "{"
    if _suffix(path) != ".json":
        return True
    more = (line for line in lines_of(path) if not line.isspace())
    next(more, None)
    return next(more, "").lstrip()[:1] == "{" or (isinstance(value, dict) and not _holds_rows(value))


def _holds_rows(value: Mapping[str, Any]) -> bool:
    """Whether an object wraps rows, or is keyed by their ids."""
    wraps = any(isinstance(value.get(name), list) for name in (*WRAPPERS, *SPLITS))
    return wraps or (bool(value) and all(isinstance(each, dict) for each in value.values()))


def _object_table(path: Path, value: dict[str, Any], split: str) -> Table:
    splits = tuple(name for name in SPLITS if _is_rows(value.get(name)))
    if splits:
        chosen = chosen_split(path, split, splits)
        rows = value[chosen]
        records = _keyed(path, rows, chosen) if isinstance(rows, dict) else _items(path, chosen, rows)
        return Table(path, "JSON object of splits", _again(path, records), split=chosen, splits=splits, count=len(rows))
    if value and all(isinstance(each, dict) for each in value.values()):
        return Table(path, "JSON object keyed by id", _again(path, _keyed(path, value)), count=len(value))
    name = next((name for name in WRAPPERS if isinstance(value.get(name), list)), None)
    rows = {key: each for key, each in value.items() if isinstance(each, dict)}
    if (
        name is None and len(rows) > len(value) / 2 > 1
    ):  # beside the rows stands what was made of them, such as an accuracy
        return Table(path, "JSON object keyed by id", _again(path, _keyed(path, rows)), count=len(rows))
    if name is None:
        held = ", ".join(list(value)[:5])
        told = object_of_results(value)
        raise DataError(f"expected rows: a list of objects, an object keyed by id, or an object with one of "
                        f"the lists {', '.join(WRAPPERS[:3])}; found an object with {cut(held, 100) or 'nothing'}"
                        f"{told and '; ' + told}", path, 1)  # fmt: skip
    kind = f"JSON object with the list {name!r}"
    return Table(path, kind, _again(path, _items(path, name, value[name])), count=len(value[name]), whole=value)


def _again(path: Path, records: Iterable[Record]) -> Any:
    """What reads records that are made when they are asked for, each time from the start."""
    held = records if isinstance(records, list) else None

    def read() -> Iterator[Record]:
        nonlocal held
        held = list(records) if held is None else held
        return refuse_empty(path, iter(held))

    return read


def _is_rows(value: object) -> bool:
    items = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return bool(items) and all(isinstance(item, dict) for item in items[:5])


def _count(value: object) -> int | None:
    return len(value) if isinstance(value, list) else None


def chosen_split(path: Path, split: str, splits: tuple[str, ...]) -> str:
    """The split to read: the one that is wanted, else the first. Raises `DataError` for one that is not there.

    ``val``, ``validation`` and ``dev`` stand for each other where only one is there.
    """
    if not split:
        return next((name for name in SPLITS if name in splits), splits[0])
    if split in splits:
        return split
    same = ("validation", "val", "dev")
    if split in same and (other := [name for name in same if name in splits]):
        return other[0]
    raise DataError(f"{path} has no split {split!r}; it has {', '.join(splits)}")


def _items(path: Path, name: str, items: list[Any]) -> Iterator[Record]:
    for number, item in enumerate(items):
        yield record_of(path, f"{name}[{number}]", item)


def _keyed(path: Path, value: Mapping[str, Any], name: str = "") -> Iterator[Record]:
    """The rows of an object that is keyed by id; the key is their ``id`` unless they have one."""
    for key, fields in value.items():
        record = record_of(path, f"{name} key {key!r}".strip(), fields)
        yield Record(path, record.place, {"id": key, **record.fields})


def _json_lines(path: Path) -> Iterator[Record]:
    for number, line in enumerate(lines_of(path), 1):
        if line.isspace():
            continue
        try:
            value = _DECODER.decode(line.rstrip("\r\n"))
        except json.JSONDecodeError as error:
            raise DataError(f"not valid JSON: {error.msg} (column {error.colno})", path, number) from error
        except RecursionError as error:
            raise DataError("not usable JSON: nested too deeply", path, number) from error
        except _RepeatedKeyError as error:
            raise DataError(str(error), path, number) from error
        yield record_of(path, f"line {number}", value)


def _json_list(path: Path, text: str, whole: Any) -> Iterator[Record]:
    """Walk a JSON list item by item, so that each has its line."""
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


# --- separated values ---


def _separated_table(path: Path, begin: str) -> Table:
    if _TOKEN.match(begin):
        return Table(path, "Flickr token file", lambda: refuse_empty(path, _token_rows(path)), ("image", "caption"))
    if begin.strip().lower() == _BARE_COMMAS and _suffix(path) == ".txt":
        return Table(path, "captions after a comma", lambda: refuse_empty(path, _bare_rows(path)), ("image", "caption"))
    separator = _separator(path, begin)
    words = {",": "commas", "\t": "tabs", "|": "bars", ";": "semicolons"}
    return Table(path, f"CSV by {words[separator]}", lambda: refuse_empty(path, _csv_rows(path, separator)))


def _separator(path: Path, header: str) -> str:
    """What separates the cells, by the header; the name of the file decides where several would do."""
    usual = {".csv": ",", ".tsv": "\t"}.get(_suffix(path), "\t")
    if usual in header:
        return usual
    return next((each for each in ("\t", "|", ",", ";") if each in header), usual)


def _token_rows(path: Path) -> Iterator[Record]:
    """Lines of ``NAME#NUMBER<tab>CAPTION``, as Flickr8k and Flickr30k have them."""
    for number, line in enumerate(lines_of(path), 1):
        if line.isspace():
            continue
        name, tab, caption = line.rstrip("\r\n").partition("\t")
        if not tab or "#" not in name:
            raise DataError("expected NAME#NUMBER, a tab and a caption", path, number)
        yield Record(path, f"line {number}", {"image": name.rpartition("#")[0], "caption": caption.strip()})


def _bare_rows(path: Path) -> Iterator[Record]:
    """Lines of ``NAME,CAPTION`` without quotation marks: whatever stands after the first comma is the caption."""
    for number, line in enumerate(lines_of(path), 1):
        if line.isspace() or line.strip().lower() == _BARE_COMMAS:
            continue
        name, comma, caption = line.rstrip("\r\n").partition(",")
        if not comma:
            raise DataError("expected a name, a comma and a caption", path, number)
        yield Record(path, f"line {number}", {"image": name, "caption": caption.strip()})


def _csv_rows(path: Path, separator: str) -> Iterator[Record]:
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))  # images stand in cells
    reader = csv.reader(lines_of(path), delimiter=separator, strict=True)
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
            stripped = separator == "|"  # blanks stand around bars
            fields = {
                name: cell.strip() if stripped else cell
                for name, cell in zip(names, cells, strict=True)
                if cell.strip()
            }
            yield Record(path, f"line {begins}", fields, is_csv=True)
    except csv.Error as error:
        raise DataError(f"not valid CSV: {error}", path, line) from error


def _header(path: Path, line: int, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if names and not names[0]:  # the index that pandas writes
        names[0] = "Unnamed: 0"
    if len(set(names)) != len(names) or "" in names:
        raise DataError(f"expected a header with different names, found {', '.join(names)}", path, line)
    return names
