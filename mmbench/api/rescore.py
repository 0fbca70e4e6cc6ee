"""`mmbench.rescore`: apply today's metrics to the stored answers of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mmbench.api.references import reference_of
from mmbench.api.run import write_report
from mmbench.core.errors import ShardRunError
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.resolve.allowances import FOREIGN_SOURCE, allowances
from mmbench.results.find import find_run
from mmbench.results.run import read_run
from mmbench.runner.execute.signals import interruptible, shielded
from mmbench.runner.plan.replan import replan
from mmbench.scoring.renewal import Rescored, score_again, what_moved, write_again

__all__ = ["Rescored", "rescore"]


def rescore(
    run: Any,
    tasks: str | Iterable[str] = (),
    *,
    task_args: Mapping[str, Any] | None = None,
    allow: str | Iterable[str] = (),
    dry_run: bool = False,
    out: str | Path = RUNS,
) -> Rescored:
    """Score the stored answers of a run with today's metrics; no model is needed, and earlier scorings stay as they are.

    All tasks are scored before the first is written. A task that only scores differently today (its version, its
    extractor) gets today's version.

    Args:
        run: A run directory, a name under `out`, or what `mmbench.run` or `mmbench.load_run` returned.
        tasks: Full names or families; empty for all tasks that have scores.
        task_args: Options of the tasks that change only how answers are scored, such as ``{"extractor": "mention"}``.
        allow: ``foreign-source`` to import a Python file or module that the run names as the source of a task; by itself
            only registered tasks are looked up, since the run may be someone else's.
        dry_run: Write nothing.
        out: The folder of all runs.

    Returns:
        What moved, metric by metric, and the names of the scorings before and after.

    Raises:
        UsageError: If there is no such run or task.
        NotComparableError: If a task cannot be built, its data have changed, it would ask something else today, answers
            that were scored before are missing, or nothing was scored before.
        RunFailedError: If another process is writing to the run, or the scores cannot be written.

    Example:
        >>> import mmbench
        >>> result = mmbench.rescore("mymodel", dry_run=True)  # doctest: +SKIP
        >>> [each.id for each in result.moved if each.moved]  # doctest: +SKIP
        []
    """
    directory = find_run(reference_of(run), Path(out))
    foreign = FOREIGN_SOURCE in allowances(names_of(allow), (FOREIGN_SOURCE,))
    with interruptible(), contextlib.nullcontext() if dry_run else directory.locked():
        stored = directory.read()
        if stored.shard is not None:
            raise ShardRunError(directory.path, stored.shard.number, stored.shard.of)
        notes: list[str] = []
        again = score_again(
            directory,
            stored,
            names_of(tasks),
            partial(replan, directory, stored, task_args or {}, foreign=foreign),
            notes,
        )
        moved = tuple(moved for each in again for moved in what_moved(directory, each, notes))
        scorings: dict[str, tuple[str, str]] = {}
        if not dry_run:
            with shielded():
                scorings = write_again(directory, stored, again)
                write_report(read_run(directory))
        return Rescored(directory.path, moved, scorings, tuple(notes), not dry_run)
