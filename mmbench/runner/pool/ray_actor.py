"""A worker as an actor of Ray: what runs on the other machine. Imports no ray."""

from __future__ import annotations

import contextlib
import os
import pickle
import platform
import threading
from collections.abc import Sequence
from typing import Any

from mmbench.core.errors import MmbenchError, RunFailedError, UsageError
from mmbench.runner.pool.transport import WorkerSetup


class RayActor:
    """Opens the model once, and answers leases.

    `begin` runs in a concurrency group of its own, so that a lease that arrives while another is answered is prepared.
    What it takes and gives is pickled by mmbench, so that what cannot be read is told in a sentence.
    """

    def __init__(self) -> None:
        self._worker: Any = None
        self._begun: dict[int, Any] = {}
        self._shelf: Any = None
        self._arrived = threading.Condition()

    def placed(self) -> bytes:
        """Return, because a node has taken this actor."""
        return pickle.dumps(None)

    def open(self, data: bytes, media: Sequence[str]) -> bytes:
        """Open the model.

        Args:
            data: The `WorkerSetup`, pickled.
            media: Files that must be readable here.

        Returns:
            `WorkerInfo`, or the `MmbenchError` that kept it from being opened, pickled.
        """
        try:
            setup: WorkerSetup = pickle.loads(data)  # noqa: S301 - from the driver
            os.environ.update(setup.environment)  # before numerical libraries are imported
            for path in media:
                if not os.access(path, os.R_OK):
                    raise UsageError(
                        f"a worker on {platform.node()} cannot read {path}: put the data on storage that all nodes share, under the "
                        "same path, or add --ship-media"
                    )
            from mmbench.runner.pool.worker import Worker

            worker = Worker(setup)
            info = worker.open()
            self._worker = worker
        except MmbenchError as error:
            return pickle.dumps(error)
        return pickle.dumps(info)

    def begin(self, lease: int, data: bytes) -> None:
        """Take a lease that has arrived, as a pickled `Parcel`, and begin to load what it needs."""
        try:
            from mmbench.runner.pool.shipping import Shelf, unpack

            self._shelf = Shelf() if self._shelf is None else self._shelf
            begun = self._worker.begin(unpack(pickle.loads(data), self._shelf))  # noqa: S301 - from the driver
        except Exception as error:  # noqa: BLE001 - whatever a stranger's module raises
            begun = RunFailedError(f"a worker cannot read what it is asked: {type(error).__name__}: {error}")
        with self._arrived:
            self._begun[lease] = begun
            self._arrived.notify_all()

    def answer(self, lease: int) -> bytes:
        """Answer a lease. Returns `Answer`, or the `MmbenchError` after which no request can succeed, pickled."""
        with self._arrived:
            self._arrived.wait_for(lambda: lease in self._begun)
            begun = self._begun.pop(lease)
        try:
            if isinstance(begun, MmbenchError):
                raise begun
            return pickle.dumps(self._worker.answer(begun), pickle.HIGHEST_PROTOCOL)
        except MmbenchError as error:
            return pickle.dumps(error)

    def close(self) -> None:
        """Close the model."""
        worker, self._worker = self._worker, None
        if worker is not None:
            with contextlib.suppress(MmbenchError):
                worker.close()
