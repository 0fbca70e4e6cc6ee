"""Tables as one CSV file (RFC 4180): numbers at full precision, and no text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from mmbench.reporting.table import Cell, Table

_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet takes for the beginning of a formula."""

_Record = dict[str, str]


def tables_csv(tables: Iterable[Table]) -> str:
    """Comma-separated values: all tables below one heading, the first column naming the table; CRLF ends every line.

    A cell with an interval takes up to three columns: its number, and those of its ends, with `` low`` and `` high`` behind the
    heading. Numbers are in their natural range, and alone in their columns: ``marks`` holds what else is said in a column
    of numbers (how far a run came, say), and names the marks and notes of the cells of a row. Text is kept
    as it is, but for an apostrophe before what begins like a formula.
    """
    tables = list(tables)
    records = [{"table": _safe(table.title), **record} for table in tables for record in _records(table)]
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
    columns = list(zip(*table.cells, strict=True)) if table.cells else [() for _ in table.columns]
    shapes = [_parts(cells) for cells in columns]
    numeric = [_is_numeric(cells) for cells in columns]
    titles = [column.title for column in table.columns]
    records = []
    for row in table.cells:
        record: _Record = {}
        said = []
        for heading, cell, parts, numbers in zip(titles, row, shapes, numeric, strict=True):
            for part in parts:
                record[_free(record, f"{heading} {part}" if part else heading)] = _text(cell, part, numbers=numbers)
            words = [
                *([_word(cell)] if numbers and _word(cell) else []),
                *sorted(cell.marks),
                *filter(None, [cell.note]),
            ]
            said += [f"{heading}: {', '.join(words)}"] if words else []
        if said:
            record["marks"] = _safe("; ".join(said))
        records.append(record)
    return records


def _is_numeric(cells: Sequence[Cell]) -> bool:
    """Whether a column is one of numbers: some cell has one."""
    return any(cell.number is not None or cell.low is not None for cell in cells)


def _word(cell: Cell) -> str:
    """What a cell says that has no number; empty where it has one, or says only that there is none."""
    if cell.number is not None or cell.low is not None or cell.display == "n/a" or _reads_as_number(cell.display):
        return ""
    return cell.value if isinstance(cell.value, str) else cell.display


def _parts(cells: Sequence[Cell]) -> list[str]:
    """The columns that a column becomes: its own heading as "", and the ends of its intervals."""
    ends = ["low", "high"] if any(cell.low is not None for cell in cells) else []
    own = any(cell.number is not None for cell in cells) or not ends
    return [""] * own + ends


def _free(record: _Record, heading: str) -> str:
    """The heading, or one like it where another column of the row has it already."""
    n, name = 1, heading
    while name in record or name in ("table", "marks"):
        n += 1
        name = f"{heading} ({n})"
    return name


def _text(cell: Cell, part: str, *, numbers: bool) -> str:
    number = {"": cell.number, "low": cell.low, "high": cell.high}[part]
    if number is not None:
        return repr(number)
    if part or (numbers and not _reads_as_number(cell.display)):
        return ""
    return _safe(cell.value if isinstance(cell.value, str) else cell.display)


def _reads_as_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
