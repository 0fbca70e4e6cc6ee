"""The queue of leases: which worker answers which batch, when it is late, and what becomes of what it leaves behind.

Pure: it has no clock, no disk and no processes, and the same events give the same leases. A simulation drives it with a
clock of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

LOSSES = 2
"""Workers that a batch may cost before it is asked in halves."""
AHEAD = 2
"""Leases that a worker holds at most: the one that it answers, and one whose images it loads meanwhile."""
_PLENTY = 4
"""Batches for each worker that must be left for it to get one ahead: at the end, what a slow one holds is waited for."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Requests that one worker is to answer in one call: a batch of the plan, or a part of one that costs workers."""

    number: int
    """Counts leases in the order in which they were given out, from 0; one that is asked again has a new number."""
    batch: int
    """Place of the batch among those that the queue was made of."""
    start: int
    """The first of its requests, as a place in the batch."""
    stop: int
    """Where they end: places from `start` to below `stop`."""
    losses: int = 0
    """Workers that were lost while they answered these requests, or all of a larger part but the last."""

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a lease may take before its worker counts as hanging, in seconds.

    Once leases have been answered, the limit is the longest of them times `factor`, and at least `floor_s`.
    """

    first_s: float = 3600.0
    """Until the first lease has been answered: weights may be read and kernels compiled in it."""
    floor_s: float = 300.0
    """At least this afterwards."""
    factor: float = 10.0
    """Times the longest lease that was answered."""
    fixed_s: float | None = None
    """In place of all this, where the user gives a limit."""

    def limit(self, longest_s: float | None) -> float:
        """The limit where the longest answered lease took `longest_s`; None: none was answered."""
        if self.fixed_s is not None:
            return self.fixed_s
        return self.first_s if longest_s is None else max(self.floor_s, self.factor * longest_s)


class LeaseQueue:
    """Leases of batches to workers, which are told apart by numbers. Times are seconds by the clock of the caller.

    Batches are leased whole and in order, so that neither the number of workers nor their speed decides what is asked
    together. What a lost worker held goes back to the front. A batch that costs its worker twice is asked in halves, one
    half alone with its worker, until the request that costs workers stands alone; then it is given up.

    Args:
        sizes: Requests of each batch.
        patience: When a worker counts as hanging.
    """

    def __init__(self, sizes: Sequence[int], patience: Patience | None = None) -> None:
        self._sizes = sizes
        self._patience = patience or Patience()
        self._next = 0
        self._returned: deque[Lease] = deque()
        self._held: dict[int, deque[Lease]] = {}
        self._began: dict[int, tuple[int, float]] = {}  # number of a lease that is being answered → worker, since when
        self._numbers = 0
        self._leased = 0
        self._longest_s: float | None = None
        self._requests = sum(sizes)  # those that no worker holds
        self._rates: dict[int, tuple[int, float]] = {}  # worker → requests that it answered, and its seconds for them
        self._rate = 0.0  # requests a second of all of them

    @property
    def left(self) -> int:
        """Batches, and parts of batches, that no worker holds."""
        return len(self._sizes) - self._next + len(self._returned)

    @property
    def leased(self) -> int:
        """Leases that workers hold."""
        return self._leased

    @property
    def done(self) -> bool:
        """Whether everything was answered or given up."""
        return self.left == 0 and self._leased == 0

    def held_by(self, worker: int) -> Sequence[Lease]:
        """What a worker holds; it answers the first."""
        return tuple(self._held.get(worker, ()))

    def take(self, worker: int, now: float) -> Lease | None:
        """Lease the next batch to a worker that is ready to be asked.

        A worker that holds a lease gets one ahead while there are plenty. What has cost a worker before is asked alone, so that
        it is known what costs the next one. At the end, a slow worker gets none that the others will have answered sooner.

        Returns:
            The lease; None where there is none for this worker now.
        """
        held = self._held.setdefault(worker, deque())
        if self.left == 0 or (held and not self._may_be_ahead(held)):
            return None
        if self._is_too_slow(worker):
            return None
        found = self._returned.popleft() if self._returned else self._first_of_plan()
        lease = replace(found, number=self._numbers)
        self._requests -= len(lease)
        self._numbers += 1
        self._leased += 1
        held.append(lease)
        if len(held) == 1:
            self._began[lease.number] = worker, now
        return lease

    def _may_be_ahead(self, held: deque[Lease]) -> bool:
        suspect = held[-1].losses > 0 or (bool(self._returned) and self._returned[0].losses > 0)
        return len(held) < AHEAD and not suspect and self.left > _PLENTY * len(self._held)

    def _is_too_slow(self, worker: int) -> bool:
        """Whether the others are expected to answer all that is left before this worker answered the next batch."""
        if self.left > len(self._held) or worker not in self._rates or len(self._rates) < 2:
            return False
        size = len(self._returned[0]) if self._returned else self._sizes[self._next]
        answered, seconds = self._rates[worker]
        own = answered / seconds
        others = self._rate - own
        if own <= 0 or others <= 0:
            return False
        usual = size * (len(self._rates) - 1) / others
        return size / own > self._requests / others + usual

    def _first_of_plan(self) -> Lease:
        batch = self._next
        self._next += 1
        return Lease(0, batch, 0, self._sizes[batch])

    def finish(self, worker: int, number: int, now: float) -> Lease | None:
        """Take note that a worker answered a lease.

        Returns:
            The lease; None where the worker does not hold it any more, so that the answer comes too late.
        """
        held = self._held.get(worker)
        if not held or held[0].number != number:
            return None
        lease = held.popleft()
        self._leased -= 1
        _, began = self._began.pop(number)
        self._longest_s = max(now - began, self._longest_s or 0.0)
        self._note_rate(worker, len(lease), now - began)
        if held:
            self._began[held[0].number] = worker, now
        return lease

    def _note_rate(self, worker: int, requests: int, seconds: float) -> None:
        before = self._rates.get(worker, (0, 0.0))
        now = before[0] + requests, before[1] + max(seconds, 1e-9)
        self._rate += now[0] / now[1] - (before[0] / before[1] if before[1] else 0.0)
        self._rates[worker] = now

    def lose(self, worker: int, *, blamed: bool = True) -> Lease | None:
        """Take back what a worker held that is gone: it crashed, hangs, or left.

        Args:
            worker: The worker.
            blamed: Whether what it was answering may be the cause. False where it is known to be another: its machine is
                gone.

        Returns:
            The lease of one request that is given up, because it costs workers; None where nothing is.
        """
        held = self._held.pop(worker, None)
        answered, seconds = self._rates.pop(worker, (0, 1.0))
        self._rate -= answered / seconds
        if not held:
            return None
        self._requests += sum(map(len, held))
        self._leased -= len(held)
        del self._began[held[0].number]
        first = held.popleft()
        self._returned.extendleft(reversed(held))
        if not blamed:
            self._returned.appendleft(first)
            return None
        if first.losses + 1 < LOSSES:
            self._returned.appendleft(replace(first, losses=first.losses + 1))
            return None
        if len(first) == 1:
            self._requests -= 1
            return first
        middle = first.start + (len(first) + 1) // 2
        self._returned.appendleft(replace(first, start=middle, losses=LOSSES - 1))
        self._returned.appendleft(replace(first, stop=middle, losses=LOSSES - 1))
        return None

    def overdue(self, now: float) -> list[int]:
        """Workers that have answered at their lease for longer than may be; `lose` takes it back."""
        limit = self._patience.limit(self._longest_s)
        found: list[int] = []
        for worker, began in self._began.values():  # in the order in which they began
            if began + limit > now:
                break
            found.append(worker)
        return found

    def next_deadline(self) -> float | None:
        """When the next worker will be overdue if nothing is answered until then; None where none is asked."""
        began = next((since for _, since in self._began.values()), None)
        return None if began is None else began + self._patience.limit(self._longest_s)
