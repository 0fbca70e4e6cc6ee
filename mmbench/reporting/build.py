"""A report: tables of runs with ranks, and a leaderboard over tasks. A pure function of what is on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmbench.analysis.rankings import Judge
from mmbench.analysis.seeds import SOLVED, checked_threshold
from mmbench.comparison.choose import chosen_metrics
from mmbench.core.errors import UnknownNameError
from mmbench.reporting.comparison import comparison_tables
from mmbench.reporting.leaderboard import leaderboard
from mmbench.reporting.runs import Runs, load_runs
from mmbench.reporting.table import Column, Table


@dataclass(frozen=True, slots=True)
class Options:
    """What a report shows."""

    tasks: tuple[str, ...] = ()
    """Full names, or families; empty for all."""
    metrics: tuple[str, ...] = ()
    """``ID`` (also without its parameters) for every task that has it, or ``TASK:ID``; they get the columns, and the first
    one ranks. Empty for the primary ones."""
    all_metrics: bool = False
    """Whether every metric gets a column."""
    leaderboard: bool = False
    """Whether the mean over tasks stands first."""
    solved: float = SOLVED
    """The value from which a seed counts as having solved a task."""


@dataclass(frozen=True, slots=True)
class Report:
    """Tables, ready for any renderer."""

    runs: Runs
    """What it was made of."""
    tables: tuple[Table, ...]
    """The leaderboard where there is one, then a table for each task and data set."""
    metrics: Mapping[str, Sequence[str]]
    """Task to the metrics that have columns, the one that ranks first."""

    def render(self, format_name: str) -> str:
        """Write the report in a format: ``md``, ``csv``, ``tex``, ``html`` or ``json``. Raises `UnknownNameError`."""
        from mmbench.reporting.formats import RENDERERS

        if format_name not in RENDERERS:
            raise UnknownNameError("format", format_name, RENDERERS)
        return RENDERERS[format_name](self.tables)

    def __str__(self) -> str:
        return self.render("md")


def make_report(
    runs: Sequence[str | Path], *, out: str | Path = "results/runs", options: Options | None = None
) -> Report:
    """Read runs and put them into tables.

    Parameters: `runs`, directories, names under `out`, or saved baselines; `options`, what is shown. Nothing on disk is
    changed, and the same files give the same report to the byte, wherever they lie. Raises `UsageError` for no runs, and for
    names of runs, tasks and metrics that do not exist; `NotComparableError` for files that are damaged or newer.
    """
    chosen = options or Options()
    read = load_runs(runs, Path(out), chosen.tasks, solved=checked_threshold(chosen.solved))
    tasks = read.tasks
    wanted = _wanted(read, tasks, chosen)
    judge = Judge()

    def shown(task: str, have: list[str]) -> list[str]:
        return [name for name in wanted[task] if name in have] or have

    found = comparison_tables(read.groups, tasks, shown=shown, rank=judge.standing)
    main = {task: names[0] for task, names in wanted.items() if names}
    notes = list(read.notes)
    if chosen.leaderboard:
        board, said = leaderboard(read, judge, tasks, main, chosen=bool(chosen.tasks))
        notes += said
        found = [*([board] if board else []), *found]
    if not found:
        found = [Table((Column("model", "left"),), [(group.label,) for group in read.groups])]
        notes.append("none of these runs has a task")
    first = replace(found[0], notes=(*found[0].notes, *notes))
    return Report(read, (first, *found[1:]), wanted)


def _wanted(runs: Runs, tasks: Sequence[str], options: Options) -> dict[str, list[str]]:
    """Task to the ids of the metrics that get columns, the ranking one first."""
    read = runs.runs
    have = {task: _ids(runs, task) for task in tasks}
    asked: dict[str, list[str]] = {task: [] for task in tasks}
    for text in options.metrics:
        task = text.rpartition(":")[0]
        for name in chosen_metrics(read, [text], tasks) or ():
            for place in [task] if task else tasks:
                if name in have[place]:
                    asked[place].append(name)
    first = {task: asked[task] or _primary(runs, task) for task in tasks}
    rest = {task: have[task] if options.all_metrics else [] for task in tasks}
    return {task: list(dict.fromkeys([*first[task], *rest[task]])) for task in tasks}


def _ids(runs: Runs, task: str) -> list[str]:
    found = [side for group in runs.groups for side in group.scored(task)]
    return list(dict.fromkeys(name for side in found for name in side.metrics))


def _primary(runs: Runs, task: str) -> list[str]:
    found = [side for group in runs.groups for side in group.scored(task)]
    return list(dict.fromkeys(name for side in found for name in side.primary if name in side.metrics))
