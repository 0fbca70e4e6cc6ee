"""Where the time of a main loop goes: the parts of it, each exclusive of those inside it.

One thread runs a main loop at a time. What it does is marked with ``with phase("decode"): …``, which costs less than a
microsecond, and nothing happens in other threads or where nobody measures.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Self, get_args

PhaseName = Literal["load", "decode", "preprocess", "queue", "host-to-device", "model", "post-process", "score"]
"""``load``: requests are built. ``decode``: images. ``preprocess``: model inputs are made. ``queue``: waiting for a turn.
``host-to-device``: inputs are copied to the GPU. ``model``: the model computes. ``post-process``: answers are checked and logged.
``score``: answers are scored."""

PHASES: tuple[PhaseName, ...] = get_args(PhaseName)
"""All of them, in the order in which a request passes through them."""


class Phases:
    """Seconds of one main loop by phase. They sum to the time between `start` and the last reading.

    Args:
        base: The phase that counts where no other is marked.
    """

    def __init__(self, base: PhaseName = "model") -> None:
        self._base: PhaseName = base
        self._seconds = dict.fromkeys(PHASES, 0.0)
        self._open: list[PhaseName] = []
        self._since = time.perf_counter()
        self._thread = threading.get_ident()

    def attach(self) -> None:
        """Follow the thread that calls this from now on."""
        self._thread = threading.get_ident()

    @property
    def is_here(self) -> bool:
        """Whether this thread is the one that is followed."""
        return self._thread == threading.get_ident()

    def enter(self, name: PhaseName) -> None:
        """Begin a phase inside the one that is open."""
        self._turn()
        self._open.append(name)

    def leave(self) -> None:
        """End the phase that was begun last."""
        self._turn()
        self._open.pop()

    def rest_on(self, base: PhaseName) -> None:
        """What counts from now on where no phase is open."""
        if base != self._base:
            self._turn()
            self._base = base

    def read(self) -> dict[str, float]:
        """Seconds of each phase up to now, those of 0 left out."""
        self._turn()
        return {name: seconds for name, seconds in self._seconds.items() if seconds > 0}

    def _turn(self) -> None:
        now = time.perf_counter()
        self._seconds[self._open[-1] if self._open else self._base] += now - self._since
        self._since = now


_active: Phases | None = None


@contextmanager
def measured(phases: Phases) -> Iterator[Phases]:
    """Let `phase` count in these phases inside the block, in this thread or the one that `Phases.attach` is called in."""
    global _active  # noqa: PLW0603 - one main loop a process
    before, _active = _active, phases
    try:
        yield phases
    finally:
        _active = before


def active() -> Phases | None:
    """The phases of the main loop that is measured now; None where none is, or this is another thread."""
    return _active if _active is not None and _active.is_here else None


class phase:  # noqa: N801 - reads as a statement
    """Count the time inside the block as a phase of the main loop.

    Example:
        >>> with measured(Phases()) as phases:
        ...     with phase("decode"):
        ...         pass
        >>> sorted(phases.read()) == ["decode", "model"]
        True
    """

    __slots__ = ("_name", "_phases")

    def __init__(self, name: PhaseName) -> None:
        self._name = name
        self._phases: Phases | None = None

    def __enter__(self) -> Self:
        self._phases = active()
        if self._phases is not None:
            self._phases.enter(self._name)
        return self

    def __exit__(self, *error: object) -> None:
        if self._phases is not None:
            self._phases.leave()
