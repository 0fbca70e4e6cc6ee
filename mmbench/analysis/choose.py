"""Find the runs, tasks and metrics that a user means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mmbench.core.errors import UnknownNameError, UsageError
from mmbench.core.ids import tasks_named, without_parameters
from mmbench.results.run import Run


def distinct(runs: Sequence[Run]) -> list[Run]:
    """The runs with labels that tell them apart: the model's name, with its seed or the run's folder where it must be.

    Raises `UsageError` for a run that is given twice, and for fewer than two.
    """
    if len(runs) < 2:
        raise UsageError("a comparison needs two runs: mmbench compare REFERENCE CANDIDATE")
    paths = [run.path.resolve() for run in runs]
    if twice := [run for run, path in zip(runs, paths, strict=True) if paths.count(path) > 1]:
        raise UsageError(f"{twice[0].path} is given twice; a comparison needs two different runs")
    names = [run.model.name for run in runs]
    seeded = [f"{run.model.name} (seed {run.seed})" for run in runs]
    labels = []
    for run, name, with_seed in zip(runs, names, seeded, strict=True):
        label = name if names.count(name) == 1 else with_seed if seeded.count(with_seed) == 1 else run.path.name
        labels.append(label)
    if len(set(labels)) < len(labels):
        labels = [str(run.path) for run in runs]
    return [replace(run, label=label) for run, label in zip(runs, labels, strict=True)]


def chosen(
    runs: Sequence[Run], tasks: Iterable[str] = (), metrics: Iterable[str] = ()
) -> tuple[list[str] | None, dict[str, list[str]] | None]:
    """Find the tasks and metrics that a user means.

    Args:
        runs: The runs that have them.
        tasks: Names, where a family's name means all of its tasks. Where none is given and every metric names its task, these
            tasks are meant.
        metrics: Ids, ids without parameters (``recall@5``: every direction), or ``TASK:ID``.

    Returns:
        Full names of the tasks, and task to the ids of its metrics; None for all of them.

    Raises:
        UnknownNameError: If no run has a name; it offers the nearest.
    """
    wanted = tuple(metrics)
    names = list(tasks) or ([text.rpartition(":")[0] for text in wanted] if all(":" in text for text in wanted) else [])
    found = chosen_tasks(runs, names)
    return found, chosen_metrics(runs, wanted, found)


def chosen_tasks(runs: Sequence[Run], wanted: Iterable[str]) -> list[str] | None:
    """Full names of the tasks with these names, or in these families; None for no name. Raises `UnknownNameError`."""
    known = list(dict.fromkeys(name for run in runs for name in run.tasks))
    found: list[str] = []
    for name in wanted:
        fitting = tasks_named(name, known)
        if not fitting:
            raise UnknownNameError("task of these runs", name, known, hint=f"They have: {', '.join(known) or 'none'}.")
        found += fitting
    return list(dict.fromkeys(found)) or None


def chosen_metrics(
    runs: Sequence[Run], wanted: Iterable[str], tasks: Sequence[str] | None
) -> dict[str, list[str]] | None:
    """Task to the ids of its metrics with these names, on these tasks (None: all); None for no name.

    Raises `UnknownNameError`.
    """
    pairs = sorted(
        {
            (name, metric)
            for run in runs
            for name, task in run.tasks.items()
            for metric in task.metrics
            if tasks is None or name in tasks
        }
    )
    known = list(dict.fromkeys(metric for _, metric in pairs))
    found: dict[str, dict[str, None]] = {}
    for text in wanted:
        task, _, metric = text.rpartition(":")
        fitting = [(n, each) for n, each in pairs if task in ("", n) and metric in (each, without_parameters(each))]
        if not fitting:
            names = [f"{name}:{each}" for name, each in pairs] if task else [*known, *map(without_parameters, known)]
            have = f"They have: {', '.join(known) or 'none'}."
            raise UnknownNameError("metric of these runs", text, names, hint=have)
        for name, each in fitting:
            found.setdefault(name, {})[each] = None
    return {name: list(ids) for name, ids in found.items()} or None
