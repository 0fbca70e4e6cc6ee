"""SIGINT and SIGTERM on the command line: exit codes, the command that goes on, and nothing lost."""

import shlex
import signal
from pathlib import Path

import pytest
from helpers import log_of, mmbench, only_run, scores_of, start, wait_until, write_model, write_questions

from mmbench.results.rundir import RunDirectory
from mmbench.runner.execute.signals import Interrupted, interruptible, restoring_interrupts

pytestmark = pytest.mark.slow

SLOW = """
    import time

    class Slow:
        def generate(self, requests):
            time.sleep(0.05)
            return [request.choices[request.seed % len(request.choices)] for request in requests]
"""

SLOW_COLLATE = """
    import time

    class Slow:
        def collate(self, requests):
            time.sleep(0.05)

        def generate(self, requests, inputs):
            return [request.choices[request.seed % len(request.choices)] for request in requests]
"""

SLOW_ASYNC = """
    import asyncio

    class Slow:
        async def generate(self, request):
            await asyncio.sleep(0.02)
            return request.choices[request.seed % len(request.choices)]
"""


@pytest.mark.parametrize(
    ("sent", "code", "source"),
    [
        (signal.SIGINT, 130, SLOW),
        (signal.SIGTERM, 143, SLOW),
        (signal.SIGINT, 130, SLOW_COLLATE),
        (signal.SIGTERM, 143, SLOW_ASYNC),
    ],
    ids=["sigint", "sigterm", "sigint-collate", "sigterm-async"],
)
def test_a_signal_ends_the_run_cleanly_and_the_printed_command_completes_it(
    tmp_path: Path, sent: signal.Signals, code: int, source: str
) -> None:
    write_model(tmp_path, source, "slow.py")
    write_questions(tmp_path, 40)
    arguments = ["run", "--model", "slow", "--tasks", "vqa", "--data", "mine.jsonl", "--batch-size", "2", "--out"]
    arguments += ["my runs", "--concurrency", "2"]
    child = start(*arguments, folder=tmp_path)
    out = tmp_path / "my runs"
    wait_until(
        lambda: any(log.stat().st_size for log in out.glob("*/tasks/*/responses.jsonl")) or child.poll() is not None
    )
    child.send_signal(sent)
    stdout, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert stdout == ""
    assert "Traceback" not in err
    assert f"Ended by {sent.name}. What was answered" in err
    command = err.rstrip().rpartition("\n")[2].strip()
    assert shlex.split(command) == ["mmbench", *arguments]
    run = only_run(out)
    document = RunDirectory(run).read()
    assert (document.status, document.reason) == ("interrupted", f"ended by {sent.name}")
    before = log_of(run).read_bytes()
    assert before.endswith(b"\n")
    resumed = mmbench(*shlex.split(command)[1:], folder=tmp_path)
    assert resumed.code == 0, resumed.err
    assert log_of(run).read_bytes().startswith(before)
    whole = mmbench(*arguments[:-3], "whole", "--batch-size", "64", "--concurrency", "16", folder=tmp_path)
    assert whole.code == 0, whole.err
    assert scores_of(run) == scores_of(only_run(tmp_path / "whole"))


def test_a_signal_while_the_model_is_built_ends_the_run_cleanly_too(tmp_path: Path) -> None:
    source = """
        import time
        from pathlib import Path

        class Slow:
            def __init__(self):
                Path("building").touch()
                time.sleep(60)

            def generate(self, requests):
                return []
    """
    write_model(tmp_path, source, "slow.py")
    write_questions(tmp_path)
    child = start("run", "--model", "slow", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs", folder=tmp_path)
    wait_until(lambda: (tmp_path / "building").exists() or child.poll() is not None)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err
    assert "mmbench run --model slow" in err
    assert RunDirectory(only_run(tmp_path / "runs")).read().status == "interrupted"


def test_a_signal_before_anything_runs_ends_with_the_same_code(tmp_path: Path) -> None:
    write_model(tmp_path, "import time, pathlib\npathlib.Path('importing').touch()\ntime.sleep(60)", "slow.py")
    child = start("run", "--model", "slow", "--tasks", "vqa", folder=tmp_path)
    wait_until(lambda: (tmp_path / "importing").exists() or child.poll() is not None)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in err
    assert not (tmp_path / "results").exists()


def interrupted_by_a_library(number: signal.Signals) -> None:
    """Raise what Ray does when a signal arrives while it waits."""
    try:
        signal.raise_signal(number)
    except KeyboardInterrupt:
        raise KeyboardInterrupt from None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_library_that_raises_an_interrupt_of_its_own_does_not_hide_the_signal(number: signal.Signals) -> None:
    with pytest.raises(Interrupted) as ended, interruptible(), restoring_interrupts():
        interrupted_by_a_library(number)
    assert ended.value.exit_code == 128 + number
