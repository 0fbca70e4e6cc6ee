"""Mend the files of a run that need no task: take damaged lines out of a log, and set damaged records aside."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mmbench.core.errors import DamagedFileError
from mmbench.results.codec import decode_record, read_file, write_failed
from mmbench.results.log import check_regular, decode_line, embedding_of, read_embeddings, row_check
from mmbench.results.rundir import RunDirectory, set_damaged_aside
from mmbench.results.schema import ResponseLine, RunFile


def mend_run_file(directory: RunDirectory) -> str | None:
    """Take ``run.json`` as it is where it can be read and only its digest is wrong; None where nothing is.

    Returns:
        What was done.

    Raises:
        DamagedFileError: If it cannot be read at all; it is set aside then, and the command of the run makes it again.
        NotComparableError: If it is of a newer schema.
    """
    path = directory.path / "run.json"
    try:
        directory.read()
    except DamagedFileError as error:
        try:
            run = decode_record(read_file(path), RunFile, path, believed=True)
        except DamagedFileError:
            kept = set_damaged_aside(path)
            problem = (
                f"{error.problem}. Nothing else holds what it says, so it is kept as {kept.name}: give the mmbench run command "
                "again, which finds the answers in tasks/ and asks none of them again"
            )
            raise DamagedFileError(path, problem) from error
        kept = set_damaged_aside(path)
        directory.write(run)
        return (
            f"run.json: {error.problem}. Nothing else holds what it says of model, options and status, so it is taken as it is; "
            f"check it. The copy is {kept.name}"
        )
    return None


def mend_perf(directory: RunDirectory) -> str | None:
    """Set ``perf.json`` aside where it is damaged; what was done, or None."""
    try:
        directory.read_perf()
    except DamagedFileError as error:
        kept = set_damaged_aside(directory.path / "perf.json")
        return f"perf.json: {error.problem}. Its figures of speed are lost; it is kept as {kept.name}"
    return None


def mend_log(folder: Path) -> tuple[int, str | None]:
    """Take the lines out of a log that are damaged, or whose rows of ``embeddings.bin`` are.

    They are kept beside it, in ``responses.jsonl.damaged``.

    Args:
        folder: The folder of the task.

    Returns:
        How many lines were taken out, and what was done; 0 and None where nothing was damaged.

    Raises:
        RunFailedError: If the new log cannot be written.
    """
    path = folder / "responses.jsonl"
    try:
        there = check_regular(path)
    except DamagedFileError as error:
        kept = set_damaged_aside(path)
        return 0, f"{path.name}: {error.problem}; it is kept as {kept.name}, and its answers are lost"
    if not there:
        return 0, None
    rows = _rows(folder)
    found = list(_good_lines(path, rows))
    good = [is_good for is_good, _ in found]
    damaged = good.count(False)
    if not damaged:
        return 0, None
    if rows is not None and not any(has_row for is_good, has_row in found if is_good):
        set_damaged_aside(folder / "embeddings.bin")  # its header may be what is damaged
    kept = path.with_name(f"{path.name}.damaged")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with path.open("rb") as old, temporary.open("wb") as new, kept.open("ab") as out:
            for raw, is_good in zip(old, good, strict=True):
                (new if is_good else out).write(raw)
            new.flush()
            os.fsync(new.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise write_failed(path, error) from error
    lines = f"{damaged:,} line{'s' * (damaged > 1)}"
    return damaged, f"{path.name}: {lines} of {len(good):,} were damaged and are kept in {kept.name}"


def _rows(folder: Path) -> Any:
    """The embeddings of a task, as far as they can be read; a file that is none is set aside."""
    path = folder / "embeddings.bin"
    try:
        return read_embeddings(path)
    except DamagedFileError:
        set_damaged_aside(path)
        return None


def _good_lines(path: Path, rows: Any) -> Iterator[tuple[bool, bool]]:
    """Whether each line of a log is what was written, and whether it names a row.

    The torn last one counts as good, since readers drop it.
    """
    decoder = msgspec.json.Decoder(ResponseLine)
    with path.open("rb") as file:
        for raw in file:
            if not raw.endswith(b"\n") or raw.isspace():
                yield True, False
                continue
            try:
                line = decode_line(raw, decoder)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                yield False, False
                continue
            yield line.row is None or _is_good_row(line, rows), line.row is not None


def _is_good_row(line: ResponseLine, rows: Any) -> bool:
    found = embedding_of(line, rows)
    return found is not None and (line.row_check is None or row_check(found) == line.row_check)
