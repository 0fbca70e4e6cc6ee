"""Rules held against the runs that they are about: names that exist, thresholds that make sense for the metric."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.core.ids import without_parameters
from mmbench.core.scores import MetricValue
from mmbench.gating.amounts import Amount
from mmbench.gating.figures import FIGURES, Figure
from mmbench.gating.rules import ALPHA, Rule, check_together
from mmbench.results.run import Run, TaskResult

Bounds = tuple[float | None, float | None]
ZERO = Amount(0.0, "points", "0pt")
"""The tolerance where no rule is given."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a rule is about, with its threshold in the metric's natural range or the figure's base unit."""

    rule: Rule
    """The rule."""
    figure: Figure | None
    """The figure of speed; None for a metric."""
    higher_is_better: bool
    """Direction."""
    scale: float
    """What tables multiply by."""
    threshold: float
    """Tolerance, margin or limit; 0 for ``exact``."""
    given: bool = True
    """Whether somebody wrote the rule; false for those of a gate without rules."""


def default_rules(run: Run, baseline: Run) -> list[Rule]:
    """``regression`` with a tolerance of 0 for every primary metric of every task that either side has scored."""
    names: dict[tuple[str, str], None] = {}
    for side in (baseline, run):
        for task in side.tasks.values():
            names |= {(task.name, metric): None for metric in task.primary}
    return [Rule(task, metric, "regression", ZERO, ALPHA, source="default") for task, metric in names]


def resolve(rules: Iterable[Rule], sides: Sequence[Run], *, given: bool = True) -> list[Target]:
    """What each rule is about. Raises `UsageError` for unknown names and for thresholds that cannot be meant.

    An id without parameters (``recall@5``) means the only metric that has them besides; of several, one must be named.
    """
    targets = [_target(rule, sides, given) for rule in rules]
    check_together(target.rule for target in targets)
    return targets


def _full_name(rule: Rule, tasks: Sequence[TaskResult]) -> Rule:
    """The rule with the whole id of its metric, where the id without parameters is enough to know it."""
    known = dict.fromkeys(name for task in tasks for name in task.metrics)
    fitting = [name for name in known if without_parameters(name) == rule.metric]
    if rule.metric in known or rule.metric in FIGURES or not fitting:
        return rule
    if len(fitting) > 1:
        names = ", ".join(f"{rule.task}:{name}" for name in fitting)
        raise UsageError(f"{rule.source or rule.text}: {rule.name} could be any of {names}; name one of them")
    return replace(rule, metric=fitting[0])


def _target(rule: Rule, sides: Sequence[Run], given: bool) -> Target:
    tasks = [side.tasks[rule.task] for side in sides if rule.task in side.tasks]
    if not tasks:
        known = dict.fromkeys(name for side in sides for name in side.tasks)
        hint = f"The runs have: {', '.join(known) or 'none'}."
        raise UnknownNameError(f"task in {rule.source or rule.text!r}:", rule.task, known, hint=hint)
    rule = _full_name(rule, tasks)
    values = [task.metrics[rule.metric] for task in tasks if rule.metric in task.metrics]
    if not values and rule.metric in FIGURES:
        return _figure_target(rule, FIGURES[rule.metric], given)
    if not values:
        known = dict.fromkeys(name for task in tasks for name in task.metrics)
        if not known:  # nothing is scored: what is missing is said in the verdict
            return Target(rule, None, higher_is_better=True, scale=100.0, threshold=0.0, given=given)
        bare = map(without_parameters, known)
        hint = f"{rule.task} has: {', '.join(known)}; figures of speed and cost: {', '.join(FIGURES)}."
        raise UnknownNameError(
            f"metric in {rule.source or rule.text!r}:", rule.metric, [*known, *bare, *FIGURES], hint=hint
        )
    recipes = [task.recipes[rule.metric] for task in tasks if rule.metric in task.recipes]
    bounds: Bounds = recipes[0].bounds if recipes else (0.0, None)
    value = values[0]
    threshold = 0.0
    if rule.amount is not None and rule.policy == "absolute":
        threshold = _limit(rule, rule.amount, value, bounds)
        rule = _signed(rule, higher_is_better=value.higher_is_better)
    elif rule.amount is not None:
        threshold = _tolerance(rule, rule.amount, value, bounds)
    return Target(rule, None, value.higher_is_better, value.scale, threshold, given)


def _figure_target(rule: Rule, figure: Figure, given: bool) -> Target:
    amount = rule.amount
    if amount is None:
        raise UsageError(f"{rule.source}: {figure.name} needs a threshold")
    if rule.policy == "absolute":
        bare = amount.kind == "none" and figure.kind == "rate"
        if amount.kind != figure.kind and not bare:
            raise UsageError(f"{rule.source}: {amount.text!r} is no limit of {figure.name}; give it in {figure.unit}")
        if amount.number <= 0:
            raise UsageError(f"{rule.source}: a limit of {figure.name} is above 0, got {amount.text!r}")
        rule = _signed(rule, higher_is_better=figure.higher_is_better)
    return Target(rule, figure, figure.higher_is_better, 1.0, amount.number, given)


def _signed(rule: Rule, *, higher_is_better: bool) -> Rule:
    """The rule with the sign that the direction implies. Raises `UsageError` for one that was written the other way."""
    wanted = ">=" if higher_is_better else "<="
    if rule.sign not in (None, wanted):
        better, what = ("higher", "floor") if higher_is_better else ("lower", "budget")
        raise UsageError(f"{rule.source}: {better} {rule.metric} is better, so its limit is a {what}: write {wanted}")
    return replace(rule, sign=wanted)


def _limit(rule: Rule, amount: Amount, value: MetricValue, bounds: Bounds) -> float:
    low, high = bounds
    shown = _range(bounds)
    if amount.kind == "points" or (amount.kind == "percent" and value.scale == 100.0):
        limit = amount.number / value.scale if amount.kind == "points" else amount.number
    elif amount.kind == "none":
        limit = amount.number
    else:
        raise UsageError(f"{rule.source}: {amount.text!r} is no limit of {rule.metric}, which lies in {shown}")
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


def _range(bounds: Bounds) -> str:
    low, high = bounds
    return f"{'(-∞' if low is None else f'[{low:g}'}, {'∞)' if high is None else f'{high:g}]'}"
