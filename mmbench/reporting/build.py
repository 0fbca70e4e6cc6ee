"""A report: tables of runs with ranks, and a leaderboard over tasks. A pure function of what is on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from mmbench.analysis.choose import chosen_metrics
from mmbench.analysis.collection import Collection, Load, collect
from mmbench.analysis.leaderboard import Leaderboard, leaderboard
from mmbench.analysis.leaders import Ranker, Ranking
from mmbench.analysis.scales import Rescaling
from mmbench.analysis.seeds import SOLVED, SeedGroup, checked_threshold
from mmbench.core.spec import RUNS
from mmbench.reporting.every_value import ValueOf, value_table
from mmbench.reporting.leaderboard import leaderboard_table
from mmbench.reporting.load_tables import load_tables
from mmbench.reporting.table import Column, Table
from mmbench.reporting.task_tables import Rank, task_tables
from mmbench.results.find import load_run
from mmbench.results.run import Run

if TYPE_CHECKING:
    from mmbench.reporting.page.document import DataBlock

CommandsOf = Callable[[Run], Sequence[str]]
"""A run → the commands that made it, in order; empty where they are not known."""


@dataclass(frozen=True, slots=True)
class ReportOptions:
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
    scale: Rescaling = "same"
    """How values of several metrics are brought to one scale before they are averaged."""
    solved: float = SOLVED
    """The value from which a seed counts as having solved a task."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """Tables, ready for any renderer."""

    read: Collection
    """The runs that it was made of, grouped by model."""
    tables: tuple[Table, ...]
    """The leaderboard where there is one, a table for each task and data set, and then one for each task with every value."""
    metrics: Mapping[str, Sequence[str]]
    """Task to the metrics that have columns, the one that ranks first."""
    rank: Rank
    """Ranks models; what was ranked for the tables is not computed again."""
    commands_of: CommandsOf
    """Gives the commands that made a run."""
    board: tuple[Leaderboard, Sequence[str]] | None = None
    """The mean over tasks with notes on the choice of tasks; None where there is none."""

    @property
    def runs(self) -> list[Run]:
        """The runs."""
        return self.read.runs

    def render(self, format_name: str) -> str:
        """Write the report in a format: ``md``, ``csv``, ``tex``, ``html`` or ``json``. Raises `UnknownNameError`."""
        from mmbench.reporting.formats import render

        return self.html() if format_name == "html" else render(format_name, self.tables)

    def html(self, title: str = "mmbench report", *, blocks: Sequence[DataBlock] = (), live: bool = False) -> str:
        """Write the report as one HTML page that needs no other file and no network.

        Args:
            title: The title of the page.
            blocks: Large data of its views.
            live: Whether the page is served and fetches its samples.
        """
        from mmbench.reporting.page.contents import page_contents
        from mmbench.reporting.page.document import report_html
        from mmbench.reporting.page.values import value_blocks

        compact = [table for table in self.tables if not table.in_detail]
        detailed = value_blocks(table for table in self.tables if table.in_detail)
        contents, drawn = page_contents(self)
        return report_html(title, compact, contents, [*drawn, *detailed, *blocks], live=live)

    def __str__(self) -> str:
        return self.render("md")


def make_report(
    runs: Sequence[str | Path],
    *,
    out: str | Path = RUNS,
    options: ReportOptions | None = None,
    commands_of: CommandsOf = lambda _: (),
    load: Load = load_run,
) -> RunReport:
    """Read runs and put them into tables.

    Nothing on disk is changed, and the same files give the same report to the byte, wherever they lie.

    Args:
        runs: Directories, names under `out`, or saved baselines.
        out: The folder in which names are looked up.
        options: What is shown.
        commands_of: Gives the commands that made a run, for a page to show; empty where they are not known.
        load: Reads a run; what was read before and has not changed need not be read again.

    Returns:
        The report.

    Raises:
        UsageError: If there are no runs, or for names of runs, tasks and metrics that do not exist.
        NotComparableError: If files are damaged or newer.
    """
    chosen = options or ReportOptions()
    read = collect(runs, Path(out), chosen.tasks, solved=checked_threshold(chosen.solved), load=load)
    wanted = _wanted(read, chosen)
    ranker = Ranker()
    rank = cache(ranker.rank)

    def shown(task: str, have: list[str]) -> list[str]:
        return [name for name in wanted[task] if name in have] or have

    def ranked(task: str, groups: Sequence[SeedGroup], metrics: Sequence[str]) -> Ranking:
        """A ranking that is computed once, however many tables and pages show it."""
        return rank(task, tuple(groups), tuple(metrics))

    tables = task_tables(read.groups, read.tasks, shown=shown, rank=ranked)
    tables += load_tables(read.groups, read.tasks)
    notes = list(read.notes)
    mean = None
    if chosen.leaderboard:
        main = {task: names[0] for task, names in wanted.items() if names}
        board, choice = leaderboard(
            read.groups, ranker, read.tasks, main, chosen=bool(chosen.tasks), rescaling=chosen.scale
        )
        if board is None:
            notes += choice
        else:
            tables.insert(0, leaderboard_table(board, choice))
            mean = board, choice
    by_label = sorted(read.groups, key=lambda group: group.label)
    for task in read.tasks:
        asked = frozenset(wanted[task]) if chosen.metrics else None
        every = value_table(by_label, task, f"{task}: every value", keep=partial(_is_asked, asked))
        tables += [] if every is None else [every]
    if not tables:
        tables = [Table((Column("model", "left"),), [(group.label,) for group in read.groups])]
        notes.append("none of these runs has a task")
    first = replace(tables[0], notes=(*tables[0].notes, *notes))
    return RunReport(read, (first, *tables[1:]), wanted, ranked, commands_of, mean)


def _is_asked(asked: frozenset[str] | None, each: ValueOf) -> bool:
    return asked is None or each.value.id in asked


def _wanted(read: Collection, options: ReportOptions) -> dict[str, list[str]]:
    """Task to the ids of the metrics that get columns, the ranking one first."""
    asked = chosen_metrics(read.runs, options.metrics, read.tasks) or {}
    found = {}
    for task in read.tasks:
        scored = [result for group in read.groups for result in group.scored(task)]
        first = asked.get(task) or [name for result in scored for name in result.primary if name in result.metrics]
        rest = [name for result in scored for name in result.metrics] if options.all_metrics else []
        found[task] = list(dict.fromkeys([*first, *rest]))
    return found
