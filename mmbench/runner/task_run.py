"""One task of a run: find out what is left of it, ask that, and score everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from mmbench.core.errors import DamagedFileError, ModelUnusableError, StoppedError
from mmbench.core.requests import Request
from mmbench.core.spec import Shard
from mmbench.core.task import PerSampleTask
from mmbench.perf.observer import Observer
from mmbench.results.codec import digest
from mmbench.results.log import ResponseLog, read_log
from mmbench.results.rundir import RunDirectory, make_folder, set_damaged_aside
from mmbench.results.schema import PlanFile, TaskEntry
from mmbench.runner.entries import Prior, scored_entry
from mmbench.runner.execute.batch_search import search
from mmbench.runner.execute.budget import Budget
from mmbench.runner.execute.cached_answers import CachedAnswers
from mmbench.runner.execute.executor import Batches, Executors, Todo
from mmbench.runner.execute.live_metric import LiveMetric, ProgressObserver
from mmbench.runner.execute.local_model import OpenModel
from mmbench.runner.execute.progress import Progress, Silent, State
from mmbench.runner.execute.recorder import Recorder
from mmbench.runner.measuring import Measurement
from mmbench.runner.plan.batching import auto_size, cut, plan_file
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.log_state import ANSWERED, FAILED, MISSING, LogState
from mmbench.runner.plan.reask import source_of, take_over
from mmbench.runner.plan.sharding import batch_weight, own_batches
from mmbench.runner.plan.task_plan import TaskPlan
from mmbench.scoring.answers import AnswerBook


class TaskRun:
    """One task of one run.

    Args:
        plan: The task.
        directory: The run directory.
        job: The run.
        earlier: What an earlier session wrote of the task.
        budget: What the command may spend; None: as much as it takes.
    """

    def __init__(
        self,
        plan: TaskPlan,
        directory: RunDirectory,
        job: Job,
        earlier: TaskEntry | None,
        budget: Budget | None = None,
    ) -> None:
        self.plan = plan
        self.name = plan.name
        """The task's full name."""
        self.left: Batches = ()
        """What is left to ask; set by `prepare`."""
        self.kept_larger = False
        """Whether an earlier result on more samples stands, so that nothing is asked; set by `prepare`."""
        self.measurement = Measurement(job, plan)
        """The speed of this session."""
        self.loaded = False
        """Whether the model is loaded before the task is asked."""
        self.ready = False
        """Whether the model was ready to be asked the task."""
        self._directory = directory
        self._folder = directory.task(plan.name)
        self._job = job
        self._spec = job.spec
        self._budget = budget
        self._mended: list[str] = []
        self._batches: list[list[int]] = []
        self._existing = self._read_plan()
        asked = earlier.identity_digest if earlier is not None and earlier.identity_digest else None
        if asked is None and self._existing is not None:
            asked = self._existing.identity_digest
        self._asked = asked
        self._earlier = earlier if asked == plan.identity_digest else None
        self._unchanged: TaskEntry | None = None
        self._searches = False
        self._book: AnswerBook | None = None
        before, kept = self._existing.batch_size if self._existing else 0, earlier.batch_size if earlier else 0
        self._room = kept if 0 < kept < before else None  # memory had room for no larger batch
        self.entry = _new_entry(plan, self._earlier)
        """The entry of the task in run.json."""

    def prepare(self, progress: Progress) -> None:
        """Read what is there, set aside what answers another task, and cut or take over the batches."""
        self._prepare(progress)
        for note in self._mended:
            progress.note(f"{self.name}: {note}")

    def _prepare(self, progress: Progress) -> None:
        plan, existing = self.plan, self._existing
        if self._asked not in (None, plan.identity_digest) and self._folder.is_dir():
            kept = self._directory.set_aside(plan.name, str(self._asked))
            progress.note(f"{plan.name}: data, prompt or version changed; earlier answers are kept in {kept.name}")
            existing = None
        make_folder(self._folder)
        self._take_over(progress)
        self._state = LogState(plan, read_log(self._folder / "responses.jsonl"))
        same = existing is not None and existing.selection_digest == plan.selection_digest
        if existing is not None and not same and self._is_part_of_earlier():
            self._keep_larger_result(progress)
            return
        self._batches = self._planned(existing if same else None)
        self.left = self._state.remaining(self._batches)
        if self._spec.shard is not None:
            self._take_part(self._spec.shard)
        if same and not self.left and self._scored_alike():
            self._leave_as_it_is(plan.part)

    def _take_part(self, shard: Shard) -> None:
        """Leave only the batches of a shard."""
        costly_first = self._job.model.capabilities.largest_first
        own = own_batches([batch_weight(self.plan, batch, costly_first) for batch in self._batches], shard)
        self.left = [(number, numbers) for number, numbers in self.left if number in own]
        self.entry = msgspec.structs.replace(self.entry, asked_batches=(own.start, own.stop))

    def _planned(self, existing: PlanFile | None) -> list[list[int]]:
        """The batches of the plan on disk, where it fits what is asked now; otherwise cut, and written there."""
        size, cost = self._spec.batch_size, self._spec.batch_cost
        states, by_rule = self._state.states, isinstance(size, str)
        fits = existing is not None and existing.batch_cost == cost and (by_rule or existing.batch_size == size)
        finished = len(states) == states.count(ANSWERED) + len(self.plan.duplicates)
        if existing is not None and (fits or finished):  # of a finished task the plan says how it was asked
            self._keep_size(existing.batch_size)
            return existing.batches
        if isinstance(size, str):
            self._searches = size == "search"
            size = self._auto_size()
        return self._cut_and_write(size)

    def _auto_size(self) -> int:
        model = self._job.model
        return auto_size(self.plan, largest_first=model.capabilities.largest_first, image_tokens=model.image_tokens())

    def _cut_and_write(self, size: int) -> list[list[int]]:
        batches = self._cut(size, self._spec.batch_cost)
        self._directory.write_plan(plan_file(self.plan, size, self._spec.batch_cost, batches))
        self._keep_size(size)
        return batches

    def _keep_size(self, size: int) -> None:
        """Ask in batches of this size, unless memory has had room for smaller ones only in an earlier session."""
        if self._room is not None and isinstance(self._spec.batch_size, str):
            size = min(size, self._room)
        self.entry = msgspec.structs.replace(self.entry, batch_size=size)

    def _search(self, todo: Todo, progress: Progress) -> Todo:
        """Find the fastest batch size, and plan what is left anew with it. Raises `RunFailedError`."""
        pools = self._cut(self.plan.n_requests, None)
        pool = max(pools, key=len)

        def requests(size: int) -> Sequence[Request]:
            first = (len(pool) - size) // 2  # of middling cost: the pools of models that pad are in the order of costs
            return self.plan.requests(pool[first : first + size])

        found = search(todo.open_model().caller, requests, len(pool))
        progress.note(f"{self.name}: {found}")
        self.left = self._state.remaining(self._cut_and_write(found.best))
        return replace(todo, batches=self.left, batch_size=found.best)

    def _take_over(self, progress: Progress) -> None:
        """With ``--reask``, begin with the answers that ended by themselves with a smaller limit on new tokens."""
        source = source_of(self.plan, self._directory) if self._spec.reask else None
        count = take_over(self.plan, self._directory, source) if source is not None else 0
        if count:
            self.add_notes({f"taken over from {source}, where the answer had ended by itself": count})
            progress.note(f"{self.name}: {count:,} answers taken over from {source}; the rest is asked again")

    def _scored_alike(self) -> bool:
        """Whether an earlier session scored these answers as they would be scored now."""
        earlier, existing = self._earlier, self._existing
        if earlier is None or not self._has_scores(earlier):
            return False
        before = earlier.scored_by or (existing.former_scoring if existing is not None else {})
        return digest(before) == digest(self.plan.scored_by)

    def _is_part_of_earlier(self) -> bool:
        """Whether all that is asked was asked before, among more samples that have a result."""
        earlier, states = self._earlier, self._state.states
        larger = earlier is not None and earlier.n_samples > len(self.plan.samples) and self._scored_alike()
        return larger and all(state != MISSING or number in self.plan.duplicates for number, state in enumerate(states))

    def _keep_larger_result(self, progress: Progress) -> None:
        """Ask nothing, so that a part of the samples does not take the place of a result on more of them."""
        self.kept_larger = True
        progress.note(
            f"{self.name}: its result on {self._earlier.n_samples if self._earlier else 0:,} samples stands; "
            f"the {len(self.plan.samples):,} selected now are among them"
        )
        self._leave_as_it_is(None)

    def _leave_as_it_is(self, part: str | None) -> None:
        """Keep the entry of an earlier session, whose scores are those of today."""
        if self._earlier is not None:
            self._unchanged = msgspec.structs.replace(
                self._earlier,
                source=self.plan.source,
                identity_digest=self.plan.identity_digest,
                scored_by=self.plan.scored_by,
                reason=self._earlier.reason or part,  # runs of older versions did not say it
            )

    def _read_plan(self) -> PlanFile | None:
        """The plan of an earlier session; a damaged one is set aside, since what is asked is planned anew."""
        try:
            return self._directory.read_plan(self.name)
        except DamagedFileError as error:
            kept = set_damaged_aside(self._directory.task(self.name) / "plan.json")
            self._mended.append(f"its plan was damaged ({error.problem}) and is made again; the old one is {kept.name}")
            return None

    def _has_scores(self, entry: TaskEntry) -> bool:
        if entry.scoring is None:
            return False
        try:
            self._directory.read_scores(entry.name, entry.scoring)
        except DamagedFileError as error:
            self._mended.append(f"its scores were damaged ({error.problem}) and are made again from the stored answers")
            return False
        return True

    def _cut(self, size: int, cost: float | None) -> list[list[int]]:
        states = self._state.states
        batches = cut(self.plan, size, cost, largest_first=self._job.model.capabilities.largest_first)
        if ANSWERED not in states or self._spec.shard is not None:  # all shards have the batches of the whole plan
            return batches
        left = ([number for number in batch if states[number] != ANSWERED] for batch in batches)
        return [batch for batch in left if batch]

    def todo(self, open_model: Callable[[], OpenModel], fitted: Callable[[], Any] | None) -> Todo:
        """What is left to ask, for an executor."""
        size = self.entry.batch_size
        return Todo(
            self.plan,
            self.left,
            self._job.model,
            open_model,
            self._spec,
            size,
            fitted=fitted,
            directory=self._directory,
        )

    def asked_again(self, todo: Todo) -> Todo:
        """The same with all requests of the plan, whether they are answered or not, cut by the rule of a new run."""
        largest_first, size = self._job.model.capabilities.largest_first, self._spec.batch_size
        if isinstance(size, str):
            size = self.entry.batch_size or self._auto_size()
        batches = cut(self.plan, size, self._spec.batch_cost, largest_first=largest_first)
        return replace(todo, batches=list(enumerate(batches)), batch_size=size)

    def ask(self, todo: Todo, executors: Executors, progress: Progress, cache: CachedAnswers | None) -> None:
        """Ask what is left. Raises `StoppedError`, `RunFailedError`, `Interrupted`."""
        measurement = self.measurement
        todo = replace(todo, note=progress.note)
        measurement.prepare(list(executors.shares(todo)), loaded=self.loaded)
        self.ready = True
        todo = self._search(todo, progress) if self._searches else todo
        counts = self._counts()
        observers = self._observers(counts, progress, cache)
        self._book = self._new_book()
        with (
            ResponseLog(self._folder, self._state.rows) as log,
            Recorder(log, self._state, counts, self._spec.max_errors, observers, self._book) as recorder,
        ):
            try:
                if cache is not None:
                    todo = cache.answer(todo, recorder)
                todo = replace(todo, started=time.perf_counter())
                with measurement.main_loop():
                    for executor, share in executors.shares(todo):
                        executor.run(share, recorder)
                measurement.complete = True
            except (StoppedError, ModelUnusableError) as error:
                self.entry = msgspec.structs.replace(self.entry, status="stopped", reason=str(error))
                raise
            finally:
                measurement.remarks = executors.remarks(self.name)
                self._note_end(recorder)

    def _new_book(self) -> AnswerBook | None:
        """Keeps what this session logs, to score it; None where the log must be read: earlier sessions wrote to it, or embeddings."""
        read = any(self._state.states) or self._spec.shard is not None or "embed" in self.plan.served.values()
        return None if read else AnswerBook(self.plan.n_requests)

    def _note_end(self, recorder: Recorder) -> None:
        """Complete the entry with what asking has shown."""
        size, entry = recorder.batch_size or self.entry.batch_size, self.entry
        self.measurement.batch_size, self.measurement.splits = size, recorder.splits
        why = entry.promise_reason or self._only_requests(recorder)
        self.entry = msgspec.structs.replace(
            entry,
            batch_size=size,
            n_split=entry.n_split + recorder.splits,
            split_cause=entry.split_cause or recorder.split_cause,
            promise="requests" if why else "bytes",
            promise_reason=why,
        )
        self.add_notes(self.measurement.remarks.notes)

    def _only_requests(self, recorder: Recorder) -> str | None:
        """Why the same run with another number of workers may ask other requests together; None where it does not."""
        can = self._job.model.capabilities
        if can.asynchronous:
            return "the model is asked request by request, and what it is asked at once depends on its speed"
        if can.batches_itself:
            return "the engine of the model decides what is computed together"
        if recorder.batch_size is not None:
            return "memory ran out, so that batches were asked in parts"
        return self.measurement.remarks.only_requests

    def add_notes(self, notes: Mapping[str, int]) -> None:
        """Add what the model noted of the requests of this session to the entry: sentence to number of requests."""
        known = self.entry.notes
        added = {sentence: known.get(sentence, 0) + count for sentence, count in notes.items()}
        self.entry = msgspec.structs.replace(self.entry, notes={**known, **added})

    def _counts(self) -> State:
        """Where the task stands at the beginning; a duplicate counts as asked with the request that it repeats."""
        plan, states = self.plan, self._state.states
        if self._spec.shard is not None:
            own = self._own_requests()
            return State(plan.name, len(own), sum(states[number] == ANSWERED for number in own))
        repeated = sum(states[number] == MISSING for number in plan.duplicates)
        done = len(states) - len(plan.duplicates) - states.count(MISSING) + repeated - states.count(FAILED)
        return State(plan.name, plan.n_requests - len(plan.duplicates), done)

    def _observers(self, counts: State, progress: Progress, cache: CachedAnswers | None) -> Sequence[Observer]:
        observers: list[Observer] = [*self.measurement.observers, *(() if self._budget is None else (self._budget,))]
        if cache is not None:
            observers.append(cache)
        task = self.plan.task
        if isinstance(task, PerSampleTask) and task.columns and not isinstance(progress, Silent):
            observers.append(LiveMetric(self.plan, task, counts))
        observers.append(ProgressObserver(progress, counts))
        return observers

    def score(self, prior: Prior) -> None:
        """Score everything that is logged and complete the entry. Raises `RunFailedError` when it cannot be written."""
        plan = self.plan
        if self._unchanged is not None:
            self.entry = self._unchanged
            return
        if self._spec.shard is not None:
            self.entry = self._shard_entry(self._spec.shard)
            return
        book, self._book = self._book, None  # the answers of one task need not be kept while the next ones are asked
        self.entry = scored_entry(plan, self._directory, self.entry, prior, book)

    def _shard_entry(self, shard: Shard) -> TaskEntry:
        """The entry once a shard is asked, which is scored with the others when they are merged."""
        own, states = self._own_requests(), self._state.states
        failed = sum(states[number] == FAILED for number in own)
        reason = f"shard {shard} asks {len(own):,} of {self.plan.n_requests - len(self.plan.duplicates):,} requests"
        return msgspec.structs.replace(
            self.entry,
            status="partial" if failed else "complete",
            n_failed=failed,
            reason=f"{reason}; {failed:,} failed" if failed else reason,
        )

    def _own_requests(self) -> list[int]:
        """The requests that a shard asks."""
        return [number for batch in self._batches[slice(*self.entry.asked_batches or (None,))] for number in batch]


def _new_entry(plan: TaskPlan, earlier: TaskEntry | None) -> TaskEntry:
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
        split_samples=plan.split_samples,
        n_requests=plan.n_requests,
        learned=earlier.learned if earlier else None,
        n_split=earlier.n_split if earlier else 0,
        split_cause=earlier.split_cause if earlier else None,
        notes=earlier.notes if earlier else {},
        promise=earlier.promise if earlier else None,
        promise_reason=earlier.promise_reason if earlier else None,
    )
