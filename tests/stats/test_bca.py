"""BCa: against scipy, against arithmetic by hand, and on data that it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from mmbench.metrics.formulas import weighted_median
from mmbench.stats import (
    bootstrap_compute,
    bootstrap_formula,
    bootstrap_interval,
    mean_interval,
)
from mmbench.stats.intervals import acceleration, bca_levels


def means(sums):
    return sums[..., 0] / sums[..., 1]


def variance(sums):
    n, x, xx = np.moveaxis(sums, -1, 0)
    return xx / n - (x / n) ** 2


def test_a_variance_has_the_interval_of_scipy():
    x = np.random.default_rng(1).exponential(size=60)
    rows = np.stack([np.ones(60), x, x * x], axis=1)
    drawn = bootstrap_formula(variance, rows, resamples=40_000)
    ours = bootstrap_interval(drawn, value=float(x.var()), kind="bca")
    theirs = scipy_stats.bootstrap(
        (x,), np.var, vectorized=True, n_resamples=40_000, batch=5000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    percentile = bootstrap_interval(drawn, value=float(x.var()))
    width = theirs.high - theirs.low
    assert ours.method == "cluster-bootstrap-bca(resamples=40000,seed=0)"
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)
    assert percentile.high < theirs.high - 0.1 * width  # the two kinds differ here


def test_given_its_resamples_it_is_scipys_to_the_last_digit():
    x = np.random.default_rng(2).exponential(size=30)
    result = scipy_stats.bootstrap(
        (x,), np.mean, vectorized=True, n_resamples=999, method="BCa", rng=np.random.default_rng(0)
    )
    jackknife = (x.sum() - x) / 29
    levels = bca_levels(result.bootstrap_distribution, float(x.mean()), jackknife)
    ends = np.quantile(result.bootstrap_distribution, levels)
    expected = result.confidence_interval
    np.testing.assert_allclose(ends, (expected.low, expected.high), rtol=1e-9)


def test_the_acceleration_of_a_mean_by_hand():
    """Of 0, 0, 0, 4: leaving one out gives 4/3, 4/3, 4/3, 0 with mean 1; d = -1/3 three times, and 1."""
    jackknife = np.array([4 / 3, 4 / 3, 4 / 3, 0.0])
    by_hand = (1 - 3 / 27) / (6 * (1 + 3 / 9) ** 1.5)
    assert acceleration(jackknife) == pytest.approx(by_hand, rel=1e-12)
    x = np.random.default_rng(3).exponential(size=50)
    skew = scipy_stats.skew(x) / (6 * 50**0.5)  # of a mean it is the skewness / (6 sqrt n)
    assert acceleration((x.sum() - x) / 49) == pytest.approx(skew, rel=1e-9)


def test_the_jackknife_leaves_out_whole_clusters():
    generator = np.random.default_rng(4)
    clusters = np.arange(60) // 3
    values = generator.exponential(size=20)[clusters] + 0.1 * generator.random(60)
    sums = np.stack([np.bincount(clusters, values), np.full(20, 3.0)], axis=1)
    skew = scipy_stats.skew(sums[:, 0]) / (6 * 20**0.5)
    assert acceleration(bootstrap_formula(means, sums, resamples=1).jackknife()) == pytest.approx(skew, rel=1e-9)


def test_resamples_that_tie_with_the_value_count_half():
    values = np.array([0.0] * 10 + [1.0] * 80 + [2.0] * 10)
    symmetric = np.array([1.0, -1.0, 2.0, -2.0])
    low, high = bca_levels(values, 1.0, symmetric)
    assert (low, high) == pytest.approx((0.025, 0.975))
    low, high = bca_levels(np.array([0.0] * 10 + [1.0] * 90), 1.0, symmetric)
    shift = 2 * scipy_stats.norm.ppf(0.1 + 0.45)
    assert low == pytest.approx(scipy_stats.norm.cdf(shift - 1.959963984540054))
    assert high == pytest.approx(scipy_stats.norm.cdf(shift + 1.959963984540054))


def test_a_median_has_one_where_its_jackknife_moves():
    ranks = np.random.default_rng(5).exponential(10.0, (300, 1))
    value = float(np.median(ranks))
    interval = bootstrap_interval(bootstrap_compute(weighted_median, ranks, np.arange(300)), value=value, kind="bca")
    assert interval.low < value < interval.high
    steps = np.ceil(ranks)
    interval = bootstrap_interval(
        bootstrap_compute(weighted_median, steps, np.arange(300)), value=float(np.median(steps)), kind="bca"
    )
    assert (interval.low, interval.method) == (None, "none")
    assert "no spread" in interval.reason


@pytest.mark.parametrize(
    ("values", "value", "jackknife", "why"),
    [
        ([1.0, 2.0, 3.0], 0.5, [1.0, 2.0], "one side"),
        ([1.0, 2.0, 3.0], 3.5, [1.0, 2.0], "one side"),
        ([1.0, 2.0, 3.0], 2.0, [1.0, 1.0], "no spread"),
        ([1.0, 2.0, 3.0], 2.0, [1.0, np.nan], "not finite"),
        ([1.0, 2.0, 3.0], 2.0, [1.0], "no spread"),
        ([*([0.0] * 99_999), 2.0], 1.0, [*([1.0] * 999), 0.0], "too skewed"),
    ],
)
def test_where_it_is_undefined_it_says_so(values, value, jackknife, why):
    assert why in bca_levels(np.array(values), value, np.array(jackknife))


def test_no_interval_has_its_reason():
    interval = bootstrap_interval(
        bootstrap_formula(means, np.random.default_rng(6).random((30, 2)) + 1), value=-5.0, kind="bca"
    )
    assert (interval.low, interval.high, interval.method) == (None, None, "none")
    assert interval.reason == "BCa is undefined where all resamples lie on one side of the value: no interval"


def coverage(kind, runs, n, seed):
    """How often the interval of a mean of n exponential numbers holds the truth, 1, and misses on either side."""
    generator = np.random.default_rng(seed)
    above = below = 0
    for run in range(runs):
        sums = np.stack([generator.exponential(size=n), np.ones(n)], axis=1)
        if kind == "t":
            interval = mean_interval(sums, (None, None))
        else:
            drawn = bootstrap_formula(means, sums, seed=run, resamples=1000)
            interval = bootstrap_interval(drawn, value=float(means(sums.sum(axis=0))), kind=kind)
        above += interval.low > 1
        below += interval.high < 1
    return 1 - (above + below) / runs, abs(above - below) / runs


@pytest.mark.slow
def test_it_covers_skewed_data_more_evenly_than_percentiles():
    of_bca, bca_lopsided = coverage("bca", 1500, 40, 7)
    of_percentile, percentile_lopsided = coverage("percentile", 1500, 40, 7)
    assert 0.92 <= of_bca <= 0.97
    assert of_bca >= of_percentile
    assert bca_lopsided < percentile_lopsided
