"""From the log to score tables and metric values: a pure function of what is on disk and of the task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mmbench.core.errors import MmbenchError, NotComparableError, PluginError, plugin_failed
from mmbench.core.responses import ENDED_WELL, Response
from mmbench.core.scores import ScoreTable
from mmbench.core.task import Task
from mmbench.metrics.evaluate import IntervalChoice, evaluate, evaluate_slices
from mmbench.results.log import read_embeddings, read_log
from mmbench.results.recipes import recipe_of
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import SCHEMA_VERSION, ResponseLine, ScoresFile
from mmbench.runner.plan.task_plan import TaskPlan

_SHORT = 32
"""Characters up to which equal answers share one object: a closed answer set then costs no memory a sample."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a scoring gave."""

    scores: ScoresFile
    """The values."""
    tables: Mapping[str, ScoreTable]
    """The tables behind them."""


def read_responses(plan: TaskPlan, directory: RunDirectory) -> list[tuple[Response, ...]]:
    """[sample][request] → its last response; the first that ended well stays. Raises `NotComparableError`.

    A request without any line counts as an error: it was planned and never ended.
    """
    folder = directory.task(plan.name)
    vectors = read_embeddings(folder / "embeddings.bin")
    found = _latest(plan, read_log(folder / "responses.jsonl"), vectors)
    missing = Response("error", error="never asked: the run ended before")
    for number, earlier in plan.duplicates.items():
        found[number] = found[earlier]
    for number, response in enumerate(found):
        if response is None:
            found[number] = missing
    return [tuple(found[start:end]) for start, end in pairwise(plan.first)]  # type: ignore[arg-type]


def _latest(plan: TaskPlan, lines: Iterable[ResponseLine], vectors: Any) -> list[Response | None]:
    found: list[Response | None] = [None] * plan.n_requests
    places = plan.places()
    shared: dict[str, Response] = {}
    for line in lines:
        number = plan.number_of(line.id, places)
        if number is None:
            continue
        earlier = found[number]
        if earlier is not None and earlier.status in ENDED_WELL:
            continue
        output: Any = line.output
        if line.status == "ok" and isinstance(output, str) and len(output) <= _SHORT:
            found[number] = shared.setdefault(output, Response("ok", output))
            continue
        if line.row is not None:
            if vectors is None or line.row >= len(vectors):
                raise NotComparableError(f"the log of {plan.name} names row {line.row} of embeddings that are missing")
            output = vectors[line.row]
        found[number] = Response(line.status, output, line.error)
    return found


def chance_of(task: Task, samples: Sequence[Any]) -> dict[str, float]:
    """What the task says that guessing gets. Raises `PluginError` when it cannot say."""
    try:
        return {key: float(value) for key, value in task.chance(samples).items()}
    except Exception as error:
        raise plugin_failed(f"task {task.info.name!r} failed to tell its chance", error) from error


def score(
    task: Task,
    identity: str,
    samples: Sequence[Any],
    responses: Sequence[Sequence[Response]],
    *,
    interval: IntervalChoice = "standard",
) -> Scored:
    """Score a whole set. `identity` is the digest under which the answers are kept; `interval` as in `evaluate`. Pure."""
    info = task.info
    try:
        tables = dict(task.score(samples, responses))
    except MmbenchError:
        raise
    except Exception as error:
        raise plugin_failed(f"task {info.name!r} failed to score its answers, which are kept", error) from error
    metrics = [metric for metric in task.metrics if metric.unit in tables]
    values = [evaluate(metric, tables[metric.unit], interval=interval) for metric in metrics]
    slices: dict[str, dict[str, list[Any]]] = {}
    for metric in metrics:
        for name, labels in evaluate_slices(metric, tables[metric.unit], interval=interval).items():
            for label, value in labels.items():
                slices.setdefault(name, {}).setdefault(label, []).append(value)
    scores = ScoresFile(
        schema_version=SCHEMA_VERSION,
        task=info.name,
        task_identity=identity,
        primary=list(info.primary),
        units={unit: len(table.unit_ids) for unit, table in sorted(tables.items())},
        metrics=values,
        slices=slices,
        recipes={str(metric.id): recipe_of(metric) for metric in metrics},
    )
    return Scored(scores, tables)


def keep(directory: RunDirectory, scored: Scored) -> str:
    """Write a scoring under the name of its content; the name. Raises `RunFailedError`, `PluginError` for scores like NaN."""
    try:
        return directory.write_scores(scored.scores, scored.tables)
    except ValueError as error:
        raise PluginError(f"the scores of task {scored.scores.task!r} cannot be kept: {error}") from error
