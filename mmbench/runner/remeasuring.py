"""Measure the speed of a finished task again: everything is asked once more, and nothing that is answered is kept."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mmbench.core.errors import RunFailedError
from mmbench.results.log import ResponseLog
from mmbench.results.schema import PerfScenario
from mmbench.runner.execute.budget import Budget
from mmbench.runner.execute.executor import Executors, Todo
from mmbench.runner.execute.live_metric import ProgressObserver
from mmbench.runner.execute.progress import Progress, State
from mmbench.runner.execute.recorder import Recorder
from mmbench.runner.measuring import Measurement
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.log_state import LogState


def remeasure(
    job: Job, todo: Todo, executors: Executors, progress: Progress, *, loaded: bool, budget: Budget | None = None
) -> PerfScenario | None:
    """Ask batches of a task that are answered already, under the conditions of the quality run.

    Answers go to a log that is deleted afterwards, so that writing them costs what it cost in the quality run.

    Args:
        job: The run.
        todo: What is asked.
        executors: Who asks.
        progress: Where to report.
        loaded: Whether the model is loaded.
        budget: What the command may spend; None: as much as it takes.

    Returns:
        The record of the quality run, measured anew.

    Raises:
        MmbenchError: If the task cannot be asked to its end, or every request fails.
        Interrupted: On a signal.
    """
    todo = replace(todo, note=progress.note)
    measurement = Measurement(job, todo.plan)
    measurement.prepare(list(executors.shares(todo)), loaded=loaded)
    counts = State(f"{todo.plan.name} (speed)", sum(len(numbers) for _, numbers in todo.batches))
    spending = () if budget is None else (budget,)
    observers = [*measurement.observers, *spending, ProgressObserver(progress, counts)]
    with (
        _temporary_folder(todo.plan.name) as folder,
        ResponseLog(folder) as log,
        Recorder(log, LogState(todo.plan, ()), counts, todo.spec.max_errors, observers) as recorder,
    ):
        todo = replace(todo, started=time.perf_counter())
        with measurement.main_loop():
            for executor, share in executors.shares(todo):
                executor.run(share, recorder)
        if not counts.done:
            raise RunFailedError(
                f"{todo.plan.name}: its speed was not measured again: all {counts.asked:,} requests failed"
            )
        measurement.complete = True
        measurement.remarks = executors.remarks(todo.plan.name)
        measurement.batch_size = recorder.batch_size or todo.batch_size
        measurement.splits = recorder.splits
    return measurement.result()


@contextmanager
def _temporary_folder(task: str) -> Iterator[Path]:
    """A folder that is gone afterwards. Raises `RunFailedError` where none can be made."""
    try:
        made = tempfile.TemporaryDirectory(prefix="mmbench-speed-", ignore_cleanup_errors=True)
    except OSError as error:
        raise RunFailedError(
            f"{task}: its speed was not measured again: no temporary folder can be made ({error}); set TMPDIR to one that can be "
            "written to"
        ) from error
    with made as folder:
        yield Path(folder)
