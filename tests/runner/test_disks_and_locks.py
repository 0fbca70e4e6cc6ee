"""A disk that is full, a folder that cannot be written, and two processes that want the same run."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import (
    Colours,
    Ended,
    evaluate,
    lines,
    log_of,
    mmbench,
    only_run,
    scores_of,
    start,
    start_python,
    wait_until,
    write_captions,
    write_model,
    write_questions,
)

from mmbench import merge
from mmbench.core import RunFailedError, UsageError
from mmbench.results.rundir import RunDirectory

LIMITED = """
import resource
import sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
from mmbench.cli.main import main
raise SystemExit(main())
"""

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX"), pytest.mark.slow]


def with_file_limit(size: int, *arguments: str, folder: Path) -> Ended:
    """Run the command where no file may grow beyond `size` bytes."""
    child = start_python("-c", LIMITED, str(size), *arguments, folder=folder)
    out, err = child.communicate(timeout=120)
    return Ended(child.returncode, out, err)


@pytest.mark.parametrize("tasks", ["vqa", "retrieval"])
def test_a_disk_that_is_full_in_mid_run_loses_nothing(tmp_path: Path, tasks: str) -> None:
    data = write_questions(tmp_path, 200) if tasks == "vqa" else write_captions(tmp_path, 120)
    arguments = ["run", "--model", "random", "--tasks", tasks, "--data", data.name, "--batch-size", "10", "--out"]
    full = with_file_limit(12_000, *arguments, "runs", folder=tmp_path)
    full.refused(4, "no space left to write", "free some space and give the same command again", "mmbench run")
    run = only_run(tmp_path / "runs")
    document = RunDirectory(run).read()
    assert document.status == "failed"
    assert "no space left" in (document.reason or "")
    kept = log_of(run).read_bytes()
    assert 0 < len(lines(run)) < 200
    assert kept.endswith(b"\n")
    resumed = mmbench(*arguments, "runs", folder=tmp_path)
    assert resumed.code == 0, resumed.err
    assert log_of(run).read_bytes().startswith(kept)
    assert mmbench(*arguments, "whole", folder=tmp_path).code == 0
    assert scores_of(run) == scores_of(only_run(tmp_path / "whole"))


def test_a_disk_that_is_full_again_and_again_is_filled_step_by_step(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 200)
    arguments = ["run", "--model", "random", "--tasks", "vqa", "--data", data.name, "--batch-size", "10", "--out"]
    for limit in (100, 5_000, 14_000):
        with_file_limit(limit, *arguments, "runs", folder=tmp_path).refused(4, "no space left")
    assert mmbench(*arguments, "runs", folder=tmp_path).code == 0
    assert mmbench(*arguments, "whole", folder=tmp_path).code == 0
    assert scores_of(only_run(tmp_path / "runs")) == scores_of(only_run(tmp_path / "whole"))
    assert not list((tmp_path / "runs").rglob(".*.tmp"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 KiB, where mounting one is allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("needs mount")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=96k", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"cannot mount a small file system: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_real_full_disk_loses_nothing(tmp_path: Path, small_disk: Path) -> None:
    data = write_questions(tmp_path, 1000)
    arguments = ["run", "--model", "random", "--tasks", "vqa", "--data", data.name, "--batch-size", "10", "--out"]
    full = mmbench(*arguments, str(small_disk), folder=tmp_path)
    full.refused(4, "no space left to write")
    run = only_run(small_disk)
    kept = log_of(run).read_bytes()
    assert kept.endswith(b"\n")
    again = mmbench(*arguments, str(small_disk), folder=tmp_path)
    again.refused(4, "no space left")
    assert log_of(run).read_bytes().startswith(kept)
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    assert mmbench(*arguments, str(small_disk), folder=tmp_path).code == 0
    assert mmbench(*arguments, "whole", folder=tmp_path).code == 0
    assert scores_of(run) == scores_of(only_run(tmp_path / "whole"))


def test_a_full_disk_is_the_end_of_one_run_and_not_of_the_next_models(tmp_path: Path) -> None:
    write_questions(tmp_path, 100)
    arguments = [
        "run",
        "--model",
        "random,constant",
        "--tasks",
        "vqa",
        "--data",
        "mine.jsonl",
        "--json",
        "--out",
        "runs",
    ]
    full = with_file_limit(6_000, *arguments, folder=tmp_path)
    assert full.code == 4
    assert set(json.loads(full.out)["failures"]) == {"random", "constant"}


# --- folders that cannot be written ---


@pytest.mark.parametrize("out", ["file", "file/below", "/proc/mmbench/runs", "/dev/null/runs"])
def test_an_output_folder_that_cannot_be_is_refused_before_any_work(tmp_path: Path, out: str) -> None:
    if out.startswith("/proc") and not Path("/proc/self").exists():
        pytest.skip("needs /proc")
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    write_model(tmp_path, "class Never:\n    def generate(self, requests):\n        open('asked', 'w').close()")
    write_questions(tmp_path)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", out]
    mmbench(*arguments, folder=tmp_path).refused(2, f"cannot create the folder {out}", "choose another --out")
    assert not (tmp_path / "asked").exists()


def test_the_same_from_python_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("in the way", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot create the folder"):
        evaluate(Colours(), write_questions(tmp_path), tmp_path)


# --- two at once ---

WAITS = """
    import time
    from pathlib import Path

    class Waits:
        def generate(self, requests):
            Path("asked").touch()
            while not Path("go on").exists():
                time.sleep(0.01)
            return ["red" for _ in requests]
"""


def test_a_second_process_on_the_same_run_fails_clearly_and_disturbs_nothing(tmp_path: Path) -> None:
    write_model(tmp_path, WAITS, "waits.py")
    write_questions(tmp_path)
    arguments = ["run", "--model", "waits", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    first = start(*arguments, folder=tmp_path)
    try:
        wait_until(lambda: (tmp_path / "asked").exists() or first.poll() is not None)
        before = (only_run(tmp_path / "runs") / "run.json").read_bytes()
        second = mmbench(*arguments, folder=tmp_path)
        second.refused(4, "another process is running in", "wait for it, or stop it", "mmbench run --model waits")
        assert (only_run(tmp_path / "runs") / "run.json").read_bytes() == before
    finally:
        (tmp_path / "go on").touch()
        _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    assert mmbench(*arguments, folder=tmp_path).code == 0, "once the first has ended, the lock is free"


def test_a_lock_of_a_killed_process_does_not_stay(tmp_path: Path) -> None:
    write_model(tmp_path, WAITS, "waits.py")
    write_questions(tmp_path)
    arguments = ["run", "--model", "waits", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    first = start(*arguments, folder=tmp_path)
    wait_until(lambda: (tmp_path / "asked").exists() or first.poll() is not None)
    first.kill()
    first.communicate()
    (tmp_path / "go on").touch()
    assert mmbench(*arguments, folder=tmp_path).code == 0


def test_a_lock_is_held_within_one_process_too(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    with (
        directory.locked(),
        pytest.raises(RunFailedError, match="another process"),
        RunDirectory(directory.path).locked(),
    ):
        pass
    with directory.locked():
        assert directory.path.is_dir()


def test_a_second_merge_disturbs_nothing_of_one_that_goes_on(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 4)
    shards = [evaluate(Colours(), data, tmp_path, shard=f"{n}/2", batch_size=2, perf="off").path for n in (1, 2)]
    whole = shards[0].with_name(shards[0].name.partition(".shard-")[0])
    staging = RunDirectory(whole.with_name(f".{whole.name}.merging"))
    with staging.locked():  # as the first merge has it
        (staging.path / "tasks").mkdir()
        with pytest.raises(RunFailedError):
            merge(shards, progress=False)
        assert (staging.path / "tasks").is_dir()
    assert merge(shards, progress=False).paths == [whole]
    assert not staging.path.exists()
