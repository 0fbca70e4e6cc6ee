"""A run directory as one side of a comparison: what is read, when, and what is refused."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from answers import digest_of, run, side
from helpers import edit_json, write_questions
from stored import score_table, write_run

from mmbench.analysis.joins import Mismatch, join, join_tables, mismatches
from mmbench.analysis.stored_metrics import metric_for
from mmbench.core.errors import NotComparableError, UsageError
from mmbench.core.score_table import ScoreTable
from mmbench.metrics import class_columns, f1, median_rank
from mmbench.results.find import load_run
from mmbench.results.run import TaskResult

TASK = "vqa/mine"
FIXTURES = Path(__file__).parents[1] / "results" / "fixtures"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_questions(tmp_path, 8)


def test_a_side_has_the_values_and_reads_its_tables_when_asked(tmp_path: Path, data: Path) -> None:
    path = run(tmp_path, data, "Red")
    before = digest_of(path)
    red = load_run(path, tmp_path)
    task = red.tasks[TASK]
    assert (red.label, red.path, task.status, task.primary) == ("Red", path, "complete", ("accuracy",))
    assert task.metrics["accuracy"].value == 0.25
    assert task.perf is not None
    assert list(task.tables()["sample"].columns["accuracy"]) == [1, 0, 0, 0, 1, 0, 0, 0]
    assert task.tables() is task.tables()
    assert digest_of(path) == before


def test_a_run_is_found_by_name(tmp_path: Path, data: Path) -> None:
    path = run(tmp_path, data, "Red")
    assert load_run("Red", tmp_path / "runs").path == path
    with pytest.raises(UsageError, match="there is no run 'Blue'"):
        load_run("Blue", tmp_path / "runs")


def test_a_damaged_run_is_named(tmp_path: Path, data: Path) -> None:
    path = run(tmp_path, data, "Red")
    (scores,) = path.glob("tasks/*/scores/*.npz")
    scores.write_bytes(scores.read_bytes()[:-20])
    with pytest.raises(NotComparableError, match="is damaged"):
        load_run(path, tmp_path)
    (path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(NotComparableError, match=r"run\.json is damaged"):
        load_run(path, tmp_path)


def test_a_run_of_a_newer_schema_is_refused(tmp_path: Path, data: Path) -> None:
    path = run(tmp_path, data, "Red")
    edit_json(path / "run.json", lambda document: document.update(schema_version=99))
    with pytest.raises(NotComparableError, match="schema 99"):
        load_run(path, tmp_path)


# --- what must agree ---


def test_two_models_on_the_same_questions_compare(tmp_path: Path, data: Path) -> None:
    red, blue = side(tmp_path, data, "Red"), side(tmp_path, data, "Blue", {"q1": "green"})
    assert mismatches(red.tasks[TASK], blue.tasks[TASK]) == []


def test_other_questions_do_not(tmp_path: Path, data: Path) -> None:
    red = side(tmp_path, data, "Red")
    fewer = side(tmp_path / "fewer", data, "Red", limit=3)
    fields = {each.field for each in mismatches(red.tasks[TASK], fewer.tasks[TASK])}
    assert fields == {"number of samples", "selected samples"}
    (tmp_path / "other").mkdir()
    other = side(tmp_path / "other", write_questions(tmp_path / "other", 9), "Red")
    fields = {each.field for each in mismatches(red.tasks[TASK], other.tasks[TASK])}
    assert "data fingerprint" in fields


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("prompt", lambda identity: identity.update(prompt="2: in one word")),
        ("generation parameters", lambda identity: identity.update(generation={"generate+text": {"stop": ["."]}})),
        ("task options", lambda identity: identity.update(options={"variant": "exact"})),
    ],
)
def test_a_plan_that_differs_in_one_thing_says_which(tmp_path: Path, data: Path, field: str, change) -> None:
    path = run(tmp_path, data, "Red")
    other = shutil.copytree(path, tmp_path / "other")
    edit_json(next(other.glob("tasks/*/plan.json")), lambda document: change(document["identity"]))
    sides = [load_run(each, tmp_path).tasks[TASK] for each in (path, other)]
    (found,) = mismatches(*sides)
    assert found.field == field
    assert " against " in str(found)


def test_another_extractor_is_what_differs(tmp_path: Path, data: Path) -> None:
    task = side(tmp_path, data, "Red").tasks[TASK]
    other = replace(task, entry=msgspec.structs.replace(task.entry, scored_by={"extractor": "other-1", "options": {}}))
    assert [each.field for each in mismatches(task, other)] == ["extractor"]


def rescored(task: TaskResult, **changes: Any) -> TaskResult:
    """The same with other fields in its file of scores."""
    return replace(task, scores=msgspec.structs.replace(task.scores, **changes))


def test_a_task_without_scores_or_common_metrics_does_not_compare(tmp_path: Path, data: Path) -> None:
    task = side(tmp_path, data, "Red").tasks[TASK]
    interrupted = replace(task, entry=msgspec.structs.replace(task.entry, status="interrupted"), scores=None)
    (found,) = mismatches(task, interrupted)
    assert str(found) == "status: complete against interrupted, no scores"
    value = replace(task.metrics["accuracy"], id="vqa_accuracy(variant=exact)")
    assert mismatches(task, rescored(task, metrics=[value])) == [
        Mismatch("metrics", "accuracy", "vqa_accuracy(variant=exact)")
    ]


# --- how a metric is computed ---


def test_a_mean_needs_nothing_but_its_spec(tmp_path: Path, data: Path) -> None:
    task = side(tmp_path, data, "Red").tasks[TASK]
    shutil.rmtree(data.parent / "images")
    data.unlink()
    metric, reason = metric_for(task, "accuracy")
    assert reason is None
    assert metric is not None
    assert (metric.is_mean, metric.columns, metric.unit) == (True, ("accuracy", "1"), "sample")


def test_an_older_file_without_specs_is_served_by_the_registered_metrics(tmp_path: Path) -> None:
    (path,) = (FIXTURES / "v1" / "runs").glob("*Writes*")
    task = load_run(path, tmp_path).tasks["tiny/words"]
    assert task.specs == {}
    metric, reason = metric_for(task, "accuracy")
    assert reason is None
    assert metric is not None


def test_a_metric_that_is_registered_nowhere_has_values_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the task's file lies in the working directory: no code is imported because a run names it."""
    monkeypatch.chdir(FIXTURES / "v1" / "source")
    monkeypatch.delitem(sys.modules, "tiny_v1_task", raising=False)
    (path,) = (FIXTURES / "v1" / "runs").glob("*Writes*")
    metric, reason = metric_for(load_run(path, tmp_path).tasks["tiny/vectors"], "close(norm=1)")
    assert metric is None
    assert reason is not None
    assert "tiny_v1_task" not in sys.modules


def test_a_metric_is_rebuilt_by_its_maker_without_its_task(tmp_path: Path) -> None:
    (path,) = (FIXTURES / "v6" / "runs").glob("*Writes*")
    task = load_run(path, tmp_path).tasks["tiny/vectors"]
    name = "median_rank(direction=t2i)"
    assert metric_for(task, name) == (median_rank(direction="t2i"), None)
    replaced = msgspec.structs.replace
    changes = (
        {"maker": "gone"},
        {"parameters": {}},
        {"parameters": {"direction": "i2t"}},
        {"kind": "formula"},
        {"columns": ["rank", "1"]},
    )
    for change in changes:
        other = rescored(task, specs={name: replaced(task.specs[name], **change)})
        metric, reason = metric_for(other, name)
        assert (metric, bool(reason)) == (None, True), change


def test_a_metric_that_shares_id_and_columns_with_another_is_not_taken_for_it(tmp_path: Path) -> None:
    ids = [f"s{n}" for n in range(8)]
    predicted = np.eye(2)[[0, 0, 0, 1, 1, 1, 1, 1]]
    table = ScoreTable("sample", ids, ids, ["scored"] * 8, class_columns(predicted, [0, 0, 1, 1, 1, 1, 0, 0]))
    usual = f1(average="macro")
    own = replace(usual, formula=lambda sums: sums[..., 0] / sums[..., 2])
    found = []
    for name, metric in (("usual", usual), ("own", own)):
        write_run(tmp_path, name, {"stored/task": [table]}, [metric])
        found.append(metric_for(load_run(f"{name}--", tmp_path).tasks["stored/task"], "f1(average=macro)"))
    assert found[0] == (usual, None)
    assert found[1][0] is None


# --- the join ---


def test_units_are_joined_by_id_whatever_their_order() -> None:
    a = score_table({"x": 1.0, "y": 0.0, "z": 1.0}, ["p", "p", "q"])
    b = score_table({"z": 0.0, "x": 1.0, "y": 1.0}, ["q", "p", "p"])
    joined = join(a, b)
    assert [a.unit_ids[row] for row in joined.rows_a.tolist()] == ["x", "y", "z"]
    assert [b.unit_ids[row] for row in joined.rows_b.tolist()] == ["x", "y", "z"]
    assert joined.clusters.tolist() == [0, 0, 1]
    assert (joined.n, joined.only_a, joined.only_b, joined.neither) == (3, 0, 0, 0)


def test_what_failed_or_is_missing_is_outside_the_pair_and_counted() -> None:
    a = score_table({"both": 1.0, "a alone": 1.0, "failed in b": 1.0, "failed in both": None, "failed in a": None})
    b = score_table(
        {"failed in a": 0.0, "both": 0.0, "failed in b": None, "failed in both": None, "b alone": 1.0, "b2": 0.0}
    )
    joined = join(a, b)
    assert [a.unit_ids[row] for row in joined.rows_a.tolist()] == ["both"]
    assert (joined.only_a, joined.only_b, joined.neither) == (2, 3, 1)


def test_tables_that_share_nothing_join_to_nothing() -> None:
    joined = join(score_table({"x": 1.0}), score_table({"y": 1.0}))
    assert (joined.n, joined.only_a, joined.only_b) == (0, 1, 1)


def test_other_clusters_are_refused() -> None:
    with pytest.raises(NotComparableError, match="'x' belongs to 'p' in one run and to 'q'"):
        join(score_table({"x": 1.0}, ["p"]), score_table({"x": 1.0}, ["q"]))


def test_an_id_twice_is_refused() -> None:
    twice = replace(score_table({"x": 1.0, "y": 1.0}), unit_ids=["x", "x"])
    for pair in ((twice, score_table({"x": 1.0})), (score_table({"x": 1.0}), twice), (twice, twice)):
        with pytest.raises(NotComparableError, match="an id twice"):
            join(*pair)


def test_sides_are_joined_unit_by_unit(tmp_path: Path, data: Path) -> None:
    red, blue = side(tmp_path, data, "Red"), side(tmp_path, data, "Blue", {"q2": None})
    joined = join_tables(red.tasks[TASK], blue.tasks[TASK])
    assert list(joined) == ["sample"]
    assert (joined["sample"].n, joined["sample"].only_a) == (7, 1)


def test_the_fixture_of_every_version_is_a_side(tmp_path: Path) -> None:
    for path in sorted(FIXTURES.glob("v*/runs/*")):
        found = load_run(path, tmp_path)
        assert json.loads((path / "run.json").read_text(encoding="utf-8"))["tasks"].keys() == found.tasks.keys()
