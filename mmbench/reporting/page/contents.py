"""What the views of the report draw, as JSON: leaderboards, values in detail, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from mmbench.analysis.leaders import Ranking
from mmbench.analysis.seeds import SeedGroup, by_data
from mmbench.core.visible import visible
from mmbench.reporting.page.boards import Board, mean_board, metric_column, task_board
from mmbench.reporting.page.diagnostics import diagnostics_block
from mmbench.reporting.page.document import DataBlock
from mmbench.reporting.page.origins import Origins, origins
from mmbench.reporting.page.slices import slice_block
from mmbench.reporting.page.tradeoffs import Tradeoff, tradeoff
from mmbench.reporting.task_tables import short_names
from mmbench.results.run import Run
from mmbench.results.schema import TaskEntry

if TYPE_CHECKING:
    from mmbench.reporting.build import RunReport


class PageContents(Struct):
    """The JSON in the page."""

    summary: str
    """One line below the title: how much there is, and from when."""
    boards: list[Board]
    """The leaderboards: of the mean over tasks, where there is one, and of each task and data."""
    tradeoffs: list[Tradeoff]
    """Quality against cost, for the boards of tasks that were measured."""
    origins: Origins
    """Versions, machines and the commands that made the runs."""


def page_contents(report: RunReport) -> tuple[PageContents, list[DataBlock]]:
    """Collect what the views of a report draw.

    Computes nothing but text: the numbers are those of the report's tables, and of `mmbench.analysis`.

    Returns:
        The JSON in the page, and the larger data beside it: values by slice, confusion and calibration.

    Raises:
        NotComparableError: If score tables are missing or damaged.
    """
    boards: list[tuple[Board, Sequence[SeedGroup]]] = []
    if report.board is not None:
        boards.append((mean_board(*report.board), ()))
    boards += _task_boards(report)
    of_tasks = [(place, board, groups) for place, (board, groups) in enumerate(boards) if board.task]
    blocks = [make(*each) for make in (slice_block, diagnostics_block) for each in of_tasks]
    weighed = [found for each in of_tasks if (found := tradeoff(*each)) is not None]
    contents = PageContents(
        _summary(report), [board for board, _ in boards], weighed, origins(report.runs, report.commands_of)
    )
    return contents, [block for block in blocks if block is not None]


def _task_boards(report: RunReport) -> Iterator[tuple[Board, Sequence[SeedGroup]]]:
    """The board of each task and data, with the models of its rows."""
    for task in report.read.tasks:
        sets, _ = by_data(report.read.groups, task)
        for number, members in enumerate(sets, 1):
            have = [row.id for group in members for row in group.rows(task)]
            names = [name for name in report.metrics[task] if name in have]
            ranking = report.rank(task, members, names) if names else None
            ordered = members if ranking is None else [members[place] for place in ranking.order]
            board = _task_board(task, ordered, names, ranking)
            if len(sets) > 1:  # views and addresses name a board by its title
                board.title += f", set {number} of {len(sets)}"
            board.subtitle = _of_what(members[0].results(task)[0].entry, apart=len(sets) > 1)
            yield board, ordered


def _task_board(task: str, groups: Sequence[SeedGroup], names: Sequence[str], ranking: Ranking | None) -> Board:
    found = (metric_column(name, heading, groups, task) for name, heading in short_names(names).items())
    return task_board(visible(task), task, groups, [column for column in found if column is not None], ranking)


def _of_what(entry: TaskEntry, *, apart: bool) -> str:
    text = f"{entry.n_samples:,} samples of {entry.split}"
    options = "".join(f", {name}={value}" for name, value in sorted(entry.source.options.items()))
    return visible(f"{text} (version {entry.version}, data {entry.fingerprint[:8]}{options})" if apart else text)


def _summary(report: RunReport) -> str:
    models, tasks, runs = report.read.groups, report.read.tasks, report.runs
    parts = (_counted(len(models), "model"), _counted(len(tasks), "task"), _counted(len(runs), "run"), _when(runs))
    return " · ".join(parts)


def _when(runs: Sequence[Run]) -> str:
    days = sorted(run.record.updated[:10] for run in runs)
    return days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"
