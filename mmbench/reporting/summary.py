"""The main table: quality with intervals, beside chance and prior, beside speed."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.analysis.seeds import SeedGroup, SeedRow, middle
from mmbench.reporting.cells import (
    ENDINGS,
    bytes_cell,
    count_cell,
    ending_cells,
    figure_cell,
    interval_cell,
    seeds_cell,
    share_cell,
    solved_cell,
    spread_cell,
    value_cell,
)
from mmbench.reporting.notes import BOUNDS, result_notes, seed_notes
from mmbench.reporting.table import Cell, Table
from mmbench.results.schema import TaskPerf

NAMES = ("model", "task", "metric")
"""Headings of the columns that say what a row is about."""
SPEED = ("samples/s", "p50 ms", "peak memory")
"""Headings of the columns of speed, the last of the table."""
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
            blocks.append(_block(group, task))
            notes += [f"{group.label} on {task}{w}: {text}" for w, text in result_notes(group, task, speed=True)]
    spread = (*(_INTERVAL if single or not several else ()), *(_SEEDS if several else ()))
    endings = [name for name in ENDINGS if any(name in cells for block in blocks for _, cells in block)]
    titles = ("value", *spread, *_COUNTS, *endings, *_GUESSING, *SPEED)
    rows: list[tuple[Cell, ...]] = []
    breaks: list[int] = []
    for block in blocks:
        breaks.append(len(rows))
        for names, cells in block:
            rows.append((*map(Cell, names), *(cells.get(title, Cell()) for title in titles)))
    notes = [*seed_notes(groups), *([BOUNDS] if "bounds" in endings else []), *dict.fromkeys(notes)]
    return Table.of((*NAMES, *titles), rows, left=3, breaks=frozenset(breaks[1:]), notes=tuple(notes))


_Row = tuple[tuple[str, str, str], dict[str, Cell]]


def _block(group: SeedGroup, task: str) -> list[_Row]:
    """(names, cells by heading) of each row."""
    metrics = [row for row in group.rows(task) if row.primary]
    if not metrics:
        return [((group.label, task, status(group, task)), {})]
    speed = _speed(group.perf(task))
    block = [((group.label, task, row.id), _quality(row, several=group.several)) for row in metrics]
    block[0][1].update(zip(SPEED, speed, strict=True))
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


def _speed(measured: Sequence[TaskPerf]) -> tuple[Cell, Cell, Cell]:
    memory = max((perf.peak_memory_bytes for perf in measured if perf.peak_memory_bytes is not None), default=None)
    return (
        figure_cell(middle(perf.samples_per_s for perf in measured)),
        figure_cell(middle(perf.latency_ms.p50 for perf in measured)),
        bytes_cell(memory),
    )
