"""The record of scores: every value of a task, and how each comes from the score tables."""

from __future__ import annotations

from msgspec import field

from mmbench.core.score_table import MetricValue
from mmbench.results.schema.stored import MetricKind, StoredRecord


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
