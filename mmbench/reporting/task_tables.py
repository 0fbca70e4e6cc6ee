"""Models side by side: one compact table a task, with what each costs and what it gains over a single modality."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from mmbench.analysis.seeds import LEAST_COVERAGE, SeedGroup, SeedRow, by_data, middle
from mmbench.core.advice import prefixed
from mmbench.core.ids import MetricId
from mmbench.reporting.cells import (
    ENDINGS,
    amount_cell,
    ending_cells,
    figure_cell,
    interval_cell,
    model_cell,
    rank_cell,
    seeds_cell,
    share_cell,
    signed_cell,
    solved_cell,
    value_cell,
)
from mmbench.reporting.notes import BOUNDS, result_notes, seed_notes
from mmbench.reporting.speed_cells import speed_cell
from mmbench.reporting.summary import UNFIT, status
from mmbench.reporting.table import Cell, Column, Mark, Table
from mmbench.results.schema import TaskEntry

if TYPE_CHECKING:
    from mmbench.analysis.leaders import Ranking

LABELS = 6
"""A slice name with at most this many labels gets a column for each, where it is the task's only one."""

DELTA = "Δ best single"
"""Heading of what a model gains over the best of those that look at one modality."""

Metrics = Callable[[str, list[str]], list[str]]
"""(task, ids of all metrics that any model has there) → ids of those that get columns, the ranking one first."""


Rank = Callable[[str, Sequence[SeedGroup], Sequence[str]], "Ranking"]
"""(task, models, metric ids that are shown, the ranking one first) → who leads."""


def task_tables(
    groups: Sequence[SeedGroup],
    tasks: Sequence[str] | None = None,
    *,
    shown: Metrics | None = None,
    rank: Rank | None = None,
) -> list[Table]:
    """A table for each task, a row for each model (the mean where it has several seeds).

    Columns: the primary metrics, the first of them with its interval or its seeds; the first by slice, where the task has
    one slice name of at most `LABELS` labels; what the model gains over the best one that looks at a single modality, in
    points; trained weights, seconds of training, samples answered a second. A column without any figure is left out.
    Runs whose data, options or samples of a task differ stand in tables of their own. Models that cannot answer a task
    are named below its table. What is said below one table is not said again below a later one.

    Parameters: `shown`, task and ids of all its metrics to the ids that get columns, None for the primary ones; `rank`
    puts the models of a table in order, best first, with a column for their ranks, the coverage, and marks.
    """
    # run.json names first what a model cannot answer; the tables begin with what models do.
    answered = (name for group in groups for name in group.tasks if status(group, name) != UNFIT)
    names = dict.fromkeys([*answered, *(name for group in groups for name in group.tasks)])
    wanted = list(names) if tasks is None else [name for name in dict.fromkeys(tasks) if name in names]
    tables: list[Table] = []
    known: set[str] = set()
    for table in (table for task in wanted for table in _of_task(groups, task, shown, rank)):
        tables.append(replace(table, notes=tuple(note for note in table.notes if note not in known)))
        known |= set(table.notes)
    return tables


def _of_task(groups: Sequence[SeedGroup], task: str, shown: Metrics | None, rank: Rank | None) -> list[Table]:
    sets, unfit = by_data(groups, task)
    tables = []
    for place, members in enumerate(sets):
        side = _Members(task, members, shown)
        if rank is not None and side.metrics:
            side = side.ranked(rank(task, members, side.metrics))
        tables.append(side.table(apart=len(sets) > 1, unfit=unfit if place == 0 else ()))
    if unfit and not tables:
        tables = [Table((Column("model", "left"),), (), notes=_notes_on(unfit, task), title=task)]
    return tables


@dataclass
class _Members:
    """The models whose values of one task may stand side by side."""

    task: str
    groups: Sequence[SeedGroup]
    shown: Metrics | None = None
    ranking: Ranking | None = None

    def __post_init__(self) -> None:
        self.rows = [{row.id: row for row in group.rows(self.task)} for group in self.groups]

    def ranked(self, ranking: Ranking) -> _Members:
        """The same models in the order of their ranks."""
        return _Members(self.task, [self.groups[place] for place in ranking.order], self.shown, ranking)

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics that get columns, of those that any model has: in the task's order, or as was asked."""
        have = dict.fromkeys(name for rows in self.rows for name in rows)
        if self.shown is not None:
            return self.shown(self.task, list(have))
        scored = [result for group in self.groups for result in group.scored(self.task)]
        return [name for name in dict.fromkeys(name for result in scored for name in result.primary) if name in have]

    @cached_property
    def entry(self) -> TaskEntry:
        """The task, as any of the runs has it."""
        return next(result.entry for group in self.groups for result in group.results(self.task))

    def table(self, *, apart: bool, unfit: Sequence[SeedGroup]) -> Table:
        """The table. `apart`: the title says which data they are; `unfit`: models that cannot answer the task."""
        models = [model_cell(group) for group in self.groups]
        columns = [
            ("model", models),
            *self._ranks(),
            *self._quality(),
            *self._coverage(),
            *self._endings(),
            *self._cost(),
        ]
        shown = [(title, cells) for title, cells in columns if any(cells)]
        rows = list(zip(*(cells for _, cells in shown), strict=True))
        known = [[self._beside(title, what) for title, _ in shown] for what in ("chance", "prior")]
        beside = [tuple(row) for row in known if any(row[1:])]
        ranked = len(rows) if self.ranking is None else self.ranking.ranked
        breaks = {place for place in (ranked, len(rows)) if 0 < place < len(rows) + len(beside)}
        return Table(
            tuple(Column(title, "left" if n == 0 else "right") for n, (title, _) in enumerate(shown)),
            (*rows, *beside),
            frozenset(breaks),
            (*self._notes([title for title, _ in shown]), *_notes_on(unfit, self.task)),
            self._title(apart=apart),
        )

    def _title(self, *, apart: bool) -> str:
        entry = self.entry
        text = f"{self.task}: {entry.n_samples:,} samples of {entry.split}"
        options = "".join(f", {name}={value}" for name, value in sorted(entry.source.options.items()))
        return f"{text} (version {entry.version}, data {entry.fingerprint[:8]}{options})" if apart else text

    # --- quality ---

    @cached_property
    def headings(self) -> dict[str, str]:
        """Metric id → heading: the id without the names of its parameters, where that is as clear."""
        return short_names(self.metrics)

    def _cells(self, metric: str, show: Callable[[SeedRow], Cell]) -> list[Cell]:
        return [show(rows[metric]) if metric in rows else Cell() for rows in self.rows]

    def _quality(self) -> list[tuple[str, list[Cell]]]:
        if not self.metrics:
            return [("status", [Cell(status(group, self.task)) for group in self.groups])]
        columns = [(self.headings[name], self._values(name)) for name in self.metrics]
        states = [Cell(status(group, self.task)) for group in self.groups]
        first, values = columns[0]
        columns[0] = (first, [value or state for value, state in zip(values, states, strict=True)])
        by_seed: list[tuple[str, list[Cell]]] = [
            ("95 % interval", self._only(several=False, show=lambda row: interval_cell(row.one))),
            ("each seed", self._only(several=True, show=seeds_cell)),
            ("solved", self._only(several=True, show=solved_cell)),
        ]
        return [columns[0], *by_seed, *columns[1:], *self._by_label(), (DELTA, self._gains())]

    def _values(self, metric: str) -> list[Cell]:
        cells = self._cells(metric, lambda row: value_cell(row.value, row.one.scale))
        if self.ranking is None:
            return cells
        best, short = self.ranking.best.get(metric), self.ranking.incomplete

        def marks(label: str) -> frozenset[Mark]:
            found: dict[Mark, bool] = {"best": label == best, "incomplete": label in short}
            return frozenset(mark for mark, holds in found.items() if holds)

        return [
            replace(cell, marks=marks(group.label)) if cell else cell
            for group, cell in zip(self.groups, cells, strict=True)
        ]

    def _ranks(self) -> list[tuple[str, list[Cell]]]:
        ranks = self.ranking.ranks if self.ranking else {}
        found = [rank_cell(ranks[group.label]) if group.label in ranks else Cell() for group in self.groups]
        return [("rank", found)]

    def _coverage(self) -> list[tuple[str, list[Cell]]]:
        if self.ranking is None or not self.metrics:
            return []
        cells = self._cells(self.metrics[0], lambda row: share_cell(row.coverage))
        return [("coverage", cells)] if any(cell.value != 1.0 for cell in cells if cell) else []

    def _endings(self) -> list[tuple[str, list[Cell]]]:
        """How the outputs behind the first metric ended; columns that say nothing are left out like any other."""
        first = self.metrics[0] if self.metrics else ""
        found = [ending_cells(rows[first], rows[first].one.scale) if first in rows else {} for rows in self.rows]
        failed = self._cells(first, lambda row: share_cell(1 - row.coverage) if row.n_failed else Cell())
        endings = [(name, [cells.get(name, Cell()) for cells in found]) for name in ENDINGS]
        return [*endings[:-1], ("failed", failed), endings[-1]]

    def _only(self, *, several: bool, show: Callable[[SeedRow], Cell]) -> list[Cell]:
        cells = self._cells(self.metrics[0], show)
        return [cell if group.several == several else Cell() for group, cell in zip(self.groups, cells, strict=True)]

    @cached_property
    def slices(self) -> tuple[str, list[str]]:
        """The slice name that gets columns and its labels; empty where there is no such."""
        found = [labels for group in self.groups for labels in group.slices(self.task).items()]
        names = {name for name, _ in found}
        labels = list(dict.fromkeys(label for _, by_label in found for label in by_label))
        return (names.pop(), labels) if len(names) == 1 and len(labels) <= LABELS else ("", [])

    def _by_label(self) -> list[tuple[str, list[Cell]]]:
        name, labels = self.slices
        first = self.metrics[0]
        means = [group.slices(self.task).get(name, {}) for group in self.groups]
        scales = [rows[first].one.scale if first in rows else 1.0 for rows in self.rows]
        return [
            (
                label,
                [
                    value_cell(mean[label][first], scale) if first in mean.get(label, {}) else Cell()
                    for mean, scale in zip(means, scales, strict=True)
                ],
            )
            for label in labels
        ]

    # --- what it gains ---

    @cached_property
    def best_single(self) -> tuple[str, float] | None:
        """(name, value of the first primary metric) of the best model that looks at one modality only."""
        found = []
        for group, rows in zip(self.groups, self.rows, strict=True):
            modalities = {tuple(learned.modalities) for learned in group.learned(self.task)}
            row = rows.get(self.metrics[0])
            if row is not None and row.value is not None and modalities and all(len(each) == 1 for each in modalities):
                found.append((row.value if row.one.higher_is_better else -row.value, group.label, row.value))
        if not found:
            return None
        _, label, value = max(found, key=lambda each: each[0])
        return label, value

    def _gains(self) -> list[Cell]:
        best = self.best_single
        if best is None:
            return [Cell()] * len(self.groups)

        def gain(row: SeedRow) -> Cell:
            if row.value is None:
                return Cell()
            return signed_cell(row.value - best[1], row.one.scale)

        return self._cells(self.metrics[0], gain)

    # --- what it costs ---

    def _cost(self) -> list[tuple[str, list[Cell]]]:
        learned = [group.learned(self.task) for group in self.groups]
        weights = [max((each.parameters for each in own if each.parameters), default=None) for own in learned]
        seconds = [middle(each.train_s for each in own) for own in learned]
        return [
            ("params", [Cell() if count is None else amount_cell(count) for count in weights]),
            ("train s", [Cell() if value is None else figure_cell(value) for value in seconds]),
            ("samples/s", [self._speed(group) for group in self.groups]),
        ]

    def _speed(self, group: SeedGroup) -> Cell:
        measured = [perf.quality for perf in group.perf(self.task) if perf.quality is not None]
        return speed_cell("samples_per_s", measured)

    # --- what is said beside ---

    def _beside(self, title: str, what: str) -> Cell:
        """The cell of the row of `chance` or `prior` under a heading."""
        if title == "model":
            return Cell(f"({what})")
        for name, heading in self.headings.items() if self.metrics else ():
            if heading == title:
                found = [rows[name] for rows in self.rows if name in rows]
                values = [value for row in found if (value := getattr(row, what)) is not None]
                return value_cell(values[0], found[0].one.scale) if values else Cell()
        return Cell()

    def _notes(self, titles: Sequence[str]) -> list[str]:
        notes = seed_notes(self.groups)
        shortened = [name for name in self.metrics if self.headings[name] != name]
        notes += [f"{self.headings[name]} stands for the metric {name}" for name in shortened]
        name, labels = self.slices
        if labels and labels[0] in titles:
            notes.append(f"{', '.join(labels)}: {self.metrics[0]} by {name}")
        if DELTA in titles and self.best_single is not None:
            label, _ = self.best_single
            notes.append(
                f"{DELTA}: points of {self.metrics[0]} more than {label}, the best that looks at one modality only"
            )
        if "bounds" in titles:
            notes.append(BOUNDS)
        if "params" in titles:
            notes.append("params: weights trained; train s: seconds of training")
        if any(group.several for group in self.groups):
            notes.append("speed and seconds of training: the median over seeds")
        return [*notes, *(_rank_notes(self.ranking) if self.ranking else ()), *_notes_on(self.groups, self.task)]


def _rank_notes(ranking: Ranking) -> list[str]:
    """How the ranks came about, and who has none."""
    draws = ranking.draws
    if draws is None:
        return [f"no ranks: {ranking.reason}"] if ranking.reason else []
    notes = []
    if ranking.ranks:
        what = "samples" if draws.unit == "sample" else f"units of {draws.unit}"
        units = f"the {draws.units:,} {what}" if draws.units == draws.of else f"{draws.units:,} of {draws.of:,} {what}"
        have = "answered" if draws.silent else "have"
        text = (
            f"rank: 95 % range by {ranking.metric}, from a joint bootstrap over {units} that all ranked models {have}"
        )
        text += f", in {draws.clusters:,} cluster{'s' * (draws.clusters != 1)}; those whose ranges overlap may be equally good"
        if ranking.several:
            text += "; seeds of a model are averaged within each resample, so a range says nothing of other seeds"
        notes.append(f"{text}. {ranking.reason}" if ranking.reason else text)
    if ranking.unranked:
        names, least = ", ".join(ranking.unranked), f"{100 * LEAST_COVERAGE:.0f} %"
        notes.append(f"without a rank: {names}: no value, or less than {least} of the samples")
    return notes


def short_names(metrics: Sequence[str]) -> dict[str, str]:
    """Metric id → the id without the names of its parameters, where that tells it from the others as well."""
    short = {name: _short(name) for name in metrics}
    return {name: text if list(short.values()).count(text) == 1 else name for name, text in short.items()}


def _short(metric: str) -> str:
    parsed = MetricId.parse(metric)
    head = str(MetricId(parsed.name, parsed.cutoff))
    return " ".join([head, *(value for _, value in parsed.params)])


def _notes_on(groups: Sequence[SeedGroup], task: str) -> tuple[str, ...]:
    """What must be known beside the values, each once with all models that it holds for."""
    found: dict[tuple[str, str], list[str]] = {}
    for group in groups:
        for note in result_notes(group, task, speed=False):
            found.setdefault(note, []).append(group.label)
    return tuple(prefixed(f"{', '.join(labels)}{where}: ", text) for (where, text), labels in found.items())
