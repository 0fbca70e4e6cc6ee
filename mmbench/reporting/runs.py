"""The runs of a report: read once from directories and saved baselines, with those put together that differ in seed alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmbench.analysis.seeds import SOLVED, SeedGroup, group_seeds
from mmbench.comparison.choose import chosen_tasks
from mmbench.comparison.metrics import metric_for
from mmbench.comparison.sides import Side, TaskSide, load_side
from mmbench.core.errors import UsageError
from mmbench.core.metric import Metric
from mmbench.core.scores import MetricValue
from mmbench.results.codec import canonical_json
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import SCHEMA_VERSION, ScoresFile
from mmbench.results.view import RunView

_FREE = ("request kind",)
"""Facts in which runs may differ and still stand in one table: a table may hold models that choose and models that write."""


@dataclass(frozen=True)
class Runs:
    """What a report is made of."""

    groups: tuple[SeedGroup, ...]
    """The models, in the order given; seeds of one model are one group."""
    sides: Mapping[Path, Side]
    """Path of a run to how its score tables are read."""
    tasks: tuple[str, ...]
    """Full names of the tasks that are reported, in the order of the runs or as they were named."""
    notes: tuple[str, ...]
    """What was done with the runs that were named."""

    def of(self, group: SeedGroup, task: str) -> list[TaskSide]:
        """[s] the task in each run of a model that has scores of it."""
        found = [self.sides[view.path].tasks.get(task) for view in group.runs]
        return [task_side for task_side in found if task_side is not None and task_side.metrics]


def load_runs(
    references: Sequence[str | Path], out: Path, tasks: Sequence[str] = (), *, solved: float = SOLVED
) -> Runs:
    """Read runs by their directories, names under `out`, or saved baselines; nothing on disk is changed.

    A run that is named twice, or is there as a directory and as a baseline, is read once. Parameters: `tasks`, full names or families,
    empty for all; `solved`, as in `group_seeds`. Raises `UsageError` for no runs, and for a run or task that is not
    there, `NotComparableError` when one is damaged or of a newer schema.
    """
    if not references:
        raise UsageError("a report needs at least one run: mmbench report results/runs/*")
    sides: dict[Path, Side] = {}
    notes: list[str] = []
    first_of: dict[bytes, str] = {}
    for reference in references:
        side = load_side(reference, out)
        path = side.path.resolve()
        if path in sides:
            continue
        first = first_of.setdefault(_same(side), side.path.name)
        if first != side.path.name:
            notes.append(f"{side.path.name} is the same run as {first} and is shown once")
            continue
        sides[path] = replace(side, path=path)
    views = [_view(side) for side in sides.values()]
    wanted = chosen_tasks(list(sides.values()), tasks)
    groups = _told_apart(group_seeds(views, wanted, solved=solved))
    known = wanted or list(dict.fromkeys(task for group in groups for task in group.tasks))
    return Runs(tuple(groups), sides, tuple(known), tuple(notes))


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


def _same(side: Side) -> bytes:
    """What a run and its saved baseline have in common and no other run has."""
    scorings = {name: entry.scoring for name, entry in side.run.tasks.items()}
    return canonical_json([side.run.identity, side.run.created, scorings])


def _view(side: Side) -> RunView:
    facts = {
        name: canonical_json({fact: value for fact, value in task.facts.items() if fact not in _FREE})
        for name, task in side.tasks.items()
    }
    if side.path.is_dir():
        return replace(RunView.load(RunDirectory(side.path)), facts=facts)
    scores = {name: _scores(side, task) for name, task in side.tasks.items() if task.metrics}
    perf = {name: task.perf for name, task in side.tasks.items() if task.perf is not None}
    return RunView(side.path, side.run, scores, perf, facts)


def _scores(side: Side, task: TaskSide) -> ScoresFile:
    return ScoresFile(
        schema_version=SCHEMA_VERSION,
        task=task.name,
        task_identity=side.run.tasks[task.name].identity_digest,
        primary=list(task.primary),
        units={},
        metrics=list(task.metrics.values()),
        slices=_slices(task),
        recipes=dict(task.recipes),
    )


def _slices(task: TaskSide) -> dict[str, dict[str, list[MetricValue]]]:
    """The primary metrics by slice, computed from the tables: a baseline keeps those alone."""
    from mmbench.metrics.evaluate import evaluate_slices

    found: dict[str, dict[str, list[MetricValue]]] = {}
    for metric in filter(None, (_known(task, name) for name in task.primary)):
        table = task.tables().get(metric.unit)
        for name, labels in evaluate_slices(metric, table).items() if table is not None else ():
            for label, value in labels.items():
                found.setdefault(name, {}).setdefault(label, []).append(value)
    return found


def _known(task: TaskSide, name: str) -> Metric | None:
    metric, _ = metric_for(task, name)
    return metric
