"""Progress on stderr, of asking a task and of learning one: live on a terminal, one line an interval elsewhere."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from mmbench.core.errors import UsageError
from mmbench.core.model import FitProgress
from mmbench.core.visible import readable_lines, visible, visible_lines

if TYPE_CHECKING:
    import rich.progress

LOG = logging.getLogger("mmbench.progress")
"""Where notes, progress and problems go beside the display."""
LOG.addHandler(logging.NullHandler())


def log(level: int, text: str) -> None:
    """Write one line to the log; a handler of somebody's that fails does not fail the run."""
    with contextlib.suppress(Exception):
        LOG.log(level, "%s", text)


INTERVAL_S = 10.0
"""Seconds between two lines where stderr is not a terminal."""

_REDRAW_S = 0.1


class Stage(Protocol):
    """What is going on, as far as it is shown."""

    @property
    def total(self) -> int:
        """Steps at most."""

    @property
    def done(self) -> int:
        """Steps done."""

    def line(self) -> str:
        """One line for people."""


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
    truncated: int = 0
    """Those, in this session, that were cut off by the limit on new tokens."""
    splits: int = 0
    """Calls, in this session, that failed and were asked again in smaller calls."""
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
        parts = [f"{self.title}  {self.done:,}/{self.total:,}"]
        if self.asked:
            parts.append(f"{_speed(self.rate)}/s")
        parts += _time_left(self)
        if self.live is not None:
            part = "" if self.asked >= self.done else " of this session's"
            parts.append(f"{self.live[0]} {100 * self.live[1]:.1f}{part}")
        parts += [f"{self.truncated:,} truncated"] if self.truncated else []
        parts += [f"{self.splits:,} calls failed and were split"] if self.splits else []
        parts += [f"{self.failed:,} failed"] if self.failed else [] if self.splits else ["no errors"]
        return " · ".join(parts)


@dataclass
class Training:
    """How far one model has come in learning one task."""

    title: str
    """``model · task``."""
    latest: FitProgress
    """What the model reported last."""
    first: int
    """Steps done at its first report, those of earlier sessions among them."""
    started: float
    """Clock at its first report, in seconds."""
    at: float
    """Clock at its latest report, in seconds."""
    over: bool = False
    """Whether `fit` has returned."""

    @classmethod
    def begin(cls, title: str, progress: FitProgress) -> Training:
        """Start the clock with the first report."""
        now = time.monotonic()
        return cls(title, progress, progress.done, now, now)

    def advance(self, progress: FitProgress) -> None:
        """Take the next report."""
        self.latest, self.at = progress, time.monotonic()

    @property
    def total(self) -> int:
        """Steps at most."""
        return self.latest.total

    @property
    def done(self) -> int:
        """Steps done."""
        return self.latest.done

    @property
    def rate(self) -> float:
        """Steps a second in this session, validation included; 0 before two reports."""
        elapsed = self.at - self.started
        return (self.done - self.first) / elapsed if elapsed > 0 else 0.0

    def line(self) -> str:
        """One line for people."""
        latest, rate = self.latest, self.rate
        parts = [f"{self.title}  {'trained' if self.over else 'training'} {self.done:,}/{self.total:,} steps"]
        if latest.loss is not None:
            parts.append(f"loss {latest.loss:.3g}")
        if latest.val is not None:
            parts.append(f"val {latest.val[0]} {100 * latest.val[1]:.1f}")
        if rate > 0:
            parts.append(f"{_speed(rate)} steps/s")
        if self.over:
            parts.append(clock(self.at - self.started))
        else:
            parts += _time_left(self)
        return " · ".join(parts)


def _time_left(stage: State | Training) -> list[str]:
    rate, left = stage.rate, stage.total - stage.done
    return [f"ETA {clock(left / rate)}"] if rate > 0 and left > 0 else []


def _speed(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def clock(seconds: float) -> str:
    """A duration as minutes and seconds, ``1:20``, with hours where there are any.

    >>> clock(79.6), clock(5400)
    ('1:20', '1:30:00')
    """
    whole = int(seconds + 0.5)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


class Progress(Protocol):
    """Where a session reports to."""

    def start(self, stage: Stage) -> None:
        """A stage begins."""

    def update(self, stage: Stage) -> None:
        """It has moved on; called often."""

    def finish(self, stage: Stage) -> None:
        """It is over."""

    def note(self, text: str) -> None:
        """One line for people, in between."""


class Display:
    """Base of displays: every note and every line that ends a stage goes to the log as well.

    The logger ``mmbench`` gets them at INFO, and what failed at WARNING. It has no handler of its own, so that programs that
    use mmbench decide what becomes of them.
    """

    is_guarded = False
    """Whether none of its failures gets out."""

    def show(self, text: str) -> None:
        """Show one line to people; here: to nobody."""

    def note(self, text: str) -> None:
        """One line for people, in between."""
        text = visible_lines(text)
        log(logging.INFO, text)
        self.show(text)

    def problem(self, text: str) -> None:
        """One line on what failed."""
        text = readable_lines(text)
        log(logging.WARNING, text)
        self.show(text)

    def start(self, stage: Stage) -> None:
        """A stage begins."""

    def update(self, stage: Stage) -> None:
        """It has moved on; called often."""

    def finish(self, stage: Stage) -> None:
        """It is over: its last line."""
        (self.problem if getattr(stage, "failed", 0) else self.note)(stage.line())


class Silent(Display):
    """Shows nothing; the log has it all the same."""


class Given(Display):
    """Passes everything on to an object of the user's. Raises `UsageError` where a method is missing."""

    def __init__(self, progress: Progress) -> None:
        missing = [name for name in _METHODS[:4] if not callable(getattr(progress, name, None))]
        if missing:
            raise UsageError(
                f"progress: a {type(progress).__name__} cannot show progress, it lacks {', '.join(missing)}; "
                "give True, False, or an object with start, update, finish and note"
            )
        self.start = progress.start  # type: ignore[method-assign]
        self.update = progress.update  # type: ignore[method-assign]
        self.finish = progress.finish  # type: ignore[method-assign]
        self.show = progress.note  # type: ignore[method-assign]


class Lines(Display):
    """A line an interval, for logs and pipes."""

    def __init__(self, stream: TextIO | None = None, interval_s: float = INTERVAL_S) -> None:
        self._stream = stream or sys.stderr
        self._interval = interval_s
        self._last = 0.0

    def start(self, stage: Stage) -> None:
        """A stage begins: the first line comes after one interval."""
        del stage
        self._last = time.monotonic()

    def update(self, stage: Stage) -> None:
        """Write a line when the interval has passed."""
        now = time.monotonic()
        if now - self._last >= self._interval:
            self._last = now
            self.note(stage.line())

    def show(self, text: str) -> None:
        """Write one line."""
        self._stream.write(text + "\n")
        self._stream.flush()


class Bar(Display):
    """A live bar on a terminal, one full line when a stage is over."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, emoji=False)
        self._live: rich.progress.Progress | None = None
        self._last = 0.0

    def start(self, stage: Stage) -> None:
        """Show the bar."""
        from rich.progress import BarColumn, Progress, TextColumn

        columns = BarColumn(20), TextColumn("{task.description}", markup=False)
        both = sys.stdout.isatty()
        self._live = Progress(*columns, console=self._console, transient=True, redirect_stdout=both)
        self._live.add_task(visible(stage.line()), total=stage.total, completed=stage.done)
        self._live.start()

    def update(self, stage: Stage) -> None:
        """Move the bar, at most ten times a second."""
        now = time.monotonic()
        if self._live is not None and now - self._last >= _REDRAW_S:
            self._last = now
            self._live.update(
                self._live.task_ids[0], completed=stage.done, total=stage.total, description=visible(stage.line())
            )

    def finish(self, stage: Stage) -> None:
        """Take the bar away and leave one line."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        super().finish(stage)

    def show(self, text: str) -> None:
        """Print one line of its own."""
        self._console.print(text, markup=False, soft_wrap=True)


_METHODS = ("start", "update", "finish", "note", "problem", "show")


def progress_of(wanted: bool | Progress) -> Display:
    """The display to use: for True a bar if stderr is a terminal and lines elsewhere, for False none.

    A display that fails never fails a run.
    """
    if isinstance(wanted, Display):
        return wanted if wanted.is_guarded else _unfailing(wanted)
    if not isinstance(wanted, bool):
        return _unfailing(Given(wanted))
    if not wanted:
        return Silent()
    return _unfailing(Bar() if sys.stderr.isatty() else Lines())


def _unfailing(display: Display) -> Display:
    """The display, which is left alone from its first failure on."""
    working = True

    def guarded(method: Callable[..., None]) -> Callable[..., None]:
        def call(*given: Any) -> None:
            nonlocal working
            if not working:
                return
            try:
                method(*given)
            except Exception as error:  # noqa: BLE001 - it may be anybody's
                working = False
                log(
                    logging.WARNING,
                    f"the display of progress failed and is left alone: {type(error).__name__}: {error}",
                )

        return call

    for name in _METHODS:
        setattr(display, name, guarded(getattr(display, name)))
    display.is_guarded = True
    return display
