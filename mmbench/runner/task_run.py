"""One task of one run: what is left of it, asking that, and scoring all."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from mmbench.core.errors import ModelUnusableError
from mmbench.core.responses import Response
from mmbench.core.spec import RunSpec
from mmbench.models.caller import ModelCaller
from mmbench.perf.meter import Meter
from mmbench.results.log import ResponseLog, read_log
from mmbench.results.rundir import RunDirectory, make_folder
from mmbench.results.schema import TaskEntry, TaskPerf
from mmbench.runner.execute.batches import BatchExecutor
from mmbench.runner.execute.cached import Cached
from mmbench.runner.execute.concurrent import AsyncExecutor
from mmbench.runner.execute.loop import Loop
from mmbench.runner.execute.progress import Progress, Silent
from mmbench.runner.execute.record import Recorder, TooManyErrorsError
from mmbench.runner.plan.task_plan import ANSWERED, AUTO_START, LogState, TaskPlan, cut, plan_file
from mmbench.scoring.scores import chance_of, keep, read_responses, score

_CAUSES = 3
"""Causes of failures that are named."""


@dataclass
class TaskWork:
    """What is left to ask."""

    state: LogState
    """What was logged before."""
    todo: list[tuple[int, list[int]]]
    """(batch, numbers of requests), empty when nothing is left."""
    size: int
    """Requests a batch at most; halved by ``auto`` while it is asked."""


def new_entry(plan: TaskPlan, size: int) -> TaskEntry:
    """The entry of a task that has not run yet."""
    info = plan.task.info
    return TaskEntry(
        name=plan.name,
        source=plan.source,
        version=info.version,
        fingerprint=str(plan.identity["fingerprint"]),
        identity_digest=plan.identity_digest,
        served_as={str(kind): str(by) for kind, by in plan.served.items()},
        split=plan.split,
        status="pending",
        n_samples=len(plan.samples),
        n_requests=plan.n_requests,
        batch_size=size,
    )


class TaskRun:
    """One task of one run."""

    def __init__(self, plan: TaskPlan, directory: RunDirectory, spec: RunSpec, earlier: TaskEntry | None) -> None:
        self.plan = plan
        self._directory = directory
        self._spec = spec
        self.largest_first = False
        self._folder = directory.task(plan.name)
        self._earlier = earlier if earlier is not None and earlier.identity_digest == plan.identity_digest else None
        self._unchanged: TaskEntry | None = None
        self._misfit: str | None = None
        learned = self._earlier.learned if self._earlier else None
        self.entry = msgspec.structs.replace(new_entry(plan, self._start_size()), learned=learned)

    @property
    def name(self) -> str:
        """The task's full name."""
        return self.plan.name

    def _start_size(self) -> int:
        if self._spec.batch_size != "auto":
            return self._spec.batch_size
        return self._earlier.batch_size if self._earlier and self._earlier.batch_size else AUTO_START

    def prepare(self, progress: Progress) -> TaskWork:
        """Read what is there, set aside what answers another task, cut or take over the batches."""
        plan = self.plan
        existing = self._directory.read_plan(plan.name)
        if existing is not None and existing.identity_digest != plan.identity_digest:
            kept = self._directory.set_aside(plan.name, existing.identity_digest)
            progress.note(f"{plan.name}: data, prompt or version changed; earlier answers are kept in {kept.name}")
            existing = None
        make_folder(self._folder)
        state = LogState(plan, read_log(self._folder / "responses.jsonl"))
        requested = AUTO_START if self._spec.batch_size == "auto" else self._spec.batch_size
        same = existing is not None and existing.selection_digest == plan.selection_digest
        cost = self._spec.batch_cost
        if existing and same and (existing.batch_size, existing.batch_cost) == (requested, cost):
            batches = existing.batches
        else:
            batches = self._cut(state, requested)
            self._directory.write_plan(plan_file(plan, requested, cost, batches))
        todo = state.remaining(batches)
        if same and not todo and self._earlier is not None and self._has_scores(self._earlier):
            reason = self._earlier.reason or plan.part  # runs of older versions did not say it
            self._unchanged = msgspec.structs.replace(self._earlier, source=plan.source, reason=reason)
        return TaskWork(state, todo, self.entry.batch_size)

    def _has_scores(self, entry: TaskEntry) -> bool:
        return entry.scoring is not None and (self._folder / "scores" / f"{entry.scoring}.json").is_file()

    def _cut(self, state: LogState, size: int) -> list[list[int]]:
        batches = cut(self.plan, size, self._spec.batch_cost, largest_first=self.largest_first)
        if ANSWERED not in state.states:
            return batches
        left = ([number for number in batch if state.states[number] != ANSWERED] for batch in batches)
        return [batch for batch in left if batch]

    def ask(
        self, work: TaskWork, model: tuple[ModelCaller, Loop], progress: Progress, cache: Cached | None = None
    ) -> TaskPerf | None:
        """Ask what is left; the figures of this session. Raises `TooManyErrorsError`, `RunFailedError`, `Interrupted`."""
        caller, loop = model
        with ResponseLog(self._folder, work.state.rows) as log:
            recorder = Recorder(self.plan, log, work.state, self._spec.max_errors)
            recorder.meter = Meter()
            recorder.progress = None if isinstance(progress, Silent) else progress
            recorder.state.started = time.monotonic()
            progress.start(recorder.state)
            recorder.cache = cache
            try:
                if cache is not None:
                    work.todo = cache.fill(work.todo, recorder)
                self._execute(work, caller, loop, recorder)
            except (TooManyErrorsError, ModelUnusableError) as error:
                self.entry = msgspec.structs.replace(self.entry, status="stopped", reason=str(error))
                raise
            finally:
                progress.finish(recorder.state)
                self.entry = msgspec.structs.replace(self.entry, batch_size=work.size)
        per_sample = self.plan.n_requests / len(self.plan.samples)
        measured = recorder.meter.result(per_sample, work.size)
        if self._misfit is None:
            return measured
        why = [*measured.reasons, "batches were asked again in smaller pieces: the figures are not the model's own"]
        return msgspec.structs.replace(measured, valid=False, reasons=why)

    def _execute(self, work: TaskWork, caller: ModelCaller, loop: Loop, recorder: Recorder) -> None:
        waiting: list[tuple[int, list[int]]] = []
        batches = work.todo
        if caller.capabilities.asynchronous:
            waiting = [item for item in work.todo if caller.is_async(self.plan.kind_of(item[1]))]
            batches = [item for item in work.todo if not caller.is_async(self.plan.kind_of(item[1]))]
        if waiting:
            executor = AsyncExecutor(caller, recorder, self._spec)
            executor.run(waiting, loop)
        if batches:
            in_batches = BatchExecutor(caller, recorder, work.size, auto=self._spec.batch_size == "auto")
            try:
                in_batches.run(batches, self._spec.loader_threads)
            finally:
                work.size, self._misfit = in_batches.size, in_batches.misfit

    def score(self, prior: Callable[[TaskPlan], Mapping[str, float]]) -> None:
        """Score everything that is logged and complete the entry. Raises `RunFailedError` when it cannot be written."""
        plan = self.plan
        if self._unchanged is not None:
            self.entry = self._unchanged
            return
        responses = read_responses(plan, self._directory)
        failed = sum(r.status in ("error", "timeout") for of_sample in responses for r in of_sample)
        scored = score(plan.task, plan.identity_digest, plan.samples, responses)
        name = keep(self._directory, scored)
        self.entry = msgspec.structs.replace(
            self.entry,
            status="partial" if failed else "complete",
            n_failed=failed,
            scoring=name,
            chance=chance_of(plan.task, plan.samples),
            prior=dict(prior(plan)),
            reason=_reason(plan, responses, failed, self._misfit),
        )


def _reason(plan: TaskPlan, responses: Sequence[Sequence[Response]], failed: int, misfit: str | None) -> str | None:
    """What a user must hear of: samples left out; the commonest causes of failures, each with its first sample; misfits."""
    said: list[str] = [plan.part] if plan.part else []
    if failed:
        counts: Counter[str] = Counter()
        first: dict[str, str] = {}
        for sample, of_sample in zip(plan.samples, responses, strict=True):
            for response in of_sample:
                if response.status in ("error", "timeout"):
                    cause = response.error or response.status
                    counts[cause] += 1
                    first.setdefault(cause, sample.id)
        causes = [f"{n:,} × {cause} (first: sample {first[cause]})" for cause, n in counts.most_common(_CAUSES)]
        more = [f"{len(counts) - _CAUSES:,} other causes"] if len(counts) > _CAUSES else []
        said.append(f"{failed:,} of {plan.n_requests:,} requests failed: {'; '.join([*causes, *more])}")
    if misfit:
        said.append(f"{misfit}; such batches were asked again in smaller pieces (mmbench check finds the fault)")
    return ". ".join(said) or None
