"""The leaderboard: rank models by the mean of several tasks, among those that ran all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from mmbench.analysis.estimates import percentile_interval
from mmbench.analysis.leaders import Floats, Ranker, RankRange, guessing, rank_of
from mmbench.analysis.scales import AS_IS, RESCALED, Affine, Rescaling, Scale, affine
from mmbench.analysis.seeds import SeedGroup, SeedRow, by_data, is_ranked
from mmbench.core.advice import Advised
from mmbench.core.errors import UsageError
from mmbench.core.ids import MetricId
from mmbench.stats.ranks import rank_ranges


@dataclass(frozen=True, slots=True)
class TaskColumn:
    """One task of the leaderboard."""

    task: str
    """Full name."""
    metric: str
    """The metric that stands for it."""
    scale: Scale
    """The scale of its values."""
    rows: Mapping[str, SeedRow]
    """Label of a model to its values, of the data that most models ran."""
    rescaled: Affine = AS_IS
    """What its values go through before they are averaged."""

    @property
    def name(self) -> str:
        """Task and metric."""
        return f"{self.task} {self.metric}"


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Models by the mean over tasks, each task weighing the same."""

    columns: tuple[TaskColumn, ...]
    """The tasks that count."""
    scale: Scale
    """The scale of the mean."""
    rescaling: Rescaling
    """How values were brought to it."""
    ranked: tuple[SeedGroup, ...]
    """The models that have values for all of them, best first."""
    others: tuple[SeedGroup, ...]
    """The models that lack some, by name."""
    means: Mapping[str, float]
    """Label of each ranked model to its mean."""
    ranks: Mapping[str, RankRange]
    """Label to rank; empty where nothing could be resampled."""
    intervals: Mapping[str, tuple[float, float]]
    """Label to the 95 % interval of the mean; models without one are absent."""
    best: str | None
    """Label of the model that leads beyond noise."""
    reason: str | None
    """What is uncertain about the ranks, or why there are none."""


def leaderboard(
    groups: Sequence[SeedGroup],
    ranker: Ranker,
    tasks: Sequence[str],
    metrics: Mapping[str, str],
    *,
    chosen: bool,
    rescaling: Rescaling = "same",
) -> tuple[Leaderboard | None, list[str]]:
    """Rank models by the macro mean over tasks that all of them ran.

    Intervals and ranks come from resamples of every task by its own clusters, independent between tasks and the same for all
    models. Without a `rescaling`, only one metric of one range and direction is averaged.

    Args:
        groups: The models.
        ranker: Draws the resamples.
        tasks: Full names.
        metrics: Task to the metric that stands for it.
        chosen: Whether the user named the tasks: then all of them count. Otherwise the tasks are those that cover most: of
            the sets of tasks that some two models share, the one whose number of tasks times number of models that ran all
            of them is largest.
        rescaling: How values of several metrics are brought to one scale.

    Returns:
        The leaderboard and notes on the choice of tasks; None, with the reason among the notes, where there is none.

    Raises:
        UsageError: If tasks that were named cannot be averaged.
    """
    found = [_column(groups, task, metrics[task]) for task in tasks if task in metrics]
    columns, notes = _alike([column for column in found if column is not None], chosen, rescaling)
    counted, ties = (columns, 0) if chosen else _widest(columns, [group.label for group in groups])
    if len(counted) < 2:
        return None, [*notes, "no leaderboard: it takes two tasks, or more, that the same two models, or more, ran"]
    able = [group for group in groups if all(group.label in column.rows for column in counted)]
    if not able:
        names = ", ".join(column.task for column in counted)
        return None, [
            *notes,
            Advised(f"no leaderboard: no model has values for all of {names}", "; choose some with --tasks"),
        ]
    if len(able) < 2:
        return None, [*notes, f"no leaderboard of one model alone: only {able[0].label} ran all of its tasks"]
    left_out = [column.task for column in columns if column not in counted]
    if left_out:
        notes.append(
            Advised(
                f"not in the mean, because some of these models did not run them: {', '.join(left_out)}",
                "; --tasks T,T chooses the tasks",
            )
        )
    if ties:
        notes.append(
            Advised(
                f"a tie: {ties} other choice{'s' * (ties > 1)} of tasks would cover as many values",
                "; --tasks T,T chooses",
            )
        )
    return _ranked(groups, able, counted, ranker, rescaling), notes


def _column(groups: Sequence[SeedGroup], task: str, metric: str) -> TaskColumn | None:
    """The values of a task, of those data that most models ran; None where none has any."""
    sets, _ = by_data(groups, task)
    able = [[group for group in members if is_ranked(group, task, metric)] for members in sets]
    widest = max(able, key=len, default=[])
    if not widest:
        return None
    rows = {group.label: next(row for row in group.rows(task) if row.id == metric) for group in widest}
    first = next(iter(rows.values())).one
    spec = widest[0].scored(task)[0].specs.get(metric)
    bounds = None if spec is None else spec.bounds
    scale = Scale(first.scale, first.higher_is_better, bounds, MetricId.parse(metric).name)
    return TaskColumn(task, metric, scale, rows)


def _alike(columns: list[TaskColumn], chosen: bool, rescaling: Rescaling) -> tuple[list[TaskColumn], list[str]]:
    """The tasks whose metrics can be averaged, brought to one scale, and notes on the others."""
    if rescaling != "same":
        return _rescaled(columns, chosen, rescaling)
    other = [column for column in columns if not column.scale.averages_with(columns[0].scale)]
    if not other:
        return columns, []
    first = columns[0]
    if chosen:
        raise UsageError(
            f"{other[0].name} ({other[0].scale}) and {first.name} ({first.scale}) cannot be averaged as they are; say how with "
            "--scale range or --scale chance, choose metrics of one kind with --metric TASK:ID, or other tasks with --tasks"
        )
    notes: list[str] = [
        Advised(
            f"not in the mean, because it is of another kind than {first.name}: {column.name} ({column.scale})",
            "; --scale says how to average both, --metric TASK:ID chooses another metric of a task",
        )
        for column in other
    ]
    return [column for column in columns if column not in other], notes


def _rescaled(columns: list[TaskColumn], chosen: bool, rescaling: Rescaling) -> tuple[list[TaskColumn], list[str]]:
    """The tasks whose metrics can be brought to the scale, and notes on the others."""
    maps = [affine(rescaling, column.scale, guessing(column.rows.values())) for column in columns]
    lacking = "what guessing gets, or the end of the range," if rescaling == "chance" else "an end of the range"
    notes = [
        f"not in the mean, because {lacking} is not known: {column.name} ({column.scale})"
        for column, found in zip(columns, maps, strict=True)
        if found is None
    ]
    if notes and chosen:
        raise UsageError(
            f"--scale {rescaling}: {notes[0]}; choose another metric with --metric TASK:ID, or other tasks"
        )
    return [
        replace(column, rescaled=found) for column, found in zip(columns, maps, strict=True) if found is not None
    ], notes


def _widest(columns: Sequence[TaskColumn], labels: Sequence[str]) -> tuple[list[TaskColumn], int]:
    """The tasks that some two models share, at least two, which cover most models times tasks; how many sets cover as much."""
    owned = [frozenset(column.task for column in columns if label in column.rows) for label in labels]
    candidates = [tasks for tasks in dict.fromkeys(a & b for a, b in combinations(owned, 2)) if len(tasks) > 1]

    def covered(tasks: frozenset[str]) -> int:
        return len(tasks) * sum(tasks <= own for own in owned)

    best = max(candidates, key=lambda tasks: (covered(tasks), len(tasks), sorted(tasks)), default=frozenset[str]())
    ties = sum(covered(tasks) == covered(best) for tasks in candidates if tasks != best)
    return [column for column in columns if column.task in best], ties


def _ranked(
    groups: Sequence[SeedGroup],
    able: Sequence[SeedGroup],
    columns: Sequence[TaskColumn],
    ranker: Ranker,
    rescaling: Rescaling,
) -> Leaderboard:
    labels = [group.label for group in able]
    means = {label: _mean(label, columns) for label in labels}
    scale = columns[0].scale if rescaling == "same" else RESCALED
    higher = scale.higher_is_better
    drawn = [ranker.draws(column.task, able, [column.metric]) for column in columns]
    ranks: dict[str, RankRange] = {}
    intervals: dict[str, tuple[float, float]] = {}
    if reasons := dict.fromkeys(why for _, unknown in drawn for why in unknown.values()):
        reason: str | None = "; ".join(reasons)
    else:
        draws = [found[column.metric] for column, (found, _) in zip(columns, drawn, strict=True)]
        maps = [column.rescaled for column in columns]
        resamples = np.mean([_mapped(to, each.resamples) for to, each in zip(maps, draws, strict=True)], axis=0)
        values = np.mean([_mapped(to, each.values) for to, each in zip(maps, draws, strict=True)], axis=0)
        found = rank_ranges(values, resamples, min(each.clusters for each in draws), higher_is_better=higher)
        ranks, reason = rank_of(labels, found), found.reason
        for place, label in enumerate(labels):
            if (interval := percentile_interval(means[label], resamples[:, place])) is not None:
                intervals[label] = interval

    def key(group: SeedGroup) -> tuple[int, float, str]:
        rank = ranks[group.label].rank if ranks else 0
        return rank, -means[group.label] if higher else means[group.label], group.label

    def has_any(group: SeedGroup) -> bool:
        return any(group.label in column.rows for column in columns)

    return Leaderboard(
        columns=tuple(columns),
        scale=scale,
        rescaling=rescaling,
        ranked=tuple(sorted(able, key=key)),
        others=tuple(sorted((g for g in groups if g not in able and has_any(g)), key=lambda group: group.label)),
        means=means,
        ranks=ranks,
        intervals=intervals,
        best=next(
            (
                label
                for label, rank in ranks.items()
                if rank.high == 1 and _is_above_guessing(intervals.get(label), columns, higher_is_better=higher)
            ),
            None,
        ),
        reason=reason,
    )


def _is_above_guessing(
    interval: tuple[float, float] | None, columns: Sequence[TaskColumn], *, higher_is_better: bool
) -> bool:
    """Whether an interval of the mean is better than the mean of what guessing gets, where that is known of every task."""
    known = [(column, guessing(column.rows.values())) for column in columns]
    floors = [column.rescaled(floor) for column, floor in known if floor is not None]
    if interval is None or len(floors) < len(columns):
        return True
    floor = math.fsum(floors) / len(floors)
    return interval[0] > floor if higher_is_better else interval[1] < floor


def _mean(label: str, columns: Sequence[TaskColumn]) -> float:
    values = [(column, column.rows[label].value) for column in columns]
    found = [column.rescaled(value) for column, value in values if value is not None]
    return math.fsum(found) / len(found)


def _mapped(to: Affine, values: Floats) -> Floats:
    """Rescaled values; the values themselves where nothing is to be changed, to the bit."""
    return values if to == AS_IS else to.slope * values + to.offset
