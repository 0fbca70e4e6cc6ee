"""Bounds of a difference: what it could be if answers that were not scored as answers were all wrong, or all right."""

import numpy as np
import pytest
from scipy import stats as scipy_stats
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.comparison.differences import compare_runs
from mmbench.metrics import mean_metric
from mmbench.results.find import load_run


def compared(out, before, after, metrics=(ACCURACY,), **more):
    for name, table in (("before", before), ("after", after)):
        write_run(out, name, {TASK: [table]}, metrics)
    found = compare_runs(load_run("before", out), load_run("after", out), slices=True, **more)
    return found.metrics[0], found


def test_where_all_was_scored_there_are_no_bounds(tmp_path):
    metric, _ = compared(tmp_path, score_table([1.0, 0.0] * 20), score_table([1.0, 1.0] * 20))
    assert metric.bounds is None
    assert metric.to_dict()["bounds"] is None


def test_each_kind_of_answer_may_be_worth_anything_on_its_side(tmp_path):
    """Twenty of each: two unparsed in the reference, a truncated, a refused and a failed one in the candidate."""
    a = score_table([1.0] * 10 + [0.0] * 10, status={"s18": "unparsed", "s19": "unparsed"})
    b = score_table([1.0] * 8 + [0.5, 0.0] + [0.0] * 9 + [None], status={"s8": "truncated", "s9": "refused"})
    metric, _ = compared(tmp_path, a, b)
    assert metric.only_a == 1
    assert metric.difference.n == 19
    bounds = metric.to_dict()["bounds"]
    assert (bounds["n"], bounds["unclear_a"], bounds["unclear_b"]) == (20, 2, 3)
    assert bounds["low"] == pytest.approx((8 - 12) / 20)  # B: 8 right; A: 10 and both unparsed ones
    assert bounds["high"] == pytest.approx((11 - 10) / 20)
    assert (metric.a.bound_low, metric.a.bound_high) == (0.5, 0.6)
    assert (metric.b.bound_low, metric.b.bound_high) == (0.4, 0.55)


def test_p_values_at_the_bounds_are_those_of_the_scores_there(tmp_path):
    generator = np.random.default_rng(3)
    values = generator.choice([0.0, 0.3, 0.7, 1.0], size=(2, 60))
    status = {f"s{n}": "unparsed" for n in range(5)}
    metric, _ = compared(tmp_path, score_table(list(values[0])), score_table(list(values[1]), status=status))
    for end, fill in (("low", 0.0), ("high", 1.0)):
        b = values[1].copy()
        b[:5] = fill
        expected = scipy_stats.ttest_rel(b, values[0]).pvalue
        assert metric.to_dict()["bounds"][f"p_{end}"] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(("unparsed", "overturned"), [(0, False), (2, False), (40, True)])
def test_a_lead_that_answers_without_a_score_could_take_back_is_overturned(tmp_path, unparsed, overturned):
    status = {f"s{n}": "unparsed" for n in range(100, 100 + unparsed)}
    metric, _ = compared(
        tmp_path, score_table([1.0] * 60 + [0.0] * 140, status=status), score_table([1.0] * 100 + [0.0] * 100)
    )
    assert metric.difference.p_value < 0.001
    assert bool(metric.bounds and metric.bounds.overturns(metric.difference)) is overturned


def test_lower_is_better_and_other_ranges(tmp_path):
    error = mean_metric("error", "sample", "accuracy", higher_is_better=False, bounds=(0.0, 10.0), scale=1.0)
    b = score_table([1.0, 2.0, 3.0, 10.0], status={"s3": "refused"})
    metric, _ = compared(tmp_path, score_table([1.0, 2.0, 3.0, 4.0]), b, [error])
    assert (metric.bounds.low.value, metric.bounds.high.value) == (pytest.approx(-1.0), pytest.approx(1.5))


def test_a_range_without_an_end_has_no_bounds(tmp_path):
    rank = mean_metric("mean_rank", "sample", "accuracy", higher_is_better=False, bounds=(1.0, None), scale=1.0)
    b = score_table([1.0, 2.0], status={"s1": "refused"})
    assert compared(tmp_path, score_table([1.0, 2.0]), b, [rank])[0].bounds is None


def test_slices_have_bounds_of_their_own(tmp_path):
    kinds = {"kind": ["x"] * 10 + ["y"] * 10}
    a = score_table([1.0] * 20, slices=kinds)
    b = score_table([1.0] * 10 + [None] + [1.0] * 9, slices=kinds)
    _, found = compared(tmp_path, a, b)
    by_label = {each.slice[1]: each.bounds for each in found.slices}
    assert by_label["x"] is None
    assert (by_label["y"].low.value, by_label["y"].high.value, by_label["y"].low.n) == (pytest.approx(-0.1), 0.0, 10)


def test_what_was_skipped_was_not_asked(tmp_path):
    skipped = {"s0": "skipped"}
    metric, _ = compared(tmp_path, score_table([1.0] * 10), score_table([0.0, *[1.0] * 8, None], status=skipped))
    assert (metric.bounds.low.n, metric.bounds.low.value) == (9, pytest.approx(-1 / 9))
