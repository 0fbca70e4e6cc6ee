"""Figures and notes of a task that several workers were asked."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mmbench.results.schema import PerfFigure, WorkerPerf

BUSY = 0.9
"""Share of their time that models must have answered for the driver not to have held them up."""


def worker_figures(workers: Sequence[WorkerPerf]) -> dict[str, PerfFigure]:
    """How busy workers were, how long leases were under way, and their memory, which takes the place of the driver's."""
    asked = [worker for worker in workers if worker.n_calls]
    if not asked:
        return {}
    calls = sum(worker.n_calls for worker in asked)
    found = {
        "dispatch": PerfFigure(
            value=math.fsum((worker.dispatch_ms or 0.0) * worker.n_calls for worker in asked) / calls,
            unit="ms",
            formula="mean time of a lease that was neither the model's nor spent waiting in its worker; no part of any latency",
            n=calls,
        )
    }
    if (busy := utilisation(workers)) is not None:
        formula = "seconds in which the models of workers answered over the seconds in which these were ready, summed over workers"
        found["worker_utilisation"] = PerfFigure(value=busy, unit="1", formula=formula, n=calls)
    for name, values, formula in (
        ("peak_memory", [worker.peak_memory for worker in asked], "highest resident memory of any one worker"),
        (
            "gpu_allocated",
            [worker.gpu_allocated for worker in asked],
            "highest memory that torch allocated in any one worker",
        ),
        (
            "gpu_reserved",
            [worker.gpu_reserved for worker in asked],
            "highest memory that torch took from the GPU of any one worker",
        ),
    ):
        known = [value for value in values if value is not None]
        if known:
            found[name] = PerfFigure(value=max(known), unit="B", formula=formula)
    return found


def utilisation(workers: Sequence[WorkerPerf]) -> float | None:
    """Share of the time in which workers were ready that their models answered; None where none was."""
    known = [(worker.busy_s, worker.busy_s / worker.utilisation) for worker in workers if worker.utilisation]
    ready = math.fsum(seconds for _, seconds in known)
    return min(1.0, math.fsum(busy for busy, _ in known) / ready) if ready else None


def worker_notes(workers: Sequence[WorkerPerf]) -> list[str]:
    """How many workers of what kind there were, which of them were slow, and which were lost."""
    if not workers:
        return []
    device = next((worker.device for worker in workers if worker.device), None)
    kinds = ", ".join(dict.fromkeys(worker.kind for worker in workers))
    busy = utilisation(workers)
    notes = [
        f"asked by {len(workers):,} worker{'s' * (len(workers) > 1)} ({kinds}{f' on {device}' if device else ''})"
        + ("" if busy is None else f", busy {busy:.0%} of the time")
        + "; memory is that of the largest worker"
    ]
    notes += [
        f"worker {worker.number} took {worker.slower:.1f} times as long a request as the median worker"
        for worker in workers
        if worker.slower
    ]
    lost = [worker for worker in workers if worker.n_lost]
    if lost:
        which = ", ".join(str(worker.number) for worker in lost)
        notes.append(
            f"workers were lost {sum(worker.n_lost for worker in lost):,} times (worker {which}), and others took their places: rates "
            "include that time"
        )
    return notes
