"""What trackers are told of a stored run: its configuration, its results, and some of its samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from mmbench.analysis.outcomes import OUTCOMES, sample_metric, sample_outcomes
from mmbench.analysis.sample_choice import by_thirds, stratified
from mmbench.analysis.sample_rows import SampleRow, sample_rows
from mmbench.core.errors import ForeignSourceError, MediaError, NotComparableError, UsageError
from mmbench.core.samples import Sample
from mmbench.core.score_table import MetricValue
from mmbench.resolve.stored_samples import stored_samples
from mmbench.results.codec import digest
from mmbench.results.run import Run, TaskResult
from mmbench.tracking.tracker import Image, SampleTable, TaskResults, TrackedRun

SIDE = 512
"""Pixels of the longer side of an image at most."""
IMAGES = 4
"""Images of one sample at most."""
CHARACTERS = 4_000
"""Characters of a text at most; more are cut off, with a note."""
COLUMNS = ("id", "outcome", "images", "question", "references", "answer", "extracted", "score", "status", "explanation")
"""Columns of a table of samples."""


def tracked_run(run: Run) -> TrackedRun:
    """The run as it is announced. The same directory has the same id, whenever it is resumed or sent again."""
    record = run.record
    config = {
        "identity": record.identity,
        "model": msgspec.to_builtins(record.model),
        "seed": record.seed,
        "options": dict(record.spec),
        "mmbench_version": record.mmbench_version,
        "packages": dict(record.packages),
        "machine": msgspec.to_builtins(record.machine),
        "git": msgspec.to_builtins(record.git),
        "created": record.created,
        "tasks": {name: _task_config(result) for name, result in run.tasks.items()},
    }
    identifier = digest([record.identity, record.created])[:32]
    return TrackedRun(identifier, run.path.name, record.model.name, run.path, config)


def _task_config(result: TaskResult) -> dict[str, Any]:
    entry = result.entry
    plan = result.store.plan()
    asked = {} if plan is None else {name: plan.identity.get(name) for name in ("prompt", "generation", "options")}
    names = ("version", "fingerprint", "split", "n_samples", "n_requests", "served_as", "scored_by")
    return {**{name: getattr(entry, name) for name in names}, **asked}


def task_results(result: TaskResult) -> TaskResults:
    """The metrics of a task, and what was measured of its speed while it was asked."""
    values: dict[str, float] = {}
    for metric in result.metrics.values():
        values |= {f"{metric.id}{name}": number for name, number in _numbers(metric).items() if number is not None}
    for scenario in result.perf.scenarios if result.perf else ():
        if scenario.valid:
            start = "speed" if scenario.name == "quality" else f"speed/{scenario.name}"
            figures = scenario.figures.items()
            values |= {f"{start}/{name}": each.value for name, each in figures if each.value is not None}
    rows = [
        {
            "metric": metric.id,
            "value": metric.value,
            "low": metric.low,
            "high": metric.high,
            "n": metric.n,
            "coverage": metric.coverage,
            "method": metric.method,
            "primary": metric.id in result.primary,
        }
        for metric in result.metrics.values()
    ]
    return TaskResults(result.name, result.status, values, rows)


def _numbers(metric: MetricValue) -> dict[str, float | None]:
    found: dict[str, float | None] = {"": metric.value, "_low": metric.low, "_high": metric.high, "_n": metric.n}
    found["_coverage"] = metric.coverage
    every = metric.n + metric.n_failed
    counts = {"truncated": metric.n_truncated, "unparsed": metric.n_unparsed, "refused": metric.n_refused}
    for name, count in {**counts, "failed": metric.n_failed}.items():
        found[f"_share_{name}"] = count / every if every else None
    return found


def sample_table(
    run: Run, result: TaskResult, count: int, note: Callable[[str], None], *, foreign: bool = False
) -> SampleTable | None:
    """Some samples of a task, as many of each of `OUTCOMES` where there are.

    Args:
        run: The run.
        result: The task of it.
        count: How many samples at most.
        note: Takes a sentence where what was asked is not to be had.
        foreign: Whether Python files and modules that the run names may be imported.

    Returns:
        The table; None where the task scores something other than samples, and for a saved baseline.

    Raises:
        NotComparableError: If a file of the run is damaged.
    """
    metric = sample_metric(result)
    if metric is None or not result.store.has_ids:
        return None
    found = sample_outcomes(result, None)
    chosen = stratified(found.ids, by_thirds(found.outcome[None], found.scores[None]), count)
    outcomes = {found.ids[place]: OUTCOMES[found.outcome[place]] for place in chosen}
    asked = _asked(result, note, foreign)
    rows = [_row(row, metric, outcomes[row.id]) for row in sample_rows(run, result, asked) if row.id in outcomes]
    return SampleTable(result.name, COLUMNS, rows, len(found.ids))


def _asked(result: TaskResult, note: Callable[[str], None], foreign: bool) -> Sequence[Sample] | None:
    try:
        return stored_samples(result, foreign=foreign, note=lambda text: note(f"{result.name}: {text}"))
    except (ForeignSourceError, UsageError, NotComparableError) as error:
        note(f"{result.name}: the samples are sent without question and images: {error}")
        return None


def _row(row: SampleRow, metric: str, outcome: str) -> Mapping[str, Any]:
    answers = [answer.output if isinstance(answer.output, str) else str(answer.output) for answer in row.answers]
    return {
        "id": row.id,
        "outcome": outcome,
        "images": list(_images(row)),
        "question": _cut(row.question),
        "references": _cut(None if row.asked is None else " | ".join(row.asked.references)),
        "answer": _cut(" | ".join(answers)),
        "extracted": _cut(row.extracted),
        "score": row.values.get(metric),
        "status": row.status,
        "explanation": _cut(row.explanation or next((each.error for each in row.answers if each.error), None)),
    }


def _images(row: SampleRow) -> Iterator[Image]:
    """The first images of a sample; one that is gone or broken is left out."""
    for media in row.images[:IMAGES]:
        try:
            pixels = media.load()
        except MediaError:
            continue
        pixels.thumbnail((SIDE, SIDE))
        yield Image(media.digest, pixels)


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= CHARACTERS:
        return text
    return f"{text[:CHARACTERS]} … ({len(text):,} characters)"
