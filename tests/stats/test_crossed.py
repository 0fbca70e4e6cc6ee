"""Samples crossed with seeds: the parts of the variance by another computation, and the level of the test in simulation."""

import numpy as np
import pytest
from scipy.stats import t

from mmbench.stats import Difference, SeedSpread, difference_over_seeds, paired_mean_difference, seed_spread


def two_way(scores):
    """Mean squares of seeds and residuals of a two-way table [S, n], from its sums of squares."""
    count, n = scores.shape
    total = ((scores - scores.mean()) ** 2).sum()
    of_seeds = n * ((scores.mean(1) - scores.mean()) ** 2).sum()
    of_samples = count * ((scores.mean(0) - scores.mean()) ** 2).sum()
    return of_seeds / (count - 1), (total - of_seeds - of_samples) / ((count - 1) * (n - 1))


@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_parts_are_those_of_a_two_way_analysis_of_variance(count):
    generator = np.random.default_rng(count)
    scores = generator.normal(0, 1, (count, 40)) + generator.normal(0, 0.5, (count, 1)) + generator.normal(0, 1, 40)
    found = seed_spread(scores.mean(1).tolist(), scores, np.arange(40))
    seeds, residual = two_way(scores)
    assert found.total == pytest.approx(seeds / (40 * count))
    assert found.interaction == pytest.approx(residual / (40 * count))
    assert found.interaction_df == (count - 1) * 39
    assert found.own == pytest.approx(max(seeds - residual, 0) / (40 * count))


def test_copies_of_a_sample_in_a_cluster_say_nothing_new():
    generator = np.random.default_rng(5)
    scores = generator.normal(0, 1, (3, 30))
    once = seed_spread(scores.mean(1).tolist(), scores, np.arange(30))
    copied = seed_spread(scores.mean(1).tolist(), np.repeat(scores, 4, axis=1), np.repeat(np.arange(30), 4))
    assert copied.interaction == pytest.approx(once.interaction)
    assert copied.interaction_df == once.interaction_df


def test_seeds_alone_are_welchs_test():
    """Where samples have no error, the degrees of freedom and the test are Welch's of the seeds' values."""
    a, b = np.array([0.70, 0.74, 0.73]), np.array([0.80, 0.78, 0.85, 0.79])
    samples = Difference(b.mean() - a.mean(), None, None, 0.0, None, None, None, 100, 100, "sign-test", "x", df=99.0)
    found, share = difference_over_seeds(samples, seed_spread(a.tolist()), seed_spread(b.tolist()))
    parts = a.var(ddof=1) / 3, b.var(ddof=1) / 4
    df = sum(parts) ** 2 / (parts[0] ** 2 / 2 + parts[1] ** 2 / 3)
    assert (found.df, share) == (pytest.approx(df), 1.0)
    assert found.p_value == pytest.approx(2 * t.sf(abs(found.value) / sum(parts) ** 0.5, df))
    assert (found.low, found.high) == pytest.approx(t.interval(0.95, df, found.value, sum(parts) ** 0.5))


def test_seeds_that_agree_leave_the_test_of_the_samples():
    generator = np.random.default_rng(3)
    a, b = generator.random((2, 50))
    samples = paired_mean_difference(a, b, np.arange(50))
    same = [seed_spread([each.mean()] * 3, np.stack([each] * 3), np.arange(50)) for each in (a, b)]
    found, share = difference_over_seeds(samples, *same)
    assert share == pytest.approx(0, abs=1e-12)
    assert (found.p_value, found.low, found.high, found.df) == pytest.approx(
        (samples.p_value, samples.low, samples.high, samples.df), rel=1e-6
    )


def test_no_error_of_the_samples_allows_no_test():
    alone = Difference(0.1, None, None, None, None, None, None, 9, 1, "none", "one cluster")
    assert difference_over_seeds(alone, SeedSpread(3, 0.1), SeedSpread(3, 0.1)) == (alone, None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of_seeds", "meeting"),
    [
        pytest.param(0.0, 1.0, marks=pytest.mark.nightly),
        pytest.param(0.3, 0.0, marks=pytest.mark.nightly),
        (0.3, 1.0),
    ],
)
def test_three_seeds_against_three_keep_the_level(of_seeds, meeting):
    """Equal models, 40 samples: seeds alike, seeds that differ as samples do, and both with answers that chance decides."""
    count, n, simulations = 3, 40, 1500
    generator = np.random.default_rng(int(10 * of_seeds + 100 * meeting))
    sides = [
        generator.normal(0, 0.5, (simulations, 1, n))
        + of_seeds * generator.normal(0, 1, (simulations, count, 1))
        + meeting * generator.normal(0, 1, (simulations, count, n))
        for _ in range(2)
    ]
    change = sides[1].mean(1) - sides[0].mean(1)
    values, errors = change.mean(1), change.std(1, ddof=1) / n**0.5
    rejected = 0
    for number in range(simulations):
        samples = Difference(values[number], 0.0, 0.0, errors[number], None, None, None, n, n, "t", df=n - 1.0)
        tables = [side[number] for side in sides]
        spreads = [seed_spread(table.mean(1).tolist(), table, np.arange(n)) for table in tables]
        rejected += difference_over_seeds(samples, *spreads)[0].p_value <= 0.05
    assert 0.01 < rejected / simulations <= 0.065
