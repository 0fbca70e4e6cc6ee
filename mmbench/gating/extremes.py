"""What verdicts would come to if answers that were truncated, unparsed, refused or failed were all wrong, or all right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from mmbench.comparison.differences import MetricDifference
from mmbench.core.score_table import MetricValue
from mmbench.gating.decide import Test, as_drop, decide_limit, decide_margin, decide_regressions
from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.verdicts import Outcome, Verdict

Extreme = Literal["worst", "best"]
"""The run at its worst beside the baseline at its best, or the reverse."""


def against_bounds(
    verdicts: Sequence[Verdict], checks: Sequence[RuleCheck], differences: Sequence[MetricDifference]
) -> list[Verdict]:
    """Verdicts on rules that compare, with what they would come to at the bounds of the difference.

    The same decisions are made again at both extremes, over all rules of the family at once.

    Args:
        verdicts: What `decide_regressions` or `decide_margin` made of the rules.
        checks: The rules.
        differences: What each of them is about.
    """
    if not any(each.bounds for each in differences):
        return list(verdicts)
    pairs = list(zip(checks, differences, strict=True))
    worst, best = (_decided([_at(*pair, extreme) for pair in pairs]) for extreme in ("worst", "best"))
    return [
        replace(verdict, at_bound=None if each.bounds is None else _other(verdict.outcome, low, high))
        for verdict, each, low, high in zip(verdicts, differences, worst, best, strict=True)
    ]


def limit_against_bounds(verdict: Verdict, value: MetricValue) -> Verdict:
    """The verdict on a limit, with the bounds of the run's value and what the rule would come to there."""
    counts = value.n_truncated + value.n_unparsed + value.n_refused + value.n_failed
    if not counts or value.bound_low is None or value.bound_high is None:
        return verdict
    ends = (value.bound_low, value.bound_high)
    low, high = ends if value.higher_is_better else ends[::-1]
    worst, best = (decide_limit(verdict.check, each, None, "new").outcome for each in (low, high))
    other = _other(verdict.outcome, worst, best)
    return replace(verdict, bound_low=value.bound_low, bound_high=value.bound_high, at_bound=other)


def _decided(tests: Sequence[Test]) -> list[Outcome]:
    regressions = [test for test in tests if test[0].rule.policy == "regression"]
    judged = iter(decide_regressions(regressions))
    return [
        next(judged).outcome if test[0].rule.policy == "regression" else decide_margin(*test).outcome for test in tests
    ]


def _at(check: RuleCheck, found: MetricDifference, extreme: Extreme) -> Test:
    """What is tested at an extreme; what was found, where the difference has no bounds."""
    higher = found.higher_is_better
    if found.bounds is None:
        return check, as_drop(found.difference, higher_is_better=higher), found.changed
    if (extreme == "worst") == higher:
        return check, as_drop(found.bounds.low, higher_is_better=higher), found.bounds.changed_low
    return check, as_drop(found.bounds.high, higher_is_better=higher), found.bounds.changed_high


def _other(outcome: Outcome, worst: Outcome, best: Outcome) -> Outcome | None:
    """What a verdict would come to at the extreme that speaks against it; None where it stays, or was undecided."""
    against = worst if outcome == "passed" else best if outcome == "violated" else outcome
    return None if against == outcome else against
