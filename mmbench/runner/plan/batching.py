"""Cut the requests of a task into batches, by a rule without clocks."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence

from mmbench.core.media import Media
from mmbench.core.requests import Request
from mmbench.results.schema import SCHEMA_VERSION, PlanFile
from mmbench.runner.plan.task_plan import TaskPlan

AUTO_START = 64
"""Requests a batch with ``--batch-size auto`` before any memory runs out."""


def estimated_cost(request: Request) -> float:
    """Estimated tokens of a request: a quarter of its characters, its images, and what may be generated."""
    return sum(estimated_tokens(request))


def estimated_tokens(request: Request) -> tuple[float, float]:
    """Estimated tokens that are read, a quarter of the characters and the images, and the most that may be written."""
    read = len(request.text) / 4 + sum(map(_tokens_of, request.media))
    return read, float(getattr(request, "max_new_tokens", 0))


def _tokens_of(media: Media) -> float:
    """One for each patch of 28 × 28 pixels if the dataset knows the size; else 576, a common number."""
    width, height = media.attrs.get("width"), media.attrs.get("height")
    return width * height / 784 if isinstance(width, int) and isinstance(height, int) else 576.0


def cut(plan: TaskPlan, size: int, cost: float | None, *, largest_first: bool = False) -> list[list[int]]:
    """Cut the pools into batches by count and, where a bound is given, by summed cost.

    With `largest_first`, requests of about the same cost share a batch, and the costliest come first.
    """
    batches: list[list[int]] = []
    for _, pool in sorted(plan.pools.items(), key=lambda item: item[1][0]):
        numbers = pool
        if largest_first:
            costs = {number: estimated_cost(plan.requests([number])[0]) for number in pool}
            numbers = array("l", sorted(pool, key=lambda number: -costs[number]))
        if cost is None:
            batches += [numbers[start : start + size].tolist() for start in range(0, len(numbers), size)]
        else:
            batches += _cut_by_cost(plan, numbers, size, cost)
    return batches


def _cut_by_cost(plan: TaskPlan, numbers: Sequence[int], size: int, bound: float) -> Iterable[list[int]]:
    batch: list[int] = []
    total = 0.0
    for number in numbers:
        own = estimated_cost(plan.requests([number])[0])
        if batch and (len(batch) == size or total + own > bound):
            yield batch
            batch, total = [], 0.0
        batch.append(number)
        total += own
    if batch:
        yield batch


def plan_file(plan: TaskPlan, size: int, cost: float | None, batches: list[list[int]]) -> PlanFile:
    """The plan as it is persisted."""
    return PlanFile(
        schema_version=SCHEMA_VERSION,
        task=plan.name,
        identity=plan.identity,
        identity_digest=plan.identity_digest,
        selection_digest=plan.selection_digest,
        n_samples=len(plan.samples),
        n_requests=plan.n_requests,
        batch_size=size,
        batch_cost=cost,
        batches=batches,
    )
