"""The recorder between a call that ended and those that look on."""

import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmbench.core import Call, Generate, Response
from mmbench.results.log import ResponseLog, read_log
from mmbench.runner.execute.progress import State
from mmbench.runner.execute.recorder import Recorder
from mmbench.runner.execute.signals import Interrupted, interruptible
from mmbench.runner.plan.log_state import ANSWERED
from mmbench.scoring.answers import AnswerBook


class Watching:
    """An observer that keeps what it was told, and sends this process a signal where it is asked to."""

    def __init__(self, sends: bool = False) -> None:
        self.sends, self.told = sends, list[list[int]]()

    def on_responses(self, call: Call, new: list[int], responses: Any) -> None:
        if self.sends:
            os.kill(os.getpid(), signal.SIGTERM)
        self.told.append(new)


def test_a_signal_between_two_observers_is_raised_when_all_have_been_told() -> None:
    logged: list[Any] = []
    log: Any = SimpleNamespace(append=logged.extend)
    state: Any = SimpleNamespace(states=bytearray(1))
    first, second = Watching(sends=True), Watching()
    recorder = Recorder(log, state, State("m", 1), 0.5, [first, second])  # type: ignore[list-item]
    request = Generate(parts=("what colour?",), id="t/s/0")
    with interruptible(), pytest.raises(Interrupted) as caught:
        recorder.record(Call(0, [0], [request], 0.0, 0.1), [Response("ok", "red")])
    assert caught.value.signum == signal.SIGTERM
    assert (len(logged), state.states[0]) == (1, ANSWERED)
    assert first.told == second.told == [[0]]


def test_a_signal_while_answers_are_written_leaves_the_log_whole_and_more_can_be_written(tmp_path: Path) -> None:
    """What an async model had answered when it was stopped is recorded afterwards, in the same log."""
    state: Any = SimpleNamespace(states=bytearray(2))
    requests = [Generate(parts=("what colour?",), id=f"t/s/{number}") for number in range(2)]
    with ResponseLog(tmp_path) as log:
        append = log._lines.append

        def interrupted(data: bytes) -> None:
            append(data[:20])
            os.kill(os.getpid(), signal.SIGINT)
            append(data[20:])

        log._lines.append = interrupted  # type: ignore[method-assign]
        book = AnswerBook(2)
        recorder = Recorder(log, state, State("m", 2), 0.5, book=book)
        with interruptible(), pytest.raises(Interrupted):
            recorder.record(Call(0, [0], requests[:1], 0.0, 0.1), [Response("ok", "red")])
        log._lines.append = append  # type: ignore[method-assign]
        recorder.record(Call(0, [1], requests[1:], 0.0, 0.1), [Response("ok", "green")])
    assert [line.output for line in read_log(tmp_path / "responses.jsonl")] == ["red", "green"]
    assert [each and each.output for each in book.found] == ["red", "green"]
    assert list(state.states) == [ANSWERED, ANSWERED]
