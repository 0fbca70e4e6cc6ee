"""Write the run that shards make up: their answers in one log, scored as those of a run that was asked by one command."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mmbench.core.errors import DamagedFileError, NotComparableError
from mmbench.core.responses import ENDED_WELL
from mmbench.results.codec import write_failed
from mmbench.results.log import ResponseLog, embedding_of, read_embeddings, read_log, row_check
from mmbench.results.rundir import RunDirectory, make_folder, shown_path
from mmbench.results.schema import MergedShard, PlanFile, ResponseLine, RunFile, TaskEntry
from mmbench.runner.entries import Prior, overall_status, scored_entry, specs_before
from mmbench.runner.execute.progress import Progress, State
from mmbench.runner.execute.signals import raise_if_swallowed, shielded
from mmbench.runner.merging.shards import ShardedRun, ShardRun, check_complete
from mmbench.runner.plan.log_state import ANSWERED, FAILED, MISSING, LogState
from mmbench.runner.plan.replan import replan
from mmbench.runner.plan.task_plan import TaskPlan

_AT_ONCE = 1024
"""Lines that are written together."""


@dataclass
class Merge:
    """Makes one run of its shards."""

    sharded: ShardedRun
    """The shards, which fit together."""
    progress: Progress
    """Where to report."""
    prior: Prior
    """The blind prior on a plan."""
    foreign: bool = False
    """Whether Python files and modules that the shards name as tasks may be imported."""

    plans: dict[str, TaskPlan] = field(init=False)
    """What was asked, by task; set by `check`."""

    def check(self) -> None:
        """Check that the shards are complete, before anything is written.

        Raises:
            UsageError: If a task cannot be built.
            NotComparableError: If shards are missing or not asked to their end, are damaged, or a task asks otherwise today;
                if the run that is there is another, or has a result on more samples.
        """
        self.plans = self._plans()
        self._check_complete()
        target = RunDirectory(self.sharded.target)
        if (target.path / "run.json").is_file():
            self._check_existing(target, target.read())
            self._check_embeddings()
        elif target.path.exists():
            raise NotComparableError(
                f"{shown_path(target.path)} is there, and is no run: move it away, and merge again"
            )

    def write(self) -> RunDirectory:
        """Write the run; a new one appears as a whole, and one that is there gets the answers that it lacks.

        Raises:
            NotComparableError: If a shard is damaged.
            RunFailedError: If the run cannot be written, or another process is writing to it.
        """
        target = RunDirectory(self.sharded.target)
        if (target.path / "run.json").is_file():
            with target.locked():
                self._write(target, target.read())
            return target
        staging = RunDirectory(target.path.with_name(f".{target.path.name}.merging"))
        with staging.locked():  # only its owner may remove it
            try:
                shutil.rmtree(staging.path / "tasks", ignore_errors=True)  # of a merge that was killed
                self._write(staging, None)
                _rename(staging.path, target.path)
            except BaseException:
                shutil.rmtree(staging.path, ignore_errors=True)
                raise
        return target

    def _plans(self) -> dict[str, TaskPlan]:
        """What was asked, made again with today's code."""
        first, found = self.sharded.first, {}
        for name, entry in first.run.tasks.items():
            stored = first.plans.get(name)
            if stored is not None:
                found[name] = replan(first.directory, first.run, {}, entry, stored, foreign=self.foreign)
        return found

    # --- are they complete? ---

    def _check_complete(self) -> None:
        lacking: dict[int, str] = {}
        for shard in self.sharded.shards:
            if shard.directory.is_locked():
                lacking[shard.shard.number] = "running now"
            elif left := [text for name in shard.run.tasks if (text := self._left(shard, name)) is not None]:
                lacking[shard.shard.number] = "; ".join(left)
        check_complete(self.sharded, lacking)
        for name, plan in self.plans.items():
            self._check_ranges(name, self.sharded.first.plans[name], plan)

    def _left(self, shard: ShardRun, name: str) -> str | None:
        """What a shard lacks of a task; None where every request of its batches has ended."""
        entry, stored = shard.run.tasks[name], shard.plans.get(name)
        if entry.status == "incompatible":
            return None
        if stored is None or entry.asked_batches is None or name not in self.plans:
            return f"{name} not begun"
        own = [number for batch in stored.batches[slice(*entry.asked_batches)] for number in batch]
        states = LogState(self.plans[name], read_log(shard.directory.task(name) / "responses.jsonl")).states
        left = sum(states[number] == MISSING for number in own)
        return f"{left:,} of {len(own):,} requests of {name} left" if left else None

    def _check_ranges(self, name: str, stored: PlanFile | None, plan: TaskPlan) -> None:
        """Check that the ranges of batches of the shards hold each batch of a task once."""
        at = 0
        for shard in self.sharded.shards:
            first, end = shard.run.tasks[name].asked_batches or (0, 0)
            if first != at:
                raise NotComparableError(
                    f"{shown_path(shard.directory.path)} asks the batches of {plan.name} from {first:,} on, and those before end "
                    f"with {at:,}: the shards were not divided alike; run it again"
                )
            at = end
        if stored is not None and at != len(stored.batches):
            raise NotComparableError(
                f"the shards of {plan.name} hold {at:,} of {len(stored.batches):,} batches; run them again"
            )

    # --- what is written ---

    def _check_existing(self, directory: RunDirectory, existing: RunFile) -> None:
        """Refuse another run, and to put a result on some samples in the place of one on more of them."""
        first, place = self.sharded.first.run, shown_path(directory.path)
        if existing.identity not in (first.identity, *first.former_identities):
            raise NotComparableError(f"{place} is a run of another model, seed or options: move it away")
        for name, plan in self.plans.items():
            entry = existing.tasks.get(name)
            if entry is None or entry.scoring is None or entry.identity_digest != plan.identity_digest:
                continue
            if entry.n_samples > len(plan.samples):
                raise NotComparableError(
                    f"{place} has a result of {name} on {entry.n_samples:,} samples, and the shards have "
                    f"{len(plan.samples):,}: move one of them away"
                )

    def _check_embeddings(self) -> None:
        """Read all embeddings once, because the run that is there is written to in place."""
        for shard in self.sharded.shards:
            for name in self.plans:
                folder = shard.directory.task(name)
                vectors = read_embeddings(path := folder / "embeddings.bin")
                for line in read_log(folder / "responses.jsonl"):
                    if line.row is not None:
                        _checked_row(line, vectors, path)

    def _write(self, directory: RunDirectory, existing: RunFile | None) -> None:
        entries: dict[str, TaskEntry] = dict(existing.tasks) if existing else {}
        for name, entry in self.sharded.first.run.tasks.items():
            if name in self.plans:
                entries[name] = self._merge_task(directory, self.plans[name], entries.get(name))
            else:
                entries.setdefault(name, entry)
        with shielded():
            directory.write(self._record(entries, existing))

    def _merge_task(self, directory: RunDirectory, plan: TaskPlan, existing: TaskEntry | None) -> TaskEntry:
        folder = directory.task(plan.name)
        if existing is not None and existing.identity_digest != plan.identity_digest and folder.is_dir():
            directory.set_aside(plan.name, existing.identity_digest)
        make_folder(folder)
        state = LogState(plan, read_log(folder / "responses.jsonl"))
        stored = self.sharded.first.plans[plan.name]
        if stored is not None:
            directory.write_plan(stored)
        counts = State(f"merging {plan.name}", plan.n_requests - len(plan.duplicates), state.states.count(ANSWERED))
        self.progress.start(counts)
        with ResponseLog(folder, state.rows) as log:
            for shard in self.sharded.shards:
                for lines in _several(self._new_lines(shard, plan, state, log)):
                    log.append(lines)
                    counts.done = state.states.count(ANSWERED)
                    self.progress.update(counts)
                    raise_if_swallowed()
        self.progress.finish(counts)
        return scored_entry(plan, directory, self._joined_entry(plan), self.prior)

    def _new_lines(self, shard: ShardRun, plan: TaskPlan, state: LogState, log: ResponseLog) -> Iterator[ResponseLine]:
        """The lines of a shard's own requests that the run does not have, with rows of its embeddings."""
        folder, stored = shard.directory.task(plan.name), shard.plans[plan.name]
        batches = stored.batches[slice(*shard.run.tasks[plan.name].asked_batches or (0, 0))] if stored else []
        own = {number for batch in batches for number in batch}
        places, path = plan.places(), folder / "embeddings.bin"
        vectors = read_embeddings(path)
        for line in read_log(folder / "responses.jsonl"):
            number = plan.number_of(line.id, places)
            if number not in own or state.states[number] == ANSWERED:
                continue
            ended_well = line.status in ENDED_WELL
            if state.states[number] != MISSING and not ended_well:
                continue
            state.states[number] = ANSWERED if ended_well else FAILED
            yield line if line.row is None else _with_row(line, vectors, path, log)

    def _joined_entry(self, plan: TaskPlan) -> TaskEntry:
        """What the shards say of a task, together, before it is scored."""
        own = [shard.run.tasks[plan.name] for shard in self.sharded.shards]
        first = own[0]
        notes: dict[str, int] = {}
        for entry in own:
            for sentence, count in entry.notes.items():
                notes[sentence] = notes.get(sentence, 0) + count
        sizes = [entry.batch_size for entry in own if entry.batch_size]
        return msgspec.structs.replace(
            first,
            status="pending",
            reason=None,
            asked_batches=None,
            batch_size=min(sizes, default=0),
            n_split=sum(entry.n_split for entry in own),
            split_cause=next((entry.split_cause for entry in own if entry.split_cause), None),
            learned=next((entry.learned for entry in own if entry.learned), None),
            notes=notes,
            promise="requests" if any(entry.promise == "requests" for entry in own) else first.promise,
            promise_reason=next((entry.promise_reason for entry in own if entry.promise_reason), None),
        )

    def _record(self, entries: dict[str, TaskEntry], existing: RunFile | None) -> RunFile:
        """``run.json``: what the shards have in common, and where each was asked."""
        runs = [shard.run for shard in self.sharded.shards]
        latest = max(runs, key=lambda run: run.updated)
        settings: dict[str, Any] = {}
        for run in runs:
            settings |= run.model.settings
        former = [each for run in (existing, latest) if run is not None for each in run.former_identities]
        spec = {**latest.spec, "shard": None}
        return msgspec.structs.replace(
            latest,
            status=overall_status(entries.values()),
            model=msgspec.structs.replace(latest.model, settings=settings),
            former_identities=list(dict.fromkeys(former)),
            spec=spec,
            earlier_specs=specs_before(
                spec, [*([existing] if existing else []), *sorted(runs, key=lambda run: run.updated)], shard=None
            ),
            tasks=entries,
            created=min(run.created for run in (*runs, *([existing] if existing else []))),
            updated=datetime.now(UTC).isoformat(timespec="seconds"),
            reason=None,
            shard=None,
            merged=[
                MergedShard(number=shard.shard.number, machine=shard.run.machine, updated=shard.run.updated)
                for shard in self.sharded.shards
            ],
        )


def _rename(path: Path, to: Path) -> None:
    try:
        path.rename(to)
    except OSError as error:
        raise write_failed(to, error) from error


def _with_row(line: ResponseLine, vectors: Any, path: Path, log: ResponseLog) -> ResponseLine:
    """The line with its vectors in the embeddings of the run. Raises `DamagedFileError` where they are not what was written."""
    row = _checked_row(line, vectors, path)
    return msgspec.structs.replace(line, row=log.embeddings.append(row if row.ndim == 2 else row[None]))


def _checked_row(line: ResponseLine, vectors: Any, path: Path) -> Any:
    """The vectors that a line names. Raises `DamagedFileError` where they are not what was written."""
    row = embedding_of(line, vectors)
    if row is None:
        raise DamagedFileError(path, f"the log names its row {line.row}, which is missing", run=path.parents[2])
    if line.row_check is not None and row_check(row) != line.row_check:
        raise DamagedFileError(path, "it does not match its checksum", f"row {line.row}", run=path.parents[2])
    return row


def _several(lines: Iterable[ResponseLine]) -> Iterator[list[ResponseLine]]:
    found: list[ResponseLine] = []
    for line in lines:
        found.append(line)
        if len(found) == _AT_ONCE:
            yield found
            found = []
    yield found
