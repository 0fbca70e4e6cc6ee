"""Where the time of a main loop goes: exclusive, summing to all of it, and nothing elsewhere."""

import threading

import pytest

from mmbench.core.phases import Phases, active, measured, phase


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that tests move."""
    now = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    return now


def test_phases_are_exclusive_of_those_inside_and_sum_to_the_whole(clock: list[float]) -> None:
    phases = Phases("queue")
    with measured(phases):
        clock[0] += 1.0
        with phase("model"):
            clock[0] += 2.0
            with phase("decode"):
                clock[0] += 4.0
            clock[0] += 8.0
        phases.rest_on("model")
        clock[0] += 16.0
    assert phases.read() == {"queue": 1.0, "model": 26.0, "decode": 4.0}
    assert sum(phases.read().values()) == clock[0] - 100.0


def test_a_phase_that_raises_ends(clock: list[float]) -> None:
    phases = Phases("queue")

    def fails() -> None:
        with phase("model"):
            clock[0] += 1.0
            raise ValueError("no")

    with measured(phases), pytest.raises(ValueError, match="no"):
        fails()
    clock[0] += 2.0
    assert phases.read() == {"model": 1.0, "queue": 2.0}


def test_other_threads_and_code_that_nobody_measures_count_nothing(clock: list[float]) -> None:
    phases = Phases("queue")

    def elsewhere() -> None:
        with phase("decode"):
            clock[0] += 1.0

    with measured(phases):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    elsewhere()
    assert set(phases.read()) == {"queue"}
    assert active() is None


def test_a_loop_in_another_thread_can_be_followed(clock: list[float]) -> None:
    phases = Phases("queue")

    def loop() -> None:
        phases.attach()
        with phase("model"):
            clock[0] += 1.0

    with measured(phases):
        thread = threading.Thread(target=loop)
        thread.start()
        thread.join()
        phases.attach()
    assert phases.read() == {"model": 1.0}
