"""What run.json says of a task once it is scored, and of the run as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from mmbench.core.responses import ENDED_WELL, Response
from mmbench.core.visible import shown_name
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import RunFile, RunStatus, TaskEntry
from mmbench.runner.plan.task_plan import TaskPlan
from mmbench.scoring.answers import AnswerBook, StoredAnswers
from mmbench.scoring.tables import chance_of, keep, score

Prior = Callable[[TaskPlan], Mapping[str, float]]
"""Primary metric id → value of the blind prior on a plan."""

_CAUSES = 3
"""Causes of failures that are named."""


def specs_before(spec: Mapping[str, Any], runs: Iterable[RunFile], **changes: Any) -> list[dict[str, Any]]:
    """`RunFile.earlier_specs` of a run that goes on from others.

    Args:
        spec: The options of the new session.
        runs: Records of what it goes on from, oldest first.
        changes: Options that the earlier sessions are written down with.

    Returns:
        The options of all earlier sessions, each once, at the place of its last time, without those that equal `spec`.
    """
    found: list[dict[str, Any]] = []
    for earlier in ({**each, **changes} for run in runs for each in (*run.earlier_specs, run.spec)):
        found = [each for each in found if each != earlier] + ([earlier] if earlier != spec else [])
    return found


def scored_entry(
    plan: TaskPlan, directory: RunDirectory, entry: TaskEntry, prior: Prior, book: AnswerBook | None = None
) -> TaskEntry:
    """Score everything that is logged of a task, and write the scores.

    Args:
        plan: The task.
        directory: The run, which this process has locked.
        entry: What ``run.json`` says of the task so far.
        prior: The blind prior on a plan.
        book: What is logged, where this process wrote all of it; None: the log is read.

    Returns:
        The entry with status, scores and what must be said beside them.

    Raises:
        RunFailedError: If the scores cannot be written.
        NotComparableError: If the log is damaged.
    """
    responses = StoredAnswers(plan, directory, book)
    ended = Counter(responses.statuses)
    failed = sum(count for status, count in ended.items() if status not in ENDED_WELL)
    scored = score(plan.task, plan.identity_digest, plan.samples, responses, name=plan.name, repeats=plan.repeats)
    return msgspec.structs.replace(
        entry,
        status="partial" if failed else "complete",
        n_failed=failed,
        scoring=keep(directory, scored),
        scored_by=plan.scored_by,
        readable_by=scored.readable_by,
        chance=chance_of(plan.task, plan.samples),
        prior=dict(prior(plan)),
        reason=_reason(plan, responses, failed, entry),
    )


def overall_status(entries: Iterable[TaskEntry]) -> RunStatus:
    """How far a run came, from how far its tasks did."""
    statuses = {entry.status for entry in entries}
    order: tuple[RunStatus, ...] = ("failed", "interrupted", "stopped", "partial")
    for status in order:
        if status in statuses:
            return status
    return "interrupted" if "pending" in statuses else "complete"


def _reason(plan: TaskPlan, responses: Sequence[Sequence[Response]], failed: int, entry: TaskEntry) -> str | None:
    """What stands beside the scores: samples left out; the commonest causes of failures; calls that were split."""
    parts: list[str] = [plan.part] if plan.part else []
    if failed:
        counts: Counter[str] = Counter()
        first: dict[str, str] = {}
        for sample, of_sample in zip(plan.samples, responses, strict=True):
            for response in of_sample:
                if response.status not in ENDED_WELL:
                    cause = response.error or response.status
                    counts[cause] += 1
                    first.setdefault(cause, sample.id)
        causes = [
            f"{n:,} × {cause} (first: sample {shown_name(first[cause])})" for cause, n in counts.most_common(_CAUSES)
        ]
        more = [f"{len(counts) - _CAUSES:,} other causes"] if len(counts) > _CAUSES else []
        parts.append(f"{failed:,} of {plan.n_requests:,} requests failed: {'; '.join([*causes, *more])}")
    if entry.n_split:
        calls = f"{entry.n_split:,} call{'s' * (entry.n_split > 1)}"
        parts.append(
            f"{calls} of several requests failed, and the requests were asked again in smaller calls; the first: {entry.split_cause} "
            "(mmbench check finds such faults)"
        )
    return ". ".join(parts) or None
