"""Judge rules about speed, memory and cost: speed over pairs of runs that took turns on one machine, or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from mmbench.analysis.turns import Ratio, pairs_of, ratio_of
from mmbench.analysis.turns import measured as measured_of
from mmbench.gating.amounts import PerfMetric
from mmbench.gating.decide import decide_limit, exceeds
from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.verdicts import Outcome, ReasonCode, Verdict, Word
from mmbench.results.run import Run
from mmbench.results.schema import Machine, PerfScenario

_TIMED = ("ms", "rate")
"""Kinds of figures that change with what else a machine does."""
_MACHINE = ("cpu", "cpus", "memory_bytes", "accelerator", "platform", "python")
"""All of a machine that can change a speed."""


@dataclass(frozen=True, slots=True)
class _Repeats:
    """What was measured, once for each run."""

    values: list[float]
    measured: list[PerfScenario]
    why: str

    @property
    def middle(self) -> float | None:
        return median(self.values) if self.values else None


@dataclass(frozen=True, slots=True)
class _Beside:
    """What the run is beside its baseline."""

    word: Word
    reason: ReasonCode
    details: Mapping[str, Any]
    p_worse: float | None = None


def judge_speed(check: RuleCheck, perf: PerfMetric, runs: Sequence[Run], baselines: Sequence[Run]) -> Verdict:
    """Judge one rule about speed, memory or cost.

    A repeat is a run: its last session on the task. The calls of one session share everything that makes sessions differ
    (other load, the state of caches, clock rates), so they are no repeats. An ``absolute`` rule holds the median of the runs
    against its limit. A ``regression`` about time is violated when the figure is worse by more than the factor over pairs of
    runs that took turns, and the pairs show that it is worse (`sign_flip_p`): sessions from another day are not exchangeable.
    One about memory or cost, which a day does not change, looks at the medians and a one-sided Mann-Whitney test.
    """
    here, before = _repeats(runs, check.rule.task, perf), _repeats(baselines, check.rule.task, perf)
    pairs = pairs_of(runs, baselines, check.rule.task, perf.name) if perf.kind in _TIMED else []
    ratio = ratio_of(pairs)
    factor = _factor(check, here.middle, before.middle)
    if ratio is not None:
        factor = 1 / ratio.value if check.higher_is_better else ratio.value
    differs = _other_machine(runs, baselines, check.rule.task) or _other_conditions(here, before)
    if perf.kind in _TIMED:
        beside = differs or _in_turns(check, ratio, factor)
    else:
        beside = differs or _in_repeats(check, here, before, factor)
    verdict = _verdict(check, here, before, factor, beside)
    return replace(verdict, baseline=before.middle, value=here.middle, difference=factor, n=len(here.values))


def _verdict(check: RuleCheck, here: _Repeats, before: _Repeats, factor: float | None, beside: _Beside) -> Verdict:
    if here.middle is None:
        return Verdict(check, "missing", "undecided", "not_measured", {"side": "run", "why": here.why})
    if check.rule.policy == "absolute":
        return replace(decide_limit(check, here.middle, before.middle, beside.word), p_value=beside.p_worse)
    if before.middle is None:
        return Verdict(check, "new", "undecided", "not_measured", {"side": "baseline", "why": before.why})
    reason = beside.reason
    outcome: Outcome = "undecided" if beside.word == "not comparable" else "passed"
    if beside.word == "regressed" and factor is not None and exceeds(factor, check.threshold):
        outcome, reason = "violated", "slower"
    return Verdict(check, beside.word, outcome, reason, beside.details, p_value=beside.p_worse)


def _repeats(sides: Sequence[Run], task: str, perf_metric: PerfMetric) -> _Repeats:
    values, measured, why = [], [], "its speed was not measured"
    for side in sides:
        perf = side.tasks[task].perf if task in side.tasks else None
        value = None if perf is None else perf_metric.read(perf)
        quality = None if perf is None else perf.quality
        if quality is None or value is None or not quality.valid:
            why = _why_absent(quality, perf_metric)
            continue
        values.append(value)
        measured.append(quality)
    return _Repeats(values, measured, why)


def _why_absent(perf: PerfScenario | None, perf_metric: PerfMetric) -> str:
    if perf is None:
        return "its speed was not measured"
    figure = perf.figures.get(perf_metric.name)
    missing = figure.reason if figure is not None and figure.reason else f"{perf_metric.name} was not measured"
    return "; ".join(reason.detail for reason in perf.reasons) or missing


def _other_machine(runs: Sequence[Run], baselines: Sequence[Run], task: str) -> _Beside | None:
    """That the runs were made on several machines; None where they were not."""
    machines = [_machine(side, task) for side in [*baselines, *runs]]
    for machine in machines[1:]:
        pairs = {name: (getattr(machines[0], name), getattr(machine, name)) for name in _MACHINE}
        if differs := {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}:
            return _Beside("not comparable", "other_machine", {"machine": differs})
    return None


def _machine(side: Run, task: str) -> Machine:
    """Where the speed of a task was measured."""
    quality = measured_of(side, task)
    return side.record.machine if quality is None or quality.machine is None else quality.machine


def _other_conditions(here: _Repeats, before: _Repeats) -> _Beside | None:
    """That the figures have not the same identity; None where they have."""
    found = [each.identity for each in (*before.measured, *here.measured)]
    for other in found[1:]:
        pairs = [(name, getattr(found[0], name), getattr(other, name)) for name in other.__struct_fields__]
        if differs := [(name, one, two) for name, one, two in pairs if one != two]:
            words = [", ".join(f"{name} {values[place]}" for name, *values in differs) for place in (0, 1)]
            return _Beside("not comparable", "other_conditions", {"conditions": words})
    return None


def _in_turns(check: RuleCheck, ratio: Ratio | None, factor: float | None) -> _Beside:
    """What the run is beside its baseline over pairs of runs that took turns."""
    from mmbench.stats import pairs_needed

    needed = pairs_needed(check.alpha)
    if ratio is None:
        return _Beside("not comparable", "not_interleaved", {"needed": needed})
    if ratio.pairs < needed:
        return _Beside("not comparable", "too_few_pairs", {"pairs": ratio.pairs, "needed": needed})
    p_worse, p_better = ratio.p_larger, ratio.p_smaller
    if check.higher_is_better:
        p_worse, p_better = p_better, p_worse
    return _compared(check, {"repeats": ratio.pairs, "baseline_repeats": ratio.pairs}, p_worse, p_better, factor)


def _in_repeats(check: RuleCheck, here: _Repeats, before: _Repeats, factor: float | None) -> _Beside:
    """The same over repeats that need not take turns."""
    from mmbench.stats import mann_whitney

    alpha, n, m = check.alpha, len(here.values), len(before.values)
    repeats = {"repeats": n, "baseline_repeats": m}
    if not m or 1 / math.comb(n + m, n) > alpha:
        needed = next(k for k in range(2, 1000) if 1 / math.comb(2 * k, k) <= alpha)
        return _Beside("not comparable", "too_few_repeats", {**repeats, "needed": needed})
    p_worse = mann_whitney(here.values, before.values, "greater")
    p_better = mann_whitney(here.values, before.values, "less")
    return _compared(check, repeats, p_worse, p_better, factor)


def _compared(
    check: RuleCheck, repeats: Mapping[str, Any], p_worse: float, p_better: float, factor: float | None
) -> _Beside:
    if p_worse <= check.alpha and factor is not None and factor > 1:
        return _Beside("regressed", "slower_within_factor", repeats, p_worse)
    if p_better <= check.alpha and factor is not None and factor < 1:
        return _Beside("improved", "faster", repeats, p_worse)
    return _Beside("within noise", "no_slower", repeats, p_worse)


def _factor(check: RuleCheck, mine: float | None, theirs: float | None) -> float | None:
    """How many times as slow, or as much, the run is: above 1 is worse."""
    if mine is None or theirs is None or mine <= 0 or theirs <= 0:
        return None
    return theirs / mine if check.higher_is_better else mine / theirs
