"""Rules about speed, memory and cost: over repeats on one machine, or not at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mmbench.gating.decide import decide_limit, exceeds
from mmbench.gating.figures import Figure, machine_differences, why_absent
from mmbench.gating.resolve import Target
from mmbench.gating.verdicts import Outcome, Verdict, Word
from mmbench.results.run import Run


@dataclass(frozen=True, slots=True)
class _Measured:
    """The repeats of a figure: one a run."""

    values: list[float]
    batch_sizes: set[int]
    why: str

    @property
    def middle(self) -> float | None:
        return median(self.values) if self.values else None


def _measured(sides: Sequence[Run], task: str, figure: Figure) -> _Measured:
    values, sizes, why = [], set(), "its speed was not measured"
    for side in sides:
        perf = side.tasks[task].perf if task in side.tasks else None
        value = None if perf is None else figure.read(perf)
        if perf is None or value is None or not perf.valid:
            why = why_absent(perf, figure)
            continue
        values.append(value)
        sizes.add(perf.batch_size)
    return _Measured(values, sizes, why)


def judge_figure(target: Target, figure: Figure, runs: Sequence[Run], baselines: Sequence[Run]) -> Verdict:
    """Judge one rule about a figure.

    A repeat is a run: its last session on the task. The calls of one session share everything that makes sessions differ
    (other load, the state of caches, clock rates), so they are no repeats. An ``absolute`` rule holds the median of the runs
    against its limit; a ``regression`` is violated when the median is worse by more than the factor and a one-sided
    Mann-Whitney test over the repeats is significant.
    """
    here, before = _measured(runs, target.rule.task, figure), _measured(baselines, target.rule.task, figure)
    value = here.middle
    if value is None:
        return _verdict(target, figure, ("missing", "undecided"), f"no valid {figure.name}: {here.why}", before, here)
    if target.rule.policy == "absolute":
        beside, _, p_value = _relation(target, figure, here, before, _differences(runs, baselines, here, before))
        found = decide_limit(value, target.threshold, before.middle, beside, higher_is_better=figure.higher_is_better)
        limit = target.rule.amount.text if target.rule.amount else ""
        why = found.why.replace("{tolerance}", limit)
        return _verdict(target, figure, (found.word, found.outcome), why, before, here, p_value=p_value)
    return _regression(target, figure, here, before, _differences(runs, baselines, here, before))


def _regression(target: Target, figure: Figure, here: _Measured, before: _Measured, differs: str | None) -> Verdict:
    if before.middle is None:
        why = f"the baseline has no valid {figure.name}: {before.why}"
        return _verdict(target, figure, ("new", "undecided"), why, before, here)
    beside, why, p_value = _relation(target, figure, here, before, differs)
    outcome: Outcome = "undecided" if beside == "not comparable" else "passed"
    factor = _factor(figure, here, before)
    if beside == "regressed" and factor is not None and exceeds(factor, target.threshold):
        outcome = "violated"
        why = f"{factor:.3g} times as much or as slow, more than {target.threshold:g}, and significant"
    elif beside == "regressed":
        why = f"significantly worse, but within a factor of {target.threshold:g}"
    return _verdict(target, figure, (beside, outcome), why, before, here, p_value=p_value)


def _differences(runs: Sequence[Run], baselines: Sequence[Run], here: _Measured, before: _Measured) -> str | None:
    """Why the repeats were not made under the same conditions; None where they were."""
    machines = [side.record.machine for side in [*baselines, *runs]]
    for machine in machines[1:]:
        if differs := machine_differences(machines[0], machine):
            return f"another machine: {'; '.join(differs)}"
    sizes = here.batch_sizes | before.batch_sizes
    return f"other batch sizes: {', '.join(map(str, sorted(sizes)))}" if len(sizes) > 1 else None


def _relation(
    target: Target, figure: Figure, here: _Measured, before: _Measured, differs: str | None
) -> tuple[Word, str, float | None]:
    """What the run is beside the baseline, why, and the one-sided p-value of its being worse."""
    from mmbench.stats import mann_whitney

    if differs is not None:
        return "not comparable", differs, None
    alpha, n, m = target.rule.alpha, len(here.values), len(before.values)
    if not m or 1 / math.comb(n + m, n) > alpha:
        each = next(k for k in range(2, 1000) if 1 / math.comb(2 * k, k) <= alpha)
        why = (
            f"{n} and {m} repeats can show nothing at alpha {alpha:g}: give RUN and --baseline {each} times each, runs of the "
            "same model in sessions of their own"
        )
        return "not comparable", why, None
    p_above, p_below = (
        mann_whitney(here.values, before.values, "greater"),
        mann_whitney(here.values, before.values, "less"),
    )
    p_worse, p_better = (p_below, p_above) if figure.higher_is_better else (p_above, p_below)
    factor = _factor(figure, here, before)
    if p_worse <= alpha and factor is not None and factor > 1:
        return "regressed", "significantly worse", p_worse
    if p_better <= alpha and factor is not None and factor < 1:
        return "improved", "significantly better", p_worse
    return "within noise", f"no significant difference over {n} and {m} repeats", p_worse


def _factor(figure: Figure, here: _Measured, before: _Measured) -> float | None:
    """How many times as slow, or as much, the run is: above 1 is worse."""
    mine, theirs = here.middle, before.middle
    if mine is None or theirs is None or mine <= 0 or theirs <= 0:
        return None
    return theirs / mine if figure.higher_is_better else mine / theirs


def _verdict(
    target: Target,
    figure: Figure,
    end: tuple[Word, Outcome],
    reason: str,
    before: _Measured,
    here: _Measured,
    *,
    p_value: float | None = None,
) -> Verdict:
    return Verdict(
        rule=target.rule,
        word=end[0],
        outcome=end[1],
        reason=reason,
        baseline=before.middle,
        value=here.middle,
        difference=_factor(figure, here, before),
        p_value=p_value,
        n=len(here.values),
        scale=1.0,
        unit=figure.unit,
    )
