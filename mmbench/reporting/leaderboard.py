"""The leaderboard: models by the mean of several tasks, among those that ran all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.rankings import Judge, rank_cell
from mmbench.analysis.seeds import SeedGroup, SeedRow
from mmbench.core.errors import UsageError
from mmbench.reporting.cells import value_cell
from mmbench.reporting.comparison import by_data
from mmbench.reporting.runs import Runs
from mmbench.reporting.table import Cell, Column, Table
from mmbench.reporting.text import number
from mmbench.stats.ranks import rank_ranges

Floats = NDArray[np.float64]


class Scale(NamedTuple):
    """What metrics must share to be averaged."""

    scale: float
    """What tables multiply by."""
    higher_is_better: bool
    """Direction."""
    bounds: tuple[float | None, float | None] | None
    """The natural range; None where it is not written down."""

    def __str__(self) -> str:
        ends = "an unknown range" if self.bounds is None else "from {} to {}".format(*map(_end, self.bounds))
        return f"{ends}, {'higher' if self.higher_is_better else 'lower'} is better"


def _end(bound: float | None) -> str:
    return "any number" if bound is None else f"{bound:g}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One task of the leaderboard."""

    task: str
    metric: str
    scale: Scale
    rows: Mapping[str, SeedRow]
    """Label of a model to its values, of the data that most models ran."""

    @property
    def name(self) -> str:
        return f"{self.task} {self.metric}"


def leaderboard(
    runs: Runs, judge: Judge, tasks: Sequence[str], metrics: Mapping[str, str], *, chosen: bool
) -> tuple[Table | None, list[str]]:
    """A row a model: the macro mean over tasks with interval and rank range, then the value of every task.

    The mean is over tasks that every ranked model ran, each weighing the same; a model that lacks one of them stands below
    the others without a mean. Interval and ranks come from resamples of every task by its own clusters, independent
    between tasks and the same for all models. Only metrics of the same range, scale and direction are averaged.

    Parameters: `tasks`, full names; `metrics`, task to the metric that stands for it; `chosen`, whether the user named
    the tasks: then all of them count. Otherwise the tasks are those that cover most: of the sets of tasks that some two
    models share, the one whose number of tasks times number of models that ran all of them is largest.

    Returns: the table, or None with the reason among the notes. Raises `UsageError` where tasks that were named cannot be
    averaged.
    """
    entries, notes = _alike([_entry(runs, judge, task, metrics[task]) for task in tasks if task in metrics], chosen)
    counted, ties = (entries, 0) if chosen else _widest(entries, [group.label for group in runs.groups])
    if len(counted) < 2:
        return None, [*notes, "no leaderboard: it takes two tasks, or more, that the same two models, or more, ran"]
    able = [group for group in runs.groups if all(group.label in entry.rows for entry in counted)]
    if not able:
        names = ", ".join(entry.task for entry in counted)
        return None, [*notes, f"no leaderboard: no model has values for all of {names}; choose some with --tasks"]
    if len(able) < 2:
        return None, [*notes, f"no leaderboard of one model alone: only {able[0].label} ran all of its tasks"]
    left_out = [entry.task for entry in entries if entry not in counted]
    if left_out:
        notes.append(
            f"not in the mean, because some of these models did not run them: {', '.join(left_out)}; "
            "--tasks T,T chooses the tasks"
        )
    if ties:
        notes.append(
            f"a tie: {ties} other choice{'s' * (ties > 1)} of tasks would cover as many values; --tasks T,T chooses"
        )
    return _Board(runs, judge, counted, able).table(notes), []


def _entry(runs: Runs, judge: Judge, task: str, metric: str) -> _Entry | None:
    """The values of a task, of those data that most models ran; None where none has any."""
    sets, _ = by_data(runs.groups, task)
    able = [[group for group in members if judge.is_ranked(group, task, metric)] for members in sets]
    widest = max(able, key=len, default=[])
    if not widest:
        return None
    rows = {group.label: next(row for row in group.rows(task) if row.id == metric) for group in widest}
    first = next(iter(rows.values()))
    spec = widest[0].scored(task)[0].specs.get(metric)
    scale = Scale(first.one.scale, first.one.higher_is_better, None if spec is None else spec.bounds)
    return _Entry(task, metric, scale, rows)


def _alike(found: Sequence[_Entry | None], chosen: bool) -> tuple[list[_Entry], list[str]]:
    """The tasks whose metrics can be averaged with that of the first, and what is said of the others."""
    entries = [entry for entry in found if entry is not None]
    if not entries:
        return [], []
    first = entries[0]
    other = [entry for entry in entries if not _averages(entry.scale, first.scale)]
    if other and chosen:
        raise UsageError(
            f"{other[0].name} ({other[0].scale}) and {first.name} ({first.scale}) cannot be averaged; "
            "choose metrics of one kind with --metric TASK:ID, or other tasks with --tasks"
        )
    notes = [
        f"not in the mean, because it is of another kind than {first.name}: {entry.name} ({entry.scale}); "
        "--metric TASK:ID chooses another metric of a task"
        for entry in other
    ]
    return [entry for entry in entries if entry not in other], notes


def _averages(a: Scale, b: Scale) -> bool:
    return a[:2] == b[:2] and (a.bounds is None or b.bounds is None or a.bounds == b.bounds)


def _widest(entries: Sequence[_Entry], labels: Sequence[str]) -> tuple[list[_Entry], int]:
    """The tasks that some two models share, at least two, which cover most models times tasks; how many sets cover as much."""
    owned = [frozenset(entry.task for entry in entries if label in entry.rows) for label in labels]
    candidates = [tasks for tasks in dict.fromkeys(a & b for a, b in combinations(owned, 2)) if len(tasks) > 1]

    def covered(tasks: frozenset[str]) -> int:
        return len(tasks) * sum(tasks <= own for own in owned)

    best = max(candidates, key=lambda tasks: (covered(tasks), len(tasks), sorted(tasks)), default=frozenset[str]())
    ties = sum(covered(tasks) == covered(best) for tasks in candidates if tasks != best)
    return [entry for entry in entries if entry.task in best], ties


@dataclass
class _Board:
    """The models that have all tasks, and those that stand below them."""

    runs: Runs
    judge: Judge
    entries: Sequence[_Entry]
    able: Sequence[SeedGroup]

    def __post_init__(self) -> None:
        self.scale = self.entries[0].scale
        self.ranks: dict[str, Cell] = {}
        self.intervals: dict[str, Cell] = {}
        self.means = {group.label: self._mean(group.label) for group in self.able}

    def _mean(self, label: str) -> Cell:
        values = [value for entry in self.entries if (value := entry.rows[label].value) is not None]
        return value_cell(math.fsum(values) / len(values), self.scale.scale)

    def table(self, notes: Sequence[str]) -> Table:
        """The table, with what is said of the choice of the tasks below what is said of the numbers."""
        said = [
            f"mean: of {', '.join(entry.name for entry in self.entries)}, every task weighing the same",
            *self._draw(),
        ]
        if any(group.several for group in self.able):
            said.append("seeds of a model are averaged within each resample: an interval says nothing of other seeds")
        rest = [group for group in self.runs.groups if group not in self.able and self._has_any(group)]
        if rest:
            said.append("last, without a mean: models that lack a value for some of these tasks")
        rows = [self._row(group) for group in (*self._ordered(), *sorted(rest, key=lambda group: group.label))]
        titles = ("model", "rank", "mean", "95 % interval", *(entry.name for entry in self.entries))
        keep = [n for n in range(len(titles)) if n == 0 or any(row[n] for row in rows)]
        return Table(
            columns=tuple(Column(titles[n], "left" if n == 0 else "right") for n in keep),
            rows=[[row[n] for n in keep] for row in rows],
            breaks=frozenset({len(self.able)} if rest else ()),
            notes=(*said, *notes),
            title=f"Leaderboard: the mean of {len(self.entries)} tasks",
        )

    def _draw(self) -> list[str]:
        """Find intervals and ranks; what is said of them."""
        drawn = [self.judge.draws(entry.task, self.able, [entry.metric]) for entry in self.entries]
        reasons = dict.fromkeys(reason for _, why in drawn for reason in why.values())
        if reasons:
            return [f"no ranks and no intervals: {'; '.join(reasons)}"]
        found = [draws[entry.metric] for entry, (draws, _) in zip(self.entries, drawn, strict=True)]
        resamples = np.mean([draws.resamples for draws in found], axis=0)
        values = np.mean([draws.values for draws in found], axis=0)
        clusters = min(draws.clusters for draws in found)
        ranges = rank_ranges(values, resamples, clusters, higher_is_better=self.scale.higher_is_better)
        for place, group in enumerate(self.able):
            self.ranks[group.label] = rank_cell(ranges, place)
            self.intervals[group.label] = self._interval(group.label, resamples[:, place])
            if len(self.able) > 1 and ranges.high[place] == 1:
                self.means[group.label] = replace(self.means[group.label], marks=frozenset({"best"}))
        text = (
            "95 % interval and range of ranks: from a joint bootstrap of every task by its own clusters, independent "
            "between tasks and the same for all models; models whose ranges overlap may be equally good"
        )
        flat = [group.label for group in self.able if not self.intervals[group.label]]
        none = (
            [f"{', '.join(flat)}: no interval, since the mean is undefined or the same in every resample"]
            if flat
            else []
        )
        return [text, *none, *([ranges.reason] if ranges.reason else [])]

    def _interval(self, label: str, draws: Floats) -> Cell:
        defined, value = draws[np.isfinite(draws)], self.means[label].value
        if len(defined) < len(draws) or not isinstance(value, float) or draws.min() == draws.max():
            return Cell()
        low, high = np.percentile(defined, (2.5, 97.5)).tolist()
        low, high = min(low, value), max(high, value)
        return Cell(f"[{number(low, self.scale.scale)}, {number(high, self.scale.scale)}]", None, low, high)

    def _has_any(self, group: SeedGroup) -> bool:
        return any(group.label in entry.rows for entry in self.entries)

    def _ordered(self) -> list[SeedGroup]:
        sign = -1.0 if self.scale.higher_is_better else 1.0

        def key(group: SeedGroup) -> tuple[float, float, str]:
            rank, mean = self.ranks.get(group.label, Cell()).value, self.means[group.label].value
            return float(rank or 0), sign * float(mean or 0), group.label

        return sorted(self.able, key=key)

    def _row(self, group: SeedGroup) -> list[Cell]:
        label = group.label
        cells = [
            Cell(label, runs=tuple(run.path.name for run in group.runs)),
            *(found.get(label, Cell()) for found in (self.ranks, self.means, self.intervals)),
        ]
        for entry in self.entries:
            row = entry.rows.get(label)
            value = Cell() if row is None else value_cell(row.value, row.one.scale)
            short = bool(value) and self.judge.is_short(group, entry.task)
            cells.append(replace(value, marks=frozenset({"incomplete"})) if short else value)
        return cells
