"""The table behind the tables: every metric and slice of every run, each with its interval, its counts and its full id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from mmbench.analysis.seeds import SeedGroup
from mmbench.core.advice import Advised
from mmbench.core.score_table import MetricValue
from mmbench.reporting.cells import ENDINGS, count_cell, ending_cells, interval_cell, share_cell, value_cell
from mmbench.reporting.notes import BOUNDS, named
from mmbench.reporting.table import Cell, Column, Table
from mmbench.reporting.task_tables import task_tables
from mmbench.results.run import Run

MOST_LABELS = 30
"""A slice name with more labels than this is left out where a table is read on a screen."""

Keep = Callable[["ValueOf"], bool]
"""Whether a value has a row."""


@dataclass(frozen=True, slots=True)
class ValueOf:
    """A value, and what it is the value of."""

    group: SeedGroup
    """The model."""
    run: Run
    """The run of one seed."""
    task: str
    """The task's full name."""
    slice: tuple[str, str] | None
    """(slice name, label); None for all units."""
    value: MetricValue
    """The value."""
    primary: bool
    """Whether its metric stands in the main table."""


def values_of(groups: Sequence[SeedGroup], task: str) -> Iterator[ValueOf]:
    """Every value of a task: model by model, seed by seed, all units before slices."""
    for group in groups:
        for run in group.runs:
            result = run.tasks.get(task)
            if result is None:
                continue
            for value in result.metrics.values():
                yield ValueOf(group, run, task, None, value, value.id in result.primary)
            for name, labels in sorted(result.slices.items()):
                for label, values in sorted(labels.items()):
                    for value in values:
                        yield ValueOf(group, run, task, (name, label), value, value.id in result.primary)


def comparison_tables(
    groups: Sequence[SeedGroup], tasks: Sequence[str] | None = None, *, most: int | None = MOST_LABELS
) -> list[Table]:
    """For each task its compact tables, models as rows, and then the table of all values."""
    tables = []
    for task in _named(groups, tasks):
        tables += task_tables(groups, [task])
        every = value_table(groups, task, f"{task}: every value", most=most)
        tables += [] if every is None else [every]
    return tables


def other_values(
    groups: Sequence[SeedGroup], tasks: Sequence[str] | None = None, *, most: int | None = MOST_LABELS
) -> list[Table]:
    """What the main table leaves out: metrics that are not primary, slices, and each seed by itself."""
    found = (
        value_table(
            groups,
            task,
            f"{task}: other metrics and slices",
            keep=lambda each: not _in_main_table(each),
            most=most,
        )
        for task in _named(groups, tasks)
    )
    return [table for table in found if table is not None]


def _named(groups: Sequence[SeedGroup], tasks: Sequence[str] | None) -> Sequence[str]:
    return list(dict.fromkeys(name for group in groups for name in group.tasks)) if tasks is None else tasks


def _in_main_table(each: ValueOf) -> bool:
    return each.primary and each.slice is None and not each.group.several


def value_table(
    groups: Sequence[SeedGroup], task: str, title: str, *, keep: Keep = lambda _: True, most: int | None = None
) -> Table | None:
    """A row for each value of a task.

    Args:
        groups: The models.
        task: The task's full name.
        title: The title of the table.
        keep: Which values have rows.
        most: A slice name with more labels than this is left out, and a note says so; None for no limit.

    Returns:
        The table, with the full ids of the metrics; None where nothing is kept.
    """
    every = [each for each in values_of(groups, task) if keep(each)]
    labels: dict[str, set[str]] = {}
    for each in every:
        if each.slice is not None:
            labels.setdefault(each.slice[0], set()).add(each.slice[1])
    long = {name: len(found) for name, found in labels.items() if most is not None and len(found) > most}
    rows = [each for each in every if each.slice is None or each.slice[0] not in long]
    if not every:
        return None
    columns = _columns(rows)
    kept = {title: cells for title, cells in columns.items() if title in _ALWAYS or any(cells)}
    notes: list[str] = [
        Advised(f"{name}: {count:,} labels are too many here", "; mmbench report RUN --format csv has them")
        for name, count in long.items()
    ]
    notes += _reasons([each for each in rows if not _in_main_table(each)], several=len(groups) > 1)
    return Table(
        tuple(Column(title, "left" if title in _LEFT else "right") for title in kept),
        tuple(zip(*kept.values(), strict=True)),
        _breaks(rows),
        (*notes, *([BOUNDS] if "bounds" in kept else [])),
        title,
        in_detail=True,
    )


_ALWAYS = ("model", "metric", "value", "95 % interval", "n", "failed", "coverage")
_LEFT = ("model", "seed", "slice", "metric")


def _columns(rows: Sequence[ValueOf]) -> dict[str, list[Cell]]:
    """Heading to cells."""
    endings = [ending_cells(each.value, each.value.scale) for each in rows]
    guessing = [_guessing(each) for each in rows]
    return {
        "model": [Cell(each.group.label, runs=(each.run.path.name,)) for each in rows],
        "seed": [Cell(str(each.run.seed), each.run.seed) if each.group.several else Cell() for each in rows],
        "slice": [Cell("" if each.slice is None else "=".join(each.slice)) for each in rows],
        "metric": [Cell(each.value.id) for each in rows],
        "value": [value_cell(each.value.value, each.value.scale) for each in rows],
        "95 % interval": [replace(interval_cell(each.value), note=each.value.reason) for each in rows],
        "n": [count_cell(each.value.n) for each in rows],
        "failed": [count_cell(each.value.n_failed) for each in rows],
        "coverage": [share_cell(each.value.coverage) for each in rows],
        **{name: [cells.get(name, Cell()) for cells in endings] for name in ENDINGS},
        "chance": [chance for chance, _ in guessing],
        "prior": [prior for _, prior in guessing],
    }


def _guessing(each: ValueOf) -> tuple[Cell, Cell]:
    """What guessing and the blind prior get."""
    entry, name, scale = each.run.tasks[each.task].entry, each.value.id, each.value.scale
    if each.slice is not None:
        return Cell(), Cell()
    found = (entry.chance.get(name), entry.prior.get(name))
    chance, prior = (Cell() if value is None else value_cell(value, scale) for value in found)
    return chance, prior


def _reasons(rows: Sequence[ValueOf], *, several: bool) -> list[str]:
    """Why values or intervals are missing or rough, each reason once with the first few of what it holds for."""
    found: dict[str, dict[str, None]] = {}
    for each in rows:
        if each.value.reason:
            what = [
                each.value.id,
                *(["=".join(each.slice)] if each.slice else []),
                *([each.group.label] if several else []),
            ]
            found.setdefault(each.value.reason, {})[" ".join(what)] = None
    return [f"{named(list(names))}: {reason}" for reason, names in found.items()]


def _breaks(rows: Sequence[ValueOf]) -> frozenset[int]:
    return frozenset(place for place in range(1, len(rows)) if rows[place].run is not rows[place - 1].run)
