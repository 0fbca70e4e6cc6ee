"""Builds a model when it is first needed, teaches it where it learns, opens it, and closes it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmbench.core.errors import MmbenchError, RunFailedError
from mmbench.core.requests import Request
from mmbench.core.responses import Output
from mmbench.models.caller import USER_ERRORS, ModelCaller
from mmbench.models.controls import reveal_to
from mmbench.resolve.models import ResolvedModel
from mmbench.results.schema import LearnedEntry
from mmbench.runner.execute.loop import Loop
from mmbench.runner.execute.progress import Progress
from mmbench.runner.execute.signals import raise_if_swallowed
from mmbench.runner.learning import Splits, Watch, fit_context, learned_entry, training_splits
from mmbench.runner.plan.task_plan import TaskPlan


class Models:
    """One model, built once, or once a task where it learns; a context manager that closes it."""

    def __init__(
        self,
        resolved: ResolvedModel,
        checkpoints: Path,
        progress: Progress,
        *,
        threads: int | None = None,
        retrain: bool = False,
    ) -> None:
        self._resolved = resolved
        self._checkpoints = checkpoints
        self._progress = progress
        self._for_fit: dict[str, Any] = {"threads": threads, "retrain": retrain}
        self._loop = Loop()
        self._caller: ModelCaller | None = None
        self.learned: LearnedEntry | None = None
        """What the model that was built last said of itself after `fit`."""

    def __enter__(self) -> Models:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            # What ended the session is what the user must hear of, not that the model could not be closed after it.
            with contextlib.suppress(*(() if kind is None else (MmbenchError,))):
                self._close()
        finally:
            self._loop.close()

    def for_task(self, plan: TaskPlan) -> tuple[ModelCaller, Loop]:
        """The open model and the loop that its async methods run on. Raises `RunFailedError`."""
        learns = self._resolved.capabilities.learns
        if self._caller is None or learns:
            self._close()
            model = self.taught(plan, training_splits(plan)) if learns else self._resolved.build()
            caller = ModelCaller(model)
            self._guard("open", caller.open)
            self._caller = caller
        reveal_to(self._caller.model, lambda: _solver(plan))
        return self._caller, self._loop

    def taught(self, plan: TaskPlan, splits: Splits) -> Any:
        """A model that has learned the task, not open; sets `learned`. Raises `RunFailedError`, `PluginError`."""
        self.learned = None
        model = self._resolved.build()
        with Watch(f"{self._resolved.name} · {plan.name}", self._progress) as watch:
            context = replace(fit_context(plan, splits, self._checkpoints, watch), **self._for_fit)
            self._guard("fit", lambda: model.fit(plan.task.info, *splits, context))
            raise_if_swallowed()
        self.learned = learned_entry(model)
        return model

    def _close(self) -> None:
        if self._caller is not None:
            caller, self._caller = self._caller, None
            self._guard("close", caller.close)

    def _guard(self, name: str, method: Callable[[], Any]) -> None:
        try:
            returned = method()
            if inspect.isawaitable(returned):
                self._loop.run(_await(returned))
        except MmbenchError:
            raise
        except USER_ERRORS as error:
            raise RunFailedError(
                f"model {self._resolved.name!r} failed in {name}(): {type(error).__name__}: {error}"
            ) from error


def _solver(plan: TaskPlan) -> Callable[[Request], Output]:
    places = plan.places()
    return lambda request: plan.task.solve(plan.samples[places[request.sample_id]], request)


async def _await(waiting: Awaitable[Any]) -> None:
    await waiting
