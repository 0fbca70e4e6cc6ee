"""Rebuild the metric of a stored value, and make sure that it gives that value."""

from __future__ import annotations

from math import isfinite

from mmbench.core.errors import NotComparableError, PluginError
from mmbench.core.metric import Metric
from mmbench.results.metric_specs import rebuild
from mmbench.results.run import TaskResult

_CLOSE = 1e-9
"""How near a rebuilt metric must come to the value on disk, relative to it."""


def metric_for(task: TaskResult, metric_id: str) -> tuple[Metric | None, str | None]:
    """Find how a metric of a task is computed from its tables.

    A metric that is no mean is used only where it gives the value that stands on disk: another task may have called one of
    its own by the same id, and a plug-in may have changed.

    Returns:
        The metric and None, or None and the reason why it is not known.
    """
    value, spec = task.metrics[metric_id], task.specs.get(metric_id)
    try:
        metric = rebuild(value, spec)
    except NotComparableError as error:
        return None, str(error)
    if (spec is None or spec.kind != "mean") and not _gives(metric, task):
        return None, f"{metric_id} is computed in another way today than when it was stored"
    return metric, None


def _gives(metric: Metric, task: TaskResult) -> bool:
    """Whether a metric gives the value on disk, from the table on disk."""
    value, table = task.metrics[str(metric.id)], task.tables().get(metric.unit)
    if table is None:
        return str(metric.id) in task.specs
    from mmbench.metrics.evaluate import IS_COUNTED, point, read_units

    try:
        units = read_units(metric, table)
    except PluginError:  # the table lacks a column
        return False
    units = units.take(IS_COUNTED[units.status])
    now = point(metric, units.rows, units.clusters) if len(units.rows) else float("nan")
    if metric.unit != value.unit or value.value is None:
        return metric.unit == value.unit and not isfinite(now)
    return abs(now - value.value) <= _CLOSE * max(1.0, abs(value.value))
