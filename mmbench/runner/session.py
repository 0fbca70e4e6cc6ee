"""Make one run: open its directory, ask what is left, score, and write down how it ended."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec

from mmbench.core.errors import DamagedFileError, MmbenchError, RunFailedError, UsageError
from mmbench.core.model import FitProgress
from mmbench.core.phases import phase
from mmbench.core.secrets import masked
from mmbench.perf.machine import git_state, machine, packages
from mmbench.perf.threads import compute_threads
from mmbench.results.rundir import RunDirectory, set_damaged_aside
from mmbench.results.schema import (
    SCHEMA_VERSION,
    LearnedEntry,
    ModelEntry,
    PerfFile,
    PerfScenario,
    RunFile,
    ShardEntry,
    TaskPerf,
    TaskStatus,
)
from mmbench.results.schema.speed import QUALITY
from mmbench.runner.entries import Prior, overall_status, specs_before
from mmbench.runner.execute.budget import Budget
from mmbench.runner.execute.cached_answers import shared_answers
from mmbench.runner.execute.executor import Executors, Todo, asks_with_workers
from mmbench.runner.execute.local_model import LocalModel, OpenModel
from mmbench.runner.execute.progress import Progress
from mmbench.runner.execute.signals import Interrupted, shielded
from mmbench.runner.plan.job import Job
from mmbench.runner.remeasuring import remeasure
from mmbench.runner.scenarios.phase import LoadPhase, merged
from mmbench.runner.scenarios.planning import load_plan
from mmbench.runner.task_run import TaskRun


class Follower(Protocol):
    """Who is told what happens to runs, such as a tracker. Its methods return at once and never raise."""

    def began(self, run: Path) -> None:
        """A run begins or goes on; its ``run.json`` is written."""

    def fitted(self, task: str, progress: FitProgress) -> None:
        """A model has learned for some steps."""

    def scored(self, task: str) -> None:
        """A task of the run has been scored, and that is written."""


@dataclass
class Session:
    """Makes the run of one job, or goes on with it."""

    job: Job
    """What to run."""
    progress: Progress
    """Where to report."""
    prior: Prior
    """Values of the blind prior on a plan; shared between models, because they depend on the plan alone."""
    executors: Executors
    """Those of the command."""
    upcoming: Job | None = None
    """The next run of the command, where its model may be loaded while the last batches of this one are asked."""
    budget: Budget | None = None
    """What the command may spend, shared between models; None: as much as it takes."""
    follower: Follower | None = None
    """Who is told how it goes on; None: nobody."""
    remeasure: bool = False
    """Whether the speed of tasks of which nothing is left to ask is measured again."""
    directory: RunDirectory = field(init=False)
    """The run directory."""
    run: RunFile = field(init=False)
    """``run.json`` as it stands."""
    failure: MmbenchError | None = None
    """What ended the session early, or None."""
    opened: bool = False
    """Whether the model was ready to be asked."""
    load_failure: MmbenchError | None = None
    """What kept speed from being measured under load or again, or None; the quality results stand."""

    def __post_init__(self) -> None:
        self.directory = self.job.directory()

    def execute(self) -> None:
        """Run to the end. Raises `Interrupted`; failures are kept in `failure` and in run.json.

        A new run of a model that says when it is opened that it cannot be asked leaves nothing behind.
        """
        new = not self.directory.path.exists()
        with self.directory.locked():
            self.directory.remove_workers()  # of a process that was killed while workers asked
            self.run = self._begin()
            self._mend_perf()
            tasks = [
                TaskRun(plan, self.directory, self.job, self.run.tasks.get(plan.name), self.budget)
                for plan in self.job.plans
            ]
            for task in tasks:
                task.prepare(self.progress)
            with shielded():
                self._write(tasks={**self.run.tasks, **self.job.skipped, **{task.name: task.entry for task in tasks}})
            if self.follower is not None:
                self.follower.began(self.directory.path)
            try:
                self._ask_and_score(tasks)
            except KeyboardInterrupt as signal:
                name = str(signal) if isinstance(signal, Interrupted) else "a keyboard interrupt"
                self._end(tasks, "interrupted", f"ended by {name}")
                raise
            except MmbenchError as error:
                self.failure = error
                with contextlib.suppress(RunFailedError):
                    self._end(tasks, "failed", str(error))
                if new and isinstance(error, UsageError) and not self.opened:
                    self.directory.remove_unanswered()
                return
            self._end(tasks, None, None)

    def _begin(self) -> RunFile:
        now = _now()
        earlier = self.directory.read() if (self.directory.path / "run.json").is_file() else None
        if earlier is not None and earlier.imported is not None:
            raise UsageError(f"{self.directory.path} was imported from {earlier.imported.tool}: it cannot be continued")
        model, versions, shard = self.job.model, packages(), self.job.spec.shard
        former = dict.fromkeys([*earlier.former_identities, earlier.identity] if earlier else [])
        former.pop(self.job.identity, None)
        spec = masked(msgspec.to_builtins(self.job.spec))
        return RunFile(
            schema_version=SCHEMA_VERSION,
            mmbench_version=versions.get("mmbench", "unknown"),
            identity=self.job.identity,
            former_identities=list(former),
            status="running",
            model=ModelEntry(
                name=model.name,
                reference=model.reference,
                version=model.identity.version,
                digest=model.digest,
                source_digest=model.identity.source,
                options=masked(dict(model.options)),
                settings=earlier.model.settings if earlier else {},
            ),
            seed=self.job.spec.seed,
            spec=spec,
            earlier_specs=specs_before(spec, [earlier] if earlier else []),
            tasks=earlier.tasks if earlier else {},
            created=earlier.created if earlier else now,
            updated=now,
            packages=versions,
            machine=machine(),
            git=git_state(Path.cwd()),
            shard=None if shard is None else ShardEntry(number=shard.number, of=shard.of),
        )

    def _mend_perf(self) -> None:
        """Set figures of speed aside that are damaged: nothing tells them again."""
        try:
            self.directory.read_perf()
        except DamagedFileError as error:
            kept = set_damaged_aside(self.directory.path / "perf.json")
            self.progress.note(
                f"perf.json was damaged ({error.problem}): its figures are lost; it is kept as {kept.name}"
            )

    def _write(self, **changes: Any) -> None:
        self.run = msgspec.structs.replace(self.run, updated=_now(), **changes)
        self.directory.write(self.run)

    def _keep_learned(self, task: TaskRun, learned: LearnedEntry | None) -> None:
        """Write down what the model learned before it is asked: a kill after its last answer must not lose it."""
        task.entry = msgspec.structs.replace(task.entry, learned=learned)
        with shielded():
            self._write(tasks={**self.run.tasks, task.name: task.entry})

    def _open(self, model: LocalModel, task: TaskRun) -> OpenModel:
        opened = model.open(task.plan, partial(self._keep_learned, task))
        self.opened = True
        return opened

    def _keep_settings(self, settings: dict[str, Any]) -> None:
        """Take what the model says of its settings into the entry that is written next."""
        if settings:
            self.run = msgspec.structs.replace(
                self.run, model=msgspec.structs.replace(self.run.model, settings=settings)
            )

    def _ask_and_score(self, tasks: Sequence[TaskRun]) -> None:
        job, progress, executors = self.job, self.progress, self.executors
        cache_folder = job.spec.cache if any(task.left for task in tasks) else None
        last = next((task for task in reversed(tasks) if task.left and not self.remeasure), None)
        with (
            compute_threads(job.spec.threads),
            LocalModel(
                job.model,
                Path(job.spec.checkpoints),
                progress,
                threads=job.spec.threads,
                retrain=job.spec.retrain,
                on_fit=None if self.follower is None else self.follower.fitted,
            ) as model,
            executors.one_run(),
            shared_answers(cache_folder, job.model, progress) as cache,
        ):
            for task in tasks:
                if task.left:
                    todo = replace(self._todo(model, task), upcoming=self.upcoming if task is last else None)
                    task.loaded = self.opened and not job.model.capabilities.learns
                    try:
                        task.ask(todo, executors, progress, cache)
                    except BaseException:
                        with contextlib.suppress(MmbenchError):  # what ended the session is what must be heard of
                            self._add_perf(task)
                        raise
                    finally:
                        self.opened |= task.ready
                        task.add_notes(model.notes_on(task.name))
                        self._keep_settings(model.settings or dict(task.measurement.remarks.settings))
                    if task is last:
                        executors.end_asking()
                elif not task.kept_larger:
                    ended = "" if job.spec.shard else f": {task.plan.n_requests:,} requests ended well"
                    progress.note(f"{task.name}  nothing left to ask{ended}")
                with shielded():
                    with task.measurement.main_loop(), phase("score"):
                        task.score(self.prior)
                    if task.left:
                        self._add_perf(task)
                    self._write(tasks={**self.run.tasks, task.name: task.entry}, machine=machine())
                if self.follower is not None:
                    self.follower.scored(task.name)
            if job.spec.perf == "full" or self.remeasure:
                with shielded():  # no kill while speed is measured makes the quality results incomplete
                    self._write(status=overall_status(self.run.tasks.values()))
            for task in tasks if self.remeasure else ():
                if sum(len(numbers) for _, numbers in task.left) < task.plan.n_requests:  # not measured whole just now
                    self._remeasure(model, task)
            for task in tasks if job.spec.perf == "full" else ():
                self._measure_load(model, task)

    def _todo(self, model: LocalModel, task: TaskRun) -> Todo:
        learns = self.job.model.capabilities.learns
        fitted = partial(model.fitted, task.plan, partial(self._keep_learned, task)) if learns else None
        return task.todo(partial(self._open, model, task), fitted)

    def _remeasure(self, model: LocalModel, task: TaskRun) -> None:
        """Measure the speed of a task again. Where that does not come to its end, the figures that there are stay."""
        if task.kept_larger:
            problem = "its result is on more samples than are selected now: select all of them"
            self.load_failure = self.load_failure or RunFailedError(
                f"{task.name}: its speed was not measured again: {problem}"
            )
            return
        todo = task.asked_again(self._todo(model, task))
        count, loaded = sum(len(numbers) for _, numbers in todo.batches), self.opened
        self.progress.note(f"{task.name}  speed: asking {count:,} requests again; answers and scores stay as they are")
        try:
            measured = remeasure(self.job, todo, self.executors, self.progress, loaded=loaded, budget=self.budget)
        except MmbenchError as error:
            self.load_failure = self.load_failure or error
        else:
            self._keep_quality(task.name, measured)

    def _measure_load(self, model: LocalModel, task: TaskRun) -> None:
        """Measure the scenarios of ``--perf full``; a failure is kept in `load_failure`, and the next task goes on."""
        job, folder = self.job, self.directory.task(task.name)
        if asks_with_workers(job.spec, job.model) and self.executors.end_all():  # they have the GPUs, or the CPUs
            self.progress.note(f"{job.model.name}: the workers have ended; this process measures one model under load")
        try:
            load = load_plan(task.plan, job.model, job.spec)
            phase = LoadPhase(task.plan, load, job.spec, folder, self.progress.note, self.budget)
            phase.run(self._open(model, task), partial(self._keep_scenarios, task.name))
        except MmbenchError as error:
            self.load_failure = self.load_failure or error

    def _keep_scenarios(self, task: str, scenarios: Sequence[PerfScenario]) -> None:
        """Keep what was measured under load, beside what there is of the task."""
        with shielded():
            earlier = self.directory.read_perf()
            tasks = dict(earlier.tasks) if earlier else {}
            tasks[task] = merged(tasks.get(task), scenarios)
            self.directory.write_perf(PerfFile(schema_version=SCHEMA_VERSION, tasks=tasks))

    def _add_perf(self, task: TaskRun) -> None:
        """Keep what was measured, also of a task that was not asked to its end."""
        measured = task.measurement.result()
        if measured is not None and (measured.n_calls or measured.n_warm_up or measured.complete):
            self._keep_quality(task.name, measured)

    def _keep_quality(self, task: str, measured: PerfScenario | None) -> None:
        """Keep what was measured of a quality run in place of what there was; nothing where nothing is measured."""
        if measured is None:
            return
        with shielded():
            earlier = self.directory.read_perf()
            tasks = dict(earlier.tasks) if earlier else {}
            under_load = [each for each in tasks[task].scenarios if each.name != QUALITY] if task in tasks else []
            tasks[task] = TaskPerf(scenarios=[measured, *under_load])
            self.directory.write_perf(PerfFile(schema_version=SCHEMA_VERSION, tasks=tasks))

    def _end(self, tasks: Sequence[TaskRun], status: TaskStatus | None, reason: str | None) -> None:
        for task in tasks:
            if status is not None and task.entry.status == "pending":
                task.entry = msgspec.structs.replace(task.entry, status=status, reason=reason)
        entries = {**self.run.tasks, **{task.name: task.entry for task in tasks}}
        with shielded():
            self._write(tasks=entries, status=overall_status(entries.values()), reason=reason)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
