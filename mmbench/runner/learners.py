"""Train models on tasks ahead of any run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path
from typing import Any

import msgspec

from mmbench import registry
from mmbench.core.errors import MmbenchError, UsageError
from mmbench.core.model import capabilities
from mmbench.models.caller import served_kinds
from mmbench.perf.threads import compute_threads
from mmbench.resolve.arguments import models_of
from mmbench.resolve.model_names import ResolvedModel
from mmbench.resolve.task_names import ResolvedTask, resolve_tasks
from mmbench.results.schema import LearnedEntry
from mmbench.runner.execute.local_model import LocalModel
from mmbench.runner.execute.progress import Progress
from mmbench.runner.execute.signals import interruptible
from mmbench.runner.training_data import Splits, training_plan, training_splits

_NAMED = 5
"""Models that learn which are named to somebody who asks one that does not."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One model that has learned one task with one seed."""

    model: str
    """The model's name."""
    task: str
    """The task's full name."""
    seed: int
    """The seed."""
    learned: LearnedEntry | None
    """What the model says of it; None where it says nothing."""
    fit_s: float
    """Seconds that `fit` took now, which is next to nothing where it found what it had learned before."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What `train` did."""

    trained: tuple[Trained, ...]
    """Model by model, task by task, seed by seed."""

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"trained": [{"model", "task", "seed", "learned": {…} or null, "fit_s"}]}``."""
        return {"trained": [msgspec.to_builtins(each) for each in self.trained]}


def train_models(model: Any, tasks: tuple[str, ...], options: Mapping[str, Any], progress: Progress) -> TrainResult:
    """Train models; as `mmbench.train`, with options that have been checked."""
    seeds = range(options["seed"], options["seed"] + options["seeds"])
    training = _planned(model, tasks, options)
    with interruptible():
        return TrainResult(tuple(_train(training, seeds, options, progress)))


def _planned(
    model: Any, names: tuple[str, ...], options: Mapping[str, Any]
) -> list[tuple[ResolvedModel, list[ResolvedTask]]]:
    """Who learns what, checked before anything is built. What a suite brings in and cannot learn is left out."""
    if not names:
        raise UsageError("no task given: add --task T; see: mmbench list tasks")
    models = models_of(model, options["model_args"])
    for each, named in models:
        if named and not each.capabilities.learns:
            raise UsageError(_learns_nothing(each.name))
    tasks = resolve_tasks(names, options["data"], options["task_args"])
    found: list[tuple[ResolvedModel, list[ResolvedTask]]] = []
    problems: list[str] = []
    for each, named in models:
        wrong = {task.name: "; ".join(served_kinds(task.task.info, each.capabilities)[1]) for task in tasks}
        fitting = [task for task in tasks if not wrong[task.name]]
        if each.capabilities.learns and fitting:
            found.append((each, fitting))
        problems += [f"  {each.name} × {task}: {problem}" for task, problem in wrong.items() if problem and named]
    if problems:
        raise UsageError("these models cannot learn these tasks:\n" + "\n".join(problems))
    if not found:
        raise UsageError("none of these models can learn any of these tasks")
    return found


def _learns_nothing(name: str) -> str:
    learners = list(islice(_learners(), _NAMED))
    others = f" Some that learn: {', '.join(learners)}." if learners else ""
    return f"model {name!r} learns nothing (it has no method `fit`); mmbench run evaluates it as it is.{others}"


def _learners() -> Iterator[str]:
    """Names of registered models that have `fit`; those that cannot be imported are passed over."""
    for plugin in registry.plugins("model"):
        with contextlib.suppress(MmbenchError):
            if capabilities(registry.load(plugin)).learns:
                yield plugin.name


def _train(
    training: Iterable[tuple[ResolvedModel, list[ResolvedTask]]],
    seeds: range,
    options: Mapping[str, Any],
    progress: Progress,
) -> Iterator[Trained]:
    checkpoints, of_fit = Path(options["checkpoints"]), {name: options[name] for name in ("threads", "retrain")}
    read: dict[str, Splits] = {}
    for resolved, tasks in training:
        progress.note(f"{resolved.name}: {resolved.reference}")
        for task, seed in product(tasks, seeds):
            plan = training_plan(task, resolved.capabilities, seed)
            if task.name not in read:
                read[task.name] = training_splits(plan)
            with compute_threads(of_fit["threads"]), LocalModel(resolved, checkpoints, progress, **of_fit) as model:
                start = time.monotonic()
                _, learned = model.fit(plan, read[task.name])
                yield Trained(resolved.name, task.name, seed, learned, time.monotonic() - start)
