"""Models with ``async def`` methods: the runner owns concurrency, time-outs and the log."""

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Colours, evaluate, lines, only_run, statuses, write_captions, write_questions

import mmbench
from mmbench import Generation, ModelInfo
from mmbench.core.errors import ModelUnusableError
from mmbench.results.log import ResponseLog
from mmbench.results.rundir import RunDirectory


class Served:
    """Answers one request at a time, after a moment, and counts how many are in flight."""

    def __init__(self, moment: float = 0.002) -> None:
        self.info = {"digest": "served"}
        self.moment = moment
        self.in_flight = self.most = 0
        self.asked: list[str] = []

    async def generate(self, request: Any) -> Any:
        self.asked.append(request.sample_id)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await asyncio.sleep(self.moment)
            return await self.answer(request)
        finally:
            self.in_flight -= 1

    async def answer(self, request: Any) -> Any:
        return "red"


def test_requests_are_concurrent_up_to_the_bound_and_never_beyond(tmp_path: Path) -> None:
    model = Served()
    result = evaluate(model, write_questions(tmp_path, 40), tmp_path, concurrency=5)
    assert model.most == 5
    assert len(model.asked) == 40
    assert result.exit_code == 0


def test_a_concurrency_of_one_asks_one_after_the_other(tmp_path: Path) -> None:
    model = Served(0)
    evaluate(model, write_questions(tmp_path, 10), tmp_path, concurrency=1)
    assert model.most == 1
    assert model.asked == [f"q{i}" for i in range(10)]


def test_the_log_has_one_line_a_request_written_as_each_one_ends(tmp_path: Path) -> None:
    """The slowest request comes last in the log, though it was asked first."""

    class FirstIsSlow(Served):
        async def answer(self, request: Any) -> Any:
            await asyncio.sleep(0.2 if request.sample_id == "q0" else 0)
            return "red"

    result = evaluate(FirstIsSlow(), write_questions(tmp_path, 12), tmp_path, concurrency=4)
    ids = [line.id for line in lines(result.path)]
    assert len(ids) == len(set(ids)) == 12
    assert ids[-1] == "vqa/mine/q0/0"
    assert {line.batch_size for line in lines(result.path)} == {1}


def test_what_ends_at_about_the_same_time_is_logged_in_one_write(tmp_path: Path, monkeypatch: Any) -> None:
    sizes: list[int] = []
    append = ResponseLog.append

    def counted(log: ResponseLog, lines: Any) -> list[int]:
        sizes.append(len(lines))
        return append(log, lines)

    class Together(Served):
        """Lets go of eight requests at once."""

        barrier = asyncio.Barrier(8)

        async def answer(self, request: Any) -> Any:
            await self.barrier.wait()
            return "red"

    monkeypatch.setattr(ResponseLog, "append", counted)
    result = evaluate(Together(), write_questions(tmp_path, 16), tmp_path, concurrency=8)
    assert sum(sizes) == len(lines(result.path)) == 16
    assert len(sizes) < 16


def test_what_ended_just_before_the_run_stopped_is_in_the_log(tmp_path: Path) -> None:
    class Stops(Served):
        async def generate(self, request: Any) -> Any:
            if request.sample_id == "q3":
                await asyncio.sleep(
                    0
                )  # in the round after the answers to the others, long before these are due to be recorded
                raise ModelUnusableError("gone")
            return "red"

    result = evaluate(Stops(), write_questions(tmp_path, 4), tmp_path, concurrency=8)
    assert result.exit_code == 4
    assert statuses(result.path) == {"q0": "ok", "q1": "ok", "q2": "ok"}


def test_a_model_that_fails_at_once_is_asked_no_more_than_may_be_in_flight_once_it_is_stopped(tmp_path: Path) -> None:
    class Fails(Served):
        async def generate(self, request: Any) -> Any:
            self.asked.append(request.sample_id)
            raise ValueError("no")

    model = Fails()
    result = evaluate(model, write_questions(tmp_path, 60), tmp_path, concurrency=4, max_errors=3)
    assert result.exit_code == 4
    assert len(model.asked) <= 2 * 4


def test_an_async_model_is_told_of_what_it_will_be_asked(tmp_path: Path) -> None:
    class Told(Served):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[str] = []

        def prepare_ahead(self, requests: Any) -> None:
            self.told += [request.sample_id for request in requests]
            raise ValueError("what fails here is heard of when it is asked")

        async def answer(self, request: Any) -> Any:
            assert request.sample_id in self.told
            return "red"

    model = Told()
    result = evaluate(model, write_questions(tmp_path, 20), tmp_path, concurrency=2)
    assert result.exit_code == 0
    assert model.told == [f"q{i}" for i in range(20)]


def test_a_request_without_an_answer_in_time_is_a_timeout_and_asked_again_on_resume(tmp_path: Path) -> None:
    class Hangs(Served):
        slow = "q3"

        async def answer(self, request: Any) -> Any:
            await asyncio.sleep(60 if request.sample_id == self.slow else 0)
            return "red"

    data = write_questions(tmp_path, 6)
    result = evaluate(Hangs(), data, tmp_path, timeout=0.2)
    assert statuses(result.path) == {f"q{i}": "timeout" if i == 3 else "ok" for i in range(6)}
    (late,) = (line for line in lines(result.path) if line.status == "timeout")
    assert late.error == "no answer within 0.2 s"
    assert result.rows()[0].metric.n_failed == 1
    assert result.exit_code == 4
    healed = Hangs()
    healed.slow = ""
    assert evaluate(healed, data, tmp_path).exit_code == 0
    assert healed.asked == ["q3"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionError("reset by peer"), "ConnectionError: reset by peer"),
        (TimeoutError("the server's own"), "TimeoutError: the server's own"),
        (SystemExit(0), "SystemExit: 0"),
        (asyncio.CancelledError(), "CancelledError: the model cancelled its own request"),
    ],
    ids=["raises", "own-timeout", "exits", "cancels"],
)
def test_an_exception_is_that_requests_error_and_the_others_go_on(
    tmp_path: Path, error: BaseException, said: str
) -> None:
    class Breaks(Served):
        async def answer(self, request: Any) -> Any:
            if request.sample_id in ("q1", "q2"):
                raise error
            return Generation("red")

    result = evaluate(Breaks(), write_questions(tmp_path, 12), tmp_path, concurrency=2, timeout=30.0)
    assert {sample for sample, status in statuses(result.path).items() if status != "ok"} == {"q1", "q2"}
    assert {line.error for line in lines(result.path) if line.status == "error"} == {said}


def test_an_output_that_is_no_text_is_that_requests_error(tmp_path: Path) -> None:
    class Wrong(Served):
        async def answer(self, request: Any) -> Any:
            return None if request.sample_id == "q1" else "red"

    assert statuses(evaluate(Wrong(), write_questions(tmp_path, 3), tmp_path).path)["q1"] == "error"


def test_too_many_errors_end_the_run_and_nothing_is_recorded_after_it(tmp_path: Path) -> None:
    class Down(Served):
        async def answer(self, request: Any) -> Any:
            raise ConnectionError("refused")

    model = Down()
    result = evaluate(model, write_questions(tmp_path, 40), tmp_path, concurrency=4, max_errors=3)
    assert 4 <= len(lines(result.path)) <= 7  # what ends in one round of the loop is recorded together
    assert len(model.asked) <= 8
    assert model.in_flight == 0, "what was in flight was cancelled"
    assert result.runs[0].record.status == "stopped"


def test_async_open_and_close_run_on_the_loop_of_the_requests(tmp_path: Path) -> None:
    class Connects(Served):
        def __init__(self) -> None:
            super().__init__()
            self.loops: list[Any] = []

        async def open(self) -> None:
            self.loops.append(asyncio.get_running_loop())

        async def answer(self, request: Any) -> Any:
            assert asyncio.get_running_loop() is self.loops[0]
            return "red"

        async def close(self) -> None:
            self.loops.append(asyncio.get_running_loop())

    model = Connects()
    assert evaluate(model, write_questions(tmp_path, 4), tmp_path).exit_code == 0
    assert len(model.loops) == 2
    assert model.loops[0] is model.loops[1]


@pytest.mark.slow
def test_async_embeddings_are_kept_row_by_row(tmp_path: Path) -> None:
    class Embeds:
        info = ModelInfo("embeds")

        async def embed(self, request: Any) -> Any:
            await asyncio.sleep(0.001 * (request.seed % 3))
            return np.random.default_rng(request.seed).standard_normal(4)

    class InBatches:
        info = ModelInfo("in batches")

        def embed(self, requests: Sequence[Any]) -> Any:
            return np.stack([np.random.default_rng(request.seed).standard_normal(4) for request in requests])

    data = write_captions(tmp_path)
    one = evaluate(Embeds(), data, tmp_path, "retrieval")
    other = evaluate(InBatches(), data, tmp_path, "retrieval")
    assert [row.metric for row in one.rows()] == [row.metric for row in other.rows()]


def test_one_async_and_one_plain_method_serve_one_model(tmp_path: Path) -> None:
    class Both(Colours):
        async def embed(self, request: Any) -> Any:
            return [1.0, float(len(request.text))]

    questions, captions = write_questions(tmp_path, 4), write_captions(tmp_path)
    data = {"vqa": questions, "retrieval": captions}
    result = mmbench.run(Both(), "vqa,retrieval", data=data, out=tmp_path / "runs", progress=False)
    assert result.exit_code == 0
    assert {entry.status for entry in result.runs[0].tasks.values()} == {"complete"}


@pytest.mark.slow
def test_an_interrupt_gives_up_what_is_in_flight_and_closes_the_model(tmp_path: Path) -> None:
    """Nothing of the interrupted session may write to the log after it was closed, not even while `close` runs."""

    class Interrupts(Served):
        def __init__(self, after: int) -> None:
            super().__init__(0.02)
            self.after = after
            self.closed_at = -1

        async def answer(self, request: Any) -> Any:
            if len(self.asked) == self.after:
                os.kill(os.getpid(), signal.SIGINT)
            return "red"

        async def close(self) -> None:
            await asyncio.sleep(0.1)
            self.closed_at = self.in_flight

    model = Interrupts(after=12)
    data = write_questions(tmp_path, 40)
    with pytest.raises(KeyboardInterrupt):
        evaluate(model, data, tmp_path, concurrency=4)
    assert model.closed_at == 0
    run = only_run(tmp_path / "runs")
    assert RunDirectory(run).read().status == "interrupted"
    kept = statuses(run)
    assert 0 < len(kept) < 40
    assert set(kept.values()) == {"ok"}
    second = Interrupts(after=-1)
    result = evaluate(second, data, tmp_path)
    assert set(second.asked) == {f"q{i}" for i in range(40)} - set(kept), (
        "what was answered is not asked (or paid) again"
    )
    assert result.exit_code == 0


def test_an_async_model_runs_inside_a_running_event_loop_as_in_a_notebook(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 4)

    async def notebook() -> mmbench.RunResult:
        return evaluate(Served(), data, tmp_path)

    assert asyncio.run(notebook()).exit_code == 0


def test_an_async_model_that_fails_too_often_ends_inside_a_running_event_loop_too(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 8)

    class Fails:
        async def generate(self, request):
            raise ValueError("no")

    async def notebook() -> mmbench.RunResult:
        return evaluate(Fails(), data, tmp_path, max_errors=2)

    result = asyncio.run(notebook())
    assert result.exit_code == 4
    assert "max-errors" in next(iter(result.failures.values()))


def test_an_interrupt_inside_a_running_event_loop_gives_up_what_is_in_flight(tmp_path: Path) -> None:
    class Interrupts(Served):
        async def answer(self, request: Any) -> Any:
            if len(self.asked) == 9:
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.sleep(30)
            return "red"

    model = Interrupts()
    data = write_questions(tmp_path, 40)

    async def notebook() -> None:
        evaluate(model, data, tmp_path, concurrency=1)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(notebook())
    assert model.in_flight == 0
    run = only_run(tmp_path / "runs")
    assert RunDirectory(run).read().status == "interrupted"
    assert len(statuses(run)) == 8


def test_a_plain_model_runs_inside_a_running_event_loop(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 4)

    async def notebook() -> mmbench.RunResult:
        return evaluate(Colours(), data, tmp_path)

    assert asyncio.run(notebook()).exit_code == 0
