"""`mmbench.report`: tables and leaderboards of stored runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from mmbench.analysis.sample_payloads import IMAGES, MAX_SAMPLES, THUMBNAILS, sample_payloads, side_by_side
from mmbench.analysis.scales import RESCALINGS, Rescaling
from mmbench.api.references import references_of
from mmbench.core.collecting import collection_paused
from mmbench.core.errors import OptionError
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.reporting.build import ReportOptions, RunReport, make_report
from mmbench.reporting.page.document import DataBlock
from mmbench.resolve.again import run_commands
from mmbench.resolve.allowances import FOREIGN_SOURCE, allowances
from mmbench.resolve.options import OPTIONS
from mmbench.resolve.stored_samples import asked_of

__all__ = ["Report", "RunReport", "report"]


class Report(RunReport):
    """Tables of runs, and a page that also shows their samples."""

    def page(
        self,
        title: str = "mmbench report",
        *,
        max_samples: int = MAX_SAMPLES,
        thumbnails: int = THUMBNAILS,
        allow: str | Iterable[str] = (),
        note: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Write the report with its samples as one HTML page that needs no other file and no network.

        Args:
            title: The title of the page.
            max_samples: Samples at most, of all tasks together; 0 for none.
            thumbnails: Samples of each task at most whose images are in the page.
            allow: ``foreign-source`` to import a Python file or module that a run names as the source of a task, to show what was
                asked.
            note: Takes a sentence on what is read next.

        Returns:
            The page; the same runs give the same text.

        Raises:
            NotComparableError: If a file of a run is damaged.
        """
        foreign = FOREIGN_SOURCE in allowances(names_of(allow), (FOREIGN_SOURCE,))
        if max_samples < 1:
            return self.html(title)
        with collection_paused():
            tasks = side_by_side(self.read.groups, self.read.tasks, partial(asked_of, foreign=foreign))
            found = sample_payloads(tasks, max_samples=max_samples, thumbnails=thumbnails, progress=note)
            blocks = [
                DataBlock("images" if each.task == IMAGES else "samples", each.task, each.data, each.metadata)
                for each in found
            ]
        return self.html(title, blocks=blocks)


def report(  # noqa: PLR0913  # the options of the command
    runs: Any,
    *,
    tasks: str | Iterable[str] = (),
    metrics: str | Iterable[str] = (),
    all_metrics: bool = False,
    leaderboard: bool = False,
    scale: Rescaling = "same",
    solved: float | None = None,
    out: str | Path = RUNS,
) -> Report:
    """Put runs into tables, one for each task, with ranks and their intervals. Nothing on disk is changed.

    Args:
        runs: Run directories, names under `out`, saved baselines, or what `mmbench.run` or `mmbench.load_run` returned;
            one or several.
        tasks: Full names or families; empty for all.
        metrics: Metrics that get columns, ``ID`` or ``TASK:ID``; the first one ranks. Empty for the primary ones.
        all_metrics: Give every metric a column.
        leaderboard: Begin with the mean over the tasks that the same models ran.
        scale: How metrics are averaged: ``same`` takes only one metric of one range; ``range`` maps each from 0 at the worse
            end of its natural range to 1 at the better one; ``chance`` from 0 at what guessing gets to 1 at the better end.
        solved: The value from which a seed counts as having solved a task; None: 0.95.
        out: The folder of all runs.

    Returns:
        The tables; ``str(report)`` is Markdown, `RunReport.render` gives every other format, and `Report.page` the page with samples.

    Raises:
        UsageError: For no runs, and for names of runs, tasks and metrics that do not exist.
        NotComparableError: For files that are damaged, or of a newer schema.

    Example:
        >>> import mmbench
        >>> found = mmbench.report(["concat", "late"], tasks="vqa", leaderboard=True)  # doctest: +SKIP
        >>> html = found.page("My models")  # doctest: +SKIP
    """
    shown = ReportOptions(
        tasks=names_of(tasks),
        metrics=(metrics,) if isinstance(metrics, str) else tuple(metrics),
        all_metrics=all_metrics,
        leaderboard=leaderboard,
        scale=_known_scale(scale),
        solved=OPTIONS["solved"].value(solved),
    )
    made = make_report(references_of(runs), out=out, options=shown, commands_of=run_commands)
    return Report(*(getattr(made, each.name) for each in fields(made)))


def _known_scale(scale: Rescaling) -> Rescaling:
    if scale not in RESCALINGS:
        raise OptionError("scale", scale, f"one of {', '.join(RESCALINGS)}")
    return scale
