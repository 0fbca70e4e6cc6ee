"""`mmbench.export`: write stored runs in the formats of other tools."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

from mmbench.api.keywords import check_keywords
from mmbench.api.references import references_of
from mmbench.api.samples import read_samples, wanted_tasks
from mmbench.core.errors import NotComparableError, UnknownNameError, UsageError
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.exchange.formats import FORMATS
from mmbench.exchange.material import HubFacts, Material, Scored
from mmbench.resolve.hub_facts import hub_of
from mmbench.results.find import load_run
from mmbench.results.run import TaskResult

__all__ = ["ExportOptions", "export", "material_of"]


class ExportOptions(TypedDict, total=False):
    """Options of `export`."""

    tasks: str | Iterable[str]
    """Full names or families; empty for all tasks."""
    allow: str | Iterable[str]
    """``foreign-source`` to import a Python file or module that a run names as the source of a task, for what was asked."""
    source_url: str | None
    """Where the results can be seen, for the formats that say it."""
    organisation: str
    """Who ran the evaluation, for ``eee``; ``unknown`` where it is left out."""
    out: str | Path
    """The folder of all runs."""


def export(runs: Any, to: str, target: str | Path, **options: Unpack[ExportOptions]) -> list[Path]:
    """Write stored runs in a format of another tool. Nothing of the runs is changed.

    Args:
        runs: A run directory, a name under `out`, what `mmbench.run` or `mmbench.load_run` returned, or several of these.
        to: ``csv`` or ``parquet`` (one row a sample), ``eee`` ("Every Eval Ever"), ``eval-results`` or ``model-index`` (the
            Hugging Face hub), ``inspect`` (a log of Inspect).
        target: The file; for ``eee`` and ``inspect`` the folder, which is made where it is not there.
        options: As `ExportOptions`.

    Returns:
        The files that were written.

    Raises:
        UsageError: For names of runs, tasks and formats that do not exist, and for a target inside a run that is read.
        NotComparableError: If a file of a run is damaged or of a newer schema, or no task of the runs has scores.
        RunFailedError: If a file cannot be written.

    Example:
        >>> import mmbench
        >>> mmbench.export("mymodel", "parquet", "mymodel.parquet")  # doctest: +SKIP
        [PosixPath('mymodel.parquet')]
    """
    check_keywords(options, ExportOptions, "mmbench.export")
    if to not in FORMATS:
        raise UnknownNameError("format", to, FORMATS, hint=f"There are: {', '.join(FORMATS)}.")
    path = Path(target).expanduser()
    if FORMATS[to].several is not None and path.exists() and not path.is_dir():
        raise UsageError(f"{to} writes several files, and {path} is no folder")
    material = material_of(runs, options)
    check_target(material, path)
    return FORMATS[to].write(material, path)


def check_target(material: Material, target: Path) -> None:
    """Raise `UsageError` where what is exported would replace a file of its runs, or land among them."""
    for each in material.scored:
        if target.resolve().is_relative_to(each.run.path.resolve()):
            raise UsageError(f"{target} lies in {each.run.path}, which is read: write it to another place")


def material_of(runs: Any, options: ExportOptions) -> Material:
    """Collect what is exported; errors as for `export`."""
    out = options.get("out", RUNS)
    read = [load_run(reference, out) for reference in references_of(runs)]
    if not read:
        raise UsageError("name at least one run to export")
    wanted = wanted_tasks(read, names_of(options.get("tasks", ())))
    allowed = names_of(options.get("allow", ()))
    notes: list[str] = []
    scored = [
        Scored(
            run,
            result,
            partial(read_samples, [run], [name], allow=allowed, note=notes.append),
            partial(_hub_facts, result),
        )
        for run in read
        for name, result in run.tasks.items()
        if name in wanted and result.scores is not None
    ]
    if not scored:
        raise NotComparableError(f"{read[0].path} has no task with scores: there is nothing to export")
    return Material(scored, options.get("source_url"), options.get("organisation", "unknown"), notes)


def _hub_facts(result: TaskResult) -> HubFacts | None:
    hub = hub_of(result)
    if hub is None:
        return None
    split = hub.splits.get(result.entry.split, result.entry.split)
    config = hub.config or ("+".join(hub.configs) if hub.configs else None)
    pinned = hub.revision if result.source.data_path is None else ""  # a copy of the user's has no commit
    return HubFacts(hub.id, pinned or None, config, split)
