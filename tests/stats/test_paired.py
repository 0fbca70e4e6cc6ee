"""Paired differences: against statsmodels and scipy, and what becomes of data that prove nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar

from mmbench.metrics.formulas import ratio, weighted_median
from mmbench.stats import (
    Difference,
    paired_compute_difference,
    paired_difference,
    paired_mean_difference,
    paired_ratio_difference,
)


def clustered_ols(values, clusters):
    fit = OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    return float(fit.params[0]), float(fit.bse[0])


def draw(seed, n=400, clusters=60):
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, clusters, n)
    hard = generator.normal(size=clusters)[codes]
    a = hard + generator.normal(size=n)
    return a, a + 0.05 + 0.3 * hard + generator.normal(size=n) * 0.4, codes


@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_that_of_statsmodels(seed):
    a, b, clusters = draw(seed)
    mean, se = clustered_ols(b - a, clusters)
    found = paired_mean_difference(a, b, clusters)
    assert found.value == pytest.approx(mean, rel=1e-12)
    assert se < found.se < 1.03 * se  # CR2 corrects what the plain estimator underestimates
    assert (found.n, found.n_clusters, found.method) == (400, len(set(clusters.tolist())), "paired-cluster-t")


@pytest.mark.parametrize("n", [2, 3, 10, 500])
def test_clusters_of_one_unit_make_it_the_paired_t_test(n):
    a, b, _ = draw(n, n=n)
    found = paired_mean_difference(a, b, np.arange(n))
    for side, p in (("two-sided", found.p_value), ("less", found.p_lower), ("greater", found.p_upper)):
        assert p == pytest.approx(scipy_stats.ttest_rel(b, a, alternative=side).pvalue, rel=1e-9)
    interval = scipy_stats.ttest_rel(b, a).confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-12)
    wider = paired_mean_difference(a, b, np.arange(n), level=0.99)
    assert wider.low == pytest.approx(scipy_stats.ttest_rel(b, a).confidence_interval(0.99).low, rel=1e-9)


def test_right_or_wrong_without_clusters_is_judged_by_the_score_test():
    a, b = np.array([1, 1, 0, 0, 0, 0, 0, 0, 1, 0.0]), np.array([0, 1, 1, 1, 1, 1, 0, 0, 1, 1.0])
    found = paired_mean_difference(a, b, np.arange(10))
    assert (found.method, found.changed) == ("paired-score", (5, 1))
    expected = mcnemar([[0, 5], [1, 0]], exact=False, correction=False).pvalue
    assert found.p_value == pytest.approx(expected)
    assert found.p_upper < found.p_lower
    assert found.value == pytest.approx(0.4)
    assert (found.p_value > 0.05) == (found.low < 0 < found.high)
    assert paired_mean_difference(a, b, np.arange(10) // 2).changed is None
    assert paired_mean_difference(a / 2, b, np.arange(10)).changed is None


@pytest.mark.parametrize("null", [-0.1, 0.0, 0.04])
def test_tails_are_those_of_the_test_against_that_difference(null):
    a, b, _ = draw(3, n=60)
    found = paired_mean_difference(a, b, np.arange(60))
    below, above = found.tails(null)
    assert below == pytest.approx(scipy_stats.ttest_rel(b, a + null, alternative="less").pvalue, rel=1e-9)
    assert above == pytest.approx(scipy_stats.ttest_rel(b, a + null, alternative="greater").pvalue, rel=1e-9)


def test_two_equal_models_with_right_or_wrong_answers_may_still_differ_a_little():
    a = np.array([1.0, 0.0] * 50)
    found = paired_mean_difference(a, a, np.arange(100))
    assert (found.value, found.p_value) == (0.0, 1.0)
    assert found.high == -found.low == pytest.approx(1.96**2 / (100 + 1.96**2), rel=1e-4)


def test_a_ratio_with_equal_denominators_is_a_mean():
    a, b, clusters = draw(7)
    ones = np.ones(len(a))
    found = paired_ratio_difference(np.stack([a, ones], 1), np.stack([b, ones], 1), clusters)
    assert found == paired_mean_difference(a, b, clusters)


def means(rows, weights):
    return (weights @ rows[:, 0]) / weights.sum(axis=1)


def test_jackknife_and_bootstrap_agree_with_the_standard_error():
    a, b, clusters = draw(8, n=1500, clusters=300)
    ones = np.ones(len(a))
    exact = paired_mean_difference(a, b, clusters)
    left_out = paired_difference(ratio, np.stack([a, ones], 1), np.stack([b, ones], 1), clusters)
    assert left_out.method == "paired-cluster-jackknife"
    assert left_out.value == pytest.approx(exact.value, abs=1e-12)
    assert left_out.se == pytest.approx(exact.se, rel=0.01)
    drawn = paired_compute_difference(means, a[:, None], b[:, None], clusters, seed=3, resamples=6000)
    assert drawn.method == "paired-cluster-bootstrap(resamples=6000,seed=3)"
    assert drawn.value == pytest.approx(exact.value, abs=1e-12)
    assert drawn.se == pytest.approx(exact.se, rel=0.04)
    assert drawn.low == pytest.approx(exact.low, abs=0.1 * exact.se)
    assert drawn.high == pytest.approx(exact.high, abs=0.1 * exact.se)
    assert drawn.p_value == pytest.approx(exact.p_value, rel=0.3, abs=0.002)


def test_medians_are_compared_with_the_same_draws():
    a, b, clusters = draw(9)
    found = paired_compute_difference(weighted_median, a[:, None], b[:, None], clusters, resamples=400)
    assert found.value == np.median(b) - np.median(a)
    assert found.low <= found.value <= found.high
    same = paired_compute_difference(weighted_median, a[:, None], a[:, None], clusters, resamples=400)
    assert (same.value, same.low, same.p_value) == (0.0, None, 1.0)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32))
def test_exchanging_the_models_exchanges_the_signs(seed):
    a, b, clusters = draw(seed, n=50, clusters=12)
    there, back = paired_mean_difference(a, b, clusters), paired_mean_difference(b, a, clusters)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert (there.p_value, there.p_lower) == pytest.approx((back.p_value, back.p_upper))


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_the_order_of_the_units_changes_nothing(seed, random):
    a, b, clusters = draw(seed, n=40, clusters=9)
    index = list(range(40))
    random.shuffle(index)
    assert paired_mean_difference(a[index], b[index], clusters[index]) == paired_mean_difference(a, b, clusters)
    rows_a, rows_b = np.stack([a, a**2], 1), np.stack([b, b**2], 1)
    for compare, what in ((paired_difference, ratio), (paired_compute_difference, weighted_median)):
        straight = compare(what, rows_a, rows_b, clusters, resamples=20)
        assert compare(what, rows_a[index], rows_b[index], clusters[index], resamples=20) == straight


def everything(a, b, clusters):
    ones = np.ones(len(a))
    rows = np.stack([a, ones], 1), np.stack([b, ones], 1)
    yield paired_mean_difference(a, b, clusters)
    yield paired_difference(ratio, *rows, clusters, resamples=200)
    yield paired_compute_difference(weighted_median, a[:, None], b[:, None], clusters, resamples=200)


def ends(found: Difference):
    return found.low, found.high


def test_no_unit_has_no_difference():
    for found in everything(np.empty(0), np.empty(0), np.empty(0, np.int64)):
        assert (found.value, *ends(found), found.p_value, found.n) == (None, None, None, None, 0)
        assert found.reason == "no unit was scored by both"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_leaves_no_difference(bad):
    for found in everything(np.array([0.5, bad, 1.0]), np.array([0.5, 0.5, 1.0]), np.arange(3)):
        assert (found.value, *ends(found), found.p_value) == (None, None, None, None)
        assert found.reason == "a score is not a finite number"


@pytest.mark.parametrize("n", [1, 7])
def test_one_cluster_has_a_value_and_no_interval(n):
    a = np.linspace(0.1, 0.4, n)
    for found in everything(a, a**0.5, np.zeros(n, np.int64)):
        assert found.value > 0
        assert (*ends(found), found.se, found.p_value, found.n_clusters) == (None, None, None, None, 1)
        assert found.reason == "one cluster: no interval"


def test_equal_models_are_not_different_and_not_certain():
    a, _, clusters = draw(10)
    for found in everything(a, a, clusters):
        assert (found.value, *ends(found), found.se, found.p_value) == (0.0, None, None, 0.0, 1.0)
        assert found.p_lower == found.p_upper >= 0.5
        assert "no interval" in found.reason


@pytest.mark.parametrize("clusters", [2, 5, 40])
def test_the_same_gain_everywhere_proves_what_its_signs_prove(clusters):
    a = np.linspace(0.0, 0.7, clusters)
    found = paired_mean_difference(a, a + 0.1, np.arange(clusters))
    assert found.value == pytest.approx(0.1)
    assert ends(found) == (None, None)
    assert found.method == "sign-test"
    assert found.p_value == 0.5**clusters
    assert found.p_upper < 0.5 < found.p_lower
    for sign in (1, -1):
        other = a + sign * (0.1 + a)
        drawn = paired_compute_difference(means, a[:, None], other[:, None], np.arange(clusters), resamples=500)
        assert drawn.p_value >= 2 * max(1 / 501, 0.5**clusters)


def test_a_huge_difference_has_a_p_value_above_0():
    generator = np.random.default_rng(0)
    a = generator.normal(size=5000)
    found = paired_mean_difference(a, a + 5 + 1e-4 * generator.normal(size=5000), np.arange(5000))
    assert 0 < found.p_value < 1e-300


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="same units"):
        paired_mean_difference(np.zeros(3), np.zeros(4), np.arange(3))
    with pytest.raises(ValueError, match="same units and clusters"):
        paired_mean_difference(np.zeros(3), np.zeros(3), np.arange(4))
    with pytest.raises(ValueError, match="level"):
        paired_mean_difference(np.zeros(3), np.zeros(3), np.arange(3), level=95)
