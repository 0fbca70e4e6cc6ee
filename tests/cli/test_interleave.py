"""``--interleave``: two models that take turns, so that their speeds compare; ``--strict``."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import Ended, evaluate, write_model, write_questions

from mmbench.core import UsageError
from mmbench.results.find import load_run
from mmbench.results.saved import load_saved
from mmbench.runner.plan.planner import make_plan

MODEL = """
import time
class Sleeps:
    def generate(self, requests):
        time.sleep({seconds})
        return ["red" for _ in requests]
"""
RUN = ("run", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs", "--batch-size", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_questions(tmp_path, 12)
    write_model(tmp_path, MODEL.format(seconds=0.02), "fast.py")
    write_model(tmp_path, MODEL.format(seconds=0.06), "slow.py")
    return tmp_path


def test_the_two_alternate_and_every_run_knows_its_turn(call: Callable[..., Ended], folder: Path) -> None:
    plan = make_plan(
        "slow", "vqa", folder / "runs", {"data": folder / "mine.jsonl", "interleave": "fast", "repeats": 3}
    )
    turns = [(job.model.name, job.turn.number, job.turn.first, job.turn.against) for job in plan.jobs]
    assert turns == [
        ("slow", 1, True, "fast"), ("fast", 1, False, "slow"), ("fast", 2, True, "slow"), ("slow", 2, False, "fast"),
        ("slow", 3, True, "fast"), ("fast", 3, False, "slow"),
    ]  # fmt: skip
    assert len({job.turn.session for job in plan.jobs}) == 1
    assert len({job.directory().path for job in plan.jobs}) == 6
    assert {job.plans[0].name for job in plan.jobs} == {"vqa/mine"}, "repeats are turns here, and ask nothing twice"
    again = make_plan("slow", "vqa", folder / "runs", {"data": folder / "mine.jsonl", "interleave": "fast"})
    assert len(again.jobs) == 10
    assert again.jobs[0].turn.session != plan.jobs[0].turn.session


@pytest.mark.slow
def test_speeds_of_models_that_took_turns_are_judged(call: Callable[..., Ended], folder: Path) -> None:
    ended = call(*RUN, "--model", "slow", "--interleave", "fast", "--repeats", "5", "--json")
    document = json.loads(ended.out)
    assert ended.code == 0
    figures = {row["figure"]: row for row in document["turns"]}
    assert figures["samples_per_s"]["pairs"] == 5
    assert figures["samples_per_s"]["ratio"] == pytest.approx(1 / 3, rel=0.25)
    assert (
        figures["samples_per_s"]["ratio_low"]
        < figures["samples_per_s"]["ratio"]
        < figures["samples_per_s"]["ratio_high"]
    )
    slow = [run for run in document["runs"] if "slow" in run]
    fast = [run for run in document["runs"] if "fast" in run]
    rule = ("--only", "--require", "vqa/mine:samples_per_s drop<1.5x")
    judged = call("gate", *slow, *(word for run in fast for word in ("--baseline", run)), *rule, "--json")
    assert judged.code == 1
    assert json.loads(judged.out)["verdicts"][0]["verdict"] == "regressed"
    reverse = call("gate", *fast, *(word for run in slow for word in ("--baseline", run)), *rule, "--json")
    assert (reverse.code, json.loads(reverse.out)["verdicts"][0]["verdict"]) == (0, "improved")
    alone = call("gate", slow[0], "--baseline", fast[0], *rule, "--json")
    assert alone.code == 3


@pytest.mark.parametrize(
    "given",
    [
        {"model": "slow", "interleave": "slow"},
        {"model": ["slow", "fast"], "interleave": "fast"},
        {"model": "slow", "interleave": "fast", "perf": "off"},
        {"model": "slow", "interleave": "fast", "seeds": 2},
        {"model": "slow", "interleave": "fast", "cache": "kept"},
        {"model": "slow", "interleave": "fast", "sweep": "batch-size=1,2"},
        {"model": "slow", "interleave": "fast", "repeats": 0},
        {"model": "slow", "interleave": "fast", "repeats": 1000},
        {"model": "slow", "interleave": "nobody"},
        {"model": None, "interleave": "fast"},
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(
    call: Callable[..., Ended], folder: Path, given: dict[str, Any]
) -> None:
    model = given.pop("model")
    with pytest.raises(UsageError):
        make_plan(model, "vqa", folder / "runs", {"data": folder / "mine.jsonl", **given})
    assert not (folder / "runs").exists()


def test_a_run_is_no_model_to_take_turns_with(call: Callable[..., Ended], folder: Path) -> None:
    run = evaluate("random", folder / "mine.jsonl", folder).path
    with pytest.raises(UsageError, match="name the model"):
        make_plan("slow", "vqa", folder / "runs", {"data": folder / "mine.jsonl", "interleave": str(run)})


def test_with_strict_a_speed_that_must_not_be_quoted_fails_the_command(
    call: Callable[..., Ended], folder: Path
) -> None:
    assert call(*RUN, "--model", "random", "--batch-size", "64").code == 0
    assert call(*RUN, "--model", "random", "--batch-size", "64", "--strict").code == 4, "one wave is no measurement"


def test_a_speed_that_must_not_be_quoted_becomes_no_baseline(call: Callable[..., Ended], folder: Path) -> None:
    assert call(*RUN, "--model", "random", "--batch-size", "64").code == 0
    (run,) = (folder / "runs").iterdir()
    perf = load_run(run, folder).tasks["vqa/mine"].perf
    assert perf is not None
    assert not perf.quality.valid
    assert call("baseline", "save", str(run), "gates/random.json").code == 0
    assert load_saved(folder / "gates" / "random.json").tasks["vqa/mine"].perf is None
