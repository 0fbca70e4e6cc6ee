"""What was asked owns the answers, how it is scored is applied to them, and variants of a task live side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import evaluate, only_run, write_questions
from helpers import mmbench as mmbench_command

import mmbench
from mmbench.core import UsageError
from mmbench.core.ids import names_of, split_variant, variant_name
from mmbench.resolve.task_names import resolve_tasks
from mmbench.results.run import read_run
from mmbench.results.rundir import RunDirectory


class Says:
    """Answers every question alike, in a sentence, and remembers what it was asked."""

    info: dict[str, Any] = {"digest": "says"}  # noqa: RUF012

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def generate(self, requests: Sequence[Any]) -> list[str]:
        self.asked += requests
        return ["The answer is red." for _ in requests]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_questions(tmp_path, 9)


def ask(data: Path, folder: Path, tasks: str = "vqa", **options: Any) -> tuple[Says, mmbench.RunResult]:
    model = Says()
    return model, evaluate(model, data, folder, tasks, **options)


def values(result: mmbench.RunResult) -> dict[str, float | None]:
    return {row.task: row.value for row in result.rows()}


# --- two identities ---


def test_another_extractor_asks_nothing_again_and_the_way_back_neither(tmp_path: Path, data: Path) -> None:
    first, exact = ask(data, tmp_path)
    second, mention = ask(data, tmp_path, task_args={"extractor": "mention"})
    third, again = ask(data, tmp_path)
    assert [len(each.asked) for each in (first, second, third)] == [9, 0, 0]
    assert list(values(exact)) == list(values(mention))
    assert values(exact) == values(again) != values(mention)


def test_rescore_makes_the_new_scoring_current_and_keeps_the_old_file(tmp_path: Path, data: Path) -> None:
    _, exact = ask(data, tmp_path)
    run = only_run(tmp_path / "runs")
    before = {path.name for path in run.glob("tasks/*/scores/*")}
    result = mmbench.rescore(run, task_args={"extractor": "mention"})
    ((task, (old, new)),) = result.scorings.items()
    assert old != new
    assert before < {path.name for path in run.glob("tasks/*/scores/*")}
    stored = read_run(RunDirectory.open(run)).tasks[task]
    assert stored.entry.scoring == new
    assert stored.comparability_key["extractor"].startswith("mention")
    assert stored.source.options == {"extractor": "mention"}
    assert {task: stored.metrics["accuracy"].value} != values(exact)
    mmbench.rescore(run, task_args={"extractor": "exact"})
    assert read_run(RunDirectory.open(run)).tasks[task].entry.scoring == old


def test_rescore_refuses_an_option_that_changes_what_is_asked(tmp_path: Path, data: Path) -> None:
    ask(data, tmp_path)
    with pytest.raises(mmbench.core.NotComparableError, match="prompt"):
        mmbench.rescore(only_run(tmp_path / "runs"), task_args={"prompt": "question-only-v1"})


# --- variants ---


def test_variants_live_side_by_side_and_are_paired(tmp_path: Path, data: Path) -> None:
    first, _ = ask(data, tmp_path)
    second, both = ask(data, tmp_path, f"vqa,vqa/{data.stem}(prompt=question-only-v1)")
    name = f"vqa/{data.stem}"
    assert list(values(both)) == [name, f"{name}(prompt=question-only-v1)"]
    assert [request.id for request in second.asked] == [request.id for request in first.asked]
    assert [request.seed for request in second.asked] == [request.seed for request in first.asked]
    third, _ = ask(data, tmp_path, task_args={"prompt": "question-only-v1"})
    fourth, _ = ask(data, tmp_path)
    assert third.asked == fourth.asked == []
    assert set(read_run(RunDirectory.open(only_run(tmp_path / "runs"))).tasks) == set(values(both))


def test_a_setting_that_is_the_task_s_own_is_no_variant(tmp_path: Path, data: Path) -> None:
    _, result = ask(data, tmp_path, task_args={"prompt": "short-answer-v1"})
    assert list(values(result)) == [f"vqa/{data.stem}"]


def test_the_same_variant_twice_is_refused(tmp_path: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="given twice"):
        ask(data, tmp_path, f"vqa,vqa/{data.stem}(prompt=short-answer-v1)")


@pytest.mark.parametrize("name", ["vqa(prompt)", "vqa(", "vqa(=x)", "vqa(prompt=cot"])
def test_parentheses_that_hold_no_settings_name_no_task(tmp_path: Path, data: Path, name: str) -> None:
    with pytest.raises(UsageError):
        ask(data, tmp_path, name)


@pytest.mark.parametrize("selection", [{"limit": 3}, {"ids": ["q1"]}])
def test_a_part_never_hides_the_full_result(tmp_path: Path, data: Path, selection: dict[str, Any]) -> None:
    _, full = ask(data, tmp_path)
    part, shown = ask(data, tmp_path, **selection)
    assert part.asked == []
    assert [row.to_dict() for row in shown.rows()] == [row.to_dict() for row in full.rows()]
    again, _ = ask(data, tmp_path)
    assert again.asked == []


def test_a_part_is_extended_to_the_whole(tmp_path: Path, data: Path) -> None:
    part, _ = ask(data, tmp_path, limit=3)
    rest, whole = ask(data, tmp_path)
    assert len(part.asked) + len(rest.asked) == 9
    assert {row.metric.n for row in whole.rows()} == {9}


@pytest.mark.parametrize(
    "settings", [{}, {"prompt": "cot"}, {"stop": "a,b(c)", "prompt": "x y"}, {"b": 1.5, "a": True, "c": "é" * 50}]
)
def test_names_of_variants_are_read_back(settings: dict[str, Any]) -> None:
    name = variant_name("vqa/my", settings)
    assert names_of(f"{name},other") == (name, "other")
    task, found = split_variant(name)
    assert (task, list(found)) == ("vqa/my", sorted(settings))


@pytest.mark.parametrize("options", [{"size": 64}, {"target": "class"}, {"prompt": "direct"}])
def test_defaults_that_are_written_out_make_no_variant(options: dict[str, Any]) -> None:
    (found,) = resolve_tasks(["sentiment/scenes"], options=options)
    assert found.name == "sentiment/scenes"
    assert found.settings == {}


@pytest.mark.slow
def test_a_data_file_may_have_parentheses_in_its_name(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 4, name="mine (1).jsonl")
    for tasks in ("vqa", "vqa/mine (1)"):
        _, result = ask(data, tmp_path, tasks)
        assert list(result.tasks) == ["vqa/mine (1)"]
    done = mmbench_command(
        "run", "--model", "oracle", "--tasks", "vqa", "--data", data, "--out", "other", folder=tmp_path
    )
    assert done.code == 0, done.err
    _, variant = ask(data, tmp_path, prompt="cot")
    assert list(variant.tasks) == ["vqa/mine (1)(prompt=cot)"]
