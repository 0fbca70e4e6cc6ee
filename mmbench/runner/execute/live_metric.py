"""Observers that show how far a task has come, and how well it goes."""

from __future__ import annotations

import logging
import time
from bisect import bisect_right
from collections.abc import Sequence

from mmbench.core.phases import phase
from mmbench.core.responses import Call, Response
from mmbench.core.task import PerSampleTask
from mmbench.models.caller import USER_ERRORS
from mmbench.perf.observer import Observer
from mmbench.runner.execute.progress import Progress, State, log
from mmbench.runner.plan.task_plan import TaskPlan


class ProgressObserver(Observer):
    """Shows how far a task has come."""

    def __init__(self, progress: Progress, state: State) -> None:
        self._progress = progress
        self._state = state

    def start(self) -> None:
        """Start the clock and the display."""
        self._state.started = time.monotonic()
        self._progress.start(self._state)

    def on_responses(self, call: Call, new: Sequence[int], responses: Sequence[Response]) -> None:
        """Update the display."""
        del call, new, responses
        self._progress.update(self._state)

    def finish(self) -> None:
        """End the display."""
        self._progress.finish(self._state)


class LiveMetric(Observer):
    """Keeps the mean score of the session's responses in the state that is shown, for tasks that score each sample alone.

    It is for display only: a task that fails to score an answer is left alone here, and heard of when the run is scored.
    """

    def __init__(self, plan: TaskPlan, task: PerSampleTask, state: State) -> None:
        self._plan = plan
        self._task = task
        self._state = state
        self._sum = 0.0
        self._n = 0
        self._working = True

    def on_responses(self, call: Call, new: Sequence[int], responses: Sequence[Response]) -> None:
        """Score the texts and choices among the responses."""
        if not self._working:
            return
        try:
            with phase("score"):
                self._score(call, new, responses)
        except USER_ERRORS as error:
            self._working, self._state.live = False, None
            log(logging.WARNING, f"{self._plan.name}: no live metric: {type(error).__name__}: {error}")

    def _score(self, call: Call, new: Sequence[int], responses: Sequence[Response]) -> None:
        name = self._task.columns[0]
        for place, response in zip(new, responses, strict=True):
            if response.status in ("ok", "truncated"):
                sample = self._plan.samples[bisect_right(self._plan.first, call.numbers[place]) - 1]
                self._sum += self._task.score_response(sample, response).values[name]
                self._n += 1
        if self._n:
            self._state.live = name, self._sum / self._n
