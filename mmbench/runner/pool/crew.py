"""The workers of one model: started where there is a slot, replaced, made more or fewer, and what each of them did."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mmbench.core.errors import MmbenchError, RunFailedError, UsageError
from mmbench.results.schema import WorkerPerf
from mmbench.runner.pool.resources import Share
from mmbench.runner.pool.transport import Answer, Died, Event, NotStarted, Ready, Transport, WorkerInfo, WorkerSetup

_TRIES = 3
"""Times in a row that a worker is started in the place of a lost one before it can be asked."""
_SLOW = 1.5
"""Times the median worker's seconds a request, from which a worker is called slow."""
_SCRIPT = "; what it wrote stands above. A script that asks with workers must do so below: if __name__ == '__main__':"
"""What to do where a process ended before it was a worker."""
_ENOUGH = 3
"""Calls that a worker must have answered before that is said of it."""


@dataclass(slots=True, eq=False)
class Place:
    """One of the workers that there are to be, whichever process stands for it at the moment."""

    slot: int
    """Its number among them."""
    setup: WorkerSetup
    """What a worker here needs."""
    info: WorkerInfo | None = None
    """What the last worker here said of itself."""
    tries: int = 0
    """Workers that were started here since one could be asked."""
    lost: int = 0
    """Workers that died here after they were ready, or were given up."""
    calls: int = 0
    """Leases that were answered here."""
    requests: int = 0
    """Their requests."""
    busy_s: float = 0.0
    """Seconds that the model took for them."""
    dispatch_s: float = 0.0
    """Seconds that these leases were under way, or waited for the driver."""
    ready_s: float = 0.0
    """Seconds in which a worker here was ready while the task was asked."""
    ready_since: float | None = None
    """When the worker here became ready, or the task began; None where there is none."""
    peak_memory: int | None = None
    gpu_allocated: int | None = None
    gpu_reserved: int | None = None
    notes: dict[int, Mapping[str, int]] = field(default_factory=dict)
    """What the model of each worker here noted of the task, by the number of the worker."""
    given_up: bool = False
    """Whether there is to be no worker here: there are to be fewer, or none could be started."""

    def stop_clock(self, now: float) -> None:
        """Count the time until now in which a worker here was ready."""
        if self.ready_since is not None:
            self.ready_s += now - self.ready_since
        self.ready_since = None


class Crew:
    """Keeps workers at work over a transport. Each has a slot, which is its place among the setups.

    Args:
        transport: Starts and ends them.
        setups: One for each worker that there is to be at first.
        note: Shows one line to people.
        numbers: Numbers of workers, where other crews have workers of the same transport.
        taken: Slots that other workers still have; `fill` starts a worker there.
    """

    def __init__(
        self,
        transport: Transport,
        setups: Sequence[WorkerSetup],
        note: Callable[[str], None],
        numbers: Iterator[int] | None = None,
        taken: Collection[int] = (),
    ) -> None:
        self.ready: dict[int, Place] = {}
        """Workers that can be asked, by number, in the order in which they became ready."""
        self.settings: Mapping[str, Any] = {}
        """What the model says that it answers by."""
        self._transport = transport
        self._note = note
        self._places = [Place(slot, setup) for slot, setup in enumerate(setups)]
        self._starting: dict[int, Place] = {}
        self._leaving: dict[int, Place] = {}
        self._asking = False
        self._numbers = itertools.count() if numbers is None else numbers
        self.vacant = set(taken)
        """Slots in which a worker is to be started, once they are free."""
        self._wanted = self.most = len(setups)
        self.changed = False
        """Whether there were to be more or fewer workers at some time of the task."""
        note(f"{setups[0].recipe.name}: starting {_described(transport.kind, setups)}")
        for place in self._places:
            if place.slot not in self.vacant:
                self._start(place)

    @property
    def starting(self) -> int:
        """Workers that are being started."""
        return len(self._starting)

    @property
    def size(self) -> int:
        """Workers that there are or will soon be, without those that leave."""
        return len(self.taken)

    @property
    def slots(self) -> Mapping[int, int]:
        """Every worker that was started, ready or not, and its slot."""
        found = (self.ready, self._starting, self._leaving)
        return {worker: place.slot for each in found for worker, place in each.items()}

    @property
    def taken(self) -> set[int]:
        """Slots in which there is or will soon be a worker that does not leave."""
        there_are = [*self.ready.values(), *self._starting.values()]
        return {place.slot for place in there_are if not place.given_up} | self.vacant

    def is_open(self, worker: int) -> bool:
        """Whether a worker has opened the model."""
        return worker in self.ready or worker in self._leaving

    def is_leaving(self, worker: int) -> bool:
        """Whether a worker answers what it holds and is asked no more."""
        return worker in self._leaving

    def resize(self, count: int, share: Callable[[int], Share]) -> list[int]:
        """Have more or fewer workers: `fill` starts further ones in slots that are vacant then, and the last ones leave.

        Args:
            count: Workers that there are to be.
            share: What a worker in a slot of this number may use. It may raise `UsageError`.

        Returns:
            Those that are to leave, once they have answered what they hold.

        Raises:
            UsageError: If there is room for fewer.
        """
        self.changed |= count != self.size
        try:
            while self.size > count:
                self._vacate(max(self.taken))
            while self.size < count:
                self._offer(share)
        finally:
            self._wanted, self.most = self.size, max(self.most, self.size)
        return [*self._leaving, *(worker for worker, place in self._starting.items() if place.given_up)]

    def _vacate(self, slot: int) -> None:
        """Have no worker in a slot; one that is being started is to be left by the caller."""
        self._places[slot].given_up = True
        self.vacant.discard(slot)
        for worker in [worker for worker, place in self.ready.items() if place.slot == slot]:
            self._leaving[worker] = self.ready.pop(worker)

    def _offer(self, share: Callable[[int], Share]) -> None:
        """Have a worker stay that was to leave, or else one in the first slot that has none, or in a new one."""
        if self._leaving:
            worker, place = self._leaving.popitem()
            self.ready[worker], place.given_up = place, False
            return
        free = next((place for place in self._places if place.given_up and place.slot not in self.slots.values()), None)
        if free is None:
            of = share(len(self._places))
            first = self._places[0].setup
            setup = replace(first, threads=of.threads, environment=of.environment, cpus=of.cpus, gpus=of.gpus)
            free = Place(len(self._places), setup)
            self._places.append(free)
        free.given_up, free.tries = False, 0
        self.vacant.add(free.slot)

    @property
    def load_s(self) -> float | None:
        """Seconds that the slowest worker took to open the model, by its own clock; None where none has."""
        return max((place.info.load_s for place in self._places if place.info is not None), default=None)

    def fill(self, slot: int) -> None:
        """Start a worker in a slot that was taken."""
        self.vacant.remove(slot)
        self._start(self._places[slot])

    def leave(self, worker: int, now: float) -> None:
        """Count a worker no more, because it is to end; none takes its place."""
        place = self.ready.pop(worker, None) or self._leaving.pop(worker, None) or self._starting.pop(worker)
        place.stop_clock(now)

    def _start(self, place: Place) -> None:
        number = next(self._numbers)
        place.tries += 1
        self._starting[number] = place
        self._transport.start(number, place.setup)

    def on_start(self, event: Event, now: float) -> None:
        """Take note of what became of a worker that is asked nothing. Raises as `on_not_started` and `on_lost` do."""
        if isinstance(event, Ready):
            self.on_ready(event, now)
        elif isinstance(event, Died) and event.worker not in self._starting:
            self.on_lost(event.worker, now, event.how)
        elif isinstance(event, NotStarted | Died):
            self.on_not_started(event)

    def on_ready(self, event: Ready, now: float) -> None:
        """Take note that a worker can be asked."""
        place = self._starting.pop(event.worker)
        place.info, place.ready_since, place.tries = event.info, now, 0
        self.ready[event.worker] = place

    def on_not_started(self, event: NotStarted | Died) -> None:
        """Start another in its place, unless that is no use.

        Raises:
            MmbenchError: If no worker is left, or what is wrong is wrong for all of them and none was asked yet.
        """
        place = self._starting.pop(event.worker)
        error: MmbenchError
        if isinstance(event, NotStarted):
            error = event.error
            if isinstance(error, UsageError) and not (self._asking and self.ready):
                raise error
        else:
            hint = _SCRIPT if "exit code 1" in event.how else ""
            error = RunFailedError(f"a worker {event.how} while it opened the model {place.setup.recipe.name!r}{hint}")
        again = place.tries < _TRIES and not isinstance(error, UsageError)
        if place.info is not None and again:  # one could be asked here before
            self._start(place)
        elif self.size == 0:
            raise error
        else:
            place.given_up = True
            self._note(f"{error}. {self.size:,} of {self._wanted:,} workers go on")

    def on_lost(self, worker: int, now: float, why: str, *, another: bool = True) -> None:
        """Take note that a worker is gone.

        Args:
            worker: The worker.
            now: The time.
            why: What became of it, for people.
            another: Whether another is started in its place, unless it was leaving.
        """
        leaving = self._leaving.pop(worker, None)
        place = self.ready.pop(worker) if leaving is None else leaving
        place.stop_clock(now)
        place.lost += 1
        if leaving is not None:
            self._note(f"worker {place.slot}, which was leaving, {why}")
        elif another:
            self._note(f"worker {place.slot} {why}; another takes its place")
            self._start(place)
        else:
            place.given_up = self.changed = True
            self._wanted -= 1
            self._note(f"worker {place.slot} {why}; {self.size:,} workers go on")

    def on_answer(self, worker: int, answer: Answer, under_way_s: float) -> None:
        """Take note of what a worker did.

        Args:
            worker: The worker.
            answer: Its answer.
            under_way_s: Seconds from sending the lease to the arrival of the answer.
        """
        place = self.ready[worker] if worker in self.ready else self._leaving[worker]
        place.calls += 1
        place.requests += len(answer.responses)
        place.busy_s += answer.duration_s
        place.dispatch_s += max(0.0, under_way_s - answer.waited_s - answer.duration_s)
        place.peak_memory = _larger(place.peak_memory, answer.peak_memory)
        place.gpu_allocated = _larger(place.gpu_allocated, answer.gpu_allocated)
        place.gpu_reserved = _larger(place.gpu_reserved, answer.gpu_reserved)
        place.notes[worker] = answer.notes
        self.settings = answer.settings

    def begin_task(self, now: float) -> None:
        """Forget what was counted of an earlier task."""
        self.changed, self.most, self._asking = False, self.size, True
        for place in self._places:
            place.calls = place.requests = place.lost = 0
            place.busy_s = place.dispatch_s = place.ready_s = 0.0
            place.notes = {}
            place.ready_since = None if place.ready_since is None else now

    def end_task(self, now: float) -> None:
        """Stop counting the time in which workers are ready."""
        self._asking = False
        for place in self._places:
            if place.ready_since is not None:
                place.stop_clock(now)
                place.ready_since = now

    def notes(self) -> dict[str, int]:
        """What the models noted of the task: sentence to number of requests."""
        total: Counter[str] = Counter()
        for place in self._places:
            for notes in place.notes.values():
                total.update(notes)
        return dict(total)

    def figures(self) -> list[WorkerPerf]:
        """What each worker did of the task."""
        paces = [place.busy_s / place.requests for place in self._places if place.calls >= _ENOUGH]
        usual = statistics.median(paces) if len(paces) > 1 else None
        there_were = [each for each in self._places if each.ready_s or each.calls or each.lost or not each.given_up]
        return [_figures(place.slot, self._transport.kind, place, usual) for place in there_were]


def _described(kind: str, setups: Sequence[WorkerSetup]) -> str:
    """How many workers of what kind, and what each may use."""
    threads, gpus = setups[0].threads, setups[0].gpus
    uses = [f"{threads} CPU thread{'s' * (threads > 1)}"] if threads else []
    uses += [f"{gpus:g} GPU{'s' * (gpus > 1)}"] if gpus else []
    if len(setups) == 1:
        return f"1 worker ({'a process' if kind == 'process' else f'an actor of {kind.capitalize()}'}) with {' and '.join(uses)}"
    kinds = "processes" if kind == "process" else f"actors of {kind.capitalize()}"
    return f"{len(setups):,} workers ({kinds}), each with {' and '.join(uses)}"


def _figures(number: int, kind: str, place: Place, usual: float | None) -> WorkerPerf:
    pace = place.busy_s / place.requests if place.requests else None
    slow = usual is not None and pace is not None and place.calls >= _ENOUGH and pace > _SLOW * usual
    return WorkerPerf(
        number=number,
        kind=kind,
        device=place.info.device if place.info else None,
        load_s=place.info.load_s if place.info else None,
        n_calls=place.calls,
        n_requests=place.requests,
        n_lost=place.lost,
        busy_s=place.busy_s,
        utilisation=min(1.0, place.busy_s / place.ready_s) if place.ready_s > 0 else None,
        requests_per_s=place.requests / place.ready_s if place.ready_s > 0 else None,
        dispatch_ms=1e3 * place.dispatch_s / place.calls if place.calls else None,
        peak_memory=place.peak_memory,
        gpu_allocated=place.gpu_allocated,
        gpu_reserved=place.gpu_reserved,
        slower=pace / usual if slow and usual and pace else None,
    )


def _larger(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)
