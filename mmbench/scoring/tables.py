"""Score responses: a pure function of them and of the task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmbench.core.errors import PluginError, plugin_errors
from mmbench.core.responses import Response
from mmbench.core.score_table import MetricValue, ScoreTable
from mmbench.core.task import Task
from mmbench.metrics.evaluate import IntervalChoice, IntervalMethod, evaluate_units, read_units, slices_of_units
from mmbench.metrics.registered import check_ids
from mmbench.results.metric_specs import spec_of
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import SCHEMA_VERSION, ScoresFile
from mmbench.scoring.readable import readable_by
from mmbench.scoring.repeats import repeat_metrics, score_repeats


@dataclass(frozen=True, slots=True)
class Scored:
    """Result of a scoring."""

    scores: ScoresFile
    """The values."""
    tables: Mapping[str, ScoreTable]
    """The tables behind them."""
    readable_by: dict[str, int] = field(default_factory=dict)
    """As in `TaskEntry.readable_by`."""


def chance_of(task: Task, samples: Sequence[Any]) -> dict[str, float]:
    """Metric id → value that the task expects of guessing. Raises `PluginError` if the task fails."""
    with plugin_errors(f"task {task.info.name!r} failed to tell its chance"):
        return {key: float(value) for key, value in task.chance(samples).items()}


def score(
    task: Task,
    identity: str,
    samples: Sequence[Any],
    responses: Sequence[Sequence[Response]],
    *,
    name: str | None = None,
    repeats: int = 1,
    interval: IntervalChoice = "standard",
) -> Scored:
    """Score the whole set; a pure function.

    Args:
        task: The task.
        identity: Digest under which the answers are kept.
        samples: The samples that were asked.
        responses: [sample][request] → response.
        name: The full name under which the scores are kept; None: the task's own.
        repeats: How often each question was asked; see `mmbench.scoring.repeats`.
        interval: How intervals are made; see `evaluate`.

    Returns:
        Score tables and the values of all metrics, overall and by slice.

    Raises:
        PluginError: If the task fails to score, or a metric has the id of another; see `check_ids`.
    """
    info = task.info
    check_ids(task.metrics)
    with plugin_errors(f"task {info.name!r} failed to score its answers, which are kept"):
        tables = dict(
            task.score(samples, responses) if repeats == 1 else score_repeats(task, samples, responses, repeats)
        )
    metrics = [metric for metric in task.metrics if metric.unit in tables]
    over_repeats = repeat_metrics(task, tables, repeats) if repeats > 1 else []
    metrics += over_repeats
    values: list[MetricValue] = []
    slices: dict[str, dict[str, list[Any]]] = {}
    method = IntervalMethod(interval)
    for metric in metrics:
        table = tables[metric.unit]
        units = read_units(metric, table)
        values.append(evaluate_units(metric, units, method))
        for slice_name, labels in slices_of_units(metric, units, table, method).items():
            for label, value in labels.items():
                slices.setdefault(slice_name, {}).setdefault(label, []).append(value)
    scores = ScoresFile(
        schema_version=SCHEMA_VERSION,
        task=name or info.name,
        task_identity=identity,
        primary=[*info.primary, *(str(metric.id) for metric in over_repeats)],
        units={unit: len(table.unit_ids) for unit, table in sorted(tables.items())},
        metrics=values,
        slices=slices,
        specs={str(metric.id): spec_of(metric) for metric in metrics},
    )
    return Scored(scores, tables, readable_by(task, samples, responses, tables))


def keep(directory: RunDirectory, scored: Scored) -> str:
    """Write a scoring and return its name, which is a digest of its content.

    Raises:
        PluginError: If scores cannot be stored, such as NaN.
        RunFailedError: If the files cannot be written.
    """
    try:
        return directory.write_scores(scored.scores, scored.tables)
    except ValueError as error:
        raise PluginError(f"the scores of task {scored.scores.task!r} cannot be kept: {error}") from error
