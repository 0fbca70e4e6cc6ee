"""Latency targets (service-level objectives): what ``--slo`` says, and whether requests and scenarios meet it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mmbench.core.errors import UsageError
from mmbench.perf.percentiles import allowed_over, percentile, requests_needed, sample_floor
from mmbench.perf.token_clocks import CLOCKS, DISPATCH_LAG, SHORT_NAMES, Clock, values_of
from mmbench.results.schema import RequestTiming

_TARGET = re.compile(
    r"\s*(?P<clock>[a-z][a-z0-9_]*?)(?:_p(?P<q>\d+(?:\.\d+)?))?\s*=\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>us|ms|s)\s*"
)
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
_DEFAULT_Q = 0.99
_NAMES = {**{clock.name: clock for clock in CLOCKS if clock is not DISPATCH_LAG}, **SHORT_NAMES}

Verdict = Literal["met", "missed", "undecided"]
"""``undecided``: too few requests to tell."""


@dataclass(frozen=True, slots=True)
class Target:
    """One latency that a share of the requests must not exceed."""

    clock: Clock
    """Which latency."""
    q: float
    """The share of requests, as a quantile."""
    seconds: float
    """The most that it may be."""

    def __str__(self) -> str:
        return f"{self.clock.name}_p{100 * self.q:g}={1e3 * self.seconds:g}ms"

    @property
    def typed(self) -> str:
        """As users type it, by the short name of the clock where it has one."""
        name = next((short for short, clock in SHORT_NAMES.items() if clock is self.clock), self.clock.name)
        return f"{name}_p{100 * self.q:g}={1e3 * self.seconds:g}ms"

    @property
    def floor(self) -> int:
        """Requests from which it can be decided."""
        return sample_floor(self.q)

    def met_by(self, timing: RequestTiming) -> bool:
        """Whether one request met it; one that failed did not. A request without such a time is not held against it."""
        return timing.ended_well and all(value <= self.seconds for value in self.clock.of(timing))

    def verdict(self, timings: Sequence[RequestTiming]) -> Verdict:
        """Whether the percentile is at most the target.

        Below the floor it is ``missed`` where so many values lie above the target that it could not be met at the floor any
        more, else ``undecided``.
        """
        ordered = values_of(self.clock, timings)
        found = percentile(ordered, self.q) if ordered else None
        if found is not None:
            return "met" if found.value is not None and found.value <= self.seconds else "missed"
        over = sum(value > self.seconds for value in ordered)
        return "missed" if over > self.floor - 1 - int(self.floor * self.q) else "undecided"

    def is_certain(self, timings: Sequence[RequestTiming]) -> bool:
        """Whether it is met with 99 % confidence: MLPerf's early stopping."""
        ordered = values_of(self.clock, timings)
        return bool(ordered) and allowed_over(len(ordered), self.q) >= sum(value > self.seconds for value in ordered)

    def more_needed(self, timings: Sequence[RequestTiming]) -> int:
        """How many more requests, all within the target, would make it certain."""
        ordered = values_of(self.clock, timings)
        return max(0, requests_needed(sum(value > self.seconds for value in ordered), self.q) - len(ordered))


def read_targets(text: str) -> tuple[Target, ...]:
    """Read ``--slo``, such as ``ttft_p99=500ms,tpot_p99=50ms``; without a percentile, p99 is meant.

    Raises:
        ValueError: If a part is no target.

    >>> [str(target) for target in read_targets("ttft_p90=0.5s,e2e=2s")]
    ['first_token_p90=500ms', 'latency_p99=2000ms']
    """
    found: list[Target] = []
    for part in text.split(","):
        matched = _TARGET.fullmatch(part)
        clock = _NAMES.get(matched["clock"]) if matched else None
        if matched is None or clock is None:
            raise ValueError(part)
        q = float(matched["q"]) / 100 if matched["q"] else _DEFAULT_Q
        seconds = float(matched["number"]) * _UNITS[matched["unit"]]
        if not 0 < q < 1 or seconds <= 0:
            raise ValueError(part)
        found.append(Target(clock, round(q, 9), seconds))
    if len({(target.clock.name, target.q) for target in found}) != len(found):
        raise ValueError(text)
    return tuple(found)


def check_can_be_given(targets: Sequence[Target], model: str, *, generates: bool, streams: bool | None) -> None:
    """Refuse targets on figures that a model cannot give.

    Args:
        targets: What was asked for.
        model: Its name, for the message.
        generates: Whether it is asked for texts.
        streams: Whether its answers come token by token; None: unknown before it is asked.

    Raises:
        UsageError: If one of the targets can never be decided.
    """
    for target in targets:
        if not target.clock.by_token:
            continue
        if not generates:
            raise UsageError(f"--slo {target.typed}: {model} is asked for scores or embeddings, which have no tokens")
        if streams is False:
            raise UsageError(f"--slo {target.typed} cannot be judged on what {model} answers: {target.clock.lacking}")


def good_requests(targets: Sequence[Target], timings: Sequence[RequestTiming]) -> int:
    """Requests that ended well and met every target each by itself."""
    return sum(timing.ended_well and all(target.met_by(timing) for target in targets) for timing in timings)
