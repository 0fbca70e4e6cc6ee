"""Scenario ``server``: requests arrive by themselves, whether or not earlier ones are answered (MLPerf: Server)."""

from __future__ import annotations

import math
from typing import Any

from mmbench.core.errors import UsageError
from mmbench.perf.arrivals import poisson_arrivals
from mmbench.perf.targets import check_can_be_given, good_requests
from mmbench.perf.token_clocks import DISPATCH_LAG, SERVICE, values_of
from mmbench.resolve.load_options import EXAMPLE
from mmbench.results.schema import PerfFigure, PerfReason
from mmbench.runner.scenarios.bench import Bench, Measurement
from mmbench.runner.scenarios.load import MostFailedError, OpenLoop, StopRule
from mmbench.runner.scenarios.scenario import Facts, Scenario

MOST_LAG_S = 0.005
"""Dispatch lag at its 99th percentile above which the offered rate was not delivered, where latencies are short …"""
MOST_LAG_SHARE = 0.1
"""… or this share of the median time from the send, where that is more."""
MOST_TRIALS = 16
"""Rates that are tried at most."""
PRECISION = 0.05
"""The search for a rate ends when the lowest that failed is above the highest that passed by this share."""


class Server(Scenario):
    """An open loop with Poisson arrivals at ``--rate``, or with those of a trace; latencies count from the arrival."""

    name = "server"
    concurrent = True

    def check(self, facts: Facts) -> None:
        """As in `Scenario`."""
        super().check(facts)
        settings = self.settings
        check_can_be_given(settings.targets, facts.model, generates=facts.generates, streams=facts.streams)
        if settings.find_max_rate and not settings.targets:
            raise UsageError(f"--find-max-rate needs targets that the rate must meet: --slo {EXAMPLE}")
        if settings.rate is not None and settings.rate * settings.seconds < 1:
            raise UsageError(
                f"--rate {settings.rate:g}: fewer than one request arrives in {settings.seconds:g} s; give more --perf-seconds"
            )
        if settings.rate is None and not settings.find_max_rate and not settings.arrivals:
            raise UsageError(
                "scenario server: at which rate do requests arrive? --rate R, --find-max-rate with --slo, or a trace with "
                "arrival times (--workload FILE)"
            )

    def most_requests(self, facts: Facts) -> int:
        """As in `Scenario`."""
        if not self.settings.find_max_rate:
            return min(self.settings.requests, len(self.settings.arrivals) or self.settings.requests)
        return MOST_TRIALS * self._of_a_trial

    @property
    def _of_a_trial(self) -> int:
        return max(self.settings.requests, *(target.floor for target in self.settings.targets))

    def measure(self, bench: Bench) -> None:
        """As in `Scenario`. Raises `UsageError` if a target is on a figure that no answer had."""
        bench.warm_up()
        self._check_answers(bench)
        if self.settings.find_max_rate:
            self._find_max_rate(bench)
        else:
            self._at(bench, self.settings.rate, bench.stop)

    def _check_answers(self, bench: Bench) -> None:
        """Ask one prompt, to see whether its answer has what the targets are about."""
        if any(target.clock.by_token for target in self.settings.targets):
            load = bench.try_out(OpenLoop(iter([0.0])), StopRule(1, self.settings.seconds))
            if any(timing.ended_well and timing.first_token_s is None for timing in load.timings):
                check_can_be_given(self.settings.targets, "the model", generates=True, streams=False)

    def _at(self, bench: Bench, rate: float | None, stop: StopRule) -> Measurement:
        """Measure one rate; None: the arrivals of the trace."""
        settings: dict[str, Any] = {"rate": rate, "seed": self.settings.seed}
        if rate is None:
            settings = {"rate": None}
        elif self.settings.find_max_rate:  # the rate is what is looked for, and no condition
            settings = {"find_max_rate": True, "seed": self.settings.seed}
        if self.settings.targets:
            settings["slo"] = ",".join(map(str, self.settings.targets))
        arrivals = iter(self.settings.arrivals) if rate is None else poisson_arrivals(rate, self.settings.seed)
        measurement = bench.put(self.name, OpenLoop(arrivals), stop, concurrency=None, settings=settings)
        self._judge(measurement, rate)
        return measurement

    def _judge(self, measurement: Measurement, rate: float | None) -> None:
        timings, load = measurement.measured, measurement.load
        lag = values_of(DISPATCH_LAG, timings)
        worst = lag[int(0.99 * len(lag))] if lag else 0.0
        service = values_of(SERVICE, timings)
        allowed = max(MOST_LAG_S, MOST_LAG_SHARE * (service[len(service) // 2] if service else 0.0))
        if worst > allowed:
            measurement.reasons.append(
                PerfReason(
                    code="rate_not_delivered",
                    detail=f"1 % of the requests were sent {1e3 * worst:.3g} ms or more after they were due, and "
                    f"{1e3 * allowed:.3g} ms are allowed: send fewer, or from a machine with more room",
                )
            )
        if load.closed_s > 0:
            measurement.figures["offered_per_s"] = PerfFigure(
                value=rate if rate is not None else load.planned / load.closed_s,
                unit="1/s",
                formula="mean rate of the Poisson arrivals"
                if rate is not None
                else "arrivals of the trace / their duration",
                n=load.planned,
            )
        if self.settings.targets and timings and load.wall_s > 0:
            self._hold_against_targets(measurement)

    def _hold_against_targets(self, measurement: Measurement) -> None:
        targets, timings = self.settings.targets, measurement.measured
        good = good_requests(targets, timings)
        named = ", ".join(map(str, targets))
        seconds = measurement.load.wall_s - timings[0].due_s
        measurement.figures["goodput"] = PerfFigure(
            value=good / seconds if seconds > 0 else None,
            unit="1/s",
            formula=f"requests that ended well and each met all of {named} / seconds from the first arrival to the last end",
            n=len(timings),
        )
        measurement.figures["good_share"] = PerfFigure(
            value=good / len(timings),
            unit="1",
            formula=f"requests that ended well and each met all of {named} / requests",
            n=len(timings),
        )
        for target in targets:
            verdict = target.verdict(timings)
            certain = " with 99 % confidence (MLPerf's early stopping)" if target.is_certain(timings) else ""
            why = f": {len(timings):,} requests, {target.floor:,} are needed" if verdict == "undecided" else ""
            measurement.notes.append(f"{target} {verdict}{certain if verdict == 'met' else ''}{why}")

    def _verdict(self, measurement: Measurement) -> str:
        """Whether all targets are met at a rate that was delivered."""
        if measurement.reasons:
            return "not delivered"
        verdicts = {target.verdict(measurement.measured) for target in self.settings.targets}
        return next((each for each in ("missed", "undecided") if each in verdicts), "met")

    def _find_max_rate(self, bench: Bench) -> None:
        """Double the rate until a target is missed, then bisect; keep the highest rate that met all."""
        needed = max(target.floor for target in self.settings.targets)
        # The lowest rate at which so many requests arrive in the time given that the targets can be decided.
        rate = max(self.settings.rate or 1.0, needed / self.settings.seconds)
        passed: float | None = None
        failed: float | None = None
        undelivered: float | None = None
        best: Measurement | None = None
        tried: list[str] = []
        while True:
            many = max(needed, min(self.settings.requests, round(rate * self.settings.seconds)))
            try:
                measurement = self._at(bench, rate, StopRule(many, math.inf))
                verdict = self._verdict(measurement)
            except MostFailedError:  # a server that gives up under this rate does not meet it
                measurement, verdict = bench.measured[-1], "missed"
            met = verdict == "met"
            tried.append(f"{rate:,.4g}/s {verdict}")
            bench.note(f"  server at {tried[-1]}")
            if met:
                passed, best = rate, measurement
            else:
                failed = rate
                undelivered = rate if verdict == "not delivered" else undelivered
            if passed is None or len(tried) == MOST_TRIALS:
                break
            if failed is None:
                rate = 2 * passed
            elif failed / passed - 1 <= PRECISION:
                break
            else:
                rate = (passed + failed) / 2
        kept = best or measurement
        bench.measured[:] = [each for each in bench.measured if each.name != self.name or each is kept]
        kept.figures["max_rate"] = PerfFigure(
            value=passed,
            unit="1/s",
            formula="the highest rate of Poisson arrivals at which every target was met: doubled, then bisected to 5 %",
            n=len(tried),
            reason=None if passed is not None else _why_none(rate, verdict),
        )
        kept.notes.append(f"rates tried: {', '.join(tried)}")
        if passed is not None and (failed is None or undelivered == failed):
            why = "no higher one was tried" if failed is None else f"this machine did not deliver {failed:,.4g}/s"
            kept.notes.append(f"the highest rate may be above {passed:,.4g}/s: {why}")


def _why_none(rate: float, verdict: str) -> str:
    """Why no rate was found: the lowest one that was tried did not pass."""
    if verdict == "not delivered":
        return f"this machine did not deliver the lowest rate tried, {rate:,.4g}/s"
    return f"the targets were {verdict} at the lowest rate tried, {rate:,.4g}/s: give more --perf-seconds"
