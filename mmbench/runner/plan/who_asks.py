"""Check that a model can be asked where it is to be asked: in this process, by several workers, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from mmbench.core.errors import MissingExtraError, UsageError
from mmbench.runner.execute.executor import asks_with_workers, is_given_solutions
from mmbench.runner.execute.recipe import ModelRecipe
from mmbench.runner.plan.job import Job
from mmbench.runner.pool.resources import shares

_POOL = "pool"
"""The executor that asks with workers, which may also be named by ``--executor``."""


def check_workers(jobs: Sequence[Job]) -> list[str]:
    """Check it for all models of a command.

    Returns:
        What a user should know: which models are not asked by the workers.

    Raises:
        UsageError: For workers that cannot build a model or would need more GPUs than there are, and for
            ``--batch-size search`` where this process asks no batches.
    """
    for job in jobs:
        if job.spec.batch_size == "search":
            _check_search(job)
        if job.spec.ship_media and job.spec.ray is None:
            raise UsageError("--ship-media is for workers on other machines: add --ray ADDRESS")
        if job.spec.by_workers or job.spec.executor == _POOL:
            _check_pool(job)
        elif job.spec.gpus_per_worker is not None or job.spec.cpus_per_worker is not None:
            raise UsageError("--gpus-per-worker and --cpus-per-worker are for several workers: add --workers N")
    return list(dict.fromkeys(note for job in jobs if (note := _stays(job)) is not None))


def _stays(job: Job) -> str | None:
    """What to say of a model that this process asks although there are workers."""
    if not job.spec.by_workers or asks_with_workers(job.spec, job.model):
        return None
    if is_given_solutions(job.model):
        return f"{job.model.name} is asked by this process, which alone has the solutions, and not by workers"
    return (
        f"{job.model.name} is asked by this process and not by workers: its methods are async, and --concurrency "
        f"{job.spec.concurrency} says how many requests are in flight"
    )


def _check_search(job: Job) -> None:
    spec = job.spec
    if spec.executor is None and not spec.by_workers and not job.model.capabilities.asynchronous:
        return
    raise UsageError(
        f"--batch-size search: {job.model.name} is not asked in batches by this process; give --concurrency N for a "
        "model with async methods; for one on workers, find the size without --workers first (--limit 500 is enough), then give "
        "--batch-size N"
    )


def _check_pool(job: Job) -> None:
    spec, name, can = job.spec, job.model.name, job.model.capabilities
    how = f"--workers {spec.workers}" if spec.ray is None else f"--ray {spec.ray}"
    if spec.executor == _POOL and not spec.by_workers:
        how = f"--executor {_POOL}"
    option = how.partition(" ")[0]
    if spec.executor not in (None, _POOL):
        raise UsageError(
            f"{option} and --executor {spec.executor} exclude each other: the executor has workers of its own"
        )
    if can.asynchronous and spec.ray is None and spec.executor is None:
        return
    if can.asynchronous:
        raise UsageError(
            f"{how}: {name} is asked request by request (its methods are async), by this process alone; give "
            "--concurrency N instead"
        )
    if spec.perf == "full" and spec.ray is not None:
        raise UsageError(
            "--perf full measures one model on the machine of this command, and --ray asks on others: measure with --perf quick, or "
            "give --perf full without --ray on a machine of the kind that you mean"
        )
    if spec.perf == "full" and can.learns:
        raise UsageError(
            f"--perf full would have {name} learn a second time, in this process: leave {option} out, or measure with --perf quick"
        )
    if is_given_solutions(job.model):
        if spec.executor != _POOL:
            return
        raise UsageError(f"{how}: {name} is given the solutions of the task, which no worker has; leave {option} out")
    if spec.ray is None:
        shares(spec, job.model.options)
    elif find_spec("ray") is None:
        raise MissingExtraError("--ray", "ray")
    if not can.learns:
        ModelRecipe.of(job.model)
