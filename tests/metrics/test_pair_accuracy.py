"""Pair accuracy against a loop, and what must hold for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmbench.core import ScoreTable
from mmbench.metrics import expected_pair, pair_metric
from mmbench.metrics.evaluate import evaluate

small = st.integers(-3, 3).map(np.float32)
vectors = st.tuples(st.integers(1, 6), st.just(2), st.integers(1, 4)).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.float32, shape, elements=small)] * 2)
)


@given(vectors)
def test_each_query_is_right_half_or_wrong_and_a_pair_needs_both(pair):
    queries, items = pair
    expected = []
    for asked, found in zip(queries.astype(int), items.astype(int), strict=True):
        value = 1.0
        for own in (0, 1):
            mine, other = int(asked[own] @ found[own]), int(asked[own] @ found[1 - own])
            value *= 1.0 if mine > other else 0.5 if mine == other else 0.0
        expected.append(value)
    assert expected_pair(queries, items).tolist() == expected


@pytest.mark.slow
@given(vectors)
def test_the_order_of_the_pairs_and_within_them_changes_nothing(pair):
    queries, items = pair
    values = expected_pair(queries, items)
    assert np.array_equal(expected_pair(queries[::-1], items[::-1]), values[::-1])
    assert np.array_equal(expected_pair(queries[:, ::-1], items[:, ::-1]), values)


def test_equal_queries_are_never_both_right():
    rng = np.random.default_rng(0)
    queries = np.repeat(rng.standard_normal((500, 1, 64)).astype(np.float32), 2, axis=1)
    assert not expected_pair(queries, rng.standard_normal((500, 2, 64)).astype(np.float32)).any()


def test_random_vectors_get_a_quarter():
    rng = np.random.default_rng(1)
    queries, items = (rng.standard_normal((20_000, 2, 8)).astype(np.float32) for _ in range(2))
    values = expected_pair(queries, items)
    assert set(values.tolist()) == {0.0, 1.0}
    assert values.mean() == pytest.approx(0.25, abs=0.015)


def test_bad_input_is_refused():
    good = np.ones((3, 2, 4), dtype=np.float32)
    for queries, items in ((good, good[:2]), (good[:, :1], good[:, :1]), (good[0], good[0])):
        with pytest.raises(ValueError, match="expected"):
            expected_pair(queries, items)
    with pytest.raises(ValueError, match="NaN"):
        expected_pair(good * np.float32("nan"), good)


def test_the_metric_is_the_mean_over_pairs():
    table = ScoreTable("pair_t2i", ["a", "b"], ["a", "b"], ["scored"] * 2, {"pair": [1.0, 0.5]})
    metric = pair_metric(direction="t2i")
    assert (str(metric.id), metric.higher_is_better) == ("pair_accuracy(direction=t2i)", True)
    assert evaluate(metric, table).value == 0.75
