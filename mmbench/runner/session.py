"""One model on its tasks: open the run directory, ask what is left, score, and say how it ended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mmbench.core.errors import MmbenchError, RunFailedError
from mmbench.core.spec import RunSpec
from mmbench.perf.machine import git_state, machine, packages
from mmbench.perf.threads import compute_threads
from mmbench.resolve.identity import unrepeatable_digest
from mmbench.resolve.models import ResolvedModel
from mmbench.results.codec import digest
from mmbench.results.rundir import RunDirectory, identity_of
from mmbench.results.schema import (
    SCHEMA_VERSION,
    LearnedEntry,
    ModelEntry,
    PerfFile,
    RunFile,
    RunStatus,
    TaskEntry,
    TaskPerf,
    TaskStatus,
)
from mmbench.runner.execute.cached import shared_answers
from mmbench.runner.execute.lifecycle import Models
from mmbench.runner.execute.progress import Progress
from mmbench.runner.execute.signals import Interrupted, shielded
from mmbench.runner.plan.task_plan import TaskPlan
from mmbench.runner.task_run import TaskRun, TaskWork

Prior = Callable[[TaskPlan], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Job:
    """One model with the plans of its tasks."""

    model: ResolvedModel
    """The model, not built."""
    plans: Sequence[TaskPlan]
    """What it is asked."""
    skipped: Mapping[str, TaskEntry]
    """Tasks that it cannot answer, by name."""
    spec: RunSpec
    """What the user asked for."""
    out: Path
    """The folder of all runs."""
    fallback: str = field(default_factory=unrepeatable_digest)
    """Stands in for the digest of a model that has none: no other job has it, so nothing of such a model is resumed."""

    def directory(self) -> RunDirectory:
        """Its run directory: that of its identity, or where there is none, one that an earlier version of mmbench made."""
        own, *former = (
            RunDirectory.for_run(self.out, self.model.name, self._identity(known))
            for known in (self.model.digest, *self.model.identity.former)
        )
        existing = (each for each in (own, *former) if (each.path / "run.json").is_file())
        return next(existing, own)

    @property
    def identity(self) -> str:
        """sha256 over model, digest, options and seed."""
        return self._identity(self.model.digest)

    def _identity(self, known: str | None) -> str:
        return digest(identity_of(self.model.name, known or self.fallback, self.model.options, self.spec.seed))


@dataclass
class Session:
    """Runs one job."""

    job: Job
    """What to run."""
    progress: Progress
    """Where to report."""
    prior: Prior
    """What the blind prior gets on a plan; shared between models, because it depends on the plan alone."""
    directory: RunDirectory = field(init=False)
    """The run directory."""
    run: RunFile = field(init=False)
    """``run.json`` as it stands."""
    failure: MmbenchError | None = None
    """What ended the session early, or None."""

    def __post_init__(self) -> None:
        self.directory = self.job.directory()

    def execute(self) -> None:
        """Run to the end. Raises `Interrupted`; failures are kept in `failure` and in run.json."""
        with self.directory.locked():
            self.run = self._begin()
            works = [
                TaskRun(plan, self.directory, self.job.spec, self.run.tasks.get(plan.name)) for plan in self._plans
            ]
            for work in works:
                work.largest_first = self.job.model.capabilities.largest_first
            prepared = [(task, task.prepare(self.progress)) for task in works]
            with shielded():
                self._write(tasks={**self.run.tasks, **self.job.skipped, **{t.name: t.entry for t in works}})
            try:
                self._ask(prepared)
            except Interrupted as signal:
                self._end(works, "interrupted", f"ended by {signal}")
                raise
            except KeyboardInterrupt:
                self._end(works, "interrupted", "ended by a keyboard interrupt")
                raise
            except MmbenchError as error:
                self.failure = error
                with contextlib.suppress(RunFailedError):
                    self._end(works, "failed", str(error))
                return
            self._end(works, None, None)

    @property
    def _plans(self) -> Sequence[TaskPlan]:
        return self.job.plans

    def _begin(self) -> RunFile:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        earlier = self.directory.read() if (self.directory.path / "run.json").is_file() else None
        model = self.job.model
        former = dict.fromkeys([*earlier.former_identities, earlier.identity] if earlier else [])
        former.pop(self.job.identity, None)
        return RunFile(
            schema_version=SCHEMA_VERSION,
            mmbench_version=packages().get("mmbench", "unknown"),
            identity=self.job.identity,
            former_identities=list(former),
            status="running",
            model=ModelEntry(
                name=model.name,
                reference=model.reference,
                version=model.identity.version,
                digest=model.digest,
                options=dict(model.options),
            ),
            seed=self.job.spec.seed,
            spec=msgspec.to_builtins(self.job.spec),
            tasks=earlier.tasks if earlier else {},
            created=earlier.created if earlier else now,
            updated=now,
            packages=packages(),
            machine=machine(),
            git=git_state(Path.cwd()),
        )

    def _write(self, **changes: Any) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.run = msgspec.structs.replace(self.run, updated=now, **changes)
        self.directory.write(self.run)

    def _ask(self, prepared: Sequence[tuple[TaskRun, TaskWork]]) -> None:
        spec, asked = self.job.spec, any(work.todo for _, work in prepared)
        with (
            compute_threads(spec.threads),
            Models(
                self.job.model, Path(spec.checkpoints), self.progress, threads=spec.threads, retrain=spec.retrain
            ) as models,
            shared_answers(spec.cache if asked else None, self.job.model, self.progress) as cache,
        ):
            for task, work in prepared:
                if not work.todo:
                    self.progress.note(
                        f"{task.name}  nothing left to ask: {task.plan.n_requests:,} requests ended well"
                    )
                if work.todo:
                    model = models.for_task(task.plan)
                    self._keep_learned(task, models.learned)
                    perf = task.ask(work, model, self.progress, cache)
                    if self.job.spec.perf != "off" and perf is not None:
                        self._add_perf(task.name, perf)
                with shielded():
                    task.score(self.prior)
                    self._write(tasks={**self.run.tasks, task.name: task.entry}, machine=machine())

    def _keep_learned(self, task: TaskRun, learned: LearnedEntry | None) -> None:
        """Write down what the model learned before it is asked: a kill after its last answer must not lose it."""
        task.entry = msgspec.structs.replace(task.entry, learned=learned)
        if learned is not None:
            with shielded():
                self._write(tasks={**self.run.tasks, task.name: task.entry})

    def _add_perf(self, task: str, perf: TaskPerf) -> None:
        earlier = self.directory.read_perf()
        tasks = {**(earlier.tasks if earlier else {}), task: perf}
        self.directory.write_perf(PerfFile(schema_version=SCHEMA_VERSION, tasks=tasks))

    def _end(self, works: Sequence[TaskRun], status: TaskStatus | None, reason: str | None) -> None:
        for task in works:
            if status is not None and task.entry.status == "pending":
                task.entry = msgspec.structs.replace(task.entry, status=status, reason=reason)
        entries = {**self.run.tasks, **{task.name: task.entry for task in works}}
        with shielded():
            self._write(tasks=entries, status=_overall(entries.values()), reason=reason)


def _overall(entries: Any) -> RunStatus:
    statuses = {entry.status for entry in entries}
    order: tuple[RunStatus, ...] = ("failed", "interrupted", "stopped", "partial")
    for status in order:
        if status in statuses:
            return status
    return "interrupted" if "pending" in statuses else "complete"
