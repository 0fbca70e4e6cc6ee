"""Rebuild the metric of a stored value, and make sure that it gives that value."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite

import msgspec

from mmbench.core.errors import NotComparableError, PluginError
from mmbench.core.metric import Metric
from mmbench.core.score_table import MetricValue
from mmbench.results.metric_specs import rebuild
from mmbench.results.run import Run, TaskResult

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


def with_slices(run: Run) -> Run:
    """Add the primary metrics by slice to a saved baseline, which keeps score tables instead; a run directory has them."""

    def sliced(task: TaskResult) -> TaskResult:
        if task.scores is None or task.store.has_ids:
            return task
        from mmbench.metrics.evaluate import evaluate_slices

        found: dict[str, dict[str, list[MetricValue]]] = {}
        for metric, _ in (metric_for(task, name) for name in task.primary):
            table = None if metric is None else task.tables().get(metric.unit)
            for name, labels in evaluate_slices(metric, table).items() if metric and table is not None else ():
                for label, value in labels.items():
                    found.setdefault(name, {}).setdefault(label, []).append(value)
        return replace(task, scores=msgspec.structs.replace(task.scores, slices=found))

    return replace(run, tasks={name: sliced(task) for name, task in run.tasks.items()})
