"""The slots of a pool: one model leaves them to the next, each as soon as its worker has nothing left to do."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence

from mmbench.core.errors import MmbenchError
from mmbench.core.spec import RunSpec
from mmbench.resolve.model_names import ResolvedModel
from mmbench.runner.plan.job import Job
from mmbench.runner.pool.crew import Crew
from mmbench.runner.pool.resources import Share
from mmbench.runner.pool.transport import Answered, Event, Transport, Work, WorkerSetup

CLOSE_S = 3.0
"""Seconds that workers have to close their models."""
_WAIT_S = 0.1


class Slots:
    """Shares of CPUs and GPUs that the workers of one model have after those of another, over all runs of a command.

    No two workers have a slot at once: the next one is started when the former has closed its model and is gone with its
    memory. While a model is asked its last batches, the model of the next run is opened in slots that have become free.

    Args:
        transport: Starts and ends workers.
        shares: What the worker in each slot may use.
        further: What one in a slot with a higher number may use where there are to be so many workers; it may raise `UsageError`.
            None: the same as the first.
    """

    def __init__(
        self, transport: Transport, shares: Sequence[Share], further: Callable[[int, int], Share] | None = None
    ) -> None:
        self._shares = list(shares)  # also of slots that are not used any more
        self._count = len(self._shares)
        self._further = further
        self.transport = transport
        """Carries leases to the workers."""
        self.crew: Crew | None = None
        """The workers of the model that is asked."""
        self.next: Crew | None = None
        """The workers of the model of the next run, where they are started already."""
        self.next_since: float | None = None
        """When the first of these was started, by `time.perf_counter`."""
        self._next_run: Job | None = None
        self._next_failed = False
        self._numbers = itertools.count()
        self._leaving: dict[int, tuple[int, float]] = {}  # worker → its slot, and until when it may close its model

    @property
    def shares(self) -> Sequence[Share]:
        """What the worker in each slot may use."""
        return self._shares[: self._count]

    def open(self, setups: Sequence[WorkerSetup], note: Callable[[str], None]) -> None:
        """Start the workers of the model that is to be asked, each when its slot is free."""
        taken = {slot for slot, _ in self._leaving.values()}
        self.crew = Crew(self.transport, setups, note, self._numbers, taken)

    def resize(self, count: int) -> Sequence[int]:
        """Have more or fewer workers ask the model that is asked, and those of later runs.

        Args:
            count: Workers that there are to be.

        Returns:
            Those that are to leave: `release` ends each once it holds nothing.

        Raises:
            UsageError: If there is room for fewer.
        """
        if (crew := self.crew) is None:
            return ()

        def share(slot: int) -> Share:
            if slot == len(self._shares):
                self._shares.append(self._shares[0] if self._further is None else self._further(slot, count))
            return self._shares[slot]

        try:
            return crew.resize(count, share)
        finally:
            self._count = max(1, crew.size)
            self._fill()

    def release(self, worker: int) -> None:
        """Have a worker that is asked nothing more close its model and end."""
        self._leave(worker)

    def leave_to(
        self, job: Job, setups: Callable[[], Sequence[WorkerSetup]], worker: int, note: Callable[[str], None]
    ) -> None:
        """Have a worker that is asked nothing more close its model, and open that of the next run in its slot.

        What keeps the next model from being opened is no matter of the run that is being asked, and is heard of in its own.

        Args:
            job: The next run.
            setups: Makes the setups of its workers; called once.
            worker: The worker that leaves.
            note: Shows one line to people.
        """
        if self._next_failed:
            return
        if self.next is None:
            self._next_run = job
            try:
                self.next = Crew(self.transport, setups(), note, self._numbers, range(len(self.shares)))
            except MmbenchError:
                self._next_failed = True
                return
            if self.crew is not None:
                self.crew.vacant.clear()  # these slots are the next model's now
        self._leave(worker)

    def _leave(self, worker: int) -> None:
        if (crew := self.crew) is None:
            return
        now, slot, is_open = time.perf_counter(), crew.slots[worker], crew.is_open(worker)
        crew.leave(worker, now)
        if is_open:
            self._leaving[worker] = slot, now + CLOSE_S
            self.transport.stop(worker)
        else:
            self.transport.kill(worker)
        self._fill()

    def leave_all(self) -> None:
        """Have the workers of the model that was asked close it and end; where a next one waits, begin to open it."""
        for worker in list(self.crew.slots) if self.crew is not None else ():
            self._leave(worker)
        self.crew = None
        self._fill()
        until = time.perf_counter() + CLOSE_S
        while self.next is not None and self._leaving and time.perf_counter() < until:
            self.wait(_WAIT_S)

    def take_next(self, model: ResolvedModel, spec: RunSpec) -> bool:
        """Begin another run: workers that were started for it already are those of the model that is asked.

        Returns:
            Whether there were any; where not, `open` starts them.
        """
        job, self._next_run = self._next_run, None
        if (
            job is None or job.model is not model or job.spec is not spec
        ):  # the run that was to be next has failed early
            self._drop_next()
        found, self.next = self.next, None
        self.next_since, self._next_failed = None, False
        if found is None:
            return False
        self.crew = found
        return True

    def _drop_next(self) -> None:
        found, self.next = self.next, None
        for worker in found.slots if found is not None else ():
            self.transport.kill(worker)

    def submit(self, worker: int, work: Work) -> None:
        """As `Transport.submit`."""
        self.transport.submit(worker, work)

    def kill(self, worker: int) -> None:
        """As `Transport.kill`, where another worker takes the place of one that is lost."""
        self.transport.kill(worker)

    def wait(self, timeout_s: float) -> Sequence[Event]:
        """What has happened to the workers of the model that is asked; whatever happens to others is seen to."""
        found: list[Event] = []
        for event in self.transport.wait(timeout_s):
            if event.worker in self._leaving:
                if not isinstance(event, Answered):
                    del self._leaving[event.worker]
            elif self.next is not None and event.worker in self.next.slots:
                self._on_next(event)
            else:
                found.append(event)
        now = time.perf_counter()
        for worker in [worker for worker, (_, until) in self._leaving.items() if until < now]:
            del self._leaving[worker]
            self.transport.kill(worker)
        self._make_room()
        self._fill()
        return found

    def _make_room(self) -> None:
        """End the workers of the next model where no machine has room for the only ones of the model that is asked."""
        crew = self.crew
        if self.next is not None and crew is not None and crew.starting and not crew.ready and self.transport.waiting:
            self._drop_next()
            self._next_failed = True

    def _on_next(self, event: Event) -> None:
        try:
            if self.next is not None:
                self.next.on_start(event, time.perf_counter())
        except MmbenchError:  # it is opened again once it has the machine to itself, and what is wrong is said then
            self._drop_next()
            self._next_failed = True

    def _fill(self) -> None:
        """Start workers in slots that are free: those of the next model, where one waits."""
        crew = self.crew if self.next is None else self.next
        if crew is None or not crew.vacant:
            return
        taken = {slot for slot, _ in self._leaving.values()}
        if self.crew is not None:
            taken |= set(self.crew.slots.values())
        for slot in sorted(crew.vacant - taken):
            if crew is self.next and self.next_since is None:
                self.next_since = time.perf_counter()
            crew.fill(slot)

    def close(self) -> None:
        """End all workers."""
        self.crew = self.next = None
        self._leaving.clear()
        self.transport.close(CLOSE_S)
