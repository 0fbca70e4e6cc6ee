"""Runs of strangers: what they name as the source of a task is imported by no command that was not told to."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended, edit_json, write_model, write_questions
from stored import score_table, write_run

TASK = "stored/task"
EVIL = "import pathlib\npathlib.Path(__file__).with_name('EXECUTED').touch()\ntask = None\n"


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs under ``results/runs`` whose one task comes from wherever `name_source` says."""
    out = tmp_path / "results" / "runs"
    return [
        write_run(out, model, {TASK: [score_table(scores, answers=["yes", "no"])]})
        for model, scores in (("a", [1.0, 0.0]), ("b", [0.0, 1.0]))
    ]


def name_source(run: Path, name: str, data_path: str | None = None) -> None:
    def change(document: dict) -> None:  # type: ignore[type-arg]
        document["tasks"][TASK]["source"] |= {"name": name, "data_path": data_path}

    edit_json(run / "run.json", change)


@pytest.mark.parametrize("place", ["in the run", "beside", "a module", "a module with data", "a file with settings"])
def test_no_command_imports_what_a_run_names(
    place: str, runs: list[Path], call: Callable[..., Ended], tmp_path: Path
) -> None:
    folder = runs[0] if place == "in the run" else tmp_path
    write_model(folder, EVIL, "evil.py")
    name, data = {
        "in the run": (str(runs[0] / "evil.py"), None),
        "beside": ("evil.py:task", None),
        "a module": ("evil:task", None),
        "a module with data": ("evil:task/x", str(tmp_path)),
        "a file with settings": ("evil.py(prompt=cot)", None),
    }[place]
    for run in runs:
        name_source(run, name, data)
    shown = call("show", runs[0], "--sample", "s1")
    assert shown.code == 0, shown.err
    assert "extracted 'no'" in shown.out
    assert "foreign-source" in shown.err
    call("rescore", runs[0]).refused(3, "foreign-source")
    flips = call("compare", *runs, "--flips", "2")
    assert flips.code == 0, flips.err
    assert "foreign-source" in flips.out
    for command in (
        ["show", runs[0]],
        ["report", *runs, "--output", tmp_path / "page.html"],
        ["gate", runs[0], "--baseline", runs[1]],
    ):
        call(*command)
    assert "foreign-source" in (tmp_path / "page.html").read_text(encoding="utf-8"), (
        "the page says why it shows no questions"
    )
    assert not (folder / "EXECUTED").exists()


def test_what_the_user_allows_is_imported(runs: list[Path], call: Callable[..., Ended], tmp_path: Path) -> None:
    write_model(tmp_path, EVIL, "evil.py")
    name_source(runs[0], "evil.py:task")
    call("show", runs[0], "--sample", "s1", "--allow", "foreign-source")
    assert (tmp_path / "EXECUTED").exists()


def test_a_word_that_allows_nothing_is_refused(runs: list[Path], call: Callable[..., Ended]) -> None:
    call("show", runs[0], "--sample", "s1", "--allow", "foreign").refused(2, "foreign-source")
    call("rescore", runs[0], "--allow", "prompt").refused(2, "foreign-source")


def test_a_sample_of_a_task_that_is_not_at_hand_is_shown_from_the_run(
    runs: list[Path], call: Callable[..., Ended]
) -> None:
    name_source(runs[0], "vqa/nowhere", "/nowhere.jsonl")
    shown = call("show", runs[0], "--sample", "s0")
    assert shown.code == 0, shown.err
    assert "extracted 'yes'" in shown.out
    call("show", runs[0], "--sample", "s7").refused(2, "s7")


def test_a_sample_of_your_own_task_is_shown_with_its_question(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path, 3)
    call("run", "-m", "random", "-t", "vqa", "--data", "mine.jsonl", "--quiet")
    shown = call("show", "random", "--sample", "1")
    assert "what colour is picture 1?" in shown.out
