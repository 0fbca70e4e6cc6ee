"""Progress: done of total, speed, time left, the live metric and the errors."""

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

from mmbench.runner.progress import Lines, Silent, State


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
    terminal, end = os.openpty()
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--batch-size", "2", "--json"]
    child = subprocess.Popen(
        [sys.executable, "-m", "mmbench", *arguments],
        cwd=tmp_path,
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
    assert child.returncode == 0
    assert len(json.loads(out)["metrics"]) == 1
    said = seen.decode("utf-8", "replace")
    assert "\x1b[" in said, "drawn again in place"
    assert said.count("\n") < 30
    assert "vqa/mine  40/40" in said


def test_silence_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    silent = Silent()
    for method in (silent.start, silent.update, silent.finish):
        method(state())
    silent.note("nothing")
    assert capfd.readouterr() == ("", "")
