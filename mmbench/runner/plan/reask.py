"""Ask again what did not end by itself: a variant with a larger limit takes over the answers that did."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mmbench.core.errors import UsageError
from mmbench.core.responses import ENDED_WELL
from mmbench.results.codec import digest
from mmbench.results.log import ResponseLog, read_log
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import ResponseLine
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.log_state import ANSWERED, LogState
from mmbench.runner.plan.task_plan import TaskPlan

_LIMIT = "max_new_tokens"


def check_reask(jobs: Iterable[Job]) -> None:
    """Check, before any weights load, that every job has answers to take over.

    Raises:
        UsageError: If ``--max-new-tokens`` is missing, or a run lacks answers to a task with a smaller limit.
    """
    for job in jobs:
        if job.spec.reask is None:
            continue
        if job.spec.max_new_tokens is None:
            raise UsageError(f"--reask {job.spec.reask} needs a larger limit: --max-new-tokens N")
        directory = job.directory()
        for plan in job.plans:
            if source_of(plan, directory) is None:
                raise UsageError(
                    f"--reask {job.spec.reask}: {directory.path.name} holds no answers to {plan.base} that were asked alike "
                    f"with fewer than {job.spec.max_new_tokens} new tokens; run the task without --reask first"
                )


def source_of(plan: TaskPlan, directory: RunDirectory) -> str | None:
    """The task of a run whose answers a plan may take over: the one with the largest limit below the plan's.

    Args:
        plan: The plan.
        directory: The run.

    Returns:
        Its full name; None where there is none that was asked alike but for the limit on new tokens.
    """
    if not (directory.path / "run.json").is_file():
        return None
    asked, limit = _without_limit(plan.identity), _limit(plan.identity)
    found: list[tuple[int, str]] = []
    for name in directory.read().tasks:
        stored = directory.read_plan(name) if name != plan.name else None
        if stored is not None and _without_limit(stored.identity) == asked and _limit(stored.identity) < limit:
            found.append((_limit(stored.identity), name))
    return max(found)[1] if found else None


def take_over(plan: TaskPlan, directory: RunDirectory, source: str) -> int:
    """Append the answers of another task that ended by themselves to the log of a plan, where it has none yet.

    Args:
        plan: The plan; its folder exists.
        directory: The run, which this process has locked.
        source: The task, as `source_of` names it.

    Returns:
        How many answers were taken over.

    Raises:
        NotComparableError: If a log is damaged.
        RunFailedError: If the log cannot be written.
    """
    folder = directory.task(plan.name)
    own = LogState(plan, read_log(folder / "responses.jsonl"))
    lines = list(_ended_by_themselves(plan, own, read_log(directory.task(source) / "responses.jsonl")))
    if lines:
        with ResponseLog(folder, own.rows) as log:
            log.append(lines)
    return len(lines)


def _ended_by_themselves(plan: TaskPlan, own: LogState, lines: Iterable[ResponseLine]) -> Iterator[ResponseLine]:
    """The answer in force of each request that has none in `own`, where its finish reason is ``stop``."""
    places, seen = plan.places(), set[int]()
    for line in lines:
        number = plan.number_of(line.id, places)
        if number is None or line.status not in ENDED_WELL or number in seen:
            continue
        seen.add(number)
        if line.finish_reason == "stop" and line.row is None and own.states[number] != ANSWERED:
            yield line


def _without_limit(identity: Mapping[str, Any]) -> str:
    """Digest of an identity but for its limit on new tokens."""
    generation = {pool: {**values, _LIMIT: None} for pool, values in identity.get("generation", {}).items()}
    return digest({**identity, "generation": generation})


def _limit(identity: Mapping[str, Any]) -> int:
    """The smallest limit on new tokens of an identity's requests; 0 where it asks for no text."""
    return min((values.get(_LIMIT, 0) for values in identity.get("generation", {}).values()), default=0)
