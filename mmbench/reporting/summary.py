"""The main table: quality with intervals, beside chance and prior, beside speed."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.analysis.seeds import SeedGroup, SeedRow
from mmbench.reporting.cells import (
    ENDINGS,
    count_cell,
    ending_cells,
    interval_cell,
    seeds_cell,
    share_cell,
    solved_cell,
    spread_cell,
    value_cell,
)
from mmbench.reporting.notes import BOUNDS, result_notes, seed_notes
from mmbench.reporting.speed_cells import (
    CONDITIONS,
    CONDITIONS_NOTE,
    conditions_cell,
    identities,
    speed_cells,
    speed_titles,
)
from mmbench.reporting.table import Cell, Table

NAMES = ("model", "task", "metric")
"""Headings of the columns that say what a row is about."""
UNFIT = "n/a"
"""What stands in place of the values of a task that the model cannot answer."""
_INTERVAL = ("95 % interval",)
_SEEDS = ("min–max over seeds", "each seed", "solved")
_COUNTS = ("n", "failed", "coverage")
_GUESSING = ("chance", "prior")


def summary_table(groups: Sequence[SeedGroup], tasks: Sequence[str] | None = None) -> Table:
    """One row a primary metric; speed stands in the first row of each model and task.

    Several seeds of a model share a row: the mean, the range over seeds in a column of its own (it is no 95 % interval),
    the value of each, and how many solved the task. Counts are sums; speed is the median, memory the largest. How outputs
    ended, and the bounds of a value, have columns only where something is to be said.
    """
    several, single = any(group.several for group in groups), any(not group.several for group in groups)
    blocks: list[list[_Row]] = []
    notes: list[str] = []
    for group in groups:
        for task in group.tasks if tasks is None else [name for name in tasks if name in group.tasks]:
            blocks.append(_block(group, task, apart=_measured_apart(groups, task)))
            notes += [f"{group.label} on {task}{w}: {text}" for w, text in result_notes(group, task, speed=True)]
    spread = (*(_INTERVAL if single or not several else ()), *(_SEEDS if several else ()))
    endings = [name for name in ENDINGS if any(name in cells for block in blocks for _, cells in block)]
    speed = speed_titles(cells for block in blocks for _, cells in block)
    titles = ("value", *spread, *_COUNTS, *endings, *_GUESSING, *speed)
    rows: list[tuple[Cell, ...]] = []
    breaks: list[int] = []
    for block in blocks:
        breaks.append(len(rows))
        for names, cells in block:
            rows.append((*map(Cell, names), *(cells.get(title, Cell()) for title in titles)))
    said = [*([BOUNDS] if "bounds" in endings else []), *([CONDITIONS_NOTE] if CONDITIONS in speed else [])]
    notes = [*seed_notes(groups), *said, *dict.fromkeys(notes)]
    return Table.of((*NAMES, *titles), rows, left=3, breaks=frozenset(breaks[1:]), notes=tuple(notes))


_Row = tuple[tuple[str, str, str], dict[str, Cell]]


def _measured_apart(groups: Sequence[SeedGroup], task: str) -> bool:
    """Whether the speeds of a task were measured under conditions that differ."""
    return len(frozenset().union(*(identities(group.perf(task)) for group in groups))) > 1


def _block(group: SeedGroup, task: str, *, apart: bool) -> list[_Row]:
    """(names, cells by heading) of each row."""
    metrics = [row for row in group.rows(task) if row.primary]
    if not metrics:
        return [((group.label, task, status(group, task)), {})]
    measured = group.perf(task)
    speed = speed_cells(measured) | ({CONDITIONS: conditions_cell(measured)} if apart else {})
    block = [((group.label, task, row.id), _quality(row, several=group.several)) for row in metrics]
    block[0][1].update(speed)
    return block


def status(group: SeedGroup, task: str) -> str:
    """What stands in place of values where there are none: how far the runs came, or `UNFIT`."""
    found = dict.fromkeys(result.status for result in group.results(task))
    return ", ".join(UNFIT if each == "incompatible" else each for each in found)


def _quality(row: SeedRow, *, several: bool) -> dict[str, Cell]:
    scale = row.one.scale
    own = [metric.n for metric in row.metrics if metric]
    same = several and len(set(own)) == 1
    cells = {
        "value": value_cell(row.value, scale),
        "n": Cell(f"{len(own)} × {own[0]:,}", row.n) if same else count_cell(row.n),
        "failed": count_cell(row.n_failed),
        "coverage": share_cell(row.coverage),
        **ending_cells(row, scale),
        "chance": value_cell(row.chance, scale),
        "prior": value_cell(row.prior, scale),
    }
    if several:
        return {**cells, **dict(zip(_SEEDS, (spread_cell(row), seeds_cell(row), solved_cell(row)), strict=True))}
    return {**cells, _INTERVAL[0]: interval_cell(row.one)}
