"""Runs that were asked otherwise: refused, compared where that is allowed, and variants of a task in one run."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import evaluate, mmbench, only_run, write_questions

import mmbench as package
from mmbench.analysis.joins import Mismatch
from mmbench.analysis.variants import ALLOWANCES, is_allowed, variants_of
from mmbench.core import UnknownNameError, UsageError
from mmbench.results.find import load_run


class Thinks:
    """Right on half of the questions, and on all of them when it is told to think."""

    info: dict[str, Any] = {"digest": "thinks"}  # noqa: RUF012
    colours = ("red", "green", "blue", "black")

    def generate(self, requests: Sequence[Any]) -> list[str]:
        said = []
        for request in requests:
            number = int(request.sample_id[1:])
            right = request.max_new_tokens > 100 or number % 2
            said.append(f"Answer: {request.text.split()[-1] if right else 'none'}")
        return said


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Runs of two folders: one asked with both prompts, one with the second alone."""
    data = write_questions(tmp_path, 12)
    evaluate(Thinks(), data, tmp_path / "both", prompt="direct,cot")
    evaluate(Thinks(), data, tmp_path / "cot", prompt="cot")
    evaluate(Thinks(), data, tmp_path / "direct", prompt="direct")
    return tmp_path


def test_other_prompts_are_refused_unless_they_are_allowed(runs: Path) -> None:
    direct, cot = only_run(runs / "direct" / "runs"), only_run(runs / "cot" / "runs")
    assert package.compare(direct, cot).metrics == []
    found = package.compare(direct, cot, allow="prompt")
    assert {each.task for each in found.metrics} == {"vqa/mine"}
    assert found.metrics[0].a.n == 12
    assert {each.field for each in found.allowed["vqa/mine"]} >= {"prompt", "generation parameters"}
    assert found.exit_code == 0
    assert package.compare(direct, cot, allow="extractor").exit_code == 3


@pytest.mark.slow
def test_variants_of_one_run_are_compared(runs: Path) -> None:
    run = only_run(runs / "both" / "runs")
    done = mmbench("compare", run, "--json", folder=runs)
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert [document[side]["label"] for side in ("a", "b")] == ["as it is", "prompt=cot"]
    assert [each["task"] for each in document["metrics"]] == ["vqa/mine"]
    assert document["allowed"]["vqa/mine"]


@pytest.mark.slow
def test_a_run_without_variants_is_not_compared_with_itself(runs: Path) -> None:
    with pytest.raises(UsageError):
        variants_of(load_run(str(only_run(runs / "direct" / "runs")), runs))
    assert mmbench("compare", only_run(runs / "direct" / "runs"), folder=runs).code == 2


def test_a_gate_takes_the_same_word(runs: Path) -> None:
    exact, mention = only_run(runs / "direct" / "runs"), only_run(runs / "both" / "runs")
    package.rescore(mention, "vqa/mine", task_args={"extractor": "mention"})
    given: dict[str, Any] = {"baselines": exact, "require": "vqa/mine:accuracy drop<99pt"}
    assert package.gate(mention, **given).exit_code == 3
    assert package.gate(mention, **given, allow="extractor").exit_code == 0


def test_an_unknown_word_is_refused_with_the_nearest(runs: Path) -> None:
    run = only_run(runs / "direct" / "runs")
    with pytest.raises(UnknownNameError):
        package.compare(run, only_run(runs / "cot" / "runs"), allow="promt")


@pytest.mark.parametrize("name", sorted(ALLOWANCES))
@pytest.mark.parametrize("field", ["data fingerprint", "task version", "split", "selected samples", "request kind"])
def test_nothing_allows_other_data_or_samples(name: str, field: str) -> None:
    assert not is_allowed(Mismatch(field, "a", "b"), [name])


def test_options_may_differ_in_what_is_allowed_alone() -> None:
    differs = Mismatch("task options", {"extractor": "exact", "size": 64}, {"extractor": "mention", "size": 64})
    assert is_allowed(differs, ["extractor"])
    assert not is_allowed(differs, ["generation"])
    other = Mismatch("task options", {"extractor": "exact", "size": 64}, {"extractor": "mention", "size": 32})
    assert not is_allowed(other, ["extractor", "prompt"])
