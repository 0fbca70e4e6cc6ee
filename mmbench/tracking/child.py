"""The process of one tracker: reads lines of JSON on what happens, reads the run directories, and calls the tracker.

It ends with its standard input, whatever became of the process that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from mmbench.core.errors import MmbenchError
from mmbench.results.find import load_run
from mmbench.results.run import Run
from mmbench.tracking.contents import sample_table, task_results, tracked_run
from mmbench.tracking.tracker import CurvePoint, Tracker
from mmbench.tracking.wanted import built, tracker_class

_ORPHAN_S = 60
"""Seconds that it has to finish, beyond those that its parent waits, before it ends itself."""


class Teller:
    """Calls a tracker as messages come in.

    Args:
        tracker: The tracker.
        samples: Samples of a task that it gets.
        reply: Sends one message back.
        foreign: As `Tracking.foreign`.
    """

    def __init__(
        self, tracker: Tracker, samples: int, reply: Callable[[Mapping[str, Any]], None], *, foreign: bool = False
    ) -> None:
        self._tracker, self._samples, self._reply, self._foreign = tracker, samples, reply, foreign
        self._path: Path | None = None
        self._scored: set[str] = set()

    def follow(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Take messages until there are no more; a run that has not ended by then was interrupted."""
        for message in messages:
            event = message["event"]
            if event == "began":
                self._close("interrupted")
                self._begin(Path(message["run"]))
            elif event == "curve":
                self._tracker.curve(CurvePoint(message["task"], message["step"], message["values"]))
            elif event == "scored" and self._path is not None:
                self._results(load_run(self._path), [message["task"]])
            elif event == "ended":
                self._end(Path(message["run"]))
        self._close("interrupted")

    def _begin(self, path: Path) -> None:
        self._path = path
        self._scored = set()
        self._tracker.begin(tracked_run(load_run(path)))

    def _results(self, run: Run, tasks: Iterable[str]) -> None:
        for name in tasks:
            result = run.tasks[name]
            if result.scores is not None:
                self._tracker.results(task_results(result))
                self._scored.add(name)

    def _end(self, path: Path) -> None:
        """Send what is left of a run: values that were not sent yet, samples, and how it ended."""
        if not path.exists():  # the model could not be opened, and the run was removed
            self._close("failed")
            return
        run = load_run(path)
        if self._path is None:
            self._begin(path)
        self._results(run, run.tasks)  # again: speed under load comes after the scores
        for result in run.tasks.values():
            if self._samples and result.scores is not None and result.store.has_ids:
                table = sample_table(
                    run, result, self._samples, lambda text: self._reply({"note": text}), foreign=self._foreign
                )
                if table is not None:
                    self._tracker.samples(table)
        self._close(run.record.status)

    def _close(self, status: str) -> None:
        if self._path is not None:
            self._path = None
            seen = self._tracker.end(status)
            if seen:
                self._reply({"seen": seen})


def main() -> None:
    """Be the child: stdin and stdout belong to the parent, and what libraries print goes nowhere but stderr."""
    messages = os.fdopen(os.dup(0), encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    with contextlib.suppress(OSError):
        os.nice(10)  # the run comes first

    def reply(message: Mapping[str, Any]) -> None:
        with contextlib.suppress(OSError):
            replies.write(json.dumps(message) + "\n")
            replies.flush()

    try:
        settings = json.loads(messages.readline())
        name = settings["tracker"]
        tracker = built(name, tracker_class(name), settings["options"])
        teller = Teller(tracker, settings["samples"], reply, foreign=settings["foreign"])
        teller.follow(_until_end(messages, settings["wait_s"]))
        reply({"done": True})
    except MmbenchError as error:
        reply({"problem": str(error)})
    except BaseException as error:  # noqa: BLE001 - a library may fail in any way
        reply({"problem": f"{type(error).__name__}: {_first_line(error)}"})
    sys.stdout.flush()
    os._exit(0)  # not waiting for threads that a library has started


def _until_end(messages: IO[str], wait_s: float) -> Iterable[Mapping[str, Any]]:
    for line in messages:
        yield json.loads(line)
    signal.alarm(
        int(wait_s) + _ORPHAN_S
    )  # whoever waits ends this process earlier; nobody does where the run was killed


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")[:500].rstrip(" .")


if __name__ == "__main__":
    main()
