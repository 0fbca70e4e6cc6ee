"""Formulas over sums, weighted medians, and the metrics made from them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmbench.core import MetricId
from mmbench.metrics.formulas import mean_metric, median_metric, ratio, weighted_median


def test_a_ratio_of_nothing_is_undefined_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = ratio(np.array([[[1.0, 4.0], [0.0, 0.0]], [[3.0, 2.0], [1.0, 0.0]]]))
    np.testing.assert_array_equal(values, [[0.25, np.nan], [1.5, np.inf]])
    assert float(ratio(np.array([1.0, 2.0]))) == 0.5


@given(st.data())
def test_a_weighted_median_is_the_median_of_repeated_values(data):
    n = data.draw(st.integers(1, 12))
    values = data.draw(hnp.arrays(np.float64, n, elements=st.integers(-6, 6).map(lambda x: x / 2)))
    weights = data.draw(hnp.arrays(np.int64, (3, n), elements=st.integers(0, 4)))
    got = weighted_median(values[:, None], weights.astype(np.float64))
    for row, median in zip(weights, got, strict=True):
        expected = np.median(np.repeat(values, row)) if row.any() else np.nan
        np.testing.assert_array_equal(median, expected)


@pytest.mark.slow
@given(hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6)), st.randoms(use_true_random=False))
def test_a_median_does_not_depend_on_the_order_of_the_rows(values, random):
    order = random.sample(range(len(values)), len(values))
    ones = np.ones((1, len(values)))
    median = weighted_median(values[:, None], ones)
    assert median.tobytes() == weighted_median(values[order][:, None], ones).tobytes()
    assert median[0] == np.median(values)


def test_a_median_scales_with_no_weights():
    rows = np.array([[3.0], [1.0], [7.0], [2.0]])
    weights = np.array([[1.0, 2.0, 3.0, 4.0]])
    assert weighted_median(rows, weights / 8) == weighted_median(rows, weights)


def test_a_nan_counts_only_where_it_has_weight():
    rows = np.array([[1.0], [np.nan], [3.0]])
    np.testing.assert_array_equal(weighted_median(rows, np.array([[1.0, 0, 1], [1, 1, 1]])), [2.0, np.nan])


def test_a_median_of_no_rows_is_undefined():
    assert np.isnan(weighted_median(np.zeros((0, 1)), np.zeros((2, 0)))).all()


def test_a_mean_metric_says_what_it_is():
    metric = mean_metric("accuracy", "sample", "correct", source="a paper")
    assert metric.id == MetricId("accuracy")
    assert (metric.unit, metric.columns, metric.source) == ("sample", ("correct", "1"), "a paper")
    assert metric.is_mean
    assert metric.higher_is_better
    assert float(metric.formula(np.array([3.0, 4.0]))) == 0.75


def test_a_median_metric_is_a_rank_unless_told_otherwise():
    rank = median_metric("median_rank(direction=t2i)", "query_t2i", "rank")
    assert (rank.higher_is_better, rank.bounds, rank.scale) == (False, (1.0, None), 1.0)
    other = median_metric("median_score", "sample", "score", higher_is_better=True, bounds=(0.0, 1.0), scale=100.0)
    assert (other.higher_is_better, other.bounds, other.scale) == (True, (0.0, 1.0), 100.0)


def test_a_bad_id_is_refused():
    with pytest.raises(ValueError, match="not a metric id"):
        mean_metric("Accuracy (%)", "sample", "correct")
