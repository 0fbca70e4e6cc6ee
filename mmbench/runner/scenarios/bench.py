"""The bench that scenarios measure on: warms the model up once, puts loads on it, and keeps what each of them measured."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mmbench.core.requests import Choose, Generate, Request
from mmbench.perf.energy import GpuUse, GpuWindow
from mmbench.perf.gpu_figures import Arithmetic
from mmbench.perf.nvml import find_gpu
from mmbench.perf.token_clocks import CLOCKS, Clock
from mmbench.results.schema import PerfFigure, PerfReason, RequestTiming
from mmbench.runner.scenarios.load import Arrivals, Load, OneByOne, StopRule, apply
from mmbench.runner.scenarios.settings import LoadSettings
from mmbench.runner.scenarios.subject import Subject

BLOCK = 5
"""Calls of the warm-up whose median is compared with that of the calls before."""
MOST_BLOCKS = 20
"""Blocks of the warm-up at most."""
SETTLED = 0.1
"""The medians have settled when two in a row differ by this share at most."""
PROBES = 8
"""Prompts that are asked twice, to see whether a server answers repeated prompts from a cache."""
CACHED = 0.5
"""A repeated prompt takes this share of the time at most where it does."""


@dataclass(eq=False)
class Measurement:
    """One load, and what must be known of it."""

    name: str
    """Name of the scenario."""
    load: Load = field(default_factory=Load)
    """What happened."""
    batch_size: int = 1
    """Requests a call at most."""
    concurrency: int | None = 1
    """Requests in flight at most; None in an open loop."""
    settings: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    """What the scenario was given, for the identity of its figures."""
    warm_up: int = 0
    """Requests of the load, the first ones, that no figure counts."""
    clocks: Sequence[Clock] = CLOCKS
    """The latencies that mean something here."""
    window: tuple[float, float] | None = None
    """Seconds between which ends are counted for rates; None: from the first due time to the last end."""
    figures: dict[str, PerfFigure] = field(default_factory=dict)
    """Figures of the scenario itself."""
    reasons: list[PerfReason] = field(default_factory=list)
    """Why the scenario itself says that its figures must not be quoted."""
    notes: list[str] = field(default_factory=list)
    """What else must be known."""
    gpu: GpuUse | None = None
    """What the GPU did meanwhile; None without one."""

    @property
    def measured(self) -> list[RequestTiming]:
        """The requests after the warm-up, in the order of their due times."""
        return sorted(self.load.timings, key=lambda timing: timing.due_s)[self.warm_up :]


class Bench:
    """Where scenarios are measured, one after the other.

    Args:
        subject: The model with its prompts.
        settings: What the user asked for.
        note: Shows one line to people.
    """

    def __init__(self, subject: Subject, settings: LoadSettings, note: Callable[[str], None]) -> None:
        self.subject = subject
        self.settings = settings
        self.note = note
        self.measured: list[Measurement] = []
        """What was measured so far, the load that an exception ended included."""
        self.cold_s: float | None = None
        """Seconds of the first call; NaN where it failed, None before it."""
        self.n_warm_up = 0
        """Calls of the warm-up."""
        self.settled = True
        """Whether the medians of the warm-up have settled."""
        self.arithmetic: Arithmetic | None = None
        """Operations of a request, counted in a pass of its own; None where the model does not compute with torch here."""
        self.cached_by_server: PerfReason | None = None
        """That the server answers repeated prompts from a cache; None where it does not seem to."""

    @property
    def stop(self) -> StopRule:
        """The rule that the user's options make."""
        return StopRule(self.settings.requests, self.settings.seconds)

    def put(self, name: str, arrivals: Arrivals, stop: StopRule | None = None, **known: Any) -> Measurement:
        """Put a load on the model and keep it as a scenario, also where an exception ends it. Raises as `load.apply`."""
        measurement = Measurement(name, **known)
        measurement.settings = {"workload": self.settings.workload, **measurement.settings}
        self.measured.append(measurement)
        gpu, problem = find_gpu()
        measurement.notes += [] if problem is None else [problem]
        if gpu is None:
            apply(self.subject, arrivals, stop or self.stop, measurement.load)
            return measurement
        window = GpuWindow(gpu)
        self.subject.look = window.look
        window.start()
        try:
            apply(self.subject, arrivals, stop or self.stop, measurement.load)
        finally:
            self.subject.look = _nothing
            measurement.gpu = window.stop()
        return measurement

    def try_out(self, arrivals: Arrivals, stop: StopRule) -> Load:
        """Put a load on the model that is no scenario."""
        load = Load()
        apply(self.subject, arrivals, stop, load)
        return load

    def warm_up(self) -> None:
        """Ask one by one until the medians settle, the first time that it is called. The first call is kept apart."""
        if self.cold_s is not None:
            return
        (cold,) = self.try_out(OneByOne(), StopRule(1, self.settings.seconds)).timings
        self.cold_s = cold.ended_s - cold.asked_s if cold.ended_well else math.nan
        self.n_warm_up = 1
        before: float | None = None
        spent = 0.0
        self.settled = False
        for _ in range(MOST_BLOCKS):
            block = self.try_out(OneByOne(), StopRule(BLOCK, self.settings.seconds))
            self.n_warm_up += len(block.timings)
            spent += block.wall_s
            times = [timing.ended_s - timing.asked_s for timing in block.timings if timing.ended_well]
            now = statistics.median(times) if times else None
            self.settled = now is not None and before is not None and abs(now - before) <= SETTLED * before
            before = now
            if self.settled or spent > self.settings.seconds / 4:
                break
        if self.subject.remote:
            self._look_for_a_cache()

    def _look_for_a_cache(self) -> None:
        """Ask prompts that the server has never seen twice in a row each."""
        own = self.subject.prompts
        new = [fresh(own[number % len(own)], number) for number in range(PROBES)]
        self.subject.prompts = [prompt for prompt in new for _ in range(2)]
        try:
            asked = self.try_out(OneByOne(), StopRule(2 * PROBES, self.settings.seconds)).timings
        finally:
            self.subject.prompts = own
        shares = [
            _first_s(again) / _first_s(first)
            for first, again in zip(asked[::2], asked[1::2], strict=False)
            if first.ended_well and again.ended_well and _first_s(first) > 0
        ]
        if len(shares) >= PROBES - 1 and sum(share <= CACHED for share in shares) >= len(shares) - 1:
            share = statistics.median(shares)
            self.cached_by_server = PerfReason(
                code="cached_by_server",
                detail=f"prompts took {share:.0%} of their time (median) when they were asked a second time: the server "
                "keeps answers or prompts",
            )


def _nothing() -> None:
    """Look at no GPU."""


def _first_s(timing: RequestTiming) -> float:
    """Seconds until something came: what a cache of prompts shortens as well."""
    return (timing.ended_s if timing.first_token_s is None else timing.first_token_s) - timing.sent_s


def fresh(request: Request, number: int) -> Request:
    """The same request behind a line that no server has seen before; an embedding as it is."""
    import secrets

    line = f"[{number} {secrets.token_hex(8)}]"
    if not isinstance(request, Generate | Choose):
        return request
    if request.messages:
        first = request.messages[0]
        return replace(request, messages=(replace(first, parts=(line, *first.parts)), *request.messages[1:]))
    return replace(request, parts=(line, *request.parts))
