"""Tables on a terminal."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from mmbench.analysis.seeds import SeedGroup
from mmbench.reporting.every_value import comparison_tables, other_values
from mmbench.reporting.load_tables import load_tables
from mmbench.reporting.speed_cells import SPEED
from mmbench.reporting.summary import NAMES, summary_table
from mmbench.reporting.table import Cell, Table

if TYPE_CHECKING:
    from rich.console import Console

_PIPE_WIDTH = 200
"""Columns that are assumed where the output is no terminal."""

_BREAK = re.compile(r"(?<=[_ ])|(?=/)")
"""Where a line of a heading may end."""

_MOST_IN_DETAIL = 200
"""Rows of a table of every value that are drawn."""

_SHORTEST = 6
"""Headings are not broken into lines narrower than this."""


def print_runs(groups: Sequence[SeedGroup], tasks: Sequence[str] | None, stream: TextIO) -> None:
    """Other metrics and slices, and below them, where people look, the main table.

    On a narrow terminal model, task and speed stand as headings above their metrics.
    """
    print_tables(other_values(groups, tasks), stream, compact=True)
    console = _console(stream)
    table = summary_table(groups, tasks)
    titles = table.headings
    if _natural_width(table, titles, 2) <= console.width:
        _draw(console, _without_repetition(table), titles, 2)
    else:
        _draw_narrow(console, table)
    _say(console, table)
    print_tables(load_tables(groups, tasks), stream, compact=True)


def print_comparison(groups: Sequence[SeedGroup], tasks: Sequence[str] | None, stream: TextIO) -> None:
    """All values, and below them, where people look, the tables of each task; as compact as `print_tables` draws them."""
    print_tables([*comparison_tables(groups, tasks), *load_tables(groups, tasks)], stream, compact=True)


def print_tables(tables: Sequence[Table], stream: TextIO, *, compact: bool = False) -> None:
    """One below the other; where the terminal is too narrow for one, it goes on below with its first column repeated.

    Tables in detail come first, so that those that sum up stand at the end, where people look. `compact`: headings are broken into lines no wider than their cells, also where there is room.
    """
    console = _console(stream)
    for table in sorted(tables, key=lambda table: not table.in_detail):
        console.print(table.heading, markup=False, style="bold cyan", soft_wrap=True)
        if table.in_detail and len(table.rows) > _MOST_IN_DETAIL:
            formats = "--format csv, html, json or md has them; --tasks and --metric choose"
            _print_note(console, f"{len(table.rows):,} rows are too many here: {formats}")
            continue
        titles: Sequence[str] = table.headings
        if compact or _natural_width(table, titles, 2) > console.width:
            titles = [_in_lines(title, place, table) for place, title in enumerate(table.headings)]
        gap = 2 if _natural_width(table, titles, 2) <= console.width else 1
        for columns in _cut(table, titles, gap, console.width):
            _draw(console, _only(table, columns), [titles[n] for n in columns], gap)
        _say(console, table)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:  # rich would exit with 1
            raise BrokenPipeError

    width = None if stream.isatty() else shutil.get_terminal_size((_PIPE_WIDTH, 24)).columns
    return Piped(file=stream, width=width, highlight=False, emoji=False)  # "file.py:M:" is no letter in a circle


def _say(console: Console, table: Table) -> None:
    for note in table.said:
        _print_note(console, note)


def _print_note(console: Console, note: str) -> None:
    """A sentence below a table: on a terminal broken between words and indented, elsewhere in one line."""
    from rich.text import Text

    text = Text(note)
    lines = list(text.wrap(console, max(20, console.width - 3))) if console.is_terminal else [text]
    for place, line in enumerate(lines):
        line.rstrip()
        console.print(Text("  " if place else "• ").append_text(line), style="yellow", soft_wrap=True)


def _widths(table: Table, titles: Sequence[str]) -> list[int]:
    cells = [tuple(titles), *table.texts]
    return [max(len(line) for text in column for line in text.split("\n")) for column in zip(*cells, strict=True)]


def _natural_width(table: Table, titles: Sequence[str], gap: int) -> int:
    return _drawn_width(_widths(table, titles), gap)


def _drawn_width(widths: Sequence[int], gap: int) -> int:
    """Columns that a table takes, with `gap` between its own and one at either edge."""
    return sum(widths) + gap * (len(widths) - 1) + 2


def _in_lines(title: str, place: int, table: Table) -> str:
    """A heading broken into lines no wider than what stands below it, where it has places to break at."""
    pieces = _BREAK.split(title)
    widest = max([_SHORTEST, *(len(row[place]) for row in table.texts), *(len(piece.rstrip()) for piece in pieces)])
    lines = [""]
    for piece in pieces:
        if lines[-1] and len((lines[-1] + piece).rstrip()) > widest:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines)


def _cut(table: Table, titles: Sequence[str], gap: int, width: int) -> list[list[int]]:
    """Columns in as many parts as it takes to fit; each begins with the first column."""
    widths = _widths(table, titles)
    parts: list[list[int]] = [[0]]
    for n in range(1, len(widths)):
        if len(parts[-1]) > 1 and _drawn_width([widths[m] for m in [*parts[-1], n]], gap) > width:
            parts.append([0])
        parts[-1].append(n)
    return parts


def _only(table: Table, columns: Sequence[int]) -> Table:
    """Some of the columns; rows that say nothing there are left out."""
    rows = [tuple(row[n] for n in columns) for row in table.cells]
    kept = [n for n, row in enumerate(rows) if any(row[1:]) or not row[1:]]
    breaks = frozenset(place for place, n in enumerate(kept) if n in table.breaks)
    return Table(tuple(table.columns[n] for n in columns), tuple(rows[n] for n in kept), breaks)


def _without_repetition(table: Table) -> Table:
    """The main table with model and task named once."""
    rows = tuple(
        (Cell(), Cell(), *row[2:]) if number > 0 and number not in table.breaks else row
        for number, row in enumerate(table.cells)
    )
    return Table(table.columns, rows, table.breaks)


def _draw(console: Console, table: Table, titles: Sequence[str], gap: int) -> None:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap - 1, 0, 0))
    for column, title in zip(table.columns, titles, strict=True):
        drawn.add_column(Text(title), justify=column.align, no_wrap=True, vertical="bottom")
    for number, row in enumerate(table.cells):
        if number in table.breaks:
            drawn.add_section()
        titled = zip(row, table.columns, strict=True)
        bold = ["best" in cell.marks or column.title == "value" for cell, column in titled]
        styles = ["dim" if "invalid" in cell.marks else "bold" * heavy for cell, heavy in zip(row, bold, strict=True)]
        drawn.add_row(*(Text(str(cell), style=style) for cell, style in zip(row, styles, strict=True)))
    console.print(drawn)


def _draw_narrow(console: Console, table: Table) -> None:
    from rich.text import Text

    groups = _groups(table)
    titles = table.headings
    names, speed = len(NAMES), titles.index(SPEED[0])
    picked = [titles[names - 1], "  ".join(titles[names : names + 2]), *titles[names + 2 : speed]]
    bodies = [
        [(row[names - 1], f"{row[names]} {row[names + 1]}".strip(), *row[names + 2 : speed]) for row in group]
        for group in groups
    ]
    widths = [
        max(len(cell) for cell in cells) for cells in zip(picked, *(row for b in bodies for row in b), strict=True)
    ]
    console.print(Text(_line(picked, widths), style="bold"), soft_wrap=True)
    for group, body in zip(groups, bodies, strict=True):
        first = group[0]
        figures = [f"{text} {title}" for title, text in zip(titles[speed:], first[speed:], strict=True) if text]
        console.print(Text(f"{first[0]} · {first[1]}", style="bold cyan"), soft_wrap=True)
        for row in body:
            console.print(Text(_line(row, widths)), soft_wrap=True)
        if first[speed]:
            console.print(Text("  " + " · ".join(figures), style="dim"), soft_wrap=True)


def _groups(table: Table) -> list[list[tuple[str, ...]]]:
    groups: list[list[tuple[str, ...]]] = []
    for number, row in enumerate(table.texts):
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
