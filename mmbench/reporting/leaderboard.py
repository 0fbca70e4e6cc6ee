"""Render the leaderboard: a row a model, with the mean over tasks, its interval and rank range, and the value of every task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mmbench.analysis.leaderboard import Leaderboard
from mmbench.analysis.seeds import SeedGroup, is_incomplete
from mmbench.reporting.cells import model_cell, range_cell, rank_cell, value_cell
from mmbench.reporting.table import Cell, Table

_SCALES = {
    "same": "",
    "range": "; each from 0 at the worse end of its range to 100 at the better one",
    "chance": "; each from 0 at what guessing gets to 100 at the better end of its range",
}
"""How values were brought to one scale."""


def leaderboard_table(board: Leaderboard, notes: Sequence[str]) -> Table:
    """The table, with notes on the choice of the tasks below those on the numbers.

    Args:
        board: The leaderboard.
        notes: What was said of the choice of the tasks.

    Returns:
        A table in which models that lack a task stand below the others, without a mean.
    """
    rows = [_row(board, group) for group in (*board.ranked, *board.others)]
    titles = ("model", "rank", "mean", "95 % interval", *(column.name for column in board.columns))
    return Table.of(
        titles,
        rows,
        always=1,
        breaks=frozenset({len(board.ranked)} if board.others else ()),
        notes=(*_notes(board), *notes),
        title=f"Leaderboard: the mean of {len(board.columns)} tasks",
    )


def _row(board: Leaderboard, group: SeedGroup) -> list[Cell]:
    label, scale = group.label, board.scale.factor
    rank, interval = board.ranks.get(label), board.intervals.get(label)
    mean = value_cell(board.means[label], scale) if label in board.means else Cell()
    cells = [
        model_cell(group),
        Cell() if rank is None else rank_cell(rank),
        replace(mean, marks=frozenset({"best"})) if label == board.best else mean,
        Cell() if interval is None else range_cell(*interval, scale),
    ]
    for column in board.columns:
        row = column.rows.get(label)
        value = Cell() if row is None else value_cell(row.value, row.one.scale)
        short = bool(value) and is_incomplete(group, column.task)
        cells.append(replace(value, marks=frozenset({"incomplete"})) if short else value)
    return cells


def _notes(board: Leaderboard) -> list[str]:
    notes = [
        f"mean: of {', '.join(column.name for column in board.columns)}, every task weighing the same{_SCALES[board.rescaling]}"
    ]
    if not board.ranks:
        notes.append(f"no ranks and no intervals: {board.reason}")
    else:
        notes.append(
            "95 % interval and range of ranks: from a joint bootstrap of every task by its own clusters, independent "
            "between tasks and the same for all models; models whose ranges overlap may be equally good"
        )
        if flat := [label for label in board.means if label not in board.intervals]:
            why = "no interval, since the mean is undefined or the same in every resample"
            notes.append(f"{', '.join(flat)}: {why}")
        notes += [board.reason] if board.reason else []
    if any(group.several for group in board.ranked):
        notes.append("seeds of a model are averaged within each resample: an interval says nothing of other seeds")
    if board.others:
        notes.append("last, without a mean: models that lack a value for some of these tasks")
    return notes
