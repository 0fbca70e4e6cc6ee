"""How many requests are in flight when a server says that it is too much, and what is asked again."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from helpers import evaluate, lines, write_questions
from hypothesis import given
from hypothesis import strategies as st

from mmbench import ModelUnusableError, TransientError
from mmbench.runner.execute import pacing
from mmbench.runner.execute.pacing import FIRST_WINDOW, Pace, backoff_s


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "BASE_S", 0.002)


class Flaky:
    """Answers "red"; before that it raises the errors that a test hands it, request by request."""

    def __init__(self, errors: dict[str, list[Exception]]) -> None:
        self.info = {"digest": "flaky"}
        self.errors = errors
        self.asked: list[str] = []

    async def generate(self, request: Any) -> str:
        self.asked.append(request.sample_id)
        await asyncio.sleep(0)
        left = self.errors.get(request.sample_id)
        if left:
            raise left.pop(0)
        return "red"


def test_what_may_pass_is_asked_again_until_it_is_answered(tmp_path: Path) -> None:
    model = Flaky({"q3": [TransientError("reset"), TransientError("busy", slow_down=True), TransientError("reset")]})
    result = evaluate(model, write_questions(tmp_path, 6), tmp_path)
    assert result.exit_code == 0
    assert model.asked.count("q3") == 4
    assert len(lines(result.path)) == 6


def test_the_time_of_a_request_counts_from_its_first_send(tmp_path: Path) -> None:
    errors = {f"q{n}": [TransientError("reset", retry_after_s=0.02)] for n in range(15)}
    result = evaluate(Flaky(errors), write_questions(tmp_path, 15), tmp_path, concurrency=1)
    perf = result.runs[0].tasks[next(iter(result.runs[0].tasks))].perf.quality
    assert perf.value("requests_sent_again") == perf.n_requests
    assert perf.value("latency_p50") >= 20
    assert min(line.duration_s for line in lines(result.path)) < 0.02  # the log has the call that answered


def test_after_the_last_retry_the_error_is_the_answer_and_is_asked_again_on_resume(tmp_path: Path) -> None:
    model = Flaky({"q1": [TransientError(f"HTTP 500 number {n}") for n in range(3)]})
    data = write_questions(tmp_path, 4)
    first = evaluate(model, data, tmp_path, retries=2)
    assert first.exit_code == 4
    failed = [line for line in lines(first.path) if line.status == "error"]
    assert [line.error for line in failed] == ["HTTP 500 number 2"]
    assert evaluate(model, data, tmp_path, retries=2).exit_code == 0
    assert model.asked.count("q0") == 1


def test_other_errors_are_not_asked_again(tmp_path: Path) -> None:
    model = Flaky({"q1": [ValueError("never")]})
    evaluate(model, write_questions(tmp_path, 4), tmp_path)
    assert model.asked.count("q1") == 1


@pytest.mark.slow
def test_a_model_that_can_answer_nothing_more_ends_the_run_at_once(tmp_path: Path) -> None:
    model = Flaky({"q2": [ModelUnusableError("the key was refused")]})
    data = write_questions(tmp_path, 400)
    result = evaluate(model, data, tmp_path, concurrency=4)
    assert result.exit_code == 4
    assert len(model.asked) < 10
    assert "the key was refused" in str(result.failures) + str(result.runs[0].record.tasks)
    assert evaluate(model, data, tmp_path, concurrency=4).exit_code == 0
    assert len(model.asked) <= 410


def test_a_wait_that_the_server_asks_for_holds_everybody(tmp_path: Path) -> None:
    times: list[float] = []

    class Busy(Flaky):
        async def generate(self, request: Any) -> str:
            times.append(asyncio.get_running_loop().time())
            return await super().generate(request)

    model = Busy({"q0": [TransientError("429", slow_down=True, retry_after_s=0.3)]})
    evaluate(model, write_questions(tmp_path, 30), tmp_path, concurrency=2)
    assert sum(time < times[0] + 0.28 for time in times) <= 4


def test_a_server_that_asks_for_an_hour_has_failed(tmp_path: Path) -> None:
    model = Flaky({"q0": [TransientError("429, wait an hour", retry_after_s=3600.0)]})
    evaluate(model, write_questions(tmp_path, 3), tmp_path)
    assert model.asked.count("q0") == 1


def test_the_time_out_of_a_request_counts_its_retries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "BASE_S", 30.0)
    model = Flaky({"q0": [TransientError("reset")] * 50})
    result = evaluate(model, write_questions(tmp_path, 2), tmp_path, timeout=0.2)
    assert {line.status for line in lines(result.path)} == {"ok", "timeout"}


@pytest.mark.slow
def test_the_time_out_does_not_count_the_wait_for_a_place(tmp_path: Path) -> None:
    class Slow(Flaky):
        async def generate(self, request: Any) -> str:
            await asyncio.sleep(0.25)
            return "red"

    n = 3 * FIRST_WINDOW
    result = evaluate(Slow({}), write_questions(tmp_path, n), tmp_path, concurrency=n, timeout=0.4)
    assert {line.status for line in lines(result.path)} == {"ok"}


def _passed(limit: int, rounds: list[bool]) -> list[float]:
    """The window after rounds in which everybody in flight is answered (True) or refused (False)."""

    async def play() -> list[float]:
        pace = Pace(limit, lambda: 0.0)
        windows = []
        for good in rounds:
            tickets = [await pace.enter() for _ in range(int(pace.window))]
            for ticket in tickets:
                pace.leave(ticket, too_much=not good)
            windows.append(pace.window)
        return windows

    return asyncio.run(play())


def test_the_window_doubles_until_the_first_refusal_and_then_grows_by_one_a_round() -> None:
    assert _passed(1000, [True, True, True]) == [2 * FIRST_WINDOW, 4 * FIRST_WINDOW, 8 * FIRST_WINDOW]
    after = _passed(1000, [True, True, False, True, True])
    assert after[2] == 2 * FIRST_WINDOW
    assert after[3] - after[2] == pytest.approx(1, abs=0.1)
    assert after[4] - after[3] == pytest.approx(1, abs=0.1)


@pytest.mark.slow
@given(st.integers(1, 40), st.lists(st.booleans(), max_size=30))
def test_the_window_stays_between_one_and_the_limit(limit: int, rounds: list[bool]) -> None:
    assert all(1 <= window <= limit for window in _passed(limit, rounds))


def test_waits_grow_up_to_a_minute() -> None:
    draw = random.Random(0)
    assert max(backoff_s(0, draw) for _ in range(200)) <= pacing.BASE_S
    assert max(backoff_s(60, draw) for _ in range(200)) <= pacing.LONGEST_S


def test_a_place_is_not_lost_with_a_request_that_is_given_up_while_it_waits() -> None:
    async def play() -> None:
        pace = Pace(1, lambda: 0.0)
        ticket = await pace.enter()
        given_up, patient = (asyncio.create_task(pace.enter()) for _ in range(2))
        await asyncio.sleep(0)
        pace.leave(ticket, too_much=False)
        given_up.cancel()
        await asyncio.wait_for(patient, 1)

    asyncio.run(play())


def test_places_are_given_first_come_first_served() -> None:
    async def play() -> list[int]:
        pace = Pace(2, lambda: 0.0)
        order: list[int] = []

        async def worker(number: int) -> None:
            for _ in range(3):
                ticket = await pace.enter()
                order.append(number)
                await asyncio.sleep(0)
                pace.leave(ticket, too_much=False)

        await asyncio.gather(*(worker(number) for number in range(6)))
        return order

    assert asyncio.run(play()) == list(range(6)) * 3


def test_a_failure_that_says_nothing_of_load_leaves_the_window_as_it_is() -> None:
    async def play() -> float:
        pace = Pace(100, lambda: 0.0)
        for _ in range(50):
            pace.leave(await pace.enter(), too_much=False, answered=False)
        return pace.window

    assert asyncio.run(play()) == FIRST_WINDOW


def test_a_place_is_not_lost_with_a_request_that_is_given_up_while_everybody_is_held() -> None:
    async def play() -> None:
        now = [0.0]
        pace = Pace(1, lambda: now[0])
        pace.hold(3600.0)
        given_up = asyncio.create_task(pace.enter())
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.sleep(0)
        now[0] = 3601.0
        await asyncio.wait_for(pace.enter(), 1)

    asyncio.run(play())
