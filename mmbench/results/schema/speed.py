"""The record of speed, ``perf.json``: for each task its scenarios, each with its figures and whether they may be quoted."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from mmbench.results.schema.runs import Machine
from mmbench.results.schema.stored import StoredRecord

QUALITY = "quality"
"""The scenario that ``--perf quick`` measures: the quality run itself."""

PerfReasonCode = Literal[
    "too_few_samples",
    "not_steady",
    "recompiled",
    "rate_not_delivered",
    "client_bound",
    "throttled",
    "foreign_gpu_process",
    "cpu_pressure",
    "harness_overhead",
    "cached_by_server",
    "failures",
]
"""Why figures must not be quoted: too few requests were measured; the speed changed while it was measured; the model was compiled
again after the warm-up; fewer requests were sent than were to be; the sending process was busy all the time; the processor or the
GPU slowed itself down; other processes used the GPU; other processes wanted the CPUs; the harness itself took more than a tenth of
the time; the server answered from a cache; requests failed, or were asked again in smaller calls."""


class PerfFigure(StoredRecord, frozen=True, kw_only=True):
    """One figure of speed, memory, energy or cost."""

    value: float | None
    """In `unit`; null where it was not measured or means nothing."""
    unit: str
    """``1/s``, ``ms``, ``s``, ``B``, ``J``, ``W``, ``MHz``, ``°C``, ``FLOP``, ``USD``, or ``1`` for a number without one."""
    formula: str
    """How the value comes from what was measured, because the same word means several things in the field."""
    n: int = 0
    """How many observations it rests on; 0 where it is read and not computed."""
    low: float | None = None
    """Lower end of the 95 % interval; null where none is given."""
    high: float | None = None
    """Upper end, as above."""
    reason: str | None = None
    """Why the value is null, and what to do about it."""


class PerfReason(StoredRecord, frozen=True, kw_only=True):
    """One reason why the figures of a scenario must not be quoted."""

    code: PerfReasonCode
    """Which."""
    detail: str
    """The same in a sentence, with numbers."""


class SpeedIdentity(StoredRecord, frozen=True, kw_only=True):
    """What two figures must have in common before they stand side by side as equals. Null: unknown."""

    batch_size: int | None
    """Requests a call at most; 1 where a call is a request."""
    concurrency: int | None
    """Calls in flight at most."""
    threads: int | None
    """CPU threads of numerical libraries (``--threads``); 0: as the model and its libraries choose."""
    workers: int | None
    """Processes that ask the model."""
    settings: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    """What the scenario was given beside these, by name: rate, workload."""


class Turn(StoredRecord, frozen=True, kw_only=True):
    """The place of a run among runs of two models that took turns (``--interleave``)."""

    session: str
    """The command that made the runs: 16 hexadecimal digits that two commands do not share."""
    number: int
    """Which of the pairs of runs, from 1."""
    of: int
    """How many pairs."""
    first: bool
    """Whether this model was asked before the other in this pair."""
    against: str
    """Name of the other model."""


class CostFit(StoredRecord, frozen=True, kw_only=True):
    """What a request costs, as a sum that other mixes of prompts can be put into. No term is below 0."""

    unit: str
    """What is spent: ``s`` (time of the model) or ``USD``."""
    fixed: float
    """For each request, whatever it holds."""
    per_input_token: float | None = None
    """For each token read; null where tokens are unknown, or did not differ between calls."""
    per_megapixel: float | None = None
    """For a million pixels of images, as above."""
    per_output_token: float | None = None
    """For each token written, as above."""
    n: int
    """Calls that it was fitted to."""
    error: float
    """Mean absolute error of the fit, as a share of the mean cost of a call."""


class WorkerPerf(StoredRecord, frozen=True, kw_only=True):
    """What one of several workers did of a task. Processes that took each other's place count as one worker."""

    number: int
    """Counts the workers, from 0."""
    kind: str
    """``process``: below the driver, on its machine; ``ray``: an actor of a Ray cluster."""
    device: str | None = None
    """Name of its GPU; null where the model used none."""
    load_s: float | None = None
    """Seconds until it had built and opened the model; null where it never had."""
    n_calls: int = 0
    """Leases that it answered: batches of the plan, or parts of one that costs workers."""
    n_requests: int = 0
    """Requests of these."""
    n_lost: int = 0
    """How often it died, or was ended because it did not answer in time, and another took its place."""
    busy_s: float = 0.0
    """Seconds in which the model answered, by the clock of the worker."""
    utilisation: float | None = None
    """Share of the time in which it was ready that the model answered; null where it never was."""
    requests_per_s: float | None = None
    """Requests over the seconds in which it was ready; null as above."""
    dispatch_ms: float | None = None
    """Mean time of a lease that was neither the model's nor spent waiting in the worker: under way, and with the driver. It is no
    part of any latency. Null where it answered nothing."""
    peak_memory: int | None = None
    """Its highest resident memory in bytes; null where the system does not tell."""
    gpu_allocated: int | None = None
    """Highest memory that torch allocated on its GPU, in bytes; null without one."""
    gpu_reserved: int | None = None
    """Highest memory that torch took from its GPU, allocated or not; null as above."""
    slower: float | None = None
    """Times the median worker's seconds a request, where that is more than 1.5; else null."""


class PerfScenario(StoredRecord, frozen=True, kw_only=True):
    """One scenario of one task: what was measured, under which conditions, and whether it may be quoted."""

    name: str
    """``quality``: the quality run itself; others have MLPerf's names."""
    identity: SpeedIdentity
    """What must agree before figures are compared."""
    complete: bool
    """False where the session ended before everything was asked: the figures are of what was measured until then."""
    valid: bool
    """False where the figures must not be quoted; `reasons` says why."""
    reasons: list[PerfReason] = field(default_factory=list)
    """Why the figures must not be quoted; empty where they may be."""
    notes: list[str] = field(default_factory=list)
    """What else must be known of them."""
    figures: dict[str, PerfFigure] = field(default_factory=dict)
    """Name to figure."""
    n_requests: int = 0
    """Requests that the rates count: those that started after the warm-up and ended well."""
    n_samples: float = 0.0
    """Samples that these requests stand for."""
    n_warm_up: int = 0
    """Requests that started during the warm-up."""
    n_failed: int = 0
    """Requests that started after the warm-up and failed."""
    n_cached: int = 0
    """Requests that were answered from the cache of mmbench, which no figure counts."""
    n_calls: int = 0
    """Calls that started after the warm-up."""
    wall_s: float = 0.0
    """Seconds of the main loop, from the first request until everything is scored."""
    where_s: dict[str, float] = field(default_factory=dict)
    """Part of the main loop to its seconds, those of other parts inside it left out, so that they sum to `wall_s`: ``load``
    (requests are built), ``decode`` (images), ``preprocess`` (`collate`), ``queue`` (waiting for a turn), ``host-to-device``,
    ``model``, ``post-process`` (answers are checked and logged), ``score``. Empty where it was not measured."""
    fits: list[CostFit] = field(default_factory=list)
    """What a request costs in time and money, from its tokens and pixels."""
    machine: Machine | None = None
    """Where it was measured; null before schema version 9: `RunFile.machine`."""
    measured: str | None = None
    """When it ended, ISO 8601 in UTC; null before schema version 9."""
    turn: Turn | None = None
    """Its place among runs that took turns; null for runs that were made by themselves."""
    workers: list[WorkerPerf] = field(default_factory=list)
    """What each of several workers did; empty where the model was asked in the process of the driver, and before schema version
    10."""

    def value(self, figure: str) -> float | None:
        """The value of a figure; None where it is null or not among the figures."""
        found = self.figures.get(figure)
        return None if found is None else found.value


class TaskPerf(StoredRecord, frozen=True, kw_only=True):
    """Speed and memory of one task in the last session that asked something of it."""

    scenarios: list[PerfScenario]
    """In the order in which they were measured; no two share name and identity."""

    @property
    def quality(self) -> PerfScenario | None:
        """The scenario of the quality run; None where it was not measured."""
        return next((scenario for scenario in self.scenarios if scenario.name == QUALITY), None)

    def value(self, figure: str) -> float | None:
        """The value of a figure of the quality run; None where it was not measured."""
        return None if self.quality is None else self.quality.value(figure)


class PerfFile(StoredRecord, frozen=True, kw_only=True):
    """``perf.json``: the last session in which something was asked, per task."""

    schema_version: int
    """`SCHEMA_VERSION` of the writer."""
    tasks: dict[str, TaskPerf]
    """Full task name to its scenarios."""
    digest: str = ""
    """As in `PlanFile`."""
