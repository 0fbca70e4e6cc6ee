"""The samples that a stored run was asked, read again from the data of its task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mmbench.analysis.side_by_side import Asked
from mmbench.core.errors import MmbenchError, NotComparableError, plugin_errors
from mmbench.core.samples import Sample
from mmbench.core.task import Task
from mmbench.core.visible import visible
from mmbench.resolve.task_names import resolve_source
from mmbench.results.run import TaskResult


def stored_samples(result: TaskResult, *, foreign: bool = False) -> Sequence[Sample]:
    """Read the samples of the split that a task of a run was asked.

    Args:
        result: The task of the run.
        foreign: Whether Python files and modules that the run names may be imported.

    Returns:
        All samples of the split, in the order of the data, also those that the run left out.

    Raises:
        UsageError: If the task or its data are not to be had.
        ForeignSourceError: If the task is a Python file or module, and `foreign` is False.
        NotComparableError: If the data have changed since the run.
    """
    return _task_and_samples(result, foreign=foreign)[1]


def _task_and_samples(result: TaskResult, *, foreign: bool) -> tuple[Task, Sequence[Sample]]:
    task = resolve_source(result.source, foreign=foreign).task
    then, now = result.entry.fingerprint, task.fingerprint()
    if now != then:
        raise NotComparableError(
            f"the data of {result.name} have changed since this run (fingerprint {then[:12]}, now {now[:12]})"
        )
    return task, task.samples(result.entry.split)


def asked_of(result: TaskResult, *, foreign: bool = False) -> Asked:
    """What a task of a run asked, for a page that shows samples. Nothing is fetched for it.

    Args:
        result: The task of the run.
        foreign: Whether Python files and modules that the run names may be imported.

    Returns:
        Samples and requests; without them, and with a note that says why, where the task or its data are not to be had or have changed.
    """
    from mmbench.data.hub import nothing_fetched

    path = result.source.data_path
    folder = None if path is None else str(Path(path) if Path(path).is_dir() else Path(path).parent)
    try:
        with nothing_fetched(), plugin_errors(f"task {result.name!r} failed to give its samples"):
            task, samples = _task_and_samples(result, foreign=foreign)
            if samples:
                task.requests(samples[0])
    except MmbenchError as error:
        return Asked(note=visible(f"What was asked is not shown: {error}"), folder=folder)
    return Asked({sample.id: sample for sample in samples}, task.requests, folder=folder)
