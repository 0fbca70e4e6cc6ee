"""Cut the requests of a task into batches, by a rule without clocks."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import ceil

from mmbench.core.media import Media
from mmbench.core.requests import Request
from mmbench.results.schema import SCHEMA_VERSION, PlanFile
from mmbench.runner.plan.task_plan import TaskPlan

AUTO_START = 64
"""Requests a batch with ``--batch-size auto`` before any memory runs out, as `auto_size` has it for most models."""
_MOST = 256
_TOKENS = 32_768
"""Estimated tokens that a batch above `AUTO_START` may hold."""
_BATCHES = 8
"""Batches that a task keeps where its size is above `AUTO_START`: speed is measured over several."""
_TAIL = 16
"""Batches from which on a task ends in smaller ones, and the part of it that does: half of that in batches of half the size."""
_LOOKED_AT = 256
"""Requests that `auto_size` looks at, spread evenly over a task."""


def auto_size(plan: TaskPlan, *, largest_first: bool, image_tokens: int | None = None) -> int:
    """Requests a batch with ``--batch-size auto``, by a rule without clocks: the same on every machine and at every time.

    Args:
        plan: The task.
        largest_first: Whether the model takes requests of about the same cost together, the costliest first, as models do whose
            batches are padded.
        image_tokens: Tokens that the model reads each image as at most; None: estimated from the image.

    Returns:
        64; for a model that takes the costliest first up to 256 where requests are so small that as many of the largest of
        them hold 32,768 estimated tokens at most, and where at least eight batches are left.
    """
    if not largest_first:
        return AUTO_START
    asked = sum(map(len, plan.pools.values()))
    numbers = [number for pool in plan.pools.values() for number in pool[:: max(1, len(pool) // _LOOKED_AT)]]
    largest = max((sum(estimated_tokens(plan.requests([number])[0], image_tokens)) for number in numbers), default=0.0)
    size = AUTO_START
    while 2 * size <= _MOST and 2 * size * largest <= _TOKENS and ceil(asked / (2 * size)) >= _BATCHES:
        size *= 2
    return size


def estimated_cost(request: Request) -> float:
    """Estimated tokens of a request: a quarter of its characters, its images, and what may be generated."""
    return sum(estimated_tokens(request))


def estimated_tokens(request: Request, image_tokens: int | None = None) -> tuple[float, float]:
    """Estimated tokens that are read, a quarter of the characters and the images, and the most that may be written."""
    images = sum(map(_tokens_of, request.media)) if image_tokens is None else image_tokens * len(request.media)
    read = len(request.text) / 4 + images
    return read, float(getattr(request, "max_new_tokens", 0))


def _tokens_of(media: Media) -> float:
    """One for each patch of 28 × 28 pixels if the dataset knows the size; else 576, a common number."""
    width, height = media.attrs.get("width"), media.attrs.get("height")
    return width * height / 784 if isinstance(width, int) and isinstance(height, int) else 576.0


def cut(plan: TaskPlan, size: int, cost: float | None, *, largest_first: bool = False) -> list[list[int]]:
    """Cut the pools into batches by count and, where a bound is given, by summed cost.

    The last batches are smaller, so that several workers end at about the same time; by a rule that knows nothing of workers,
    so that any number of them is asked the same batches. With `largest_first`, requests of about the same cost share a batch,
    and the costliest come first: the last batches are the cheapest by themselves, and no smaller.
    """
    batches: list[list[int]] = []
    for _, pool in sorted(plan.pools.items(), key=lambda item: item[1][0]):
        numbers = pool
        if largest_first:
            costs = {number: estimated_cost(plan.requests([number])[0]) for number in pool}
            numbers = array("l", sorted(pool, key=lambda number: -costs[number]))
        if cost is None:
            sizes = batch_sizes(len(numbers), size, shrink=not largest_first)
            ends = list(accumulate(sizes))
            batches += [numbers[end - each : end].tolist() for end, each in zip(ends, sizes, strict=True)]
        else:
            batches += _cut_by_cost(plan, numbers, size, cost)
    return batches


def batch_sizes(requests: int, size: int, *, shrink: bool = True) -> list[int]:
    """Requests of each batch that so many are cut into.

    Args:
        requests: How many there are.
        size: Requests a batch at most.
        shrink: Whether the last sixteenth is cut into smaller batches, its first half into batches of half the size and the rest
            into batches of a quarter of it, where there are sixteen batches or more.

    Returns:
        The sizes, which sum to `requests`.

    Example:
        >>> batch_sizes(128, 8)
        [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 4, 2, 2]
    """
    found: list[int] = []
    left = requests
    shrink = shrink and requests >= _TAIL * size
    while left:
        parts = 1
        if shrink and left <= requests // _TAIL:
            parts = 4 if left <= requests // (2 * _TAIL) else 2
        found.append(min(left, max(1, size // parts)))
        left -= found[-1]
    return found


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
