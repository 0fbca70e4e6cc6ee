"""The phase of ``--perf full``: after the quality run of a task, measure its scenarios and write them down."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from mmbench.core.errors import MmbenchError, UsageError
from mmbench.core.responses import Response
from mmbench.core.spec import RunSpec
from mmbench.perf.tool_formats import document_for
from mmbench.results.codec import digest, write_atomic
from mmbench.results.rundir import make_folder
from mmbench.results.schema import PerfScenario, TaskPerf
from mmbench.runner.execute.budget import Budget
from mmbench.runner.execute.local_model import OpenModel
from mmbench.runner.execute.signals import shielded
from mmbench.runner.plan.task_plan import TaskPlan
from mmbench.runner.scenarios.arithmetic import arithmetic_of
from mmbench.runner.scenarios.bench import Bench, Measurement
from mmbench.runner.scenarios.load import MostFailedError
from mmbench.runner.scenarios.planning import LoadPlan
from mmbench.runner.scenarios.record import record_of
from mmbench.runner.scenarios.subject import Subject

FOLDER = "load"
"""Folder of a task that holds the times of every request of a scenario."""


class LoadPhase:
    """Measures one task.

    Args:
        plan: The task.
        load: What is measured.
        spec: The options of the run.
        folder: Of the task, in the run directory.
        note: Shows one line to people.
        budget: What the command may spend; None: as much as it takes.
    """

    def __init__(
        self,
        plan: TaskPlan,
        load: LoadPlan,
        spec: RunSpec,
        folder: Path,
        note: Callable[[str], None],
        budget: Budget | None = None,
    ) -> None:
        self._plan = plan
        self._load = load
        self._spec = spec
        self._folder = folder
        self._note = note
        self._budget = budget

    def run(self, model: OpenModel, keep: Callable[[Sequence[PerfScenario]], None]) -> None:
        """Measure every scenario; what was measured is kept after each, also of one that an exception ends.

        Args:
            model: The open model.
            keep: Told the records of each scenario when it has ended.

        Raises:
            MmbenchError: What ended a scenario early, the first of several.
            Interrupted: On a signal.
        """
        if self._load.draws_long:
            self._note(
                f"{self._plan.name}  speed: drawing {self._load.settings.requests:,} prompts, which takes a while"
            )
        prompts = self._load.prompts(self._plan, self._spec)
        subject = Subject(model.caller, model.loop, prompts.requests, timeout_s=self._spec.timeout, spend=self._spend)
        subject.give_up_s = self._spec.give_up
        bench = Bench(subject, self._load.settings, self._note)
        bench.arithmetic = arithmetic_of(model.caller, prompts.requests)
        failure: MmbenchError | None = None
        for scenario in self._load.scenarios:
            self._note(f"{self._plan.name}  speed: {scenario.name}")
            bench.measured = []
            try:
                scenario.measure(bench)
            except (UsageError, MostFailedError) as error:  # of this scenario alone: the next one may be measured
                failure = failure or error
            except BaseException:
                with contextlib.suppress(MmbenchError):  # what ended the scenario is what must be heard of
                    self._keep(bench, keep)
                raise
            self._keep(bench, keep)
        if failure is not None:
            raise failure

    def _keep(self, bench: Bench, keep: Callable[[Sequence[PerfScenario]], None]) -> None:
        with shielded():
            keep([self._kept(measurement, bench) for measurement in distinct(bench.measured)])

    def _spend(self, response: Response) -> None:
        if self._budget is not None:
            self._budget.spend(response)

    def _kept(self, measurement: Measurement, bench: Bench) -> PerfScenario:
        """The record of a scenario, the times of whose requests are written beside the answers."""
        per_sample = self._plan.n_requests / len(self._plan.samples) if self._spec.workload is None else None
        record = record_of(measurement, bench, threads=self._spec.threads, per_sample=per_sample)
        name = f"{record.name}-{digest(msgspec.to_builtins(record.identity))[:8]}"
        folder = self._folder / FOLDER
        make_folder(folder)
        timings = sorted(measurement.load.timings, key=lambda timing: timing.due_s)
        encoder = msgspec.json.Encoder()
        write_atomic(folder / f"{name}.jsonl", b"".join(encoder.encode(timing) + b"\n" for timing in timings))
        if self._spec.perf_format is not None:
            document = document_for(self._spec.perf_format, self._load.facts.model, measurement.measured, record)
            path = folder / f"{name}.{self._spec.perf_format}.json"
            write_atomic(path, msgspec.json.format(encoder.encode(document), indent=1))
        return record


def distinct(measured: Sequence[Measurement]) -> list[Measurement]:
    """One of each name and identity.

    Where a scenario ended among its repeats or its trials of rates, several share theirs: the one with the most requests is
    taken, and it is incomplete, because the scenario is.
    """
    found: dict[str, list[Measurement]] = {}
    for each in measured:
        key = digest([each.name, each.batch_size, each.concurrency, each.settings])
        found.setdefault(key, []).append(each)
    kept = [max(several, key=lambda each: len(each.load.timings)) for several in found.values()]
    for each, several in zip(kept, found.values(), strict=True):
        each.load.complete = each.load.complete and len(several) == 1
    return kept


def merged(earlier: TaskPerf | None, measured: Sequence[PerfScenario]) -> TaskPerf:
    """The scenarios of a task with those measured now; an earlier one of the same name and identity gives way."""
    taken = {(each.name, digest(msgspec.to_builtins(each.identity))) for each in measured}
    kept = [
        each
        for each in (earlier.scenarios if earlier is not None else [])
        if (each.name, digest(msgspec.to_builtins(each.identity))) not in taken
    ]
    return TaskPerf(scenarios=[*kept, *measured])
