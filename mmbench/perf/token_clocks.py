"""Latencies of requests and of their tokens. The same words mean several things in the field, so each has its formula here.

A request that failed has no latency. It counts as infinite where something was due of it, so that it lies above every
percentile of its clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from mmbench.perf.percentiles import SHOWN, Percentile, percentile, sample_floor, with_failures
from mmbench.results.schema import RequestTiming


@dataclass(frozen=True, slots=True)
class Clock:
    """A latency: what it is called, what it means, and how it comes from the times of a request."""

    name: str
    """As figures and targets name it."""
    title: str
    """For people."""
    formula: str
    """How it is computed."""
    of: Callable[[RequestTiming], Iterator[float]]
    """The seconds that a request which ended well adds: one for most clocks, a gap between pieces each for another, none
    where it cannot be told."""
    lacking: str
    """Why a model may not give it, and what to do."""
    by_token: bool = True
    """Whether it needs answers that come token by token."""
    with_failed: bool = True
    """Whether a failed request counts as an infinite one."""
    independent: bool = True
    """Whether its values are independent of each other, so that percentiles have an interval."""


def _latency(timing: RequestTiming) -> Iterator[float]:
    yield timing.ended_s - timing.due_s


def _service(timing: RequestTiming) -> Iterator[float]:
    yield timing.ended_s - timing.sent_s


def _first_token(timing: RequestTiming) -> Iterator[float]:
    if timing.first_token_s is not None:
        yield timing.first_token_s - timing.due_s


def _first_answer_token(timing: RequestTiming) -> Iterator[float]:
    if timing.first_answer_token_s is not None:
        yield timing.first_answer_token_s - timing.due_s


def _per_output_token(timing: RequestTiming) -> Iterator[float]:
    if timing.first_token_s is not None and timing.output_tokens is not None and timing.output_tokens > 1:
        yield (timing.ended_s - timing.first_token_s) / (timing.output_tokens - 1)


def _gaps(timing: RequestTiming) -> Iterator[float]:
    for earlier, later in pairwise(timing.pieces_s):
        yield later - earlier


def _dispatch_lag(timing: RequestTiming) -> Iterator[float]:
    yield timing.sent_s - timing.due_s


def _device_time(timing: RequestTiming) -> Iterator[float]:
    if timing.device_s is not None:
        yield timing.device_s


_NO_STREAM = "its answers come whole: no token has a time of its own (endpoints: --model-args stream=true)"
_NOT_THIS_ONE = (
    "the model gives times of tokens, but not those that this figure needs (mmbench.Generation: first_token_s, "
    "first_answer_token_s, pieces_s)"
)
_NO_COUNT = "the model does not say how many tokens it wrote, or not when the first of them came"

NONE_ENDED_WELL = "no request ended well"
"""Why there are no times at all."""

LATENCY = Clock(
    "latency",
    "end to end",
    "end of the answer - due time of the request (E2E; the arrival in an open loop, the call in a closed one)",
    _latency,
    NONE_ENDED_WELL,
    by_token=False,
)
SERVICE = Clock(
    "service_time",
    "from the send",
    "end of the answer - time at which the request was sent (waiting before the send left out)",
    _service,
    NONE_ENDED_WELL,
    by_token=False,
)
DEVICE_TIME = Clock(
    "device_time",
    "on the GPU",
    "from the first piece of work of the call that the GPU reached to the last one that it ended, by CUDA events; what the host "
    "does before and after is not in it",
    _device_time,
    "nothing was computed on a GPU of this process",
    by_token=False,
    with_failed=False,
)
FIRST_TOKEN = Clock(
    "first_token",
    "time to first token",
    "first token of any kind, reasoning included - due time of the request (TTFT)",
    _first_token,
    _NO_STREAM,
)
FIRST_ANSWER_TOKEN = Clock(
    "first_answer_token",
    "time to first answer token",
    "first token that is not reasoning - due time of the request",
    _first_answer_token,
    _NO_STREAM,
)
PER_OUTPUT_TOKEN = Clock(
    "time_per_output_token",
    "time per output token",
    "(end of the answer - first token) / (output tokens - 1), a value for each request of two tokens or more (TPOT)",
    _per_output_token,
    _NO_COUNT,
)
INTER_TOKEN = Clock(
    "inter_token_latency",
    "between tokens",
    "gaps between the pieces in which answers came, those of all requests pooled (ITL); gaps of one request hang together, so that "
    "there is no interval",
    _gaps,
    _NO_STREAM,
    with_failed=False,
    independent=False,
)
DISPATCH_LAG = Clock(
    "dispatch_lag",
    "dispatch lag",
    "time at which the request was sent - due time: what the load generator adds itself",
    _dispatch_lag,
    NONE_ENDED_WELL,
    by_token=False,
    with_failed=False,
)
CLOCKS = (LATENCY, SERVICE, DEVICE_TIME, FIRST_TOKEN, FIRST_ANSWER_TOKEN, PER_OUTPUT_TOKEN, INTER_TOKEN, DISPATCH_LAG)
"""Every clock, in the order in which they are shown."""
CLOSED_LOOP = tuple(clock for clock in CLOCKS if clock not in (SERVICE, DISPATCH_LAG))
"""Those that mean something in a closed loop, where a request is due when it is sent."""
SHORT_NAMES = {"e2e": LATENCY, "e2el": LATENCY, "ttft": FIRST_TOKEN, "tpot": PER_OUTPUT_TOKEN, "itl": INTER_TOKEN}
"""What the field calls some of them."""


class Summary(NamedTuple):
    """The percentiles of one clock, in seconds."""

    clock: Clock
    """Which clock."""
    percentiles: list[Percentile]
    """Those that there are enough values for."""
    mean: float | None
    """Mean of the values of requests that ended well; None where there are none, or where one failed that counts."""
    n: int
    """Values, failed requests included where they count."""
    missing: str | None
    """Why there are none at all; None where there are."""

    def at(self, q: float) -> Percentile | None:
        """One of the percentiles; None below its floor."""
        return next((each for each in self.percentiles if each.q == q), None)


def values_of(clock: Clock, timings: Sequence[RequestTiming]) -> list[float]:
    """The values of a clock in ascending order, infinite ones for failed requests where these count."""
    values = [value for timing in timings if timing.ended_well for value in clock.of(timing)]
    if not values:
        return []
    failed = sum(not timing.ended_well for timing in timings) if clock.with_failed else 0
    return with_failures(values, failed)


def summarise(clock: Clock, timings: Sequence[RequestTiming], quantiles: Sequence[float] = SHOWN) -> Summary:
    """The percentiles of a clock over the requests of a scenario.

    Args:
        clock: One of `CLOCKS`.
        timings: The measured requests, failed ones included, warm-up left out.
        quantiles: Which percentiles; each is left out below its floor.
    """
    ordered = values_of(clock, timings)
    found = [each for q in quantiles if (each := percentile(ordered, q)) is not None]
    if not clock.independent:
        found = [each._replace(low=None, high=None) for each in found]
    finite = [value for value in ordered if value != float("inf")]
    mean = sum(finite) / len(finite) if finite and len(finite) == len(ordered) else None
    lacking = clock.lacking
    if lacking == _NO_STREAM and any(timing.first_token_s is not None or timing.pieces_s for timing in timings):
        lacking = _NOT_THIS_ONE
    return Summary(clock, found, mean, len(ordered), None if ordered else lacking)


def needed(quantiles: Sequence[float] = SHOWN) -> str:
    """How many requests percentiles need, for people.

    >>> needed((0.5, 0.99))
    'p50 from 11, p99 from 662'
    """
    return ", ".join(f"p{100 * q:g} from {sample_floor(q):,}" for q in quantiles)
