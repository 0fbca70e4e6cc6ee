"""`mmbench.score`: from a file of predictions to metric values, without a model."""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from mmbench import registry
from mmbench.core.errors import (
    DataError,
    MmbenchError,
    NotComparableError,
    PluginError,
    UnknownNameError,
    UsageError,
    plugin_failed,
)
from mmbench.core.metric import Metric
from mmbench.core.responses import Output, Response
from mmbench.core.samples import Sample
from mmbench.core.scores import MetricValue, ScoreTable
from mmbench.core.spec import Selection
from mmbench.core.task import Predicted, ReadsPredictions, Task
from mmbench.metrics.evaluate import INTERVALS, IntervalChoice, unit_values
from mmbench.resolve.arguments import progress_of
from mmbench.resolve.samples import samples_of, select
from mmbench.resolve.tasks import notes_of
from mmbench.results.codec import write_atomic
from mmbench.runner.execute.progress import Progress
from mmbench.scoring import scores as scoring

_NAMED = 10
"""Samples that an error names."""

Slices = Mapping[str, Mapping[str, tuple[MetricValue, ...]]]
"""Slice name → label → every metric over the units in that slice."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How predictions and samples met."""

    samples: int
    """Samples that the references have."""
    predicted: int
    """Those, among them, that have a prediction: the ones that were scored."""
    unknown: int
    """Predictions for ids that the references do not have; they are ignored."""


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """What a file of predictions is worth."""

    task: str
    """The task or family as it was named."""
    name: str
    """Full name of the task that scored."""
    metrics: tuple[MetricValue, ...]
    """Every metric over all units, in the task's order; with ``partial``, `coverage` counts the samples left out."""
    primary: tuple[str, ...]
    """Ids of the metrics that stand for the task, in order."""
    slices: Slices
    """The same by slice."""
    tables: Mapping[str, ScoreTable]
    """Unit of scoring to the table of what each unit got."""
    coverage: Coverage
    """How many of the samples have a prediction."""
    notes: tuple[str, ...]
    """What the task says must be known beside its values, a sentence each."""
    formulas: tuple[Metric, ...]
    """How the tables became the values of `metrics`."""

    @property
    def exit_code(self) -> int:
        """0, or 4 when a prediction could not be scored (an embedding without a direction, say)."""
        return 4 if any(metric.n_failed for metric in self.metrics) else 0

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"task", "name", "metrics": […], "slices", "coverage", "notes"}``.

        A metric has the fields of `MetricValue` and ``primary``.
        """
        return {
            "task": self.task,
            "name": self.name,
            "metrics": [{**msgspec.to_builtins(each), "primary": each.id in self.primary} for each in self.metrics],
            "slices": {
                name: {label: [msgspec.to_builtins(each) for each in found] for label, found in labels.items()}
                for name, labels in self.slices.items()
            },
            "coverage": msgspec.to_builtins(self.coverage),
            "notes": list(self.notes),
        }

    def per_sample(self) -> Iterator[dict[str, Any]]:
        """``{"id", "values": {metric id: value}}`` for each unit of each table, in their order.

        A value is what the metric's formula makes of the unit alone, None where that is undefined or the unit failed;
        metrics that are no formula (a median) are left out. Units other than samples have ``unit``; those that were not
        simply scored have ``status``, with ``explanation`` where there is one.
        """
        for table in self.tables.values():
            columns = {
                str(metric.id): unit_values(metric, table).tolist()
                for metric in self.formulas
                if metric.unit == table.unit and metric.formula is not None
            }
            unit = {} if table.unit == "sample" else {"unit": table.unit}
            for row, unit_id in enumerate(table.unit_ids):
                values = {name: _or_none(column[row]) for name, column in columns.items()}
                yield {"id": unit_id, **unit, "values": values, **_status(table, row)}

    def write_per_sample(self, path: str | Path) -> None:
        """Write `per_sample` as JSON Lines, the file as a whole or not at all. Raises `RunFailedError`."""
        write_atomic(Path(path), msgspec.json.Encoder().encode_lines(self.per_sample()))


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def _status(table: ScoreTable, row: int) -> dict[str, str]:
    if table.status[row] == "scored":
        return {}
    explanation = table.explanations[row] if table.explanations is not None else None
    return {"status": table.status[row], **({"explanation": explanation} if explanation else {})}


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

    Parameters: `task`, a family (``vqa``, ``captioning``, ``retrieval``, ``sentiment``), whose samples `references` gives, or a task
    with samples of its own; `predictions` and `references`, files in a format that the family reads; `partial`, score
    the samples that have a prediction and ignore predictions for unknown ids; `options` of the task, such as a
    convention; `interval`, how 95 % intervals are made: ``standard``, or ``percentile`` or ``bca`` of the bootstrap for every
    metric; `progress`, report on stderr.

    Raises `UsageError` and its kin for wrong names, options and files; `NotComparableError` when predictions and samples do
    not fit: samples without a prediction and unknown ids (unless `partial`), no prediction at all, or not one answer for
    each request of a sample.
    """
    if interval not in INTERVALS:
        raise UnknownNameError("interval", str(interval), INTERVALS, hint=f"There are: {', '.join(INTERVALS)}.")
    reader, named = _reader(task)
    if named is not None and references is not None:
        family = named.info.name.partition("/")[0]
        raise UsageError(
            f"task {task!r} has references of its own; leave --references out, or name the family: --task {family}"
        )
    paths = _file("predictions", predictions), None if references is None else _file("references", references)
    with _named_failure(f"task {task!r} failed to read {' and '.join(str(path) for path in paths if path)}"):
        predicted = reader.open_predictions(*paths, named)
        found = registry.configured(predicted.task, options or {})
        name = found.info.name
        everything = select(samples_of(found, "test"), Selection(), name)
    samples, coverage = _matched(everything, predicted, name, partial=partial)
    progress_of(progress).note(f"{name}: {coverage.predicted:,} of {coverage.samples:,} samples have a prediction")
    with _named_failure(f"task {name!r} failed while its requests were made"):
        responses = _responses(found, samples, predicted.outputs)
    scored = scoring.score(found, "", samples, responses, interval=interval)
    values, slices = _covered(scored.scores.metrics, scored.scores.slices, everything, samples)
    return ScoreResult(
        task=task,
        name=name,
        metrics=values,
        primary=tuple(scored.scores.primary),
        slices=slices,
        tables=scored.tables,
        coverage=coverage,
        notes=notes_of(found),
        formulas=tuple(metric for metric in found.metrics if metric.unit in scored.tables),
    )


@contextmanager
def _named_failure(what: str) -> Iterator[None]:
    """Inside, an exception of a plug-in's own code becomes a `PluginError` that begins with `what`."""
    try:
        yield
    except MmbenchError:
        raise
    except Exception as error:
        raise plugin_failed(what, error) from error


# --- who reads ---


def _reader(name: str) -> tuple[ReadsPredictions, Task | None]:
    """Who reads the predictions, and the task that was named; None where a family was. Raises `UsageError` and its kin."""
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
        with _named_failure(f"task {name!r} cannot be built"):
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


def _file(what: str, given: str | Path) -> Path:
    """A file that is there and is not empty. Raises `UsageError`, `DataError`."""
    path = Path(given).expanduser()
    try:
        if path.is_dir():
            raise DataError(f"--{what} {path} is a folder; expected a file")
        if path.is_file() and path.stat().st_size == 0:
            raise DataError(f"--{what} {path} is empty")
        if not path.exists():
            raise UsageError(f"--{what} {path}: there is no such file")
    except (OSError, ValueError) as error:
        raise UsageError(f"--{what} {path} cannot be read: {error}") from error
    return path


# --- what fits what ---


def _matched(
    samples: Sequence[Sample], predicted: Predicted, name: str, *, partial: bool
) -> tuple[Sequence[Sample], Coverage]:
    """The samples that have a prediction. Raises `NotComparableError` where the two do not fit."""
    known = {sample.id for sample in samples}
    found = [sample for sample in samples if sample.id in predicted.outputs]
    unknown = [sample_id for sample_id in predicted.outputs if sample_id not in known]
    if not found:
        given = f"; they are for {_some(unknown)}" if unknown else ""
        ids = _some([sample.id for sample in samples])
        raise NotComparableError(f"no sample of {name} has a prediction{given}. Its samples are {ids}")
    problems = []
    if missing := [sample.id for sample in samples if sample.id not in predicted.outputs]:
        problems.append(f"{len(missing):,} of {len(samples):,} samples have no prediction: {_some(missing)}")
    if unknown:
        problems.append(
            f"{len(unknown):,} of {len(predicted.outputs):,} predictions are for unknown ids: {_some(unknown)}"
        )
    if problems and not partial:
        listed = "\n  ".join(problems)
        raise NotComparableError(
            f"the predictions do not fit the samples of {name}:\n  {listed}\n"
            f"--partial scores the {_count(len(found), 'sample')} that {'has' if len(found) == 1 else 'have'} a prediction, and says how many there are."
        )
    return found, Coverage(len(samples), len(found), len(unknown))


def _some(ids: Sequence[str]) -> str:
    shown = ", ".join(each if each.isprintable() else repr(each) for each in ids[:_NAMED])
    return f"{shown} and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else shown


def _responses(
    task: Task, samples: Sequence[Sample], outputs: Mapping[str, Sequence[Output]]
) -> list[tuple[Response, ...]]:
    """[sample][request] → its answer. Raises `NotComparableError` where a sample has more or fewer than it asks for."""
    responses = []
    for sample in samples:
        given, asked = outputs[sample.id], len(task.requests(sample))
        if isinstance(given, str):
            raise TypeError(f"the outputs for sample {sample.id!r} are a text; expected a sequence of outputs")
        if len(given) != asked:
            raise NotComparableError(
                f"sample {_some([sample.id])} of {task.info.name} takes {_count(asked, 'answer')}; "
                f"the predictions have {len(given):,} for it"
            )
        responses.append(tuple(Response("ok", output) for output in given))
    return responses


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _covered(
    values: Sequence[MetricValue],
    slices: Mapping[str, Mapping[str, Sequence[MetricValue]]],
    everything: Sequence[Sample],
    samples: Sequence[Sample],
) -> tuple[tuple[MetricValue, ...], Slices]:
    """Values whose coverage counts the samples that were left out, in a slice those of the slice."""
    every, scored = (
        Counter(label for sample in some for label in sample.slices.items()) for some in (everything, samples)
    )
    overall = len(samples) / len(everything)

    def of_label(name: str, label: str) -> float:
        n = every[name, label]
        return scored[name, label] / n if n else overall

    return tuple(_share(value, overall) for value in values), {
        name: {label: tuple(_share(value, of_label(name, label)) for value in found) for label, found in labels.items()}
        for name, labels in slices.items()
    }


def _share(value: MetricValue, share: float) -> MetricValue:
    if share == 1:
        return value
    return replace(value, coverage=share * value.coverage, value_failed_as_zero=None)
