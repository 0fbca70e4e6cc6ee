"""Run directories that are damaged, locked or cannot be written: the right exit code, nothing lost."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import (
    Ended,
    edit_json,
    log_of,
    mmbench,
    only_run,
    statuses,
    write_captions,
    write_model,
    write_questions,
    write_rows,
)

from mmbench.results.schema import SCHEMA_VERSION

RED = 'class Red:\n    def generate(self, requests):\n        return ["red" for _ in requests]\n'


RUN_RED = ("run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs")


def test_an_edited_model_file_is_another_run_and_no_stale_resume(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path, 12)
    write_model(tmp_path, RED)
    assert call(*RUN_RED).code == 0
    first = only_run(tmp_path / "runs")
    write_model(tmp_path, RED.replace('"red"', '"blue"'))
    assert call(*RUN_RED).code == 0
    (second,) = (path for path in (tmp_path / "runs").iterdir() if path != first)
    assert {json.loads(line)["output"] for line in log_of(second).read_text(encoding="utf-8").splitlines()} == {"blue"}
    write_model(tmp_path, RED)
    assert call(*RUN_RED).code == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_a_run_of_a_newer_schema_says_upgrade(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path, 12)
    write_model(tmp_path, RED)
    call(*RUN_RED)
    run = only_run(tmp_path / "runs")
    for path in (run / "run.json", run / "tasks" / "vqa__mine" / "plan.json"):
        whole = path.read_bytes()
        edit_json(path, lambda document: document.update(schema_version=SCHEMA_VERSION + 1))
        call(*RUN_RED).refused(
            3, f"{path.relative_to(tmp_path)} has schema {SCHEMA_VERSION + 1}", "Upgrade mmbench to read it."
        )
        path.write_bytes(whole)
    edit_json(run / "run.json", lambda document: document.update(schema_version=SCHEMA_VERSION + 1))
    call("show", "mymodel", "--out", "runs").refused(3, "Upgrade mmbench to read it.")


def test_an_unknown_field_in_run_json_is_damage_and_nothing_is_overwritten(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    write_questions(tmp_path, 12)
    write_model(tmp_path, RED)
    call(*RUN_RED)
    path = only_run(tmp_path / "runs") / "run.json"
    edit_json(path, lambda document: document.update(colour="blue"))
    before = path.read_bytes()
    call(*RUN_RED).refused(3, "run.json is damaged", "colour")
    assert path.read_bytes() == before


def test_a_torn_last_line_is_dropped_and_a_damaged_middle_line_is_reported(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    write_questions(tmp_path, 12)
    write_model(tmp_path, RED)
    call(*RUN_RED)
    log = log_of(only_run(tmp_path / "runs"))
    os.truncate(log, log.stat().st_size - 20)
    assert call(*RUN_RED).code == 0
    assert len(log.read_bytes().splitlines()) == 12
    kept = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*kept[:4], b'{"id": "half\n', *kept[5:]]))
    call(*RUN_RED).refused(3, "responses.jsonl, line 5 is damaged")
    assert len(log.read_bytes().splitlines()) == 12, "nothing was thrown away"


def test_changed_data_under_the_same_name_are_asked_anew_and_the_old_answers_kept(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    write_questions(tmp_path, 12)
    write_model(tmp_path, RED)
    call(*RUN_RED)
    write_questions(tmp_path, 10)
    ended = call(*RUN_RED)
    assert ended.code == 0
    assert "vqa/mine: data, prompt or version changed; earlier answers are kept in vqa__mine." in ended.err
    folders = sorted(path.name for path in (only_run(tmp_path / "runs") / "tasks").iterdir())
    assert len(folders) == 2


@pytest.mark.slow
def test_rows_of_a_csv_file_are_held_to_the_same(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("image,question,answer\n,what?,\n", encoding="utf-8")
    ended = mmbench("run", "--model", "random", "--tasks", "vqa", "--data", "mine.csv", folder=tmp_path)
    ended.refused(2, "mine.csv, line 2")


@pytest.mark.slow
def test_ids_of_a_task_plugin_that_occur_twice_are_refused(tmp_path: Path) -> None:
    source = """
        from mmbench import DatasetInfo, Generate, PerSampleTask, Sample, SampleScore, TaskInfo, mean_metric

        class Twice(PerSampleTask):
            info = TaskInfo("twice/x", "1", "", DatasetInfo("", "", "", ""), frozenset({"generate"}), ("accuracy",))
            metrics = (mean_metric("accuracy", "sample", "accuracy"),)
            columns = ("accuracy",)
            def fingerprint(self): return "1"
            def samples(self, split="test"): return [Sample("s", ("?",))] * 2
            def requests(self, sample): return [Generate(parts=sample.parts)]
            def score_sample(self, sample, response): return SampleScore({"accuracy": 1.0})
            def solve(self, sample, request): return ""
            def chance(self, samples): return {}

        task = Twice()
    """
    write_model(tmp_path, source, "twice.py")
    ended = mmbench("run", "--model", "random", "--tasks", "twice.py", folder=tmp_path)
    ended.refused(2, "twice/x has 1 sample ids that occur more than once: s")


@pytest.mark.slow
def test_predictions_that_lack_a_sample_are_errors_of_that_sample(tmp_path: Path) -> None:
    write_questions(tmp_path, 4)
    write_rows(tmp_path / "said.jsonl", [{"id": f"q{i}", "prediction": "red"} for i in range(3)])
    arguments = ["run", "--model", "replay", "--model-args", "file=said.jsonl", "--tasks", "vqa", "--out", "runs"]
    ended = mmbench(*arguments, "--data", "mine.jsonl", folder=tmp_path)
    assert ended.code == 4
    assert statuses(only_run(tmp_path / "runs"))["q3"] == "error"


@pytest.mark.slow
def test_a_pair_that_does_not_fit_is_no_obstacle_where_each_model_and_each_task_has_another(tmp_path: Path) -> None:
    write_model(tmp_path, "class Answers:\n    def generate(self, requests): return ['red'] * len(requests)\n")
    write_questions(tmp_path)
    write_captions(tmp_path)
    data = ["--data", "vqa=mine.jsonl", "--data", "retrieval=captions.jsonl", "--out", "runs"]
    both = ["--model", "mymodel,random", "--tasks", "vqa,retrieval"]
    ended = mmbench("run", *both, *data, folder=tmp_path)
    assert ended.code == 0, ended.err
    assert "mymodel on retrieval/captions: retrieval/captions needs a method `embed`" in ended.out
    alone = ["--model", "mymodel", "--tasks", "vqa,retrieval"]
    mmbench("run", *alone, *data, folder=tmp_path).refused(2, "mymodel × retrieval/captions")
