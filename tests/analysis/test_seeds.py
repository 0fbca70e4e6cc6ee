"""Several seeds as one row: means, ranges, solve rates, and what may be put together at all."""

import math
import statistics
from pathlib import Path

import pytest
from helpers import Colours, evaluate, write_model, write_questions
from hypothesis import given
from hypothesis import strategies as st

from mmbench.analysis.seeds import SeedRow, checked_threshold, group_seeds, middle
from mmbench.core import MetricValue, UsageError
from mmbench.results.find import load_run


def metric(value, n=10, failed=0, **changes):
    fields = {
        "id": "accuracy", "value": value, "low": None, "high": None, "n": n, "n_failed": failed, "n_unparsed": 1,
        "n_refused": 0, "coverage": n / (n + failed) if n else 0.0, "value_failed_as_zero": None, "n_clusters": n,
        "method": "none", "higher_is_better": True, "unit": "sample",
    }  # fmt: skip
    return MetricValue(**{**fields, **changes})


def row(*metrics, threshold=0.95):
    seeds = tuple(range(len(metrics)))
    return SeedRow(
        "m", "t", "accuracy", primary=True, seeds=seeds, metrics=metrics, chance=None, prior=None, threshold=threshold
    )


shares = st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=9)


@given(shares, st.floats(0, 1))
def test_a_row_is_the_mean_of_what_is_there_with_its_range_and_its_solve_rate(values, threshold):
    found = row(*map(metric, values), threshold=threshold)
    there = [value for value in values if value is not None]
    assert found.values == tuple(values)
    if not there:
        assert (found.value, found.low, found.high, found.solve_rate) == (None, None, None, None)
        return
    assert found.value == pytest.approx(statistics.fmean(there), rel=1e-12, abs=1e-300)
    assert (found.low, found.high) == (min(there), max(there))
    share = sum(value >= threshold for value in there) / len(there)
    assert found.solve_rate == pytest.approx(share)


@given(st.permutations([0.1, 0.2, 0.3, 0.7, 1.0, 1e-17]))
def test_the_mean_does_not_depend_on_the_order_of_seeds(values):
    assert row(*map(metric, values)).value == math.fsum([0.1, 0.2, 0.3, 0.7, 1.0, 1e-17]) / 6


def test_counts_are_sums_and_a_seed_without_a_score_adds_nothing():
    found = row(metric(0.5, n=8, failed=2), None, metric(1.0, n=10))
    assert (found.n, found.n_failed) == (18, 2)
    assert found.coverage == 18 / 20
    assert found.values == (0.5, None, 1.0)
    assert found.value == 0.75
    assert found.solved == (1, 2), "of the two seeds that have a value"
    document = found.to_dict()
    assert document["n_unparsed"] == 2
    assert (document["min"], document["max"]) == (0.5, 1.0)
    assert "low" not in document, "a range over seeds must not look like an interval"
    assert "high" not in document


@pytest.mark.parametrize(
    "changes", [{"scale": 1.0}, {"higher_is_better": False}, {"value": 1.5}], ids=["rank", "error", "over-1"]
)
def test_only_shares_of_which_more_is_better_can_be_solved(changes):
    found = row(metric(**{"value": 0.97, **changes}))
    assert found.solve_rate is None
    assert found.to_dict()["solved_from"] is None


def test_a_threshold_outside_the_shares_is_refused():
    assert checked_threshold(0.5) == 0.5
    for wrong in (-0.1, 95, float("nan")):
        with pytest.raises(UsageError, match=r"--solved .*: expected a number from 0 to 1"):
            checked_threshold(wrong)


def test_the_middle_is_the_median_of_what_is_there():
    assert middle([3.0, None, 1.0, 2.0]) == 2.0
    assert middle([None]) is None


# --- which runs differ in seed alone ---


def shape(groups):
    return [(group.label, group.seeds) for group in groups]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_questions(tmp_path)


@pytest.mark.slow
def test_runs_that_differ_in_seed_alone_are_one_group_in_the_order_of_seeds(tmp_path, data):
    runs = [
        load_run(evaluate("random,constant", data, tmp_path, seed=seed).paths[n]) for seed in (2, 0, 1) for n in (0, 1)
    ]
    assert shape(group_seeds(runs)) == [("random", (0, 1, 2)), ("constant", (0, 1, 2))]


def test_the_same_seed_twice_is_never_averaged(tmp_path, data):
    first = evaluate("random", data, tmp_path).path
    again = evaluate("random", data, tmp_path / "elsewhere").path
    groups = group_seeds([load_run(first), load_run(again)])
    assert [group.seeds for group in groups] == [(0,), (0,)]


@pytest.mark.slow
def test_other_options_are_another_model_and_are_named(tmp_path, data):
    runs = [
        load_run(evaluate("random", data, tmp_path, seed=seed, model_args=options).path)
        for options in ({}, {"dim": 8})
        for seed in (0, 1)
    ]
    assert shape(group_seeds(runs)) == [("random (no options)", (0, 1)), ("random (dim=8)", (0, 1))]


def test_another_source_of_a_model_is_another_model(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = []
    for seed, answer in ((0, "red"), (1, "blue")):
        write_model(tmp_path, f"class M:\n    def generate(self, requests): return [{answer!r} for _ in requests]\n")
        runs.append(load_run(evaluate("mymodel", data, tmp_path, seed=seed).path))
    assert shape(group_seeds(runs)) == [(runs[0].path.name, (0,)), (runs[1].path.name, (1,))]


@pytest.mark.slow
def test_other_samples_of_a_task_are_not_averaged(tmp_path, data):
    whole = load_run(evaluate("random", data, tmp_path, seed=0).path)
    for chosen in ({"limit": 3}, {"ids": ["q1"]}, {"task_args": {"extractor": "mention"}}):
        part = load_run(evaluate("random", data, tmp_path / next(iter(chosen)), seed=1, **chosen).path)
        assert [group.seeds for group in group_seeds([whole, part])] == [(0,), (1,)]
    assert [group.seeds for group in group_seeds([whole, part], ["another/task"])] == [(0, 1)]


def test_an_object_without_a_digest_is_known_by_its_name_within_one_command_alone(tmp_path, data):
    result = evaluate(Colours(digest=None), data, tmp_path, seeds=2)
    assert shape(result.models) == [("Colours", (0, 1))]
    assert [group.seeds for group in group_seeds(result.runs)] == [(0,), (1,)]
