"""Judge rules about speed, memory and cost: over repeats on one machine, or not at all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from mmbench.gating.amounts import PerfMetric
from mmbench.gating.decide import decide_limit, exceeds
from mmbench.gating.preconditions import RuleCheck
from mmbench.gating.verdicts import Outcome, ReasonCode, Verdict, Word
from mmbench.results.run import Run
from mmbench.results.schema import PerfScenario

_MACHINE = ("cpu", "cpus", "memory_bytes", "accelerator", "platform", "python")
"""All of a machine that can change a speed."""


@dataclass(frozen=True, slots=True)
class _Repeats:
    """What was measured, once for each run."""

    values: list[float]
    batch_sizes: set[int]
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
    against its limit; a ``regression`` is violated when the median is worse by more than the factor and a one-sided
    Mann-Whitney test over the repeats is significant.
    """
    here, before = _repeats(runs, check.rule.task, perf), _repeats(baselines, check.rule.task, perf)
    factor = _factor(check, here.middle, before.middle)
    verdict = _verdict(check, here, before, factor, _differences(runs, baselines, here, before))
    return replace(verdict, baseline=before.middle, value=here.middle, difference=factor, n=len(here.values))


def _verdict(
    check: RuleCheck, here: _Repeats, before: _Repeats, factor: float | None, differs: _Beside | None
) -> Verdict:
    if here.middle is None:
        return Verdict(check, "missing", "undecided", "not_measured", {"side": "run", "why": here.why})
    if check.rule.policy == "absolute":
        beside = differs or _beside(check, here, before, factor)
        return replace(decide_limit(check, here.middle, before.middle, beside.word), p_value=beside.p_worse)
    if before.middle is None:
        return Verdict(check, "new", "undecided", "not_measured", {"side": "baseline", "why": before.why})
    beside = differs or _beside(check, here, before, factor)
    reason = beside.reason
    outcome: Outcome = "undecided" if beside.word == "not comparable" else "passed"
    if beside.word == "regressed" and factor is not None and exceeds(factor, check.threshold):
        outcome, reason = "violated", "slower"
    return Verdict(check, beside.word, outcome, reason, beside.details, p_value=beside.p_worse)


def _repeats(sides: Sequence[Run], task: str, perf_metric: PerfMetric) -> _Repeats:
    values, sizes, why = [], set(), "its speed was not measured"
    for side in sides:
        perf = side.tasks[task].perf if task in side.tasks else None
        value = None if perf is None else perf_metric.read(perf)
        quality = None if perf is None else perf.quality
        if quality is None or value is None or not quality.valid:
            why = _why_absent(quality, perf_metric)
            continue
        values.append(value)
        sizes.add(quality.identity.batch_size or 0)
    return _Repeats(values, sizes, why)


def _why_absent(perf: PerfScenario | None, perf_metric: PerfMetric) -> str:
    if perf is None:
        return "its speed was not measured"
    figure = perf.figures.get(perf_metric.name)
    missing = figure.reason if figure is not None and figure.reason else f"{perf_metric.name} was not measured"
    return "; ".join(reason.detail for reason in perf.reasons) or missing


def _differences(runs: Sequence[Run], baselines: Sequence[Run], here: _Repeats, before: _Repeats) -> _Beside | None:
    """What keeps the repeats from being compared; None where they were made under the same conditions."""
    machines = [side.record.machine for side in [*baselines, *runs]]
    for machine in machines[1:]:
        pairs = {name: (getattr(machines[0], name), getattr(machine, name)) for name in _MACHINE}
        if differs := {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}:
            return _Beside("not comparable", "other_machine", {"machine": differs})
    sizes = sorted(here.batch_sizes | before.batch_sizes)
    return _Beside("not comparable", "other_batch_sizes", {"sizes": sizes}) if len(sizes) > 1 else None


def _beside(check: RuleCheck, here: _Repeats, before: _Repeats, factor: float | None) -> _Beside:
    from mmbench.stats import mann_whitney

    alpha, n, m = check.alpha, len(here.values), len(before.values)
    repeats = {"repeats": n, "baseline_repeats": m}
    if not m or 1 / math.comb(n + m, n) > alpha:
        needed = next(k for k in range(2, 1000) if 1 / math.comb(2 * k, k) <= alpha)
        return _Beside("not comparable", "too_few_repeats", {**repeats, "needed": needed})
    p_worse = mann_whitney(here.values, before.values, "greater")
    p_better = mann_whitney(here.values, before.values, "less")
    if check.higher_is_better:
        p_worse, p_better = p_better, p_worse
    if p_worse <= alpha and factor is not None and factor > 1:
        return _Beside("regressed", "slower_within_factor", repeats, p_worse)
    if p_better <= alpha and factor is not None and factor < 1:
        return _Beside("improved", "faster", repeats, p_worse)
    return _Beside("within noise", "no_slower", repeats, p_worse)


def _factor(check: RuleCheck, mine: float | None, theirs: float | None) -> float | None:
    """How many times as slow, or as much, the run is: above 1 is worse."""
    if mine is None or theirs is None or mine <= 0 or theirs <= 0:
        return None
    return theirs / mine if check.higher_is_better else mine / theirs
