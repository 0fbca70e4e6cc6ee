"""The record of what is asked: ``plan.json`` of a task."""

from __future__ import annotations

from typing import Any

from msgspec import field

from mmbench.results.schema.stored import StoredRecord


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
