"""Check ``--perf full`` before anything is asked, and tell what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmbench.core.errors import UsageError
from mmbench.core.spec import RunSpec
from mmbench.resolve.model_names import ResolvedModel
from mmbench.resolve.options import OPTIONS
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.task_plan import TaskPlan
from mmbench.runner.scenarios.known import chosen, most_requests
from mmbench.runner.scenarios.scenario import Facts, Scenario
from mmbench.runner.scenarios.server import Server
from mmbench.runner.scenarios.settings import LoadSettings
from mmbench.runner.scenarios.workload import (
    Prompts,
    check_workload,
    count_of_samples,
    is_drawn,
    name_of,
    prompts_of,
    read_trace_at,
)

_OF_FULL = ("scenarios", "rate", "find_max_rate", "slo", "workload", "perf_requests", "perf_seconds", "perf_format")
"""Options that mean nothing without ``--perf full``."""
_NOT_AGAIN = {
    "interleave": "speeds of a pair must be measured by turns; raise --repeats to add a pair",
    "shard": "merge the shards, then measure the run again",
}
"""Options that cannot be given with ``--remeasure``, and why."""
_MANY = 2_000
"""Prompts whose drawing takes seconds."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What is measured of one task after its quality run."""

    settings: LoadSettings
    """What the user asked for."""
    scenarios: Sequence[Scenario]
    """In the order in which they are measured."""
    facts: Facts
    """What is known of model and prompts."""
    remote: bool
    """Whether what is asked leaves the machine."""

    @property
    def most_requests(self) -> int:
        """Requests that it makes at most."""
        return most_requests(self.scenarios, self.facts, remote=self.remote)

    @property
    def names(self) -> list[str]:
        """Names of the scenarios."""
        return [scenario.name for scenario in self.scenarios]

    @property
    def draws_long(self) -> bool:
        """Whether the prompts are drawn and so many that people should hear of it before."""
        return is_drawn(self.settings.workload) and self.settings.requests >= _MANY

    def prompts(self, plan: TaskPlan, spec: RunSpec) -> Prompts:
        """What is asked. Raises `UsageError`."""
        return prompts_of(plan, spec.workload, self.settings.requests, spec.seed)


def load_plan(plan: TaskPlan, model: ResolvedModel, spec: RunSpec) -> LoadPlan:
    """What ``--perf full`` measures of a task. Raises `UsageError` for what cannot be measured."""
    can = model.capabilities
    trace = read_trace_at(spec.workload, spec.perf_requests, spec.seed)
    if spec.workload is not None and "generate" not in can.kinds:
        raise UsageError(f"--workload asks for texts, and {model.name} has no `generate`")
    kinds = {"generate"} if spec.workload is not None else set(plan.served.values())
    streams: Any = getattr(model.target, "streams", None)
    facts = Facts(
        model=model.name,
        concurrent=kinds <= can.asynchronous,
        generates="generate" in kinds,
        streams=streams(**model.options) if callable(streams) else None,
        prompts=count_of_samples(plan, spec.perf_requests) if spec.workload is None else spec.perf_requests,
    )
    settings = LoadSettings.of(spec, name_of(spec.workload), trace.arrivals if trace is not None else ())
    scenarios = chosen(spec.scenarios, settings, facts)
    if not any(scenario.name == Server.name for scenario in scenarios):
        for keyword in ("rate", "find_max_rate", "slo"):
            if getattr(spec, keyword):
                raise UsageError(
                    f"--{keyword.replace('_', '-')} is about the scenario server, which is not measured: with --scenarios name "
                    "server too; with --slo give --rate R or --find-max-rate"
                )
    return LoadPlan(settings, scenarios, facts, can.remote)


def check_load(jobs: Sequence[Job]) -> None:
    """Refuse what ``--perf full`` cannot measure, and its options without it. Raises `UsageError`."""
    for job in jobs:
        spec = job.spec
        if spec.perf != "full":
            for keyword in _OF_FULL:
                option = OPTIONS[keyword.replace("_", "-")]
                if getattr(spec, keyword) != option.default:
                    raise UsageError(f"--{option.name} says how speed is measured under load: add --perf full")
            continue
        if spec.executor is not None:
            raise UsageError(
                "--perf full measures the model in this process: leave --executor out, or take --perf quick"
            )
        check_workload(spec.workload)
        for plan in job.plans:
            load_plan(plan, job.model, spec)


def check_remeasure(options: Mapping[str, Any]) -> None:
    """Refuse ``--remeasure`` beside keywords of `mmbench.run` with which it cannot be meant. Raises `UsageError`."""
    if options.get("perf") == "off":
        raise UsageError("--remeasure measures speed: leave --perf off out")
    for name, why in _NOT_AGAIN.items():
        if options.get(name):
            raise UsageError(f"--remeasure and --{name} exclude each other: {why}")
