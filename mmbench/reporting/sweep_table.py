"""Tables of a sweep: the values of one option, quality against speed and memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mmbench.comparison.sweep import SweepPoint
from mmbench.reporting.cells import bytes_cell, figure_cell, interval_cell, range_cell, signed_cell, value_cell
from mmbench.reporting.notes import speed_notes
from mmbench.reporting.table import Cell, Mark, Table

_DROP = (
    "drop: points lost against the first value, paired sample by sample, with its 95 % interval; where that holds 0, the two "
    "may be equally good"
)
_FRONT = (
    "front: no other value is at least as good at more samples/s (speed), or with less memory of the GPU or, without one, "
    "smaller weights (memory); figures of speed are those of one session each, one after the other"
)
_NO_FRONT = "no front of speed: no value has samples/s that may be quoted"
_PROCESS = "peak memory is that of the process, which made the runs one after the other and keeps what it has loaded"


def sweep_tables(points: Sequence[SweepPoint]) -> list[Table]:
    """A table for each model and task, a row for each value in the order in which they were given."""
    order = dict.fromkeys((point.model, point.task) for point in points)
    return [
        _table(model, task, [point for point in points if (point.model, point.task) == (model, task)])
        for model, task in order
    ]


def _table(model: str, task: str, points: Sequence[SweepPoint]) -> Table:
    name = next((point.metric.id for point in points if point.metric is not None), "value")
    gpu = any(point.gpu_bytes is not None for point in points)
    titles = (
        "setting",
        name,
        "95 % interval",
        "drop",
        "of the drop",
        "samples/s",
        "tokens/s",
        "GPU memory" if gpu else "peak memory",
        "weights",
        "J/request",
        "front",
    )
    notes = [f"{point.setting}: {point.problem}" for point in points if point.problem]
    notes += [f"{point.setting}: no drop: {point.not_paired}" for point in points if point.not_paired]
    for point in points:
        if point.perf is not None and point.perf.quality is not None and point.metric is not None:
            notes += [f"{point.setting}, speed: {note}" for note in speed_notes(point.perf.quality)]
    shown = [_DROP] if any(point.drop for point in points) else []
    shown += [_FRONT] if any(point.fronts for point in points) else []
    measured = [point for point in points if point.perf is not None]
    shown += [_NO_FRONT] if measured and all(point.samples_per_s is None for point in points) else []
    shown += [] if gpu or all(point.process_bytes is None for point in points) else [_PROCESS]
    return Table.of(
        titles,
        [_row(point) for point in points],
        always=5,
        title=f"{model} on {task}",
        notes=(*shown, *dict.fromkeys(notes)),
    )


def _row(point: SweepPoint) -> list[Cell]:
    metric, drop = point.metric, point.drop
    if metric is None or metric.value is None:
        return [Cell(point.setting), Cell("failed" if point.problem else "n/a"), *[Cell()] * 9]
    scale = metric.scale
    memory = point.process_bytes if point.gpu_bytes is None else point.gpu_bytes
    return [
        Cell(point.setting),
        value_cell(metric.value, scale),
        interval_cell(metric),
        signed_cell(drop[0], scale) if drop else Cell(),
        range_cell(drop[1], drop[2], scale) if drop else Cell(),
        _speed(point, "samples_per_s"),
        _speed(point, "output_tokens_per_s"),
        bytes_cell(memory) if memory is not None else Cell(),
        bytes_cell(point.weights_bytes) if point.weights_bytes is not None else Cell(),
        _speed(point, "gpu_energy_per_request"),
        Cell(", ".join(point.fronts)),
    ]


def _speed(point: SweepPoint, name: str) -> Cell:
    """A figure of speed; one that must not be quoted is marked, and one that could not be measured is a dash."""
    quality = None if point.perf is None else point.perf.quality
    found = None if quality is None else quality.figures.get(name)
    if found is None:
        return Cell()
    if found.value is None:
        return Cell("–", note=found.reason)
    spoilt: frozenset[Mark] = frozenset() if point.speed_is_valid else frozenset({"invalid"})
    return replace(figure_cell(found.value), marks=spoilt)
