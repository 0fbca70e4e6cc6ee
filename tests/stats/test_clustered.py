"""CR2 errors and their degrees of freedom against matrices written out, score intervals against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy import stats as scipy_stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from mmbench.stats import mean_interval
from mmbench.stats.clustered import cluster_error, effective_clusters, intra_cluster_correlation, spread_df
from mmbench.stats.proportions import paired_score, paired_score_bounds, paired_score_tails, score_bounds


def by_matrices(values, clusters):
    """CR2 and Bell and McCaffrey's degrees of freedom of a regression on a constant, with matrix roots and no closed form."""
    n = len(values)
    ones = np.ones((n, 1))
    hat = ones @ ones.T / n
    rest = np.eye(n) - hat
    residuals = rest @ values
    columns, variance = [], 0.0
    for code in np.unique(clusters):
        inside = np.flatnonzero(clusters == code)
        block = rest[np.ix_(inside, inside)]
        eigenvalues, vectors = np.linalg.eigh(block)
        root = vectors @ np.diag([0 if e < 1e-12 else e**-0.5 for e in eigenvalues]) @ vectors.T
        weights = root @ np.ones(len(inside)) / n
        variance += float(weights @ residuals[inside]) ** 2
        columns.append(rest[:, inside] @ weights)
    matrix = np.stack(columns, axis=1)
    eigenvalues = np.linalg.eigvalsh(matrix.T @ matrix)
    return variance**0.5, eigenvalues.sum() ** 2 / (eigenvalues**2).sum()


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (3, 3, 3), (1, 2, 9), (20, 1, 1, 1, 1), (7, 5, 3, 2, 2, 1)])
def test_cluster_error_is_cr2_with_satterthwaites_degrees_of_freedom(sizes):
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    values = np.random.default_rng(len(sizes)).normal(size=len(clusters))
    sums = np.bincount(clusters, weights=values - values.mean())
    error = cluster_error(sums, np.array(sizes, dtype=float))
    se, df = by_matrices(values, clusters)
    assert error.se == pytest.approx(se, rel=1e-9)
    assert error.df == pytest.approx(max(df, 1.0), rel=1e-9)


def test_effective_clusters_counts_equal_ones_whole():
    assert effective_clusters(np.full(12, 3.0)) == pytest.approx(12)
    assert effective_clusters(np.array([100.0, 1.0])) == pytest.approx(101**2 / 10001)


@settings(deadline=None)
@given(st.integers(1, 400), st.data())
def test_score_bounds_are_wilsons(n, data):
    k = data.draw(st.integers(0, n))
    low, high = proportion_confint(k, n, method="wilson")
    assert score_bounds(k / n, n, scipy_stats.norm.ppf(0.975)) == pytest.approx((low, high), abs=1e-9)


def likelihood_statistic(gained, lost, n, difference):
    """Tango's statistic with the restricted likelihood maximised numerically."""

    def negative(loss):
        cells = (difference + loss, loss, 1 - difference - 2 * loss)
        counts = (gained, lost, n - gained - lost)
        return -sum(count * np.log(max(cell, 1e-300)) for count, cell in zip(counts, cells, strict=True) if count)

    low, high = max(0.0, -difference), (1 - difference) / 2
    loss = optimize.minimize_scalar(negative, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    return (gained - lost - n * difference) / np.sqrt(n * (2 * loss + difference * (1 - difference)))


@pytest.mark.parametrize("counts", [(9, 1, 100), (3, 8, 40), (20, 15, 1000)])
@pytest.mark.parametrize("difference", [-0.1, -0.01, 0.02, 0.2])
def test_paired_score_maximises_the_restricted_likelihood(counts, difference):
    assert paired_score(*counts, difference) == pytest.approx(likelihood_statistic(*counts, difference), rel=1e-4)


@pytest.mark.parametrize(("gained", "lost"), [(9, 1), (4, 4), (0, 12), (30, 55)])
def test_at_zero_the_score_test_is_mcnemars(gained, lost):
    below, above = paired_score_tails(gained, lost, 500)
    expected = mcnemar([[0, gained], [lost, 0]], exact=False, correction=False).pvalue
    assert 2 * min(below, above) == pytest.approx(expected, rel=1e-9)


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 200), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_paired_interval_excludes_zero_where_the_test_rejects(gained, lost, same, level):
    n = gained + lost + same
    if n < 2:
        return
    low, high = paired_score_bounds(gained, lost, n, level)
    p = 2 * min(*paired_score_tails(gained, lost, n))
    assert low <= (gained - lost) / n <= high
    if abs(p - (1 - level)) > 1e-9:
        assert (low > 0 or high < 0) == (p < 1 - level)


def test_nothing_changed_bounds_the_difference_by_the_number_of_units():
    low, high = paired_score_bounds(0, 0, 300, 0.95)
    z = scipy_stats.norm.ppf(0.975)
    assert (low, high) == pytest.approx((-(z**2) / (300 + z**2), z**2 / (300 + z**2)), abs=1e-9)


def test_one_large_cluster_is_a_warning_and_many_equal_ones_are_none():
    right, sizes = np.array([40.0, *[3.0, 4.0] * 5]), np.array([50.0, *[5.0] * 10])
    assert mean_interval(np.stack([right, sizes], 1)).warning is not None
    assert mean_interval(np.stack([right[1:], sizes[1:]], 1)).warning is None


def test_the_correlation_within_clusters_is_that_of_a_one_way_analysis_of_variance():
    generator = np.random.default_rng(3)
    codes = np.repeat(np.arange(12), generator.integers(1, 9, 12))
    values = generator.normal(size=12)[codes] + generator.normal(size=len(codes))
    groups = [values[codes == code] for code in range(12)]
    sizes, n = np.array([len(group) for group in groups]), len(values)
    f = scipy_stats.f_oneway(*groups).statistic
    typical = (n - (sizes**2).sum() / n) / 11
    expected = (f - 1) / (f + typical - 1)
    rows = np.stack([values, 100 * values, np.ones(n)], axis=1)  # scale and constants do not matter
    assert intra_cluster_correlation(rows, codes) == pytest.approx(expected, rel=1e-9)
    assert intra_cluster_correlation(rows, np.arange(n)) == 0.0
    assert intra_cluster_correlation(np.ones((n, 2)), codes) == 0.0
    assert intra_cluster_correlation(rows, np.zeros(n, dtype=np.int64)) == 0.0


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=40).filter(lambda squares: max(squares) > 1e-3))
def test_a_sum_of_squares_has_between_one_degree_of_freedom_and_one_fewer_than_its_terms(squares):
    squares = np.array(squares)
    assert 1.0 <= spread_df(squares) <= len(squares) - 1
    assert spread_df(np.ones(len(squares))) == len(squares) - 1
