"""Whether figures of speed may be quoted: each check is a function that gives a reason why not, or nothing."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence

from mmbench.perf.cpu import CpuUse, cpus
from mmbench.results.schema import PerfReason

PRESSURE = 0.10
"""Share of the time in which tasks may wait for a CPU."""
OTHERS = 0.25
"""CPUs that other processes may keep busy; below it, tasks wait for each other within this process."""
OVERHEAD = 0.10
"""Share of the main loop that the harness may take."""
FAILED = 0.01
"""Share of the requests that may fail."""
CACHED = 0.50
"""Share of the requests that a server may take from its cache."""
_BUSY = 0.9
_CHANGE = 1.25
_ENOUGH = 20
_SURE = 0.001
_HARNESS = ("load", "queue", "post-process")
"""Phases of the main loop in which neither the model works nor its inputs are made, nor answers are scored."""


def reasons(found: Iterable[PerfReason | None]) -> list[PerfReason]:
    """Those that there are, in order."""
    return [reason for reason in found if reason is not None]


def cpu_pressure(use: CpuUse) -> PerfReason | None:
    """Tasks of the machine waited for a CPU, and it was not this process alone that they waited for."""
    if use.pressure is None or use.pressure <= PRESSURE or (use.others is not None and use.others < OTHERS):
        return None
    others = "" if use.others is None else f": other processes kept {use.others:.1f} of {cpus()} busy"
    detail = f"in {use.pressure:.0%} of the time a process of this machine waited for a CPU{others}; end what else runs"
    return PerfReason(code="cpu_pressure", detail=detail)


def throttled(use: CpuUse) -> PerfReason | None:
    """The processor slowed itself down."""
    if use.throttles <= 0:
        return None
    return PerfReason(
        code="throttled", detail=f"the processor slowed itself down {use.throttles:,} times: it is too hot"
    )


def harness_overhead(where_s: Mapping[str, float]) -> PerfReason | None:
    """The harness took more of the main loop than it may, scoring left out: the figures are its own, not the model's."""
    asked = sum(seconds for name, seconds in where_s.items() if name != "score")
    own = sum(where_s.get(name, 0.0) for name in _HARNESS)
    if asked <= 0 or own <= OVERHEAD * asked:
        return None
    detail = (
        f"the harness itself took {own / asked:.0%} of the time: the model is too fast for these figures to be its own"
    )
    return PerfReason(code="harness_overhead", detail=detail)


def client_bound(use: CpuUse) -> PerfReason | None:
    """The process that sends requests to a server was busy all the time."""
    if use.own < _BUSY:
        return None
    return PerfReason(
        code="client_bound",
        detail=f"mmbench kept {use.own:.1f} CPUs busy with sending: the server could have answered more",
    )


def failures(failed: int, requests: int, last: str | None = None) -> PerfReason | None:
    """More requests failed than may; `last` says why the last of them did, where that is known."""
    if failed <= FAILED * requests or not failed:
        return None
    cause = "" if last is None else f"; the last: {last}"
    return PerfReason(code="failures", detail=f"{failed:,} of {requests:,} requests failed{cause}")


def cached_by_server(cached: int, requests: int) -> PerfReason | None:
    """The server says that it had most requests in its cache."""
    if cached <= CACHED * requests or not cached:
        return None
    detail = f"the server says that it took most of {cached:,} of {requests:,} requests from a cache: it had seen them before"
    return PerfReason(code="cached_by_server", detail=detail)


def asked_before(first_ms: float | None, again_ms: float | None) -> PerfReason | None:
    """Prompts that were asked before came back in less than half the time: they cannot have been answered anew.

    Args:
        first_ms: Median latency when the prompts were asked first, under the same conditions; None where unknown.
        again_ms: Their median latency now.
    """
    if first_ms is None or again_ms is None or again_ms >= first_ms / 2:
        return None
    detail = f"prompts that took {first_ms:.3g} ms when they were asked first now took {again_ms:.3g} ms: the server keeps answers"
    return PerfReason(code="cached_by_server", detail=detail)


def not_steady(times: Sequence[float]) -> PerfReason | None:
    """The second half of the calls took another time than the first, by a quarter at least and not by chance.

    Args:
        times: Seconds a request of each call, in the order in which they started.
    """
    half = len(times) // 2
    if half < _ENOUGH:
        return None
    before, after = statistics.median(times[:half]), statistics.median(times[half:])
    low, high = sorted((before, after))
    if low <= 0 or high / low < _CHANGE:
        return None
    from mmbench.stats import mann_whitney

    if mann_whitney(times[:half], times[half:]) > _SURE:
        return None
    detail = f"a request took {1e3 * before:.3g} ms in the first half and {1e3 * after:.3g} ms in the second (medians)"
    return PerfReason(code="not_steady", detail=detail)


def recompiled(before: int, after: int) -> PerfReason | None:
    """The model was compiled again after the warm-up."""
    if after <= before:
        return None
    detail = f"torch.compile compiled {after - before:,} more graphs after the warm-up: the shapes of inputs differ"
    return PerfReason(code="recompiled", detail=detail)


def compiled_graphs() -> int:
    """Graphs that torch.compile has compiled in this process; 0 where it is not loaded."""
    utils = sys.modules.get("torch._dynamo.utils")
    counters = getattr(utils, "counters", None)
    return int(counters["stats"]["unique_graphs"]) if counters else 0
