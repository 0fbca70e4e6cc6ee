"""What numbers come to: hand-computed cases, and what must hold for any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbench.gating.decide import (
    Evidence,
    decide_limit,
    decide_margin,
    decide_regressions,
    exceeds,
    relation,
    turned,
)
from mmbench.stats import Difference

Z90 = 1.6448536269514722 + 0.8416212335729143
"""The 95 % and the 80 % point of the standard normal distribution: alpha 5 % one-sided, power 80 %."""


def evidence(drop, se, p_drop, changed=50):
    return Evidence(drop, drop - 1.96 * se, drop + 1.96 * se, se, p_drop, 1 - p_drop, changed)


def regression(found, tolerance=0.0, alpha=0.05):
    (decision,) = decide_regressions([(found, tolerance, alpha)])
    return decision


def test_a_drop_fails_when_it_exceeds_the_tolerance_and_is_significant():
    found = regression(evidence(0.03, 0.01, 0.001), tolerance=0.025)
    assert (found.word, found.outcome) == ("regressed", "violated")
    assert found.p_value == 0.001
    assert found.smallest == pytest.approx(0.01 * Z90)


def test_a_significant_drop_within_the_tolerance_passes_and_says_so():
    found = regression(evidence(0.02, 0.005, 0.0001), tolerance=0.03)
    assert (found.word, found.outcome) == ("regressed", "passed")
    assert "within" in found.why


def test_a_drop_of_exactly_the_tolerance_is_within_it_whatever_rounding_does():
    assert 0.81 - 0.80 > 0.01  # as floating-point numbers
    assert regression(evidence(0.81 - 0.80, 0.001, 1e-9), tolerance=0.01).outcome == "passed"
    assert not exceeds(0.1 + 0.2, 0.3)
    assert exceeds(0.3001, 0.3)


def test_a_large_drop_that_is_not_significant_is_inconclusive_where_a_tolerance_was_asked_for():
    found = regression(evidence(0.03, 0.02, 0.067), tolerance=0.01)
    assert (found.word, found.outcome) == ("inconclusive", "undecided")


def test_few_samples_are_no_obstacle_where_the_interval_excludes_the_drop():
    found = regression(evidence(-0.05, 0.02, 0.994), tolerance=0.01)
    assert found.smallest > 0.01
    assert (found.word, found.outcome) == ("improved", "passed")


def test_without_a_tolerance_the_rule_asks_only_whether_a_drop_is_seen():
    found = regression(evidence(0.005, 0.02, 0.4))
    assert (found.word, found.outcome) == ("within noise", "passed")
    assert "{smallest}" in found.why


def test_nothing_changed_is_the_same_whatever_the_test_says():
    nothing = Evidence(0.0, 0.0, 0.0, 0.0, None, None, 0)
    assert regression(nothing, tolerance=0.01).word == "same"
    assert decide_margin(nothing, 0.01, 0.05).word == "same"
    assert relation(nothing, 0.05) == "same"


def test_one_cluster_allows_no_test():
    one = Evidence(0.02, None, None, None, None, None, 3, "one cluster: no interval")
    found = regression(one, tolerance=0.01)
    assert (found.word, found.outcome, found.why) == ("inconclusive", "undecided", "one cluster: no interval")
    assert decide_margin(one, 0.5, 0.05).outcome == "undecided"


def test_holm_spares_a_drop_that_would_be_significant_alone():
    equal = evidence(0.0, 0.01, 0.5)
    small = evidence(0.02, 0.01, 0.02)
    assert regression(small).outcome == "violated"
    together = decide_regressions([(small, 0.0, 0.05), *[(equal, 0.0, 0.05)] * 3])
    assert [each.outcome for each in together] == ["passed"] * 4
    assert together[0].p_value == pytest.approx(0.08)


def test_rules_that_cannot_be_tested_take_no_share_of_alpha():
    untestable = Evidence(None, None, None, None, None, None, 0, "no unit was scored by both")
    together = decide_regressions([(evidence(0.03, 0.01, 0.03), 0.0, 0.05), (untestable, 0.0, 0.05)])
    assert [each.outcome for each in together] == ["violated", "undecided"]
    assert together[0].p_value == 0.03


@pytest.mark.parametrize(
    ("drop", "se", "p_drop", "word", "outcome"),
    [
        (0.000, 0.004, 0.5, "within noise", "passed"),  # 0.0078 at most
        (0.005, 0.004, 0.11, "inconclusive", "undecided"),  # 0.0128: beyond
        (0.008, 0.0005, 1e-9, "regressed", "passed"),  # a drop, but surely a small one
        (0.012, 0.004, 0.0013, "regressed", "violated"),
        (0.012, 0.010, 0.115, "inconclusive", "undecided"),
        (-0.02, 0.004, 0.9999, "improved", "passed"),
    ],
)
def test_non_inferiority_passes_only_when_the_interval_excludes_the_margin(drop, se, p_drop, word, outcome):
    found = decide_margin(evidence(drop, se, p_drop), 0.01, 0.05)
    assert (found.word, found.outcome) == (word, outcome)


@pytest.mark.parametrize(
    ("value", "before", "higher", "word", "outcome"),
    [
        (0.71, 0.72, True, "same", "passed"),
        (0.70, 0.72, True, "same", "passed"),  # the limit itself is within
        (0.69, 0.72, True, "newly failing", "violated"),
        (0.69, 0.68, True, "same", "violated"),
        (0.71, 0.68, True, "fixed", "passed"),
        (0.69, None, True, "new", "violated"),
        (0.71, None, True, "new", "passed"),
        (0.69, 0.5, False, "same", "passed"),
        (0.71, 0.5, False, "newly failing", "violated"),
    ],
)
def test_floors_and_budgets(value, before, higher, word, outcome):
    found = decide_limit(value, 0.70, before, "same", higher_is_better=higher)
    assert (found.word, found.outcome) == (word, outcome)


def difference(value, low, high, se, p_lower, p_upper):
    return Difference(value, low, high, se, 2 * min(p_lower, p_upper), p_lower, p_upper, 100, 100, "paired-cluster-t")


def test_direction_turns_the_difference():
    worse = turned(difference(-0.02, -0.04, 0.0, 0.01, 0.02, 0.98), higher_is_better=True, changed=5)
    assert (worse.drop, worse.least, worse.most, worse.p_drop, worse.p_gain) == (0.02, 0.0, 0.04, 0.02, 0.98)
    rank = turned(difference(-0.02, -0.04, 0.0, 0.01, 0.02, 0.98), higher_is_better=False, changed=5)
    assert (rank.drop, rank.least, rank.most, rank.p_drop, rank.p_gain) == (-0.02, -0.04, 0.0, 0.98, 0.02)


def test_a_value_that_moved_is_never_the_same():
    """Rows of a corpus metric may change where no single unit's own score does."""
    moved = turned(difference(0.001, 0.0, 0.002, 0.0005, 0.97, 0.03), higher_is_better=True, changed=0)
    assert relation(moved, 0.05) == "improved"


numbers = st.floats(-0.5, 0.5)
errors = st.floats(1e-4, 0.2)
shares = st.floats(1e-6, 1 - 1e-6)
found = st.builds(evidence, numbers, errors, shares, st.integers(1, 100))


@given(found, st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_a_larger_tolerance_never_fails_what_a_smaller_one_passes(one, first, second):
    small, large = sorted((first, second))
    if regression(one, small).outcome == "passed" and small > 0:
        assert regression(one, large).outcome == "passed"
    if regression(one, large).outcome == "violated":
        assert regression(one, small).outcome == "violated"


@given(st.lists(found, min_size=1, max_size=6), st.floats(0.001, 0.5))
def test_more_rules_never_make_a_drop_more_significant(several, alpha):
    together = decide_regressions([(each, 0.0, alpha) for each in several])
    for each, decision in zip(several, together, strict=True):
        assert decision.p_value >= regression(each, 0.0, alpha).p_value
        if decision.outcome == "violated":
            assert regression(each, 0.0, alpha).outcome == "violated"


@given(found, st.floats(1e-3, 0.5))
def test_what_is_not_inferior_is_no_regression_beyond_the_same_tolerance(one, margin):
    if decide_margin(one, margin, 0.05).outcome == "passed":
        assert regression(one, margin).outcome == "passed"
