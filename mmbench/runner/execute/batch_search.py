"""Find the batch size at which a model in this process answers fastest, by the clock (``--batch-size search``)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mmbench.core.errors import RunFailedError
from mmbench.core.requests import Request
from mmbench.models.caller import USER_ERRORS, ModelCaller
from mmbench.perf.memory import loaded_torch, synchronise
from mmbench.runner.execute.batch_asker import Failure

MOST = 1024
"""Requests of the largest batch that is tried."""
BUDGET_S = 60.0
"""Seconds after which no larger batch is tried."""
_GAIN = 1.05
"""A size is better where it answers so many times as many requests a second."""
_PATIENCE = 2
"""Sizes in a row that may be no better before the search ends."""
_CALLS, _CALLS_S = 3, 1.0
"""Calls that are timed of each size, or as many as fit into so many seconds."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One batch size that was tried."""

    size: int
    """Requests a batch."""
    per_s: float | None
    """Requests a second, by the median of its calls; None where the batch failed."""
    failure: str | None = None
    """Why it failed."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a search found."""

    best: int
    """The size to ask with."""
    tried: tuple[Tried, ...]
    """Every size that was tried, in order."""

    def __str__(self) -> str:
        shown = ", ".join(
            f"{each.size}: {each.per_s:.3g}/s" if each.per_s else f"{each.size}: failed" for each in self.tried
        )
        return f"batch size {self.best} is the fastest of those tried ({shown})"


def search(
    caller: ModelCaller,
    requests: Callable[[int], Sequence[Request]],
    n: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Search:
    """Try batches of 1, 2, 4 … requests; what the model answers is thrown away.

    Each size is asked once to warm up, and then timed, preparation of inputs included.

    Args:
        caller: The open model.
        requests: From a number to as many requests as a batch may hold, of about the cost that batches of the task have.
        n: Requests of the task; no larger batch is tried.
        clock: Seconds.

    Returns:
        The size of the most requests a second; of sizes that differ by less than a twentieth, the smallest.

    Raises:
        RunFailedError: If the model cannot answer a single request.
    """
    started = clock()
    tried: list[Tried] = []
    best: Tried | None = None
    worse = 0
    for size in _sizes(n):
        found = _time(caller, requests(size), clock)
        tried.append(found)
        if found.per_s is None:
            if best is None:
                raise RunFailedError(
                    f"--batch-size search: the model cannot answer a batch of one request: {found.failure}"
                )
            break
        if best is None or best.per_s is None or found.per_s >= _GAIN * best.per_s:
            best, worse = found, 0
        else:
            worse += 1
        if worse == _PATIENCE or clock() - started > BUDGET_S:
            break
    return Search(best.size if best is not None else 1, tuple(tried))


def _sizes(n: int) -> Iterator[int]:
    size = 1
    while size <= min(MOST, max(1, n)):
        yield size
        size *= 2


def _time(caller: ModelCaller, requests: Sequence[Request], clock: Callable[[], float]) -> Tried:
    size = len(requests)
    try:
        _call(caller, requests)
        seconds: list[float] = []
        while len(seconds) < _CALLS and sum(seconds) < _CALLS_S:
            started = clock()
            _call(caller, requests)
            seconds.append(clock() - started)
    except USER_ERRORS as error:
        failure = Failure.of(error)
    else:
        return Tried(size, size / max(statistics.median(seconds), 1e-9))
    torch = loaded_torch()
    if failure.out_of_memory and torch is not None:
        torch.cuda.empty_cache()
    return Tried(size, None, failure.text)


def _call(caller: ModelCaller, requests: Sequence[Request]) -> None:
    inputs = caller.collate(requests) if caller.collates else None
    caller.call(requests[0].kind, requests, inputs)
    synchronise()
