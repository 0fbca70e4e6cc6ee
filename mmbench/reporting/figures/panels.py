"""What a figure shows: for each task, data set and metric the models that have a value, best first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmbench.analysis.collection import Collection
from mmbench.analysis.estimates import Estimate, estimates
from mmbench.analysis.leaders import Ranker
from mmbench.analysis.seeds import SeedGroup, SeedRow, by_data, is_incomplete
from mmbench.core.errors import UsageError
from mmbench.reporting.figures.scales import Scale

MOST_PANELS = 24
"""Panels of a figure at most: more fit on no page."""


@dataclass(frozen=True)
class Panel:
    """One metric of one task, of models whose values may stand side by side."""

    task: str
    """The task's full name."""
    title: str
    """The task's name, with a number where models ran several data sets of it."""
    metric: str
    """The metric's id."""
    scale: Scale
    """Its axis."""
    groups: tuple[SeedGroup, ...]
    """[m] the models, best first."""
    values: Mapping[str, Estimate]
    """Label of a model to its value."""
    rows: Mapping[str, SeedRow]
    """Label of a model to the value of each seed, chance and prior."""
    incomplete: frozenset[str]
    """Labels of the models whose values cover less than they should."""


def panels_of(
    read: Collection, wanted: Mapping[str, Sequence[str]], ranker: Ranker, notes: list[str], *, most: int
) -> list[Panel]:
    """The panels of a figure.

    Args:
        read: The runs.
        wanted: Task to the metrics that are shown.
        ranker: Draws the resamples of models with several seeds.
        notes: Takes a sentence on what is left out.
        most: Models of a panel at most; the best are kept.

    Returns:
        One panel for each task, data set and metric that any model has a value of.

    Raises:
        UsageError: If there is nothing to show, or more panels than fit.
    """
    found = [panel for task in read.tasks for panel in _of_task(read.groups, task, wanted[task], ranker, notes, most)]
    if not found:
        raise UsageError("these runs have no values to draw")
    if len(found) > MOST_PANELS:
        raise UsageError(
            f"{len(found):,} panels do not fit on a page ({MOST_PANELS} do): choose with --tasks and --metric"
        )
    return found


def _of_task(
    groups: Sequence[SeedGroup], task: str, metrics: Sequence[str], ranker: Ranker, notes: list[str], most: int
) -> Iterator[Panel]:
    sets, unfit = by_data(groups, task)
    notes += [f"{group.label} cannot answer {task}" for group in unfit]
    if len(sets) > 1:
        notes.append(f"{task}: models that ran other data, samples or options stand in panels of their own")
    for place, members in enumerate(sets):
        title = task if len(sets) == 1 else f"{task} (data {place + 1} of {len(sets)})"
        for metric in metrics:
            values = estimates(members, task, metric, ranker)
            if values:
                yield _panel(task, title, metric, members, values, notes, most)


def _panel(
    task: str,
    title: str,
    metric: str,
    members: Sequence[SeedGroup],
    values: Mapping[str, Estimate],
    notes: list[str],
    most: int,
) -> Panel:
    rows = {group.label: row for group in members for row in group.rows(task) if row.id == metric}
    scale = Scale.of(next(iter(rows.values())).one)
    sign = -1 if scale.higher_is_better else 1
    order = sorted((g for g in members if g.label in values), key=lambda g: (sign * values[g.label].value, g.label))
    lacking = [group.label for group in members if group.label not in values]
    notes += [f"{label} has no {metric} on {title}" for label in lacking]
    if len(order) > most:
        notes.append(f"{title}: the best {most:,} of {len(order):,} models; --most N shows more or fewer")
    kept = tuple(order[:most])
    incomplete = frozenset(group.label for group in kept if is_incomplete(group, task))
    return Panel(task, title, metric, scale, kept, values, rows, incomplete)
