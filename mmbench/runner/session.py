"""One model on its tasks: open the run directory, ask what is left, score, and say how it ended."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mmbench.core.errors import MmbenchError, RunFailedError
from mmbench.core.requests import Request
from mmbench.core.responses import Output
from mmbench.core.spec import RunSpec
from mmbench.models.caller import USER_ERRORS, ModelCaller
from mmbench.models.controls import reveal_to
from mmbench.models.resolve import ResolvedModel, unrepeatable_digest
from mmbench.perf.machine import git_state, machine, packages
from mmbench.results.codec import digest
from mmbench.results.rundir import RunDirectory, identity_of
from mmbench.results.schema import (
    SCHEMA_VERSION,
    ModelEntry,
    PerfFile,
    RunFile,
    RunStatus,
    TaskEntry,
    TaskPerf,
    TaskStatus,
)
from mmbench.runner.loop import Loop
from mmbench.runner.plan import TaskPlan
from mmbench.runner.prior import fit_context, training_splits
from mmbench.runner.progress import Progress
from mmbench.runner.signals import Interrupted, shielded
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
        """Its run directory; the same for the same identity."""
        return RunDirectory.for_run(self.out, self.model.name, self.identity)

    @property
    def identity(self) -> str:
        """sha256 over model, digest, options and seed."""
        own = self.model.digest or self.fallback
        return digest(identity_of(self.model.name, own, self.model.options, self.spec.seed))


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
        return RunFile(
            schema_version=SCHEMA_VERSION,
            mmbench_version=packages().get("mmbench", "unknown"),
            identity=self.job.identity,
            status="running",
            model=ModelEntry(
                name=model.name, reference=model.reference, digest=model.digest, options=dict(model.options)
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
        with _Models(self.job.model) as models:
            for task, work in prepared:
                if not work.todo:
                    self.progress.note(
                        f"{task.name}  nothing left to ask: {task.plan.n_requests:,} requests ended well"
                    )
                if work.todo:
                    perf = task.ask(work, models.for_task(task.plan), self.progress)
                    if self.job.spec.measure and perf is not None:
                        self._add_perf(task.name, perf)
                with shielded():
                    task.score(self.prior)
                    self._write(tasks={**self.run.tasks, task.name: task.entry}, machine=machine())

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


class _Models:
    """Builds the model when it is first needed: once, or once a task for a model that learns."""

    def __init__(self, resolved: ResolvedModel) -> None:
        self._resolved = resolved
        self._loop = Loop()
        self._caller: ModelCaller | None = None

    def __enter__(self) -> _Models:
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            # What ended the session is what the user must hear of, not that the model could not be closed after it.
            with contextlib.suppress(*(() if kind is None else (MmbenchError,))):
                self._close()
        finally:
            self._loop.close()

    def for_task(self, plan: TaskPlan) -> tuple[ModelCaller, Loop]:
        """The open model and the loop that its async methods run on. Raises `RunFailedError`."""
        learns = self._resolved.capabilities.learns
        if self._caller is None or learns:
            self._close()
            model = self._resolved.build()
            caller = ModelCaller(model)
            if learns:
                train, val = training_splits(plan)
                self._guard("fit", lambda: model.fit(plan.task.info, train, val, fit_context(plan)))
            self._guard("open", caller.open)
            self._caller = caller
        reveal_to(self._caller.model, lambda: _solver(plan))
        return self._caller, self._loop

    def _close(self) -> None:
        if self._caller is not None:
            caller, self._caller = self._caller, None
            self._guard("close", caller.close)

    def _guard(self, name: str, method: Callable[[], Awaitable[None] | None]) -> None:
        try:
            waiting = method()
            if waiting is not None:
                self._loop.run(_await(waiting))
        except MmbenchError:
            raise
        except USER_ERRORS as error:
            raise RunFailedError(
                f"model {self._resolved.name!r} failed in {name}(): {type(error).__name__}: {error}"
            ) from error


def _solver(plan: TaskPlan) -> Callable[[Request], Output]:
    places = plan.places()
    return lambda request: plan.task.solve(plan.samples[places[request.sample_id]], request)


async def _await(waiting: Awaitable[None]) -> None:
    await waiting
