"""How often the gate errs: equal models fail it no more often than alpha says, and what it promises to see it sees.

Simulated with fixed seeds through the gate's own functions: paired difference, evidence, decision.
"""

from functools import cache

import numpy as np
import pytest

from mmbench.gating.amounts import Amount
from mmbench.gating.decide import as_drop, decide_regressions
from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.rules import Rule
from mmbench.stats import paired_mean_difference
from mmbench.stats.power import minimum_detectable_effect

pytestmark = pytest.mark.slow

GATES = 2000
N = 1000
DISAGREEMENT = 0.10
ALPHA = 0.05
AT_MOST = 0.06
TWELVE = pytest.param(12, marks=pytest.mark.nightly)  # a minute or so each


def counts(generator, drop=0.0):
    """(lost, gained): how many of N independent samples are right in the first model alone, and in the second alone."""
    lost, gained = (DISAGREEMENT + drop) / 2, (DISAGREEMENT - drop) / 2
    return tuple(generator.multinomial(N, [lost, gained, 1 - lost - gained])[:2].tolist())


def evidence(a, b, clusters):
    found = paired_mean_difference(a, b, clusters)
    return as_drop(found, higher_is_better=True), int(np.count_nonzero(a != b))


@cache
def independent(lost, gained):
    """The evidence of N independent samples, which depends on these two counts alone: computed once for each."""
    a = np.repeat([1.0, 0.0, 1.0, 0.0], [lost, gained, N * 6 // 10, N - N * 6 // 10 - lost - gained])
    b = np.where(np.arange(N) < lost, 0.0, np.where(np.arange(N) < lost + gained, 1.0, a))
    return evidence(a, b, np.arange(N))


def fails(found, tolerance=0.0):
    """Whether the gate fails over the evidence of all its metrics together."""
    rule = Rule("a/b", "accuracy", "regression", Amount(100 * tolerance, "points", "the tolerance"), ALPHA)
    verdicts = decide_regressions([(RuleCheck(rule, threshold=tolerance), *each) for each in found])
    return any(verdict.outcome == "violated" for verdict in verdicts)


@pytest.mark.parametrize("metrics", [1, TWELVE])
def test_equal_models_fail_no_more_often_than_alpha_allows(metrics):
    generator = np.random.default_rng(20)
    failed = sum(fails([independent(*counts(generator)) for _ in range(metrics)]) for _ in range(GATES))
    assert 0.02 <= failed / GATES <= AT_MOST  # a test that never fails would be no test


def clustered(generator, drop=0.0, correlation=0.5):
    """Scores [N] in clusters of ten that share their fate: each disagrees as a whole with probability `correlation`."""
    size = 10
    whole = np.repeat(generator.random(N // size) < correlation, size)
    dice = np.where(whole, np.repeat(generator.random(N // size), size), generator.random(N))
    lost, gained = (DISAGREEMENT + drop) / 2, (DISAGREEMENT - drop) / 2
    a = np.where(dice < lost, 1.0, np.where(dice < lost + gained, 0.0, generator.random(N) < 0.7))
    b = np.where(dice < lost, 0.0, np.where(dice < lost + gained, 1.0, a))
    return a, b, np.repeat(np.arange(N // size), size)


@pytest.mark.nightly
def test_clusters_of_ten_correlated_samples_raise_no_more_false_alarms():
    generator = np.random.default_rng(21)
    failed = sum(fails([evidence(*clustered(generator))]) for _ in range(GATES))
    assert 0.02 <= failed / GATES <= AT_MOST


def test_treating_correlated_samples_as_independent_would_raise_far_more():
    """The simulation is hard enough to show it: without clusters the same data fail equal models much more often."""
    generator = np.random.default_rng(21)
    failed = sum(fails([evidence(*clustered(generator)[:2], np.arange(N))]) for _ in range(GATES // 4))
    assert failed / (GATES // 4) > 2 * AT_MOST


@pytest.mark.parametrize("metrics", [1, TWELVE])
@pytest.mark.parametrize("share", [0.0, 0.5], ids=["tolerance-0", "tolerance-half"])
def test_a_drop_of_twice_the_minimum_detectable_effect_beyond_the_tolerance_is_caught(metrics, share):
    """One metric of all has dropped; the tolerance is 0, or half of the minimum detectable effect."""
    smallest = minimum_detectable_effect(np.sqrt(DISAGREEMENT / N), alpha=ALPHA / metrics, power=0.8, sides=1)
    generator = np.random.default_rng(22)
    caught = 0
    for _ in range(GATES):
        equal = [independent(*counts(generator)) for _ in range(metrics - 1)]
        dropped = independent(*counts(generator, drop=(2 + share) * smallest))
        caught += fails([dropped, *equal], tolerance=share * smallest)
    assert caught / GATES >= 0.95


@pytest.mark.parametrize("share", [0.9, 1.0])
def test_a_drop_within_the_tolerance_is_hardly_ever_violated(share):
    generator = np.random.default_rng(24)
    tolerance = 0.03
    violated = sum(
        fails([independent(*counts(generator, drop=share * tolerance))], tolerance=tolerance) for _ in range(GATES)
    )
    assert violated / GATES <= AT_MOST


def test_a_drop_of_the_minimum_detectable_effect_is_seen_about_as_often_as_it_says():
    smallest = minimum_detectable_effect(np.sqrt(DISAGREEMENT / N), alpha=ALPHA, power=0.8, sides=1)
    generator = np.random.default_rng(23)
    seen = sum(fails([independent(*counts(generator, drop=smallest))]) for _ in range(GATES)) / GATES
    assert abs(seen - 0.8) < 0.03
