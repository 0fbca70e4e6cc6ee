"""Measure the speed of one task of a run while it is asked and scored."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mmbench.core.phases import Phases, measured
from mmbench.data.cache import size_of
from mmbench.perf.meter import Conditions, Meter
from mmbench.perf.observer import Observer
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import PerfScenario, SpeedIdentity
from mmbench.runner.execute.executor import Executor, Remarks, Todo
from mmbench.runner.plan.job import Job
from mmbench.runner.plan.task_plan import TaskPlan
from mmbench.runner.plan.turns import pair_folder


@dataclass
class Measurement:
    """The quick measurement of one task; nothing where ``--perf off`` is given."""

    job: Job
    """The run."""
    plan: TaskPlan
    """The task."""
    load_s: float | None = None
    """Seconds until the model was loaded; None where it was loaded before."""
    splits: int = 0
    """Calls that failed, so that their requests were asked again in smaller calls."""
    batch_size: int = 1
    """Requests a call at most, after what has been asked."""
    complete: bool = False
    """Whether everything was asked."""
    remarks: Remarks = field(default_factory=Remarks)
    """What an executor that asks elsewhere has to say of the task."""
    _meter: Meter | None = None
    _where_s: dict[str, float] = field(default_factory=dict)
    _shares: list[tuple[Executor, Todo]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.job.spec.perf != "off":
            self._meter = Meter(size_of)

    @property
    def observers(self) -> Sequence[Observer]:
        """What observes the calls."""
        return () if self._meter is None else (self._meter,)

    def prepare(self, shares: Sequence[tuple[Executor, Todo]], *, loaded: bool) -> None:
        """Have the model loaded by those who will ask it, and time that where it was not `loaded` before."""
        self._shares = list(shares)
        started = time.perf_counter()
        for executor, share in shares:
            executor.prepare(share)
        self.load_s = None if loaded else time.perf_counter() - started

    @contextlib.contextmanager
    def main_loop(self) -> Iterator[None]:
        """What happens inside is a part of the main loop; it may have several."""
        if self._meter is None:
            yield
            return
        phases = Phases()
        try:
            with measured(phases):
                yield
        finally:
            for name, seconds in phases.read().items():
                self._where_s[name] = self._where_s.get(name, 0.0) + seconds

    def result(self) -> PerfScenario | None:
        """What was measured until now; None where nothing is."""
        if self._meter is None:
            return None
        capabilities = self.job.model.capabilities
        early = self.load_s is not None and self.remarks.load_s is not None
        conditions = Conditions(
            identity=self._identity(),
            requests_per_sample=self.plan.n_requests / len(self.plan.samples),
            remote=capabilities.remote,
            sorted_by_cost=capabilities.largest_first,
            load_s=self.remarks.load_s if early else self.load_s,
            loaded_early=early,
            alone_s=self.remarks.alone_s,
            first_ms=self._first_ms() if capabilities.remote else None,
            turn=self.job.turn,
            workers=self.remarks.workers,
            workers_changed=self.remarks.workers_changed,
        )
        return self._meter.result(conditions, self._where_s, complete=self.complete, splits=self.splits)

    def _first_ms(self) -> float | None:
        """The median latency of the same prompts in the first pair of runs that take turns; None in that pair, and without one."""
        turn, directory = self.job.turn, self.job.directory()
        if turn is None or turn.number == 1:
            return None
        first = RunDirectory(self.job.out.parent / pair_folder(1) / directory.path.name).read_perf()
        return (
            None
            if first is None or self.plan.name not in first.tasks
            else first.tasks[self.plan.name].value("latency_p50")
        )

    def _identity(self) -> SpeedIdentity:
        spec = self.job.spec
        asynchronous = self.job.model.capabilities.asynchronous
        one_by_one = spec.executor is None and any(
            self.plan.kind_of(numbers) in asynchronous for _, share in self._shares for _, numbers in share.batches[:1]
        )
        workers = max((int(getattr(executor, "workers", 1)) for executor, _ in self._shares), default=1)
        return SpeedIdentity(
            batch_size=1 if one_by_one else self.batch_size,
            concurrency=spec.concurrency if one_by_one else workers,
            threads=spec.threads or self.remarks.threads or 0,
            workers=workers,
        )
