"""How a metric on disk is computed from its table, without the run that made it."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

from mmbench import registry
from mmbench.core.errors import MmbenchError, UnknownNameError, plugin_failed
from mmbench.core.metric import ONES, Metric
from mmbench.core.scores import MetricValue, ScoreTable
from mmbench.core.task import Task
from mmbench.results.recipes import mean_of, recipe_of
from mmbench.results.run import TaskResult
from mmbench.results.schema import Recipe, TaskSource

_CLOSE = 1e-9
"""How near a metric that was found by its id must come to the value on disk, relative to it."""


def metric_for(task: TaskResult, metric_id: str) -> tuple[Metric | None, str | None]:
    """How to compute a metric of a task from its tables: (metric, None), or (None, why that is not known).

    A mean is made from its recipe. What is no mean is found by its id in the catalogue of this package, else in the
    task's plug-in, which must be installed and still offer it. It is used only where it has the recipe in the file (those of
    schemas before 4 hold none) and gives the value that stands on disk.
    """
    value, recipe = task.metrics[metric_id], task.recipes.get(metric_id)
    if recipe is not None and recipe.kind == "mean":
        return mean_of(value, recipe), None
    found = _in_catalogue(metric_id)
    if found is not None and _fits(found, value, recipe, task):
        return found, None
    try:
        found = _in_plugin(task, metric_id)
    except MmbenchError as error:
        return None, f"how {metric_id} is computed is known to its task alone, and that cannot be built: {error}"
    if found is None:
        return None, f"how {metric_id} is computed is not known: today's version of {task.name} does not offer it"
    if not _fits(found, value, recipe, task):
        return None, f"{task.name} computes {metric_id} in another way today"
    return found, None


def _in_catalogue(metric_id: str) -> Metric | None:
    from mmbench.metrics.named import metric_named

    try:
        return metric_named(metric_id)
    except UnknownNameError:
        return None


def _fits(metric: Metric, value: MetricValue, recipe: Recipe | None, task: TaskResult) -> bool:
    """Whether a metric found by its id is the one that gave the value on disk: another task may call its own so."""
    if recipe is not None and recipe_of(metric) != recipe:
        return False
    table = task.tables().get(metric.unit)
    if table is None:
        return recipe is not None
    if metric.unit != value.unit or not _has_columns(metric, table):
        return False
    from mmbench.metrics.evaluate import IS_COUNTED, point, read_units

    units = read_units(metric, table)
    units = units.take(IS_COUNTED[units.status])
    now = point(metric, units.rows, units.clusters) if len(units.rows) else float("nan")
    if value.value is None:
        return not isfinite(now)
    return abs(now - value.value) <= _CLOSE * max(1.0, abs(value.value))


def _has_columns(metric: Metric, table: ScoreTable) -> bool:
    return all(name == ONES or name in table.columns for name in metric.columns)


def _in_plugin(task: TaskResult, metric_id: str) -> Metric | None:
    """The metric as the task's plug-in offers it today. Raises `MmbenchError` where the task cannot be built."""
    try:
        return next((metric for metric in _task_of(task.source).metrics if str(metric.id) == metric_id), None)
    except MmbenchError:
        raise
    except Exception as error:
        raise plugin_failed(f"task {task.name!r} failed to say its metrics", error) from error


def _task_of(source: TaskSource) -> Task:
    """The task of an earlier run. Raises `MmbenchError`, and what the plug-in's own code raises."""
    if ":" in source.name or source.name.endswith(".py"):
        task = registry.task_from_python(source.name)
    elif source.data_path is None:
        task = registry.as_task(registry.load(registry.find("task", source.name)), source.name)
    else:
        family = registry.load(registry.find("task", source.name.partition("/")[0]))
        task = family.from_data(source.data_name, Path(source.data_path))
    return registry.configured(task, source.options)
