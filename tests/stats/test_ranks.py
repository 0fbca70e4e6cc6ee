"""Rank ranges: what they promise in simulation, and what they say where the answer is plain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbench.metrics.formulas import ratio, weighted_median
from mmbench.stats import bootstrap_values
from mmbench.stats.ranks import FEWEST_CLUSTERS, joint_compute, joint_formula, rank_ranges


def drawn(scores, resamples=500, seed=0):
    """Values and resamples of models whose scores are [m, g, size], clusters along the second axis."""
    models, clusters, size = scores.shape
    sums = np.stack([scores.sum(axis=2), np.full((models, clusters), float(size))], axis=-1)
    draws = bootstrap_values(joint_formula(ratio, sums), clusters, seed=seed, resamples=resamples, width=models)
    return scores.mean(axis=(1, 2)), draws


def answers(generator, truth, clusters, size, within):
    """0/1 scores [m, g, size] with these expectations; a share `within` of the units follows its cluster."""
    models = len(truth)
    alone, together = generator.random((models, clusters, size)), generator.random((models, clusters, 1))
    uniform = np.where(generator.random((models, clusters, size)) < within, together, alone)
    return (uniform < np.asarray(truth)[:, None, None]).astype(np.float64)


def true_ranks(truth):
    """(best, worst) true rank of each model: equal ones take up a range of ranks."""
    truth = np.asarray(truth)
    return [(1 + int((truth > own).sum()), len(truth) - int((truth < own).sum())) for own in truth]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("truth", "clusters", "size"),
    [
        ([0.80, 0.79, 0.78, 0.60, 0.59, 0.30], 120, 5),
        (np.linspace(0.50, 0.53, 8), 120, 5),
        ([0.5] * 6, 100, 5),
        ([0.5, 0.5, 0.55, 0.7], 20, 10),
    ],
    ids=["apart", "close", "tied", "few-clusters"],
)
def test_rank_ranges_hold_the_true_rank(truth, clusters, size):
    generator = np.random.default_rng(20)
    trials, covered = 200, np.zeros(len(truth))
    for trial in range(trials):
        values, draws = drawn(answers(generator, truth, clusters, size, within=0.3), resamples=400, seed=trial)
        ranks = rank_ranges(values, draws, clusters)
        covered += [
            low <= best and worst <= high
            for low, high, (best, worst) in zip(ranks.low, ranks.high, true_ranks(truth), strict=True)
        ]
    assert (covered / trials).min() >= 0.93


def test_models_that_are_far_apart_get_a_rank_each_and_like_ones_share_it():
    generator = np.random.default_rng(1)
    same = answers(generator, [0.5], 200, 4, 0.2)[0]
    scores = np.stack([same, same, *answers(generator, [0.9, 0.1], 200, 4, 0.2)])
    ranks = rank_ranges(*drawn(scores), 200)
    assert (ranks.rank, ranks.low, ranks.high) == ((2, 2, 1, 4), (2, 2, 1, 4), (3, 3, 1, 4))


def test_lower_is_better_turns_the_order_round():
    values, draws = drawn(answers(np.random.default_rng(2), [0.2, 0.8], 100, 3, 0.2))
    assert rank_ranges(values, draws, 100, higher_is_better=False).high == (1, 2)
    assert rank_ranges(values, draws, 100).high == (2, 1)


def test_the_pairing_tells_apart_what_intervals_alone_would_not():
    generator = np.random.default_rng(3)
    hard = generator.random((1, 300, 1))  # what all models share
    scores = (np.clip(hard + np.array([0.0, 0.03])[:, None, None], 0, 1)).astype(np.float64)
    values, draws = drawn(scores)
    assert draws.std(axis=0).max() > 0.4 * (values[1] - values[0]), "the intervals overlap"
    assert rank_ranges(values, draws, 300).high == (2, 1)


@pytest.mark.parametrize("clusters", [1, 2, FEWEST_CLUSTERS - 1])
def test_few_clusters_claim_no_order(clusters):
    values, draws = drawn(np.stack([np.ones((clusters, 2)), np.zeros((clusters, 2))]))
    ranks = rank_ranges(values, draws, clusters)
    assert (ranks.rank, ranks.low, ranks.high) == ((1, 2), (1, 1), (2, 2))
    assert "too few" in ranks.reason


def test_a_difference_without_any_spread_is_judged_by_the_number_of_clusters():
    def certain(clusters, models):
        steps = np.arange(models)[:, None, None] / models
        values, draws = drawn(np.broadcast_to(steps, (models, clusters, 1)).copy())
        return rank_ranges(values, draws, clusters).high

    assert certain(10, 2) == (2, 1)
    assert certain(10, 40)[-1] == 40  # 2 ** -9 is more than 0.05 / 39
    assert certain(11, 40)[-1] == 1  # 2 ** -10 is less


def test_undefined_resamples_leave_no_ranges_when_they_are_many():
    values, draws = drawn(answers(np.random.default_rng(4), [0.1, 0.9], 100, 2, 0.1))
    few, many = draws.copy(), draws.copy()
    few[:10, 0] = np.nan
    many[:100, 0] = np.nan
    assert rank_ranges(values, few, 100).high == (2, 1)
    ranks = rank_ranges(values, many, 100)
    assert ranks.low == (1, 1)
    assert ranks.reason == "undefined in 100 of 500 resamples: no rank ranges"


def test_one_model_is_first_without_more_ado():
    ranks = rank_ranges(*drawn(np.ones((1, 3, 2))), 3)
    assert (ranks.rank, ranks.low, ranks.high, ranks.reason) == ((1,), (1,), (1,), None)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=7), st.integers(10, 60), st.integers(0, 2**31))
def test_ranges_hold_the_rank_by_value_and_do_not_depend_on_the_order(truth, clusters, seed):
    generator = np.random.default_rng(seed)
    scores = answers(generator, truth, clusters, 3, 0.3)
    ranks = rank_ranges(*drawn(scores, 200), clusters)
    for rank, low, high in zip(ranks.rank, ranks.low, ranks.high, strict=True):
        assert 1 <= low <= rank <= high <= len(truth)
    order = generator.permutation(len(truth))
    again = rank_ranges(*drawn(scores[order], 200), clusters)
    assert [ranks.low[place] for place in order] == list(again.low)
    assert [ranks.high[place] for place in order] == list(again.high)


def test_resamples_draw_the_same_clusters_for_all_models_and_metrics():
    scores = answers(np.random.default_rng(5), [0.3, 0.6], 50, 4, 0.2)
    _, alone = drawn(scores[:1])
    _, both = drawn(scores)
    assert np.array_equal(alone[:, 0], both[:, 0])
    rows = [own.reshape(-1, 1) for own in scores]
    clusters = np.repeat(np.arange(50), 4)
    medians = bootstrap_values(
        joint_compute(weighted_median, rows, clusters), 50, seed=0, resamples=500, width=2, chunk=7
    )
    expected = np.where(both > 0.5, 1.0, np.where(both < 0.5, 0.0, 0.5))
    assert np.array_equal(medians, expected)
