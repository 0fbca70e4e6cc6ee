"""``mmbench show RUN --wrong``: which samples are listed, in which order, and what is refused."""

import json
from dataclasses import replace

import msgspec
import pytest
from helpers import COLOURS, Colours, evaluate, write_captions, write_questions
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.analysis.outcomes import OUTCOMES, sample_outcomes
from mmbench.cli.show_wrong import wrong_samples
from mmbench.results.find import load_run
from mmbench.results.rundir import RunDirectory


class Halting(Colours):
    """Right on every other question, silent on one, and fails on one."""

    def answer(self, request):
        place = int(request.sample_id.removeprefix("q"))
        if place == 5:
            raise ValueError("no")
        return "" if place == 3 else list(COLOURS)[(place + place % 2) % len(COLOURS)]


@pytest.fixture
def run(tmp_path):
    return evaluate(Halting(), write_questions(tmp_path, 8), tmp_path, batch_size=1).path


def ids(run):
    stored = load_run(run)
    (result,) = stored.tasks.values()
    wrong, metric, total, has_best = wrong_samples(stored, result, (), foreign=False)
    assert (metric, total, has_best) == ("accuracy", 8, True)
    return [row.id for row in wrong]


def test_what_failed_comes_before_what_is_wrong_and_what_is_right_is_left_out(run):
    assert ids(run) == ["q5", "q1", "q3", "q7"]


def test_a_limit_says_how_many_are_left(run, call, monkeypatch):
    ended = call("show", run, "--wrong", "--limit", "2")
    assert ended.code == 0
    assert ended.out.count("\nsample ") == 2
    assert "q5" in ended.out
    assert "q7" not in ended.out
    assert "what colour is picture 1?" in ended.out
    assert "--limit 4" in ended.out


def test_json_has_every_one_of_them(run, call):
    rows = json.loads(call("show", run, "--wrong", "--format", "json").out)
    assert [row["id"] for row in rows] == ["q5", "q1", "q3", "q7"]
    assert rows[1]["references"] == [list(COLOURS)[1]]
    assert json.loads(call("show", run, "--wrong", "--json").out) == rows
    assert json.loads(call("show", run, "--wrong", "--json", "--limit", "2").out) == rows[:2]


def test_names_and_labels_of_slices_may_hold_equals_signs(tmp_path):
    slices = {"a": ["b=c", "x"], "a=b": ["c=", "="]}
    path = write_run(tmp_path, "m", {TASK: [score_table([0.0, 0.0], slices=slices)]})
    stored = load_run(path)
    (result,) = stored.tasks.values()
    wanted = {"a=b=c": ["s0"], "a=x": ["s1"], "a=b=c=": ["s0"], "a=b==": ["s1"]}
    for given, expected in wanted.items():
        assert [row.id for row in wrong_samples(stored, result, [given], foreign=False)[0]] == expected, given
    both = wrong_samples(stored, result, ["a=x", "a=b=c="], foreign=False)
    assert (both[0], both[2]) == ([], 0)


@pytest.mark.parametrize(("higher", "order"), [(True, ["s1", "s0", "s2"]), (False, ["s2", "s0", "s1"])])
def test_a_metric_without_a_best_value_calls_nothing_wrong_and_lists_all_worst_first(tmp_path, call, higher, order):
    open_ended = replace(ACCURACY, bounds=(None, None), higher_is_better=higher)
    path = write_run(tmp_path, "m", {TASK: [score_table([2.0, -3.5, 70.0])]}, (open_ended,))
    ended = call("show", path, "--wrong", "--json")
    assert [row["id"] for row in json.loads(ended.out)] == order
    stored = load_run(path)
    (result,) = stored.tasks.values()
    wrong, _, total, has_best = wrong_samples(stored, result, (), foreign=False)
    assert (len(wrong), total, has_best) == (3, 3, False)
    assert [OUTCOMES[code] for code in sample_outcomes(result, None).outcome] == ["scored"] * 3


def test_images_that_are_gone_are_said_beside_what_was_asked(run, call, tmp_path):
    (image,) = tmp_path.glob("**/1.png")
    image.unlink()
    rows = {row["id"]: row for row in json.loads(call("show", run, "--wrong", "--json").out)}
    assert rows["q1"]["question"] == "what colour is picture 1?"
    assert rows["q1"]["images"] == [None]
    assert rows["q3"]["images"] != [None]
    for ended in (call("show", run, "--wrong"), call("show", run, "--sample", "q1")):
        assert ended.code == 0
        assert f"{image.name} (gone)" in ended.out
        assert "what colour is picture 1?" in ended.out


def test_a_run_that_is_not_scored_yet_is_told_apart_from_a_task_without_such_scores(run, call):
    record = RunDirectory(run).read()
    entries = {name: msgspec.structs.replace(each, scoring=None) for name, each in record.tasks.items()}
    RunDirectory(run).write(msgspec.structs.replace(record, tasks=entries))
    call("show", run, "--wrong").refused(3, "run it to an end")


def test_what_is_wrong_is_said(run, call, tmp_path):
    call("show", run, "--wrong", "--slice", "nothing").refused(2, "NAME=LABEL")
    call("show", run, "--wrong", "--slice", "nothing=1").refused(2, "'nothing'")
    call("show", run, "--limit", "3").refused(2, "--wrong")
    call("show", run, "--slice", "a=b").refused(2, "--wrong")
    call("show", "vqa/easy-vqa", "--wrong").refused(2, "--wrong")

    class Towers:
        def embed(self, requests):
            return [[1.0, float(place)] for place, _ in enumerate(requests)]

    towers = evaluate(Towers(), write_captions(tmp_path, 3, 2), tmp_path, tasks="retrieval").path
    call("show", towers, "--wrong").refused(3, "single samples")
