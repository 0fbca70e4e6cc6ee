"""``csv`` and ``parquet``: one row a sample, as `mmbench.samples` gives them, some thousand rows at a time."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Any

import msgspec

from mmbench.analysis.sample_rows import ordered_columns, sample_chunks
from mmbench.core.errors import MissingExtraError, RunFailedError
from mmbench.exchange.material import Material

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula; some take the wide forms of the signs as well."""
_NUMBERS = {int, float, type(None)}


def samples_csv(material: Material, stream: IO[bytes]) -> None:
    """Comma-separated values (RFC 4180, UTF-8). Lists are JSON; text that a spreadsheet would run begins with an apostrophe.

    What columns there are is known at the end, so rows wait in temporary files, one for each set of columns.
    """
    with ExitStack() as stack:
        parts: list[tuple[list[str], Any]] = []
        for each in material.scored:
            for columns in sample_chunks(each.rows()):
                if not parts or not columns.keys() <= set(parts[-1][0]):
                    file: Any = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", newline=""))
                    parts.append((list(columns), file))
                names, file = parts[-1]
                empty = [None] * len(columns["id"])
                cells = [_cells(columns[name]) if name in columns else empty for name in names]
                csv.writer(file, lineterminator="\r\n").writerows(zip(*cells, strict=True))
        order = ordered_columns(dict.fromkeys(name for names, _ in parts for name in names))
        out = stack.enter_context(_text_of(stream))
        csv.writer(out, lineterminator="\r\n").writerow(_cells(order))
        for names, file in parts:
            file.seek(0)
            if names == order:
                shutil.copyfileobj(file, out, 2**20)
            else:
                csv.writer(out, lineterminator="\r\n").writerows(_moved(file, names, order))


class _text_of:  # noqa: N801 - used like a function
    """A binary stream as text; it stays open."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)

    def __enter__(self) -> IO[str]:
        return self._text

    def __exit__(self, *error: object) -> None:
        self._text.detach()


def _moved(file: IO[str], names: list[str], order: list[str]) -> Iterator[list[str]]:
    """Rows with their cells where `order` has them."""
    places = [names.index(name) if name in names else None for name in order]
    for row in csv.reader(file):
        yield ["" if place is None else row[place] for place in places]


def _cells(column: list[Any]) -> list[Any]:
    """A column as the writer takes it."""
    kinds = set(map(type, column))
    if kinds <= _NUMBERS:
        return column
    if kinds <= {str, type(None)}:
        return [f"'{cell}" if cell is not None and cell.startswith(_FORMULA) else cell for cell in column]
    return [_cell(value) for value in column]


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if type(value) in _NUMBERS:
        return value
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) else text


def samples_parquet(material: Material, stream: IO[bytes]) -> None:
    """Parquet, compressed. A column that holds texts in some rows and lists in others holds JSON in all of them.

    Raises `MissingExtraError` without pyarrow, `RunFailedError` where the rows do not fit into memory.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("parquet", "data") from error
    try:
        tables = [
            pa.table({name: _array(pa, column) for name, column in columns.items()})
            for each in material.scored
            for columns in sample_chunks(each.rows())
        ]
        parquet.write_table(_joined(pa, tables), stream, compression="zstd")
    except MemoryError as error:
        raise RunFailedError("the samples do not fit into memory; export fewer tasks: --tasks") from error


def _array(arrow: Any, column: list[Any]) -> Any:
    try:
        return arrow.array(column)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError):
        return arrow.array(_as_json(column), arrow.string())


def _as_json(column: list[Any]) -> list[str | None]:
    return [None if value is None else msgspec.json.encode(value).decode() for value in column]


def _joined(arrow: Any, tables: list[Any]) -> Any:
    """The tables below each other: a type that they disagree about becomes JSON, what one lacks is null."""
    order = ordered_columns(dict.fromkeys(name for table in tables for name in table.column_names))
    for name in order:
        kinds = {table.schema.field(name).type for table in tables if name in table.column_names} - {arrow.null()}
        if len(kinds) > 1 and not all(arrow.types.is_primitive(kind) for kind in kinds):
            tables = [_with_json(arrow, table, name) for table in tables]
    return arrow.concat_tables(tables, promote_options="permissive").select(order)


def _with_json(arrow: Any, table: Any, name: str) -> Any:
    if name not in table.column_names or table.schema.field(name).type == arrow.null():
        return table
    column = arrow.array(_as_json(table.column(name).to_pylist()), arrow.string())
    return table.set_column(table.column_names.index(name), name, column)
