"""`mmbench.score`: score a file of predictions, without a model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmbench import registry
from mmbench.core.errors import DataError, PluginError, UnknownNameError, UsageError, plugin_errors
from mmbench.core.spec import Selection
from mmbench.core.task import ReadsPredictions, Task
from mmbench.metrics.evaluate import INTERVALS, IntervalChoice
from mmbench.resolve.samples import samples_of, select
from mmbench.resolve.task_names import notes_of
from mmbench.runner.execute.progress import Progress, progress_of
from mmbench.scoring.predictions import ScoreResult, score_predictions

__all__ = ["ScoreResult", "score"]


def score(
    task: str,
    predictions: str | Path,
    references: str | Path | None = None,
    *,
    partial: bool = False,
    options: Mapping[str, Any] | None = None,
    interval: IntervalChoice = "standard",
    progress: bool | Progress = False,
) -> ScoreResult:
    """Score a file of predictions, without a model.

    Args:
        task: A family (``vqa``, ``captioning``, ``retrieval``, ``sentiment``), whose samples `references` gives, or a
            task with samples of its own.
        predictions: A file in a format that the family reads.
        references: The file of references; None if the task has its own.
        partial: Score the samples that have a prediction and ignore predictions for unknown ids.
        options: Options of the task, such as a convention.
        interval: How 95 % intervals are made: ``standard``, or ``percentile`` or ``bca`` of the bootstrap for every
            metric.
        progress: Report on stderr.

    Returns:
        Every metric with its interval, by slice too, the score of each sample, and how many samples have a prediction.

    Raises:
        UsageError: Or a subclass, for wrong names, options and files.
        NotComparableError: If predictions and samples do not match; see `score_predictions`.

    Example:
        >>> import mmbench
        >>> result = mmbench.score("vqa", "results.json", "annotations.json")  # doctest: +SKIP
        >>> result.metrics[0].value  # doctest: +SKIP
        0.64
    """
    if interval not in INTERVALS:
        raise UnknownNameError("interval", str(interval), INTERVALS, hint=f"There are: {', '.join(INTERVALS)}.")
    reader, named = _reader(task)
    if named is not None and references is not None and not hasattr(getattr(named, "source", None), "at"):
        family = named.info.name.partition("/")[0]
        raise UsageError(
            f"task {task!r} has references of its own; leave --references out, or name the family: --task {family}"
        )
    folders = getattr(reader, "folders", ())
    known = named is not None or "references" in folders
    paths = (
        _file("predictions", predictions, folder="predictions" in folders),
        None if references is None else _file("references", references, folder=known),
    )
    with plugin_errors(f"task {task!r} failed to read {' and '.join(str(path) for path in paths if path)}"):
        if references is None and named is not None:
            _read_rows(named)
        predicted = reader.open_predictions(*paths, named)
        predicted = replace(predicted, task=registry.configured(predicted.task, options or {}))
        samples = select(samples_of(predicted.task, "test"), Selection(), predicted.task.info.name)
    result = score_predictions(predicted, samples, partial=partial, interval=interval)
    found = result.coverage
    progress_of(progress).note(f"{result.name}: {found.predicted:,} of {found.samples:,} samples have a prediction")
    return replace(result, task=task, notes=notes_of(predicted.task))


def _reader(name: str) -> tuple[ReadsPredictions, Task | None]:
    """The object that reads the predictions, and the task that was named (None if a family was)."""
    near: Any = None
    if ":" in name or name.endswith(".py"):
        value, module = registry.load_reference(name, f"task {name!r}")
        near = getattr(module, "family", None)
        if value is module:
            value = getattr(module, "task", near)
            if value is None:
                raise PluginError(f"task {name!r}: the module has neither 'task' nor 'family'; write {name}:NAME")
    else:
        value = registry.load(registry.find("task", name, hint=_hint(name)))
    if inspect.isclass(value):
        with plugin_errors(f"task {name!r} cannot be built"):
            value = value()
    if isinstance(value, Task):
        task = registry.as_task(value, name)
        readers = [each for each in (task, near, _family_of(task)) if isinstance(each, ReadsPredictions)]
        if readers:
            return readers[0], task
    elif isinstance(value, ReadsPredictions):
        return value, None
    elif not registry.is_family(value):
        registry.as_task(value, name)
    raise UsageError(
        f"task {name!r} reads no files of predictions. To have them stand in for a model: "
        "mmbench run --model replay --model-args file=PREDICTIONS"
    )


def _hint(name: str) -> str:
    family, slash, _ = name.partition("/")
    known = slash and any(plugin.name == family for plugin in registry.plugins("task"))
    return f"For references of your own: --task {family} --references FILE" if known else "See: mmbench list tasks"


def _family_of(task: Task) -> Any:
    """The registered family that the task's name begins with; None where there is none."""
    family = task.info.name.partition("/")[0]
    return next((registry.load(plugin) for plugin in registry.plugins("task") if plugin.name == family), None)


def _read_rows(task: Task) -> None:
    """Read what is right for a published dataset. Raises `DataError`, which names ``--references``, where it cannot be had."""
    source: Any = getattr(task, "source", None)
    if not hasattr(source, "at") or source.path is not None:
        return
    try:
        source.rows("test")
    except DataError as error:
        raise DataError(f"{error}; or name the official files of what is right: --references FILE|FOLDER") from error


def _file(what: str, given: str | Path, *, folder: bool) -> Path:
    """The path of a file that exists and is not empty, or of a folder where one may be given. Raises `UsageError`, `DataError`."""
    path = Path(given).expanduser()
    try:
        if path.is_dir() and not folder:
            raise DataError(f"--{what} {path} is a folder; expected a file")
        if path.is_file() and path.stat().st_size == 0:
            raise DataError(f"--{what} {path} is empty")
        if not path.exists():
            raise UsageError(f"--{what} {path}: there is no such file")
    except (OSError, ValueError) as error:
        raise UsageError(f"--{what} {path} cannot be read: {error}") from error
    return path
