"""`mmbench.report`: tables and leaderboards of stored runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmbench.api.references import references_of
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.reporting.build import ReportOptions, RunReport, make_report
from mmbench.resolve.again import run_command
from mmbench.resolve.options import OPTIONS

__all__ = ["RunReport", "report"]


def report(
    runs: Any,
    *,
    tasks: str | Iterable[str] = (),
    metrics: str | Iterable[str] = (),
    all_metrics: bool = False,
    leaderboard: bool = False,
    solved: float | None = None,
    out: str | Path = RUNS,
) -> RunReport:
    """Put runs into tables, one for each task, with ranks and their intervals. Nothing on disk is changed.

    Args:
        runs: Run directories, names under `out`, saved baselines, or what `mmbench.run` or `mmbench.load_run` returned;
            one or several.
        tasks: Full names or families; empty for all.
        metrics: Metrics that get columns, ``ID`` or ``TASK:ID``; the first one ranks. Empty for the primary ones.
        all_metrics: Give every metric a column.
        leaderboard: Begin with the mean over the tasks that the same models ran.
        solved: The value from which a seed counts as having solved a task; None: 0.95.
        out: The folder of all runs.

    Returns:
        The tables; ``str(report)`` is Markdown, and `RunReport.render` gives every other format.

    Raises:
        UsageError: For no runs, and for names of runs, tasks and metrics that do not exist.
        NotComparableError: For files that are damaged, or of a newer schema.

    Example:
        >>> import mmbench
        >>> found = mmbench.report(["concat", "late"], tasks="vqa", leaderboard=True)  # doctest: +SKIP
        >>> html = found.render("html")  # doctest: +SKIP
    """
    shown = ReportOptions(
        tasks=names_of(tasks),
        metrics=(metrics,) if isinstance(metrics, str) else tuple(metrics),
        all_metrics=all_metrics,
        leaderboard=leaderboard,
        solved=OPTIONS["solved"].value(solved),
    )
    return make_report(references_of(runs), out=out, options=shown, command_of=run_command)
