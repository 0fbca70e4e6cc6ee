"""Executor ``pool``: several workers answer the batches of a task, each with the model open; the driver alone writes the log."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from mmbench.core.errors import RunFailedError
from mmbench.core.phases import active, phase
from mmbench.core.requests import Request
from mmbench.core.responses import Call, Response
from mmbench.perf.machine import packages
from mmbench.runner.execute.executor import Executor, Remarks, Sink, Todo
from mmbench.runner.execute.recipe import ModelRecipe
from mmbench.runner.execute.signals import Interrupted, raise_if_swallowed, shielded
from mmbench.runner.pool.crew import Crew
from mmbench.runner.pool.leases import Lease, LeaseQueue, Patience
from mmbench.runner.pool.processes import Processes
from mmbench.runner.pool.resources import Share, shares
from mmbench.runner.pool.transport import (
    Answered,
    Died,
    Event,
    NotStarted,
    Ready,
    Transport,
    Unusable,
    Work,
    WorkerSetup,
)

_DRAIN_S = 4.0
"""Seconds that workers have after a signal to end what they are answering."""
_CLOSE_S = 3.0
"""Seconds that they have to close their models."""
_WAIT_S = 1.0
_LOSSES = 16
"""Workers that may be lost one after the other with no answer in between."""


class PoolExecutor(Executor):
    """Keeps the workers of one model over all its tasks; a model that learns has new ones for each task."""

    def __init__(self) -> None:
        self.workers = 1
        """Workers that there are to be."""
        self._transport: Transport | None = None
        self._crew: Crew | None = None
        self._shares: Sequence[Share] = ()
        self._task = ""
        self._remarks: dict[str, Remarks] = {}

    def prepare(self, todo: Todo) -> None:
        """Start the workers and wait until each has opened the model, or cannot.

        Raises:
            UsageError: If the model cannot be built in another process.
            RunFailedError: If no worker could open it.
        """
        if self._crew is not None and (self._task == todo.plan.name or todo.fitted is None):
            return
        self.close()
        learned = todo.fitted() if todo.fitted is not None else None
        recipe = ModelRecipe.of(todo.model, learned)
        self._task = todo.plan.name
        self._transport, self._shares = _here(todo) if todo.spec.ray is None else _on_cluster(todo.spec.ray, todo)
        self.workers = len(self._shares)
        self._crew = crew = Crew(self._transport, [_setup(recipe, share, todo) for share in self._shares], todo.note)
        while crew.starting > (self._transport.waiting if crew.ready else 0):
            for event in self._transport.wait(_WAIT_S):
                _on_start(crew, event)

    def run(self, todo: Todo, sink: Sink) -> None:
        """Ask every batch and record what comes of it. After a signal, what is answered within seconds is kept."""
        if self._crew is None or self._transport is None:
            raise RunFailedError("the workers were not started")
        asking = _Asking(self._crew, self._transport, todo, sink)
        self._crew.begin_task(time.perf_counter())
        try:
            asking.run()
        finally:
            self._crew.end_task(time.perf_counter())
            self._remarks[todo.plan.name] = Remarks(
                settings=self._crew.settings,
                notes=self._crew.notes(),
                workers=self._crew.figures(),
                threads=self._shares[0].threads,
                only_requests=asking.only_requests,
            )

    def remarks(self, task: str) -> Remarks:
        """What the workers say of a task that was asked."""
        return self._remarks.get(task, Remarks())

    def close(self) -> None:
        """End the workers."""
        transport, self._transport, self._crew = self._transport, None, None
        if transport is not None:
            transport.close(_CLOSE_S)


def _here(todo: Todo) -> tuple[Transport, Sequence[Share]]:
    """Processes of this machine."""
    return Processes(), shares(todo.spec, todo.model.options)


def _on_cluster(address: str, todo: Todo) -> tuple[Transport, Sequence[Share]]:
    """Actors of a Ray cluster. Raises `UsageError` where it cannot be reached or has no room."""
    from mmbench.runner.pool.cluster import cluster_shares
    from mmbench.runner.pool.ray_workers import RayWorkers

    first = todo.plan.requests(todo.batches[0][1][:1]) if todo.batches else []
    media = [medium.path for request in first for medium in request.media if medium.path is not None]
    transport = RayWorkers(address, media, ship_media=todo.spec.ship_media)
    try:
        found = cluster_shares(todo.spec)
        room = transport.reserve(found[0], len(found))
    except BaseException:
        transport.close(0.0)
        raise
    if room < len(found):
        todo.note(f"the cluster has room for {room:,} of {len(found):,} workers; the others begin when nodes join")
    return transport, found


def _setup(recipe: ModelRecipe, share: Share, todo: Todo) -> WorkerSetup:
    return WorkerSetup(
        recipe,
        packages().get("mmbench", "unknown"),
        threads=share.threads,
        loader_threads=todo.spec.loader_threads,
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


def _on_start(crew: Crew, event: Event) -> None:
    """Take note of what became of a worker while no task is asked."""
    now = time.perf_counter()
    if isinstance(event, Ready):
        crew.on_ready(event, now)
    elif isinstance(event, Died) and event.worker in crew.ready:
        crew.on_lost(event.worker, now, event.how)
    elif isinstance(event, NotStarted | Died):
        crew.on_not_started(event)


class _Asking:
    """One task being asked."""

    def __init__(self, crew: Crew, transport: Transport, todo: Todo, sink: Sink) -> None:
        self.only_requests: str | None = None
        """As in `Remarks`."""
        self._crew = crew
        self._transport = transport
        self._todo = todo
        self._sink = sink
        self._queue = LeaseQueue([len(numbers) for _, numbers in todo.batches], Patience(fixed_s=todo.spec.timeout))
        self._size = todo.batch_size
        self._auto = isinstance(todo.spec.batch_size, str)
        self._sent: dict[int, tuple[list[Request], float]] = {}
        self._losses = 0
        self._heard: dict[int, None] | None = (
            None  # workers in the order in which they were heard of; None: all are meant
        )
        self._ended: dict[int, float] = {}  # worker → when its last call ended

    def run(self) -> None:
        phases = active()
        try:
            while not self._queue.done:
                self._give_out()
                if phases is not None:
                    phases.rest_on("model" if self._queue.leased else "queue")
                self._wait(_WAIT_S)
                raise_if_swallowed()
        except Interrupted:
            with suppress(Interrupted, RunFailedError), shielded():
                self._drain()
            raise
        finally:
            if self._size != self._todo.batch_size:
                self._sink.reduce_batch_size(self._size)

    def _give_out(self) -> None:
        """Lease batches to the workers that may have one: those that were heard of, and all of them after a loss."""
        heard, self._heard = self._heard, {}
        for worker in list(self._crew.ready) if heard is None else [each for each in heard if each in self._crew.ready]:
            while (lease := self._queue.take(worker, time.perf_counter())) is not None:
                requests = self._requests(lease)
                work = Work(lease.number, self._todo.plan.name, requests, self._size, self._auto)
                self._sent[lease.number] = requests, time.perf_counter()
                self._transport.submit(worker, work)

    def _numbers(self, lease: Lease) -> list[int]:
        return self._todo.batches[lease.batch][1][lease.start : lease.stop]

    def _requests(self, lease: Lease) -> list[Request]:
        with phase("load"):
            return self._todo.plan.requests(self._numbers(lease))

    def _wait(self, timeout_s: float) -> None:
        deadline = self._queue.next_deadline()
        now = time.perf_counter()
        until = timeout_s if deadline is None else min(timeout_s, max(0.0, deadline - now))
        for event in self._transport.wait(until):
            self._on_event(event)
        for worker in self._queue.overdue(time.perf_counter()):
            self._transport.kill(worker)
            self._on_lost(worker, "did not answer in time and was ended", "timeout")

    def _on_event(self, event: Event) -> None:
        if self._heard is not None:
            self._heard[event.worker] = None
        if isinstance(event, Answered):
            self._on_answer(event)
        elif isinstance(event, Unusable):
            raise event.error
        elif isinstance(event, Died) and event.worker in self._crew.ready:
            self._on_lost(event.worker, event.how, "error", blamed=event.blamed)
        else:
            _on_start(self._crew, event)

    def _on_answer(self, event: Answered) -> None:
        now, answer = time.perf_counter(), event.answer
        lease = self._queue.finish(event.worker, answer.lease, now)
        if lease is None:
            return
        requests, sent = self._sent.pop(lease.number)
        self._losses = 0
        self._crew.on_answer(event.worker, answer, now - sent)
        if answer.batch_size < self._size:
            self._size = answer.batch_size
            self.only_requests = "memory ran out, so that batches were asked in parts"
        if answer.split_cause is not None:
            self._sink.report_splits(answer.splits, answer.split_cause)
        # No clock is shared: a call began once its lease had waited in the worker, and not before the worker's last had ended.
        start = max(sent + answer.waited_s - self._todo.started, self._ended.get(event.worker, 0.0))
        self._ended[event.worker] = start + answer.duration_s
        batch = self._todo.batches[lease.batch][0]
        call = Call(batch, self._numbers(lease), requests, start, answer.duration_s, device_s=answer.device_s)
        self._sink.record(call, answer.responses)

    def _on_lost(self, worker: int, how: str, status: str, *, blamed: bool = True) -> None:
        """Take back what a worker held, have another one started, and give up the request that costs workers."""
        now, self._heard = time.perf_counter(), None
        held = self._queue.held_by(worker)
        for lease in held:
            self._sent.pop(lease.number)
        given_up = self._queue.lose(worker, blamed=blamed)
        if held and blamed and held[0].losses and len(held[0]) > 1:
            self.only_requests = "workers were lost, so that a batch was asked in parts"
        if given_up is not None:
            self._give_up(given_up, how, status, now)
        elif blamed:
            self._losses += 1
        if self._losses >= _LOSSES:
            raise RunFailedError(
                f"{self._losses:,} workers were lost one after the other, with no answer in between; the last one {how}"
            )
        self._crew.on_lost(worker, now, how)

    def _give_up(self, lease: Lease, how: str, status: str, now: float) -> None:
        """Record that a request has no answer, because it costs workers."""
        self._losses = 0
        requests = self._requests(lease)
        code = "WorkerTimeoutError" if status == "timeout" else "WorkerDiedError"
        error = f"{code}: the worker {how}, each time this request was asked"
        response = Response("timeout" if status == "timeout" else "error", error=error)
        call = Call(self._todo.batches[lease.batch][0], self._numbers(lease), requests, now - self._todo.started, 0.0)
        self._sink.record(call, [response])

    def _drain(self) -> None:
        """Keep what is answered within a few seconds."""
        until = time.perf_counter() + _DRAIN_S
        while self._queue.leased and (left := until - time.perf_counter()) > 0:
            for event in self._transport.wait(left):
                if isinstance(event, Answered):
                    self._on_answer(event)
                elif isinstance(event, Died | Unusable):  # the others may still answer what they hold
                    self._queue.lose(event.worker, blamed=False)
