"""How one sample went, in one word: right, wrong, or why it has no ordinary score."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from heapq import nsmallest
from typing import Literal, TypeVar

from mmbench.analysis.sample_rows import SampleRow
from mmbench.results.run import TaskResult

Outcome = Literal["right", "wrong", "scored", "truncated", "unparsed", "refused", "failed"]
"""``right``: the best score that the metric has. ``wrong``: less than that. ``scored``: the metric has no best score."""

T = TypeVar("T")


def sample_metric(result: TaskResult) -> str | None:
    """The first primary metric that scores samples; None where the task scores something else."""
    return next((name for name in result.primary if result.metrics[name].unit == "sample"), None)


def best_score(result: TaskResult, metric: str) -> float | None:
    """The best value that a sample can have in a metric; None where there is no such bound."""
    spec = result.specs.get(metric)
    return None if spec is None else spec.bounds[1 if result.metrics[metric].higher_is_better else 0]


def outcome_of(row: SampleRow, metric: str | None, best: float | None) -> Outcome:
    """How a sample went.

    Args:
        row: The sample.
        metric: The metric that judges it, as of `sample_metric`.
        best: Its best value, as of `best_score`.
    """
    if row.status in ("error", "timeout") or row.score_status in ("error", "skipped"):
        return "failed"
    if "refused" in (row.status, row.score_status):
        return "refused"
    if row.status == "truncated":
        return "truncated"
    if row.score_status == "unparsed":
        return "unparsed"
    value = None if metric is None else row.values.get(metric)
    if value is None or best is None:
        return "scored"
    return "right" if value == best else "wrong"


def spread(groups: dict[T, int], total: int) -> dict[T, int]:
    """Share a number among groups as evenly as their sizes allow.

    >>> spread({"right": 50, "wrong": 3, "failed": 1}, 10)
    {'right': 6, 'wrong': 3, 'failed': 1}
    """
    found: dict[T, int] = {}
    left = total
    for place, (name, size) in enumerate(sorted(groups.items(), key=lambda group: group[1])):
        found[name] = min(size, left // (len(groups) - place))
        left -= found[name]
    return {name: found[name] for name in groups}


def drawn(ids: Iterable[str], count: int) -> list[str]:
    """A part of the ids that looks random and is the same for every run: those with the smallest sha256."""
    return nsmallest(count, ids, key=lambda each: sha256(each.encode()).digest())
