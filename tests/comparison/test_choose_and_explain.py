"""Which tasks and metrics are meant; runs told apart; every difference that is no result."""

from pathlib import Path

import pytest
from helpers import edit_json
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.comparison.choose import chosen, chosen_metrics, distinct
from mmbench.comparison.differences import compare_runs
from mmbench.comparison.explain import Explained, explain
from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.metrics import mean_metric
from mmbench.results.find import load_run
from mmbench.results.run import Run

RECALLS = [mean_metric(f"recall@{k}(direction={d})", "sample", "accuracy") for k in (1, 5) for d in ("i2t", "t2i")]


@pytest.fixture
def sides(tmp_path: Path) -> list[Run]:
    tables = {TASK: [score_table([1.0])], "stored/other": [score_table([1.0])], "vqa/scenes": [score_table([1.0])]}
    return [load_run(write_run(tmp_path, name, tables, [ACCURACY, *RECALLS]), tmp_path) for name in ("one", "two")]


# --- tasks and metrics ---


def test_no_name_means_all(sides: list[Run]) -> None:
    assert chosen(sides) == (None, None)


def test_a_family_means_all_of_its_tasks(sides: list[Run]) -> None:
    assert chosen(sides, ["stored"])[0] == [TASK, "stored/other"]
    assert chosen(sides, [TASK, "vqa", TASK])[0] == [TASK, "vqa/scenes"]


def test_a_metric_is_named_by_its_id_with_or_without_parameters(sides: list[Run]) -> None:
    every = (TASK, "stored/other", "vqa/scenes")
    assert chosen(sides, metrics=["recall@5(direction=i2t)"]) == (
        None,
        {name: ["recall@5(direction=i2t)"] for name in every},
    )
    both = ["recall@5(direction=i2t)", "recall@5(direction=t2i)"]
    assert chosen(sides, metrics=["recall@5"])[1] == dict.fromkeys(every, both)
    assert chosen_metrics(sides, ["recall@5"], None) == both


def test_metrics_that_name_their_tasks_mean_these_tasks(sides: list[Run]) -> None:
    assert chosen(sides, metrics=[f"{TASK}:accuracy"]) == ([TASK], {TASK: ["accuracy"]})
    assert chosen(sides, metrics=[f"{TASK}:accuracy", "recall@1"])[0] is None
    assert chosen(sides, ["stored"], [f"{TASK}:accuracy"])[0] == [TASK, "stored/other"]


def test_metrics_of_several_tasks_are_not_crossed(sides: list[Run]) -> None:
    tasks, metrics = chosen(sides, metrics=[f"{TASK}:accuracy", "vqa/scenes:recall@1"])
    found = compare_runs(*sides, tasks, metrics, slices=False)
    assert [(each.task, each.id) for each in found.metrics] == [
        (TASK, "accuracy"),
        ("vqa/scenes", "recall@1(direction=i2t)"),
        ("vqa/scenes", "recall@1(direction=t2i)"),
    ]


@pytest.mark.parametrize(
    ("wanted", "near"),
    [("acuracy", "'accuracy'"), ("recall@6", "'recall@5'"), (f"{TASK}:acuracy", f"'{TASK}:accuracy'")],
)
def test_an_unknown_metric_gets_the_nearest(sides: list[Run], wanted: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown metric") as error:
        chosen(sides, metrics=[wanted])
    assert near in str(error.value)


def test_an_unknown_task_gets_the_nearest(sides: list[Run]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'vqa/scenes'"):
        chosen(sides, ["vqa/scenas"])


# --- labels ---


def test_runs_of_one_model_are_told_apart(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / folder, "model", {TASK: [score_table([1.0])]}) for folder in ("x", "y", "z")]
    edit_json(paths[1] / "run.json", lambda document: document.update(seed=7))
    same = [load_run(path, tmp_path) for path in paths]
    assert [side.label for side in distinct(same[:2])] == ["model (seed 0)", "model (seed 7)"]
    assert len({side.label for side in distinct(same)}) == 3


def test_one_run_twice_and_a_run_alone_are_refused(sides: list[Run]) -> None:
    with pytest.raises(UsageError, match="given twice"):
        distinct([sides[0], sides[1], sides[0]])
    with pytest.raises(UsageError, match="needs two runs"):
        distinct(sides[:1])


# --- explain ---


def test_runs_made_alike_differ_in_nothing_but_the_model(sides: list[Run]) -> None:
    assert {each.section for each in explain(*sides)} == {"model"}
    assert explain(sides[0], sides[0]) == []


def test_every_difference_is_named_by_section(tmp_path: Path) -> None:
    one = write_run(tmp_path, "one", {TASK: [score_table([1.0])], "a/lone": [score_table([1.0])]}, prompt="1: say it")
    two = write_run(tmp_path, "two", {TASK: [score_table([1.0])]})

    def change(document: dict) -> None:
        document["packages"] = {"numpy": "9.9"}
        document["machine"]["cpus"] = 64
        document["spec"] = {"batching": {"size": 4}}
        document["git"] = {"commit": "a" * 40, "dirty": False}
        document["seed"] = 3

    edit_json(two / "run.json", change)
    found = explain(load_run(one, tmp_path), load_run(two, tmp_path))
    for each in (
        Explained("packages", "numpy", "-", "9.9"),
        Explained("machine", "cpus", "1", "64"),
        Explained("spec", "batching.size", "-", "4"),
        Explained("repository", "dirty", "-", "False"),
        Explained("run", "seed", "0", "3"),
        Explained(TASK, "prompt", "1: say it", "none"),
        Explained("a/lone", "task", "run", "-"),
    ):
        assert each in found
