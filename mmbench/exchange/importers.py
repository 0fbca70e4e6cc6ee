"""The tools whose runs are imported, and which of them made a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mmbench.core.errors import DataError, MmbenchError, UsageError
from mmbench.exchange.import_inspect import read_inspect
from mmbench.exchange.import_lm_eval import read_lm_eval
from mmbench.exchange.import_lmms_eval import read_lmms_eval
from mmbench.exchange.import_vlmevalkit import read_vlmevalkit
from mmbench.exchange.peer_files import PeerFile
from mmbench.exchange.peer_run import PeerRun


@dataclass(frozen=True, slots=True)
class Importer:
    """One tool."""

    what: str
    """The files that it reads, for people."""
    read: Callable[[Sequence[PeerFile]], PeerRun]
    """Reads them. Raises `DataError`, `UsageError`, `MissingExtraError`."""


IMPORTERS: Mapping[str, Importer] = {
    "lmms-eval": Importer("*_results.json and *_samples_*.jsonl (--log_samples)", read_lmms_eval),
    "lm-eval": Importer("results_*.json and samples_*.jsonl (--log_samples)", read_lm_eval),
    "vlmevalkit": Importer("MODEL_DATASET.xlsx or .tsv, its judged …_result.xlsx, and …_acc.csv", read_vlmevalkit),
    "inspect": Importer("logs, .eval or .json", read_inspect),
}
"""Name of a tool to how its runs are read."""


def read_peer(tool: str, files: Sequence[PeerFile]) -> PeerRun:
    """Read a run of a tool.

    Raises:
        UsageError: If the files do not make up one run, or another tool made them, which is named.
        DataError: If a file is damaged, or not of this tool.
        MissingExtraError: If a package is missing that reads them.
    """
    made_by = [(file, guess) for file in files if (guess := tool_of(file)) is not None]
    if wrong := [(file, guess) for file, guess in made_by if guess != tool]:
        file, guess = wrong[0]
        raise UsageError(f"{file.path} looks like a file of {guess}, not of {tool}: mmbench import {guess} …")
    try:
        run = IMPORTERS[tool].read(files)
    except MmbenchError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        named = files[0].path if len(files) == 1 else f"one of {len(files)} files"
        raise DataError(f"{named} is not as {tool} writes it ({type(error).__name__}: {error})") from error
    _check(run, tool)
    return run


def _check(run: PeerRun, tool: str) -> None:
    for task in run.tasks:
        if not task.samples:
            raise DataError(f"the task {task.name} of {tool} has no samples")
        seen: set[str] = set()
        for sample in task.samples:
            if sample.id in seen:
                raise DataError(f"the task {task.name} of {tool} has the sample {sample.id!r} twice")
            seen.add(sample.id)


def tool_of(file: PeerFile) -> str | None:
    """The tool that made a file, as far as its name and first bytes tell; None where they do not."""
    if file.suffix in (".xlsx", ".tsv", ".pkl"):
        return "vlmevalkit"
    if file.suffix == ".eval":
        return "inspect"
    head = file.head(2**16)
    if file.suffix == ".jsonl" and b'"doc_id"' in head:
        if b'"arguments"' in head and b'"prompt_hash"' in head:
            return "lm-eval"
        return "lmms-eval" if b'"input"' in head or b'"token_counts"' in head else None
    if file.suffix == ".json":
        return _of_document(file, head)
    return None


def _of_document(file: PeerFile, head: bytes) -> str | None:
    if b'"eval_id"' in head and b'"version"' in head:
        return "inspect"
    text = head if file.path.stat().st_size <= len(head) else file.read()
    for mark, tool in ((b'"lmms_eval_version"', "lmms-eval"), (b'"lm_eval_version"', "lm-eval")):
        if mark in text:
            return tool
    return None
