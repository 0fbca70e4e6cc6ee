"""Executor ``pool``: several workers answer the batches of a task, each with the model open; the driver alone writes the log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from mmbench.core.errors import RunFailedError
from mmbench.core.spec import RunSpec
from mmbench.perf.machine import packages
from mmbench.runner.execute.executor import Executor, Remarks, Sink, Todo
from mmbench.runner.execute.recipe import ModelRecipe
from mmbench.runner.plan.memory import too_large_for
from mmbench.runner.pool.asking import Asking
from mmbench.runner.pool.processes import Processes
from mmbench.runner.pool.resources import Share, further_share, shares
from mmbench.runner.pool.slots import Slots
from mmbench.runner.pool.steering import Steering
from mmbench.runner.pool.transport import (
    Transport,
    WorkerSetup,
)

_WAIT_S = 1.0


class PoolExecutor(Executor):
    """Keeps workers over all runs of a command.

    Those of one model serve all its tasks; a model that learns has new ones for each task. Each of them leaves its slot to the
    model of the next run when no batch is left to be leased.
    """

    over_runs: bool = True

    def __init__(self) -> None:
        self.workers = 1
        """The most workers that there were to be at once in the last task."""
        self._slots: Slots | None = None
        self._steering = Steering()
        self._divided: tuple[Any, ...] = ()
        self._task = ""
        self._load_s: float | None = None
        self._remarks: dict[str, Remarks] = {}

    def prepare(self, todo: Todo) -> None:
        """Start the workers and wait until each has opened the model, or cannot.

        Raises:
            UsageError: If the model cannot be built in another process.
            RunFailedError: If no worker could open it.
        """
        slots = self._slots
        if slots is not None and slots.crew is not None:
            if self._task == todo.plan.name or todo.fitted is None:
                return
            slots.leave_all()
        self._task = todo.plan.name
        early = slots is not None and self._divided == _division(todo.spec) and slots.take_next(todo.model, todo.spec)
        if slots is None or not early:
            slots = self._open(todo, slots)
        self.workers = len(slots.shares)
        while (crew := slots.crew) is not None and (
            crew.vacant or crew.starting > (slots.transport.waiting if crew.ready else 0)
        ):
            for event in slots.wait(_WAIT_S):
                crew.on_start(event, time.perf_counter())
        self._load_s = crew.load_s if crew is not None and early else None

    def _open(self, todo: Todo, slots: Slots | None) -> Slots:
        """Begin to start the workers."""
        learned = todo.fitted() if todo.fitted is not None else None
        recipe = ModelRecipe.of(todo.model, learned)
        if slots is None or self._divided != _division(todo.spec):
            self.close()
            transport, found, further = _here(todo) if todo.spec.ray is None else _on_cluster(todo.spec.ray, todo)
            self._slots = slots = Slots(transport, found, further)
            follows = todo.spec.ray is not None and todo.spec.workers is None
            self._steering = Steering(getattr(transport, "room", None) if follows else None, len(found))
            self._divided = _division(todo.spec)
        slots.open([_setup(recipe, share, todo.spec) for share in slots.shares], todo.note)
        return slots

    def run(self, todo: Todo, sink: Sink) -> None:
        """Ask every batch and record what comes of it. After a signal, what is answered within seconds is kept."""
        slots = self._slots
        if slots is None or (crew := slots.crew) is None:
            raise RunFailedError("the workers were not started")
        self._steering.begin(todo.directory, crew.size)
        asking = Asking(crew, slots, todo, sink, self._leave(todo, slots), self._steering)
        crew.begin_task(time.perf_counter())
        try:
            asking.run()
        finally:
            crew.end_task(time.perf_counter())
            self.workers = crew.most
            self._remarks[todo.plan.name] = Remarks(
                settings=crew.settings,
                notes=crew.notes(),
                workers=crew.figures(),
                workers_changed=crew.changed,
                threads=slots.shares[0].threads,
                only_requests=asking.only_requests,
                load_s=self._load_s,
                alone_s=None if slots.next_since is None else slots.next_since - todo.started,
            )

    def _leave(self, todo: Todo, slots: Slots) -> Callable[[int], None] | None:
        """What has a worker leave its slot to the model of the next run; None where there is none to be asked by these workers."""
        job = todo.upcoming
        if job is None or _division(job.spec) != self._divided:
            return None

        def setups() -> Sequence[WorkerSetup]:
            recipe = ModelRecipe.of(job.model)
            return [_setup(recipe, share, job.spec) for share in slots.shares]

        return lambda worker: slots.leave_to(job, setups, worker, todo.note)

    def remarks(self, task: str) -> Remarks:
        """What the workers say of a task that was asked."""
        return self._remarks.get(task, Remarks())

    def end_run(self) -> None:
        """Have the workers close their model, and begin to open that of the next run where it is known."""
        self._task, self._remarks = "", {}
        self._steering.end()
        if self._slots is not None:
            self._slots.leave_all()

    def close(self) -> None:
        """End the workers."""
        self._steering.end()
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.close()


def _division(spec: RunSpec) -> tuple[Any, ...]:
    """What says how many workers there are, where, and what each may use."""
    return (spec.workers, spec.threads, spec.cpus_per_worker, spec.gpus_per_worker, spec.ray, spec.ship_media)


_Found = tuple[Transport, Sequence[Share], Callable[[int, int], Share]]
"""A transport, what each of the first workers may use, and what one more may."""


def _here(todo: Todo) -> _Found:
    """Processes of this machine."""
    first = shares(todo.spec, todo.model.options)
    return Processes(), first, partial(further_share, first)


def _on_cluster(address: str, todo: Todo) -> _Found:
    """Actors of a Ray cluster. Raises `UsageError` where it cannot be reached or has no room."""
    from mmbench.runner.pool.cluster import check_count, cluster_share, node_memory
    from mmbench.runner.pool.ray_workers import RayWorkers

    first = todo.plan.requests(todo.batches[0][1][:1]) if todo.batches else []
    media = [medium.path for request in first for medium in request.media if medium.path is not None]
    transport = RayWorkers(address, media, ship_media=todo.spec.ship_media)
    try:
        share = cluster_share(todo.spec)
        room = transport.reserve(share, todo.spec.workers)
    except BaseException:
        transport.close(0.0)
        raise
    if not share.gpus and (problem := too_large_for(todo.model, node_memory())) is not None:
        todo.note(problem)
    count = todo.spec.workers or room
    if room < count:
        todo.note(f"the cluster has room for {room:,} of {count:,} workers; the others begin when nodes join")

    def further(number: int, count: int) -> Share:
        del number
        check_count(count)
        return share

    return transport, [share] * count, further


def _setup(recipe: ModelRecipe, share: Share, spec: RunSpec) -> WorkerSetup:
    return WorkerSetup(
        recipe,
        packages().get("mmbench", "unknown"),
        threads=share.threads,
        loader_threads=spec.loader_threads,
        user_files=user_files(),
        environment=share.environment,
        cpus=share.cpus,
        gpus=share.gpus,
    )


def user_files() -> dict[str, str]:
    """Module name to path of the users' files that were imported, which workers import under the same names."""
    # Not getattr: some modules, such as those of torch.ops, have an attribute of any name.
    found = {
        name: getattr(module, "__dict__", {}).get("__mmbench_file__") for name, module in list(sys.modules.items())
    }
    return {name: file for name, file in found.items() if file is not None}
