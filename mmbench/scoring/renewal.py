"""Score the stored answers of a run with today's metrics: a new scoring beside the old ones, and what moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mmbench.analysis.joins import matched_rows
from mmbench.core.errors import MmbenchError, NotComparableError, PluginError, UnknownNameError
from mmbench.core.ids import tasks_named
from mmbench.core.metric import Metric
from mmbench.core.responses import ENDED_WELL
from mmbench.core.score_table import MetricValue, ScoreTable
from mmbench.metrics.evaluate import IS_COUNTED, read_rows, status_codes
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import PlanFile, RunFile, TaskEntry
from mmbench.scoring.answers import StoredAnswers
from mmbench.scoring.asked import AskedTask
from mmbench.scoring.imported_scores import beside
from mmbench.scoring.prior import prior_values
from mmbench.scoring.tables import Scored, chance_of, keep, score


@dataclass(frozen=True, slots=True)
class Moved:
    """One metric of one task, before and after."""

    task: str
    """Full name of the task."""
    id: str
    """The metric's id with its convention."""
    primary: bool
    """Whether it stands in the main table today."""
    old: MetricValue | None
    """The value that stood before; None for a metric that is new."""
    new: MetricValue | None
    """Today's value; None for a metric that the task no longer offers."""
    changed: int | None
    """Units whose score or status differs, or that only one scoring has; None where the old scores cannot tell."""

    @property
    def moved(self) -> bool:
        """Whether anything about it differs."""
        values = [None if each is None else each.value for each in (self.old, self.new)]
        return bool(self.changed) or values[0] != values[1] or (self.old is None) != (self.new is None)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the fields, and ``moved``."""
        old, new = (None if each is None else msgspec.to_builtins(each) for each in (self.old, self.new))
        own = {"task": self.task, "id": self.id, "primary": self.primary, "changed": self.changed, "moved": self.moved}
        return {**own, "old": old, "new": new}


@dataclass(frozen=True, slots=True)
class Rescored:
    """What a rescoring found."""

    path: Path
    """The run directory."""
    moved: tuple[Moved, ...]
    """Every metric of every task, in order; see `Moved.moved`."""
    scorings: Mapping[str, tuple[str, str]]
    """Task to the names of its scoring before and after; the same where today's metrics give the same scores."""
    notes: tuple[str, ...]
    """What was left out, and why."""
    written: bool
    """False where this only looked (``--dry-run``)."""

    def to_dict(self) -> dict[str, Any]:
        """What ``--json`` prints: ``{"path", "written", "metrics": […], "scorings": {task: {"old", "new"}}, "notes"}``."""
        return {
            "path": str(self.path),
            "written": self.written,
            "metrics": [each.to_dict() for each in self.moved],
            "scorings": {task: {"old": old, "new": new} for task, (old, new) in self.scorings.items()},
            "notes": list(self.notes),
        }


Replan = Callable[[TaskEntry, PlanFile], AskedTask]
"""Finds out what was asked on a task of a stored run. Raises `MmbenchError` if it would be asked differently today."""


@dataclass(frozen=True, slots=True)
class RescoredTask:
    """One task, scored again in memory."""

    entry: TaskEntry
    """The entry as it stood."""
    stored: PlanFile
    """The plan as it stood."""
    asked: AskedTask
    """The same requests, made by today's code."""
    scored: Scored
    """Today's scores."""


def score_again(
    directory: RunDirectory, run: RunFile, tasks: Sequence[str], replan: Replan, notes: list[str]
) -> list[RescoredTask]:
    """Score tasks of a run again; nothing is written.

    Args:
        directory: The run directory.
        run: Its ``run.json``.
        tasks: Full names or families; empty for all tasks that have scores.
        replan: Finds out what was asked.
        notes: Takes a sentence about every task that is left out.

    Raises:
        UnknownNameError: If the run has no such task.
        NotComparableError: If a task cannot be scored again, or none has scores; all reasons are listed at once.
    """
    again: list[RescoredTask] = []
    refused: list[str] = []
    for entry in _chosen(run, tasks):
        if entry.scoring is None:
            notes.append(f"{entry.name} has no scores ({entry.status}): nothing to do again")
            continue
        try:
            again.append(score_stored(directory, entry, replan))
        except MmbenchError as error:
            refused.append(f"{entry.name} cannot be scored again: {error}")
    if refused:
        others = [each.entry.name for each in again]
        hint = f"\nThe rest can: --tasks {','.join(others)}" if others else ""
        raise NotComparableError("\n".join(refused) + hint)
    if not again:
        raise NotComparableError(f"{directory.path} holds no scores to do again: run its tasks to an end first")
    return again


def _chosen(run: RunFile, tasks: Sequence[str]) -> list[TaskEntry]:
    found: set[str] = set()
    for wanted in tasks:
        fitting = tasks_named(wanted, run.tasks)
        if not fitting:
            raise UnknownNameError("task of this run", wanted, run.tasks, hint=f"It has: {', '.join(run.tasks)}.")
        found.update(fitting)
    return [entry for name, entry in run.tasks.items() if not tasks or name in found]


def score_stored(directory: RunDirectory, entry: TaskEntry, replan: Replan) -> RescoredTask:
    """Score the stored answers of one task; nothing is written.

    Raises:
        MmbenchError: If the task cannot be built, asks otherwise today, or answers that were scored before are missing.
    """
    stored = directory.read_plan(entry.name)
    if stored is None:
        raise NotComparableError(f"{directory.task(entry.name) / 'plan.json'} is missing")
    asked = replan(entry, stored)
    responses = StoredAnswers(asked, directory)
    _refuse_lost(directory, entry, responses)
    scored = score(asked.task, asked.identity_digest, asked.samples, responses, name=asked.name, repeats=asked.repeats)
    if entry.scoring is not None and stored.identity.get("imported"):
        earlier = directory.read_scores(entry.name, entry.scoring), directory.read_tables(entry.name, entry.scoring)
        scored = beside(scored, *earlier) or scored
    return RescoredTask(entry, stored, asked, scored)


def _refuse_lost(directory: RunDirectory, entry: TaskEntry, responses: StoredAnswers) -> None:
    """Raise `NotComparableError` where answers that were scored before are no longer in the log."""
    failed = sum(status not in ENDED_WELL for status in responses.statuses)
    lost = failed - entry.n_failed
    if lost > 0:
        log = directory.task(entry.name) / "responses.jsonl"
        raise NotComparableError(
            f"{lost:,} answer{'s' * (lost > 1)} that {'were' if lost > 1 else 'was'} scored before "
            f"{'are' if lost > 1 else 'is'} missing in {log}; its scores stay as they are"
        )


# --- what moved ---


def what_moved(directory: RunDirectory, again: RescoredTask, notes: list[str]) -> Iterator[Moved]:
    """Every metric of a task before and after; `notes` takes a sentence if the earlier scores cannot be read."""
    name, scoring = again.entry.name, again.entry.scoring or ""
    tables: Mapping[str, ScoreTable] = {}
    before: dict[str, MetricValue] = {}
    try:
        before = {value.id: value for value in directory.read_scores(name, scoring).metrics}
        tables = directory.read_tables(name, scoring)
    except NotComparableError as error:
        notes.append(f"{name}: the earlier scores cannot be read, so what moved is not known: {error}")
    now = {value.id: value for value in again.scored.scores.metrics}
    metrics = {str(metric.id): metric for metric in again.asked.task.metrics}
    for metric_id in dict.fromkeys([*before, *now]):
        metric = metrics.get(metric_id)
        changed = None if metric is None else _changed(metric, tables, again.scored.tables)
        primary = metric_id in again.scored.scores.primary
        yield Moved(name, metric_id, primary, before.get(metric_id), now.get(metric_id), changed)


def _changed(metric: Metric, old: Mapping[str, ScoreTable], new: Mapping[str, ScoreTable]) -> int | None:
    """How many units got another score or status; None where the old table does not have what the metric reads."""
    if metric.unit not in old or metric.unit not in new:
        return None
    before, after = old[metric.unit], new[metric.unit]
    try:
        rows = [read_rows(metric, table) for table in (before, after)]
        status = [status_codes(table) for table in (before, after)]
    except PluginError:
        return None
    left, right = matched_rows(before, after)
    alone = len(before.unit_ids) + len(after.unit_ids) - 2 * len(left)
    if rows[0].shape[1:] != rows[1].shape[1:]:
        return None
    scored = IS_COUNTED[status[0]][left] | IS_COUNTED[status[1]][right]
    differs = (rows[0][left] != rows[1][right]).any(axis=1) & scored
    return alone + int((differs | (status[0][left] != status[1][right])).sum())


# --- what is written ---


def write_again(directory: RunDirectory, run: RunFile, again: Sequence[RescoredTask]) -> dict[str, tuple[str, str]]:
    """Write scores first, then plans with a new identity, last ``run.json``, which points to them.

    Returns:
        Task → names of its scoring before and after.
    """
    entries = dict(run.tasks)
    scorings: dict[str, tuple[str, str]] = {}
    for each in again:
        asked, name = each.asked, keep(directory, each.scored)
        scorings[asked.name] = each.entry.scoring or "", name
        own = {"identity_digest": asked.identity_digest}
        if each.stored.identity_digest != asked.identity_digest:
            directory.write_plan(msgspec.structs.replace(each.stored, identity=asked.identity, **own))
        chance = chance_of(asked.task, asked.samples)
        version, prior = asked.task.info.version, prior_values(asked)
        entries[asked.name] = msgspec.structs.replace(
            each.entry,
            source=each.entry.source if asked.source is None else asked.source,
            scoring=name,
            scored_by=asked.scored_by,
            readable_by=each.scored.readable_by,
            version=version,
            chance=chance,
            prior=prior,
            **own,
        )
    if entries != run.tasks:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        directory.write(msgspec.structs.replace(run, tasks=entries, updated=now))
    return scorings
