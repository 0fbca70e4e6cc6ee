"""What numbers come to: hand-computed cases, and what must hold for any."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from mmbench.gating.amounts import Amount
from mmbench.gating.decide import as_drop, decide_limit, decide_margin, decide_regressions, exceeds, relation
from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.rules import Rule
from mmbench.gating.verdicts import Tails
from mmbench.stats import Difference

Z90 = 1.6448536269514722 + 0.8416212335729143
"""The 95 % and the 80 % point of the standard normal distribution: alpha 5 % one-sided, power 80 %."""


def check(threshold=0.0, policy="regression", alpha=0.05, *, higher=True):
    return RuleCheck(
        Rule("a/b", "accuracy", policy, Amount(1.0, "points", "1pt"), alpha), None, higher, 100.0, threshold
    )


def dropped(value, se, p_drop, changed=50):
    """A drop and the number of samples that changed; so many degrees of freedom that t is normal."""
    low, high = value - 1.96 * se, value + 1.96 * se
    return Difference(value, low, high, se, None, 1 - p_drop, p_drop, 100, 100, "paired-cluster-t", df=1e9), changed


def unknown(value=None, reason=None, changed=0, se=None):
    """A drop that cannot be tested."""
    return Difference(
        value, value if se == 0 else None, value if se == 0 else None, se, None, None, None, 1, 1, "none", reason
    ), changed


NOTHING = unknown(0.0, se=0.0)
ONE_CLUSTER = unknown(0.02, "one cluster: no interval", 3)


def regression(found, tolerance=0.0, alpha=0.05):
    (verdict,) = decide_regressions([(check(tolerance, alpha=alpha), *found)])
    return verdict


def margin_of(found, margin):
    return decide_margin(check(margin, "non-inferiority"), *found)


def test_a_drop_fails_when_it_exceeds_the_tolerance_and_is_significant():
    found = regression(dropped(0.05, 0.01, 1e-6), tolerance=0.025)
    assert (found.word, found.outcome) == ("regressed", "violated")
    assert found.p_value == pytest.approx(norm.sf(2.5), rel=1e-6)
    assert found.smallest == pytest.approx(0.01 * Z90)


def test_a_drop_beyond_the_tolerance_that_may_be_within_it_is_not_decided():
    found = regression(dropped(0.03, 0.01, 0.001), tolerance=0.025)
    assert (found.outcome, found.reason) == ("undecided", "margin_not_excluded")
    assert found.smallest < 0.025
    assert found.p_value == pytest.approx(norm.sf(0.5), rel=1e-6)


def test_a_significant_drop_within_the_tolerance_passes_and_says_so():
    found = regression(dropped(0.02, 0.005, 0.0001), tolerance=0.03)
    assert (found.word, found.outcome) == ("regressed", "passed")
    assert found.reason == "drop_within_tolerance"


def test_a_drop_of_exactly_the_tolerance_is_within_it_whatever_rounding_does():
    assert 0.81 - 0.80 > 0.01  # as floating-point numbers
    assert regression(dropped(0.81 - 0.80, 0.001, 1e-9), tolerance=0.01).outcome == "passed"
    assert not exceeds(0.1 + 0.2, 0.3)
    assert exceeds(0.3001, 0.3)


def test_a_large_drop_that_is_not_significant_is_inconclusive_where_a_tolerance_was_asked_for():
    found = regression(dropped(0.03, 0.02, 0.067), tolerance=0.01)
    assert (found.word, found.outcome) == ("inconclusive", "undecided")


def test_few_samples_are_no_obstacle_where_the_interval_excludes_the_drop():
    found = regression(dropped(-0.05, 0.02, 0.994), tolerance=0.01)
    assert found.smallest > 0.01
    assert (found.word, found.outcome) == ("improved", "passed")


def test_without_a_tolerance_the_rule_asks_only_whether_a_drop_is_seen():
    found = regression(dropped(0.005, 0.02, 0.4))
    assert (found.word, found.outcome) == ("within noise", "passed")
    assert found.reason == "no_drop_seen"


def test_nothing_changed_is_the_same_whatever_the_test_says():
    many = replace(NOTHING[0], n_clusters=1000), 0
    assert regression(NOTHING).word == regression(many, tolerance=0.01).word == "same"
    assert margin_of(many, 0.01).word == "same"
    assert relation(*NOTHING, Tails(0.05, 0.05)) == "same"


@pytest.mark.parametrize(("clusters", "outcome"), [(36, "undecided"), (37, "passed")])
def test_no_change_among_few_clusters_does_not_exclude_a_drop(clusters, outcome):
    """Where a drop of 9.5 % is hidden from 37 clusters with a chance of 0.905 ** 37 = 2.49 %, and from 36 with 2.75 %."""
    unchanged = replace(NOTHING[0], n_clusters=clusters), 0
    for found in (regression(unchanged, tolerance=0.095), margin_of(unchanged, 0.095)):
        assert found.outcome == outcome
        assert found.p_value is None


def test_no_change_of_a_metric_without_an_end_passes():
    """A mean rank has no largest drop, so that the share of clusters that may have changed bounds nothing."""
    rank = replace(check(0.4, higher=False), width=0.0)
    (found,) = decide_regressions([(rank, *NOTHING)])
    assert (found.word, found.outcome) == ("same", "passed")


def test_one_cluster_allows_no_test():
    found = regression(ONE_CLUSTER, tolerance=0.01)
    assert (found.word, found.outcome, found.reason) == ("inconclusive", "undecided", "untestable")
    assert found.details == {"why": "one cluster: no interval"}
    assert margin_of(ONE_CLUSTER, 0.5).outcome == "undecided"


def test_holm_spares_a_drop_that_would_be_significant_alone():
    equal = dropped(0.0, 0.01, 0.5)
    small = dropped(0.02, 0.01, 0.02)
    assert regression(small).outcome == "violated"
    together = decide_regressions([(check(), *small), *[(check(), *equal)] * 3])
    assert [each.outcome for each in together] == ["passed"] * 4
    assert together[0].p_value == pytest.approx(0.08)


def test_rules_that_cannot_be_tested_take_no_share_of_alpha():
    untestable = unknown(reason="no unit was scored by both")
    together = decide_regressions([(check(), *dropped(0.03, 0.01, 0.03)), (check(), *untestable)])
    assert [each.outcome for each in together] == ["violated", "undecided"]
    assert together[0].p_value == 0.03


@pytest.mark.parametrize(
    ("drop", "se", "p_drop", "word", "outcome"),
    [
        (0.000, 0.004, 0.5, "within noise", "passed"),  # 0.0078 at most
        (0.005, 0.004, 0.11, "inconclusive", "undecided"),  # 0.0128: beyond
        (0.008, 0.0005, 1e-9, "regressed", "passed"),  # a drop, but surely a small one
        (0.012, 0.004, 0.0013, "inconclusive", "undecided"),  # a drop, but beyond the margin only perhaps
        (0.018, 0.004, 3.4e-6, "regressed", "violated"),
        (0.012, 0.010, 0.115, "inconclusive", "undecided"),
        (-0.02, 0.004, 0.9999, "improved", "passed"),
    ],
)
def test_non_inferiority_passes_only_when_the_interval_excludes_the_margin(drop, se, p_drop, word, outcome):
    found = margin_of(dropped(drop, se, p_drop), 0.01)
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
    found = decide_limit(check(0.70, "absolute", higher=higher), value, before, "same")
    assert (found.word, found.outcome) == (word, outcome)


def difference(value, low, high, se, p_lower, p_upper):
    return Difference(value, low, high, se, 2 * min(p_lower, p_upper), p_lower, p_upper, 100, 100, "paired-cluster-t")


def test_direction_turns_the_difference():
    worse = as_drop(difference(-0.02, -0.04, 0.0, 0.01, 0.02, 0.98), higher_is_better=True)
    assert (worse.value, worse.low, worse.high, worse.p_upper, worse.p_lower) == (0.02, 0.0, 0.04, 0.02, 0.98)
    rank = as_drop(difference(-0.02, -0.04, 0.0, 0.01, 0.02, 0.98), higher_is_better=False)
    assert (rank.value, rank.low, rank.high, rank.p_upper, rank.p_lower) == (-0.02, -0.04, 0.0, 0.98, 0.02)
    surely = as_drop(difference(-0.02, None, None, 0.0, 0.02, 0.98), higher_is_better=True)
    assert (surely.low, surely.high) == (0.02, 0.02)


def test_a_value_that_moved_is_never_the_same():
    """Rows of a corpus metric may change where no single unit's own score does."""
    moved = as_drop(difference(0.001, 0.0, 0.002, 0.0005, 0.97, 0.03), higher_is_better=True)
    assert relation(moved, 0, Tails(0.05, 0.05)) == "improved"


numbers = st.floats(-0.5, 0.5)
errors = st.floats(1e-4, 0.2)
found = st.builds(
    lambda value, se, changed: dropped(value, se, float(norm.sf(value / se)), changed),
    numbers,
    errors,
    st.integers(1, 100),
)


@given(found, st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_a_larger_tolerance_never_fails_what_a_smaller_one_passes(one, first, second):
    small, large = sorted((first, second))
    if regression(one, small).outcome == "passed" and small > 0:
        assert regression(one, large).outcome == "passed"
    if regression(one, large).outcome == "violated":
        assert regression(one, small).outcome == "violated"


@pytest.mark.slow
@given(st.lists(found, min_size=1, max_size=6), st.floats(0.001, 0.5))
def test_more_rules_never_make_a_drop_more_significant(several, alpha):
    together = decide_regressions([(check(alpha=alpha), *each) for each in several])
    for each, decision in zip(several, together, strict=True):
        assert decision.p_value >= regression(each, 0.0, alpha).p_value
        if decision.outcome == "violated":
            assert regression(each, 0.0, alpha).outcome == "violated"


@given(found, st.floats(1e-3, 0.5))
def test_what_is_not_inferior_is_no_regression_beyond_the_same_tolerance(one, margin):
    if margin_of(one, margin).outcome == "passed":
        assert regression(one, margin).outcome == "passed"
