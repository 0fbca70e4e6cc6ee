"""Which run of a command follows, so that its model may be loaded while the last batches of another are asked."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core.errors import MmbenchError
from mmbench.results.schema import TaskEntry
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.task_plan import TaskPlan


def next_to_ask(jobs: Sequence[Job]) -> Job | None:
    """The run whose model will be needed next.

    Args:
        jobs: The runs that are still to be made, in their order.

    Returns:
        The first that has something left to ask. None where there is none, where it cannot be told without reading its log,
        and where its model learns before it is asked.
    """
    for job in jobs:
        left = is_left(job)
        if left is None or (left and job.model.capabilities.learns):
            return None
        if left:
            return job
    return None


def is_left(job: Job) -> bool | None:
    """Whether something of a run is left to ask; None where its record does not tell."""
    directory = job.directory()
    if not (directory.path / "run.json").is_file():
        return bool(job.plans)
    try:
        entries = directory.read().tasks
    except MmbenchError:  # it is said when its turn comes
        return None
    found = [_is_left_of(plan, entries.get(plan.name)) for plan in job.plans]
    return True if True in found else None if None in found else False


def _is_left_of(plan: TaskPlan, entry: TaskEntry | None) -> bool | None:
    if entry is None or entry.identity_digest != plan.identity_digest or entry.status != "complete":
        return True
    return False if entry.n_samples == len(plan.samples) else None
