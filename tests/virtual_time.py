"""A clock that only moves when everybody waits: loads of minutes are measured in milliseconds, and their times are known."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from mmbench.core.requests import Generate, identify
from mmbench.models.caller import ModelCaller
from mmbench.perf.cpu import CpuReading
from mmbench.runner.scenarios.bench import Bench
from mmbench.runner.scenarios.settings import LoadSettings
from mmbench.runner.scenarios.subject import Subject


class _Selector(selectors.DefaultSelector):
    """Instead of waiting it moves the clock."""

    clock: "Clock"

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout:
            self.clock.now += timeout
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    """Runs by the clock."""

    def __init__(self, clock: "Clock") -> None:
        selector = _Selector()
        selector.clock = clock
        self._virtual = clock
        super().__init__(selector)

    def time(self) -> float:
        return self._virtual.now


class Clock:
    """Seconds, moved by whoever waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Block everybody for so long."""
        self.now += seconds


_OPEN: list[asyncio.Runner] = []


def close_loops() -> None:
    """Close the loops of a test."""
    while _OPEN:
        _OPEN.pop().close()


class VirtualEventLoop:
    """Stands for `mmbench.runner.execute.event_loop.EventLoop`."""

    def __init__(self, clock: Clock) -> None:
        self._runner = asyncio.Runner(loop_factory=lambda: _Loop(clock))
        _OPEN.append(self._runner)

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run to the end."""
        self._runner.run(coroutine)

    def abandon(self, task: asyncio.Task[Any], patience_s: float) -> None:
        """Cancel and wait."""
        task.cancel()
        self._runner.get_loop().run_until_complete(asyncio.wait([task], timeout=patience_s))


def prompts(n: int) -> list[Generate]:
    """So many different prompts."""
    made = [Generate(parts=(f"prompt {number}",)) for number in range(n)]
    for number, request in enumerate(made):
        identify([request], "task", str(number), 0)
    return made


def bench_of(
    model: Any, clock: Callable[[], float], *, n: int = 100, notes: list[str] | None = None, **settings: Any
) -> Bench:
    """A bench by a virtual clock."""
    loop: Any = VirtualEventLoop(clock) if isinstance(clock, Clock) else None
    subject = Subject(
        ModelCaller(model), loop, prompts(n), clock=clock, reading=lambda: CpuReading(0.0, 0.0, 0.0, 0.0, 0)
    )
    given = LoadSettings(**{"requests": 662, "seconds": 1e6, "concurrency": 4, "seed": 0, **settings})
    return Bench(subject, given, (notes if notes is not None else []).append)


class Served:
    """An async model that answers each request after a known time.

    Args:
        clock: The clock.
        times: Seconds of each call in turn, over and over.
        at_once: Requests that are served at the same time; the others wait in a queue.
    """

    def __init__(self, clock: Clock, times: Sequence[float], at_once: int = 1_000_000) -> None:
        self.clock = clock
        self.times = times
        self.calls = 0
        self.at_once = at_once
        self._room: asyncio.Semaphore | None = None

    async def generate(self, request: Any) -> Any:
        """Wait for a place, then for as long as the call takes."""
        number, self.calls = self.calls, self.calls + 1
        self._room = self._room or asyncio.Semaphore(self.at_once)
        async with self._room:
            await asyncio.sleep(self.times[number % len(self.times)])
        return self.answer(number, request)

    def answer(self, number: int, request: Any) -> Any:
        """What it answers."""
        return "yes"


class SyncServed:
    """A synchronous model that takes a known time for each call."""

    def __init__(self, clock: Clock, seconds: Callable[[int, int], float]) -> None:
        self.clock = clock
        self.seconds = seconds
        self.calls = 0
        self.sizes: list[int] = []

    def generate(self, requests: Sequence[Any]) -> list[str]:
        """Block for so long."""
        self.clock.sleep(self.seconds(self.calls, len(requests)))
        self.calls += 1
        self.sizes.append(len(requests))
        return ["yes"] * len(requests)
