"""Prepare the next batches while the model works on the current one: collate them, and decode images ahead.

A model with `collate` has it called in background threads. One that computes on all CPUs is not disturbed by them: several
batches are collated at once, and then asked one after the other. For a model without `collate`, images are decoded ahead only
once it has been seen to load one: media that a model does not look at are never decoded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from mmbench.core.errors import ModelUnusableError
from mmbench.core.phases import phase
from mmbench.core.requests import Request
from mmbench.data import cache
from mmbench.models.caller import USER_ERRORS, ModelCaller
from mmbench.perf.cpu import cpus
from mmbench.perf.threads import idle_cpus, start_threads
from mmbench.runner.execute.batch_asker import Failure
from mmbench.runner.execute.executor import Batches
from mmbench.runner.plan.task_plan import TaskPlan


@dataclass
class Prepared:
    """A batch that is ready to be asked."""

    number: int
    """Its number in the plan."""
    numbers: list[int]
    """Numbers of its requests."""
    requests: list[Request]
    """The requests."""
    inputs: Any = None
    """What `collate` made."""
    failure: Failure | None = None
    """Why `collate` failed."""
    fatal: ModelUnusableError | None = None
    """What `collate` raised if no request can succeed any more."""
    pending: list[Future[Any]] = field(default_factory=list)
    """Work in the background that belongs to it."""

    def wait(self) -> None:
        """Wait for the work in the background."""
        for future in self.pending:
            future.result()


class Prefetch:
    """Iterates over the batches in order, preparing those that follow. Raises `ModelUnusableError` where `collate` did."""

    def __init__(self, plan: TaskPlan, caller: ModelCaller, batches: Batches, workers: int) -> None:
        self._plan = plan
        self._caller = caller
        self._batches = batches
        self._workers = workers
        self._in_turns = False
        """Whether the model waits while batches are collated: they would take the CPUs that it computes on."""
        if caller.collates:
            idle = idle_cpus()
            self._in_turns = idle == 0
            self._workers = min(workers, idle or cpus())

    def __iter__(self) -> Iterator[Prepared]:
        for prepared in self._prepare():
            if prepared.fatal is not None:
                raise prepared.fatal
            yield prepared

    def _prepare(self) -> Iterator[Prepared]:
        if self._workers <= int(self._in_turns) or len(self._batches) < 2:
            for batch, numbers in self._batches:
                prepared = self._build(batch, numbers)
                collate(self._caller, prepared)
                yield prepared
            return
        pool = start_threads(self._workers, "mmbench-prefetch")
        try:
            yield from self._ahead(pool)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _ahead(self, pool: ThreadPoolExecutor) -> Iterator[Prepared]:
        loads_before = cache.loads()
        window: deque[Prepared] = deque()
        source = iter(self._batches)
        while True:
            looks = cache.loads() > loads_before
            depth, room = self._depth(len(window[0].requests) if window else 0, looks)
            wanted = 0 if self._in_turns and window else depth - len(window)
            for item in islice(source, max(0, wanted)):
                window.append(begin(pool, self._caller, self._build(*item), room if looks else 0))
            if not window:
                return
            with phase("preprocess" if self._caller.collates else "decode"):
                for prepared in tuple(window) if self._in_turns else (window[0],):
                    prepared.wait()
            yield window.popleft()

    def _depth(self, requests: int, looks: bool) -> tuple[int, int]:
        """How many batches are prepared at once, and how many images of each are decoded ahead.

        Together they fit into the cache of images, since what is evicted before a model looks at it is decoded twice.
        """
        most = self._workers + int(not self._in_turns)
        if self._caller.collates or not looks:
            return (most if self._caller.collates else 1), 0
        stats = cache.stats()
        average = stats.bytes / stats.pictures if stats.pictures else 1.0
        fit = cache.capacity() / average
        depth = max(2, min(most, int(fit / max(1, requests))))
        return depth, int(fit / depth)

    def _build(self, batch: int, numbers: list[int]) -> Prepared:
        with phase("load"):
            return Prepared(batch, numbers, self._plan.requests(numbers))


def begin(pool: ThreadPoolExecutor, caller: ModelCaller, prepared: Prepared, room: int) -> Prepared:
    """Begin to prepare a batch in the background.

    Args:
        pool: The threads.
        caller: The model.
        prepared: The batch; what is begun is added to what it waits for.
        room: How many of its images are decoded ahead, for a model without `collate`.

    Returns:
        The batch.
    """
    if caller.collates:
        prepared.pending.append(pool.submit(collate, caller, prepared))
    elif room:
        media = {item.digest: item for request in prepared.requests for item in request.media}
        prepared.pending += [pool.submit(cache.preload, item) for item in islice(media.values(), room)]
    return prepared


def collate(caller: ModelCaller, prepared: Prepared) -> None:
    """Have the model collate a batch, where it does; what it raises is kept with the batch."""
    if not caller.collates:
        return
    try:
        with phase("preprocess"):
            prepared.inputs = caller.collate(prepared.requests)
    except ModelUnusableError as error:
        prepared.fatal = error
    except USER_ERRORS as error:
        prepared.failure = Failure.of(error)
