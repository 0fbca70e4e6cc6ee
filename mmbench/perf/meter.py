"""Measure one task while its quality is measured: what was done a second, latency, where the time went, memory and cost."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mmbench.core.phases import active
from mmbench.core.responses import Call, Response
from mmbench.perf import validity
from mmbench.perf.call_log import CallLog, SizeOf, unknown_size
from mmbench.perf.cpu import CpuReading, CpuUse
from mmbench.perf.energy import GpuUse, GpuWindow
from mmbench.perf.figures import Counted, quick_figures
from mmbench.perf.fits import cost_fits
from mmbench.perf.gpu_figures import gpu_figures, gpu_reasons
from mmbench.perf.machine import machine
from mmbench.perf.memory import Peaks
from mmbench.perf.nvml import find_gpu
from mmbench.perf.observer import Observer
from mmbench.perf.window import WAVES, window_of
from mmbench.perf.workers import BUSY, utilisation, worker_figures, worker_notes
from mmbench.results.schema import PerfFigure, PerfReason, PerfScenario, SpeedIdentity, Turn, WorkerPerf
from mmbench.results.schema.speed import QUALITY

_LOOK_S = 1.0
"""Seconds between looks at the memory of child processes."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which conditions a task was asked."""

    identity: SpeedIdentity
    """What two figures must have in common."""
    requests_per_sample: float
    """Requests that are made of a sample."""
    remote: bool = False
    """Whether the model is a server, so that this process only sends."""
    sorted_by_cost: bool = False
    """Whether requests are asked in the order of their cost, so that their times change by themselves."""
    load_s: float | None = None
    """Seconds until the model was loaded; None where it was loaded before."""
    first_ms: float | None = None
    """Median latency of the same prompts when the same server was asked first; None where it was not asked before."""
    turn: Turn | None = None
    """The place among runs that take turns."""
    workers: Sequence[WorkerPerf] = ()
    """What each of several workers did; empty where the model was asked in this process."""
    loaded_early: bool = False
    """Whether the model was loaded while the one before it was asked its last batches."""
    alone_s: float | None = None
    """When the next model began to load on the same machines, by the clock of the calls; None where it did not meanwhile."""
    workers_changed: bool = False
    """Whether there were more or fewer workers at some time."""


class Meter(Observer):
    """Observes the calls of one task; `result` computes the figures.

    Args:
        size_of: As in `CallLog`.
    """

    def __init__(self, size_of: SizeOf = unknown_size) -> None:
        self._log = CallLog(size_of)
        self._peaks = Peaks()
        self._n_cached = 0
        self._looked = 0.0
        self._graphs: int | None = None
        self._warm_up_s: Mapping[str, float] = {}
        self._before = CpuReading.now()
        self._after: CpuReading | None = None
        self._gpu: GpuWindow | None = None
        self._gpu_problem: str | None = None
        self._gpu_use: GpuUse | None = None
        self._gpu_from = 0

    def start(self) -> None:
        """Start a new high-water mark of memory, and read the counters of the machine."""
        self._peaks.start()
        self._before = CpuReading.now()

    def on_responses(self, call: Call, new: Sequence[int], responses: Sequence[Response]) -> None:
        """Keep the time of a call, and what its new responses tell."""
        if call.cached:
            self._n_cached += len(new)
            return
        self._log.add(call, new, responses)
        if self._gpu is not None:
            self._gpu.look()
        if self._graphs is None:
            self._watch_gpu()
            self._graphs = validity.compiled_graphs()
            phases = active()
            self._warm_up_s = phases.read() if phases is not None else {}
        now = time.monotonic()
        if now - self._looked >= _LOOK_S:
            self._looked = now
            self._peaks.look()

    def finish(self) -> None:
        """Read the counters again."""
        self._after = CpuReading.now()
        self._peaks.look()
        if self._gpu is not None:
            self._gpu_use = self._gpu.stop()

    def _watch_gpu(self) -> None:
        """Watch the GPU from the end of the first call on."""
        gpu, self._gpu_problem = find_gpu()
        if gpu is not None:
            self._gpu, self._gpu_from = GpuWindow(gpu), len(self._log)
            self._gpu.start()

    def _of_gpu(self, requests_per_sample: float) -> dict[str, PerfFigure]:
        if self._gpu_use is None:
            return {}
        log, calls = self._log, range(self._gpu_from, len(self._log))
        tokens = math.fsum(log.output_tokens[call] for call in calls)
        told = None if math.isnan(tokens) else tokens
        return gpu_figures(self._gpu_use, sum(log.ok[call] for call in calls), told, requests_per_sample)

    def result(
        self, conditions: Conditions, where_s: Mapping[str, float], *, complete: bool = True, splits: int = 0
    ) -> PerfScenario:
        """The scenario of the quality run.

        Args:
            conditions: Under which conditions the task was asked.
            where_s: Phase of the main loop to its seconds.
            complete: Whether everything was asked.
            splits: Calls that failed, so that their requests were asked again in smaller calls.
        """
        log = self._log
        window = window_of(log.start, log.duration, conditions.alone_s)
        counted = None if window is None else Counted.of(log, window, conditions.requests_per_sample)
        figures = quick_figures(log, counted, self._peaks, load_s=conditions.load_s, why=self._why_nothing(counted))
        figures |= self._of_gpu(conditions.requests_per_sample) | worker_figures(conditions.workers)
        if conditions.alone_s is not None:
            figures.pop("peak_memory_children", None)  # those of the next model are among them
        found = validity.reasons(self._reasons(counted, conditions, where_s, splits))
        again = figures.get("latency_p50")
        found += validity.reasons([validity.asked_before(conditions.first_ms, again.value if again else None)])
        found += gpu_reasons(self._gpu_use, shared=conditions.alone_s is not None) if self._gpu_use is not None else []
        notes = [*worker_notes(conditions.workers), *self._overlaps(conditions)]
        notes += (
            [] if self._peaks.reset or notes else ["peak memory covers the whole process so far, not this task alone"]
        )
        notes += [] if self._gpu_problem is None else [self._gpu_problem]
        return PerfScenario(
            name=QUALITY,
            identity=conditions.identity,
            complete=complete,
            valid=not found,
            reasons=found,
            notes=notes,
            figures=figures,
            n_requests=counted.ok if counted else 0,
            n_samples=counted.samples if counted else 0.0,
            n_warm_up=sum(log.requests) - counted.requests if counted else sum(log.requests),
            n_failed=counted.requests - counted.ok if counted else 0,
            n_cached=self._n_cached,
            n_calls=len(counted.calls) if counted else 0,
            wall_s=math.fsum(where_s.values()),
            where_s=dict(where_s),
            fits=cost_fits(log, [call for call in counted.calls if log.ok[call] == log.requests[call]])
            if counted
            else [],
            machine=machine(),
            measured=datetime.now(UTC).isoformat(timespec="seconds"),
            turn=conditions.turn,
            workers=list(conditions.workers),
        )

    def _overlaps(self, conditions: Conditions) -> list[str]:
        """What was measured while two models shared the machines."""
        log, found = self._log, []
        if conditions.loaded_early:
            found.append(
                "the model was loaded while the one before it was asked its last batches; its load time is that of the slowest "
                "worker by its own clock, without the start of its process"
            )
        if (alone := conditions.alone_s) is not None:
            shared = sum(start + lasts > alone for start, lasts in zip(log.start, log.duration, strict=True))
            found.append(
                f"the next model began to load before the last {shared:,} of {len(log):,} calls had ended: rates are those of the "
                "time before"
            )
        return found

    def _why_nothing(self, counted: Counted | None) -> str | None:
        """Why no rate is given; None where one is."""
        if counted is None:
            if self._n_cached:
                return "every answer came from the cache of mmbench: nothing was measured"
            return "nothing was asked"
        if counted.waves >= WAVES and counted.window.seconds > 0:
            return None
        peak = counted.window.peak
        return (
            f"{counted.ok:,} requests started after the warm-up and ended well, with up to {peak:,} call{'s' * (peak != 1)} in flight: "
            f"fewer than {WAVES} waves (more samples, or a smaller --batch-size or --concurrency)"
        )

    def _reasons(
        self, counted: Counted | None, conditions: Conditions, where_s: Mapping[str, float], splits: int
    ) -> list[PerfReason | None]:
        if (why := self._why_nothing(counted)) is not None or counted is None:
            return [PerfReason(code="too_few_samples", detail=str(why))]
        log, use = self._log, CpuUse.between(self._before, self._after or CpuReading.now())
        by_start = sorted(counted.calls, key=lambda call: log.start[call])
        times = [log.duration[call] / log.requests[call] for call in by_start if log.ok[call]]
        split = f"{splits:,} calls failed, and their requests were asked again in smaller calls"
        return [
            validity.failures(counted.requests - counted.ok, counted.requests),
            PerfReason(code="failures", detail=split) if splits else None,
            _changed(conditions) or (None if conditions.sorted_by_cost else validity.not_steady(times)),
            validity.recompiled(self._graphs or 0, validity.compiled_graphs()),
            validity.cached_by_server(log.cached_requests, sum(log.ok)),
            validity.client_bound(use) if conditions.remote else None,
            _held_up(where_s, self._warm_up_s, conditions.workers),
            validity.cpu_pressure(use),
            validity.throttled(use),
        ]


def _changed(conditions: Conditions) -> PerfReason | None:
    """Why figures of a number of workers that changed are none of any number."""
    if not conditions.workers_changed:
        return None
    return PerfReason(code="not_steady", detail="there were more or fewer workers while it was measured")


def _held_up(
    where_s: Mapping[str, float], warm_up_s: Mapping[str, float], workers: Sequence[WorkerPerf]
) -> PerfReason | None:
    """Why the figures are the harness's own; not where workers were busy: what the driver does meanwhile holds nobody up."""
    if (utilisation(workers) or 0.0) >= BUSY:
        return None
    own = {name: seconds - warm_up_s.get(name, 0.0) for name, seconds in where_s.items()}
    if workers:
        own.pop("queue", None)  # no worker was ready: one was being started in the place of another
    return validity.harness_overhead(own)
