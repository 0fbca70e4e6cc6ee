"""How many requests may be in flight at once, and how long to wait before a request is asked again.

As in TCP congestion control (Jacobson 1988; additive increase and multiplicative decrease: Chiu and Jain 1989): the window
doubles each round until a server first says that it is too much, is halved then, and from there grows by one a round.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable

FIRST_WINDOW = 8
"""Requests in flight at first."""
BASE_S = 0.5
"""The first wait is at most this long, and each further one at most twice as long as the one before …"""
LONGEST_S = 60.0
"""… up to this."""
MOST_PATIENT_S = 600.0
"""A server that asks for a longer wait than this has failed."""


def backoff_s(attempt: int, draw: random.Random) -> float:
    """Seconds to wait after the failed attempt of this number, from 0: exponential back-off with full jitter.

    Uniform from 0 to min(60, 0.5 · 2^attempt). Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture
    Blog, 2015.

    >>> all(0 <= backoff_s(attempt, random.Random(attempt)) <= 60 for attempt in range(2000))
    True
    """
    return draw.uniform(0.0, min(LONGEST_S, BASE_S * 2.0 ** min(attempt, 16)))


class Pace:
    """Lets requests pass, at most `limit` and at most `window` at once. For one event loop."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self.window = float(min(FIRST_WINDOW, limit))
        """Requests that may be in flight."""
        self._limit = limit
        self._clock = clock
        self._doubling = True
        self._flying = 0
        self._generation = 0
        self._held_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> int:
        """Wait for a place; returns the ticket to give back to `leave`."""
        while True:
            wait = self._held_until - self._clock()
            if wait > 0:
                await asyncio.sleep(wait)
            elif self._flying < int(self.window):
                self._flying += 1
                return self._generation
            else:
                await self._turn()

    def leave(self, ticket: int, *, too_much: bool) -> None:
        """Give the place back. `too_much`: the server said so, or fell silent.

        Requests that were in flight together say it together; only the first of them halves the window.
        """
        self._flying -= 1
        if not too_much:
            grown = self.window + (1.0 if self._doubling else 1.0 / self.window)
            self.window = min(float(self._limit), grown)
        elif ticket == self._generation:
            self.window = max(1.0, self.window / 2)
            self._doubling = False
            self._generation += 1
        self._wake(int(self.window) - self._flying)

    def hold(self, seconds: float) -> None:
        """Let nobody pass for so long: the server asked for it."""
        self._held_until = max(self._held_until, self._clock() + seconds)

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake(1)  # it was this one's turn: the next in line takes it
            raise

    def _wake(self, count: int) -> None:
        while count > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                count -= 1
