"""What a user asked for: suites, data sources, selections of samples, and the specification of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

RUNS = "results/runs"
"""Where runs are written, unless told otherwise."""

CHECKPOINTS = "results/checkpoints"
"""Where models that learn keep what they have learned, unless told otherwise."""

CACHE = "results/cache"
"""Where ``--cache`` keeps answers, unless told otherwise."""

FIGURE_SUFFIXES = (".svg", ".pdf", ".png")
"""Endings of the files that figures are written to."""


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
    """The user's own data, ``--data [NAME=]PATH``."""

    path: str
    """File or folder, as given."""
    name: str | None = None
    """A task (``vqa``, ``vqa/mine``) or the dataset's name; None: for every family that is named without data."""
    fields: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Roles to fields, as ``--map`` gives them; empty: the layout is recognised, or mmbench's own."""
    download: bool = False
    """Whether images that are named by URLs are fetched (``--download``)."""

    @classmethod
    def parse(cls, text: str) -> DataSource:
        """Split ``NAME=PATH``; a text without ``=`` is a path. Raises ValueError when either side is empty."""
        name, sign, path = text.partition("=")
        if not sign:
            name, path = "", text
        if not path.strip() or (sign and not name.strip()):
            raise ValueError(text)
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


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts of a run, each of which a command of its own asks: ``--shard 3/8``."""

    number: int
    """Which part, from 1."""
    of: int
    """How many parts there are."""

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``K/N``. Raises ValueError where it is not two whole numbers with 1 ≤ K ≤ N."""
        number, sign, of = text.partition("/")
        shard = cls(int(number), int(of))
        if not sign or not 1 <= shard.number <= shard.of:
            raise ValueError(text)
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @property
    def ending(self) -> str:
        """What the name of its run directory ends in."""
        return f".shard-{self.number}-of-{self.of}"


@dataclass(frozen=True, slots=True)
class Asking:
    """How tasks are asked, where a user says otherwise than the task."""

    prompts: tuple[Any, ...] = ()
    """Names of prompts, and prompts of files as `mmbench.core.prompts.read_prompt` gives them; empty: each task's own."""
    generation: Mapping[str, Any] = field(default_factory=dict)
    """Names of `mmbench.core.requests.SETTINGS` to their values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """One model on some tasks. Types, ranges and defaults of the options are declared in `mmbench.resolve.options`."""

    model: str
    """As given: an alias, a registered name, a file or module, or ``provider/name``."""
    tasks: tuple[str, ...]
    """As given."""
    model_args: Mapping[str, Any]
    """Options of the model."""
    task_args: Mapping[str, Any]
    """Options of the tasks."""
    data: tuple[DataSource, ...]
    """The user's own data."""
    prompt: tuple[str, ...]
    """Names and files of prompts, each of which every task is asked with; empty: each task's own."""
    max_new_tokens: int | None
    """How much a model may write at most, in tokens; here and below, None: as each task says."""
    temperature: float | None
    """0 is greedy decoding."""
    top_p: float | None
    """Draw among the likeliest tokens with this share of the probability."""
    stop: tuple[str, ...]
    """Stop before these texts; empty: as each task says."""
    thinking: bool | int | None
    """Whether the model reasons first, or for how many tokens at most; None: as the model does by itself."""
    repeats: int | None
    """How often each question is asked; None: once."""
    chat_template_kwargs: Mapping[str, Any]
    """Given to the chat template of the model."""
    reask: Literal["truncated"] | None
    """Whether answers that ended by themselves are taken over from a task asked with fewer new tokens; None: no."""
    limit: int | None
    """At most this many samples of each task, whole groups only; None: all."""
    ids: tuple[str, ...]
    """Only these sample ids; empty: all."""
    split: str
    """The split that is asked."""
    seed: int
    """Seed of the run; part of its identity."""
    batch_size: int | Literal["auto", "search"]
    """Requests a batch; ``auto``: by a rule without clocks, and halved when the model runs out of memory; ``search``: the size at
    which the model answers fastest. Once a task is planned, its plan keeps the size for both words."""
    batch_cost: float | None
    """Upper bound on a batch's summed cost, in tokens as estimated from text, media and what may be generated."""
    loader_threads: int
    """Background threads that collate and load media ahead; 0: none."""
    threads: int | None
    """CPU threads for training and inference; None: as the model and its libraries choose."""
    workers: int | None
    """Processes that ask the model at once, each with a model of its own, where a run begins. None and 1: this process; None with
    `ray`: as many as the cluster has room for, also when its nodes become more or fewer."""
    gpus_per_worker: int | None
    """GPUs that each of several workers sees; None: its part of those that there are."""
    cpus_per_worker: int | None
    """CPUs that each of several workers may keep busy; None: its part of those that there are."""
    ray: str | None
    """Ray cluster whose actors are the workers: ``auto``, or ``HOST:PORT`` of its head node; None: processes of this machine."""
    ship_media: bool
    """Whether workers on a cluster get the bytes of images rather than the names of files."""
    retrain: bool
    """Train even where a model comes with weights for a task."""
    concurrency: int
    """Requests in flight at most, for models with async methods; fewer where the server says that it is too much."""
    shard: Shard | None
    """Which part of the batches is asked; None: all of them."""
    executor: str | None
    """Name of the executor; None: ``batch`` for synchronous models, ``async`` for methods that are ``async def``."""
    timeout: float | None
    """Seconds before one request to an async model is given up, asking again included, or a batch of one of several workers; None:
    never, and for workers as `mmbench.runner.pool.leases.Patience` says."""
    give_up: float
    """Seconds after which a run of a remote model stops from which no byte has come."""
    retries: int
    """How often a request is asked again that an async model could not answer for a reason that may pass."""
    max_errors: float
    """Stop when more requests than this have failed: a count from 1 up, a fraction below 1 (after 50 have ended)."""
    perf: Literal["quick", "full", "off"]
    """Whether throughput, latency and memory are measured; ``full``: under load as well, after the quality run."""
    scenarios: tuple[str, ...]
    """Scenarios of ``full`` by name; empty: those that fit the model."""
    rate: float | None
    """Requests a second that arrive in the scenario ``server``; None: not given."""
    find_max_rate: bool
    """Whether the highest rate is looked for that meets `slo`."""
    slo: str | None
    """Latency targets as given; None: none."""
    workload: str | None
    """What is asked under load, as given; None: the samples of the task."""
    perf_requests: int
    """Requests of a scenario at most."""
    perf_seconds: float
    """Seconds after which a scenario makes no more requests."""
    perf_format: str | None
    """The tool whose field names scenarios are also written under; None: none."""
    cache: str | None
    """Folder of answers that runs share; None: none."""
    checkpoints: str
    """Folder in which models that learn keep what they have learned, shared by runs."""

    @property
    def by_workers(self) -> bool:
        """Whether workers ask, and not this process."""
        return (self.workers or 1) > 1 or self.ray is not None

    @property
    def selection(self) -> Selection:
        """Which samples of each task are asked."""
        return Selection(self.limit, self.ids, self.split)
