"""Put a load on a model: requests arrive by a rule, until a rule says stop. What was measured survives an interruption."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from mmbench.core.errors import StoppedError
from mmbench.perf.cpu import CpuUse
from mmbench.results.schema import RequestTiming
from mmbench.runner.scenarios.subject import OutOfMemoryError, Subject

_ENOUGH = 50
"""Requests after which a load is stopped of which most fail."""


class MostFailedError(StoppedError):
    """Most requests of a load fail; what it measured is kept."""


class StopRule(NamedTuple):
    """When no further request is made."""

    requests: int
    """After so many."""
    seconds: float
    """Or after so long, whichever comes first; one is always made."""

    def allows(self, made: int, now_s: float) -> bool:
        """Whether one more may be made."""
        return made < self.requests and (now_s < self.seconds or not made)


@dataclass
class Load:
    """What happened under a load."""

    timings: list[RequestTiming] = field(default_factory=list)
    """The requests, in the order in which they ended."""
    wall_s: float = 0.0
    """Seconds from the start to the last end."""
    use: CpuUse | None = None
    """What the CPUs did meanwhile; None before it ended."""
    most_in_flight: int = 1
    """Requests in flight at once, at most."""
    planned: int = 0
    """Requests that an open loop was to make; 0 in a closed one."""
    closed_s: float = 0.0
    """When the last request was made."""
    complete: bool = False
    """Whether it came to its end."""


class Arrivals(Protocol):
    """How requests arrive."""

    def put(self, subject: Subject, stop: StopRule, load: Load) -> None:
        """Ask the model until the rule says stop; each request is entered into the load when it ends."""


def apply(subject: Subject, arrivals: Arrivals, stop: StopRule, load: Load) -> None:
    """Put a load on a model.

    Args:
        subject: The model.
        arrivals: How requests arrive.
        stop: When no more are made.
        load: Filled while it runs, so that it holds what was measured if an exception ends it.

    Raises:
        MostFailedError: If most requests fail.
        StoppedError: If enough is spent.
        ModelUnusableError: If the model cannot be asked.
        Interrupted: On a signal.
    """
    subject.restart()
    before = subject.reading()
    try:
        arrivals.put(subject, stop, load)
        load.complete = True
    finally:
        load.use = CpuUse.between(before, subject.reading())
        load.wall_s = max((timing.ended_s for timing in load.timings), default=0.0)


def _enter(load: Load, timing: RequestTiming) -> None:
    load.timings.append(timing)
    if not timing.ended_well and len(load.timings) >= _ENOUGH:
        failed = sum(not each.ended_well for each in load.timings)
        if 2 * failed > len(load.timings):
            raise MostFailedError(f"{failed:,} of {len(load.timings):,} requests failed; the last: {timing.error}")


@dataclass(frozen=True, slots=True)
class OneByOne:
    """A closed loop with one request in flight, for any model."""

    def put(self, subject: Subject, stop: StopRule, load: Load) -> None:
        """As in `Arrivals`."""
        if subject.concurrent:
            ClosedLoop(1).put(subject, stop, load)
            return
        made = 0
        while stop.allows(made, subject.now()):
            load.closed_s = subject.now()
            try:
                (timing,) = subject.ask([made])
            except OutOfMemoryError as error:  # this request is too large, others may not be
                timing = subject.failed(made, load.closed_s, str(error))
            _enter(load, timing)
            made += 1


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """So many requests in flight: each that ends makes room for the next."""

    in_flight: int
    """How many."""

    def put(self, subject: Subject, stop: StopRule, load: Load) -> None:
        """As in `Arrivals`."""
        load.most_in_flight = self.in_flight
        subject.run(self._run(subject, stop, load))

    async def _run(self, subject: Subject, stop: StopRule, load: Load) -> None:
        numbers = self._numbers(subject, stop, load)
        async with asyncio.TaskGroup() as group:
            for _ in range(self.in_flight):
                group.create_task(self._worker(subject, numbers, load))

    async def _worker(self, subject: Subject, numbers: Iterator[int], load: Load) -> None:
        for number in numbers:
            _enter(load, await subject.ask_one(number))

    def _numbers(self, subject: Subject, stop: StopRule, load: Load) -> Iterator[int]:
        made = 0
        while stop.allows(made, subject.now()):
            load.closed_s = subject.now()
            yield made
            made += 1


@dataclass(frozen=True)
class OpenLoop:
    """Requests arrive when they arrive, however many are in flight."""

    arrivals: Iterator[float]
    """Seconds of the arrivals, ascending."""

    def put(self, subject: Subject, stop: StopRule, load: Load) -> None:
        """As in `Arrivals`."""
        due: list[float] = []
        for at in self.arrivals:
            if not stop.allows(len(due), at):
                break
            due.append(at)
        load.planned = len(due)
        subject.run(self._run(subject, due, load))

    async def _run(self, subject: Subject, due: list[float], load: Load) -> None:
        flying = 0

        async def one(number: int) -> None:
            nonlocal flying
            flying += 1
            load.most_in_flight = max(load.most_in_flight, flying)
            timing = await subject.ask_one(number, due[number])
            flying -= 1
            _enter(load, timing)

        async with asyncio.TaskGroup() as group:
            for number, at in enumerate(due):
                if (wait := at - subject.now()) > 0:
                    await asyncio.sleep(wait)
                load.closed_s = subject.now()
                group.create_task(one(number))


@dataclass(frozen=True, slots=True)
class Batches:
    """All prompts are there at once: a synchronous model is asked batch after batch."""

    batches: list[list[int]]
    """Numbers of the prompts of each batch; each batch of prompts of one kind."""

    def put(self, subject: Subject, stop: StopRule, load: Load) -> None:
        """As in `Arrivals`. Raises `OutOfMemoryError`."""
        made = 0
        for batch in self.batches:
            if not stop.allows(made, subject.now()):
                break
            load.closed_s = subject.now()
            for timing in subject.ask(batch, 0.0):
                _enter(load, timing)
            made += len(batch)
