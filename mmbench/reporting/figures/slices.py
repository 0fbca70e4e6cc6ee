"""Values by slice: a row for each label, a mark with its interval for each model."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmbench.analysis.estimates import Estimate
from mmbench.analysis.seeds import SeedGroup
from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.core.score_table import MetricValue
from mmbench.reporting.figures.canvas import PALETTE, Canvas
from mmbench.reporting.figures.forest import Forest, Mark, Row, draw_forest
from mmbench.reporting.figures.panels import Panel

_ALL = "all samples"
_FEWEST = 2
"""Labels that a slice name must have to be drawn where none is named."""


@dataclass(frozen=True, slots=True)
class _Label:
    """What each model got on one label."""

    values: Mapping[str, Estimate]
    """Label of a model to its value."""
    n: int
    """Most units that a model has there."""


def draw_slices(canvas: Canvas, panels: Sequence[Panel], names: Sequence[str], most: int) -> list[str]:
    """Draw what models get by slice.

    Args:
        canvas: Where to draw.
        panels: The tasks, each with its models.
        names: The slice names that are shown; empty for all that have few labels.
        most: Labels of a slice name at most; those of most samples are kept.

    Returns:
        What must be said beside the figure.

    Raises:
        UsageError: If there are no slices, no slice of that name, or more models than colours.
    """
    labels = list(dict.fromkeys(group.label for panel in panels for group in panel.groups))
    if len(labels) > len(PALETTE):
        raise UsageError(
            f"{len(labels):,} models do not fit into one figure of slices ({len(PALETTE)} do): name fewer runs"
        )
    notes: list[str] = []
    found = [(panel, _by_name(panel)) for panel in panels]
    known = sorted({name for _, slices in found for name in slices})
    if not known:
        raise UsageError("these tasks have no slices")
    for name in names:
        if name not in known:
            raise UnknownNameError("slice", name, known, hint=f"There are: {', '.join(known)}.")
    forests = [
        _forest(panel, name, slices[name], labels, (most, notes))
        for panel, slices in found
        for name in (names or _default(slices, most, panel.title, notes))
        if name in slices
    ]
    if any(group.several for panel in panels for group in panel.groups):
        notes.append("models with several seeds: means over seeds, which have no interval by slice")
    legend = [(str(place), label) for place, label in enumerate(labels)] if len(labels) > 1 else []
    draw_forest(canvas, forests, legend)
    return ["lines: 95 % intervals, over samples", *notes]


def _default(slices: Mapping[str, object], most: int, title: str, notes: list[str]) -> list[str]:
    """The slice names that are drawn unless some are named: those whose labels all fit, or the one that has fewest."""
    sizes = {name: len(labels) for name, labels in slices.items() if isinstance(labels, dict)}
    able = [name for name, count in sizes.items() if _FEWEST <= count <= most]
    chosen = able or sorted(sizes, key=lambda name: (sizes[name], name))[:1]
    if left := [f"{name} ({count:,} labels)" for name, count in sizes.items() if name not in chosen]:
        notes.append(f"{title}: not drawn: {', '.join(left)}; --slice NAME draws one")
    return chosen


def _by_name(panel: Panel) -> dict[str, dict[str, _Label]]:
    """Slice name → label → what each model got."""
    found: dict[str, dict[str, dict[str, Estimate]]] = {}
    counts: dict[tuple[str, str], int] = {}
    for group in panel.groups:
        means = group.slices(panel.task)
        for name, label, value in _stored(group, panel.task, panel.metric):
            mean = means.get(name, {}).get(label, {}).get(panel.metric)
            if mean is None:
                continue
            own = Estimate(mean) if group.several else Estimate(mean, value.low, value.high)
            found.setdefault(name, {}).setdefault(label, {})[group.label] = own
            counts[name, label] = max(counts.get((name, label), 0), value.n)
    return {
        name: {label: _Label(values, counts[name, label]) for label, values in labels.items()}
        for name, labels in sorted(found.items())
    }


def _stored(group: SeedGroup, task: str, metric: str) -> list[tuple[str, str, MetricValue]]:
    """(slice name, label, value) of every seed."""
    return [
        (name, label, value)
        for result in group.scored(task)
        for name, labels in result.slices.items()
        for label, values in labels.items()
        for value in values
        if value.id == metric and value.value is not None
    ]


def _forest(
    panel: Panel, name: str, slices: Mapping[str, _Label], models: Sequence[str], limit: tuple[int, list[str]]
) -> Forest:
    most, notes = limit
    order = sorted(slices, key=_natural)
    if len(order) > most:
        kept = set(sorted(slices, key=lambda label: (-slices[label].n, label))[:most])
        order = [label for label in order if label in kept]
        notes.append(
            f"{panel.title}, {name}: the {most:,} of {len(slices):,} labels with most samples; --most N shows more or fewer"
        )
    every = Row(_ALL, tuple(Mark(panel.values[each], models.index(each)) for each in models if each in panel.values))
    rows = [
        Row(
            label,
            tuple(
                Mark(slices[label].values[each], models.index(each)) for each in models if each in slices[label].values
            ),
        )
        for label in order
    ]
    title = f"{panel.title} by {name}"
    return Forest(title, panel.scale, (every, *rows), series=len(models), rule=True)


def _natural(label: str) -> list[tuple[int, float, str]]:
    """Sorts the numbers in labels by their value, and the rest by its letters."""
    parts = re.split(r"([0-9]+(?:[.][0-9]+)?)", label)
    return [(0, float(part), "") if place % 2 else (1, 0.0, part) for place, part in enumerate(parts) if part]
