"""Every persisted record, field by field. Decoded strictly: an unknown field, type or version is an error.

A file of a newer schema is refused by name; files of older schemas go through pure functions:
`mmbench.results.codec.MIGRATIONS`.
"""

from mmbench.results.schema.answers import CachedAnswer, ResponseLine
from mmbench.results.schema.imports import AskedLine, ImportEntry
from mmbench.results.schema.plans import PlanFile
from mmbench.results.schema.runs import (
    LOOKED_AT,
    GitState,
    LearnedEntry,
    Machine,
    MergedShard,
    ModelEntry,
    RunFile,
    ShardEntry,
    TaskEntry,
    TaskSource,
)
from mmbench.results.schema.speed import (
    CostFit,
    PerfFigure,
    PerfFile,
    PerfReason,
    PerfReasonCode,
    PerfScenario,
    SpeedIdentity,
    TaskPerf,
    Turn,
    WorkerPerf,
)
from mmbench.results.schema.stored import (
    SCHEMA_VERSION,
    MetricKind,
    Promise,
    RunStatus,
    StoredRecord,
    TaskStatus,
)
from mmbench.results.schema.timings import RequestTiming
from mmbench.results.schema.values import MetricSpec, ScoresFile

__all__ = [
    "LOOKED_AT",
    "SCHEMA_VERSION",
    "AskedLine",
    "CachedAnswer",
    "CostFit",
    "GitState",
    "ImportEntry",
    "LearnedEntry",
    "Machine",
    "MergedShard",
    "MetricKind",
    "MetricSpec",
    "ModelEntry",
    "PerfFigure",
    "PerfFile",
    "PerfReason",
    "PerfReasonCode",
    "PerfScenario",
    "PlanFile",
    "Promise",
    "RequestTiming",
    "ResponseLine",
    "RunFile",
    "RunStatus",
    "ScoresFile",
    "ShardEntry",
    "SpeedIdentity",
    "StoredRecord",
    "TaskEntry",
    "TaskPerf",
    "TaskSource",
    "TaskStatus",
    "Turn",
    "WorkerPerf",
]
