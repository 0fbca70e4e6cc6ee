"""The window that rates are taken from, against queues whose rate is known."""

import heapq
import random

import pytest

from mmbench.perf.window import rate, window_of


def closed_loop(n: int, concurrency: int, times, ramp: bool = False):
    """Starts and durations of a closed loop: as many in flight as may be, each answered after the time that `times` draws."""
    ends: list[float] = []
    starts, durations, now = [], [], 0.0
    room = min(8, concurrency) if ramp else concurrency
    for number in range(n):
        if len(ends) >= room:
            now = heapq.heappop(ends)
            room = min(concurrency, room + 1)
        lasts = times(number)
        starts.append(now)
        durations.append(lasts)
        heapq.heappush(ends, now + lasts)
    return starts, durations


def rate_of(starts, durations, ok=None):
    window = window_of(starts, durations)
    return rate(window, starts, durations, [1.0] * len(starts) if ok is None else ok)


@pytest.mark.parametrize(("n", "concurrency"), [(40, 8), (100, 8), (203, 8), (300, 32), (1000, 64)])
@pytest.mark.parametrize("ramp", [False, True])
def test_constant_service_times_give_concurrency_over_time_exactly(n, concurrency, ramp):
    value, low, high = rate_of(*closed_loop(n, concurrency, lambda _: 0.3, ramp))
    assert value == pytest.approx(concurrency / 0.3, rel=1e-3)
    assert low is None or low <= value <= high


@pytest.mark.parametrize("seed", range(5))
def test_random_service_times_give_the_rate_of_the_queue(seed):
    draw = random.Random(seed)
    value, low, high = rate_of(*closed_loop(4000, 16, lambda _: draw.uniform(0.05, 0.15), ramp=True))
    assert value == pytest.approx(160.0, rel=0.02)
    assert low < 160.0 * 1.01
    assert high > 160.0 * 0.99


@pytest.mark.parametrize("n", range(2, 120, 7))
@pytest.mark.parametrize("concurrency", [2, 7, 32])
def test_no_rate_exceeds_what_the_calls_in_flight_allow(n, concurrency):
    draw = random.Random(n)
    value, _, _ = rate_of(*closed_loop(n, concurrency, lambda _: draw.choice([0.1, 0.1, 0.4]), ramp=True))
    assert value is None or value <= concurrency / 0.1 * (1 + 1e-6)


def test_one_after_the_other_counts_the_time_between_calls():
    starts, durations = [0.0, 5.0, 5.5, 6.0], [5.0, 0.25, 0.25, 0.25]
    window = window_of(starts, durations)
    assert (window.peak, window.begin, window.end) == (1, 5.0, 6.25)
    assert rate(window, starts, durations, [4, 4, 4, 4])[0] == pytest.approx(12 / 1.25)


def test_calls_that_fail_take_time_and_count_for_nothing():
    starts, durations = closed_loop(400, 8, lambda _: 0.1)
    ok = [float(number % 4 != 0) for number in range(400)]
    assert rate_of(starts, durations, ok)[0] == pytest.approx(0.75 * 80, rel=0.02)


def test_a_request_that_is_asked_again_long_after_the_others_does_not_stretch_the_window():
    starts, durations = closed_loop(200, 8, lambda _: 0.1)
    starts.append(90.0)
    durations.append(0.1)
    assert rate_of(starts, durations)[0] == pytest.approx(80.0, rel=0.01)


def test_a_window_ends_when_the_machine_is_shared():
    starts, durations = closed_loop(200, 4, lambda _: 0.1)
    until = starts[-1] + durations[-1]
    durations[-2:] = [30.0, 30.0]  # one of the others is asked again while these go on
    starts, durations = [*starts, until + 10], [*durations, 0.1]
    whole, cut = window_of(starts, durations), window_of(starts, durations, until)
    assert (whole.end, cut.end, cut.begin) == (until + 10, until, whole.begin)
    amounts = [1.0] * len(starts)
    assert rate(whole, starts, durations, amounts)[0] < 20
    assert rate(cut, starts, durations, amounts)[0] == pytest.approx(40.0, rel=0.05)
    assert window_of(starts, durations, 1e9) == whole


def test_nothing_asked_has_no_window():
    assert window_of([], []) is None
    assert rate(window_of([0.0], [1.0]), [0.0], [1.0], [1.0])[0] is None
