"""Which batches of a plan a shard asks: one range of them, so that shards together ask what a whole run asks."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from mmbench.core.errors import UsageError
from mmbench.core.spec import Shard
from mmbench.runner.plan.batching import estimated_cost
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.task_plan import TaskPlan

_EXCLUDED = {
    "sweep": "a sweep holds whole runs against each other",
    "interleave": "speed is compared between whole runs",
    "reask": "what is asked again depends on all answers. Merge the shards, then ask again",
    "track": "a shard has no result to send. Merge the shards, then send the run: mmbench track",
}
"""Options that cannot be given with ``--shard``, and why."""


def check_excluded(options: Iterable[str]) -> None:
    """Raise `UsageError` where one of the options that were given cannot be meant for a shard."""
    for name in options:
        if name in _EXCLUDED:
            raise UsageError(f"--shard and --{name} exclude each other: {_EXCLUDED[name]}")


def check_shards(jobs: Iterable[Job]) -> None:
    """Check that the shards of every job will fit together.

    Raises:
        UsageError: If the model has no digest, so that each command would make a run of its own; or if what is asked would
            depend on the shard or its speed.
    """
    for job in jobs:
        if job.spec.shard is None:
            continue
        if job.model.digest is None:
            raise UsageError(
                f"--shard {job.spec.shard}: {job.model.name} has no digest by which the shards of a run could be told to be "
                "of one model; give it as FILE.py:Name, or an info with a digest"
            )
        if job.spec.batch_size == "search":
            raise UsageError("--shard and --batch-size search exclude each other: each shard would find another size")
        if job.spec.perf == "full":
            raise UsageError("--shard and --perf full exclude each other: measure speed under load in a run of its own")


def own_batches(weights: Sequence[float], shard: Shard) -> range:
    """The numbers of the batches that a shard asks.

    Args:
        weights: How much work each batch of the plan is, above 0, in any unit: its requests, or their estimated cost.
        shard: Which part.

    Returns:
        A range. The ranges of all shards hold each batch once, and weigh about the same; some are empty where there are
        fewer batches than shards.
    """
    total, before = math.fsum(weights), 0.0
    owners: list[int] = []
    for weight in weights:
        middle = before + weight / 2
        owners.append(min(int(middle * shard.of / total), shard.of - 1))
        before += weight
    first, end = (bisect_left(owners, number) for number in (shard.number - 1, shard.number))
    return range(first, end)


def batch_weight(plan: TaskPlan, batch: Sequence[int], costly_first: bool) -> float:
    """The work that a batch is: its requests, or their estimated cost where the costliest batches come first."""
    if not costly_first:
        return len(batch)
    return math.fsum(1 + estimated_cost(request) for request in plan.requests(batch))
