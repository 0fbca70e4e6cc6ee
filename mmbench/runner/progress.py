"""Progress on stderr: live on a terminal, one line an interval elsewhere."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    import rich.progress

INTERVAL_S = 10.0
"""Seconds between two lines where stderr is not a terminal."""

_REDRAW_S = 0.1


@dataclass
class State:
    """How far one task of one model has come."""

    title: str
    """``model · task``."""
    total: int
    """Requests to end, those of earlier sessions included."""
    done: int = 0
    """Requests that have ended."""
    failed: int = 0
    """Those that ended in an error or a time-out."""
    live: tuple[str, float] | None = None
    """Name and value of the live metric over this session's answers, from 0 to 1."""
    started: float = 0.0
    """Clock at the start of the session, in seconds."""
    asked: int = 0
    """Requests that this session has asked."""

    @property
    def rate(self) -> float:
        """Requests a second in this session."""
        elapsed = time.monotonic() - self.started
        return self.asked / elapsed if elapsed > 0 else 0.0

    def line(self) -> str:
        """One line for people."""
        rate = self.rate
        parts = [f"{self.title}  {self.done:,}/{self.total:,}"]
        if self.asked:
            parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s")
        if rate > 0 and self.done < self.total:
            parts.append(f"ETA {_clock((self.total - self.done) / rate)}")
        if self.live is not None:
            part = "" if self.asked >= self.done else " of this session's"
            parts.append(f"{self.live[0]} {100 * self.live[1]:.1f}{part}")
        parts.append(f"{self.failed:,} failed" if self.failed else "no errors")
        return " · ".join(parts)


def _clock(seconds: float) -> str:
    whole = int(seconds + 0.5)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


class Progress(Protocol):
    """Where a session reports to."""

    def start(self, state: State) -> None:
        """A task begins."""

    def update(self, state: State) -> None:
        """Something has ended; called often."""

    def finish(self, state: State) -> None:
        """The task is over."""

    def note(self, text: str) -> None:
        """One line for people, in between."""


class Silent:
    """Says nothing."""

    def start(self, state: State) -> None:
        """Nothing."""

    def update(self, state: State) -> None:
        """Nothing."""

    def finish(self, state: State) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""


class Lines:
    """A line an interval, for logs and pipes."""

    def __init__(self, stream: TextIO | None = None, interval_s: float = INTERVAL_S) -> None:
        self._stream = stream or sys.stderr
        self._interval = interval_s
        self._last = 0.0

    def start(self, state: State) -> None:
        """A task begins: the first line comes after one interval."""
        del state
        self._last = time.monotonic()

    def update(self, state: State) -> None:
        """Write a line when the interval has passed."""
        now = time.monotonic()
        if now - self._last >= self._interval:
            self._last = now
            self.note(state.line())

    def finish(self, state: State) -> None:
        """The last line of the task."""
        self.note(state.line())

    def note(self, text: str) -> None:
        """One line of its own."""
        self._stream.write(text + "\n")
        self._stream.flush()


class Bar:
    """A live bar on a terminal, one full line when the task is over."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)
        self._live: rich.progress.Progress | None = None
        self._last = 0.0

    def start(self, state: State) -> None:
        """Show the bar."""
        from rich.progress import BarColumn, Progress, TextColumn

        columns = BarColumn(20), TextColumn("{task.description}", markup=False)
        both = sys.stdout.isatty()
        self._live = Progress(*columns, console=self._console, transient=True, redirect_stdout=both)
        self._live.add_task(state.line(), total=state.total, completed=state.done)
        self._live.start()

    def update(self, state: State) -> None:
        """Move the bar, at most ten times a second."""
        now = time.monotonic()
        if self._live is not None and now - self._last >= _REDRAW_S:
            self._last = now
            self._live.update(self._live.task_ids[0], completed=state.done, description=state.line())

    def finish(self, state: State) -> None:
        """Take the bar away and leave one line."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        self.note(state.line())

    def note(self, text: str) -> None:
        """One line of its own."""
        self._console.print(text, markup=False, soft_wrap=True)


def for_stderr() -> Progress:
    """A bar where stderr is a terminal, lines elsewhere."""
    return Bar() if sys.stderr.isatty() else Lines()
