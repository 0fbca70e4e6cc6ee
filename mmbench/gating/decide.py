"""From differences and thresholds to verdicts: pure functions, for which the gate's error rates hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.rules import MISSED
from mmbench.gating.verdicts import Outcome, ReasonCode, Tails, Verdict, Word
from mmbench.stats import Difference, holm, minimum_detectable_effect

POWER = 0.8
"""How often a drop of the minimum detectable effect is seen."""

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
        drawn = None if difference.drawn is None else -difference.drawn[::-1]
        difference = replace(
            difference,
            value=value,
            low=low,
            high=high,
            p_lower=p_lower,
            p_upper=p_upper,
            changed=changed,
            drawn=drawn,
        )
    if difference.high is None and difference.se == 0:
        return replace(difference, low=difference.value, high=difference.value)
    return difference


def decide_regressions(tests: Sequence[Test]) -> list[Verdict]:
    """Judge every ``regression`` rule of a gate together.

    The p-values of all rules that can be tested are adjusted by Holm, so that the chance of one false alarm or more among
    them is at most alpha.

    The hypothesis that is tested is a drop of the tolerance, not of 0. A rule is violated when the adjusted p-value against it is at
    most alpha. Both ends of a rule's interval are at the level that Holm's procedure tests it at: alpha over the number of rules that
    are not rejected before it. So a rule is violated exactly where the interval lies beyond the tolerance, and ``improved`` or
    ``regressed`` where it excludes 0. With a tolerance above 0 a rule is undecided when the interval does not exclude a larger drop and either the drop
    that was seen is larger or the minimum detectable effect is; and when nothing changed among so few clusters that a larger drop
    may have been missed. With a tolerance of 0 the rule asks only whether a drop can be seen at all; it is undecided where not
    even the largest drop that there can be would be.
    """
    testable = [number for number, (_, drop, _) in enumerate(tests) if drop.p_upper is not None]
    drops = [(tests[number][1], tests[number][0].threshold) for number in testable]
    against = [_p_beyond(drop, tolerance, _known(drop.p_upper)) for drop, tolerance in drops]
    p_values = dict(zip(testable, holm(against), strict=True))
    levels = {
        number: _step_level(against, p_value, tests[number][0].alpha)
        for number, p_value in zip(testable, against, strict=True)
    }
    return [
        _regression(*test, p_values.get(number), levels.get(number, test[0].alpha), len(testable))
        for number, test in enumerate(tests)
    ]


def _step_level(p_values: Sequence[float], p_value: float, alpha: float) -> float:
    """The level that Holm's procedure tests one of several p-values at: alpha over those that are not rejected before it.

    For what is not rejected that is the level at which the procedure stops, so a p-value is at most its level exactly where Holm's
    procedure rejects it.
    """
    rejected = sum(each <= alpha for each in holm(p_values))
    before = sum(each < p_value for each in p_values)
    return alpha / max(len(p_values) - min(before, rejected), 1)


def _regression(
    check: RuleCheck, drop: Difference, changed: int, p_drop: float | None, level: float, tests: int
) -> Verdict:
    tolerance, alpha = check.threshold, check.alpha
    if _is_unchanged(drop, changed):
        return _unchanged(check, drop, p_drop, Tails(level, level))
    if drop.value is None or p_drop is None:
        return Verdict(check, "inconclusive", "undecided", "untestable", {"why": drop.reason or "no test is possible"})
    _, high = _ends(check, drop, Tails(level, level))
    gained = _known(drop.p_lower) <= level
    smallest = _smallest(drop, alpha / max(tests, 1))
    blind = bool(
        check.width and smallest is not None and smallest > check.width
    )  # no drop that there can be would be seen
    end: tuple[Word, Outcome, ReasonCode] = "within noise", "passed", "no_drop" if tolerance else "no_drop_seen"
    if p_drop <= alpha and exceeds(drop.value, tolerance):
        end = "regressed", "violated", "drop_beyond_tolerance" if tolerance else "drop"
    elif blind and not gained:
        details = {"clusters": drop.n_clusters, "span": check.width}
        return Verdict(
            check, "inconclusive", "undecided", "no_drop_detectable", details, tails=Tails(level, level), p_value=p_drop
        )
    elif tolerance > 0 and not _excludes(high, tolerance) and (smallest is None or exceeds(smallest, tolerance)):
        end = "inconclusive", "undecided", "too_few_samples"
    elif tolerance > 0 and exceeds(drop.value, tolerance):
        end = "inconclusive", "undecided", "margin_not_excluded"
    elif tolerance > 0 and drop.p_upper is not None and drop.p_upper <= level:
        end = "regressed", "passed", "drop_within_tolerance"
    elif gained:
        end = "improved", "passed", "gain"
    return Verdict(check, *end, tails=Tails(level, level), p_value=p_drop, smallest=None if blind else smallest)


def decide_margin(check: RuleCheck, drop: Difference, changed: int) -> Verdict:
    """Judge a ``non-inferiority`` rule: it passes only when the 95 % interval excludes a drop beyond the margin.

    It is violated when the interval lies beyond the margin, and undecided for anything between. Where a ledger counts pushes, the end
    that a violation rests on is at the level of the push. No correction for several rules is needed: all must pass, so a model that is truly worse in one has a chance of 2.5 % there, however many
    there are.
    """
    margin, tails = check.threshold, Tails(check.alpha, MISSED)
    if _is_unchanged(drop, changed):
        return _unchanged(check, drop, drop.p_upper, tails)
    if drop.value is None or drop.p_upper is None or drop.p_lower is None:
        return Verdict(
            check, "inconclusive", "undecided", "untestable", {"why": drop.reason or "no interval is possible"}
        )
    end: tuple[Word, Outcome, ReasonCode] = "inconclusive", "undecided", "margin_not_excluded"
    _, high = _ends(check, drop, tails)
    if _excludes(high, margin):
        end = relation(drop, changed, tails), "passed", "margin_excluded"
    elif _p_beyond(drop, margin, drop.p_upper) <= tails.drop and exceeds(drop.value, margin):
        end = "regressed", "violated", "drop_beyond_margin"
    smallest = _smallest(drop, tails.drop)
    blind = bool(check.width and smallest is not None and smallest > check.width)
    return Verdict(check, *end, tails=tails, p_value=drop.p_upper, smallest=None if blind else smallest)


def interval(verdict: Verdict, drop: Difference) -> tuple[float | None, float | None]:
    """The interval of a drop that agrees with a verdict on it: that of the tests, at their levels.

    Where a tolerance is asked for and no sample changed, it reaches as far as the bound that decides.

    Args:
        verdict: What `decide_regressions`, `decide_margin` or `relation` made of the drop.
        drop: The drop, turned by `as_drop`.

    Returns:
        The smallest and the largest drop that are not excluded; None where an end is not known.
    """
    check = verdict.check
    if verdict.tails is None or drop.reason is not None:
        return None, None
    if verdict.reason in ("unchanged", "unchanged_too_few") and check.threshold > 0 and check.width:
        bound = _unseen(check, drop)
        return -bound, bound
    return _ends(check, drop, verdict.tails)


def _ends(check: RuleCheck, drop: Difference, tails: Tails) -> tuple[float | None, float | None]:
    """The smallest and the largest drop that tests at these levels leave, within the range of differences."""
    found = drop.ends(*tails)
    if found is None or drop.value is None:
        return drop.low, drop.high
    if check.width:
        span = max(check.width, abs(drop.value))
        found = max(found[0], -span), min(found[1], span)
    low, high = (each if math.isfinite(each) else None for each in found)
    return low, high


def _unseen(check: RuleCheck, drop: Difference) -> float:
    """The largest drop that would leave no sample changed in any cluster more often than `MISSED`."""
    return check.width * (1 - math.pow(MISSED, 1 / max(drop.n_clusters, 1)))


def _unchanged(check: RuleCheck, drop: Difference, p_value: float | None, tails: Tails) -> Verdict:
    """No sample changed: proof of no drop at all only where the tolerance is 0, else a bound on the drop.

    Where none of G clusters changed, a drop of more than 1 - 0.025 ** (1 / G) of the range would have been seen with 97.5 %.
    A range without an end gives no such bound; no change passes there.
    """
    bound = _unseen(check, drop)
    tails = Tails(MISSED, MISSED) if check.threshold > 0 else tails
    if check.threshold > 0 and exceeds(bound, check.threshold):
        details = {"clusters": drop.n_clusters, "bound": bound}
        return Verdict(
            check,
            "inconclusive",
            "undecided",
            "unchanged_too_few",
            details,
            tails=tails,
            p_value=p_value,
            smallest=bound,
        )
    return Verdict(check, "same", "passed", "unchanged", tails=tails, p_value=p_value, smallest=0.0)


def _known(p_value: float | None) -> float:
    return 1.0 if p_value is None else p_value


def _p_beyond(drop: Difference, tolerance: float, p_any: float) -> float:
    """The one-sided p-value against a drop of the tolerance, given that against no drop."""
    if not tolerance:
        return p_any
    tails = drop.tails(tolerance)
    if tails is not None:
        return tails[1]
    beyond = drop.low is not None and exceeds(drop.low, tolerance)  # all clusters differ by the same amount
    return p_any if beyond else 1.0


def relation(drop: Difference, changed: int, tails: Tails) -> Word:
    """What a run is beside its baseline where no tolerance is asked for: by one test each way, each at its level."""
    if _is_unchanged(drop, changed):
        return "same"
    if drop.p_upper is None or drop.p_lower is None:
        return "inconclusive"
    return "regressed" if drop.p_upper <= tails.drop else "improved" if drop.p_lower <= tails.gain else "within noise"


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


def _excludes(high: float | None, tolerance: float) -> bool:
    """Whether an interval that ends there excludes a drop beyond the tolerance."""
    return high is not None and not exceeds(high, tolerance)


def _smallest(drop: Difference, alpha: float) -> float | None:
    if drop.se is None:
        return None
    return minimum_detectable_effect(drop.se, alpha=alpha, power=POWER, sides=1, df=drop.df)
