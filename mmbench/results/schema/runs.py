"""The record of a run, ``run.json``, and what it says of the model, the tasks and the machine."""

from __future__ import annotations

from typing import Any

from msgspec import field

from mmbench.results.schema.imports import ImportEntry
from mmbench.results.schema.stored import Promise, RunStatus, StoredRecord, TaskStatus


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
    source_digest: str | None = None
    """Digest of the Python file, module or package of a model that is not registered; null for all others, and before schema
    version 9."""
    options: dict[str, Any]
    """Its options, as given."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What it answers by beside its options, as it says itself: the address that was called, the generation settings in
    force; empty where it says nothing, and before schema version 7."""


class TaskSource(StoredRecord, frozen=True, kw_only=True):
    """How to build the task again."""

    name: str
    """Name, or ``file.py:Name``, as given on the command line; empty for a task of an imported run that is none of ours, of which
    ``asked.jsonl`` says what was asked."""
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
    weights: str | None = None
    """A digest of its weights: as the model gave it, or sha256 over the files of `checkpoint` that are no JSON. Null where there
    is neither, and before schema version 10."""
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
    split_samples: int = 0
    """Samples of the whole split; 0 where the task was not asked, and before schema version 9."""
    n_requests: int
    """Requests made from them."""
    n_failed: int = 0
    """Requests whose last end is an error or a time-out."""
    batch_size: int = 0
    """Requests a batch at most: as given, or what ``auto`` settled on."""
    asked_batches: tuple[int, int] | None = None
    """In a shard, which batches of the plan it asks: the number of the first, and that after the last. Null in a whole run, and
    before schema version 10."""
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
    promise: Promise | None = None
    """``bytes`` or ``requests``, see `mmbench.results.schema.stored.Promise`; null where nothing was asked, and before schema
    version 10."""
    promise_reason: str | None = None
    """Why it is ``requests``; null otherwise."""


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


class ShardEntry(StoredRecord, frozen=True, kw_only=True):
    """Which part of a run a run directory holds (``--shard 3/8``)."""

    number: int
    """Which part, from 1."""
    of: int
    """How many parts there are."""


class MergedShard(StoredRecord, frozen=True, kw_only=True):
    """One part that ``mmbench merge`` took into a run."""

    number: int
    """Which part, from 1."""
    machine: Machine
    """Where its last session ran."""
    updated: str
    """Its `RunFile.updated`."""


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
    earlier_specs: list[dict[str, Any]] = field(default_factory=list)
    """The options of the sessions before the last one, oldest first; of those with the same options, also as the last one, only the
    latest. Empty before schema version 11."""
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
    shard: ShardEntry | None = None
    """Which part of a run lies here: such a directory has answers and no scores. Null for a whole run, and before schema
    version 10."""
    merged: list[MergedShard] = field(default_factory=list)
    """The parts that the run was last merged from, in order; empty where its answers were asked here, and before schema version
    10."""
    imported: ImportEntry | None = None
    """Where the run comes from, if another tool made it; null for all others, and before schema version 10."""
    digest: str = ""
    """As in `PlanFile`."""
