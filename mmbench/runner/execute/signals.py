"""SIGINT and SIGTERM end a run cleanly: what is logged stays, the rest is asked on resume."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Interrupted(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.signum


_arrived: list[int] = []


def _raise(signum: int, frame: FrameType | None) -> NoReturn:
    del frame
    _arrived.append(signum)
    raise Interrupted(signum)


def raise_if_swallowed() -> None:
    """Raise `Interrupted` again when a user's code caught it (a bare ``except:``, a callback) and went on."""
    if _arrived:
        raise Interrupted(_arrived[0])


@contextmanager
def restoring_interrupts() -> Iterator[None]:
    """Inside, a KeyboardInterrupt that a library raises in the place of `Interrupted`, as Ray does, becomes that again."""
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise_if_swallowed()
        raise


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, SIGINT and SIGTERM raise `Interrupted` in the main thread; other threads get no handler."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _raise) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        _arrived.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def shielded() -> Iterator[None]:
    """Inside, SIGINT and SIGTERM wait until the end: for writes that belong together."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    late: list[int] = []
    before = {number: signal.signal(number, lambda s, _: late.append(s)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if late:
        raise Interrupted(late[0])
