"""The run directory: where everything lies, who may write, and what is there already."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
from filelock import FileLock, Timeout

from mmbench.core.errors import DamagedFileError, RunFailedError, UsageError
from mmbench.core.score_table import ScoreTable
from mmbench.core.visible import shown_name
from mmbench.results.codec import (
    NO_SPACE,
    decode_record,
    pretty_json,
    read_file,
    read_record,
    sealed,
    write_atomic,
    write_failed,
)
from mmbench.results.npz import decode_tables, write_tables
from mmbench.results.schema import AskedLine, PerfFile, PlanFile, RunFile, ScoresFile


def folder_name(name: str) -> str:
    """A model or task name as the name of a folder: slashes become ``__``, what file systems dislike becomes ``_``."""
    safe = re.sub(r"[^A-Za-z0-9_.+=@-]", "_", name.replace("/", "__"))
    if safe == name.replace("/", "__") and len(safe) <= 80 and safe.strip("."):
        return safe
    return f"{safe[:80]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def shown_path(path: Path) -> Path:
    """A path to show and to paste: relative where it lies below the working directory."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


class RunDirectory:
    """Paths and files of one run. Reading needs nothing; writing goes through `locked`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def for_run(cls, out: Path, model: str, identity: str, ending: str = "") -> Self:
        """Where the run of this model with this identity lies under `out`; that of a shard has its `ending`."""
        return cls(out / f"{folder_name(model)}--{identity[:8]}{ending}")

    @classmethod
    def open(cls, path: Path) -> Self:
        """An existing run. Raises `UsageError` when there is none at that path."""
        if not (path / "run.json").is_file():
            raise UsageError(f"{path} is not a run directory: it has no run.json")
        return cls(path)

    def task(self, name: str) -> Path:
        """The folder of a task."""
        return self.path / "tasks" / folder_name(name)

    def read(self) -> RunFile:
        """``run.json``. Raises `NotComparableError` when it is damaged or of a newer schema."""
        run = read_record(self.path / "run.json", RunFile)
        for name, task in run.tasks.items():
            if task.name != name:
                problem = f"the entry of {shown_name(name)} is that of {shown_name(task.name)}"
                raise DamagedFileError(self.path / "run.json", problem, run=self.path)
        return run

    def write(self, run: RunFile) -> None:
        """Replace ``run.json``. Raises `RunFailedError`."""
        write_atomic(self.path / "run.json", pretty_json(sealed(run)), private=True)

    def read_plan(self, task: str) -> PlanFile | None:
        """The plan of a task, or None before there is one. Raises `NotComparableError` when it is damaged."""
        path = self.task(task) / "plan.json"
        return read_record(path, PlanFile) if is_there(path) else None

    def write_plan(self, plan: PlanFile) -> None:
        """Replace the plan of a task; compact, because it lists every request. Raises `RunFailedError`."""
        folder = self.task(plan.task)
        make_folder(folder)
        write_atomic(folder / "plan.json", msgspec.json.encode(sealed(plan)) + b"\n")

    def read_asked(self, task: str) -> list[AskedLine]:
        """What an imported run was asked on a task; empty where there is no such file. Raises `NotComparableError`."""
        path = self.task(task) / "asked.jsonl"
        if not is_there(path):
            return []
        try:
            return msgspec.json.Decoder(AskedLine).decode_lines(read_file(path))
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise DamagedFileError(path, error, run=self.path) from error

    def write_asked(self, task: str, lines: Sequence[AskedLine]) -> None:
        """Write what an imported run was asked on a task. Raises `RunFailedError`."""
        make_folder(self.task(task))
        write_atomic(self.task(task) / "asked.jsonl", msgspec.json.Encoder().encode_lines(lines))

    def read_perf(self) -> PerfFile | None:
        """``perf.json``, or None before there is one. Raises `NotComparableError` when it is damaged."""
        path = self.path / "perf.json"
        return read_record(path, PerfFile) if is_there(path) else None

    def write_perf(self, perf: PerfFile) -> None:
        """Replace ``perf.json``."""
        write_atomic(self.path / "perf.json", pretty_json(sealed(perf)))

    def read_workers(self) -> int | None:
        """Workers that a run is to be asked by which is under way; None where it is not asked by workers now.

        Raises:
            DamagedFileError: If the file ``workers`` holds no number from 1 up.
        """
        path = self.path / "workers"
        try:
            text = path.read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DamagedFileError(path, error, run=self.path) from error
        if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text)):
            raise DamagedFileError(path, f"it holds {text[:20]!r} and no number of workers", run=self.path)
        return int(text)

    def write_workers(self, count: int) -> None:
        """Say how many workers a run that is under way is to be asked by. Raises `RunFailedError`."""
        write_atomic(self.path / "workers", f"{count}\n".encode())

    def remove_workers(self) -> None:
        """Say that the run is not asked by workers any more."""
        with contextlib.suppress(OSError):
            (self.path / "workers").unlink()

    def write_scores(self, scores: ScoresFile, tables: Mapping[str, ScoreTable]) -> str:
        """Write values and tables under the name of their content, once; the name. Raises `RunFailedError`."""
        folder = self.task(scores.task) / "scores"
        if is_there(folder) and not folder.is_dir():
            set_damaged_aside(folder)
        make_folder(folder)
        values = pretty_json(scores)
        temporary = folder / f".tables.{os.getpid()}.tmp"
        try:
            with temporary.open("w+b") as file:
                write_tables(file, tables)
                file.flush()
                os.fsync(file.fileno())
                file.seek(0)
                arrays = hashlib.file_digest(file, "sha256").digest()
            name = _content_name(values, arrays)
            path, beside = folder / f"{name}.json", folder / f"{name}.npz"
            for each in (path, beside):
                if is_there(each) and not each.is_file():
                    set_damaged_aside(each)
            if not _holds(beside, arrays):
                temporary.replace(beside)
            if not _holds(path, hashlib.sha256(values).digest()):
                write_atomic(path, values)
        except OSError as error:
            raise write_failed(folder, error) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
        return name

    def read_scores(self, task: str, name: str) -> ScoresFile:
        """The values of one scoring. Raises `NotComparableError` when they or the tables are missing, damaged or changed."""
        values, _ = self._read_scoring(task, name)
        return decode_record(values, ScoresFile, self._scores(task, name, "json"))

    def read_tables(self, task: str, name: str) -> dict[str, ScoreTable]:
        """The score tables of one scoring. Raises `NotComparableError` when they are missing, damaged or changed."""
        values, arrays = self._read_scoring(task, name)
        units = decode_record(values, ScoresFile, self._scores(task, name, "json")).units
        path = self._scores(task, name, "npz")
        try:
            tables = decode_tables(arrays)
            if (found := {unit: len(table.unit_ids) for unit, table in tables.items()}) != units:
                raise ValueError(f"it has the rows {found}, and the values are of {units}")
        except ValueError as error:
            raise DamagedFileError(path, error, run=self.path) from error
        return tables

    def _scores(self, task: str, name: str, ending: str) -> Path:
        return self.task(task) / "scores" / f"{name}.{ending}"

    def _read_scoring(self, task: str, name: str) -> tuple[bytes, bytes]:
        """Both files of a scoring, once they are what their name says."""
        if not _SCORING.fullmatch(name):
            raise DamagedFileError(self.path / "run.json", f"{name!r} is no name of a scoring", run=self.path)
        values, arrays = (read_file(self._scores(task, name, ending)) for ending in ("json", "npz"))
        if _content_name(values, hashlib.sha256(arrays).digest()) != name:
            what = "it or the file beside it is not what was written"
            raise DamagedFileError(self._scores(task, name, "npz"), what, run=self.path)
        return values, arrays

    def set_aside(self, task: str, identity_digest: str) -> Path:
        """Move a task's folder out of the way, keeping it: its answers are to another data set, prompt or version."""
        folder = self.task(task)
        for n in range(1, 1000):
            kept = folder.with_name(f"{folder.name}.{identity_digest[:8]}" + (f".{n}" if n > 1 else ""))
            if not is_there(kept):
                try:
                    folder.rename(kept)
                except OSError as error:
                    raise write_failed(folder, error) from error
                return kept
        raise RunFailedError(f"{folder.parent} holds too many old results of {task}; remove some")

    def locked(self) -> _Lock:
        """A context manager: this process alone writes here. Raises `RunFailedError` when another one does."""
        return _Lock(self.path)

    def remove_unanswered(self) -> None:
        """Remove the run, if nothing was learned or answered in it; only the owner of the lock may."""
        learned = any(task.learned is not None for task in self.read().tasks.values())
        if not learned and not any(log.stat().st_size for log in self.path.glob("tasks/*/responses.jsonl")):
            shutil.rmtree(self.path, ignore_errors=True)

    def is_locked(self) -> bool:
        """Whether a process is writing here now; also True where that cannot be told. Nothing is written."""
        path = self.path / ".lock"
        if not path.is_file():
            return False
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except (Timeout, OSError):
            return True
        lock.release()
        return False


class _Lock:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path / ".lock", timeout=0)

    def __enter__(self) -> Self:
        make_folder(self._path)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise RunFailedError(
                f"another process is running in {self._path}; wait for it, or stop it, and give the command again"
            ) from error
        except OSError as error:
            if error.errno in NO_SPACE:
                raise write_failed(self._path / ".lock", error) from error
            raise UsageError(f"cannot write to {self._path}: {error.strerror or error}") from error
        _remove_leftovers(self._path)
        return self

    def __exit__(self, *exc: object) -> None:
        self._lock.release()


_SCORING = re.compile("[0-9a-f]{8}")


def is_there(path: Path) -> bool:
    """Whether there is anything at a path, be it no file."""
    return path.exists() or path.is_symlink()


def set_damaged_aside(path: Path) -> Path:
    """Move a damaged file out of the way, keeping it; where it is now. Raises `RunFailedError`."""
    for n in range(1, 1000):
        kept = path.with_name(f"{path.name}.damaged" + (f".{n}" if n > 1 else ""))
        if not is_there(kept):
            try:
                path.rename(kept)
            except OSError as error:
                raise write_failed(path, error) from error
            return kept
    raise RunFailedError(f"{path.parent} holds too many damaged copies of {path.name}; remove some")


def _holds(path: Path, content: bytes) -> bool:
    """Whether a file has the content with this sha256."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest() == content
    except OSError:
        return False


def _content_name(values: bytes, arrays: bytes) -> str:
    """The name of a scoring: 8 hexadecimal digits of a digest of both its files, the second given by its sha256."""
    return hashlib.sha256(hashlib.sha256(values).digest() + arrays).hexdigest()[:8]


def _remove_leftovers(path: Path) -> None:
    """Remove half-written files that a killed process left behind; only the owner of the lock may."""
    for leftover in path.rglob(".*.tmp"):
        with contextlib.suppress(OSError):
            leftover.unlink()


def make_folder(path: Path, option: str = "--out") -> None:
    """Create a folder and its parents. Raises `RunFailedError` on a full disk, else `UsageError` where it cannot be.

    `option` is the one by which the user chooses another place.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in NO_SPACE:
            raise write_failed(path, error) from error
        raise UsageError(
            f"cannot create the folder {shown_path(path)}: {error.strerror or error}; choose another {option}"
        ) from error


def identity_of(model: str, model_digest: str | None, options: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """What makes two runs the same run: the model's name, its digest and options, and the seed."""
    return {"model": model, "digest": model_digest, "options": dict(options), "seed": seed}
