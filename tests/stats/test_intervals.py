"""Intervals: against formulas written anew here, and against what they promise in simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import optimize
from scipy import stats as scipy_stats
from statsmodels.regression.linear_model import OLS

from mmbench.stats import (
    Interval,
    bootstrap_formula,
    bootstrap_interval,
    clustered_se,
    mean_interval,
    naive_se,
)
from mmbench.stats.clustered import cluster_error
from mmbench.stats.proportions import score_bounds

Z95 = 1.959963984540054


def sandwich_se(values, clusters, weights=None):
    """Weighted least squares on a constant: bread · meat · bread, in matrices, clusters one at a time."""
    weights = np.ones(len(values)) if weights is None else weights
    design = np.ones((len(values), 1))
    bread = np.linalg.inv(design.T @ np.diag(weights) @ design)
    residuals = values - (design @ bread @ design.T @ (weights * values))
    meat = np.zeros((1, 1))
    for cluster in np.unique(clusters):
        inside = clusters == cluster
        score = design[inside].T @ (weights[inside] * residuals[inside])[:, None]
        meat += score @ score.T
    return float(np.sqrt(bread @ meat @ bread)[0, 0])


def sums_by_cluster(values, clusters, weights=None):
    weights = np.ones(len(values)) if weights is None else weights
    codes = np.unique(clusters)
    return np.array([[(values * weights)[clusters == c].sum(), weights[clusters == c].sum()] for c in codes])


def means(sums):
    return sums[..., 0] / sums[..., 1]


def drawn_interval(sums, *, bounds=(None, None), kind="percentile", **options):
    with np.errstate(invalid="ignore"):
        value = float(means(sums.sum(axis=0)))
    return bootstrap_interval(bootstrap_formula(means, sums, **options), value=value, bounds=bounds, kind=kind)


@settings(deadline=None)
@given(hnp.arrays(np.float64, st.integers(2, 40), elements=st.floats(-10, 10)), st.randoms(use_true_random=False))
def test_clustered_se_is_the_sandwich_estimator(values, random):
    clusters = np.array([random.randrange(6) for _ in values])
    assert clustered_se(values, clusters) == pytest.approx(sandwich_se(values, clusters), rel=1e-9, abs=1e-9)


def test_clustered_se_of_single_rows_is_the_standard_error():
    values = np.random.default_rng(1).random(50)
    assert clustered_se(values, np.arange(50)) == pytest.approx(values.std() / 50**0.5)


def test_copies_of_every_row_do_not_narrow_the_interval():
    values = np.random.default_rng(2).random(60)
    clusters = np.arange(60)
    once = clustered_se(values, clusters)
    assert clustered_se(np.tile(values, 9), np.tile(clusters, 9)) == pytest.approx(once)


@pytest.mark.parametrize("seed", range(5))
def test_both_errors_are_those_of_statsmodels(seed):
    generator = np.random.default_rng(seed)
    clusters = generator.integers(0, 40, 300)
    values = generator.normal(size=40)[clusters] + generator.random(300)
    ols = OLS(values, np.ones(300))
    by_cluster = ols.fit(cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False})
    assert clustered_se(values, clusters) == pytest.approx(by_cluster.bse[0], rel=1e-12)
    assert naive_se(values) == pytest.approx(ols.fit().bse[0], rel=1e-12)
    with pytest.raises(ValueError, match="two values"):
        naive_se(values[:1])


def hall_by_root(values, level=0.95):
    """Hall's interval with its transformation solved numerically instead of inverted."""
    n = len(values)
    mean, error = values.mean(), values.std(ddof=1) / n**0.5
    skewness = scipy_stats.skew(values, bias=False)

    def transformed(t):
        return t + skewness * t**2 / (3 * n**0.5) + skewness**2 * t**3 / (27 * n) + skewness / (6 * n**0.5)

    quantile = scipy_stats.t.ppf(0.5 + level / 2, n - 1)
    ends = [optimize.brentq(lambda t, to=to: transformed(t) - to, -60, 60) for to in (quantile, -quantile)]
    return mean - ends[0] * error, mean - ends[1] * error


@pytest.mark.parametrize("n", [3, 12, 400])
def test_mean_interval_without_bounds_is_halls(n):
    values = np.random.default_rng(n).lognormal(size=n)
    interval = mean_interval(np.stack([values, np.ones(n)], 1), (None, None))
    assert interval.method == "cluster-t"
    assert (interval.low, interval.high) == pytest.approx(hall_by_root(values), rel=1e-6)


def test_mean_interval_of_symmetric_rows_is_that_of_students_t_test():
    values = np.array([-2.0, -1.0, -0.5, 0.5, 1.0, 2.0])
    interval = mean_interval(np.stack([values, np.ones(6)], 1), (None, None))
    expected = scipy_stats.ttest_1samp(values, 0).confidence_interval()
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_mean_interval_of_0_and_1_is_wilsons_with_the_unbiased_variance_and_student():
    values = np.random.default_rng(3).random(200) < 0.8
    interval = mean_interval(np.stack([values, np.ones(200)], 1).astype(float))
    expected = score_bounds(values.mean(), 199, scipy_stats.t.ppf(0.975, 199))
    assert interval.method == "cluster-score"
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-9)


def test_mean_interval_of_weighted_rows_has_the_error_of_weighted_least_squares():
    generator = np.random.default_rng(4)
    values, clusters = generator.random(120), np.repeat(np.arange(20), 6)
    weights = np.repeat(generator.random(20) + 0.5, 6)
    sums = sums_by_cluster(values, clusters, weights)
    share = sums[:, 1] / sums[:, 1].sum()
    residuals = (sums[:, 0] - np.average(values, weights=weights) * sums[:, 1]) / sums[:, 1].sum()
    plain = sandwich_se(values, clusters, weights)
    assert np.sqrt(np.square(residuals).sum()) == pytest.approx(plain)
    error = cluster_error(residuals, share)
    assert plain < error.se < plain * 1.1


def test_mean_interval_keeps_to_the_bounds():
    sums = np.array([[1.0, 1.0]] * 9 + [[0.0, 1.0]])
    assert 0 < mean_interval(sums).low < mean_interval(sums).high < 1.0
    assert mean_interval(sums, (0.85, None)).low == 0.85
    wide, narrow = mean_interval(sums), mean_interval(sums, level=0.8)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_one_cluster_has_no_interval():
    expected = Interval(None, None, "none", "one cluster: no interval", codes=("one-cluster",))
    assert mean_interval(np.array([[3.0, 4.0]])) == expected
    assert drawn_interval(np.array([[3.0, 4.0]])) == expected


@pytest.mark.parametrize("sums", [np.zeros((0, 2)), np.zeros((3, 2)), np.array([[1.0, 0.0], [2.0, 0.0]])])
def test_an_undefined_mean_has_no_interval(sums):
    interval = mean_interval(sums)
    assert (interval.low, interval.high, interval.method) == (None, None, "none")
    assert "undefined" in interval.reason


def wilson_end_by_bisection(trials, *, perfect):
    """Where |p̂ - p| = z · sqrt(p (1 - p) / n), for p̂ = 1 (or 0)."""
    low, high = (1e-12, 1 - 1e-12)
    for _ in range(200):
        middle = (low + high) / 2
        rejected = (1 - middle if perfect else middle) > Z95 * (middle * (1 - middle) / trials) ** 0.5
        if rejected == perfect:
            low = middle
        else:
            high = middle
    return low


@pytest.mark.parametrize("trials", [2, 20, 1000])
def test_a_perfect_score_does_not_claim_to_be_certain(trials):
    perfect = mean_interval(np.array([[5.0, 5.0]] * trials))
    assert (perfect.method, perfect.high) == ("wilson", 1.0)
    assert perfect.low == pytest.approx(wilson_end_by_bisection(trials, perfect=True))
    nothing = mean_interval(np.array([[0.0, 5.0]] * trials))
    assert (nothing.method, nothing.low) == ("wilson", 0.0)
    assert nothing.high == pytest.approx(wilson_end_by_bisection(trials, perfect=False))


def test_wilson_keeps_to_the_range_of_the_metric():
    interval = mean_interval(np.array([[5.0, 1.0]] * 10), (-5.0, 5.0))
    assert interval.high == 5.0
    assert interval.low == pytest.approx(-5 + 10 * wilson_end_by_bisection(10, perfect=True))


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.1, None), (None, None)])
def test_a_constant_score_does_not_claim_to_be_certain(bounds):
    sizes = np.array([1.0, 3.0, 7.0, 2.0])
    sums = np.stack([0.1 * sizes, sizes], 1)
    expected = Interval(None, None, "none", "every cluster has the same mean: no interval", codes=("no-spread",))
    assert mean_interval(sums, bounds) == mean_interval(sums, bounds, value=0.1) == expected
    drawn = drawn_interval(sums, bounds=bounds)
    assert (drawn.low, drawn.high, drawn.method) == (None, None, "none")
    assert drawn.reason == "all bootstrap resamples agree: no interval"


def draw_clustered(generator, clusters, size):
    """0/1 scores whose chance differs from cluster to cluster; their mean is 0.6."""
    chances = generator.beta(3.0, 2.0, clusters)
    return generator.binomial(size, chances).astype(np.float64)


@pytest.mark.slow
def test_mean_intervals_cover_the_truth_as_often_as_they_say():
    generator = np.random.default_rng(20)
    covered = 0
    for _ in range(2000):
        sums = np.stack([draw_clustered(generator, 300, 5), np.full(300, 5.0)], axis=1)
        interval = mean_interval(sums)
        covered += interval.low <= 0.6 <= interval.high
    assert 0.93 <= covered / 2000 <= 0.97


@pytest.mark.slow
def test_with_ten_clusters_they_still_do():
    generator = np.random.default_rng(24)
    values = generator.normal(size=(4000, 10, 1)) + 0.5 * generator.normal(size=(4000, 10, 8))
    covered = 0
    for sums in values.sum(axis=2):
        interval = mean_interval(np.stack([sums, np.full(10, 8.0)], 1), (None, None))
        covered += interval.low <= 0 <= interval.high
    assert 0.94 <= covered / 4000 <= 0.96


def test_bootstrap_agrees_with_the_standard_error_of_a_mean():
    generator = np.random.default_rng(22)
    sums = np.stack([generator.random(800) * 3, np.full(800, 3.0)], axis=1)
    normal = mean_interval(sums)
    drawn = drawn_interval(sums, seed=5, resamples=8000)
    assert drawn.method == "cluster-bootstrap(resamples=8000,seed=5)"
    assert drawn.high - drawn.low == pytest.approx(normal.high - normal.low, rel=0.04)
    assert drawn.low == pytest.approx(normal.low, abs=0.05 * (normal.high - normal.low))


def test_many_undefined_resamples_leave_no_interval():
    interval = drawn_interval(np.array([[1.0, 1.0]] + [[0.0, 0.0]] * 9))
    assert (interval.low, interval.high, interval.method) == (None, None, "none")
    assert "of 2000 bootstrap resamples" in interval.reason


def test_few_undefined_resamples_are_left_out():
    interval = drawn_interval(np.array([[1.0, 2.0]] * 5 + [[0.5, 2.0]] * 5 + [[0.0, 0.0]] * 10))
    assert interval.reason is None
    assert 0.25 <= interval.low < 0.375 < interval.high <= 0.5


def test_an_interval_always_holds_the_value():
    drawn = bootstrap_formula(means, np.random.default_rng(24).random((30, 2)) + 0.5)
    assert bootstrap_interval(drawn, value=0.01).low == 0.01
    assert bootstrap_interval(drawn, value=99.0).high == 99.0


def test_a_perfect_formula_does_not_claim_to_be_certain():
    bounded = drawn_interval(np.ones((20, 2)), bounds=(0.0, 1.0))
    assert bounded == mean_interval(np.ones((20, 2)))
    assert bounded.low == pytest.approx(wilson_end_by_bisection(20, perfect=True))
    assert bounded == drawn_interval(np.ones((20, 2)), bounds=(0.0, 1.0), kind="bca")


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_a_mean_that_no_float_tells_from_an_end_of_its_range_has_the_interval_of_that_end(end):
    """The variance of such scores is 0 as a float, and so is what it is divided by."""
    tiny = np.array([[1e-170, 1.0], [3e-170, 1.0], [2e-170, 1.0]])
    interval = mean_interval(tiny, (0.0, 1.0) if end == 0 else (-1.0, 0.0))
    width = Z95**2 / (3 + Z95**2)
    expected = (0.0, width) if end == 0 else (-width, 0.0)
    assert (interval.low, interval.high) == pytest.approx(expected)
