"""The runs, tasks and metrics that a user means."""

from pathlib import Path

import pytest
from helpers import edit_json
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.analysis.choose import chosen, chosen_metrics, distinct
from mmbench.comparison.differences import compare_runs
from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.metrics import mean_metric
from mmbench.results.find import load_run
from mmbench.results.run import Run

RECALLS = [mean_metric(f"recall@{k}(direction={d})", "sample", "accuracy") for k in (1, 5) for d in ("i2t", "t2i")]


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    tables = {TASK: [score_table([1.0])], "stored/other": [score_table([1.0])], "vqa/scenes": [score_table([1.0])]}
    return [load_run(write_run(tmp_path, name, tables, [ACCURACY, *RECALLS]), tmp_path) for name in ("one", "two")]


# --- tasks and metrics ---


def test_no_name_means_all(runs: list[Run]) -> None:
    assert chosen(runs) == (None, None)


def test_a_family_means_all_of_its_tasks(runs: list[Run]) -> None:
    assert chosen(runs, ["stored"])[0] == [TASK, "stored/other"]
    assert chosen(runs, [TASK, "vqa", TASK])[0] == [TASK, "vqa/scenes"]


def test_a_metric_is_named_by_its_id_with_or_without_parameters(runs: list[Run]) -> None:
    every = (TASK, "stored/other", "vqa/scenes")
    assert chosen(runs, metrics=["recall@5(direction=i2t)"]) == (
        None,
        {name: ["recall@5(direction=i2t)"] for name in every},
    )
    both = ["recall@5(direction=i2t)", "recall@5(direction=t2i)"]
    assert chosen(runs, metrics=["recall@5"])[1] == dict.fromkeys(every, both)
    assert chosen_metrics(runs, ["recall@5"], [TASK]) == {TASK: both}


def test_metrics_that_name_their_tasks_mean_these_tasks(runs: list[Run]) -> None:
    assert chosen(runs, metrics=[f"{TASK}:accuracy"]) == ([TASK], {TASK: ["accuracy"]})
    assert chosen(runs, metrics=[f"{TASK}:accuracy", "recall@1"])[0] is None
    assert chosen(runs, ["stored"], [f"{TASK}:accuracy"])[0] == [TASK, "stored/other"]


def test_metrics_of_several_tasks_are_not_crossed(runs: list[Run]) -> None:
    tasks, metrics = chosen(runs, metrics=[f"{TASK}:accuracy", "vqa/scenes:recall@1"])
    found = compare_runs(*runs, tasks, metrics, slices=False)
    assert [(each.task, each.id) for each in found.metrics] == [
        (TASK, "accuracy"),
        ("vqa/scenes", "recall@1(direction=i2t)"),
        ("vqa/scenes", "recall@1(direction=t2i)"),
    ]


@pytest.mark.parametrize(
    ("wanted", "near"),
    [("acuracy", "accuracy"), ("recall@6", "recall@5"), (f"{TASK}:acuracy", f"{TASK}:accuracy")],
)
def test_an_unknown_metric_gets_the_nearest(runs: list[Run], wanted: str, near: str) -> None:
    with pytest.raises(UnknownNameError) as error:
        chosen(runs, metrics=[wanted])
    assert near in error.value.near


def test_an_unknown_task_gets_the_nearest(runs: list[Run]) -> None:
    with pytest.raises(UnknownNameError) as error:
        chosen(runs, ["vqa/scenas"])
    assert error.value.near == ["vqa/scenes"]


# --- labels ---


def test_runs_of_one_model_are_told_apart(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / folder, "model", {TASK: [score_table([1.0])]}) for folder in ("x", "y", "z")]
    edit_json(paths[1] / "run.json", lambda document: document.update(seed=7))
    same = [load_run(path, tmp_path) for path in paths]
    assert [run.label for run in distinct(same[:2])] == ["model (seed 0)", "model (seed 7)"]
    assert len({run.label for run in distinct(same)}) == 3


def test_one_run_twice_and_a_run_alone_are_refused(runs: list[Run]) -> None:
    with pytest.raises(UsageError, match="given twice"):
        distinct([runs[0], runs[1], runs[0]])
    with pytest.raises(UsageError, match="needs two runs"):
        distinct(runs[:1])
