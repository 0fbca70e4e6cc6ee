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
        """Wait for a place, first come, first served; returns the ticket to give back to `leave`."""
        if self._waiting or self._flying >= int(self.window):
            await self._turn()
        else:
            self._flying += 1
        try:
            await self._released()
        except asyncio.CancelledError:
            self._free()
            raise
        return self._generation

    def leave(self, ticket: int, *, too_much: bool, answered: bool = True) -> None:
        """Give the place back. `too_much`: the server said so, or fell silent; `answered`: it went well.

        Requests that were in flight together say it together; only the first of them halves the window.
        """
        if too_much and ticket == self._generation:
            self.window = max(1.0, self.window / 2)
            self._doubling = False
            self._generation += 1
        elif answered and not too_much:
            grown = self.window + (1.0 if self._doubling else 1.0 / self.window)
            self.window = min(float(self._limit), grown)
        self._free()

    def hold(self, seconds: float) -> None:
        """Let nobody pass for so long: the server asked for it."""
        self._held_until = max(self._held_until, self._clock() + seconds)

    @property
    def is_held(self) -> bool:
        """Whether the server asked everybody to wait, and that time is not over."""
        return self._held_until > self._clock()

    async def _released(self) -> None:
        """Wait until nobody is held any more; meanwhile the server may ask for more time."""
        while True:
            wait = self._held_until - self._clock()
            if wait <= 0:
                return
            await asyncio.sleep(wait)

    async def _turn(self) -> None:
        """Wait until another's place, or a new one, has been handed over."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free()
            raise

    def _free(self) -> None:
        """Give up a place; hand over whatever is free then."""
        self._flying -= 1
        while self._waiting and self._flying < int(self.window):
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._flying += 1
