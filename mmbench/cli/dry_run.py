"""What ``mmbench run --dry-run`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mmbench.api.run import Plan
from mmbench.results.log import read_log
from mmbench.results.rundir import shown_path
from mmbench.runner.plan.batching import auto_size, cut, estimated_tokens
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.log_state import ANSWERED, LogState
from mmbench.runner.plan.sharding import batch_weight, own_batches
from mmbench.runner.plan.task_plan import TaskPlan
from mmbench.runner.scenarios.planning import load_plan
from mmbench.runner.scenarios.workload import prompts_of

_LOOKED_AT = 32
"""Prompts by which the tokens of a request are estimated."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What would be asked."""

    jobs: list[dict[str, Any]]
    """One a model and seed: model, seed, reference, run directory, tasks with samples, requests, batches, what is left; in a
    sweep also its setting."""
    notes: list[str]
    """What of a suite is left out, and which settings of a sweep cannot be planned."""

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"plan": self.jobs, "notes": self.notes}

    def text(self) -> str:
        """For people."""
        lines: list[str] = [*self.notes]
        several_seeds = len({job["seed"] for job in self.jobs}) > 1
        for job in self.jobs:
            seed = f", seed {job['seed']}" if several_seeds else f", {job['setting']}" if "setting" in job else ""
            lines += [f"{job['model']}{seed}  ({job['reference']})", f"  run directory  {job['path']}"]
            for task in job["tasks"]:
                if task.get("problem"):
                    lines.append(f"  {task['task']}  n/a: {task['problem']}")
                    continue
                served = "".join(f", {kind} served by {by}" for kind, by in task["served_as"].items() if kind != by)
                lines.append(
                    f"  {task['task']}  {task['samples']:,} samples, {task['requests']:,} requests{served}, "
                    f"{task['batches']:,} batches of at most {task['batch_size']}; {task['left']:,} left to ask"
                )
                if task["asked_again"]:
                    lines.append(f"    speed: all {task['asked_again']:,} requests again, whose answers are not kept")
                if task["left"] or task["asked_again"]:
                    cost = "" if task["cost_usd"] is None else f", at most about US$ {task['cost_usd']:,.2f}"
                    lines.append(
                        f"    about {task['input_tokens']:,} tokens to read, at most {task['output_tokens']:,} to write{cost}"
                    )
                if (load := task["load"]) is not None:
                    cost = "" if load["cost_usd"] is None else f", at most about US$ {load['cost_usd']:,.2f}"
                    lines.append(
                        f"    speed: {', '.join(load['scenarios'])}, at most {load['requests']:,} requests more{cost}"
                    )
        return "\n".join(lines)


def describe(plan: Plan) -> DryRun:
    """Describe a plan; nothing is built or written."""
    labels = {place: setting.label for setting in plan.swept for place in setting.jobs}
    jobs = [_job(job, remeasure=plan.remeasure) for job in plan.jobs]
    for place, label in labels.items():
        jobs[place]["setting"] = label
    problems = [f"{setting.label}: {setting.problem}" for setting in plan.swept if setting.problem is not None]
    return DryRun(jobs, [*problems, *plan.notes])


def _job(job: Job, *, remeasure: bool) -> dict[str, Any]:
    directory = job.directory()
    tasks: list[dict[str, Any]] = [_task(job, plan, remeasure=remeasure) for plan in job.plans]
    tasks += [{"task": name, "problem": entry.reason} for name, entry in job.skipped.items()]
    return {
        "model": job.model.name,
        "seed": job.spec.seed,
        "reference": job.model.reference,
        "path": str(shown_path(directory.path)),
        "tasks": tasks,
    }


def _task(job: Job, plan: TaskPlan, *, remeasure: bool) -> dict[str, Any]:
    directory, spec = job.directory(), job.spec
    existing = directory.read_plan(plan.name)
    usable = existing is not None and existing.identity_digest == plan.identity_digest
    size = spec.batch_size
    if isinstance(size, str):
        largest_first, image_tokens = job.model.capabilities.largest_first, job.model.image_tokens()
        size = auto_size(plan, largest_first=largest_first, image_tokens=image_tokens)
        if existing is not None and existing.selection_digest == plan.selection_digest:
            size = existing.batch_size
    state = LogState(plan, read_log(directory.task(plan.name) / "responses.jsonl") if usable else ())
    batches = cut(plan, size, spec.batch_cost, largest_first=job.model.capabilities.largest_first)
    if spec.shard is not None:
        costly_first = job.model.capabilities.largest_first
        own = own_batches([batch_weight(plan, batch, costly_first) for batch in batches], spec.shard)
        batches = batches[own.start : own.stop]
    left = [number for batch in batches for number in batch if state.states[number] != ANSWERED]
    planned = [number for batch in batches for number in batch]
    again = planned if remeasure and len(left) < len(planned) else []
    tokens = [estimated_tokens(plan.requests([number])[0]) for number in [*left, *again]]
    read, written = round(sum(each[0] for each in tokens)), round(sum(each[1] for each in tokens))
    return {
        "task": plan.name,
        "samples": len(plan.samples),
        "requests": plan.n_requests,
        "served_as": dict(plan.served),
        "batch_size": size,
        "batches": len(batches),
        "left": len(left),
        "asked_again": len(again),
        "input_tokens": read,
        "output_tokens": written,
        "cost_usd": _cost(job, read, written),
        "load": _load(job, plan) if spec.perf == "full" else None,
    }


def _load(job: Job, plan: TaskPlan) -> dict[str, Any]:
    """What ``--perf full`` asks after the quality run."""
    load = load_plan(plan, job.model, job.spec)
    first = prompts_of(plan, job.spec.workload, _LOOKED_AT, job.spec.seed).requests
    tokens = [estimated_tokens(request) for request in first]
    read, written = (sum(each[side] for each in tokens) / len(tokens) * load.most_requests for side in (0, 1))
    return {
        "scenarios": load.names,
        "requests": load.most_requests,
        "cost_usd": _cost(job, round(read), round(written)),
    }


def _cost(job: Job, read: int, written: int) -> float | None:
    """US dollars for so many tokens, by the price that the model's class knows; None where it knows none."""
    price = getattr(job.model.target, "price", None)
    found = price(**job.model.options) if callable(price) else None
    return None if found is None else found.cost(read, written)
