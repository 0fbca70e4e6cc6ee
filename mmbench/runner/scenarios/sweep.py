"""Scenario ``sweep``: closed loops with 1, 2, 4 … requests in flight. None of them is a server: the load waits for answers."""

from __future__ import annotations

from mmbench.perf.token_clocks import CLOSED_LOOP
from mmbench.runner.scenarios.bench import Bench, Measurement
from mmbench.runner.scenarios.load import ClosedLoop
from mmbench.runner.scenarios.scenario import Facts, Scenario

_WAVES = 3
"""Rounds of requests below which a rate means nothing."""


class Sweep(Scenario):
    """Latency and throughput against the number of requests in flight, up to ``--concurrency``."""

    name = "sweep"
    concurrent = True

    def levels(self) -> list[int]:
        """Requests in flight: the powers of two below the most, and the most.

        >>> from mmbench.runner.scenarios.settings import LoadSettings
        >>> Sweep(LoadSettings(requests=1, seconds=1, concurrency=6, seed=0)).levels()
        [1, 2, 4, 6]
        """
        most = self.settings.concurrency
        return [*(1 << k for k in range((most - 1).bit_length())), most]

    def most_requests(self, facts: Facts) -> int:
        """As in `Scenario`."""
        return sum(self.settings.requests + level for level in self.levels())

    def measure(self, bench: Bench) -> None:
        """As in `Scenario`."""
        bench.warm_up()
        for level in self.levels():
            name = f"closed_loop_c{level}"
            bench.note(f"  {name}")
            stop = bench.stop._replace(requests=bench.stop.requests + level)
            measurement = bench.put(name, ClosedLoop(level), stop, concurrency=level, warm_up=level, clocks=CLOSED_LOOP)
            set_window(measurement, level)


def set_window(measurement: Measurement, in_flight: int) -> None:
    """Count rates while the loop was full: from the end of the first wave until no more requests were made."""
    ends = sorted(timing.ended_s for timing in measurement.load.timings)
    if len(ends) >= (_WAVES + 1) * in_flight:
        measurement.window = ends[in_flight - 1], measurement.load.closed_s
    else:
        measurement.window = 0.0, 0.0
        measurement.notes.append(
            f"{len(ends)} requests are fewer than {_WAVES} rounds of {in_flight} after the first: no rate"
        )
