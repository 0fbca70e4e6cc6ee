"""The workers of one model: started where there is a slot, replaced where they die, and what each of them did."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mmbench.core.errors import MmbenchError, RunFailedError, UsageError
from mmbench.results.schema import WorkerPerf
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


class Crew:
    """Keeps workers at work over a transport. Each has a slot, which is its place among the setups.

    Args:
        transport: Starts and ends them.
        setups: One for each worker that there is to be.
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
        self._numbers = itertools.count() if numbers is None else numbers
        self.vacant = set(taken)
        """Slots in which no worker was started yet."""
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
        """Workers that there are or will soon be."""
        return len(self.ready) + len(self._starting) + len(self.vacant)

    @property
    def slots(self) -> Mapping[int, int]:
        """Every worker that was started, ready or not, and its slot."""
        return {worker: place.slot for each in (self.ready, self._starting) for worker, place in each.items()}

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
        place = self.ready.pop(worker, None) or self._starting.pop(worker)
        if place.ready_since is not None:
            place.ready_s += now - place.ready_since
            place.ready_since = None

    def _start(self, place: Place) -> None:
        number = next(self._numbers)
        place.tries += 1
        self._starting[number] = place
        self._transport.start(number, place.setup)

    def on_start(self, event: Event, now: float) -> None:
        """Take note of what became of a worker that is asked nothing. Raises as `on_not_started` and `on_lost` do."""
        if isinstance(event, Ready):
            self.on_ready(event, now)
        elif isinstance(event, Died) and event.worker in self.ready:
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
            MmbenchError: If no worker is left, or what is wrong is wrong for all of them.
        """
        place = self._starting.pop(event.worker)
        error: MmbenchError
        if isinstance(event, NotStarted):
            error = event.error
            if isinstance(error, UsageError):
                raise error
        else:
            hint = _SCRIPT if "exit code 1" in event.how else ""
            error = RunFailedError(f"a worker {event.how} while it opened the model {place.setup.recipe.name!r}{hint}")
        if place.info is not None and place.tries < _TRIES:  # one could be asked here before
            self._start(place)
        elif self.size == 0:
            raise error
        else:
            self._note(f"{error}. {self.size:,} of {len(self._places):,} workers go on")

    def on_lost(self, worker: int, now: float, why: str) -> None:
        """Start another worker in the place of one that is gone. Raises `RunFailedError` if that is no use any more."""
        place = self.ready.pop(worker)
        place.ready_s += now - (place.ready_since or now)
        place.ready_since = None
        place.lost += 1
        self._note(f"worker {place.slot} {why}; another takes its place")
        self._start(place)

    def on_answer(self, worker: int, answer: Answer, under_way_s: float) -> None:
        """Take note of what a worker did.

        Args:
            worker: The worker.
            answer: Its answer.
            under_way_s: Seconds from sending the lease to the arrival of the answer.
        """
        place = self.ready[worker]
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
        for place in self._places:
            place.calls = place.requests = place.lost = 0
            place.busy_s = place.dispatch_s = place.ready_s = 0.0
            place.notes = {}
            place.ready_since = None if place.ready_since is None else now

    def end_task(self, now: float) -> None:
        """Stop counting the time in which workers are ready."""
        for place in self._places:
            if place.ready_since is not None:
                place.ready_s += now - place.ready_since
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
        return [_figures(number, self._transport.kind, place, usual) for number, place in enumerate(self._places)]


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
