"""Questions that are asked several times: what is scored, against counts by hand and closed formulas."""

from collections.abc import Sequence
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import evaluate, lines, only_run, write_questions
from hypothesis import given
from hypothesis import strategies as st

import mmbench
from mmbench.metrics.repeats import expected_best
from mmbench.results.run import read_run
from mmbench.results.rundir import RunDirectory


class Draws:
    """Draws an answer by the request's seed; remembers what it was asked."""

    info: dict[str, Any] = {"digest": "draws"}  # noqa: RUF012
    colours = ("red", "green", "blue", "black")

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def generate(self, requests: Sequence[Any]) -> list[str]:
        self.asked += requests
        return [self.colours[request.seed % 4] for request in requests]


K = 5


@pytest.fixture
def run(tmp_path: Path) -> tuple[Draws, mmbench.RunResult]:
    model = Draws()
    data = write_questions(tmp_path, 12)
    return model, evaluate(model, data, tmp_path, repeats=K)


def test_every_question_is_asked_k_times_with_seeds_of_its_own(run: Any, tmp_path: Path) -> None:
    model, result = run
    assert list(result.tasks) == ["vqa/mine(repeats=5)"]
    assert len(model.asked) == 12 * K
    assert len({request.id for request in model.asked}) == 12 * K
    assert len({request.seed for request in model.asked}) == 12 * K
    once = Draws()
    evaluate(once, tmp_path / "mine.jsonl", tmp_path)
    assert {request.seed for request in once.asked} < {request.seed for request in model.asked}
    again = Draws()
    evaluate(again, tmp_path / "mine.jsonl", tmp_path, repeats=K)
    assert again.asked == []


def test_the_values_are_those_of_a_count_by_hand(run: Any, tmp_path: Path) -> None:
    _, result = run
    task = read_run(RunDirectory.open(result.path)).tasks["vqa/mine(repeats=5)"]
    answers: dict[str, list[str]] = {}
    for line in lines(result.path):
        answers.setdefault(line.id.split("/")[-2], []).append(str(line.output))
    table = task.tables()["sample"]
    right = np.array([table.columns["accuracy"][row] * K for row in range(12)])
    references = right_answers(tmp_path)
    expected = [sum(answer == references[unit] for answer in answers[unit]) for unit in table.unit_ids]
    assert right.round(9).tolist() == expected
    counts = np.array(expected)
    values = {name: value.value for name, value in task.metrics.items()}
    assert values["accuracy"] == pytest.approx(counts.mean() / K)
    assert values["pass@5(of=accuracy)"] == pytest.approx((counts > 0).mean())
    votes = []
    for unit in table.unit_ids:
        own = answers[unit]
        most = max(own.count(each) for each in own)
        tied = sorted({each for each in own if own.count(each) == most})
        votes.append(sum(each == references[unit] for each in tied) / len(tied))
    assert values["majority(of=accuracy)"] == pytest.approx(np.mean(votes))
    shares = counts / K
    within = (shares * (1 - shares) * K / (K - 1)).mean()
    assert values["variance_within(of=accuracy)"] == pytest.approx(within)
    assert values["variance_between(of=accuracy)"] == pytest.approx(max(0.0, shares.var(ddof=1) - within / K))


def right_answers(folder: Path) -> dict[str, str]:
    import json

    rows = [json.loads(line) for line in (folder / "mine.jsonl").read_text().splitlines()]
    return {
        row.get("id", f"q{number}"): (row.get("answers") or [row.get("answer")])[0] for number, row in enumerate(rows)
    }


def test_a_stored_run_compares_and_rescores_its_repeats(run: Any, tmp_path: Path) -> None:
    _, result = run
    found = mmbench.rescore(only_run(tmp_path / "runs"))
    assert not any(each.moved for each in found.moved)
    other = evaluate("constant", tmp_path / "mine.jsonl", tmp_path, repeats=K)
    compared = mmbench.compare(other.path, result.path)
    assert {each.id for each in compared.metrics} >= {"pass@5(of=accuracy)", "variance_between(of=accuracy)"}
    assert all(each.difference.value is not None for each in compared.metrics)


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_pass_at_k_is_the_unbiased_estimate(answers: list[bool]) -> None:
    n, c = len(answers), sum(answers)
    values = np.array(answers, dtype=float)[:, None]
    (found,) = expected_best(values, np.ones((n, 1), dtype=bool))
    assert found == pytest.approx([1 - comb(n - c, k) / comb(n, k) for k in range(1, n + 1)])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_expected_best_of_k_is_the_mean_over_all_subsets(scores: list[float]) -> None:
    from itertools import combinations

    values = np.array(scores)[:, None]
    (found,) = expected_best(values, np.ones((len(scores), 1), dtype=bool))
    for k in range(1, len(scores) + 1):
        assert found[k - 1] == pytest.approx(np.mean([max(each) for each in combinations(scores, k)]))


@pytest.mark.slow
def test_repeats_of_tasks_that_ask_for_no_text_are_none(tmp_path: Path) -> None:
    result = mmbench.run("random", "retrieval/scenes", repeats=3, limit=20, out=tmp_path, progress=False)
    assert list(result.tasks) == ["retrieval/scenes"]


@pytest.mark.slow
@pytest.mark.parametrize("task", ["vqa/scenes", "sentiment/scenes", "captioning/scenes"])
def test_every_family_takes_repeats(tmp_path: Path, task: str) -> None:
    result = mmbench.run("oracle", task, repeats=2, limit=40, out=tmp_path, progress=False)
    assert result.exit_code == 0
    values = {row.id: row.value for row in result.rows()}
    assert {name for name in values if "majority" in name or "pass@2" in name} <= set(values)
    assert all(value == 1.0 for name, value in values.items() if name.startswith("pass@"))
