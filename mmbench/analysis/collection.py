"""The runs of a report: read once from directories and saved baselines, with those put together that differ in seed alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from mmbench.analysis.choose import chosen_tasks
from mmbench.analysis.metrics import metric_for
from mmbench.analysis.seeds import SOLVED, SeedGroup, group_seeds, question_key
from mmbench.core.errors import UsageError
from mmbench.core.metric import Metric
from mmbench.core.scores import MetricValue
from mmbench.results.codec import canonical_json
from mmbench.results.find import load_run
from mmbench.results.run import Run, TaskResult


@dataclass(frozen=True)
class Collection:
    """What a report is made of."""

    groups: tuple[SeedGroup, ...]
    """The models, in the order given; seeds of one model are one group."""
    tasks: tuple[str, ...]
    """Full names of the tasks that are reported, in the order of the runs or as they were named."""
    notes: tuple[str, ...]
    """What was done with the runs that were named."""

    @property
    def runs(self) -> list[Run]:
        """All runs."""
        return [run for group in self.groups for run in group.runs]


def collect(
    references: Sequence[str | Path], out: Path, tasks: Sequence[str] = (), *, solved: float = SOLVED
) -> Collection:
    """Read runs by their directories, names under `out`, or saved baselines; nothing on disk is changed.

    A run that is named twice, or is there as a directory and as a baseline, is read once. Parameters: `tasks`, full names or families,
    empty for all; `solved`, as in `group_seeds`. Raises `UsageError` for no runs, and for a run or task that is not
    there, `NotComparableError` when one is damaged or of a newer schema.
    """
    if not references:
        raise UsageError("a report needs at least one run: mmbench report results/runs/*")
    runs: dict[Path, Run] = {}
    notes: list[str] = []
    first_of: dict[bytes, str] = {}
    for reference in references:
        run = load_run(reference, out)
        path = run.path.resolve()
        if path in runs:
            continue
        first = first_of.setdefault(_same(run), run.path.name)
        if first != run.path.name:
            notes.append(f"{run.path.name} is the same run as {first} and is shown once")
            continue
        runs[path] = _with_slices(replace(run, path=path))
    wanted = chosen_tasks(list(runs.values()), tasks)
    groups = _told_apart(group_seeds(list(runs.values()), wanted, solved=solved, key=question_key))
    known = wanted or list(dict.fromkeys(task for group in groups for task in group.tasks))
    return Collection(tuple(groups), tuple(known), tuple(notes))


def _told_apart(groups: Sequence[SeedGroup]) -> list[SeedGroup]:
    """The models with labels that no two share: of runs in folders of one name, as much of the path as it takes."""
    labels = [group.label for group in groups]
    paths = [group.runs[0].path.parts for group in groups]
    found = []
    for group, path in zip(groups, paths, strict=True):
        rivals = [other for other, label in zip(paths, labels, strict=True) if label == group.label]
        parts = next((n for n in range(2, len(path) + 1) if sum(other[-n:] == path[-n:] for other in rivals) == 1), 1)
        found.append(group if len(rivals) == 1 else replace(group, label="/".join(path[-parts:])))
    return found


def _same(run: Run) -> bytes:
    """What a run and its saved baseline have in common and no other run has."""
    scorings = {name: task.entry.scoring for name, task in run.tasks.items()}
    return canonical_json([run.record.identity, run.record.created, scorings])


def _with_slices(run: Run) -> Run:
    """A saved baseline with the primary metrics by slice, computed from its tables: a baseline keeps those alone."""
    if run.path.is_dir():
        return run
    tasks = {
        name: replace(task, scores=msgspec.structs.replace(task.scores, slices=_slices(task))) if task.scores else task
        for name, task in run.tasks.items()
    }
    return replace(run, tasks=tasks)


def _slices(task: TaskResult) -> dict[str, dict[str, list[MetricValue]]]:
    """The primary metrics by slice, computed from the tables: a baseline keeps those alone."""
    from mmbench.metrics.evaluate import evaluate_slices

    found: dict[str, dict[str, list[MetricValue]]] = {}
    for metric in filter(None, (_known(task, name) for name in task.primary)):
        table = task.tables().get(metric.unit)
        for name, labels in evaluate_slices(metric, table).items() if table is not None else ():
            for label, value in labels.items():
                found.setdefault(name, {}).setdefault(label, []).append(value)
    return found


def _known(task: TaskResult, name: str) -> Metric | None:
    metric, _ = metric_for(task, name)
    return metric
