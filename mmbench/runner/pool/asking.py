"""One task asked of the workers of a pool: what each is given, what comes of it, and who joins and leaves meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from mmbench.core.errors import DamagedFileError, RunFailedError, UsageError
from mmbench.core.phases import active, phase
from mmbench.core.requests import Request
from mmbench.core.responses import Call, Response
from mmbench.runner.execute.executor import Sink, Todo
from mmbench.runner.execute.signals import Interrupted, raise_if_swallowed, shielded
from mmbench.runner.pool.crew import Crew
from mmbench.runner.pool.leases import Lease, LeaseQueue, Patience
from mmbench.runner.pool.slots import Slots
from mmbench.runner.pool.steering import Steering
from mmbench.runner.pool.transport import Answered, Died, Event, Ready, Transport, Unusable, Work

_DRAIN_S = 4.0
"""Seconds that workers have after a signal to end what they are answering."""
_WAIT_S = 1.0
_LOSSES = 16
"""Workers that may be lost one after the other with no answer in between."""


class Asking:
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
            None  # workers in the order in which they were heard of; None: all are meant, because one is gone
        )
        self._ended: dict[int, float] = {}  # worker → when its last call ended

    def run(self) -> None:
        """Ask everything. Raises what ends the task early; after a signal, what is answered within seconds is kept."""
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
                self._heard = None  # a slow worker may have been left without a batch because this one was faster

    def _let_idle_leave(self) -> None:
        """Let those leave that hold nothing where no batch is left; what a lost worker held is for the one in its place."""
        if self._leave is not None and self._queue.left == 0:
            for worker in [each for each in self._crew.slots if not self._queue.held_by(each)]:
                self._leave(worker)
                if worker not in self._crew.slots:
                    self._queue.lose(worker, blamed=False)

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
            if not isinstance(event, Ready):
                self._heard = None

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
