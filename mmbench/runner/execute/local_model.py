"""The model in this process: built when it is first needed, fitted where it learns, opened, and closed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from mmbench.core.errors import MmbenchError, RunFailedError
from mmbench.core.model import FitProgress
from mmbench.core.requests import Request
from mmbench.core.responses import Output
from mmbench.models.caller import USER_ERRORS, ModelCaller, without_copies
from mmbench.models.controls import reveal_to
from mmbench.models.remarks import notes_on, settings_of
from mmbench.resolve.model_names import ResolvedModel
from mmbench.results.schema import LearnedEntry
from mmbench.runner.execute.event_loop import EventLoop
from mmbench.runner.execute.progress import Progress
from mmbench.runner.execute.signals import raise_if_swallowed
from mmbench.runner.plan.task_plan import TaskPlan
from mmbench.runner.training_data import FitDisplay, Splits, fit_context, learned_entry, training_splits


class OpenModel(NamedTuple):
    """A model that can be asked."""

    caller: ModelCaller
    """Calls its methods."""
    loop: EventLoop
    """Runs its async methods."""


class LocalModel:
    """One model, built once, or once a task where it learns. A context manager that closes it.

    Args:
        resolved: The model.
        checkpoints: Folder in which models that learn keep what they have learned.
        progress: Shows what `fit` reports.
        threads: As in `FitContext`.
        retrain: As in `FitContext`.
        on_fit: Called with the task and each report of `fit`; None: nobody is.
    """

    def __init__(
        self,
        resolved: ResolvedModel,
        checkpoints: Path,
        progress: Progress,
        *,
        threads: int | None = None,
        retrain: bool = False,
        on_fit: Callable[[str, FitProgress], None] | None = None,
    ) -> None:
        self._resolved = resolved
        self._checkpoints = checkpoints
        self._progress = progress
        self._for_fit: dict[str, Any] = {"threads": threads, "retrain": retrain}
        self._on_fit = on_fit
        self._loop = EventLoop()
        self._caller: ModelCaller | None = None
        self._task = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            # What ended the session is what the user must hear of, not that the model could not be closed after it.
            with contextlib.suppress(*(() if kind is None else (MmbenchError,))):
                self._close()
        finally:
            self._loop.close()

    def open(self, plan: TaskPlan, on_fitted: Callable[[LearnedEntry | None], None]) -> OpenModel:
        """The open model for a task.

        Args:
            plan: The task.
            on_fitted: Called with what the model says of itself after `fit`, before it is opened.

        Raises:
            RunFailedError: If the model fails to build, fit or open.
        """
        learns = self._resolved.capabilities.learns
        if self._caller is None or (learns and self._task != plan.name):
            self._close()
            model = self.fitted(plan, on_fitted) if learns else self._resolved.build()
            caller = ModelCaller(model)
            self._guard("open", caller.open)
            self._caller = caller
        if self._task != plan.name:
            self._task = plan.name
            reveal_to(self._caller.model, lambda: _solver(plan))
        return OpenModel(self._caller, self._loop)

    def fitted(self, plan: TaskPlan, on_fitted: Callable[[LearnedEntry | None], None]) -> Any:
        """A new model, fitted to a task and not open. Raises as `open` does."""
        model, learned = self.fit(plan, training_splits(plan))
        on_fitted(learned)
        return model

    @property
    def settings(self) -> dict[str, Any]:
        """What the model says that it answers by; empty where it is not open in this process."""
        return settings_of(self._caller.model) if self._caller is not None else {}

    def notes_on(self, task: str) -> dict[str, int]:
        """What the model noted of its answers to a task: sentence to number of requests."""
        return notes_on(self._caller.model, task) if self._caller is not None else {}

    def fit(self, plan: TaskPlan, splits: Splits) -> tuple[Any, LearnedEntry | None]:
        """Build a model and fit it to a task; the model, not open, and what it says of itself.

        Raises:
            PluginError: If what it says of itself does not fit `mmbench.Learned`.
            RunFailedError: If it fails to build or fit.
        """
        model = self._resolved.build()
        told = None if self._on_fit is None else partial(self._on_fit, plan.name)
        with FitDisplay(f"{self._resolved.name} · {plan.name}", self._progress, told) as display:
            context = replace(fit_context(plan, splits, self._checkpoints, display), **self._for_fit)
            self._guard("fit", lambda: model.fit(plan.task.info, *splits, context))
            raise_if_swallowed()
        return model, learned_entry(model)

    def _close(self) -> None:
        if self._caller is not None:
            caller, self._caller = self._caller, None
            self._guard("close", caller.close)

    def _guard(self, name: str, method: Callable[[], Any]) -> None:
        call_guarded(self._resolved.name, name, method, self._loop)


def call_guarded(model: str, name: str, method: Callable[[], Any], loop: EventLoop) -> None:
    """Call ``open``, ``fit`` or ``close`` of a model, and await what it returns where that can be awaited.

    Raises:
        RunFailedError: If it fails, in a sentence that names the model and the method.
    """
    try:
        with without_copies():
            loop.call(method)
    except MmbenchError:
        raise
    except USER_ERRORS as error:
        raise RunFailedError(f"model {model!r} failed in {name}(): {type(error).__name__}: {error}") from error


def _solver(plan: TaskPlan) -> Callable[[Request], Output]:
    places = plan.places()
    return lambda request: plan.task.solve(plan.samples[places[request.sample_id]], request)
