"""``csv`` and ``parquet``: one row a sample, as `mmbench.samples` gives them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from mmbench.analysis.sample_rows import sample_columns
from mmbench.core.errors import MissingExtraError, RunFailedError
from mmbench.exchange.material import Material

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def samples_csv(material: Material) -> bytes:
    """Comma-separated values (RFC 4180, UTF-8). Lists are JSON; text that a spreadsheet would run begins with an apostrophe."""
    columns = sample_columns(material.rows())
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(map(_text, columns))
    writer.writerows(map(_text, row) for row in zip(*columns.values(), strict=True))
    return buffer.getvalue().encode()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) else text


def samples_parquet(material: Material) -> bytes:
    """Parquet, compressed. A column that holds texts in some rows and lists in others holds JSON in all of them.

    Raises `MissingExtraError` without pyarrow, `RunFailedError` where the rows do not fit into memory.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("parquet", "data") from error
    columns = sample_columns(material.rows())
    buffer = io.BytesIO()
    try:
        table = pa.table({name: _array(pa, column) for name, column in columns.items()})
        parquet.write_table(table, buffer, compression="zstd")
    except MemoryError as error:
        raise RunFailedError("the samples do not fit into memory; export fewer tasks: --tasks") from error
    return buffer.getvalue()


def _array(arrow: Any, column: list[Any]) -> Any:
    try:
        return arrow.array(column)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError):
        return arrow.array([None if value is None else json.dumps(value, ensure_ascii=False) for value in column])
