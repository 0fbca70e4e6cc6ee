"""Killed at any instant, resumed by the same command: the same scores, byte for byte, as without the kill."""

import random
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers import lines, log_of, mmbench, only_run, scores_of, start, write_captions, write_model

from mmbench.results.rundir import RunDirectory

pytestmark = pytest.mark.slow

BATCH_MODEL = """
    import time
    import numpy as np

    class Slow:
        '''Answers depend on the whole batch, as with padding: only batches of the same boundaries give the same.'''

        def __init__(self, pause: float = 0.0):
            self.pause = pause

        def collate(self, requests):
            return [sum(map(ord, request.id)) for request in requests]

        def generate(self, requests, inputs):
            time.sleep(self.pause)
            mixed = sum(inputs) % 5
            return [request.choices[(own + mixed) % len(request.choices)] for request, own in zip(requests, inputs)]

        def embed(self, requests, inputs):
            time.sleep(self.pause)
            own = np.stack([np.random.default_rng(seed).standard_normal(16) for seed in inputs])
            return own + own.mean(axis=0)
"""

ASYNC_MODEL = """
    import asyncio

    class Slow:
        def __init__(self, pause: float = 0.0):
            self.pause = pause

        async def generate(self, request):
            await asyncio.sleep(self.pause * (1 + request.seed % 3))
            return request.choices[request.seed % len(request.choices)]
"""


@dataclass(frozen=True)
class Command:
    """A run that is slow enough to be killed in the middle."""

    folder: Path
    arguments: tuple[str, ...]
    pause: float

    def __call__(self, out: str) -> list[str]:
        """The command that writes below `out`; apart from that it is always the same."""
        return ["run", "--model", "slow", "--out", out, "--model-args", f"pause={self.pause}", *self.arguments]

    def finish(self, out: str) -> None:
        """Run it to its end."""
        ended = mmbench(*self(out), folder=self.folder)
        assert ended.code == 0, ended.err

    def start(self, out: str) -> subprocess.Popen[str]:
        """Start it and return at once."""
        return start(*self(out), folder=self.folder)


def kill_at(command: Command, log: Path, size: int, jitter: float) -> bool:
    """Start the command and kill it `jitter` seconds after the log holds `size` bytes; False when it ended before."""
    child = command.start("killed")
    try:
        while child.poll() is None and (not log.is_file() or log.stat().st_size < size):
            time.sleep(0.0005)
        time.sleep(jitter)
        killed = child.poll() is None
    finally:
        child.kill()
        child.communicate()
    return killed


def check_kills(command: Command, draw: random.Random, kills: int) -> None:
    command.finish("whole")
    expected = only_run(command.folder / "whole")
    size = log_of(expected).stat().st_size
    log = command.folder / "killed" / expected.name / log_of(expected).relative_to(expected)
    # one at the very start, one when all is answered, the others anywhere between
    moments = sorted([0.0, 1.0, *(draw.uniform(0, 0.97) for _ in range(kills - 2))])
    killed = sum(kill_at(command, log, int(moment * size), draw.uniform(0, 0.02)) for moment in moments)
    assert killed >= kills - 2, "nearly all kills hit a living run"
    command.finish("killed")
    run = only_run(command.folder / "killed")
    assert scores_of(run) == scores_of(expected)
    assert len(scores_of(run)) == 2
    ids = [line.id for line in lines(run)]
    assert len(ids) == len(set(ids)) == len(lines(expected))
    assert RunDirectory(run).read().status == "complete"
    assert not list(run.rglob(".*.tmp")), "no half-written file is left behind"


def test_ten_kills_of_a_vqa_run_with_background_collation_lose_nothing(tmp_path: Path) -> None:
    write_model(tmp_path, BATCH_MODEL, "slow.py")
    arguments = ("--tasks", "vqa/easy-vqa", "--limit", "2000", "--batch-size", "16")
    check_kills(Command(tmp_path, arguments, 0.004), random.Random(20), 10)


def test_ten_kills_of_a_retrieval_run_lose_nothing(tmp_path: Path) -> None:
    write_model(tmp_path, BATCH_MODEL, "slow.py")
    write_captions(tmp_path, 200, 2)
    arguments = ("--tasks", "retrieval", "--data", "captions.jsonl", "--batch-size", "8")
    check_kills(Command(tmp_path, arguments, 0.006), random.Random(21), 10)


def test_kills_of_a_run_with_an_async_model_lose_nothing(tmp_path: Path) -> None:
    write_model(tmp_path, ASYNC_MODEL, "slow.py")
    arguments = ("--tasks", "vqa/easy-vqa", "--limit", "600", "--concurrency", "8")
    check_kills(Command(tmp_path, arguments, 0.003), random.Random(22), 5)


def test_kills_at_any_moment_from_the_start_of_the_process_lose_nothing(tmp_path: Path) -> None:
    """By the clock and not by the log: while modules load, data are read, plans are written, scores are made."""
    write_model(tmp_path, BATCH_MODEL, "slow.py")
    command = Command(tmp_path, ("--tasks", "vqa/easy-vqa", "--limit", "200", "--batch-size", "16"), 0.0)
    began = time.monotonic()
    command.finish("whole")
    duration = time.monotonic() - began
    draw = random.Random(23)
    for _ in range(3):
        child = command.start("killed")
        time.sleep(draw.uniform(0.3, 1.05) * duration)
        child.kill()
        child.communicate()
    command.finish("killed")
    assert scores_of(only_run(tmp_path / "killed")) == scores_of(only_run(tmp_path / "whole"))
