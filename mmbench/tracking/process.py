"""Tell trackers of runs without waiting for them: each lives in a child process that can be left alone at any time.

Nothing here blocks while a run goes on: a child that does not read has its curve points dropped, and one that has failed
is not told anything any more. When everything is over, all children together get a limited time to finish.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from mmbench.core.model import FitProgress
from mmbench.core.visible import shell_command
from mmbench.results.rundir import shown_path
from mmbench.tracking.wanted import Tracking

POINTS = 200
"""Points of one training curve, beside those at which something new was measured on the validation samples."""
BACKLOG = 10_000
"""Messages that wait for a child that does not read; further curve points are dropped."""
HURRY_S = 3.0
"""Seconds that trackers get when the command was interrupted."""
_SAY_S = 3.0
"""Seconds of waiting after which it is said what is waited for."""
_LOOK_S = 0.2
"""Seconds between two looks at whether a child takes what waits for it."""


@dataclass
class _Child:
    """One tracker in its process."""

    name: str
    process: subprocess.Popen[bytes]
    input: IO[bytes]
    """What it reads from; a write never waits."""
    output: IO[bytes]
    """Where its replies come from; a read never waits."""
    backlog: deque[bytes] = field(default_factory=deque)
    """Lines, the first of them perhaps in part, that could not be written yet."""
    replies: bytes = b""
    """What it has replied and nobody has looked at."""
    listens: bool = True
    """Whether more can be written."""
    is_closing: bool = False
    """Whether nothing follows what is in the backlog."""

    @classmethod
    def start(cls, name: str, settings: Mapping[str, Any], *, loud: bool) -> Self:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "mmbench.tracking.child"],
            bufsize=0,
            start_new_session=True,  # a Ctrl-C is for the run alone
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if loud else subprocess.DEVNULL,
        )
        pipes = [pipe for pipe in (process.stdin, process.stdout) if pipe is not None]
        for pipe in pipes:
            os.set_blocking(pipe.fileno(), False)
        child = cls(name, process, pipes[0], pipes[1])
        child.send(settings)
        return child

    def send(self, message: Mapping[str, Any], *, may_drop: bool = False) -> None:
        if self.listens and not (may_drop and len(self.backlog) > BACKLOG):
            self.backlog.append(json.dumps(message).encode() + b"\n")
            self.flush()

    def flush(self) -> None:
        """Write what the pipe takes."""
        while self.listens and self.backlog:
            try:
                written = os.write(self.input.fileno(), self.backlog[0])
            except BlockingIOError:  # the pipe is full
                return
            except OSError:  # the child has ended
                self.listens = False
                return
            self.backlog[0] = self.backlog[0][written:]
            if not self.backlog[0]:
                self.backlog.popleft()
        if self.listens and self.is_closing:
            self.listens = False
            self.input.close()

    def close_input(self) -> None:
        """Say that nothing follows, once everything is written."""
        self.is_closing = True
        self.flush()

    def read(self) -> bool:
        """Take what it has replied; whether more may come."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.output.fileno(), 65536):
                self.replies += data
            return False
        return True

    def kill(self) -> None:
        """End it and what it has started."""
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.input, self.output):
            with contextlib.suppress(OSError):
                pipe.close()

    def said(self) -> list[dict[str, Any]]:
        """Its whole replies, and no more than once each."""
        *lines, self.replies = self.replies.split(b"\n")
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found


class Followers:
    """The trackers of one command: a context manager that starts them, and waits for them at the end.

    Args:
        tracking: Which trackers, and what they get.
        note: Shows one line.
        problem: Shows one line on a tracker that failed.
        loud: Whether what the libraries write on stderr is shown.
    """

    def __init__(
        self,
        tracking: Tracking,
        note: Callable[[str], None],
        problem: Callable[[str], None],
        *,
        loud: bool = False,
    ) -> None:
        self._tracking = tracking
        self._note, self._problem, self._loud = note, problem, loud
        self._children: list[_Child] = []
        self._runs: list[Path] = []
        self._curves: dict[str, tuple[int, Any]] = {}
        self.failed: dict[str, str] = {}
        """Tracker to what was wrong with it, of those that have not sent everything."""

    def __enter__(self) -> Self:
        for name, options in self._tracking.trackers.items():
            settings = {"tracker": name, "options": dict(options), "samples": self._tracking.samples}
            settings |= {"wait_s": self._tracking.wait_s, "foreign": self._tracking.foreign}
            try:
                self._children.append(_Child.start(name, settings, loud=self._loud))
            except OSError as error:
                self._fail(name, f"its process cannot be started: {error}")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        interrupted = kind is not None and not issubclass(kind, Exception)
        self._wait(HURRY_S if interrupted else self._tracking.wait_s)

    # --- what a session tells (`mmbench.runner.session.Follower`) ---

    def began(self, run: Path) -> None:
        """A run begins or goes on; its ``run.json`` is written."""
        self._runs.append(run)
        self._curves.clear()
        self._tell({"event": "began", "run": str(run)})

    def fitted(self, task: str, progress: FitProgress) -> None:
        """A model has learned for some steps: the first, the last, some between, and what is new of validation."""
        every = max(1, progress.total // POINTS)
        last, val = self._curves.get(task, (-every, None))
        if progress.val == val and 0 < progress.done - last < every and progress.done != progress.total:
            return
        self._curves[task] = (progress.done, progress.val)
        values = {} if progress.loss is None else {"loss": float(progress.loss)}
        if progress.val is not None and progress.val != val:
            values[f"val_{progress.val[0]}"] = float(progress.val[1])
        self._tell({"event": "curve", "task": task, "step": progress.done, "values": values}, may_drop=True)

    def scored(self, task: str) -> None:
        """A task of the run has been scored, and that is written."""
        self._tell({"event": "scored", "task": task})

    def ended(self, run: Path) -> None:
        """The run is over."""
        self._tell({"event": "ended", "run": str(run)})

    # --- the children ---

    def _tell(self, message: Mapping[str, Any], *, may_drop: bool = False) -> None:
        for child in self._children:
            child.send(message, may_drop=may_drop)

    def _wait(self, seconds: float) -> None:
        """Let the children finish; those that take longer are ended."""
        waiting = {child.output.fileno(): child for child in self._children}
        for child in self._children:
            child.close_input()
        with selectors.DefaultSelector() as selector:
            for descriptor in waiting:
                selector.register(descriptor, selectors.EVENT_READ)
            with contextlib.suppress(KeyboardInterrupt):  # whoever does not want to wait any longer
                self._listen(selector, waiting, seconds)
        late = {child.name for child in waiting.values()}
        for child in self._children:
            self._finish(child, seconds if child.name in late else None)

    def _listen(self, selector: selectors.BaseSelector, waiting: dict[int, _Child], seconds: float) -> None:
        """Read from children until they end or the time is over; those that are left are still in `waiting`."""
        begun, said = time.monotonic(), False
        while waiting and (left := begun + seconds - time.monotonic()) > 0:
            for key, _ in selector.select(min(left, _LOOK_S)):
                if not waiting[key.fd].read():
                    selector.unregister(key.fd)
                    del waiting[key.fd]
            for child in waiting.values():
                child.flush()
            if waiting and not said and seconds - left > _SAY_S:
                said = True
                names = ", ".join(child.name for child in waiting.values())
                self._note(f"waiting for {names}, at most {seconds:g} s (Ctrl-C: no longer)")

    def _finish(self, child: _Child, waited: float | None) -> None:
        child.read()
        child.kill()
        ended = False
        for reply in child.said():
            if "seen" in reply:
                self._note(f"{child.name}: {reply['seen']}")
            elif "note" in reply:
                self._note(f"{child.name}: {reply['note']}")
            elif "problem" in reply:
                self._fail(child.name, reply["problem"])
            ended = ended or "done" in reply
        if child.name not in self.failed and not ended:
            why = "its process ended early" if waited is None else f"it had not sent everything after {waited:g} s"
            self._fail(child.name, why)

    def _fail(self, name: str, why: str) -> None:
        if name in self.failed:
            return
        self.failed[name] = why
        runs = [str(shown_path(run)) for run in self._runs]
        again = shell_command(["mmbench", "track", *(runs or ["RUN"]), "--to", name])
        self._problem(f"{name}: {why}. The run is not affected by it; to send it again: {again}")
