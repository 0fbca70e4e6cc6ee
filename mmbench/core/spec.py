"""What a user asked for, grouped: which samples, how to batch, when to give up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmbench.core.errors import OptionError, UsageError

RUNS = "results/runs"
"""Where runs are written, unless told otherwise."""

CHECKPOINTS = "results/checkpoints"
"""Where models that learn keep what they have learned, unless told otherwise."""

CACHE = "results/cache"
"""Where ``--cache`` keeps answers, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A set of models and tasks under one name, registered in the group ``mmbench.suites``."""

    description: str
    """One line."""
    models: tuple[str, ...]
    """Names of models."""
    tasks: tuple[str, ...] = ()
    """Names of tasks; empty: the suite only names models."""


@dataclass(frozen=True, slots=True)
class DataSource:
    """``--data [NAME=]PATH``."""

    path: str
    """File or folder, as given."""
    name: str | None = None
    """A task (``vqa``, ``vqa/mine``) or the data set's name; None: for every family named without data."""

    @classmethod
    def parse(cls, text: str) -> DataSource:
        """Split ``NAME=PATH``; a text without ``=`` is a path. Raises `UsageError` when either side is empty."""
        name, sign, path = text.partition("=")
        if not sign:
            name, path = "", text
        if not path.strip() or (sign and not name.strip()):
            raise OptionError("--data", text, "PATH or NAME=PATH")
        return cls(path=path, name=name or None)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which samples of a task are asked."""

    limit: int | None = None
    """At most this many samples, whole groups only (at least one group); None: all."""
    ids: tuple[str, ...] = ()
    """Only these sample ids; empty: all."""
    split: str = "test"
    """The split that is asked."""

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise OptionError("--limit", self.limit, "at least 1")


@dataclass(frozen=True, slots=True)
class Batching:
    """How requests reach the model. None of it is part of a run's identity."""

    size: int | Literal["auto"] = "auto"
    """Requests a batch; ``auto`` starts at 64 and halves when the model runs out of memory."""
    cost: float | None = None
    """Upper bound on a batch's summed cost, in tokens as estimated from text, media and what may be generated."""
    workers: int = 2
    """Background threads that collate and load media ahead; 0: none."""
    concurrency: int = 16
    """Requests in flight at most, for models with async methods; fewer where the server says that it is too much."""
    timeout_s: float | None = None
    """Seconds before one request to an async model is given up, asking again included; None: never."""
    retries: int = 8
    """How often a request is asked again that an async model could not answer for a reason that may pass."""

    def __post_init__(self) -> None:
        if self.size != "auto" and self.size < 1:
            raise OptionError("--batch-size", self.size, "'auto' or at least 1")
        if self.concurrency < 1:
            raise OptionError("--concurrency", self.concurrency, "at least 1")
        for option, number in (("--workers", self.workers), ("--retries", self.retries)):
            if number < 0:
                raise OptionError(option, number, "0 or more")
        for option, value in (("--batch-cost", self.cost), ("--timeout", self.timeout_s)):
            if value is not None and not 0 < value < float("inf"):
                raise OptionError(option, value, "a positive number")


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One model on some tasks."""

    model: str
    """As given: an alias, a registered name, a file or module, or ``provider/name``."""
    tasks: tuple[str, ...]
    """As given."""
    model_args: Mapping[str, Any] = field(default_factory=dict)
    """Options of the model."""
    task_args: Mapping[str, Any] = field(default_factory=dict)
    """Options of the tasks."""
    data: tuple[DataSource, ...] = ()
    """The user's own data."""
    selection: Selection = field(default_factory=Selection)
    """Which samples."""
    batching: Batching = field(default_factory=Batching)
    """How they are batched."""
    max_errors: float = 0.5
    """Stop when more requests than this have failed: a count from 1 up, a fraction below 1 (after 50 have ended)."""
    seed: int = 0
    """Seed of the run; part of its identity."""
    measure: bool = True
    """Write perf.json: throughput, latency, memory."""
    cache: str | None = None
    """Folder of answers that runs share; None: none. Not part of the identity."""
    checkpoints: str = CHECKPOINTS
    """Folder in which models that learn keep what they have learned, shared by runs; not part of the identity."""

    def __post_init__(self) -> None:
        if not self.tasks:
            raise UsageError("no tasks given; see: mmbench list tasks")
        if not self.max_errors >= 0:
            raise OptionError("--max-errors", self.max_errors, "0 or more")
