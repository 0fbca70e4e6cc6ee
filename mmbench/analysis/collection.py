"""Collect the runs of a report: read each once, and group those that differ in seed alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmbench.analysis.choose import chosen_tasks
from mmbench.analysis.seeds import SOLVED, SeedGroup, group_seeds, question_key
from mmbench.analysis.stored_metrics import with_slices
from mmbench.core.errors import UsageError
from mmbench.results.codec import canonical_json
from mmbench.results.find import is_shard, load_run
from mmbench.results.run import Run

Load = Callable[[str | Path, Path], Run]
"""(A reference, the folder in which names are looked up) → the run; as `mmbench.results.find.load_run`."""


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
    references: Sequence[str | Path],
    out: Path,
    tasks: Sequence[str] = (),
    *,
    solved: float = SOLVED,
    slices: bool = True,
    load: Load = load_run,
) -> Collection:
    """Read runs, and group those that differ in seed alone. Nothing on disk is changed.

    A run that is named twice, or is there as a directory and as a baseline, is read once. Shards are left out where the run that they
    were merged into is named too, as by ``results/runs/*``.

    Args:
        references: Run directories, names under `out`, or saved baselines.
        out: The folder in which names are looked up.
        tasks: Full names or families; empty for all.
        solved: The value from which a seed counts as having solved a task.
        slices: Whether values by slice are wanted, which take time for saved baselines.
        load: Reads a run.

    Returns:
        The models, with labels that no two share.

    Raises:
        UsageError: If there are no runs, or a run or task is not there.
        NotComparableError: If a run is damaged or of a newer schema.
    """
    if not references:
        raise UsageError("a report needs at least one run: mmbench report results/runs/*")
    runs: dict[Path, Run] = {}
    notes: list[str] = []
    first_of: dict[bytes, str] = {}
    named = set(map(Path, references))
    for reference in references:
        whole = Path(reference).with_suffix("") if is_shard(Path(reference)) else None
        if whole is not None and whole in named:
            notes.append(f"the shards of {whole.name} are part of it and are not shown beside it")
            continue
        run = load(reference, out)
        path = run.path.resolve()
        if path in runs:
            continue
        first = first_of.setdefault(_same(run), run.path.name)
        if first != run.path.name:
            notes.append(f"{run.path.name} is the same run as {first} and is shown once")
            continue
        runs[path] = with_slices(replace(run, path=path)) if slices else replace(run, path=path)
    wanted = chosen_tasks(list(runs.values()), tasks)
    groups = _told_apart(group_seeds(list(runs.values()), wanted, solved=solved, key=question_key))
    known = wanted or list(dict.fromkeys(task for group in groups for task in group.tasks))
    return Collection(tuple(groups), tuple(known), tuple(dict.fromkeys(notes)))


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
