"""What a model is fitted with, and what it says of itself afterwards; the split that is asked stays out of reach."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from mmbench.core.errors import DataError, PluginError, UsageError, plugin_errors
from mmbench.core.model import Capabilities, FitContext, FitProgress, Learned
from mmbench.core.requests import Request, identify
from mmbench.core.samples import Sample
from mmbench.models.caller import as_served, served_kinds
from mmbench.resolve.task_names import ResolvedTask
from mmbench.results.rundir import shown_path
from mmbench.results.schema import LearnedEntry
from mmbench.runner.execute.progress import Progress, Silent, Training
from mmbench.runner.execute.signals import raise_if_swallowed
from mmbench.runner.plan.task_plan import TaskPlan


class Splits(NamedTuple):
    """What a model learns from."""

    train: tuple[Sample, ...]
    """Training samples."""
    val: tuple[Sample, ...]
    """Samples to choose by; empty where the task has none, or where they are what is asked."""


class FitDisplay:
    """Shows the reports of one `fit`, and passes them on to `told`; a context manager around it."""

    def __init__(self, title: str, progress: Progress, told: Callable[[FitProgress], None] | None = None) -> None:
        self._title = title
        self._told = told
        self._progress = progress
        self._training: Training | None = None

    def report(self, fit: FitProgress) -> None:
        """Show how far it has come; the first report shows the bar. Raises `Interrupted` once more, if swallowed."""
        raise_if_swallowed()
        if self._told is not None:
            self._told(fit)
        if self._training is None:
            self._training = Training.begin(self._title, fit)
            self._progress.start(self._training)
        else:
            self._training.advance(fit)
            self._progress.update(self._training)

    def note(self, text: str) -> None:
        """Show one line."""
        self._progress.note(f"{self._title}  {text}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._training is not None:
            self._training.over = kind is None
            self._progress.finish(self._training)


def training_plan(resolved: ResolvedTask, model: Capabilities, seed: int) -> TaskPlan:
    """The plan of a task that a model is fitted to and not asked: the samples of its split ``test`` are not read."""
    info = resolved.task.info
    served = served_kinds(info, model)[0]
    return TaskPlan(
        name=resolved.name,
        task=resolved.task,
        samples=(),
        split="test",
        seed=seed,
        source=resolved.source,
        served=served,
    )


def training_splits(plan: TaskPlan) -> Splits:
    """The samples that a model may learn from: never those of the split that is asked.

    They are read once for a plan and its copies.

    Raises:
        DataError: If there are none to train on, or samples that are asked share a group with some of them.
    """
    if "splits" not in plan.training:
        plan.training["splits"] = _read_splits(plan)
    splits: Splits = plan.training["splits"]
    return splits


def _read_splits(plan: TaskPlan) -> Splits:
    task, info = plan.task, plan.task.info
    val = "val" in info.splits and plan.split != "val"
    with plugin_errors(f"task {plan.name!r} failed while its training samples were read"):
        splits = Splits(tuple(task.samples("train")), tuple(task.samples("val")) if val else ())
    if not splits.train:
        raise DataError(f"{plan.name} has no samples in its split 'train', and the model learns from them")
    asked = {sample.cluster for sample in plan.samples}
    for name, samples in zip(Splits._fields, splits, strict=True):
        if shared := asked & {sample.cluster for sample in samples}:
            groups = "a group" if len(shared) == 1 else f"{len(shared):,} groups"
            raise DataError(
                f"the splits {name!r} and {plan.split!r} of {plan.name} share {groups} of samples ({min(shared)!r}): "
                "who learns from one may know answers of the other. Put each group into one split."
            )
    return splits


def fit_context(
    plan: TaskPlan, splits: Splits, folder: Path | None = None, display: FitDisplay | None = None
) -> FitContext:
    """What `fit` may use: the requests of these samples and of no others, the seed, a folder, and where to report."""
    display = display or FitDisplay(plan.name, Silent())
    key = f"requests of seed {plan.seed}"
    if splits is not plan.training.get("splits"):
        requests = _requests(plan, splits)
    else:  # the same function for every model, so that a model may remember what it found out about its requests
        requests = plan.training.setdefault(key, None) or _requests(plan, splits)
        plan.training[key] = requests
    return FitContext(requests, plan.seed, folder, display.report, display.note)


def _requests(plan: TaskPlan, splits: Splits) -> Callable[[Sample], Sequence[Request]]:
    known = [{sample.id: sample for sample in samples} for samples in splits]

    def requests(sample: Sample) -> Sequence[Request]:
        own = [samples[sample.id] for samples in known if sample.id in samples]
        if not any(sample is mine or sample == mine for mine in own):
            raise UsageError(
                f"sample {sample.id!r} is none that {plan.name} gives to learn from: what is asked (its split "
                f"{plan.split!r}) is out of reach of training"
            )
        with plugin_errors(f"task {plan.name!r} failed while its requests were made"):
            made = list(plan.task.requests(sample))
            identify(made, plan.base, sample.id, plan.seed)
            return [as_served(request, plan.served) for request in made]

    return requests


def learned_entry(model: Any) -> LearnedEntry | None:
    """What a model says of itself after `fit`, as it is kept: its attribute ``learned``; None where it has none.

    Raises `PluginError` for what is neither a `Learned` nor a mapping with its fields, and for numbers that are not
    finite.
    """
    with plugin_errors("the model's learned cannot be read"):
        learned = getattr(model, "learned", None)
    if learned is None:
        return None
    if isinstance(learned, Learned):
        learned = asdict(learned)
    if not isinstance(learned, Mapping):
        raise PluginError(f"the model's learned is a {type(learned).__name__}; expected mmbench.Learned or a dict")
    try:
        entry = msgspec.convert(_plain(learned), LearnedEntry)
    except msgspec.ValidationError as error:
        raise PluginError(f"the model's learned does not fit mmbench.Learned: {error}") from error
    for name, number in [("train_s", entry.train_s), ("samples_per_s", entry.samples_per_s), *entry.val.items()]:
        if number is not None and not math.isfinite(number):
            raise PluginError(f"the model's learned holds {name} = {number}; expected a finite number")
    if entry.checkpoint is None:
        return entry
    place = Path(entry.checkpoint)
    return msgspec.structs.replace(
        entry, checkpoint=str(shown_path(place)), weights=entry.weights or _weights_digest(place)
    )


def _weights_digest(place: Path) -> str | None:
    """sha256 over the files of a checkpoint that are no JSON, which tells times and places; None where it cannot be read."""
    files = sorted(each for each in place.rglob("*") if each.is_file()) if place.is_dir() else [place]
    kept = [each for each in files if each.suffix != ".json" and not each.name.startswith(".")]
    found = hashlib.sha256()
    try:
        for each in kept:
            with each.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            found.update(f"{each.relative_to(place)}\x1f{content}\x1e".encode())
    except OSError:
        return None
    return found.hexdigest() if kept else None


def _plain(value: Any) -> Any:
    """A value as JSON knows it: numbers of numpy and torch become Python's, paths become texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    return value.item() if callable(getattr(value, "item", None)) else value
