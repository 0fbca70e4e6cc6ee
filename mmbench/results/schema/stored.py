"""What all persisted records share: the version, the base class, and how runs and tasks end."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

SCHEMA_VERSION = 11
"""Version of the JSON files in a run directory; grows when a field is added, removed or changes its meaning."""

RunStatus = Literal["running", "complete", "partial", "interrupted", "stopped", "failed"]
"""``running`` (or killed while it ran); ``complete``: every request ended well; ``partial``: some failed;
``interrupted`` by a signal; ``stopped`` by --max-errors; ``failed``: the model could not be built or a write failed."""

TaskStatus = Literal["pending", "complete", "partial", "interrupted", "stopped", "failed", "incompatible"]
"""As `RunStatus`; ``incompatible``: the model cannot answer the task, which is shown as n/a."""

Promise = Literal["bytes", "requests"]
"""What the same run with any number of workers, or resumed, has in common with this one, where the model is deterministic.
``bytes``: its scores, to the byte, on the same machine with the same threads; ``requests``: what was asked, but maybe not what was
asked together."""

MetricKind = Literal["mean", "formula", "compute"]
"""``mean``: a quotient of two sums; ``formula``: any other function of sums of rows; ``compute``: no function of sums."""


class StoredRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records: immutable, strict."""
