"""`mmbench.import_run`: turn the output of another evaluation tool into a run directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmbench.comparison.matching import match
from mmbench.core.errors import NotComparableError, OptionError, UnknownNameError, UsageError
from mmbench.core.ids import names_of
from mmbench.core.samples import Sample
from mmbench.core.secrets import masked
from mmbench.core.spec import RUNS, DataSource
from mmbench.exchange.imported_run import Placed, asked_line, name_in_run, write_imported
from mmbench.exchange.importers import IMPORTERS, read_peer
from mmbench.exchange.peer_files import peer_files
from mmbench.exchange.peer_run import PeerRun, PeerTask
from mmbench.resolve.samples import samples_of
from mmbench.resolve.task_names import ResolvedTask, resolve_tasks
from mmbench.results.run import Run, read_run
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import AskedLine

__all__ = ["Imported", "import_run"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made."""

    path: Path
    """The run directory."""
    run: Run
    """The run."""
    notes: tuple[str, ...]
    """What the files do not hold, or hold in another way, a sentence each."""

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"path", "tool", "version", "model", "tasks": {name: {metric: value}}, "notes"}``."""
        origin = self.run.record.imported
        return {
            "path": str(self.path),
            "tool": None if origin is None else origin.tool,
            "version": None if origin is None else origin.version,
            "model": None if origin is None else origin.model,
            "tasks": {
                name: {
                    "samples": task.entry.n_samples,
                    "metrics": {key: each.value for key, each in task.metrics.items()},
                }
                for name, task in self.run.tasks.items()
            },
            "notes": list(self.notes),
        }


def import_run(  # the options of the command
    tool: str,
    files: str | Path | Iterable[str | Path],
    *,
    task: str | Iterable[str] = (),
    data: str | Path | None = None,
    task_args: Mapping[str, Any] | None = None,
    model: str | None = None,
    out: str | Path = RUNS,
) -> Imported:
    """Turn the output of another evaluation tool into a run directory, marked as imported.

    The tool's score of each sample becomes a metric of its own name, such as ``exact_match(tool=lm-eval)``, with our interval. An imported
    run is shown, compared, explained, reported and exported as any other; it is never resumed.

    Args:
        tool: ``lmms-eval``, ``lm-eval``, ``vlmevalkit`` or ``inspect``.
        files: The files of one run, or the folder that holds them.
        task: The task of ours that has the same samples, such as ``vqa/easy-vqa``, so that `mmbench.rescore` and `mmbench.explain` can
            score the answers by our extractor and metric; ``THEIRS=OURS`` for one of several tasks.
        data: A file or folder of the user's with the samples, for a family as `task`.
        task_args: Options of our task.
        model: Name of the model, where the files do not tell it well.
        out: The folder of all runs.

    Returns:
        The run directory. Importing the same files again replaces it.

    Raises:
        UsageError: For an unknown tool or task, files that do not make up one run, or files of another tool.
        DataError: For files that are damaged, too large, or of a version that is not known.
        NotComparableError: If samples are not found in `task`.
        RunFailedError: If the run cannot be written.

    Example:
        >>> import mmbench
        >>> found = mmbench.import_run("lm-eval", ["results.json", "samples_mmmu_val.jsonl"])  # doctest: +SKIP
        >>> found.run.rows()[0].id, found.run.rows()[0].value  # doctest: +SKIP
        ('acc(tool=lm-eval)', 0.375)
    """
    if tool not in IMPORTERS:
        raise UnknownNameError("tool", tool, IMPORTERS, hint=f"There are: {', '.join(IMPORTERS)}.")
    if model is not None and not model.strip():
        raise OptionError("--model", model, "the name of the model")
    given = [files] if isinstance(files, str | Path) else list(files)
    read = peer_files(given)
    peer = _without_secrets(read_peer(tool, read))
    if model is not None:
        peer = replace(peer, model=model.strip())
    placed = _place(peer, names_of(task), data, task_args or {})
    _check_names(peer, tool, placed)
    digests = {
        file.path.name if len(given) > 1 or len(read) == 1 else _below(file.path, given): file.digest() for file in read
    }
    path = write_imported(peer, tool, digests, placed, Path(out))
    run = read_run(RunDirectory(path))
    notes = [f"{name}: {note}" for name, each in run.tasks.items() for note in each.entry.notes]
    return Imported(path, run, tuple(notes))


def _below(path: Path, given: Sequence[str | Path]) -> str:
    """A file's path seen from the folder that the user named."""
    folder = Path(given[0]).expanduser()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name


def _without_secrets(peer: PeerRun) -> PeerRun:
    """The run with what may be a secret masked among its settings, such as a key among the arguments of a model."""
    tasks = [replace(each, generation=masked(each.generation), settings=masked(each.settings)) for each in peer.tasks]
    return replace(peer, settings=masked(peer.settings), tasks=tasks)


def _place(
    peer: PeerRun, wanted: Sequence[str], data: str | Path | None, options: Mapping[str, Any]
) -> dict[str, Placed]:
    """Name of a task, as the tool calls it, to our task and the samples of both. Raises `UsageError`, `NotComparableError`."""
    if not wanted:
        if data is not None or options:
            raise UsageError("--data and --task-args say more of a task of ours: name it with --task")
        return {}
    tasks = {each.name: each for each in peer.tasks}
    pairs: dict[str, str] = {}
    for text in wanted:
        theirs, sign, ours = text.partition("=")
        if not sign and len(tasks) > 1:
            raise UsageError(
                f"the run has {len(tasks)} tasks: write --task THEIRS={text}, THEIRS being one of {', '.join(tasks)}"
            )
        name = theirs if sign else next(iter(tasks))
        if name not in tasks:
            raise UnknownNameError("task of this run", name, tasks, hint=f"It has: {', '.join(tasks)}.")
        pairs[name] = ours if sign else text
    sources = [] if data is None else [DataSource(str(data))]
    found = {}
    for theirs, ours in pairs.items():
        resolved = resolve_tasks([ours], sources, options)[0]
        found[theirs] = _matched(tasks[theirs], resolved)
    return found


def _check_names(peer: PeerRun, tool: str, placed: Mapping[str, Placed]) -> None:
    """Raise `UsageError` where two tasks would have one name in the run directory."""
    taken: dict[str, str] = {}
    for each in peer.tasks:
        name = name_in_run(each, tool, placed.get(each.name))
        if name in taken:
            raise UsageError(f"the tasks {taken[name]!r} and {each.name!r} would both be {name}; import one at a time")
        taken[name] = each.name


def _matched(task: PeerTask, resolved: ResolvedTask) -> Placed:
    every = samples_of(resolved.task, "test")
    ours = [our_line(place, sample) for place, sample in enumerate(every)]
    matching = match([asked_line(peer) for peer in task.samples], ours)
    lost = len(task.samples) - len(matching.pairs)
    if lost:
        raise NotComparableError(
            f"{lost:,} of the {len(task.samples):,} samples of {task.name} are not found in {resolved.name} by id, place or question: it "
            "is another data set, split or revision. Import without --task to keep the tool's own samples"
        )
    pairs = sorted(matching.pairs, key=lambda pair: pair[1])
    return Placed(resolved, [every[j] for _, j in pairs], [task.samples[i] for i, _ in pairs], matching.how)


def our_line(place: int, sample: Sample) -> AskedLine:
    """A sample of ours as it is held against those of another tool."""
    question = "\n".join(part for part in sample.parts if isinstance(part, str))
    return AskedLine(id=sample.id, position=place, question=question or None, references=sample.references)
