"""What earlier sessions logged of a task, and which of its batches are left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mmbench.core.responses import ENDED_WELL
from mmbench.results.log import after
from mmbench.results.schema import ResponseLine
from mmbench.scoring.asked import AskedTask

MISSING, ANSWERED, FAILED = 0, 1, 2
"""State of a request: no line in the log; ended well; ended in an error or a time-out."""


class LogState:
    """The state of every request, and how many rows of embeddings the log names."""

    def __init__(self, asked: AskedTask, lines: Iterable[ResponseLine]) -> None:
        self.states = bytearray(asked.n_requests)
        self.rows = 0
        places = asked.places()
        for line in lines:
            self.rows = max(self.rows, after(line))
            number = asked.number_of(line.id, places)
            if number is not None and self.states[number] != ANSWERED:
                self.states[number] = ANSWERED if line.status in ENDED_WELL else FAILED

    def remaining(self, batches: Sequence[list[int]]) -> list[tuple[int, list[int]]]:
        """(number of the batch, requests to ask): whole batches that a kill left unfinished, else the requests that failed."""
        left = []
        for number, batch in enumerate(batches):
            states = {self.states[request] for request in batch}
            if MISSING in states:
                left.append((number, batch))
            elif FAILED in states:
                left.append((number, [request for request in batch if self.states[request] == FAILED]))
        return left
