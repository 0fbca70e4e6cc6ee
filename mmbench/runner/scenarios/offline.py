"""Scenario ``offline``: all prompts are there at once, and only the rate counts (MLPerf: Offline)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmbench.core.errors import UsageError
from mmbench.core.responses import ENDED_WELL
from mmbench.results.schema import PerfFigure, PerfReason
from mmbench.runner.scenarios.bench import Bench, Measurement
from mmbench.runner.scenarios.load import Arrivals, Batches, ClosedLoop, Load, StopRule
from mmbench.runner.scenarios.scenario import Facts, Scenario
from mmbench.runner.scenarios.subject import OutOfMemoryError

REPEATS = 3
"""How often the best size is measured."""
SHORTEST_S = 0.5
"""Seconds that a repeat must take before its rate may be quoted."""
MOST = 1024
"""The largest batch that is tried."""
_BETTER = 1.03
"""A larger size is better when its rate is higher by this factor …"""
_PATIENCE = 2
"""… and the search ends after so many sizes that are not."""


class Offline(Scenario):
    """The highest throughput: the best batch size, found by a timed search, measured three times.

    For a model with async methods the size is the number of requests in flight, up to ``--concurrency``.
    """

    name = "offline"

    def sizes(self, concurrent: bool, prompts: int) -> list[int]:
        """The sizes that are tried, smallest first."""
        most = self.settings.concurrency if concurrent else min(MOST, max(1, prompts))
        return [1 << k for k in range(most.bit_length()) if 1 << k <= most]

    def most_requests(self, facts: Facts) -> int:
        """As in `Scenario`."""
        tried = sum(_trial(size) for size in self.sizes(facts.concurrent, facts.prompts))
        return tried + REPEATS * max(self.settings.requests, facts.prompts)

    def measure(self, bench: Bench) -> None:
        """As in `Scenario`."""
        bench.warm_up()
        size, tried = self._best(bench)
        runs: list[Measurement] = []
        for _ in range(REPEATS):
            run = bench.put(self.name, self._arrivals(bench, size), **self._identity(bench, size))
            runs.append(run)
        rates = sorted(_rate(run.load) for run in runs)
        middle = next(run for run in runs if _rate(run.load) == rates[REPEATS // 2])
        for run in runs:
            if run is not middle:
                bench.measured.remove(run)
        if middle.load.wall_s < SHORTEST_S:
            middle.reasons.append(
                PerfReason(
                    code="too_few_samples",
                    detail=f"a repeat took {1e3 * middle.load.wall_s:.3g} ms, and {SHORTEST_S:g} s are needed: more --perf-requests",
                )
            )
        spread = ", ".join(f"{_shown(rate)}" for rate in rates)
        middle.figures["requests_per_s_lowest"] = _figure(rates[0], "the lowest of three repeats")
        middle.figures["requests_per_s_highest"] = _figure(rates[-1], "the highest of three repeats")
        middle.notes += [f"the middle one of three repeats ({spread} requests/s)", f"sizes tried: {tried}"]

    def _identity(self, bench: Bench, size: int) -> dict[str, Any]:
        concurrent = bench.subject.concurrent
        return {"batch_size": 1 if concurrent else size, "concurrency": size if concurrent else 1, "clocks": ()}

    def _arrivals(self, bench: Bench, size: int, most: int | None = None) -> Arrivals:
        if bench.subject.concurrent:
            return ClosedLoop(size)
        return Batches(list(_batches(bench, size, most)))

    def _best(self, bench: Bench) -> tuple[int, str]:
        """The best size, and what was tried, for people. Raises `UsageError` if memory has no room for one request."""
        rates: dict[int, float] = {}
        best, worse, spent = 1, 0, 0.0
        end = ""
        for size in self.sizes(bench.subject.concurrent, len(bench.subject.prompts)):
            try:
                load = bench.try_out(
                    self._arrivals(bench, size, _trial(size)), StopRule(_trial(size), self.settings.seconds)
                )
            except OutOfMemoryError as error:
                if size == 1:
                    raise UsageError(
                        f"scenario offline: memory has no room for a batch of one request ({error}); the quality results are kept"
                    ) from None
                end = f", {size} does not fit into memory"
                break
            spent += load.wall_s
            rates[size] = _rate(load)
            if rates[size] > _BETTER * rates[best] or size == 1:
                best, worse = size, 0
            else:
                worse += 1
            if worse == _PATIENCE or spent > self.settings.seconds:
                break
        return best, ", ".join(f"{size} → {_shown(rate)}/s" for size, rate in rates.items()) + end


def _trial(size: int) -> int:
    """Requests with which a size is tried."""
    return max(2 * size, 8)


def _batches(bench: Bench, size: int, most: int | None) -> Iterator[list[int]]:
    """Numbers of prompts in batches of one kind each, all prompts at least once, or the first `most` requests."""
    prompts = bench.subject.prompts
    wanted = max(len(prompts), bench.settings.requests) if most is None else most
    pools: dict[tuple[str, ...], list[int]] = {}
    for number in range(wanted):
        prompt = prompts[number % len(prompts)]
        pools.setdefault((prompt.kind, *sorted(prompt.modalities)), []).append(number)
    for pool in pools.values():
        for start in range(0, len(pool), size):
            yield pool[start : start + size]


def _rate(load: Load) -> float:
    ended = sum(timing.status in ENDED_WELL for timing in load.timings)
    return ended / load.wall_s if load.wall_s > 0 else 0.0


def _shown(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def _figure(rate: float, which: str) -> PerfFigure:
    return PerfFigure(
        value=rate, unit="1/s", formula=f"requests that ended well / seconds from start to last end, {which}"
    )
