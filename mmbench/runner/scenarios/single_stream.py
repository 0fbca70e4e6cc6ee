"""Scenario ``single-stream``: one request after the other, as one user sees it (MLPerf: SingleStream)."""

from __future__ import annotations

import math

from mmbench.perf.token_clocks import CLOSED_LOOP
from mmbench.results.schema import PerfFigure
from mmbench.runner.scenarios.bench import BLOCK, MOST_BLOCKS, PROBES, Bench
from mmbench.runner.scenarios.load import OneByOne
from mmbench.runner.scenarios.scenario import Facts, Scenario

MOST_WARM_UP = 1 + BLOCK * MOST_BLOCKS
"""Calls of the warm-up at most, without the probes for a cache."""


class SingleStream(Scenario):
    """A closed loop with one request in flight and a batch of one; the cold call and the warm-up apart."""

    name = "single-stream"

    def most_requests(self, facts: Facts) -> int:
        """As in `Scenario`; the warm-up is counted by whoever sums up."""
        return self.settings.requests

    def measure(self, bench: Bench) -> None:
        """As in `Scenario`."""
        bench.warm_up()
        measurement = bench.put(self.name, OneByOne(), clocks=CLOSED_LOOP)
        cold_s = math.nan if bench.cold_s is None else bench.cold_s
        known = not math.isnan(cold_s)
        measurement.figures["cold_call"] = PerfFigure(
            value=1e3 * cold_s if known else None,
            unit="ms",
            formula="end - start of the first call after the quality run, before the warm-up",
            n=1,
            reason=None if known else "the first call failed: the time of a cold call is not known",
        )
        if not bench.settled:
            measurement.notes.append(
                f"the medians of {BLOCK} calls each still differed by more than 10 % when the warm-up ended after "
                f"{bench.n_warm_up} calls"
            )


def most_warm_up(remote: bool) -> int:
    """Requests of the warm-up at most."""
    return MOST_WARM_UP + 2 * PROBES * remote
