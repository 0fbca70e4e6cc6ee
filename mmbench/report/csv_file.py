"""Tables as one CSV file (RFC 4180): numbers at full precision, and no text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from mmbench.report.table import Cell, Table, visible

_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula."""

_Record = dict[str, str]


def tables_csv(tables: Iterable[Table]) -> str:
    """All tables below one heading, the first column naming the table; CRLF ends every line.

    A cell with an interval takes up to three columns: its number, and those of its ends, with `` low`` and `` high`` behind the
    heading. Numbers are in their natural range. ``marks`` names the marks of the cells of a row. Text that begins like a
    formula gets an apostrophe before it.
    """
    tables = list(tables)
    records = [{"table": _safe(table.heading), **record} for table in tables for record in _records(table)]
    names = dict.fromkeys(name for record in records for name in record)
    titled = any(table.title for table in tables)
    headings = [name for name in names if name != "marks" and (titled or name != "table")]
    headings += [name for name in names if name == "marks"]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(map(_safe, headings))
    writer.writerows([record.get(name, "") for name in headings] for record in records)
    return buffer.getvalue()


def _records(table: Table) -> list[_Record]:
    shapes = [_parts([row[place] for row in table.cells]) for place in range(len(table.columns))]
    marked = any(cell.marks for row in table.cells for cell in row)
    records = []
    for row in table.cells:
        record: _Record = {}
        for heading, cell, parts in zip(table.headings, row, shapes, strict=True):
            for part in parts:
                record[_free(record, f"{heading} {part}" if part else heading)] = _text(cell, part)
        if marked:
            named = [f"{h}: {', '.join(sorted(c.marks))}" for h, c in zip(table.headings, row, strict=True) if c.marks]
            record["marks"] = _safe("; ".join(named))
        records.append(record)
    return records


def _parts(cells: Sequence[Cell]) -> list[str]:
    """The columns that a column becomes: its own heading as "", and the ends of its intervals."""
    ends = ["low", "high"] if any(cell.low is not None for cell in cells) else []
    own = any(cell.value is not None for cell in cells) or not ends
    return [""] * own + ends


def _free(record: _Record, heading: str) -> str:
    """The heading, or one like it where another column of the row has it already."""
    n, name = 1, heading
    while name in record or name in ("table", "marks"):
        n += 1
        name = f"{heading} ({n})"
    return name


def _text(cell: Cell, part: str) -> str:
    number = {"": cell.number, "low": cell.low, "high": cell.high}[part]
    if number is not None:
        return repr(number)
    if part:
        return ""
    return _safe(visible(cell.value if isinstance(cell.value, str) else cell.display))


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
