"""Every persisted record, field by field. Decoded strictly: an unknown field, type or version is an error.

A file of a newer schema is refused by name; files of older schemas go through pure functions in `MIGRATIONS`.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from mmbench.core.responses import FinishReason, Status
from mmbench.core.score_table import MetricValue

SCHEMA_VERSION = 8
"""Version of the JSON files in a run directory; grows when a field is added, removed or changes its meaning."""

RunStatus = Literal["running", "complete", "partial", "interrupted", "stopped", "failed"]
"""``running`` (or killed while it ran); ``complete``: every request ended well; ``partial``: some failed;
``interrupted`` by a signal; ``stopped`` by --max-errors; ``failed``: the model could not be built or a write failed."""

TaskStatus = Literal["pending", "complete", "partial", "interrupted", "stopped", "failed", "incompatible"]
"""As `RunStatus`; ``incompatible``: the model cannot answer the task, which is shown as n/a."""

MetricKind = Literal["mean", "formula", "compute"]
"""``mean``: a quotient of two sums; ``formula``: any other function of sums of rows; ``compute``: no function of sums."""


class StoredRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records: immutable, strict."""


class ResponseLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One line of ``responses.jsonl``: the end of one request. A field that holds its default is left out.

    From schema version 8 on a line ends in ``,"crc":N}``, the CRC-32 of all that stands before it.
    """

    id: str
    """``task/sample/n``."""
    status: Status
    """How it ended."""
    output: str | list[float] | None = None
    """The text without reasoning, or the score of every choice in the request's order; null for embeddings and failures."""
    row: int | None = None
    """Row of ``embeddings.bin`` that holds the vector; null for other kinds."""
    error: str | None = None
    """What went wrong, in one sentence; null where nothing did."""
    input_tokens: int | None = None
    """Tokens read, without padding; null where unknown."""
    output_tokens: int | None = None
    """Tokens written, without padding; null where unknown."""
    cost_usd: float | None = None
    """Price in US dollars; null where unknown."""
    start_s: float = 0.0
    """Seconds from the start of the session to the start of the call that answered."""
    duration_s: float = 0.0
    """Seconds that this call took, for its whole batch."""
    batch: int = 0
    """Number of the batch in ``plan.json``, from 0."""
    batch_size: int = 1
    """Requests that this call answered."""
    first_token_s: float | None = None
    """Seconds from sending the request to its first token; null where the answer came whole."""
    cached: bool = False
    """True where the answer came from the cache and no call was made: the times are 0 and the price is too."""
    finish_reason: FinishReason = "unknown"
    """Why the generation ended; ``unknown`` also for scores, embeddings and failures."""
    raw: str | None = None
    """The generated text as it came; null where `output` is the same."""
    reasoning: str | None = None
    """The reasoning, however it came, also if it was cut off; null where there was none."""
    reasoning_tokens: int | None = None
    """Tokens, among those written, that were spent on reasoning; null where unknown."""
    image_tokens: int | None = None
    """Tokens, among those read, that stand for images; null where unknown."""
    first_answer_token_s: float | None = None
    """Seconds from sending the request to the first token of the answer; null as for `first_token_s`."""
    row_check: int | None = None
    """CRC-32 of the bytes of `row`, or of all `rows`; null where there is no row, and before schema version 8."""
    rows: int | None = None
    """Rows of ``embeddings.bin``, from `row` on, that hold the answer of a model that gives several vectors (late
    interaction); null: one vector in one row."""


class CachedAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One answer in the cache that runs share (``--cache``), as msgpack."""

    status: Status
    """How it ended: ``ok``, ``refused``, or ``truncated`` with a text."""
    output: str | list[float] | None = None
    """The text, or the score of every choice; null for embeddings."""
    vector: bytes | None = None
    """An embedding as little-endian float32, row by row where it has several vectors; null for other kinds."""
    rows: int | None = None
    """Vectors of the embedding, as `ResponseLine.rows`."""
    input_tokens: int | None = None
    """Tokens read when it was asked; null where unknown."""
    output_tokens: int | None = None
    """Tokens written when it was asked; null where unknown."""
    finish_reason: FinishReason = "unknown"
    """As in `ResponseLine`."""
    raw: str | None = None
    """As in `ResponseLine`."""
    reasoning: str | None = None
    """As in `ResponseLine`."""
    reasoning_tokens: int | None = None
    """As in `ResponseLine`."""
    image_tokens: int | None = None
    """As in `ResponseLine`."""


class PlanFile(StoredRecord, frozen=True, kw_only=True):
    """``tasks/<task>/plan.json``: what is asked, and in which batches."""

    schema_version: int
    """`SCHEMA_VERSION` of the writer."""
    task: str
    """Full name of the task."""
    identity: dict[str, Any]
    """What was asked, which owns the answers: name, version, fingerprint, split, prompt, request kinds, generation parameters,
    and the options that change what is asked."""
    identity_digest: str
    """sha256 of `identity` as canonical JSON, 64 hexadecimal digits."""
    former_scoring: dict[str, Any] = field(default_factory=dict)
    """What stands in `TaskEntry.scored_by`, for runs of schema versions before 7, which kept it here; empty in others."""
    selection_digest: str
    """sha256 over the ids of the requests, in order."""
    n_samples: int
    """Samples selected."""
    n_requests: int
    """Requests made from them, duplicates included."""
    batch_size: int
    """Requests a batch at most, when the batches were cut."""
    batch_cost: float | None
    """Upper bound on a batch's summed cost, when the batches were cut; null for none."""
    digest: str = ""
    """sha256 over all other fields as canonical JSON, which finds damage; empty before schema version 8."""
    batches: list[list[int]]
    """The batches as cut: numbers of requests, counted from 0 in the order of the samples. A request that repeats an
    earlier one (the same picture or text to embed) is in no batch and shares the earlier one's answer."""


class ModelEntry(StoredRecord, frozen=True, kw_only=True):
    """The model of a run."""

    name: str
    """As it is shown."""
    reference: str
    """What the name resolved to: ``module:Name``, ``file.py:Name`` or ``instance of …``."""
    version: str | None = None
    """The version that a registered model declares; null for other models, and before schema version 5."""
    digest: str | None
    """Digest of version and weights, or of the source of a model that is not registered; null for an instance that gives
    none (such a run is never resumed)."""
    options: dict[str, Any]
    """Its options, as given."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What it answers by beside its options, as it says itself: the address that was called, the generation settings in
    force; empty where it says nothing, and before schema version 7."""


class TaskSource(StoredRecord, frozen=True, kw_only=True):
    """How to build the task again."""

    name: str
    """Name, or ``file.py:Name``, as given on the command line."""
    data_name: str | None = None
    """Name of the user's data set; null where the task brings its own data."""
    data_path: str | None = None
    """Absolute path of the user's data; null where the task brings its own."""
    data_fields: dict[str, str] = field(default_factory=dict)
    """Roles to fields of the user's data (``--map``); empty where they were read as they are."""
    data_download: bool = False
    """Whether images that the user's data name by URL were fetched."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the task, as given."""
    generation: dict[str, Any] = field(default_factory=dict)
    """Generation parameters that the user set, where they differ from those of the task."""


class LearnedEntry(StoredRecord, frozen=True, kw_only=True):
    """What a model that learns said of itself after training. All of it is optional: null or empty where it is silent."""

    parameters: int | None = None
    """Number of weights that were trained."""
    train_s: float | None = None
    """Seconds that training took in all sessions, also where this run loaded what an earlier one had learned."""
    samples_per_s: float | None = None
    """Training samples a second."""
    modalities: list[str] = field(default_factory=list)
    """The modalities that it looks at, in alphabetical order."""
    checkpoint: str | None = None
    """Where its weights lie: as the model gave it, relative where that is below the working directory."""
    val: dict[str, float] = field(default_factory=dict)
    """What it reached on the validation samples, by name, from 0 to 1."""


LOOKED_AT = 1000
"""Unparsed outputs that other extractors are tried on; see `TaskEntry.readable_by`."""


class TaskEntry(StoredRecord, frozen=True, kw_only=True):
    """One task of a run."""

    name: str
    """Full name."""
    source: TaskSource
    """How to build it again."""
    version: str
    """The task's version."""
    fingerprint: str
    """The data's fingerprint."""
    identity_digest: str
    """As in `PlanFile`; empty where the task was not asked, and in runs of schema versions before 7."""
    scored_by: dict[str, Any] = field(default_factory=dict)
    """How the answers were scored: ``extractor``, its name and version or null, and ``options``, those that change only
    how answers are scored. Empty in runs of schema versions before 7, where `PlanFile.former_scoring` has it."""
    served_as: dict[str, str]
    """Kind of request that the task makes to the kind that the model was asked: ``{"generate": "choose"}``."""
    split: str
    """The split that was asked."""
    status: TaskStatus
    """How far it came."""
    n_samples: int
    """Samples selected."""
    n_requests: int
    """Requests made from them."""
    n_failed: int = 0
    """Requests whose last end is an error or a time-out."""
    batch_size: int = 0
    """Requests a batch at most: as given, or what ``auto`` settled on."""
    scoring: str | None = None
    """Name of the current file in ``scores/``; null before scoring."""
    chance: dict[str, float] = field(default_factory=dict)
    """Metric id to what uniform guessing is expected to get; empty where undefined."""
    prior: dict[str, float] = field(default_factory=dict)
    """Metric id to what the most frequent training answer gets, for each question template where it helps."""
    learned: LearnedEntry | None = None
    """What the model learned before it was asked; null for models that do not learn, and for those that say nothing."""
    reason: str | None = None
    """What must be said beside the scores: that they are of a part of the split, and why the status is what it is."""
    readable_by: dict[str, int] = field(default_factory=dict)
    """Where more than 5 % of the outputs hold no answer: extractor to how many of the first thousand of these it would find
    one in. Empty where fewer do, where nothing would, and in runs of schema versions before 7."""
    n_split: int = 0
    """Calls of several requests that failed, so that their requests were asked again in smaller calls; over all sessions."""
    split_cause: str | None = None
    """Why the first of these calls failed; null where none did."""
    notes: dict[str, int] = field(default_factory=dict)
    """What must be known of the answers, as the model says itself: sentence to number of requests, over all sessions."""


class GitState(StoredRecord, frozen=True, kw_only=True):
    """The repository that the command was started in."""

    commit: str
    """Full commit hash."""
    dirty: bool
    """Whether tracked files differed from it."""


class Machine(StoredRecord, frozen=True, kw_only=True):
    """Where a run took place."""

    platform: str
    """Operating system and architecture."""
    python: str
    """Python version."""
    cpu: str
    """Processor model."""
    cpus: int
    """Processors that the process may use."""
    memory_bytes: int | None
    """Physical memory; null where unknown."""
    accelerator: str | None
    """Name of the GPU, when the model loaded torch with one; null otherwise."""


class RunFile(StoredRecord, frozen=True, kw_only=True):
    """``run.json``."""

    schema_version: int
    """`SCHEMA_VERSION` of the writer."""
    mmbench_version: str
    """Version of mmbench."""
    identity: str
    """sha256 over model, digest, options and seed; its first 8 digits end the name of a directory that is made for it."""
    former_identities: list[str] = field(default_factory=list)
    """What earlier versions of mmbench identified the same run by, oldest first; the name of a directory that they made
    still ends in the first of them."""
    status: RunStatus
    """How far it came."""
    model: ModelEntry
    """The model."""
    seed: int
    """Seed of the run."""
    spec: dict[str, Any]
    """The options of the last session, under their names in Python."""
    tasks: dict[str, TaskEntry]
    """Full task name to how it went."""
    created: str
    """Start of the first session, ISO 8601 in UTC."""
    updated: str
    """Last write of this file, ISO 8601 in UTC."""
    packages: dict[str, str]
    """Versions of the packages that can change a number."""
    machine: Machine
    """Where the last session ran."""
    git: GitState | None
    """The repository it was started in; null outside one."""
    reason: str | None = None
    """Why the status is what it is, where that needs words."""
    digest: str = ""
    """As in `PlanFile`."""


class MetricSpec(StoredRecord, frozen=True, kw_only=True):
    """How a metric comes from the score tables, so that runs are compared without their task."""

    unit: str
    """The table that it reads."""
    columns: list[str]
    """The columns that it reads, in order; ``1`` stands for a column of ones."""
    kind: MetricKind
    """``mean``: sum of the first column over sum of the second, which says everything; the others are made by `maker`."""
    bounds: tuple[float | None, float | None]
    """The metric's natural range; null where it has no end."""
    maker: str | None = None
    """The name in the entry-point group ``mmbench.metrics`` that makes the metric; null for a metric that is not registered, and
    in files of schema versions before 6."""
    parameters: dict[str, str] = field(default_factory=dict)
    """What the maker was given: parameter to value, defaults included."""


class ScoresFile(StoredRecord, frozen=True, kw_only=True):
    """``tasks/<task>/scores/<scoring>.json``; the score tables lie beside it in ``<scoring>.npz``."""

    schema_version: int
    """`SCHEMA_VERSION` of the writer."""
    task: str
    """Full name of the task."""
    task_identity: str
    """`PlanFile.identity_digest` of the answers that were scored."""
    primary: list[str]
    """Metric ids that stand in the main table, in order."""
    units: dict[str, int]
    """Unit of scoring to the number of its rows in the score tables."""
    metrics: list[MetricValue]
    """Every metric over all units."""
    slices: dict[str, dict[str, list[MetricValue]]]
    """Slice name, then label, to every metric over the units in that slice."""
    specs: dict[str, MetricSpec] = field(default_factory=dict)
    """Metric id to how it comes from the tables; empty in files of schema versions before 4."""


class Latency(StoredRecord, frozen=True, kw_only=True):
    """Latency of one batch call (one request for async models), in milliseconds. Null: too few calls were measured."""

    p50: float | None
    """Median; from 10 calls up."""
    p90: float | None
    """From 50 calls up."""
    p99: float | None
    """From 500 calls up."""


class TaskPerf(StoredRecord, frozen=True, kw_only=True):
    """Speed and memory of one task in one session. The first batch is warm-up and enters no figure."""

    samples_per_s: float | None
    """Samples completed per second of the main loop, waiting for media and logging included; null with a reason."""
    tokens_per_s: float | None
    """Output tokens per second, where the model reports tokens."""
    latency_ms: Latency
    """Latency of the calls."""
    first_token_ms: Latency | None = None
    """Time to the first token of any kind; null where answers do not come token by token."""
    first_answer_token_ms: Latency | None = None
    """Time to the first token that is not reasoning; null where answers do not come token by token."""
    cost_usd: float | None = None
    """Price in US dollars of all that was asked, warm-up included; null where no price is known."""
    n_cached: int = 0
    """Requests answered from the cache, which no other figure counts."""
    peak_memory_bytes: int | None
    """Highest resident memory of the process during the task, the model and mmbench included."""
    peak_accelerator_bytes: int | None
    """Highest memory allocated by torch on its GPU during the task; null without one."""
    n_samples: int
    """Samples that the throughput counts."""
    n_calls: int
    """Calls that the latencies count."""
    main_loop_s: float
    """Seconds that the throughput counts."""
    batch_size: int
    """Requests a batch at most."""
    valid: bool
    """False when a figure above should not be quoted."""
    reasons: list[str]
    """Why figures are null or not valid, and what to do about it."""


class PerfFile(StoredRecord, frozen=True, kw_only=True):
    """``perf.json``: the last session in which something was asked, per task."""

    schema_version: int
    """`SCHEMA_VERSION` of the writer."""
    tasks: dict[str, TaskPerf]
    """Full task name to its figures."""
    digest: str = ""
    """As in `PlanFile`."""
