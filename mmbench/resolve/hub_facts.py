"""Where the data of a stored task are on the Hugging Face hub, as the task's card says."""

from __future__ import annotations

from typing import Any

from mmbench.core.errors import MmbenchError
from mmbench.core.ids import split_variant
from mmbench.registry import is_registered
from mmbench.resolve.task_names import resolve_source
from mmbench.results.run import TaskResult


def hub_of(result: TaskResult) -> Any:
    """The `mmbench.data.Hub` of the card of a registered task; None where it has none, or the run was of the user's own data.

    A Python file or module that the run names is never imported for it.
    """
    if not is_registered("task", split_variant(result.name)[0]):
        return None  # of the user's own, and reading its data would take its time
    try:
        task: Any = resolve_source(result.source).task
    except MmbenchError:
        return None
    return getattr(getattr(getattr(task, "card", None), "source", None), "hub", None)
