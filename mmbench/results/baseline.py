"""Save a run as a baseline: check that it is whole, and write the one small file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from mmbench.core.errors import NotComparableError, UsageError
from mmbench.core.score_table import MetricValue
from mmbench.results.find import find_run
from mmbench.results.packing import pack_table
from mmbench.results.run import Run, TaskResult, read_run
from mmbench.results.rundir import make_folder
from mmbench.results.saved import SavedTask, as_run, load_saved, read_baseline, write_baseline
from mmbench.results.schema import RunFile, TaskPerf

PARTIAL = "partial"
"""Name of the allowance for a first baseline from a part of a split."""
IMPORTED = "imported"
"""Name of the allowance for a baseline that another tool made, which asked and scored in its own way."""
_PART = re.compile(r"[\d,]+ of the [\d,]+ samples of ")
"""How the reason of a task begins that was asked with a part of its split, in runs of schema versions before 9."""
_PATH_OPTIONS = ("checkpoints", "cache")
"""Options of a run that name folders of the machine, and no part of what was asked."""


@dataclass(frozen=True, slots=True)
class SavedBaseline:
    """What a save did."""

    before: Run | None
    """The baseline that the file held; None for a new file."""
    after: Run
    """The baseline that it holds."""


def save_baseline(reference: str, path: Path, out: Path, allow: Iterable[str] = ()) -> SavedBaseline:
    """Save a run as a baseline, in place of the one that the file may hold.

    Args:
        reference: A run directory, or a name under `out`.
        path: The file. Its folder is made where it is not there.
        out: The folder in which names are looked up.
        allow: `PARTIAL` where a first baseline may be of a part of its split; `IMPORTED` where another tool may have made the run.

    Returns:
        The baseline before and after.

    Raises:
        UsageError: If there is no such run, or the file cannot be written there.
        NotComparableError: If the run is imported, damaged or incomplete, lacks a sample or a value, is a first baseline of a part of its
            split, or has fewer samples of the same data than the baseline that it would replace.
    """
    _check_target(path)
    directory = find_run(reference, out)
    if path.resolve().is_relative_to(directory.path.resolve()):
        raise UsageError(f"{path} lies inside the run; a baseline is a file of its own")
    run = read_run(directory)
    check_own([run], allow)
    _check_whole(run)
    before = load_saved(path) if path.is_file() else None
    _check_size(before, run, partial=PARTIAL in set(allow))
    tasks = {name: _saved_task(run, task) for name, task in run.tasks.items() if task.metrics}
    make_folder(path.parent, "FILE")
    file = write_baseline(path, _portable(run.record), tasks)
    return SavedBaseline(before, as_run(file, path))


def _check_target(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is there already and is no file: name a file, such as gates/MODEL.json")
    if path.is_file():
        try:
            read_baseline(path)
        except NotComparableError as error:
            raise NotComparableError(f"{error}. It is left as it is: remove it, or name another file") from error


def check_own(runs: Iterable[Run], allow: Iterable[str]) -> None:
    """Refuse runs of other tools as baselines, unless `IMPORTED` is allowed. Raises `NotComparableError`."""
    for run in runs:
        if run.record.imported is not None and IMPORTED not in set(allow):
            why = f"{run.record.imported.tool} made it, and asked and scored in its own way; if it is meant, add --allow imported"
            raise _refusal(run, why)


def _check_whole(run: Run) -> None:
    """Refuse a run that is not complete in every task, or lacks a sample or a value."""
    again = "the same command again continues the run"
    status = run.record.status
    if status == "running":
        raise _refusal(run, f"the run is incomplete: it was killed, or is running still; {again}")
    if status != "complete":
        raise _refusal(run, f"the run is {status}; {again}")
    answered = [task for task in run.tasks.values() if task.status != "incompatible"]
    for task in answered:
        if task.status != "complete":
            raise _refusal(run, f"{task.name} is {task.status}; {again}")
        if not task.metrics:
            raise _refusal(run, f"{task.name} has no scores; {again}")
        for value in task.metrics.values():
            _check_value(run, task, value)
    if not answered:
        raise _refusal(run, "the model could not answer any of its tasks")


def _check_value(run: Run, task: TaskResult, value: MetricValue) -> None:
    if value.n_failed:
        raise _refusal(run, f"{task.name}:{value.id} lacks {value.n_failed:,} samples that could not be scored")
    if value.value is None and value.id in task.primary:
        raise _refusal(run, f"{task.name}:{value.id} has no value: {value.reason or 'undefined'}")


def _check_size(before: Run | None, after: Run, *, partial: bool) -> None:
    """Refuse a run of a part of the samples (``--limit``) in place of a baseline of more of them, and as the first one."""
    for name, new in after.tasks.items():
        old = None if before is None else before.tasks.get(name)
        if not new.metrics:
            continue
        fields = ("fingerprint", "split")
        if old is None or not old.metrics or any(getattr(old.entry, f) != getattr(new.entry, f) for f in fields):
            if not partial and is_partial(new):
                raise _refusal(
                    after,
                    f"it has only a part of the samples of {name} ({new.entry.reason or f'{new.entry.n_samples:,}'}), and later runs would be "
                    "held to that part: run without --limit and --ids, or add --allow partial",
                )
        elif before is not None and new.entry.n_samples < old.entry.n_samples:
            raise NotComparableError(
                f"{before.path} holds {old.entry.n_samples:,} samples of {name}, and {after.path} only "
                f"{new.entry.n_samples:,} of them: run without --limit, save to another file, or remove this one first"
            )


def is_partial(task: TaskResult) -> bool:
    """Whether a task was asked with a part of its split."""
    entry = task.entry
    if entry.split_samples:
        return entry.n_samples < entry.split_samples
    return _PART.match(entry.reason or "") is not None


def _refusal(run: Run, why: str) -> NotComparableError:
    return NotComparableError(f"{run.path} cannot be a baseline: {why}")


def _saved_task(run: Run, task: TaskResult) -> SavedTask:
    plan = task.store.plan()
    if plan is None or task.scores is None:
        raise _refusal(run, f"the plan of {task.name} is missing")
    tables = task.tables()
    for unit, table in tables.items():
        if table.incomplete is not None:
            raise _refusal(run, f"{task.name}, {unit}: {table.incomplete}")
    return SavedTask(
        plan=msgspec.structs.replace(plan, batches=[]),
        scores=msgspec.structs.replace(task.scores, slices={}),
        perf=_quotable(task.perf),
        tables={unit: pack_table(table) for unit, table in sorted(tables.items())},
    )


def _quotable(perf: TaskPerf | None) -> TaskPerf | None:
    """The scenarios whose figures may be quoted and are of all that was asked; None where there are none."""
    kept = [each for each in perf.scenarios if each.valid and each.complete] if perf is not None else []
    return TaskPerf(scenarios=kept) if kept else None


def _portable(run: RunFile) -> RunFile:
    """A run's record without the folders of the machine: of paths only the last part is kept."""
    replaced = msgspec.structs.replace
    tasks = {}
    for name, entry in run.tasks.items():
        source, learned = entry.source, entry.learned
        if source.data_path is not None:
            source = replaced(source, data_path=Path(source.data_path).name)
        if learned is not None and learned.checkpoint is not None:
            learned = replaced(learned, checkpoint=Path(learned.checkpoint).name)
        tasks[name] = replaced(entry, source=source, learned=learned)
    return replaced(
        run, tasks=tasks, spec=_portable_spec(run.spec), earlier_specs=list(map(_portable_spec, run.earlier_specs))
    )


def _portable_spec(given: dict[str, Any]) -> dict[str, Any]:
    spec = {key: value for key, value in given.items() if key not in _PATH_OPTIONS}
    if isinstance(spec.get("data"), list):
        spec["data"] = [
            {**each, "path": Path(each["path"]).name} if isinstance(each, dict) and "path" in each else each
            for each in spec["data"]
        ]
    return spec
