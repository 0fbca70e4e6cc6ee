"""Which tasks and metrics of some runs a user means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmbench.compare.sides import Side
from mmbench.core.errors import UnknownNameError
from mmbench.core.ids import MetricId


def chosen_tasks(sides: Sequence[Side], wanted: Iterable[str]) -> list[str] | None:
    """Full names of the tasks that are wanted, None where no name is given: all.

    A family's name means all of its tasks. Raises `UnknownNameError` for a name that no run has, with the nearest.
    """
    known = list(dict.fromkeys(name for side in sides for name in side.tasks))
    found: list[str] = []
    for name in wanted:
        fitting = [each for each in known if each == name or each.startswith(f"{name}/")]
        if not fitting:
            raise UnknownNameError("task of these runs", name, known, hint=f"They have: {', '.join(known) or 'none'}.")
        found += fitting
    return list(dict.fromkeys(found)) or None


def chosen_metrics(sides: Sequence[Side], wanted: Iterable[str], tasks: Sequence[str] | None) -> list[str] | None:
    """Ids of the metrics that are wanted, None where none is given: all.

    A metric is named by its id, by its id without parameters (``recall@5``: every direction), or as ``TASK:ID``, where the
    task is only checked. Raises `UnknownNameError` for one that no run has on these tasks, with the nearest.
    """
    by_task = {
        (name, metric)
        for side in sides
        for name, task in side.tasks.items()
        for metric in task.metrics
        if _in(name, tasks)
    }
    known = list(dict.fromkeys(metric for _, metric in sorted(by_task)))
    found: list[str] = []
    for text in wanted:
        task, _, metric = text.rpartition(":")
        pool = [each for name, each in sorted(by_task) if not task or name == task]
        fitting = [each for each in pool if metric in (each, _without_parameters(each))]
        if not fitting:
            names = [*known, *map(_without_parameters, known)] if not task else [f"{t}:{m}" for t, m in sorted(by_task)]
            raise UnknownNameError(
                "metric of these runs", text, names, hint=f"They have: {', '.join(known) or 'none'}."
            )
        found += fitting
    return list(dict.fromkeys(found)) or None


def _in(name: str, tasks: Sequence[str] | None) -> bool:
    return tasks is None or name in tasks


def _without_parameters(metric_id: str) -> str:
    parsed = MetricId.parse(metric_id)
    return str(MetricId(parsed.name, parsed.cutoff))
