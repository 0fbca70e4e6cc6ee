"""Today's metrics on stored answers: a new scoring beside the old ones, and what moved."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mmbench.analysis.joins import Mismatch
from mmbench.core.errors import MmbenchError, NotComparableError, PluginError, UnknownNameError
from mmbench.core.metric import Metric
from mmbench.core.responses import ENDED_WELL, Response
from mmbench.core.scores import MetricValue, ScoreTable
from mmbench.core.spec import Selection
from mmbench.metrics.evaluate import IS_COUNTED, read_rows, status_codes
from mmbench.resolve.tasks import resolve_source
from mmbench.results.codec import canonical_json
from mmbench.results.log import read_log
from mmbench.results.rundir import RunDirectory, find_run
from mmbench.results.schema import PlanFile, RunFile, TaskEntry
from mmbench.runner.execute.signals import interruptible, shielded
from mmbench.runner.plan.task_plan import TaskPlan, plan_served
from mmbench.scoring.prior import prior_values
from mmbench.scoring.scores import Scored, chance_of, keep, read_responses, score

_MAY_CHANGE = ("version", "extractor")
"""What of a plan's identity says how answers are scored, not what was asked: it is today's after a rescoring."""


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


@dataclass(frozen=True, slots=True)
class _Again:
    """One task, scored again in memory."""

    entry: TaskEntry
    """The entry as it stood."""
    stored: PlanFile
    """The plan as it stood."""
    plan: TaskPlan
    """Today's plan of the same requests."""
    scored: Scored
    """Today's scores."""


def rescore(reference: str, out: Path, tasks: Sequence[str] = (), *, dry_run: bool = False) -> Rescored:
    """Score the stored answers of a run with today's metrics; nothing is asked, and no earlier scoring is changed.

    Parameters: `reference`, a run directory or a name under `out`; `tasks`, full names or families, empty for all that have scores;
    `dry_run`, look and write nothing. All tasks are scored before the first is written. A task that only scores in
    another way (its version, its extractor) is rescored and gets today's version.

    Raises `UsageError` for a run or task that is not there, `NotComparableError` where a task cannot be built, its data have
    changed, it asks otherwise today, answers that were scored are missing, or nothing was scored before; `RunFailedError` where another process is writing, or
    the scores cannot be written.
    """
    directory = find_run(reference, out)
    with interruptible(), contextlib.nullcontext() if dry_run else directory.locked():
        run = directory.read()
        notes: list[str] = []
        again = _score_again(directory, run, _chosen(run, tasks), notes)
        moved = tuple(moved for each in again for moved in _moved(directory, each, notes))
        scorings: dict[str, tuple[str, str]] = {}
        if not dry_run:
            with shielded():
                scorings = _write(directory, run, again)
        return Rescored(directory.path, moved, scorings, tuple(notes), not dry_run)


def _chosen(run: RunFile, tasks: Sequence[str]) -> list[TaskEntry]:
    def fits(name: str, wanted: str) -> bool:
        return name == wanted or name.startswith(f"{wanted}/")

    for wanted in tasks:
        if not any(fits(name, wanted) for name in run.tasks):
            raise UnknownNameError("task of this run", wanted, run.tasks, hint=f"It has: {', '.join(run.tasks)}.")
    return [entry for name, entry in run.tasks.items() if not tasks or any(fits(name, each) for each in tasks)]


def _score_again(directory: RunDirectory, run: RunFile, entries: Sequence[TaskEntry], notes: list[str]) -> list[_Again]:
    """Every task that has scores; all that keeps any from being scored again is said at once."""
    again: list[_Again] = []
    refused: list[str] = []
    for entry in entries:
        if entry.scoring is None:
            notes.append(f"{entry.name} has no scores ({entry.status}): nothing to do again")
            continue
        try:
            again.append(_task_again(directory, run, entry))
        except MmbenchError as error:
            refused.append(f"{entry.name} cannot be scored again: {error}")
    if refused:
        others = [each.entry.name for each in again]
        hint = f"\nThe rest can: --tasks {','.join(others)}" if others else ""
        raise NotComparableError("\n".join(refused) + hint)
    if not again:
        raise NotComparableError(f"{directory.path} holds no scores to do again: run its tasks to an end first")
    return again


def _task_again(directory: RunDirectory, run: RunFile, entry: TaskEntry) -> _Again:
    stored = directory.read_plan(entry.name)
    if stored is None:
        raise NotComparableError(f"{directory.task(entry.name) / 'plan.json'} is missing")
    resolved = resolve_source(entry.source)
    if resolved.name != entry.name:
        raise NotComparableError(f"{entry.source.name} is the task {resolved.name} today")
    if (now := resolved.task.fingerprint()) != entry.fingerprint:
        raise NotComparableError(
            f"its data have changed since this run (fingerprint {entry.fingerprint[:12]}, now {now[:12]})"
        )

    def planned(selection: Selection) -> TaskPlan:
        served: Any = dict(stored.identity["served"])
        return plan_served(resolved, served, selection, run.seed)

    plan = _same_requests(directory, run, entry, stored, planned)
    today: dict[str, Any] = msgspec.json.decode(canonical_json(plan.identity))
    differs = [
        Mismatch(name, stored.identity.get(name), today.get(name))
        for name in dict.fromkeys([*stored.identity, *today])
        if name not in _MAY_CHANGE and stored.identity.get(name) != today.get(name)
    ]
    if differs:
        raise NotComparableError(f"it asks otherwise today; {'; '.join(map(str, differs))}. Run it again")
    responses = read_responses(plan, directory)
    _refuse_lost(directory, entry, responses)
    return _Again(entry, stored, plan, score(plan.task, plan.identity_digest, plan.samples, responses))


def _refuse_lost(directory: RunDirectory, entry: TaskEntry, responses: Sequence[Sequence[Response]]) -> None:
    """Raise `NotComparableError` where answers that were scored before are no longer in the log."""
    failed = sum(response.status not in ENDED_WELL for of_sample in responses for response in of_sample)
    lost = failed - entry.n_failed
    if lost > 0:
        log = directory.task(entry.name) / "responses.jsonl"
        raise NotComparableError(
            f"{lost:,} answer{'s' * (lost > 1)} that {'were' if lost > 1 else 'was'} scored before "
            f"{'are' if lost > 1 else 'is'} missing in {log}; its scores stay as they are"
        )


def _same_requests(
    directory: RunDirectory,
    run: RunFile,
    entry: TaskEntry,
    stored: PlanFile,
    planned: Callable[[Selection], TaskPlan],
) -> TaskPlan:
    """Today's plan of the samples that were asked. The plan on disk names them by a digest alone, so likely ones are tried."""
    for selection in _selections(directory, run, entry, stored):
        try:
            plan = planned(selection)
        except UnknownNameError:  # an id that this task no longer has, or that was meant for another
            continue
        if plan.selection_digest == stored.selection_digest:
            return plan
    raise NotComparableError(
        "it no longer has the samples that were asked, or makes other requests of them. Run it again"
    )


def _selections(directory: RunDirectory, run: RunFile, entry: TaskEntry, stored: PlanFile) -> Iterator[Selection]:
    split = entry.split
    given = run.spec.get("selection") or {}
    yield Selection(given.get("limit"), tuple(given.get("ids") or ()), split)
    yield Selection(split=split)
    yield Selection(limit=stored.n_samples, split=split)
    prefix = f"{entry.name}/"
    logged = read_log(directory.task(entry.name) / "responses.jsonl")
    ids = dict.fromkeys(line.id.removeprefix(prefix).rpartition("/")[0] for line in logged)
    yield Selection(ids=tuple(ids), split=split)


# --- what moved ---


def _moved(directory: RunDirectory, again: _Again, notes: list[str]) -> Iterator[Moved]:
    name, scoring = again.entry.name, again.entry.scoring or ""
    tables: Mapping[str, ScoreTable] = {}
    before: dict[str, MetricValue] = {}
    try:
        before = {value.id: value for value in directory.read_scores(name, scoring).metrics}
        tables = directory.read_tables(name, scoring)
    except NotComparableError as error:
        notes.append(f"{name}: the earlier scores cannot be read, so what moved is not known: {error}")
    now = {value.id: value for value in again.scored.scores.metrics}
    metrics = {str(metric.id): metric for metric in again.plan.task.metrics}
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
    places = {unit_id: row for row, unit_id in enumerate(after.unit_ids)}
    pairs = [(row, places[unit_id]) for row, unit_id in enumerate(before.unit_ids) if unit_id in places]
    left, right = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    alone = len(before.unit_ids) + len(after.unit_ids) - 2 * len(pairs)
    if rows[0].shape[1:] != rows[1].shape[1:]:
        return None
    scored = IS_COUNTED[status[0]][left] | IS_COUNTED[status[1]][right]
    differs = (rows[0][left] != rows[1][right]).any(axis=1) & scored
    return alone + int((differs | (status[0][left] != status[1][right])).sum())


# --- what is written ---


def _write(directory: RunDirectory, run: RunFile, again: Sequence[_Again]) -> dict[str, tuple[str, str]]:
    """Scores first, then plans whose identity is another today, last ``run.json``, which points to them."""
    entries = dict(run.tasks)
    scorings: dict[str, tuple[str, str]] = {}
    for each in again:
        name = keep(directory, each.scored)
        scorings[each.plan.name] = each.entry.scoring or "", name
        if each.stored.identity_digest != each.plan.identity_digest:
            directory.write_plan(
                msgspec.structs.replace(
                    each.stored, identity=each.plan.identity, identity_digest=each.plan.identity_digest
                )
            )
        entries[each.plan.name] = msgspec.structs.replace(
            each.entry,
            scoring=name,
            version=each.plan.task.info.version,
            identity_digest=each.plan.identity_digest,
            chance=chance_of(each.plan.task, each.plan.samples),
            prior=prior_values(each.plan),
        )
    if entries != run.tasks:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        directory.write(msgspec.structs.replace(run, tasks=entries, updated=now))
    return scorings
