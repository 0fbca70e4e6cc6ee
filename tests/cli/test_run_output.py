"""What ``mmbench run`` prints, where, and what it leaves alone."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock
from helpers import (
    Ended,
    edit_json,
    environment,
    log_of,
    mmbench,
    only_run,
    write_captions,
    write_model,
    write_questions,
)

from mmbench.core.score_table import MetricValue

pytestmark = pytest.mark.slow

RUN = ("run", "--model", "constant", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs")


@pytest.fixture(autouse=True)
def _data(tmp_path: Path) -> None:
    write_questions(tmp_path, 12)


def test_json_is_one_document_on_stdout_and_everything_else_goes_to_stderr(tmp_path: Path) -> None:
    ended = mmbench(*RUN, "--json", folder=tmp_path)
    assert ended.code == 0
    assert ended.out.count("\n") == 1
    document = ended.document()
    assert {"runs", "metrics", "seeds", "slices", "perf", "failures", "load_failures"} == set(document)
    assert document["runs"] == [str(only_run(tmp_path / "runs").relative_to(tmp_path))]
    assert document["failures"] == {}
    (metric,) = document["metrics"]
    assert document["seeds"] == []
    assert set(metric) == {"model", "task", "seed", "primary", "chance", "prior", *MetricValue.__dataclass_fields__}
    assert (metric["model"], metric["task"], metric["id"]) == ("constant", "vqa/mine", "accuracy")
    assert "vqa/mine  12/12" in ended.err
    assert "constant: mmbench.models.controls:Constant" in ended.err


def test_what_a_model_prints_does_not_spoil_the_document(tmp_path: Path) -> None:
    write_model(
        tmp_path,
        """
        print("imported")

        class Chatty:
            def generate(self, requests):
                print("generating", flush=True)
                return ["red" for _ in requests]
        """,
    )
    ended = mmbench("run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--json", folder=tmp_path)
    assert ended.code == 0
    assert len(ended.document()["metrics"]) == 1
    assert "imported" in ended.err
    assert "generating" in ended.err


def test_the_table_goes_to_stdout_and_the_next_commands_to_stderr(tmp_path: Path) -> None:
    ended = mmbench(*RUN, folder=tmp_path)
    assert "vqa/mine" in ended.out
    assert "95 % interval" in ended.out
    run = only_run(tmp_path / "runs").relative_to(tmp_path)
    assert f"mmbench {' '.join(RUN)}" in ended.err
    assert f"mmbench show {run}" in ended.err


def test_every_command_that_a_run_prints_can_be_given(tmp_path: Path) -> None:
    ended = mmbench(*RUN, folder=tmp_path)
    printed = [line.strip() for line in ended.err.splitlines() if line.startswith("  mmbench ")]
    assert len(printed) >= 2
    for command in printed:
        assert mmbench(*command.split()[1:], folder=tmp_path).code == 0, command


def test_quiet_says_nothing_on_the_way(tmp_path: Path) -> None:
    ended = mmbench(*RUN, "-q", "--json", folder=tmp_path)
    assert ended.err == ""


def test_scores_of_a_part_say_so_wherever_they_are_shown(tmp_path: Path) -> None:
    """Scores of a part are not taken for the whole."""
    said = "5 of the 12 samples of test: --limit 5"
    assert mmbench("run", "--model", "random", *RUN[3:], "--ids", "q1,q2", folder=tmp_path).code == 0
    assert said in mmbench(*RUN, "--limit", "5", folder=tmp_path).out
    for command in (
        ("show", "constant"),
        ("show", "constant", "--md"),
        ("report", "constant"),
        ("export", "constant", "--to", "model-index"),
    ):
        assert said in mmbench(*command, "--out", "runs", folder=tmp_path).out, command
    compared = mmbench("compare", "random", "constant", "--out", "runs", folder=tmp_path)
    assert compared.code == 3, "other samples are not compared"
    assert said not in mmbench(*RUN, folder=tmp_path).out, "the whole again"


def test_a_run_that_was_killed_is_not_said_to_run(tmp_path: Path) -> None:
    mmbench(*RUN, folder=tmp_path)
    run = only_run(tmp_path / "runs")
    edit_json(run / "run.json", lambda document: document.update(status="running"))
    assert "(incomplete; " in mmbench("show", "constant", "--out", "runs", folder=tmp_path).out
    with FileLock(run / ".lock"):
        assert "(running)" in mmbench("show", "constant", "--out", "runs", folder=tmp_path).out


def test_progress_without_a_terminal_is_plain_lines(tmp_path: Path) -> None:
    ended = mmbench(*RUN, folder=tmp_path)
    assert "\x1b" not in ended.err
    assert "\r" not in ended.err
    assert "\x1b" not in ended.out


def test_a_terminal_without_unicode_gets_escapes_and_the_run_its_exit_code(tmp_path: Path) -> None:
    """A note with a bullet, a model with a name in another script: nothing of it may end the run."""
    write_model(
        tmp_path, 'class M:\n    def generate(self, requests):\n        return ["red" for _ in requests]\n', "модель.py"
    )
    arguments = ["run", "--model", "модель", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    ended = mmbench(*arguments, folder=tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ended.code == 0, ended.err
    assert "accuracy" in ended.out
    assert mmbench("list", "models", folder=tmp_path, PYTHONIOENCODING="ascii").code == 0


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    _piped(tmp_path, f"{sys.executable} -m mmbench list metrics | head -n 1")


def test_a_reader_of_tables_that_goes_away_is_no_error(tmp_path: Path) -> None:
    write_questions(tmp_path, 2)
    run = "run --model oracle --tasks vqa --data mine.jsonl --out runs"
    _piped(tmp_path, f"{sys.executable} -m mmbench {run} | head -n 0")


@pytest.mark.parametrize(
    ("redirection", "code"),
    [
        (">&-", 0),
        pytest.param("> /dev/full", 4, marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")),
    ],
)
def test_an_output_that_is_closed_or_full_is_no_bug(tmp_path: Path, redirection: str, code: int) -> None:
    write_questions(tmp_path, 2)
    run = "run -q --model oracle --tasks vqa --data mine.jsonl --out runs"
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m mmbench {run} {redirection}"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert ("the output cannot be written" in done.stderr) == (code == 4)


def _piped(folder: Path, command: str) -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 141), done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


# --- the plan without the run ---


def test_a_dry_run_writes_nothing_and_builds_nothing(tmp_path: Path) -> None:
    write_model(tmp_path, "class M:\n    def __init__(self): 1 / 0\n    def generate(self, requests): ...\n")
    before = sorted(tmp_path.rglob("*"))
    ended = mmbench(
        "run", "--dry-run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", folder=tmp_path,
        PYTHONDONTWRITEBYTECODE="1",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert "12 samples, 12 requests, 1 batches of at most 64; 12 left to ask" in ended.out
    assert "results/runs/mymodel--" in ended.out
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_knows_what_is_left(call: Callable[..., Ended], tmp_path: Path) -> None:
    call(*RUN, "--limit", "5")
    log = log_of(only_run(tmp_path / "runs"))
    before = log.read_bytes()
    document = call(*RUN, "--dry-run", "--json").document()
    (job,) = document["plan"]
    (task,) = job["tasks"]
    assert (task["samples"], task["requests"], task["left"]) == (12, 12, 7)
    assert job["path"] == str(only_run(tmp_path / "runs").relative_to(tmp_path))
    assert log.read_bytes() == before
    call(*RUN)
    assert "0 left to ask" in call(*RUN, "--dry-run").out


def test_a_dry_run_shows_what_does_not_fit_and_how_kinds_are_served(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_model(tmp_path, "class M:\n    def choose(self, requests): ...\n")
    write_captions(tmp_path)
    arguments = ["run", "--dry-run", "--model", "mymodel", "--tasks", "vqa,retrieval", "--skip-incompatible"]
    ended = call(*arguments, "--data", "vqa=mine.jsonl", "--data", "retrieval=captions.jsonl")
    assert ended.code == 0
    assert "generate served by choose" in ended.out
    assert "retrieval/captions  n/a: retrieval/captions needs a method `embed`" in ended.out


# --- nothing left ---


def test_with_nothing_left_the_model_is_not_built(tmp_path: Path) -> None:
    source = """
        from pathlib import Path

        class Once:
            def __init__(self):
                with open("built.txt", "a") as file:
                    file.write("built\\n")

            def generate(self, requests):
                return ["red" for _ in requests]
    """
    write_model(tmp_path, source)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    first = mmbench(*arguments, folder=tmp_path)
    second = mmbench(*arguments, folder=tmp_path)
    assert (first.code, second.code) == (0, 0)
    assert (tmp_path / "built.txt").read_text(encoding="utf-8") == "built\n"
    assert first.out == second.out


def test_three_runs_of_a_table_keep_to_the_tasks_that_were_named(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_captions(tmp_path)
    call("run", "--model", "constant", "--tasks", "retrieval", "--data", "captions.jsonl", "--out", "runs")
    assert "retrieval" not in call(*RUN).out
    assert "retrieval/captions" in call("show", "constant", "--out", "runs").out


def test_offline_forbids_the_hub_libraries_the_network(tmp_path: Path) -> None:
    source = """
        import json, os

        class Tells:
            def generate(self, requests):
                names = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"]
                with open("environment.json", "w") as file:
                    json.dump([os.environ.get(name) for name in names], file)
                return ["red" for _ in requests]
    """
    write_model(tmp_path, source)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--offline"]
    off = dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "0")
    assert mmbench(*arguments, folder=tmp_path, **off).code == 0
    assert json.loads((tmp_path / "environment.json").read_text(encoding="utf-8")) == ["1", "1", "1"]


def test_device_and_dtype_are_options_of_the_model(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_model(
        tmp_path,
        "class M:\n    def __init__(self, device='cpu', dtype=None): self.said = f'{device} {dtype}'\n"
        "    def generate(self, requests): return [self.said for _ in requests]\n",
    )
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    assert call(*arguments, "--device", "cuda:1", "--dtype", "bfloat16").code == 0
    first = json.loads(log_of(only_run(tmp_path / "runs")).read_text(encoding="utf-8").splitlines()[0])
    assert first["output"] == "cuda:1 bfloat16"


def test_perf_off_measures_nothing(call: Callable[..., Ended], tmp_path: Path) -> None:
    call(*RUN, "--perf", "off")
    assert not (only_run(tmp_path / "runs") / "perf.json").exists()


def test_an_unexpected_exception_is_shown_whole_and_ends_with_70(
    call: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmbench.runner.task_run import TaskRun

    def fail(*arguments: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(TaskRun, "score", fail)
    ended = call(*RUN)
    assert ended.code == 70
    assert "ZeroDivisionError: a bug of ours" in ended.err
    assert "This is a bug in mmbench." in ended.err


def test_version_and_help(call: Callable[..., Ended]) -> None:
    assert call("--version").out.startswith("mmbench ")
    assert "run" in call("--help").out
    assert "--batch-size" in call("run", "--help").out
    assert os.environ.get("MMBENCH_RUN_MODEL") is None
