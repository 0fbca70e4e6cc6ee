"""Executor ``pool``: several workers answer the batches of a task, each with the model open; the driver alone writes the log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from mmbench.core.errors import DamagedFileError, RunFailedError, UsageError
from mmbench.core.phases import active, phase
from mmbench.core.requests import Request
from mmbench.core.responses import Call, Response
from mmbench.core.spec import RunSpec
from mmbench.perf.machine import packages
from mmbench.runner.execute.executor import Executor, Remarks, Sink, Todo
from mmbench.runner.execute.recipe import ModelRecipe
from mmbench.runner.execute.signals import Interrupted, raise_if_swallowed, shielded
from mmbench.runner.plan.memory import too_large_for
from mmbench.runner.pool.crew import Crew
from mmbench.runner.pool.leases import Lease, LeaseQueue, Patience
from mmbench.runner.pool.processes import Processes
from mmbench.runner.pool.resources import Share, further_share, shares
from mmbench.runner.pool.slots import Slots
from mmbench.runner.pool.steering import Steering
from mmbench.runner.pool.transport import (
    Answered,
    Died,
    Event,
    Transport,
    Unusable,
    Work,
    WorkerSetup,
)

_DRAIN_S = 4.0
"""Seconds that workers have after a signal to end what they are answering."""
_WAIT_S = 1.0
_LOSSES = 16
"""Workers that may be lost one after the other with no answer in between."""


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
        asking = _Asking(crew, slots, todo, sink, self._leave(todo, slots), self._steering)
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


_Found = tuple[Transport, Sequence[Share], Callable[[int], Share]]
"""A transport, what each of the first workers may use, and what one more may."""


def _here(todo: Todo) -> _Found:
    """Processes of this machine."""
    first = shares(todo.spec, todo.model.options)
    return Processes(), first, partial(further_share, first)


def _on_cluster(address: str, todo: Todo) -> _Found:
    """Actors of a Ray cluster. Raises `UsageError` where it cannot be reached or has no room."""
    from mmbench.runner.pool.cluster import cluster_share, node_memory
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
    return transport, [share] * count, lambda number: share


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


class _Asking:
    """One task being asked.

    Args:
        crew: The workers.
        transport: Carries leases to them.
        todo: What is asked.
        sink: Takes what comes of it.
        leave: Told of a worker that has nothing left to do; None: it stays.
        steering: Tells how many workers there are to be; None: their number stays.
    """

    def __init__(
        self,
        crew: Crew,
        transport: Transport | Slots,
        todo: Todo,
        sink: Sink,
        leave: Callable[[int], None] | None = None,
        steering: Steering | None = None,
    ) -> None:
        self.only_requests: str | None = None
        """As in `Remarks`."""
        self._crew = crew
        self._transport = transport
        self._todo = todo
        self._sink = sink
        self._leave = leave
        self._steering = steering
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
                self._steer()
                self._give_out()
                self._let_idle_leave()
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

    def _steer(self) -> None:
        """Have as many workers as there are to be by now; those that leave answer first what they hold."""
        slots, crew = self._transport, self._crew
        if self._steering is None or not isinstance(slots, Slots) or slots.next is not None:
            return
        before = crew.size
        try:
            if (wanted := self._steering.look(time.perf_counter(), before)) is not None:
                self._let_go(slots.resize(wanted))
                self._todo.note(f"workers from now on: {crew.size:,}, instead of {before:,}")
        except (DamagedFileError, UsageError) as error:
            self._todo.note(f"{error}; {crew.size:,} workers go on")

    def _let_go(self, workers: Sequence[int]) -> None:
        """End workers that are to leave and have answered what they hold."""
        for worker in workers:
            if not self._queue.held_by(worker) and isinstance(self._transport, Slots):
                self._queue.lose(worker, blamed=False)
                self._transport.release(worker)

    def _let_idle_leave(self) -> None:
        """Let those leave that hold nothing where no batch is left; what a lost worker held is for the one in its place."""
        if self._leave is not None and self._queue.left == 0:
            for worker in [each for each in self._crew.slots if not self._queue.held_by(each)]:
                self._leave(worker)

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
        elif isinstance(event, Died) and self._crew.is_open(event.worker):
            self._on_lost(event.worker, event.how, "error", blamed=event.blamed)
        else:
            self._crew.on_start(event, time.perf_counter())

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
        if self._crew.is_leaving(event.worker):
            self._let_go([event.worker])
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
        self._crew.on_lost(worker, now, how, another=blamed or not self._goes_with_its_machine())

    def _goes_with_its_machine(self) -> bool:
        """Whether a worker whose machine is gone has none in its place: the number follows the cluster, and others go on."""
        return self._steering is not None and self._steering.follows_cluster and self._crew.size > 1

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
