"""``mmbench show RUN --wrong``: which samples are listed, in which order, and what is refused."""

import json

import pytest
from helpers import COLOURS, Colours, evaluate, write_captions, write_questions

from mmbench.cli.show_wrong import wrong_samples
from mmbench.results.find import load_run


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


def ids(run, **slices):
    stored = load_run(run)
    (result,) = stored.tasks.values()
    wrong, metric, total = wrong_samples(stored, result, slices, foreign=False)
    assert (metric, total) == ("accuracy", 8)
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
