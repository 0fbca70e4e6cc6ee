"""The tables in detail of a report, compressed: one block of data a table, which the page opens on demand."""

from __future__ import annotations

import gzip
from collections.abc import Iterable

import msgspec

from mmbench.core.visible import visible
from mmbench.reporting.page.document import DataBlock
from mmbench.reporting.table import Cell, Table

KIND = "values"
"""What these blocks are called in the page."""


def value_blocks(tables: Iterable[Table]) -> list[DataBlock]:
    """Tables as data: headings, and each row as texts with the number behind each, ``[text, number, note]`` where needed."""
    return [_block(table) for table in tables]


def _block(table: Table) -> DataBlock:
    document = {
        "columns": [
            {"title": title, "number": column.align == "right"}
            for title, column in zip(table.headings, table.columns, strict=True)
        ],
        "rows": [list(map(_cell, row)) for row in table.cells],
        "notes": table.said_to_readers,
    }
    data = gzip.compress(msgspec.json.encode(document), mtime=0)
    return DataBlock(KIND, table.heading, data, {"rows": len(table.rows)})


def _cell(cell: Cell) -> list[str | float | None] | str:
    number = cell.low if cell.value is None else cell.number
    if number is None and not cell.note:
        return str(cell)
    found: list[str | float | None] = [str(cell), number]
    return [*found, visible(cell.note)] if cell.note else found
