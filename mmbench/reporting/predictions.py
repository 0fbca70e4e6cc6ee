"""Tables of what a file of predictions is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmbench.core.score_table import MetricValue
from mmbench.reporting.cells import ENDINGS, count_cell, ending_cells, interval_cell, share_cell, value_cell
from mmbench.reporting.notes import BOUNDS, value_notes
from mmbench.reporting.table import Cell, Column, Table

MOST_LABELS = 30
"""A slice name with more labels than this gets no table."""

_TITLES = ("value", "95 % interval", "n", "failed", "coverage", *ENDINGS)


def scored_tables(
    name: str,
    counts: str,
    metrics: Sequence[MetricValue],
    slices: Mapping[str, Mapping[str, Sequence[MetricValue]]],
    primary: Sequence[str],
) -> list[Table]:
    """A table of all metrics, and one of the primary metrics for each slice name of at most `MOST_LABELS` labels.

    Parameters: `name` of the task; `counts`, how many samples; `slices`, name → label → metrics; `primary`, ids. Counts
    of what failed, coverage, and how outputs ended stand in a table only where they say something.
    """
    tables = []
    found = value_notes(metrics, "--per-sample FILE")
    notes = [f"{where.removeprefix(', ')}{': ' if where else ''}{text}" for where, text in found]
    notes += [BOUNDS] if any("bounds" in ending_cells(value, value.scale) for value in metrics) else []
    for slice_name, labels in slices.items():
        if len(labels) > MOST_LABELS:
            notes.append(f"{slice_name}: {len(labels):,} labels are too many for a table; --json has their values")
            continue
        tables.append(_by_label(f"{name} by {slice_name}", slice_name, labels, primary))
    return [_table(f"{name}: {counts}", ("metric",), [((value.id,), value) for value in metrics], notes), *tables]


def _by_label(
    title: str, slice_name: str, labels: Mapping[str, Sequence[MetricValue]], primary: Sequence[str]
) -> Table:
    """The primary metrics by label; where they are one, the title names it."""
    rows = [((label, value.id), value) for label, values in labels.items() for value in values if value.id in primary]
    metrics = {value.id for _, value in rows}
    if len(metrics) == 1:
        return _table(f"{title}: {metrics.pop()}", (slice_name,), [((label,), value) for (label, _), value in rows])
    return _table(title, (slice_name, "metric"), rows)


def _table(
    title: str,
    names: Sequence[str],
    rows: Sequence[tuple[Sequence[str], MetricValue]],
    notes: Sequence[str] = (),
) -> Table:
    """`rows`: what stands under `names`, and the value."""
    endings = [ending_cells(value, value.scale) for _, value in rows]
    hidden = {name for name in ENDINGS if not any(name in cells for cells in endings)}
    hidden |= set() if any(value.n_failed for _, value in rows) else {"failed"}
    if all(value.coverage == 1 for _, value in rows):
        hidden.add("coverage")
    titles = (*names, *_TITLES)
    shown = [n for n, heading in enumerate(titles) if heading not in hidden]
    cells = [
        (*map(Cell, texts), *_cells(value), *(ended.get(name, Cell()) for name in ENDINGS))
        for (texts, value), ended in zip(rows, endings, strict=True)
    ]
    columns = tuple(Column(titles[n], "left" if n < len(names) else "right") for n in shown)
    return Table(columns, tuple(tuple(row[n] for n in shown) for row in cells), notes=tuple(notes), title=title)


def _cells(value: MetricValue) -> tuple[Cell, ...]:
    figures = value_cell(value.value, value.scale), interval_cell(value)
    return (*figures, count_cell(value.n), count_cell(value.n_failed), share_cell(value.coverage))
