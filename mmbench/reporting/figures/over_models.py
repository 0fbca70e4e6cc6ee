"""Models of a task from best to worst: their intervals, or the values of their seeds."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core.errors import UsageError
from mmbench.reporting.figures.canvas import Canvas
from mmbench.reporting.figures.forest import Forest, Mark, Row, draw_forest
from mmbench.reporting.figures.panels import Panel

_INTERVAL = "lines: 95 % intervals, over samples"
_SEEDS = (
    "means over seeds: their intervals say how the mean of these seeds would vary on other samples, not on other seeds"
)


def draw_intervals(canvas: Canvas, panels: Sequence[Panel]) -> list[str]:
    """Draw the value of each model with its interval, beside chance and prior; returns what must be said beside it."""
    notes = [_INTERVAL]
    if any(group.several for panel in panels for group in panel.groups):
        notes.append(_SEEDS)
    _draw(canvas, panels, dots=False)
    return notes


def draw_seeds(canvas: Canvas, panels: Sequence[Panel]) -> list[str]:
    """Draw the value of each seed, and their mean with its interval; returns what must be said beside it.

    Raises:
        UsageError: If no model has several seeds.
    """
    if not any(group.several for panel in panels for group in panel.groups):
        raise UsageError(
            "no two of these runs are seeds of one model: mmbench run … --seeds 3 makes them; --kind intervals needs none"
        )
    _draw(canvas, panels, dots=True)
    return [_INTERVAL, _SEEDS]


def _draw(canvas: Canvas, panels: Sequence[Panel], *, dots: bool) -> None:
    forests = [
        Forest(panel.title, panel.scale, tuple(_row(panel, group.label, dots=dots) for group in panel.groups))
        for panel in panels
    ]
    rows = [row for forest in forests for row in forest.rows]
    legend = [("dots", "one seed")] if dots else []
    legend += [("chance", "chance")] if any(row.chance is not None for row in rows) else []
    legend += [("prior", "blind prior")] if any(row.prior is not None for row in rows) else []
    legend += [("hollow", "incomplete")] if any(mark.hollow for row in rows for mark in row.marks) else []
    draw_forest(canvas, forests, legend)


def _row(panel: Panel, label: str, *, dots: bool) -> Row:
    row = panel.rows[label]
    seeds = tuple(value for value in row.values if value is not None) if dots and len(row.seeds) > 1 else ()
    mark = Mark(panel.values[label], hollow=label in panel.incomplete, dots=seeds)
    return Row(label, (mark,), row.chance, row.prior)
