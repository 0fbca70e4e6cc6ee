"""From differences and thresholds to verdicts: pure functions, for which the gate's error rates hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.verdicts import Outcome, ReasonCode, Verdict, Word
from mmbench.stats import Difference, holm, minimum_detectable_effect

POWER = 0.8
"""How often a drop of the minimum detectable effect is seen."""

MISSED = 0.025
"""How often a drop beyond the bound would leave no sample changed."""

Test = tuple[RuleCheck, Difference, int]
"""A rule, its difference turned by `as_drop`, and the number of samples whose score changed."""


def as_drop(difference: Difference, *, higher_is_better: bool) -> Difference:
    """Turn a difference (run less baseline) so that a positive value is a drop, whichever direction is better.

    Returns:
        The drop; `p_upper` tests for a drop, and `p_lower` for a gain. An interval of no width stands where the standard
        error is 0.
    """
    if higher_is_better:
        value, low, high = (
            None if each is None else -each for each in (difference.value, difference.high, difference.low)
        )
        p_lower, p_upper = difference.p_upper, difference.p_lower
        changed = difference.changed and difference.changed[::-1]
        difference = replace(
            difference, value=value, low=low, high=high, p_lower=p_lower, p_upper=p_upper, changed=changed
        )
    if difference.high is None and difference.se == 0:
        return replace(difference, low=difference.value, high=difference.value)
    return difference


def decide_regressions(tests: Sequence[Test]) -> list[Verdict]:
    """Judge every ``regression`` rule of a gate together.

    The p-values of all rules that can be tested are adjusted by Holm, so that the chance of one false alarm or more among
    them is at most alpha.

    The hypothesis that is tested is a drop of the tolerance, not of 0. A rule is violated when the adjusted p-value against it is at
    most alpha. With a tolerance above 0 it is undecided when the interval does not exclude a larger drop and either the drop
    that was seen is larger or the minimum detectable effect is; and when nothing changed among so few clusters that a larger drop
    may have been missed. With a tolerance of 0 the rule asks only whether a drop can be seen at all; it is undecided where not
    even the largest drop that there can be would be.
    """
    testable = [number for number, (_, drop, _) in enumerate(tests) if drop.p_upper is not None]
    drops = [(tests[number][1], tests[number][0].threshold) for number in testable]
    against = [_p_beyond(drop, tolerance, _known(drop.p_upper)) for drop, tolerance in drops]
    adjusted = [holm(against), holm([_known(drop.p_lower) for drop, _ in drops])]
    p_values = dict(zip(testable, zip(*adjusted, strict=True), strict=True))
    return [_regression(*test, p_values.get(number), len(testable)) for number, test in enumerate(tests)]


def _regression(
    check: RuleCheck, drop: Difference, changed: int, p_values: tuple[float, float] | None, tests: int
) -> Verdict:
    tolerance, alpha = check.threshold, check.alpha
    if _is_unchanged(drop, changed):
        return _unchanged(check, drop, p_values and p_values[0])
    if drop.value is None or p_values is None:
        return Verdict(check, "inconclusive", "undecided", "untestable", {"why": drop.reason or "no test is possible"})
    p_drop, p_gain = p_values
    smallest = _smallest(drop, alpha / max(tests, 1))
    blind = bool(
        check.width and smallest is not None and smallest > check.width
    )  # no drop that there can be would be seen
    end: tuple[Word, Outcome, ReasonCode] = "within noise", "passed", "no_drop" if tolerance else "no_drop_seen"
    if p_drop <= alpha and exceeds(drop.value, tolerance):
        end = "regressed", "violated", "drop_beyond_tolerance" if tolerance else "drop"
    elif blind and p_gain > alpha:
        details = {"clusters": drop.n_clusters, "span": check.width}
        return Verdict(check, "inconclusive", "undecided", "no_drop_detectable", details, p_value=p_drop)
    elif tolerance > 0 and not _excludes(drop, tolerance) and (smallest is None or exceeds(smallest, tolerance)):
        end = "inconclusive", "undecided", "too_few_samples"
    elif tolerance > 0 and exceeds(drop.value, tolerance):
        end = "inconclusive", "undecided", "margin_not_excluded"
    elif tolerance > 0 and drop.p_upper is not None and drop.p_upper <= alpha:
        end = "regressed", "passed", "drop_within_tolerance"
    elif p_gain <= alpha:
        end = "improved", "passed", "gain"
    return Verdict(check, *end, p_value=p_drop, smallest=None if blind else smallest)


def decide_margin(check: RuleCheck, drop: Difference, changed: int) -> Verdict:
    """Judge a ``non-inferiority`` rule: it passes only when the 95 % interval excludes a drop beyond the margin.

    It is violated when the drop is beyond the margin and significant, and undecided for anything between. No correction for
    several rules is needed: all must pass, so a model that is truly worse in one has a chance of 2.5 % there, however many
    there are.
    """
    margin, alpha = check.threshold, check.alpha
    if _is_unchanged(drop, changed):
        return _unchanged(check, drop, drop.p_upper)
    if drop.value is None or drop.p_upper is None or drop.p_lower is None:
        return Verdict(
            check, "inconclusive", "undecided", "untestable", {"why": drop.reason or "no interval is possible"}
        )
    end: tuple[Word, Outcome, ReasonCode] = "inconclusive", "undecided", "margin_not_excluded"
    if _excludes(drop, margin):
        end = relation(drop, changed, alpha), "passed", "margin_excluded"
    elif _p_beyond(drop, margin, drop.p_upper) <= alpha and exceeds(drop.value, margin):
        end = "regressed", "violated", "drop_beyond_margin"
    smallest = _smallest(drop, alpha)
    blind = bool(check.width and smallest is not None and smallest > check.width)
    return Verdict(check, *end, p_value=drop.p_upper, smallest=None if blind else smallest)


def _unchanged(check: RuleCheck, drop: Difference, p_value: float | None) -> Verdict:
    """No sample changed: proof of no drop at all only where the tolerance is 0, else a bound on the drop.

    Where none of G clusters changed, a drop of more than 1 - 0.025 ** (1 / G) of the range would have been seen with 97.5 %.
    A range without an end gives no such bound; no change passes there.
    """
    bound = check.width * (1 - MISSED ** (1 / max(drop.n_clusters, 1)))
    if check.threshold > 0 and exceeds(bound, check.threshold):
        details = {"clusters": drop.n_clusters, "bound": bound}
        return Verdict(
            check, "inconclusive", "undecided", "unchanged_too_few", details, p_value=p_value, smallest=bound
        )
    return Verdict(check, "same", "passed", "unchanged", p_value=p_value, smallest=0.0)


def _known(p_value: float | None) -> float:
    return 1.0 if p_value is None else p_value


def _p_beyond(drop: Difference, tolerance: float, p_any: float) -> float:
    """The one-sided p-value against a drop of the tolerance, given that against no drop."""
    if not tolerance:
        return p_any
    tails = drop.tails(tolerance)
    if tails is not None:
        return tails[1]
    beyond = drop.low is not None and exceeds(drop.low, tolerance)  # of a bootstrap only its interval is known
    return p_any if beyond else 1.0


def relation(drop: Difference, changed: int, alpha: float) -> Word:
    """What a run is beside its baseline where no tolerance is asked for: by one test each way, without correction."""
    if _is_unchanged(drop, changed):
        return "same"
    if drop.p_upper is None or drop.p_lower is None:
        return "inconclusive"
    return "regressed" if drop.p_upper <= alpha else "improved" if drop.p_lower <= alpha else "within noise"


def decide_limit(check: RuleCheck, value: float, before: float | None, beside: Word) -> Verdict:
    """Judge an ``absolute`` rule: a floor where higher is better, else a budget; the limit itself is within it.

    Args:
        check: The rule; its threshold is the limit.
        value: The run's value.
        before: The baseline's value; None where there is none.
        beside: What the run is beside its baseline.
    """
    held = before is not None and _within(before, check)
    if _within(value, check):
        return Verdict(check, "new" if before is None else beside if held else "fixed", "passed", "limit_kept")
    word: Word = "new" if before is None else "newly failing" if held else beside
    return Verdict(check, word, "violated", "limit_missed")


def exceeds(value: float, limit: float) -> bool:
    """Whether a value is above a limit by more than rounding."""
    return value > limit and not math.isclose(value, limit, rel_tol=1e-9, abs_tol=1e-12)


def _within(value: float, check: RuleCheck) -> bool:
    return not exceeds(*((check.threshold, value) if check.higher_is_better else (value, check.threshold)))


def _is_unchanged(drop: Difference, changed: int) -> bool:
    # Of a corpus metric the value may move although no single sample's own score does.
    return drop.value == 0 and not changed


def _excludes(drop: Difference, tolerance: float) -> bool:
    """Whether the interval excludes a drop beyond the tolerance."""
    return drop.high is not None and not exceeds(drop.high, tolerance)


def _smallest(drop: Difference, alpha: float) -> float | None:
    if drop.se is None:
        return None
    return minimum_detectable_effect(drop.se, alpha=alpha, power=POWER, sides=1, df=drop.df)
