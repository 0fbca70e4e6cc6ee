"""The interval beside a verdict is the one of its test, whatever the scores, the rules beside it and the push."""

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, t
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.cli.main import main
from mmbench.comparison.paired_metric import paired, unit_changes
from mmbench.gating.amounts import Amount
from mmbench.gating.decide import as_drop, decide_margin, decide_regressions, exceeds, interval
from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.rules import Rule
from mmbench.metrics import mean_metric, median_metric
from mmbench.stats import paired_mean_difference

UNBOUNDED = mean_metric("loss", "sample", "loss", higher_is_better=False, bounds=(0.0, None))
METRICS = (ACCURACY, UNBOUNDED, median_metric("rank", "sample", "rank", higher_is_better=False, bounds=(0.0, None)))
EPSILON = 1e-6
"""How close to a limit rounding decides."""


def check(metric, policy, tolerance, alpha, share):
    width = 1.0 if metric is ACCURACY else 0.0
    rule = Rule("a/b", str(metric.id), policy, Amount(tolerance, "points", "?"), alpha)
    return RuleCheck(rule, None, metric.higher_is_better, 1.0, tolerance, width, share=share)


def drawn(seed, kind):
    """A random metric with the drop of one model beside another, and the number of scores that changed."""
    generator = np.random.default_rng(seed)
    n, shift = int(generator.integers(4, 80)), generator.choice([0.0, 0.1, 0.3, -0.3])
    clusters = generator.integers(0, n // 3, n) if generator.random() < 0.5 else np.arange(n)
    if kind == 0:
        a = generator.random(n) < 0.7
        b = np.where(generator.random(n) < generator.choice([0.0, 0.1, 0.4]), generator.random(n) < 0.7 - shift, a)
    else:
        a = np.round(4 * generator.random(n), 1)
        b = a + np.round(shift + generator.normal(0, 0.3, n), 1)
    rows = [np.stack([each, np.ones(n)], 1).astype(float)[:, : 1 if kind == 2 else 2] for each in (a, b)]
    metric = METRICS[kind]
    difference = paired(metric, *rows, clusters, resamples=400)
    changed = int(np.count_nonzero(unit_changes(metric, *rows)))
    return metric, as_drop(difference, higher_is_better=metric.higher_is_better), changed


rules = st.tuples(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2),
    st.sampled_from([0.0, 0.01, 0.05, 0.2]),
    st.sampled_from([0.01, 0.05, 0.1]),
)


def near(end, limit):
    return end is not None and abs(end - limit) < EPSILON


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(rules, min_size=1, max_size=6), st.sampled_from([1.0, 0.6, 0.02]))
def test_a_regression_rule_says_what_its_interval_says(given_rules, share):
    """Holm's procedure, alphas of their own, tolerances, and a ledger's share."""
    tests = []
    for seed, kind, tolerance, alpha in given_rules:
        metric, drop, changed = drawn(seed, kind)
        tests.append((check(metric, "regression", tolerance, alpha, share), drop, changed))
    for (rule, drop, _), verdict in zip(tests, decide_regressions(tests), strict=True):
        low, high = interval(verdict, drop)
        if low is None or high is None or near(low, rule.threshold) or near(low, 0) or near(high, 0):
            continue
        assert low <= drop.value <= high
        assert (verdict.outcome == "violated") == exceeds(low, rule.threshold)
        if verdict.word == "regressed":
            assert low > 0
        if verdict.word == "improved":
            assert high < 0
        if verdict.word in ("within noise", "same"):
            assert low < 0 < high
        if verdict.reason == "too_few_samples":
            assert high > rule.threshold - EPSILON
        assert verdict.tails.drop == verdict.tails.gain <= max(rule.rule.alpha, 0.025)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(rules.filter(lambda each: each[2] > 0), st.sampled_from([1.0, 0.6, 0.02]))
def test_a_non_inferiority_rule_says_what_its_interval_says(given_rule, share):
    seed, kind, margin, _ = given_rule
    metric, drop, changed = drawn(seed, kind)
    rule = check(metric, "non-inferiority", margin, 0.05, share)
    verdict = decide_margin(rule, drop, changed)
    low, high = interval(verdict, drop)
    if low is None or high is None or near(low, margin) or near(high, margin) or near(low, 0) or near(high, 0):
        return
    assert (verdict.outcome == "passed") == (high < margin)
    assert (verdict.outcome == "violated") == (low > margin)
    assert verdict.word != "improved" or high < 0
    assert verdict.word != "regressed" or low > 0


def test_the_ends_are_those_of_students_t_at_the_level_of_holms_step():
    """Three rules at 5 %: the first is tested at 5 % / 3, the two that stay at 5 % / 2."""
    generator = np.random.default_rng(1)
    a = generator.random((3, 40))
    b = a + generator.normal(0, 0.2, (3, 40)) + np.array([[0.3], [0.03], [0.0]])
    drops = [paired_mean_difference(*each, np.arange(40)) for each in zip(a, b, strict=True)]
    rule = check(UNBOUNDED, "regression", 0.0, 0.05, 1.0)
    verdicts = decide_regressions([(rule, drop, 40) for drop in drops])
    assert [verdict.outcome for verdict in verdicts] == ["violated", "passed", "passed"]
    for verdict, drop, one, other, alpha in zip(verdicts, drops, a, b, (0.05 / 3, 0.025, 0.025), strict=True):
        change = other - one
        expected = t.interval(1 - 2 * alpha, 39, change.mean(), change.std(ddof=1) / 40**0.5)
        assert interval(verdict, drop) == pytest.approx(expected, rel=1e-9)
        assert verdict.tails == pytest.approx((alpha, alpha))
        assert verdict.tails.level == pytest.approx(1 - 2 * alpha)


@pytest.mark.parametrize("tail", [0.0005, 0.01, 0.024, 0.05, 0.3])
def test_ends_and_tests_of_a_bootstrap_are_of_the_same_resamples(tail):
    """The end is where the p-value, counted out, crosses the level; where it never does, there is no end."""
    generator = np.random.default_rng(2)
    rows = [np.round(generator.random((60, 1)), 2) for _ in range(2)]
    difference = paired(METRICS[2], *rows, np.arange(60), resamples=400)
    low, high = difference.ends(tail, tail)
    if tail < 1 / 401:
        assert (low, high) == (-np.inf, np.inf)
        return
    assert (1 + (difference.drawn <= low - EPSILON).sum()) / 401 <= tail
    assert (1 + (difference.drawn <= low + EPSILON).sum()) / 401 > tail
    assert (1 + (difference.drawn >= high + EPSILON).sum()) / 401 <= tail
    assert (1 + (difference.drawn >= high - EPSILON).sum()) / 401 > tail
    few = replace(difference, n_clusters=2)
    assert np.isinf(few.ends(0.2, 0.2)).all()  # the signs of two clusters prove nothing at 20 %


def test_no_change_ends_at_the_bound_that_decides():
    """2.5 % is the chance that 100 clusters hide a drop of 3.6 %."""
    scores = np.array([1.0] * 70 + [0.0] * 30)
    drop = as_drop(paired_mean_difference(scores, scores, np.arange(100)), higher_is_better=True)
    for margin, outcome in ((0.0363, "passed"), (0.0361, "undecided")):
        for policy, decided in (
            ("regression", lambda rule: decide_regressions([(rule, drop, 0)])[0]),
            ("non-inferiority", lambda rule: decide_margin(rule, drop, 0)),
        ):
            verdict = decided(check(ACCURACY, policy, margin, 0.05, 1.0))
            low, high = interval(verdict, drop)
            assert (1 - high) ** 100 == pytest.approx(0.025)
            assert (verdict.outcome, low, verdict.tails.level) == (outcome, -high, pytest.approx(0.95))


def test_a_drop_between_the_one_and_the_two_sided_level_excludes_0_in_every_rendering(tmp_path, capsys):
    """14 answers lost and 6 won: z = 8 / √20 = 1.79, so p = 3.7 % for a drop, and 7.4 % two-sided."""
    before = [1.0] * 14 + [0.0] * 6 + [1.0] * 80
    after = [0.0] * 14 + [1.0] * 6 + [1.0] * 80
    for name, scores in (("before", before), ("after", after)):
        write_run(tmp_path, name, {TASK: [score_table(scores)]}, (ACCURACY,))
    asked = ["gate", "after", "--baseline", "before", "--out", str(tmp_path)]
    files = ["--junit", str(tmp_path / "gate.xml"), "--summary", str(tmp_path / "gate.md")]
    assert main([*asked, *files]) == 1
    table = capsys.readouterr().out
    assert main([*asked, "--json"]) == 1
    (verdict,) = json.loads(capsys.readouterr().out)["verdicts"]
    assert verdict["p_value"] == pytest.approx(norm.sf(8 / 20**0.5))
    assert verdict["verdict"] == "regressed"
    assert verdict["low"] < verdict["difference"] < verdict["high"] < 0
    assert verdict["level"] == pytest.approx(0.9)
    assert (verdict["tail_drop"], verdict["tail_gain"]) == (0.05, 0.05)
    facts = ET.parse(tmp_path / "gate.xml").find(".//failure").text.splitlines()
    assert f"level: {verdict['level']}" in facts
    for text in (table, (tmp_path / "gate.md").read_text()):
        assert "90 %" in text
        assert "level" in text
    for name in ("csv", "tex", "html"):
        assert main([*asked, "--format", name]) == 1
        assert "level" in capsys.readouterr().out
