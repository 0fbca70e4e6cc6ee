"""Tables as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from mmbench.reporting.table import Cell, Table


def tables_json(tables: Iterable[Table]) -> str:
    """One JSON document with every number at full precision.

    It is ``{"tables": [{"title", "columns": [{"title", "align"}], "rows": [[cell]], "breaks", "notes"}]}``, with a line break.
    A cell is ``{"text", "value", "low", "high", "note", "runs", "marks"}``: the text for people, and numbers at full
    precision in their natural range; what says nothing is left out, but for ``text`` and ``value``.
    """
    return json.dumps({"tables": [_table(table) for table in tables]}, indent=1, allow_nan=False) + "\n"


def _table(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": [{"title": column.title, "align": column.align} for column in table.columns],
        "rows": [[_cell(cell) for cell in row] for row in table.cells],
        "breaks": sorted(table.breaks),
        "notes": list(table.notes),
    }


def _cell(cell: Cell) -> dict[str, Any]:
    """A cell; NaN and infinities, which JSON does not have, are null."""
    value = cell.value if isinstance(cell.value, str) else cell.number
    found: dict[str, Any] = {"text": cell.display, "value": value}
    optional = {
        "low": cell.low,
        "high": cell.high,
        "note": cell.note,
        "runs": list(cell.runs),
        "marks": sorted(cell.marks),
    }
    return found | {name: value for name, value in optional.items() if value not in (None, [])}
