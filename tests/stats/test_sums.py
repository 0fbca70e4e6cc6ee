"""Sums that no order of the terms can change."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mmbench.stats import cluster_sums, exact_totals
from mmbench.stats.sums import on_grid

NUMBERS = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)
ROWS = hnp.arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=NUMBERS)


@given(ROWS)
def test_totals_are_the_exact_sums_rounded_once(rows):
    expected = [float(sum(map(Fraction, column))) for column in rows.T.tolist()]
    assert exact_totals(rows).tolist() == expected


@pytest.mark.slow
@given(ROWS, st.randoms(use_true_random=False))
def test_totals_and_cluster_sums_do_not_depend_on_the_order_of_the_rows(rows, random):
    clusters = np.array([random.randrange(4) for _ in rows], dtype=np.int64)
    order = random.sample(range(len(rows)), len(rows))
    assert exact_totals(rows[order]).tobytes() == exact_totals(rows).tobytes()
    assert cluster_sums(rows[order], clusters[order], 4).tobytes() == cluster_sums(rows, clusters, 4).tobytes()


@pytest.mark.slow
@given(ROWS, st.randoms(use_true_random=False))
def test_cluster_sums_are_those_of_a_plain_loop(rows, random):
    clusters = [random.randrange(3) for _ in rows]
    expected = np.zeros((3, rows.shape[1]))
    for cluster, row in zip(clusters, rows, strict=True):
        expected[cluster] += row
    got = cluster_sums(rows, np.array(clusters, dtype=np.int64), 3)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12 * np.abs(rows).max())


@pytest.mark.slow
@given(ROWS, st.randoms(use_true_random=False))
def test_weighted_sums_on_the_grid_are_exact(rows, random):
    weights = np.bincount([random.randrange(len(rows)) for _ in rows], minlength=len(rows)).astype(np.float64)
    terms = on_grid(rows, len(rows))
    product = weights @ terms
    for column, got in zip(terms.T.tolist(), product.tolist(), strict=True):
        exact = sum(Fraction(w) * Fraction(x) for w, x in zip(weights.tolist(), column, strict=True))
        assert Fraction(got) == exact


@pytest.mark.slow
@given(hnp.arrays(np.float64, (20, 2), elements=st.integers(-(10**9), 10**9).map(float)))
def test_whole_numbers_stay_as_they_are(rows):
    assert on_grid(rows, len(rows)).tolist() == rows.tolist()


@pytest.mark.parametrize("scale", [5e-324, 1e-310, 1e-30, 1e30, 1e300])
def test_the_grid_follows_the_size_of_the_numbers(scale):
    rows = np.array([[1.0], [3.0], [7.0]]) * scale
    np.testing.assert_allclose(on_grid(rows, 1000), rows, rtol=1e-11)


def test_a_sum_that_overflows_is_undefined():
    assert np.isnan(exact_totals(np.array([[1.7e308], [1.6e308], [0.1]]))).all()


def test_no_rows_have_sums_of_zero():
    assert exact_totals(np.zeros((0, 2))).tolist() == [0.0, 0.0]
