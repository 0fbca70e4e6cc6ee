"""Resolve rules against the runs that they are about: names that exist, thresholds that make sense for the metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.core.ids import tasks_named, without_parameters
from mmbench.core.score_table import MetricValue
from mmbench.gating.amounts import PERF_METRICS, Amount, PerfMetric
from mmbench.gating.rules import ALPHA, MISSED, Rule, check_together
from mmbench.results.run import Run, TaskResult

Bounds = tuple[float | None, float | None]
ZERO = Amount(0.0, "points", "0pt")
"""The tolerance of a default rule."""


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """A rule resolved against runs: its metric exists there, and its threshold is in the unit of the values."""

    rule: Rule
    """The rule, with the whole id of its metric."""
    perf: PerfMetric | None = None
    """What is measured, where the rule is about speed, memory or cost; None where it is about a metric."""
    higher_is_better: bool = True
    """Direction."""
    scale: float = 100.0
    """What tables multiply by."""
    threshold: float = 0.0
    """Tolerance, margin or limit, in the metric's natural range or the base unit of speed; 0 for ``exact``."""
    width: float = 1.0
    """Width of the metric's range, in its natural unit; 0 where the range has no end, so that it bounds nothing."""
    given: bool = True
    """Whether somebody wrote the rule; false for the default rule of a primary metric."""
    share: float = 1.0
    """The share of the rule's alpha that this gate spends: below 1 where a ledger counts pushes."""

    @property
    def alpha(self) -> float:
        """The level of this gate's test, one-sided; of ``non-inferiority`` that of a 95 % interval."""
        return (MISSED if self.rule.policy == "non-inferiority" else self.rule.alpha) * self.share


def default_rules(sides: Sequence[Run]) -> list[Rule]:
    """``regression`` with a tolerance of 0 for every primary metric of every task that any of the runs has scored."""
    names = dict.fromkeys((task.name, name) for side in sides for task in side.tasks.values() for name in task.primary)
    return [Rule(task, metric, "regression", ZERO, ALPHA, source="default") for task, metric in names]


def resolve_all(rules: Iterable[Rule], sides: Sequence[Run], *, only: bool = False) -> list[RuleCheck]:
    """Resolve the rules of a gate: those that somebody wrote, then the default of every primary metric that none of them is about.

    Args:
        rules: What somebody wrote.
        sides: The run, and the baseline where there is one; a run alone has no defaults.
        only: Whether the defaults are left out.

    Raises:
        UsageError: As `resolve` does.
    """
    given = resolve(rules, sides)
    if only or len(sides) < 2:
        return given
    named = {(check.rule.task, check.rule.metric) for check in given}
    others = [rule for rule in default_rules(sides[::-1]) if (rule.task, rule.metric) not in named]
    return [*given, *resolve(others, sides, given=False)]


def resolve(rules: Iterable[Rule], sides: Sequence[Run], *, given: bool = True) -> list[RuleCheck]:
    """Find out what each rule is about.

    An id without parameters (``recall@5``) means the only metric that has them besides; of several, one must be named.

    Raises:
        UsageError: For unknown names, and for thresholds that cannot be meant.
    """
    checks = [replace(_check(rule, sides), given=given) for rule in rules]
    check_together(check.rule for check in checks)
    return checks


def _check(rule: Rule, sides: Sequence[Run]) -> RuleCheck:
    known = dict.fromkeys(name for side in sides for name in side.tasks)
    if len(fitting := tasks_named(rule.task, known)) == 1:  # also the only variant of a task, by the task's own name
        rule = replace(rule, task=fitting[0])
    tasks = [side.tasks[rule.task] for side in sides if rule.task in side.tasks]
    if not tasks:
        hint = f"The runs have: {', '.join(known) or 'none'}."
        raise UnknownNameError(f"task in {rule.source or rule.text!r}:", rule.task, known, hint=hint)
    rule = _with_whole_id(rule, tasks)
    values = [task.metrics[rule.metric] for task in tasks if rule.metric in task.metrics]
    if not values and rule.metric in PERF_METRICS:
        return _perf_check(rule, PERF_METRICS[rule.metric])
    known = dict.fromkeys(name for task in tasks for name in task.metrics)
    if not known:  # nothing is scored: the verdict says what is missing
        return RuleCheck(rule)
    if not values:
        raise UnknownNameError(
            f"metric in {rule.source or rule.text!r}:",
            rule.metric,
            [*known, *map(without_parameters, known), *PERF_METRICS],
            hint=f"{rule.task} has: {', '.join(known)}; figures of speed and cost: {', '.join(PERF_METRICS)}.",
        )
    specs = [task.specs[rule.metric] for task in tasks if rule.metric in task.specs]
    bounds: Bounds = specs[0].bounds if specs else (0.0, None)
    value, threshold = values[0], 0.0
    if rule.amount is not None and rule.policy == "absolute":
        threshold = _limit(rule, rule.amount, value, bounds)
        rule = _signed(rule, higher_is_better=value.higher_is_better)
    elif rule.amount is not None:
        threshold = _tolerance(rule, rule.amount, value, bounds)
    width = 0.0 if None in bounds else float(bounds[1]) - float(bounds[0])  # type: ignore[arg-type]
    return RuleCheck(rule, None, value.higher_is_better, value.scale, threshold, width)


def _with_whole_id(rule: Rule, tasks: Sequence[TaskResult]) -> Rule:
    """The rule with the whole id of its metric, where the id without parameters is enough to know it."""
    known = dict.fromkeys(name for task in tasks for name in task.metrics)
    fitting = [name for name in known if without_parameters(name) == rule.metric]
    if rule.metric in known or rule.metric in PERF_METRICS or not fitting:
        return rule
    if len(fitting) > 1:
        names = ", ".join(f"{rule.task}:{name}" for name in fitting)
        raise UsageError(f"{rule.source or rule.text}: {rule.name} could be any of {names}; name one of them")
    return replace(rule, metric=fitting[0])


def _perf_check(rule: Rule, perf: PerfMetric) -> RuleCheck:
    amount = rule.amount
    if amount is None:
        raise UsageError(f"{rule.source}: {perf.name} needs a threshold")
    if rule.policy == "absolute":
        if amount.kind != perf.kind and not (amount.kind == "none" and perf.kind == "rate"):
            raise UsageError(f"{rule.source}: {amount.text!r} is no limit of {perf.name}; give it in {perf.unit}")
        if amount.number <= 0:
            raise UsageError(f"{rule.source}: a limit of {perf.name} is above 0, got {amount.text!r}")
        rule = _signed(rule, higher_is_better=perf.higher_is_better)
    return RuleCheck(rule, perf, perf.higher_is_better, 1.0, amount.number)


def _signed(rule: Rule, *, higher_is_better: bool) -> Rule:
    """The rule with the sign that the direction implies. Raises `UsageError` for one that was written the other way."""
    wanted = ">=" if higher_is_better else "<="
    if rule.sign not in (None, wanted):
        better, what = ("higher", "floor") if higher_is_better else ("lower", "budget")
        raise UsageError(f"{rule.source}: {better} {rule.metric} is better, so its limit is a {what}: write {wanted}")
    return replace(rule, sign=wanted)


def _limit(rule: Rule, amount: Amount, value: MetricValue, bounds: Bounds) -> float:
    low, high = bounds
    shown = f"{'(-∞' if low is None else f'[{low:g}'}, {'∞)' if high is None else f'{high:g}]'}"
    if amount.kind not in ("points", "none") and not (amount.kind == "percent" and value.scale == 100.0):
        raise UsageError(f"{rule.source}: {amount.text!r} is no limit of {rule.metric}, which lies in {shown}")
    limit = amount.number / value.scale if amount.kind == "points" else amount.number
    if (low is not None and limit < low) or (high is not None and limit > high):
        inside = high is None or (low or 0.0) <= amount.number / value.scale <= high
        points = (
            f"; {amount.number:g} as tables show it is {amount.number:g}pt" if inside and amount.kind == "none" else ""
        )
        raise UsageError(f"{rule.source}: {amount.text!r} lies outside {shown}, the range of {rule.metric}{points}")
    return limit


def _tolerance(rule: Rule, amount: Amount, value: MetricValue, bounds: Bounds) -> float:
    tolerance = amount.number / value.scale
    low, high = bounds
    if low is not None and high is not None and tolerance >= high - low:
        width = value.scale * (high - low)
        raise UsageError(f"{rule.source}: {amount.text!r} can never be exceeded: {rule.metric} spans {width:g} points")
    return tolerance
