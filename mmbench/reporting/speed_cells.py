"""Cells and columns of speed, which grey what must not be quoted and keep figures of other conditions apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mmbench.analysis.seeds import middle
from mmbench.reporting.cells import bytes_cell, figure_cell
from mmbench.reporting.table import Cell
from mmbench.results.schema import PerfScenario, SpeedIdentity, TaskPerf

SPEED = ("samples/s", "p50 ms", "peak memory")
"""Headings of the columns of speed that every main table has."""
BATCH = "batch p50 ms"
"""Heading of the time of a call of several requests, which is no latency of a request."""
CONDITIONS = "asked as"
"""Heading of the conditions, where those of two models differ."""
CONDITIONS_NOTE = f"{CONDITIONS}: speeds measured under other conditions are not compared"
"""What the column of conditions means."""
_ALL = ("samples/s", "p50 ms", BATCH, CONDITIONS, "peak memory")


def speed_titles(blocks: Iterable[dict[str, Cell]]) -> tuple[str, ...]:
    """Headings of the columns of speed, those that say something or are always there, in order."""
    said = {name for cells in blocks for name, cell in cells.items() if cell}
    return tuple(name for name in _ALL if name in SPEED or name in said)


def speed_cells(measured: Sequence[TaskPerf]) -> dict[str, Cell]:
    """Heading to cell, over the seeds of a model: medians, and the largest memory. Without the conditions."""
    found = [perf.quality for perf in measured if perf.quality is not None]
    memory = [value for each in found if (value := each.value("peak_memory")) is not None]
    return {
        "samples/s": speed_cell("samples_per_s", found),
        "p50 ms": speed_cell("latency_p50", found),
        BATCH: speed_cell("batch_ms_p50", found),
        "peak memory": bytes_cell(int(max(memory)) if memory else None),
    }


def speed_cell(name: str, measured: Sequence[PerfScenario]) -> Cell:
    """The median of a figure, marked as not to be quoted where one of the scenarios is; empty where there is none."""
    value = middle(each.value(name) for each in measured)
    if value is None:
        return Cell()
    spoilt = dict.fromkeys(reason.detail for each in measured for reason in each.reasons)
    if all(each.valid for each in measured):
        return figure_cell(value)
    return replace(figure_cell(value), marks=frozenset({"invalid"}), note="; ".join(spoilt) or None)


def identities(measured: Sequence[TaskPerf]) -> frozenset[tuple[object, ...]]:
    """What must agree between speeds before they stand side by side as equals, in a form that compares."""
    found = (perf.quality.identity for perf in measured if perf.quality is not None)
    return frozenset((each.batch_size, each.concurrency, each.threads, each.workers) for each in found)


def conditions_cell(measured: Sequence[TaskPerf]) -> Cell:
    """The conditions under which a speed was measured, in words."""
    found = dict.fromkeys(conditions(perf.quality.identity) for perf in measured if perf.quality is not None)
    return Cell("; ".join(found))


def conditions(identity: SpeedIdentity) -> str:
    """The identity of a speed in a few words, what is usual left out.

    >>> conditions(SpeedIdentity(batch_size=64, concurrency=1, threads=2, workers=1))
    'batches of 64, 2 threads'
    >>> conditions(SpeedIdentity(batch_size=1, concurrency=32, threads=0, workers=1))
    'one by one, 32 in flight'
    """
    parts = [] if identity.batch_size is None else ["one by one"]
    if identity.batch_size is not None and identity.batch_size > 1:
        parts = [f"batches of {identity.batch_size:,}"]
    parts += [f"{identity.concurrency:,} in flight"] if (identity.concurrency or 1) > 1 else []
    parts += ["in flight unknown"] if identity.concurrency is None else []
    parts += [f"{identity.threads:,} thread{'s' * (identity.threads > 1)}"] if identity.threads else []
    parts += [f"{identity.workers:,} workers"] if (identity.workers or 1) > 1 else []
    parts += [f"{name} {value}" for name, value in identity.settings.items()]
    return ", ".join(parts) or "unknown"
