"""From differences and thresholds to verdicts: pure functions of numbers, the ones that the gate's error rates hold for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mmbench.gating.verdicts import Outcome, Word
from mmbench.stats import Difference, holm, minimum_detectable_effect

POWER = 0.8
"""How often a drop of the minimum detectable effect is seen."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A difference turned so that a drop is positive, whichever direction is better."""

    drop: float | None
    """By how much the run is worse, in the metric's natural range; None where undefined."""
    least: float | None
    """Lower end of the 95 % interval of the drop."""
    most: float | None
    """Upper end; the drop itself where its error is 0."""
    se: float | None
    """Standard error."""
    p_drop: float | None
    """One-sided, against the alternative of a drop."""
    p_gain: float | None
    """One-sided, against the alternative of a gain."""
    changed: int
    """Samples whose score is not the same."""
    reason: str | None = None
    """Why something above is None."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What one rule comes to."""

    word: Word
    """What the run is beside its baseline."""
    outcome: Outcome
    """Whether the rule holds."""
    why: str
    """What decided, in words; ``{drop}``, ``{tolerance}`` and ``{smallest}`` stand for amounts of the metric."""
    p_value: float | None = None
    """The adjusted p-value of a drop."""
    smallest: float | None = None
    """The minimum detectable effect at the level that the rule was surely tested at."""


def turned(difference: Difference, *, higher_is_better: bool, changed: int) -> Evidence:
    """A difference (run less baseline) as evidence of a drop."""
    if higher_is_better:
        drop = None if difference.value is None else -difference.value
        least = None if difference.high is None else -difference.high
        most = None if difference.low is None else -difference.low
        p_drop, p_gain = difference.p_lower, difference.p_upper
    else:
        drop, least, most = difference.value, difference.low, difference.high
        p_drop, p_gain = difference.p_upper, difference.p_lower
    if most is None and difference.se == 0:
        least = most = drop
    moved = max(changed, 1) if drop else changed  # of a sum, rows may change where no single unit's own score does
    return Evidence(drop, least, most, difference.se, p_drop, p_gain, moved, difference.reason)


def decide_regressions(tests: Sequence[tuple[Evidence, float, float]]) -> list[Decision]:
    """Judge every ``regression`` rule of a gate together.

    Parameters: `tests`, (evidence, tolerance in the metric's natural range, alpha) of each rule. The p-values of all that
    can be tested are adjusted by Holm, so that the chance of one false alarm or more among them is at most alpha.

    Violated: the drop exceeds the tolerance and its adjusted p-value is at most alpha. Undecided: the tolerance is above 0,
    the interval does not exclude a larger drop, and the minimum detectable effect is larger than the tolerance. With a
    tolerance of 0 the rule asks only whether a drop can be seen at all.
    """
    testable = [number for number, (evidence, _, _) in enumerate(tests) if evidence.p_drop is not None]
    drops = _adjusted([tests[number][0].p_drop for number in testable])
    gains = _adjusted([tests[number][0].p_gain for number in testable])
    p_values = dict(zip(testable, zip(drops, gains, strict=True), strict=True))
    return [
        _regression(evidence, tolerance, alpha, p_values.get(number), len(testable))
        for number, (evidence, tolerance, alpha) in enumerate(tests)
    ]


def _adjusted(p_values: Sequence[float | None]) -> list[float]:
    return holm([1.0 if p is None else p for p in p_values])


def _regression(
    evidence: Evidence, tolerance: float, alpha: float, p_values: tuple[float, float] | None, tests: int
) -> Decision:
    if evidence.drop is not None and not evidence.changed:
        return Decision("same", "passed", "no sample changed", None if p_values is None else p_values[0], 0.0)
    if evidence.drop is None or p_values is None:
        return Decision("inconclusive", "undecided", evidence.reason or "no test is possible")
    p_drop, p_gain = p_values
    smallest = _smallest(evidence, alpha / max(tests, 1))
    if p_drop <= alpha and exceeds(evidence.drop, tolerance):
        than = "more than {tolerance} and significant" if tolerance else "significant"
        return Decision("regressed", "violated", f"a drop of {{drop}}, {than}", p_drop, smallest)
    if tolerance > 0 and not _excludes(evidence, tolerance) and (smallest is None or exceeds(smallest, tolerance)):
        why = "too few samples: a drop below {smallest} can be missed, and {tolerance} is the tolerance"
        return Decision("inconclusive", "undecided", why, p_drop, smallest)
    if p_drop <= alpha:
        return Decision("regressed", "passed", "a significant drop of {drop}, within {tolerance}", p_drop, smallest)
    if p_gain <= alpha:
        return Decision("improved", "passed", "a significant gain", p_drop, smallest)
    why = "no significant drop" if tolerance else "no significant drop; one below {smallest} can be missed"
    return Decision("within noise", "passed", why, p_drop, smallest)


def decide_margin(evidence: Evidence, margin: float, alpha: float) -> Decision:
    """Judge a ``non-inferiority`` rule: it passes only when the 95 % interval excludes a drop beyond the margin.

    Violated: the drop is beyond the margin, and significant at `alpha`; undecided: anything between. No correction for several
    rules is needed: all must pass, so a model that is truly worse in one has a chance of 2.5 % there, however many there are.
    """
    if evidence.drop is not None and not evidence.changed:
        return Decision("same", "passed", "no sample changed", evidence.p_drop, 0.0)
    if evidence.drop is None or evidence.p_drop is None or evidence.p_gain is None:
        return Decision("inconclusive", "undecided", evidence.reason or "no interval is possible")
    smallest = _smallest(evidence, alpha)
    if _excludes(evidence, margin):
        word: Word = (
            "improved" if evidence.p_gain <= alpha else "regressed" if evidence.p_drop <= alpha else "within noise"
        )
        return Decision(word, "passed", "the interval excludes a drop beyond {tolerance}", evidence.p_drop, smallest)
    if evidence.p_drop <= alpha and exceeds(evidence.drop, margin):
        why = "a drop of {drop}, beyond the margin of {tolerance} and significant"
        return Decision("regressed", "violated", why, evidence.p_drop, smallest)
    why = "the interval does not exclude a drop beyond {tolerance}"
    return Decision("inconclusive", "undecided", why, evidence.p_drop, smallest)


def relation(evidence: Evidence, alpha: float) -> Word:
    """What a run is beside its baseline, where no tolerance is asked for: by one test each way, without correction."""
    if evidence.drop is not None and not evidence.changed:
        return "same"
    if evidence.p_drop is None or evidence.p_gain is None:
        return "inconclusive"
    return "regressed" if evidence.p_drop <= alpha else "improved" if evidence.p_gain <= alpha else "within noise"


def decide_limit(value: float, limit: float, before: float | None, beside: Word, *, higher_is_better: bool) -> Decision:
    """Judge an ``absolute`` rule: a floor where higher is better, else a budget; the limit itself is within it.

    Parameters: `value` of the run, `limit`, what the baseline has (None where there is none), and what the run is
    `beside` it.
    """
    holds = _within(value, limit, higher_is_better=higher_is_better)
    held = before is not None and _within(before, limit, higher_is_better=higher_is_better)
    if holds:
        word: Word = "new" if before is None else beside if held else "fixed"
        what = "at or above the floor" if higher_is_better else "within the budget"
        return Decision(
            word, "passed", f"{what} of {{tolerance}}" + ("" if word != "fixed" else ", which the baseline missed")
        )
    word = "new" if before is None else "newly failing" if held else beside
    side = "below the floor" if higher_is_better else "above the budget"
    return Decision(word, "violated", f"{side} of {{tolerance}}")


def exceeds(value: float, limit: float) -> bool:
    """Whether a value is above a limit by more than rounding."""
    return value > limit and not math.isclose(value, limit, rel_tol=1e-9, abs_tol=1e-12)


def _within(value: float, limit: float, *, higher_is_better: bool) -> bool:
    return not exceeds(limit, value) if higher_is_better else not exceeds(value, limit)


def _excludes(evidence: Evidence, tolerance: float) -> bool:
    """Whether the interval excludes a drop beyond the tolerance."""
    return evidence.most is not None and not exceeds(evidence.most, tolerance)


def _smallest(evidence: Evidence, alpha: float) -> float | None:
    if evidence.se is None:
        return None
    return minimum_detectable_effect(evidence.se, alpha=alpha, power=POWER, sides=1)
