"""p-values of one table as one family: corrected for how many there are."""

from __future__ import annotations

from dataclasses import replace

from mmbench.comparison.differences import Comparison, MetricDifference
from mmbench.stats import Correction, corrected

__all__ = ["with_correction"]


def with_correction(comparison: Comparison, correction: Correction, *, every: bool = False) -> Comparison:
    """The same comparison with p-values corrected, task by task.

    Args:
        comparison: What was compared.
        correction: One of `mmbench.stats.CORRECTIONS`.
        every: Whether all metrics of a task are one family, as where one table shows them all. Otherwise its primary metrics are,
            where it has any; the others, which a table then leaves out, are corrected for all metrics of the task.

    Returns:
        A comparison in which every metric has `p_adjusted` and `family`; slices have none.
    """
    found: list[MetricDifference] = []
    for task in dict.fromkeys(each.task for each in comparison.metrics):
        own = [each for each in comparison.metrics if each.task == task]
        shown = [each for each in own if every or each.primary] or own
        whole, first = _adjusted(own, correction), _adjusted(shown, correction)
        found += [first.get(each.id, whole[each.id]) for each in own]
    return replace(comparison, metrics=found, correction=correction)


def _adjusted(family: list[MetricDifference], correction: Correction) -> dict[str, MetricDifference]:
    p_values = corrected([each.difference.p_value for each in family], correction)
    count = sum(p is not None for p in p_values)
    return {each.id: replace(each, p_adjusted=p, family=count) for each, p in zip(family, p_values, strict=True)}
