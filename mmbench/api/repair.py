"""`mmbench.repair`: rebuild what is damaged in a run directory from what is not."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from mmbench.api.references import reference_of
from mmbench.api.run import write_report
from mmbench.core.errors import DamagedFileError, MmbenchError, NotComparableError, RunNotFoundError
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.resolve.allowances import FOREIGN_SOURCE, allowances
from mmbench.results.find import find_run
from mmbench.results.mend import mend_log, mend_perf, mend_run_file
from mmbench.results.run import read_run
from mmbench.results.rundir import RunDirectory, set_damaged_aside
from mmbench.results.schema import RunFile, TaskEntry
from mmbench.runner.execute.signals import interruptible, shielded
from mmbench.runner.plan.replan import plan_again, replan
from mmbench.scoring.renewal import score_stored
from mmbench.scoring.tables import keep

__all__ = ["Repaired", "repair"]


@dataclass(slots=True)
class Repaired:
    """What a repair did."""

    path: Path
    """The run directory."""
    done: list[str] = field(default_factory=list)
    """What was mended or set aside, a sentence each; empty where nothing was damaged."""
    lost: list[str] = field(default_factory=list)
    """What could not be rebuilt, and what to do about it."""

    @property
    def exit_code(self) -> int:
        """0, or 3 when something could not be rebuilt."""
        return NotComparableError.exit_code if self.lost else 0

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"path", "done": […], "lost": […]}``."""
        return {"path": str(self.path), "done": self.done, "lost": self.lost}


def repair(run: Any, *, allow: str | Iterable[str] = (), out: str | Path = RUNS) -> Repaired:
    """Rebuild what is damaged in a run directory; no model is needed, and nothing that is damaged is thrown away.

    Plans and scores come from the log and the task again. Answers whose lines are damaged are lost: they are set aside, and
    the command of the run asks them again. Checksums find damage, not forgery: whoever can write the files can write
    checksums that match.

    Args:
        run: A run directory, a name under `out`, or what `mmbench.run` or `mmbench.load_run` returned.
        allow: ``foreign-source`` to import a Python file or module that the run names as the source of a task.
        out: The folder of all runs.

    Returns:
        What was mended, and what could not be.

    Raises:
        UsageError: If there is no such run.
        NotComparableError: If ``run.json`` cannot be read or is of a newer schema.
        RunFailedError: If another process is writing to the run, or files cannot be written.

    Example:
        >>> import mmbench
        >>> mmbench.repair("results/runs/mymodel--1a2b3c4d").done  # doctest: +SKIP
        ['vqa/mine: its scores were missing and are made again; they are those of before']
    """
    foreign = FOREIGN_SOURCE in allowances(names_of(allow), (FOREIGN_SOURCE,))
    directory = _find(reference_of(run), Path(out))
    with interruptible(), directory.locked():
        repaired = Repaired(directory.path)
        repaired.done += filter(None, [mend_run_file(directory), mend_perf(directory)])
        stored = directory.read()
        entries = {
            name: _TaskRepair(directory, stored, entry, repaired, foreign=foreign).entry()
            for name, entry in stored.tasks.items()
        }
        if entries != stored.tasks:
            with shielded():
                directory.write(msgspec.structs.replace(stored, tasks=entries))
        if repaired.done and not repaired.lost and stored.shard is None:
            write_report(read_run(directory))
        return repaired


def _find(reference: str, out: Path) -> RunDirectory:
    """The run; also one that has lost its ``run.json``. Raises `RunNotFoundError`, and `DamagedFileError` for that."""
    try:
        return find_run(reference, out)
    except RunNotFoundError:
        if os.path.lexists(Path(reference) / "run.json") or (Path(reference) / "tasks").is_dir():
            problem = (
                "it is missing, or no file. Nothing else holds what it says: give the mmbench run command again, which "
                "finds the answers in tasks/ and asks none of them again"
            )
            raise DamagedFileError(Path(reference) / "run.json", problem) from None
        raise


class _TaskRepair:
    """The repair of one task."""

    def __init__(
        self, directory: RunDirectory, run: RunFile, entry: TaskEntry, repaired: Repaired, *, foreign: bool
    ) -> None:
        self._directory = directory
        self._run = run
        self._entry = entry
        self._repaired = repaired
        self._foreign = foreign

    def entry(self) -> TaskEntry:
        """Repair the task; its entry afterwards."""
        name = self._entry.name
        lines, done = mend_log(self._directory.task(name))
        if done is not None:
            again = "; the command of the run asks them again" if lines else ""
            self._say(f"{done}{again}")
        self._mend_plan()
        scoring = self._entry.scoring
        if scoring is None:
            return self._entry
        try:
            self._directory.read_tables(name, scoring)
        except DamagedFileError as error:
            return self._score_again(error, scoring)
        return self._entry

    def _say(self, text: str) -> None:
        self._repaired.done.append(f"{self._entry.name}: {text}")

    def _lose(self, text: str) -> None:
        self._repaired.lost.append(f"{self._entry.name}: {text}")

    def _mend_plan(self) -> None:
        entry, directory = self._entry, self._directory
        path = directory.task(entry.name) / "plan.json"
        try:
            if directory.read_plan(entry.name) is not None or not entry.n_requests:
                return
            problem = "it is missing"
        except DamagedFileError as error:
            problem = error.problem
            set_damaged_aside(path)
        if self._run.shard is not None:  # whose batches are those of the other shards
            self._lose(f"its plan was damaged ({problem}): the mmbench run command of the shard makes it again")
            return
        try:
            directory.write_plan(plan_again(directory, self._run, entry, foreign=self._foreign))
        except MmbenchError as error:
            self._lose(
                f"its plan was damaged ({problem}) and cannot be made again here: {error}. Give the mmbench run command again"
            )
        else:
            self._say(f"its plan was damaged ({problem}) and is made again from the task")

    def _score_again(self, damage: DamagedFileError, before: str) -> TaskEntry:
        entry, directory = self._entry, self._directory
        asked_again = partial(replan, directory, self._run, {}, foreign=self._foreign)
        try:
            with shielded():
                again = score_stored(directory, entry, asked_again)
                scoring = keep(directory, again.scored)
        except MmbenchError as error:
            self._lose(
                f"its scores are damaged ({damage.problem}) and cannot be made again here: {error}. "
                "Give the mmbench run command again"
            )
            return entry
        same = "they are those of before" if scoring == before else "they differ from those of before"
        self._say(f"its scores were damaged ({damage.problem}) and are made again from its answers; {same}")
        return msgspec.structs.replace(entry, scoring=scoring)
