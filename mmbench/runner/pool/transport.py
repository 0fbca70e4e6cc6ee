"""What the driver and its workers say to each other, and the protocol of the transport that carries it.

The driver owns the queue and the log. A worker opens the model once and answers leases; it knows neither plan nor log.
Workers are told apart by numbers that the driver gives; a worker that takes the place of a lost one has a new number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mmbench.core.errors import MmbenchError
from mmbench.core.requests import Request
from mmbench.core.responses import Response
from mmbench.runner.execute.recipe import ModelRecipe


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """Everything that a worker needs to open the model. Pickles."""

    recipe: ModelRecipe
    """The model; fitted, where it learns."""
    version: str
    """Version of mmbench, which must be the worker's too."""
    threads: int | None = None
    """CPU threads of numerical libraries; None: as these choose."""
    loader_threads: int = 2
    """Threads that load the images of the next lease while the model works on the current one; 0: none."""
    user_files: Mapping[str, str] = field(default_factory=dict)
    """Modules that the driver imported from files given by name, to these files: requests may hold objects of theirs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that hold before anything is imported: ``CUDA_VISIBLE_DEVICES``, ``OMP_NUM_THREADS``."""
    cpus: float = 1.0
    """CPUs that the worker may keep busy, for a transport that places workers."""
    gpus: float = 0.0
    """GPUs that the worker needs, for a transport that places workers."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker says of itself when its model is open."""

    host: str
    """Name of the machine."""
    pid: int
    """Process."""
    load_s: float
    """Seconds that it took to build and open the model."""
    device: str | None = None
    """Name of its GPU; None where the model uses none."""


@dataclass(frozen=True, slots=True)
class Work:
    """The requests of one lease. Pickles."""

    lease: int
    """`Lease.number`."""
    task: str
    """Full name of the task, for what the model notes of it."""
    requests: Sequence[Request]
    """What to ask, in one call unless memory runs out or the model raises."""
    batch_size: int
    """Requests a call at most."""
    auto: bool
    """Whether that is halved, and kept halved, when memory runs out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one lease. Pickles. Times are the worker's own, and differences only: machines share no clock."""

    lease: int
    """As in `Work`."""
    responses: Sequence[Response]
    """One for each request, in order."""
    waited_s: float
    """Seconds from the arrival of the lease until the model was asked."""
    duration_s: float
    """Seconds that the model took."""
    device_s: float | None
    """Seconds of that by the clock of the GPU; None without one."""
    batch_size: int
    """Requests a call at most from now on: smaller than asked for where memory ran out."""
    splits: int = 0
    """Calls of this lease that failed, so that their requests were asked again in smaller ones."""
    split_cause: str | None = None
    """Why the first of them failed; None where none did."""
    peak_memory: int | None = None
    """Highest resident memory of the worker until now, in bytes; None where the system does not tell."""
    gpu_allocated: int | None = None
    """Highest memory that torch allocated on the worker's GPU until now, in bytes; None without one."""
    gpu_reserved: int | None = None
    """Highest memory that torch took from it, allocated or not."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the model says that it answers by."""
    notes: Mapping[str, int] = field(default_factory=dict)
    """What the model noted of its answers to the task until now: sentence to number of requests."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has opened the model and waits for leases."""

    worker: int
    info: WorkerInfo


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A worker could not open the model, or could not be started. It is gone."""

    worker: int
    error: MmbenchError
    """Why, in one sentence."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A worker has answered a lease."""

    worker: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Unusable:
    """The model of a worker says that no request can succeed any more (`ModelUnusableError`)."""

    worker: int
    error: MmbenchError


@dataclass(frozen=True, slots=True)
class Died:
    """A worker is gone: it crashed, was killed, or its machine is gone. Whatever it held is not answered."""

    worker: int
    how: str
    """For people: ``killed by SIGKILL``."""
    blamed: bool = True
    """False where what it was asked cannot be the cause: its machine is gone, or it was taken away."""


Event = Ready | NotStarted | Answered | Unusable | Died


class Transport(Protocol):
    """Starts workers, carries leases to them and answers back. For one thread.

    The driver sends a worker at most `leases.AHEAD` leases at a time; the worker answers them in their order.
    """

    kind: str
    """What its workers are, for figures of speed: ``process``, ``ray``."""

    @property
    def waiting(self) -> int:
        """Workers that were told to start and wait for a machine with room, which may never come."""
        return 0

    def start(self, worker: int, setup: WorkerSetup) -> None:
        """Begin to start a worker; `Ready` or `NotStarted` follows, or `Died`."""

    def submit(self, worker: int, work: Work) -> None:
        """Send a lease to a worker that is ready. One that is gone by now is heard of as `Died`."""

    def wait(self, timeout_s: float) -> Sequence[Event]:
        """What has happened, in order; waits for the first event, and at most so long (then nothing)."""

    def stop(self, worker: int) -> None:
        """Let a worker that was not killed close its model and end; `Died` follows when its memory is free."""

    def kill(self, worker: int) -> None:
        """End a worker at once, whatever it does, and all processes below it. No event of it follows."""

    def close(self, patience_s: float) -> None:
        """Let the workers close their models and end; kill those that have not ended after `patience_s` seconds."""
