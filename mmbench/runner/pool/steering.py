"""How many workers there are to be while a run is asked: what a user asks for, and what a cluster has room for.

Only changes count. So a number that cannot be had is tried once, and the number of workers that are lost and given up for other
reasons stays what it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

from mmbench.core.errors import DamagedFileError
from mmbench.results.rundir import RunDirectory

_LOOK_S = 1.0
"""Seconds between looks at the file and at the nodes of the cluster."""


class Steering:
    """Watches the file ``workers`` of a run, and the room of a cluster.

    Args:
        room: Workers that the cluster has room for now; None where the number of workers does not follow it.
        had_room: Workers that it had room for when the first were started.
    """

    def __init__(self, room: Callable[[], int] | None = None, had_room: int = 0) -> None:
        self._room = room
        self._had_room = had_room
        self._directory: RunDirectory | None = None
        self._asked_for: int | None = None
        self._unread: int | None = None
        self._looked_s = -math.inf

    @property
    def follows_cluster(self) -> bool:
        """Whether there are to be as many workers as the cluster has room for: nobody has asked for a number."""
        return self._room is not None

    def begin(self, directory: RunDirectory | None, count: int) -> None:
        """A run is asked from now on: say in its file how many workers there are to be.

        What was asked for at the end of the run before, and nobody has looked at, holds for this one.

        Args:
            directory: The run; None where nobody may change the number.
            count: Workers that there are to be.
        """
        if directory is None or (self._directory is not None and self._directory.path == directory.path):
            return
        self.end()
        directory.write_workers(self._unread or count)
        self._directory, self._asked_for, self._unread = directory, count, None

    def end(self) -> None:
        """The run is not asked any more."""
        directory, self._directory = self._directory, None
        if directory is not None:
            with suppress(DamagedFileError):
                found = directory.read_workers()
                self._unread = None if found == self._asked_for else found
            directory.remove_workers()

    def look(self, now: float, size: int) -> int | None:
        """How many workers there are to be from now on; None: no other number than before.

        Args:
            now: The time in seconds.
            size: Workers that there are to be by now.

        Raises:
            DamagedFileError: If the file holds no number; the number stays as it is.
        """
        if now - self._looked_s < _LOOK_S:
            return None
        self._looked_s = now
        if (asked_for := self._read()) is not None:
            self._room = None
            return asked_for
        return self._by_room(size)

    def _read(self) -> int | None:
        """What a user has asked for since the last look."""
        before = self._asked_for
        try:
            found = None if self._directory is None else self._directory.read_workers()
        except DamagedFileError:
            self._asked_for = None  # so that it is said once
            if before is None:
                return None
            raise
        if found is None or found == before:
            return None
        self._asked_for = found
        return found

    def _by_room(self, size: int) -> int | None:
        """One worker more for each that the cluster has gained room for. Workers leave when their machine does, not by this."""
        if self._room is None:
            return None
        room, had = self._room(), self._had_room
        self._had_room = room
        return size + room - had if room > had else None
