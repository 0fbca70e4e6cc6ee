"""Score predictions that came in a file, without a model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from mmbench.core.errors import NotComparableError, plugin_errors
from mmbench.core.metric import Metric
from mmbench.core.reasoning import split_reasoning
from mmbench.core.responses import Output, Response
from mmbench.core.samples import Sample
from mmbench.core.score_table import MetricValue, ScoreTable
from mmbench.core.task import Predicted, Task
from mmbench.core.visible import shown_name
from mmbench.metrics.evaluate import IntervalChoice, unit_values
from mmbench.results.codec import write_atomic
from mmbench.scoring import tables as scoring

_NAMED = 10
"""Samples that an error names."""

Slices = Mapping[str, Mapping[str, tuple[MetricValue, ...]]]
"""Slice name → label → every metric over the units in that slice."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How predictions and samples match."""

    samples: int
    """Samples that the references have."""
    predicted: int
    """Those, among them, that have a prediction: the ones that were scored."""
    unknown: int
    """Predictions for ids that the references do not have; they are ignored."""


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """Scores of a file of predictions."""

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
    formulas: tuple[Metric, ...]
    """How the tables became the values of `metrics`."""
    task: str = ""
    """The task or family as the user named it."""
    notes: tuple[str, ...] = ()
    """What the task says must be known beside its values, a sentence each."""

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


def score_predictions(
    predicted: Predicted, samples: Sequence[Sample], *, partial: bool, interval: IntervalChoice
) -> ScoreResult:
    """Score predictions against the samples of their task.

    Args:
        predicted: The task, and outputs by sample id.
        samples: All samples of the task.
        partial: Score the samples that have a prediction and ignore predictions for unknown ids.
        interval: How intervals are made; see `evaluate`.

    Raises:
        NotComparableError: If predictions and samples do not match: samples without a prediction or unknown ids
            (unless `partial`), no prediction at all, or not one output for each request of a sample.
        PluginError: If the task fails.
    """
    task, name = predicted.task, predicted.task.info.name
    matched, coverage = _matched(samples, predicted, name, partial=partial)
    with plugin_errors(f"task {name!r} failed while its requests were made"):
        responses = _responses(task, matched, predicted.outputs)
    scored = scoring.score(task, "", matched, responses, interval=interval)
    values, slices = _covered(scored.scores.metrics, scored.scores.slices, samples, matched)
    return ScoreResult(
        name=name,
        metrics=values,
        primary=tuple(scored.scores.primary),
        slices=slices,
        tables=scored.tables,
        coverage=coverage,
        formulas=tuple(metric for metric in task.metrics if metric.unit in scored.tables),
    )


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
    shown = ", ".join(map(shown_name, ids[:_NAMED]))
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
        responses.append(tuple(_response(output) for output in given))
    return responses


def _response(output: Output) -> Response:
    """A predicted text counts without the reasoning in it, as if a model had just written it."""
    if not isinstance(output, str):
        return Response("ok", output)
    answer, reasoning, unfinished = split_reasoning(output)
    return Response("truncated" if unfinished else "ok", answer, reasoning=reasoning)


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
