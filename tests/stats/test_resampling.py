"""Resamples: what is drawn, that no way of computing them shows, and that what is faster is the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbench.metrics.formulas import weighted_median
from mmbench.stats import bootstrap, bootstrap_compute, bootstrap_formula
from mmbench.stats.resampling import formula_statistic, resample_weights


def means(sums):
    return sums[..., 0] / sums[..., -1]


def test_each_resample_draws_as_many_clusters_as_there_are():
    weights = resample_weights(np.random.default_rng(0), 30, 4000)
    assert weights.shape == (4000, 30)
    assert (weights.sum(axis=1) == 30).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1.0, atol=0.1)
    np.testing.assert_allclose(weights.var(axis=0), 29 / 30, atol=0.15)


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(1, 7), st.integers(0, 2**32), st.integers(1, 60))
def test_neither_the_chunk_nor_the_way_of_summing_changes_a_bit(clusters, width, seed, chunk):
    sums = np.random.default_rng(seed).random((clusters, width)) + 0.1
    plain = bootstrap(formula_statistic(means, sums), clusters, seed=seed, resamples=50, chunk=50).values
    for one in (chunk, None):
        fast = bootstrap_formula(means, sums, seed=seed, resamples=50, chunk=one).values
        assert fast.tobytes() == plain.tobytes()
    assert bootstrap(
        formula_statistic(means, sums), clusters, seed=seed, resamples=50, chunk=chunk
    ).values.tobytes() == (plain.tobytes())


def test_the_bootstrap_follows_its_seed_and_leaves_global_state_alone():
    sums = np.random.default_rng(23).random((50, 2)) + 0.1
    before = np.random.get_state()[1].tobytes()  # noqa: NPY002
    first = bootstrap_formula(means, sums, seed=1).values
    np.testing.assert_array_equal(first, bootstrap_formula(means, sums, seed=1).values)
    assert (first != bootstrap_formula(means, sums, seed=2).values).any()
    assert np.random.get_state()[1].tobytes() == before  # noqa: NPY002


def zeros_and_ones(clusters, seed=5):
    hits = np.random.default_rng(seed).integers(0, 2, clusters).astype(np.float64)
    return np.stack([hits, 1 - hits, np.ones(clusters)], axis=1)


def test_drawing_kinds_of_rows_is_drawing_rows():
    sums = zeros_and_ones(400)
    kinds = bootstrap_formula(means, sums, resamples=20_000).values
    rows = bootstrap(formula_statistic(means, sums), 400, resamples=20_000).values
    assert kinds.mean() == pytest.approx(rows.mean(), abs=6 * rows.std() / 20_000**0.5)
    assert kinds.std() == pytest.approx(rows.std(), rel=0.03)
    np.testing.assert_allclose(np.quantile(kinds, [0.025, 0.975]), np.quantile(rows, [0.025, 0.975]), atol=0.005)


@given(st.integers(1, 60), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_kinds_depend_neither_on_the_chunk_nor_on_the_order(chunk, random):
    sums = zeros_and_ones(64)
    index = list(range(64))
    random.shuffle(index)
    whole = bootstrap_formula(means, sums, resamples=50).values
    assert bootstrap_formula(means, sums[index], resamples=50, chunk=chunk).values.tobytes() == whole.tobytes()


def test_a_median_of_few_kinds_is_drawn_as_one_of_many():
    ranks = np.random.default_rng(6).integers(1, 12, (600, 1)).astype(np.float64)
    kinds = bootstrap_compute(weighted_median, ranks, np.arange(600), resamples=4000).values
    pairs = bootstrap_compute(weighted_median, ranks.repeat(2, axis=0), np.arange(600).repeat(2), resamples=4000).values
    assert set(kinds) <= set(pairs) | {5.5, 6.5}
    assert kinds.mean() == pytest.approx(pairs.mean(), abs=0.05)


def test_what_is_left_out_in_turn():
    values = np.random.default_rng(7).random((25, 1))
    without = [(values.sum() - one) / 24 for one in values[:, 0]]
    rows = np.hstack([values, np.ones((25, 1))])
    np.testing.assert_allclose(bootstrap_formula(means, rows, resamples=1).jackknife(), without)

    def mean(rows, weights):
        return weights @ rows[:, 0] / weights.sum(axis=1)

    np.testing.assert_allclose(
        np.sort(bootstrap_compute(mean, values, np.arange(25), resamples=1).jackknife()), np.sort(without)
    )
    many = bootstrap_compute(mean, np.random.default_rng(8).random((5000, 1)), np.arange(5000), resamples=1).jackknife()
    assert len(many) == 2000


def test_nothing_cannot_be_resampled():
    for clusters, resamples in ((0, 10), (10, 0)):
        with pytest.raises(ValueError, match="needs a cluster and a resample"):
            bootstrap_formula(means, np.ones((clusters, 2)), resamples=resamples)
