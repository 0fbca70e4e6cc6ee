"""A pool of workers in simulated time: the real queue of leases, a clock of its own, no model, no process, no disk."""

import heapq
import pickle
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mmbench.core.responses import Response
from mmbench.runner.pool.leases import LeaseQueue
from mmbench.runner.pool.transport import Answer, Answered, Event, Ready, Transport, Work, WorkerInfo, WorkerSetup


@dataclass(frozen=True)
class Simulated:
    """How a task went."""

    makespan: float
    """Simulated seconds until everything was answered."""
    ideal: float
    """The same if the work could be divided at will, so that no worker ever waits."""
    driver_s: float
    """CPU seconds that the queue and the simulation took."""
    answered: int
    """Requests that were answered."""

    @property
    def efficiency(self) -> float:
        """Share of the ideal speed that was reached."""
        return self.ideal / self.makespan


def simulate(sizes: Sequence[int], paces: Sequence[float], way_s: float = 0.0) -> Simulated:
    """Have workers answer batches, as `pool_executor` has them: whoever answers is given what it may hold.

    Args:
        sizes: Requests of each batch.
        paces: Seconds a request of each worker.
        way_s: Seconds that an answer, and the next lease, are under way; a worker that holds a lease ahead does not wait
            for it.

    Returns:
        How it went.
    """
    began = time.process_time()
    queue, now, answered = LeaseQueue(sizes), 0.0, 0
    events: list[tuple[float, int]] = []  # when a worker ends the lease that it is answering
    working: set[int] = set()

    def begin(worker: int, at: float) -> None:
        held = queue.held_by(worker)
        if held and worker not in working:
            working.add(worker)
            heapq.heappush(events, (at + paces[worker] * len(held[0]), worker))

    def give_out(worker: int, at: float) -> None:
        while queue.take(worker, at) is not None:
            pass
        begin(worker, at + way_s)

    for worker in range(len(paces)):
        give_out(worker, 0.0)
    while events:
        now, worker = heapq.heappop(events)
        lease = queue.finish(worker, queue.held_by(worker)[0].number, now)
        assert lease is not None
        answered += len(lease)
        working.discard(worker)
        begin(worker, now)
        give_out(worker, now)
    assert queue.done
    ideal = sum(sizes) / sum(1 / pace for pace in paces)
    return Simulated(now, ideal, time.process_time() - began, answered)


class Canned(Transport):
    """Workers that answer at once what was answered before, so that only the driver takes time.

    Args:
        text: The answer to every request.
    """

    kind = "process"

    def __init__(self, text: str) -> None:
        self._text = text
        self._events: deque[tuple[int, bytes]] = deque()
        self.spent_s = 0.0
        """CPU seconds that the answers took, which are the workers' and not the driver's."""

    def start(self, worker: int, setup: WorkerSetup) -> None:
        pickle.dumps(setup)
        self._events.append((worker, pickle.dumps(WorkerInfo("here", worker, 0.0))))

    def submit(self, worker: int, work: Work) -> None:
        sent = pickle.dumps(work, pickle.HIGHEST_PROTOCOL)
        began = time.process_time()
        requests = pickle.loads(sent).requests
        answer = Answer(work.lease, [Response("ok", self._text) for _ in requests], 0.0, 0.001, None, work.batch_size)
        self._events.append((worker, pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)))
        self.spent_s += time.process_time() - began

    def wait(self, timeout_s: float) -> Sequence[Event]:
        if not self._events:
            return ()
        worker, data = self._events.popleft()
        said = pickle.loads(data)
        return [Answered(worker, said) if isinstance(said, Answer) else Ready(worker, said)]

    def kill(self, worker: int) -> None:
        """Nothing to end."""

    def close(self, patience_s: float) -> None:
        """Nothing to close."""
