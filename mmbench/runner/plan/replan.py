"""Make the plan of a stored task again, to score its answers with today's code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mmbench.analysis.joins import Mismatch
from mmbench.core.errors import NotComparableError, UnknownNameError, UsageError
from mmbench.core.spec import Selection
from mmbench.resolve.task_names import ResolvedTask, resolve_source
from mmbench.results.codec import canonical_json
from mmbench.results.log import read_log
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import PlanFile, RunFile, TaskEntry
from mmbench.runner.plan.batching import AUTO_START, cut, plan_file
from mmbench.runner.plan.task_plan import TaskPlan, plan_served

_MAY_CHANGE = ("version",)
"""What in a plan's identity may say how answers are scored rather than what was asked."""
_ASKED_ELSEWHERE = ("prompt", "generation", "served", "options", "imported")
"""What in the identity of an imported plan is as another tool asked."""


def replan(
    directory: RunDirectory,
    run: RunFile,
    options: Mapping[str, Any],
    entry: TaskEntry,
    stored: PlanFile,
    *,
    foreign: bool = False,
) -> TaskPlan:
    """Make the plan of a stored task with today's code.

    Args:
        directory: The run directory.
        run: Its ``run.json``.
        options: Options of the task that take the place of the stored ones; they may change only how answers are scored.
        entry: What ``run.json`` says of the task.
        stored: Its stored plan.
        foreign: Whether Python files and modules that the run names may be imported.

    Raises:
        UsageError: If the task cannot be built.
        NotComparableError: If its data have changed, or it would ask something else today.
    """
    if not entry.source.name:
        raise NotComparableError(
            "it was imported, and is none of mmbench's tasks: to score its answers here, import it again with --task TASK (a task with the "
            "same samples)"
        )
    resolved = resolve_source(entry.source, options, foreign=foreign)
    if asks := sorted(set(options) & set(resolved.asking_options)):
        raise UsageError(f"{asks[0]}= changes what {entry.name} asks; give it to mmbench run")
    if resolved.name != entry.name:
        raise NotComparableError(f"{entry.source.name} is the task {resolved.name} today")
    if (now := resolved.task.fingerprint()) != entry.fingerprint:
        raise NotComparableError(
            f"its data have changed since this run (fingerprint {entry.fingerprint[:12]}, now {now[:12]})"
        )
    plan = _same_requests(resolved, directory, run, entry, stored)
    today: dict[str, Any] = msgspec.json.decode(canonical_json(plan.identity))
    free = _MAY_CHANGE if run.imported is None else (*_MAY_CHANGE, *_ASKED_ELSEWHERE)
    differs = [
        Mismatch(name, stored.identity.get(name), today.get(name))
        for name in dict.fromkeys([*stored.identity, *today])
        if name not in free and stored.identity.get(name) != today.get(name)
    ]
    if differs:
        raise NotComparableError(f"it asks otherwise today; {'; '.join(map(str, differs))}. Run it again")
    if run.imported is not None:
        plan.identity = {**stored.identity, "version": plan.identity["version"]}
    return plan


def plan_again(directory: RunDirectory, run: RunFile, entry: TaskEntry, *, foreign: bool = False) -> PlanFile:
    """Make the plan file of a stored task again, where that is damaged, and run.json says what was asked.

    Parameters are those of `replan`. Raises `UsageError` if the task cannot be built, and `NotComparableError` if it does not
    ask today what was asked.
    """
    if run.imported is not None:
        raise NotComparableError(f"it was imported from {run.imported.tool}: import the same files again")
    resolved = resolve_source(entry.source, foreign=foreign)
    served: Any = dict(entry.served_as)
    for selection in _selections(resolved, directory, run, entry, entry.n_samples):
        try:
            plan = plan_served(resolved, served, selection, run.seed)
        except UnknownNameError:
            continue
        same = (plan.identity_digest, plan.n_requests, len(plan.samples))
        if same == (entry.identity_digest, entry.n_requests, entry.n_samples):
            size = entry.batch_size or AUTO_START
            return plan_file(plan, size, None, cut(plan, size, None))
    raise NotComparableError("its data, prompt or version have changed since this run")


def _same_requests(
    resolved: ResolvedTask, directory: RunDirectory, run: RunFile, entry: TaskEntry, stored: PlanFile
) -> TaskPlan:
    """The plan of the samples that were asked. The stored plan has a digest of them only, so likely ones are tried."""
    served: Any = dict(stored.identity["served"])
    for selection in _selections(resolved, directory, run, entry, stored.n_samples):
        try:
            plan = plan_served(resolved, served, selection, run.seed)
        except UnknownNameError:  # an id that this task no longer has, or that was meant for another
            continue
        if plan.selection_digest == stored.selection_digest:
            return plan
    raise NotComparableError(
        "it no longer has the samples that were asked, or makes other requests of them. Run it again"
    )


def _selections(
    resolved: ResolvedTask, directory: RunDirectory, run: RunFile, entry: TaskEntry, n_samples: int
) -> Iterator[Selection]:
    split = entry.split
    yield Selection(run.spec.get("limit"), tuple(run.spec.get("ids") or ()), split)
    yield Selection(split=split)
    yield Selection(limit=n_samples, split=split)
    prefix = f"{resolved.task.info.name}/"
    logged = read_log(directory.task(entry.name) / "responses.jsonl")
    ids = dict.fromkeys(line.id.removeprefix(prefix).rpartition("/")[0] for line in logged)
    yield Selection(ids=tuple(ids), split=split)
