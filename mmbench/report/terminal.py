"""Tables on a terminal."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from mmbench.report.summary import summary_table
from mmbench.report.table import Table
from mmbench.results.view import RunView

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 200
"""Columns that are assumed where the output is no terminal."""


def print_runs(views: Sequence[RunView], tasks: list[str] | None, stream: TextIO) -> None:
    """The main table; on a narrow terminal model, task and speed stand as headings above their metrics."""
    from rich.console import Console

    width = None if stream.isatty() else shutil.get_terminal_size((_PIPE_WIDTH, 24)).columns
    console = Console(file=stream, width=width, highlight=False)
    table = summary_table(views, tasks)
    if _natural_width(table) <= console.width:
        _draw(console, table)
    else:
        _draw_narrow(console, table)
    for note in table.notes:
        console.print(f"• {note}", markup=False, style="yellow", soft_wrap=True)


def _natural_width(table: Table) -> int:
    cells = [tuple(column.title for column in table.columns), *table.rows]
    return sum(2 + max(map(len, column)) for column in zip(*cells, strict=True)) + 2


def _draw(console: Console, table: Table) -> None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        drawn.add_column(column.title, justify=column.align, no_wrap=True)
    for number, row in enumerate(table.rows):
        if number in table.breaks:
            drawn.add_section()
        again = number > 0 and number not in table.breaks
        cells = ("", "", *row[2:]) if again else row
        titled = zip(cells, table.columns, strict=True)
        drawn.add_row(*(Text(cell, style="bold" if column.title == "value" else "") for cell, column in titled))
    console.print(drawn)


def _draw_narrow(console: Console, table: Table) -> None:
    from rich.text import Text

    groups = _groups(table)
    titles = [column.title for column in table.columns]
    speed = titles.index("samples/s")
    picked = [titles[2], "value  95 % interval", *titles[5:speed]]
    bodies = [[(row[2], f"{row[3]} {row[4]}".strip(), *row[5:speed]) for row in group] for group in groups]
    widths = [
        max(len(cell) for cell in cells) for cells in zip(picked, *(row for b in bodies for row in b), strict=True)
    ]
    console.print(Text(_line(picked, widths), style="bold"), soft_wrap=True)
    for group, body in zip(groups, bodies, strict=True):
        first = group[0]
        figures = [f"{first[speed]} samples/s", f"p50 {first[speed + 1]} ms", f"{first[speed + 2]} peak memory"]
        console.print(Text(f"{first[0]} · {first[1]}", style="bold cyan"), soft_wrap=True)
        for row in body:
            console.print(Text(_line(row, widths)), soft_wrap=True)
        if first[speed]:
            console.print(Text("  " + " · ".join(figures), style="dim"), soft_wrap=True)


def _groups(table: Table) -> list[list[tuple[str, ...]]]:
    groups: list[list[tuple[str, ...]]] = []
    for number, row in enumerate(table.rows):
        if number == 0 or number in table.breaks:
            groups.append([])
        groups[-1].append(row)
    return groups


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  " + " ".join([first, *rest]).rstrip()
