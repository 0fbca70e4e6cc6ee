"""Scenarios under a virtual clock: known service times give known percentiles, rates and verdicts."""

import math
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from virtual_time import Clock, Served, SyncServed, bench_of, close_loops

from mmbench.core.errors import StoppedError, UsageError
from mmbench.core.responses import Generation, Usage
from mmbench.perf.targets import read_targets
from mmbench.results.schema import PerfScenario
from mmbench.runner.scenarios.bench import Bench, Measurement
from mmbench.runner.scenarios.known import SCENARIOS, chosen, most_requests
from mmbench.runner.scenarios.load import ClosedLoop, OneByOne, OpenLoop, StopRule
from mmbench.runner.scenarios.offline import Offline
from mmbench.runner.scenarios.phase import distinct
from mmbench.runner.scenarios.record import record_of
from mmbench.runner.scenarios.scenario import Facts
from mmbench.runner.scenarios.server import Server
from mmbench.runner.scenarios.single_stream import SingleStream
from mmbench.runner.scenarios.sweep import Sweep

FACTS = Facts(model="m", concurrent=True, generates=True, streams=None, prompts=100)


@pytest.fixture(autouse=True)
def _loops() -> Iterator[None]:
    yield
    close_loops()


def shuffled(n: int, seed: int = 1) -> list[float]:
    """1 ms, 2 ms … n ms in an order without trend."""
    times = [1e-3 * (number + 1) for number in range(n)]
    random.Random(seed).shuffle(times)
    return times


def record(bench: Bench, measurement: Measurement) -> PerfScenario:
    return record_of(measurement, bench, threads=None, per_sample=1.0)


def value(found: PerfScenario, figure: str) -> float:
    known = found.figures[figure].value
    assert known is not None
    return known


def codes(found: PerfScenario) -> set[str]:
    return {reason.code for reason in found.reasons}


# --- known times ---


def test_one_by_one_an_async_model_has_the_percentiles_of_its_service_times() -> None:
    clock = Clock()
    bench = bench_of(Served(clock, shuffled(1000)), clock)
    found = record(bench, bench.put("single-stream", OneByOne(), StopRule(1000, 1e6)))
    assert value(found, "latency_p50") == pytest.approx(501, abs=1e-6)  # order statistic 500 of 1 … 1000
    assert value(found, "latency_p99") == pytest.approx(991, abs=1e-6)
    assert value(found, "requests_per_s") == pytest.approx(1000 / 500.5)
    assert found.n_requests == 1000
    assert found.valid


def test_one_by_one_a_synchronous_model_has_the_percentiles_of_its_service_times() -> None:
    clock, times = Clock(), shuffled(1000)
    bench = bench_of(SyncServed(clock, lambda call, size: times[call]), clock)
    found = record(bench, bench.put("single-stream", OneByOne(), StopRule(1000, 1e6)))
    assert value(found, "latency_p50") == pytest.approx(501, abs=1e-6)
    assert value(found, "latency_mean") == pytest.approx(500.5)
    assert found.identity.batch_size == 1


def test_a_closed_loop_keeps_its_number_in_flight_and_has_its_rate() -> None:
    clock = Clock()
    bench = bench_of(Served(clock, [0.02]), clock, concurrency=8, requests=100)
    Sweep(bench.settings).measure(bench)
    found = {each.name: record(bench, each) for each in bench.measured}
    assert list(found) == ["closed_loop_c1", "closed_loop_c2", "closed_loop_c4", "closed_loop_c8"]
    for level in (1, 2, 4, 8):
        each = found[f"closed_loop_c{level}"]
        assert value(each, "requests_per_s") == pytest.approx(level / 0.02, rel=0.02)
        assert value(each, "latency_p50") == pytest.approx(20, abs=1e-6)
        assert each.identity.concurrency == level
        assert each.n_warm_up == level


def test_arrivals_of_an_open_loop_have_their_rate_and_do_not_wait() -> None:
    clock = Clock()
    bench = bench_of(Served(clock, [10.0]), clock, rate=50.0, requests=1000)
    Server(bench.settings).measure(bench)
    (found,) = (record(bench, each) for each in bench.measured)
    timings = bench.measured[0].load.timings
    assert len(timings) == 1000
    assert max(timing.due_s for timing in timings) == pytest.approx(1000 / 50, rel=0.1)
    assert value(found, "latency_p99") == pytest.approx(10_000, abs=0.01)
    assert value(found, "most_in_flight") == pytest.approx(500, rel=0.2)
    assert value(found, "dispatch_lag_p99") == pytest.approx(0, abs=1e-3)
    assert found.identity.concurrency is None
    gaps = sorted(b.due_s - a.due_s for a, b in pairwise(timings))
    assert sum(gap > 1 / 50 for gap in gaps) / len(gaps) == pytest.approx(math.exp(-1), abs=0.05)  # exponential


class Stalling(Served):
    """Blocks everybody for two seconds, once."""

    async def generate(self, request: Any) -> Any:
        if self.calls == 750:
            self.clock.sleep(2.0)
        return await super().generate(request)


def test_a_stall_of_two_seconds_shows_from_the_arrival_and_not_from_the_send() -> None:
    clock = Clock()
    bench = bench_of(Stalling(clock, [0.01]), clock)
    bench.put("server", OpenLoop(iter(number / 50 for number in range(1500))), StopRule(1500, 1e6), concurrency=None)
    found = record(bench, bench.measured[0])
    # Of 30 s, 2 s are lost: a share of 1/15 has waited, evenly from 0 to 2 s; 1 % lies beyond 2 s - 0.15 · 2 s.
    assert value(found, "latency_p99") == pytest.approx(1710, abs=20)
    assert value(found, "latency_p50") == pytest.approx(10, abs=0.01)
    assert value(found, "service_time_p99") == pytest.approx(10, abs=0.01)
    assert value(found, "dispatch_lag_p99") == pytest.approx(1700, abs=20)


@pytest.mark.slow
def test_a_dispatch_that_lags_is_told() -> None:
    clock = Clock()
    bench = bench_of(Stalling(clock, [0.01]), clock, rate=50.0, requests=1000)
    Server(bench.settings).measure(bench)
    assert "rate_not_delivered" in codes(record(bench, bench.measured[0]))


# --- offline ---


def test_offline_finds_the_best_batch_size() -> None:
    clock = Clock()

    def seconds(call: int, size: int) -> float:
        return 0.05 + 0.001 * size + (0.5 if size > 32 else 0.0)  # beyond 32 memory is swapped

    model = SyncServed(clock, seconds)
    bench = bench_of(model, clock, n=256, requests=256)
    Offline(bench.settings).measure(bench)
    (kept,) = bench.measured
    found = record(bench, kept)
    assert found.identity.batch_size == 32
    assert value(found, "requests_per_s") == pytest.approx(32 / 0.082)
    assert model.sizes.count(32) == 3 * 8 + 2
    assert "latency_p50" not in found.figures


def test_an_offline_rate_of_an_instant_is_not_to_be_quoted() -> None:
    clock = Clock()
    bench = bench_of(SyncServed(clock, lambda call, size: 1e-4), clock, n=64, requests=64)
    Offline(bench.settings).measure(bench)
    assert codes(record(bench, bench.measured[0])) == {"too_few_samples"}


class Memory(SyncServed):
    """Has memory for so many requests."""

    room = 16

    def generate(self, requests: Any) -> list[str]:
        if len(requests) > self.room:
            raise RuntimeError("CUDA out of memory")
        return super().generate(requests)


def test_offline_stays_below_the_size_that_memory_has_no_room_for() -> None:
    clock = Clock()
    bench = bench_of(Memory(clock, lambda call, size: 0.05 + 0.001 * size), clock, n=256, requests=256)
    Offline(bench.settings).measure(bench)
    assert [each.batch_size for each in bench.measured] == [16]


def test_offline_without_memory_for_one_request_is_a_sentence() -> None:
    clock = Clock()
    model = Memory(clock, lambda call, size: 0.05)
    model.room = 0
    bench = bench_of(model, clock)
    bench.cold_s = 0.0  # it is warm
    with pytest.raises(UsageError):
        Offline(bench.settings).measure(bench)
    assert not bench.measured


# --- warm-up ---


def test_the_cold_call_and_the_warm_up_are_apart() -> None:
    clock = Clock()
    times = [5.0, *(1.0 / (1 + number) for number in range(20))]  # slow at first
    model = SyncServed(clock, lambda call, size: times[call] if call < len(times) else 0.01)
    bench = bench_of(model, clock, requests=200)
    SingleStream(bench.settings).measure(bench)
    found = record(bench, bench.measured[0])
    assert value(found, "cold_call") == pytest.approx(5000)
    assert bench.n_warm_up > 21
    assert value(found, "latency_p90") == pytest.approx(10, abs=1e-6)
    assert found.n_requests == 200


class FailingFirst(SyncServed):
    """Fails at once, the first call and every third after it."""

    def generate(self, requests: Any) -> list[str]:
        if self.calls % 3 == 0:
            self.calls += 1
            raise RuntimeError("not yet")
        return super().generate(requests)


def test_calls_that_fail_are_no_times_of_the_cold_call_and_the_warm_up() -> None:
    clock = Clock()
    bench = bench_of(FailingFirst(clock, lambda call, size: 0.01), clock, requests=20)
    SingleStream(bench.settings).measure(bench)
    cold = record(bench, bench.measured[0]).figures["cold_call"]
    assert cold.value is None
    assert cold.reason
    assert bench.settled
    assert bench.n_warm_up == 11


# --- targets ---


@pytest.mark.slow
def test_the_highest_rate_is_bisected() -> None:
    clock = Clock()
    slo = read_targets("e2e_p90=100ms")
    bench = bench_of(
        Served(clock, [0.01], at_once=1), clock, rate=10.0, find_max_rate=True, targets=slo, requests=3000, seconds=1e5
    )
    Server(bench.settings).measure(bench)
    (kept,) = bench.measured
    found = record(bench, kept)
    # An M/D/1 queue with 10 ms: P(wait > t) falls like exp(-s t) with D·s = ln(1 + s/rate); 0.1 at 90 ms is a load of 0.89.
    assert value(found, "max_rate") == pytest.approx(89, rel=0.06)
    assert value(found, "latency_p90") <= 100
    assert value(found, "goodput") == pytest.approx(0.9 * value(found, "max_rate"), rel=0.12)


def test_goodput_counts_requests_that_meet_every_target() -> None:
    clock = Clock()

    class Streams(Served):
        def answer(self, number: int, request: Any) -> Any:
            first = 0.005 if number % 4 else 0.02
            return Generation("yes", usage=Usage(output_tokens=3), first_token_s=first)

    slo = read_targets("ttft_p50=10ms,tpot_p90=50ms")
    bench = bench_of(Streams(clock, [0.1]), clock, rate=20.0, targets=slo, requests=400)
    bench.cold_s = 0.0
    Server(bench.settings).measure(bench)
    found = record(bench, bench.measured[0])
    assert value(found, "good_share") == pytest.approx(0.75, abs=0.01)
    assert value(found, "time_per_output_token_p90") == pytest.approx(1e3 * 0.095 / 2, abs=1e-3)


# --- failures ---


class Failing(Served):
    """Fails in every so many calls."""

    every = 5

    def answer(self, number: int, request: Any) -> Any:
        if number % self.every == 0:
            raise RuntimeError("broken")
        return "yes"


def test_failed_requests_lie_above_every_percentile_and_count_in_no_rate() -> None:
    clock = Clock()
    bench = bench_of(Failing(clock, [0.01]), clock)
    found = record(bench, bench.put("single-stream", OneByOne(), StopRule(200, 1e6)))
    assert value(found, "latency_p50") == pytest.approx(10, abs=1e-6)
    assert found.figures["latency_p90"].value is None
    assert found.figures["latency_p90"].reason
    assert "latency_mean" not in found.figures
    assert value(found, "requests_per_s") == pytest.approx(0.8 / 0.01)
    assert found.n_failed == 40
    assert "failures" in codes(found)


def test_a_load_of_which_most_fails_ends_and_keeps_what_it_has() -> None:
    clock = Clock()
    model = Failing(clock, [0.01])
    model.every = 1
    bench = bench_of(model, clock)
    with pytest.raises(StoppedError):
        bench.put("closed_loop_c4", ClosedLoop(4), StopRule(5000, 1e6), concurrency=4)
    assert 50 <= len(bench.measured[0].load.timings) < 60
    assert not record(bench, bench.measured[0]).complete


class Interrupting(Served):
    """A signal comes in the middle."""

    def answer(self, number: int, request: Any) -> Any:
        if number == 70:
            raise KeyboardInterrupt
        return "yes"


class GivingUp(Served):
    """Refuses what comes while four requests are being served."""

    flying = 0

    async def generate(self, request: Any) -> Any:
        if self.flying >= 4:
            raise RuntimeError("too many requests")
        self.flying += 1
        try:
            return await super().generate(request)
        finally:
            self.flying -= 1


def test_a_server_that_gives_up_has_a_highest_rate() -> None:
    clock = Clock()
    slo = read_targets("e2e_p50=1s")
    bench = bench_of(
        GivingUp(clock, [0.1]), clock, rate=5.0, find_max_rate=True, targets=slo, requests=60, seconds=60.0
    )
    Server(bench.settings).measure(bench)
    (kept,) = bench.measured
    # Erlang's loss formula: of a load of 8 on 4 servers, 57 % are lost; of 7.0, 52 %; of 6.3, 48 %.
    assert 40 < value(record(bench, kept), "max_rate") < 110


class Busy(Served):
    """Keeps the sender busy with every request."""

    async def generate(self, request: Any) -> Any:
        self.clock.sleep(self.times[0])
        return "yes"


@pytest.mark.parametrize(("seconds", "found_any"), [(0.004, True), (0.5, False)])
def test_a_rate_that_the_sender_does_not_deliver_is_no_limit_of_the_server(seconds: float, found_any: bool) -> None:
    clock = Clock()
    slo = read_targets("e2e_p50=100s")
    bench = bench_of(
        Busy(clock, [seconds]), clock, rate=2.0, find_max_rate=True, targets=slo, requests=40, seconds=20.0
    )
    Server(bench.settings).measure(bench)
    (kept,) = bench.measured
    figure = record(bench, kept).figures["max_rate"]
    assert (figure.value is not None) is found_any
    said = kept.notes if found_any else [str(figure.reason)]
    assert any("did not deliver" in each for each in said)
    assert not any("missed" in each for each in said)


@pytest.mark.parametrize("arrivals", [OneByOne(), ClosedLoop(3), OpenLoop(iter(n / 100 for n in range(500)))])
def test_an_interruption_keeps_what_was_measured_marked_incomplete(arrivals: Any) -> None:
    clock = Clock()
    bench = bench_of(Interrupting(clock, [0.02]), clock)
    with pytest.raises(KeyboardInterrupt):
        bench.put("any", arrivals, StopRule(500, 1e6))
    found = record(bench, bench.measured[0])
    assert not found.complete
    assert 60 <= found.n_requests <= 73
    assert value(found, "latency_p50") == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize("late", [10, 40])
def test_an_interruption_among_repeats_leaves_one_record_of_the_scenario(late: int) -> None:
    clock = Clock()
    bench = bench_of(Interrupting(clock, [0.02]), clock)
    bench.put("offline", OneByOne(), StopRule(late, 1e6))
    with pytest.raises(KeyboardInterrupt):
        bench.put("offline", OneByOne(), StopRule(500, 1e6))
    bench.put("other", OneByOne(), StopRule(5, 1e6))
    kept = [record(bench, each) for each in distinct(bench.measured)]
    assert [(each.name, each.complete, each.n_requests) for each in kept] == [
        ("offline", False, max(late, 70 - late)),
        ("other", True, 5),
    ]


# --- validity ---


def test_too_few_requests_are_told() -> None:
    clock = Clock()
    bench = bench_of(Served(clock, [0.01]), clock)
    found = record(bench, bench.put("single-stream", OneByOne(), StopRule(10, 1e6)))
    assert codes(found) == {"too_few_samples"}
    assert found.figures["latency_p50"].value is None


def test_a_model_that_slows_down_is_not_steady() -> None:
    clock = Clock()
    bench = bench_of(Served(clock, [0.01] * 100 + [0.02] * 100), clock)
    found = record(bench, bench.put("single-stream", OneByOne(), StopRule(200, 1e6)))
    assert "not_steady" in codes(found)


class Caching(Served):
    """A server that keeps what it was asked."""

    remote = True

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, [0.0])
        self.known: set[str] = set()

    async def generate(self, request: Any) -> Any:
        self.times = [0.002] if request.text in self.known else [0.05]
        self.known.add(request.text)
        return await super().generate(request)


def test_a_caching_server_is_caught() -> None:
    clock = Clock()
    bench = bench_of(Caching(clock), clock, n=20)
    SingleStream(bench.settings).measure(bench)
    assert "cached_by_server" in codes(record(bench, bench.measured[0]))


@pytest.mark.slow
def test_a_server_that_keeps_nothing_is_not_accused() -> None:
    clock = Clock()
    model = Served(clock, [0.01, 0.02, 0.015, 0.03, 0.008])
    model.remote = True  # type: ignore[attr-defined]
    bench = bench_of(model, clock, n=20)
    SingleStream(bench.settings).measure(bench)
    assert "cached_by_server" not in codes(record(bench, bench.measured[0]))


class Telling(Served):
    """Says that all but a few tokens of the first `kept` of its answers came from a cache."""

    kept = 20

    def answer(self, number: int, request: Any) -> Any:
        cached = 900 if number < self.kept else 0
        return Generation("yes", usage=Usage(input_tokens=1000, output_tokens=1, cached_tokens=cached))


@pytest.mark.parametrize(("kept", "caught"), [(8, False), (20, True)])
def test_requests_that_a_server_says_it_kept_are_counted_as_requests(kept: int, caught: bool) -> None:
    clock = Clock()
    model = Telling(clock, [0.01])
    model.kept = kept
    bench = bench_of(model, clock)
    bench.put("any", OneByOne(), StopRule(30, 1e6))
    found = record(bench, bench.measured[0])
    assert ("cached_by_server" in codes(found)) is caught
    assert all("20 of 30 requests" in reason.detail for reason in found.reasons)


# --- what is chosen, what it costs, what is refused ---


def settings(**given: Any) -> Any:
    clock = Clock()
    return bench_of(Served(clock, [0.01]), clock, **given).settings


def test_what_is_measured_by_default_follows_from_the_model() -> None:
    one_by_one = FACTS._replace(concurrent=False)
    assert [each.name for each in chosen((), settings(), FACTS)] == ["single-stream", "sweep"]
    assert [each.name for each in chosen((), settings(rate=2.0), FACTS)] == ["single-stream", "server", "sweep"]
    assert [each.name for each in chosen((), settings(), one_by_one)] == ["single-stream", "offline"]


@pytest.mark.parametrize("name", ["server", "sweep"])
def test_what_needs_concurrency_is_refused_without_it(name: str) -> None:
    with pytest.raises(UsageError):
        chosen((name,), settings(rate=1.0), FACTS._replace(concurrent=False))


@pytest.mark.parametrize(
    ("facts", "given"),
    [
        ({}, {}),
        ({}, {"find_max_rate": True}),
        ({}, {"rate": 0.01, "seconds": 60.0}),
        ({"streams": False}, {"rate": 1.0, "targets": read_targets("ttft_p99=1s")}),
        ({"generates": False}, {"rate": 1.0, "targets": read_targets("tpot=1s")}),
    ],
)
def test_a_server_that_cannot_be_measured_is_refused_before_anything_is_asked(
    facts: dict[str, Any], given: dict[str, Any]
) -> None:
    with pytest.raises(UsageError):
        chosen(("server",), settings(**given), FACTS._replace(**facts))


def test_a_target_on_tokens_is_refused_when_answers_turn_out_to_come_whole() -> None:
    clock = Clock()
    bench = bench_of(Served(clock, [0.01]), clock, rate=10.0, targets=read_targets("ttft_p99=1s"))
    with pytest.raises(UsageError):
        Server(bench.settings).measure(bench)


@pytest.mark.parametrize("name", list(SCENARIOS))
@pytest.mark.parametrize("concurrent", [True, False])
def test_no_scenario_makes_more_requests_than_it_was_said_to(name: str, concurrent: bool) -> None:
    if SCENARIOS[name].concurrent and not concurrent:
        return
    clock = Clock()
    model: Any = Served(clock, [0.01]) if concurrent else SyncServed(clock, lambda call, size: 0.01 + 0.001 * size)
    bench = bench_of(model, clock, n=40, requests=50, rate=100.0, seconds=10.0)
    facts = FACTS._replace(concurrent=concurrent, prompts=40)
    scenarios = chosen((name,), bench.settings, facts)
    scenarios[0].measure(bench)
    made = model.calls if concurrent else sum(model.sizes)
    assert 0 < made <= most_requests(scenarios, facts, remote=False)
