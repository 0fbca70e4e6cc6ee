"""Progress: done of total, speed, time left, the live metric and the errors; of learning, loss and validation."""

import io
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from helpers import environment, write_model, write_questions
from learners import write_world

from mmbench.core import FitProgress
from mmbench.runner.execute.progress import Lines, Silent, State, Training


def state(**changes: object) -> State:
    values = {"title": "m · vqa/mine", "total": 2000, "done": 500, "asked": 500, "started": time.monotonic() - 10}
    return State(**{**values, **changes})  # type: ignore[arg-type]


def test_a_line_says_how_far_how_fast_how_long_and_how_well() -> None:
    assert state(live=("accuracy", 0.4567), failed=3).line() == (
        "m · vqa/mine  500/2,000 · 50/s · ETA 0:30 · accuracy 45.7 · 3 failed"
    )


def test_a_resumed_session_is_timed_by_what_it_asked_itself() -> None:
    assert "· 5/s · ETA 5:00 ·" in state(asked=50).line()
    assert "/s" not in state(asked=0).line()
    assert "ETA" not in state(asked=0).line()


def test_hours_are_written_out() -> None:
    assert "ETA 1:30:00" in state(total=5900, done=500, asked=10).line()


def test_what_is_done_has_no_time_left() -> None:
    assert "ETA" not in state(done=2000).line()
    assert state(done=2000).line().endswith("no errors")


# --- learning ---


def training(*, first: int = 0, seconds: float = 50, over: bool = False, **latest: object) -> Training:
    values: dict[str, object] = {"done": 1200, "total": 3100, "loss": 0.41234, "val": ("accuracy", 0.7131)}
    report = FitProgress(**{**values, **latest})  # type: ignore[arg-type]
    return Training("concat · vqa/scenes", report, first, 100.0, 100.0 + seconds, over)


def test_a_line_of_learning_says_steps_loss_validation_speed_and_time_left() -> None:
    assert training().line() == (
        "concat · vqa/scenes  training 1,200/3,100 steps · loss 0.412 · val accuracy 71.3 · 24 steps/s · ETA 1:19"
    )


def test_learning_that_is_resumed_is_timed_by_its_own_steps() -> None:
    assert "· 4 steps/s · ETA 7:55" in training(first=1000).line()


def test_what_a_model_does_not_report_is_left_out() -> None:
    assert (
        training(loss=None, val=None).line()
        == "concat · vqa/scenes  training 1,200/3,100 steps · 24 steps/s · ETA 1:19"
    )
    assert training(seconds=0).line().endswith("· val accuracy 71.3"), "one report tells no speed"


def test_what_has_been_learned_says_how_long_it_took() -> None:
    assert training(over=True, loss=None, val=None).line() == (
        "concat · vqa/scenes  trained 1,200/3,100 steps · 24 steps/s · 0:50"
    )
    assert "ETA" not in training(done=3100).line()


def test_the_clock_of_learning_starts_with_the_first_report() -> None:
    found = Training.begin("m · t", FitProgress(500, 1000))
    assert (found.done, found.total, found.rate) == (500, 1000, 0.0)
    time.sleep(0.01)
    found.advance(FitProgress(501, 1200))
    assert (found.done, found.total) == (501, 1200)
    assert 0 < found.rate <= 100


def test_learning_and_asking_share_the_lines() -> None:
    stream = io.StringIO()
    progress = Lines(stream, interval_s=0)
    for stage in (training(), state()):
        progress.start(stage)
        progress.update(stage)
        progress.finish(stage)
    assert [line.partition("  ")[0] for line in stream.getvalue().splitlines()] == [
        "concat · vqa/scenes",
        "concat · vqa/scenes",
        "m · vqa/mine",
        "m · vqa/mine",
    ]


# --- where it is shown ---


def test_without_a_terminal_there_is_a_line_an_interval_and_one_at_the_end() -> None:
    stream = io.StringIO()
    progress = Lines(stream, interval_s=0.05)
    progress.start(state(done=0))
    for _ in range(50):
        progress.update(state())
    assert stream.getvalue() == ""
    time.sleep(0.06)
    for _ in range(50):
        progress.update(state())
    progress.note("by the way")
    progress.finish(state(done=2000))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("m · vqa/mine  500/2,000")
    assert lines[1] == "by the way"
    assert lines[2].startswith("m · vqa/mine  2,000/2,000")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_on_a_terminal_there_is_a_live_bar_and_standard_output_stays_clean(tmp_path: Path) -> None:
    write_model(
        tmp_path,
        """
        import time

        class Slow:
            def generate(self, requests):
                time.sleep(0.02)
                return ["red" for _ in requests]
        """,
    )
    write_questions(tmp_path, 40)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--batch-size", "2", "--json"]
    out, said = on_a_terminal(tmp_path, *arguments)
    assert len(json.loads(out)["metrics"]) == 1
    assert "vqa/mine  40/40" in said


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs pseudo-terminals")
def test_on_a_terminal_learning_has_a_live_bar_too(tmp_path: Path) -> None:
    write_world(tmp_path)
    arguments = ["train", "learner", "--task", "parity.py:task", "--set", "steps=30,pause=0.01", "--json"]
    out, said = on_a_terminal(tmp_path, *arguments)
    assert len(json.loads(out)["trained"]) == 1
    assert "training 1/30 steps" in said
    assert "learner · parity/small  trained 30/30 steps · loss 0.5 · val accuracy 71.3 ·" in said


def on_a_terminal(folder: Path, *arguments: str) -> tuple[str, str]:
    """Standard output of a command whose standard error is a terminal, and what that terminal was sent."""
    terminal, end = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "mmbench", *arguments],
        cwd=folder,
        env=environment(TERM="xterm-256color"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=end,
        text=True,
    )
    os.close(end)
    seen = b""
    with suppress(OSError):  # how a pseudo-terminal says that the other end is closed
        while piece := os.read(terminal, 65536):
            seen += piece
    os.close(terminal)
    out, _ = child.communicate(timeout=60)
    said = seen.decode("utf-8", "replace")
    assert child.returncode == 0, said
    assert "\x1b[" in said, "drawn again in place"
    assert said.count("\n") < 30
    return out, said


def test_silence_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    silent = Silent()
    for method in (silent.start, silent.update, silent.finish):
        method(state())
    silent.note("nothing")
    assert capfd.readouterr() == ("", "")
