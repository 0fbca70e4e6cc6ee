"""The samples that a stored run was asked, read again from the data of its task."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core.errors import NotComparableError
from mmbench.core.samples import Sample
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
    task = resolve_source(result.source, foreign=foreign).task
    then, now = result.entry.fingerprint, task.fingerprint()
    if now != then:
        raise NotComparableError(
            f"the data of {result.name} have changed since this run (fingerprint {then[:12]}, now {now[:12]})"
        )
    return task.samples(result.entry.split)
