"""Workers as processes below this one, each with a pipe of its own.

A worker leads a process group, so that Ctrl-C reaches the driver alone and whatever a model has started ends with its
worker. A worker whose driver is gone, by SIGKILL too, reads the end of its pipe and ends with all processes below it.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from mmbench.core.errors import MmbenchError, RunFailedError
from mmbench.runner.pool.shipping import Parcel, Shelf, Shipper, unpack
from mmbench.runner.pool.transport import (
    Answer,
    Answered,
    Died,
    Event,
    NotStarted,
    Ready,
    Transport,
    Unusable,
    Work,
    WorkerInfo,
    WorkerSetup,
)

_LOOK_S = 1.0
"""Seconds between looks at processes whose pipe somebody else may hold open."""
_GRACE_S = 5.0
"""Seconds that a process may take to end after its pipe did."""


@dataclass(slots=True)
class _Failed:
    """What a worker says instead of an answer: it cannot go on."""

    error: MmbenchError


_STOP = None
_END, _GONE = "end", "gone"
"""What stands in the place of a message: the pipe or the process has ended; whatever came before it has been heard of."""


# --- the driver's side ---


@dataclass(slots=True)
class _Process:
    process: SpawnProcess
    connection: Connection
    outbox: ThreadPoolExecutor
    listener: threading.Thread
    shipper: Shipper
    ready: bool = False


class Processes(Transport):
    """Transport to processes of this machine."""

    kind = "process"

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._workers: dict[int, _Process] = {}
        self._heard: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._looked = time.monotonic()

    def start(self, worker: int, setup: WorkerSetup) -> None:
        """Start a process."""
        try:
            here, there = self._context.Pipe()
            process = self._context.Process(target=serve, args=(there,), name=f"mmbench-worker-{worker}")
            with there, _environment(setup.environment):
                process.start()
        except OSError as error:  # too many open files or processes
            problem = RunFailedError(f"a worker cannot be started: {error.strerror or error}; ask with fewer workers")
            self._heard.put((worker, NotStarted(worker, problem)))
            return
        listener = threading.Thread(target=self._listen, args=(worker, here), daemon=True)
        outbox = ThreadPoolExecutor(1, thread_name_prefix="mmbench-send")
        started = _Process(process, here, outbox, listener, Shipper())
        self._workers[worker] = started
        listener.start()
        self._send(started, setup)

    def submit(self, worker: int, work: Work) -> None:
        """Send a lease. Raises `RunFailedError` for requests that cannot be pickled."""
        if (found := self._workers.get(worker)) is not None:
            self._send(found, work)

    @staticmethod
    def _send(to: _Process, message: WorkerSetup | Work) -> None:
        """Send from a thread of its own: a process that was stopped must not make the driver wait."""
        try:
            sent = to.shipper.pack(message) if isinstance(message, Work) else message
            data = pickle.dumps(sent, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # whatever a stranger's objects raise
            raise RunFailedError(
                f"what a worker needs cannot be pickled ({type(error).__name__}: {error}); run in this process (--workers 1)"
            ) from error

        def send() -> None:
            with contextlib.suppress(OSError):  # it is gone, which `_listen` finds as well
                to.connection.send_bytes(data)

        to.outbox.submit(send)

    def _listen(self, worker: int, connection: Connection) -> None:
        try:
            while True:
                self._heard.put((worker, connection.recv()))
        except (EOFError, OSError):
            self._heard.put((worker, _END))
        except Exception as error:  # noqa: BLE001 - what a stranger's object raises when it is unpickled
            problem = f"an answer of a worker cannot be read: {type(error).__name__}: {error}"
            self._heard.put((worker, _Failed(RunFailedError(problem))))

    def wait(self, timeout_s: float) -> Sequence[Event]:
        """What has happened."""
        until = time.monotonic() + timeout_s
        found: list[Event] = []
        while not found:
            self._look_for_dead()
            left = until - time.monotonic()
            heard = self._next(max(0.0, min(left, _LOOK_S)))
            while heard is not None:
                if (event := self._event(*heard)) is not None:
                    found.append(event)
                heard = self._next(0.0)
            if left <= 0:
                break
        return found

    def _next(self, timeout_s: float) -> tuple[int, Any] | None:
        try:
            return self._heard.get(timeout=timeout_s) if timeout_s else self._heard.get_nowait()
        except queue.Empty:
            return None

    def _look_for_dead(self) -> None:
        """Find processes that ended while another one holds their end of the pipe."""
        if time.monotonic() - self._looked < _LOOK_S:
            return
        self._looked = time.monotonic()
        for worker, found in self._workers.items():
            if found.process.exitcode is not None:
                self._heard.put((worker, _END))

    def _event(self, worker: int, message: object) -> Event | None:
        if isinstance(message, NotStarted):
            return message
        found = self._workers.get(worker)
        if found is None:  # it was killed meanwhile, or has been heard of
            return None
        if isinstance(message, WorkerInfo):
            found.ready = True
            return Ready(worker, message)
        if isinstance(message, Answer):
            return Answered(worker, message)
        if message == _END:
            found.listener.join(_LOOK_S)  # it may be reading an answer that was sent before the end
            self._heard.put((worker, _GONE))
            return None
        del self._workers[worker]
        if isinstance(message, _Failed):
            _end(found)
            return Unusable(worker, message.error) if found.ready else NotStarted(worker, message.error)
        found.process.join(_GRACE_S)
        how = _how_it_ended(found.process.exitcode)
        _end(found)
        return Died(worker, how)

    def stop(self, worker: int) -> None:
        """Let a process close its model and end."""
        if (found := self._workers.get(worker)) is not None:
            self._stop(found)

    def kill(self, worker: int) -> None:
        """End a process and those below it."""
        if (found := self._workers.pop(worker, None)) is not None:
            _end(found)

    def close(self, patience_s: float) -> None:
        """Let the processes close their models and end."""
        found, self._workers = list(self._workers.values()), {}
        for each in found:
            self._stop(each)
        until = time.monotonic() + patience_s
        for each in found:
            each.process.join(max(0.0, until - time.monotonic()))
            _end(each)

    @staticmethod
    def _stop(found: _Process) -> None:
        def stop() -> None:
            with contextlib.suppress(OSError):
                found.connection.send(_STOP)

        found.outbox.submit(stop)


def _end(found: _Process) -> None:
    """Kill a process with its group, and free what belongs to it."""
    pid = found.process.pid
    if pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)  # also where the worker has ended, for what it leaves behind
        if found.process.exitcode is None:
            found.process.kill()
    found.process.join(_GRACE_S)
    found.outbox.shutdown(wait=False, cancel_futures=True)
    found.connection.close()


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "fell silent"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for processes that are started inside."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


# --- the worker's side ---


def serve(connection: Connection) -> None:
    """Be a worker, until the driver says so or is gone."""
    os.setsid()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
        os.dup2(2, 1)  # what a model prints must not land in a JSON document of the driver
    inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
    begin: list[Callable[[Work], Any]] = []
    threading.Thread(target=_receive, args=(connection, inbox, begin), daemon=True).start()
    setup = inbox.get()
    if isinstance(setup, WorkerSetup):
        _serve(connection, setup, inbox, begin)
    elif isinstance(setup, _Failed):
        connection.send(setup)


def _receive(connection: Connection, inbox: queue.SimpleQueue[Any], begin: Sequence[Callable[[Work], Any]]) -> None:
    """Read what the driver sends, and begin to prepare leases; end this process with its group when the driver is gone."""
    shelf = Shelf()
    while True:
        try:
            data = connection.recv_bytes()
        except (EOFError, OSError):
            os.killpg(0, signal.SIGKILL)
            return
        try:
            message = pickle.loads(data)  # noqa: S301 - from the process that started this one
            message = unpack(message, shelf) if isinstance(message, Parcel) else message
        except Exception as error:  # noqa: BLE001 - whatever a stranger's module raises
            problem = f"a worker cannot read what it is asked: {type(error).__name__}: {error}"
            message = _Failed(RunFailedError(problem))
        inbox.put(begin[0](message) if isinstance(message, Work) else message)


def _serve(
    connection: Connection, setup: WorkerSetup, inbox: queue.SimpleQueue[Any], begin: list[Callable[[Work], Any]]
) -> None:
    from mmbench.runner.pool.worker import Worker  # after the environment is set

    worker = Worker(setup)
    try:
        info = worker.open()
        begin.append(worker.begin)
        connection.send(info)
        while (message := inbox.get()) is not _STOP:
            if isinstance(message, _Failed):
                raise message.error
            connection.send(worker.answer(message))
        worker.close()
    except MmbenchError as error:
        with contextlib.suppress(OSError):
            connection.send(_Failed(error))
