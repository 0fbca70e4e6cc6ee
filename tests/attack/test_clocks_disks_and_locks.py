"""A clock that jumps, disks and quotas that are full when a file is made, and locks that are none."""

import builtins
import contextlib
import datetime as dt
import errno
import io
import itertools
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from filelock import FileLock
from helpers import Colours, Ended, evaluate, lines, log_of, only_run, scores_of, write_captions, write_questions

import mmbench as package
from mmbench.core.errors import DamagedFileError, MmbenchError, RunFailedError
from mmbench.results.log import AppendFile, read_log
from mmbench.results.rundir import RunDirectory
from mmbench.runner import session

# --- clocks ---


@pytest.fixture
def jumping_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The wall clock, which leaps a year ahead or back each time that it is read; clocks that cannot be set go on."""
    leaps = itertools.cycle([365, -365, 730, -1000])
    real, day = time.time, 86_400

    class Jumping(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Self:
            return cls.fromtimestamp(real() + day * next(leaps), tz)

    monkeypatch.setattr(time, "time", lambda: real() + day * next(leaps))
    monkeypatch.setattr(time, "time_ns", lambda: int(1e9 * (real() + day * next(leaps))))
    monkeypatch.setattr(session, "datetime", Jumping)
    return day


def test_a_clock_that_jumps_changes_no_duration_and_no_resume(tmp_path: Path, jumping_clock: int) -> None:
    class Stops(Colours):
        def generate(self, requests: Any) -> list[Any]:
            if len(self.calls) == 20:
                raise KeyboardInterrupt
            return super().generate(requests)

    data, first = write_questions(tmp_path, 40), Stops()
    with contextlib.suppress(KeyboardInterrupt):
        evaluate(first, data, tmp_path, batch_size=1)
    run = only_run(tmp_path / "runs")
    created = RunDirectory(run).read().created
    assert len(first.asked) == 20
    for path in run.rglob("*"):  # files of the future, and of the past
        os.utime(path, (time.time(), time.time()))
    second = Stops()
    second.calls = [[]] * 21
    result = evaluate(second, data, tmp_path, batch_size=1)
    assert result.exit_code == 0
    assert sorted(first.asked + second.asked) == sorted(f"q{n}" for n in range(40))
    assert RunDirectory(run).read().created == created
    for line in lines(run):
        assert 0 <= line.start_s < 60
        assert 0 <= line.duration_s < 60
    perf = result.runs[0].tasks["vqa/mine"].perf
    assert perf is not None
    latency = perf.value("latency_p50")
    assert latency is not None
    assert 0 <= latency < 60_000


def test_a_clock_that_jumps_leaves_runs_to_be_found_compared_and_reported(tmp_path: Path, jumping_clock: int) -> None:
    data = write_questions(tmp_path, 6)
    paths = [
        package.run(name, "vqa", data=data, out=tmp_path / "runs", progress=False).path
        for name in ("random", "constant")
    ]
    assert package.compare(*paths, out=tmp_path / "runs").metrics
    assert package.report(paths, out=tmp_path / "runs").tables


# --- disks and quotas ---


class Full:
    """A disk or quota on which the file of a certain number cannot be made; every later one cannot either."""

    def __init__(self, below: Path, code: int, after: int) -> None:
        self.below, self.code, self.left = str(below), code, after
        self.refused = 0

    def take(self, path: Any) -> None:
        """Raise where a file is made."""
        if isinstance(path, int) or not str(os.fspath(path)).startswith(self.below) or Path(path).exists():
            return
        self.left -= 1
        if self.left < 0:
            self.refused += 1
            raise OSError(self.code, os.strerror(self.code), str(path))

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Stand in for the functions that make files and folders."""
        real_open, real_os_open, real_mkdir = io.open, os.open, os.mkdir

        def opened(file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
            if set(mode) & set("wax") and "opener" not in more:
                self.take(file)
            return real_open(file, mode, *rest, **more)

        def os_opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            if flags & os.O_CREAT:
                self.take(path)
            return real_os_open(path, flags, *rest, **more)

        def made(path: Any, *rest: Any, **more: Any) -> None:
            self.take(path)
            real_mkdir(path, *rest, **more)

        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        patch.setattr(os, "open", os_opened)
        patch.setattr(os, "mkdir", made)


@pytest.mark.slow
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("tasks", ["vqa", "retrieval"])
def test_no_file_that_cannot_be_made_loses_anything(
    tasks: str, code: int, call: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file that a run makes is the first that finds no room, in turn; then there is room again."""
    data = write_questions(tmp_path, 6) if tasks == "vqa" else write_captions(tmp_path, 4)
    command = ["run", "-m", "random", "-t", tasks, "--data", data.name, "--batch-size", "2", "--out"]
    assert call(*command, "whole").code == 0
    whole = scores_of(only_run(tmp_path / "whole"))
    for after in itertools.count():
        out = tmp_path / f"runs{after}"
        full = Full(out, code, after)
        with monkeypatch.context() as patch:
            full.install(patch)
            ended = call(*command, out.name)
        if not full.refused:
            break
        ended.refused(4, "no space left to write", "give the same command again")
        logs = list(out.rglob("responses.jsonl"))
        kept = logs[0].read_bytes() if logs else b""
        assert call(*command, out.name).code == 0, after
        assert log_of(only_run(out)).read_bytes().startswith(kept)
        assert scores_of(only_run(out)) == whole
        assert not list(out.rglob(".*.tmp"))
    assert after >= 6, "as many files and folders at least are made by a run"


def test_a_cache_that_finds_no_room_fails_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    from mmbench.results.answer_cache import AnswerCache

    def full(self: AnswerCache) -> None:
        with self._usable():
            raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(AnswerCache, "flush", full)
    result = evaluate(Colours(), write_questions(tmp_path, 4), tmp_path, cache=str(tmp_path / "cache"))
    assert result.exit_code == 0


# --- locks that are none ---


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system whose `flock` tells everybody that the lock is theirs."""
    monkeypatch.setattr(FileLock, "acquire", lambda self, *_, **__: None)
    monkeypatch.setattr(FileLock, "release", lambda self, *_, **__: None)


class Beside(Colours):
    """While its second call is under way, another process makes the same run."""

    def __init__(self, other: Callable[[], Any]) -> None:
        super().__init__()
        self._other = other

    def generate(self, requests: Any) -> list[Any]:
        if len(self.calls) == 1:
            self._other()
        return super().generate(requests)


@pytest.mark.usefixtures("no_locks")
def test_of_two_that_hold_the_same_lock_the_second_to_write_stops_and_nothing_is_lost(tmp_path: Path) -> None:
    data, second = write_questions(tmp_path, 6), Colours()
    first = Beside(lambda: evaluate(second, data, tmp_path, batch_size=2))
    # Both have the same name and digest, so it is the same run.
    Beside.__name__ = "Colours"
    with pytest.raises(RunFailedError, match="another process has written"):
        _one_run(evaluate(first, data, tmp_path, batch_size=2))
    run = only_run(tmp_path / "runs")
    assert [line.id.split("/")[-2] for line in lines(run)] == [f"q{n}" for n in range(6)]
    third = Colours()
    result = evaluate(third, data, tmp_path, batch_size=2)
    assert result.exit_code == 0
    assert third.calls == [], "every answer is there"


def _one_run(result: package.RunResult) -> None:
    for failure in result.failures.values():
        raise RunFailedError(failure)


@pytest.mark.parametrize("foreign", [b"{}\n", b""], ids=["grown", "cut"])
def test_a_file_that_somebody_else_changes_is_neither_written_nor_cut(foreign: bytes, tmp_path: Path) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_bytes(b"one\n")
    file = AppendFile(path)
    file.append(b"two\n")
    with path.open("ab") as other:
        if foreign:
            other.write(foreign)
        else:
            other.truncate(4)
    before = path.read_bytes()
    for attempt in (lambda: file.append(b"three\n"), lambda: file.truncate(0)):
        with pytest.raises(RunFailedError, match="another process"):
            attempt()
        assert path.read_bytes() == before
    file.close()


def test_a_write_that_fails_cuts_off_nothing_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "responses.jsonl"
    file = AppendFile(path)
    real = os.write

    def full(descriptor: int, data: Any) -> int:
        with path.open("ab") as other:
            other.write(b"of another\n")
        real(descriptor, bytes(data[:2]))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(RunFailedError, match="no space left"):
        file.append(b"mine\n")
    monkeypatch.undo()
    assert path.read_bytes().startswith(b"of another\n")
    file.close()


@pytest.mark.slow
@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("at", [1, 2, 3])
def test_vectors_of_two_that_hold_the_same_lock_are_never_taken_for_each_other(at: int, tmp_path: Path) -> None:
    data = write_captions(tmp_path, 6)

    class Vectors:
        def __init__(self, other: Callable[[], Any] | None = None) -> None:
            self.info = {"digest": "v"}
            self.other, self.calls = other, 0

        def embed(self, requests: Any) -> list[Any]:
            self.calls += 1
            if self.other is not None and self.calls == at:
                self.other()
            return [np.full(4, 1 + zlib.crc32(r.id.encode()) % 97, dtype=np.float32) + np.arange(4) for r in requests]

    def other() -> None:
        with contextlib.suppress(MmbenchError):
            evaluate(Vectors(), data, tmp_path, "retrieval", batch_size=3)

    with contextlib.suppress(MmbenchError):
        evaluate(Vectors(other), data, tmp_path, "retrieval", batch_size=3)
    result = evaluate(Vectors(), data, tmp_path, "retrieval", batch_size=3)
    assert result.exit_code == 0
    whole = evaluate(Vectors(), data, tmp_path / "whole", "retrieval", batch_size=3)
    assert [row.metric.value for row in result.rows()] == [row.metric.value for row in whole.rows()]


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_appends_of_two_processes_at_once_stay_whole(tmp_path: Path) -> None:
    """Both write as fast as they can, without any lock, until one sees the other."""
    path = tmp_path / "responses.jsonl"
    child = os.fork()
    word = b"a" if child else b"b"
    with contextlib.suppress(RunFailedError):
        file = AppendFile(path)
        for _ in range(2_000):
            file.append(word * 200 + b"\n")
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    assert {line[:1] * 200 for line in path.read_bytes().splitlines()} == set(path.read_bytes().splitlines())
    with pytest.raises(DamagedFileError):
        list(read_log(path))
