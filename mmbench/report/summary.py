"""The main table: quality with intervals, beside chance and prior, beside speed."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core.scores import MetricValue
from mmbench.report.table import Column, Table
from mmbench.results.schema import TaskPerf
from mmbench.results.view import MetricRow, RunView

_COLUMNS = (
    Column("model", "left"),
    Column("task", "left"),
    Column("metric", "left"),
    *map(Column, ("value", "95 % interval", "n", "failed", "coverage", "chance", "prior")),
    *map(Column, ("samples/s", "p50 ms", "peak memory")),
)


def summary_table(views: Sequence[RunView], tasks: list[str] | None = None) -> Table:
    """One row a primary metric; speed stands in the first row of each model and task."""
    rows: list[tuple[str, ...]] = []
    breaks: list[int] = []
    notes: list[str] = []
    for view in views:
        names = list(view.run.tasks) if tasks is None else [name for name in tasks if name in view.run.tasks]
        for name in names:
            if rows:
                breaks.append(len(rows))
            block, said = _block(view, name)
            rows += block
            notes += [note for note in said if note not in notes]
    return Table(_COLUMNS, tuple(rows), frozenset(breaks), tuple(notes))


def _block(view: RunView, task: str) -> tuple[list[tuple[str, ...]], list[str]]:
    entry, model = view.run.tasks[task], view.run.model.name
    where = f"{model} on {task}"
    notes = [f"{where}: {entry.reason}"] if entry.reason else []
    metrics = [row for row in view.rows([task]) if row.primary]
    if not metrics:
        label = "n/a" if entry.status == "incompatible" else entry.status
        return [(model, task, label, *([""] * (len(_COLUMNS) - 3)))], notes
    perf = view.perf.get(task)
    block = []
    for i, row in enumerate(metrics):
        speed = _speed(perf) if i == 0 else ("", "", "")
        block.append((model, task, row.metric.id, *_quality(row), *speed))
    notes += _said_of_metrics(where, [row.metric for row in metrics])
    if perf is not None:
        notes += [f"{where}, speed: {reason}" for reason in perf.reasons]
    return block, notes


def _said_of_metrics(where: str, metrics: Sequence[MetricValue]) -> list[str]:
    """Reasons, each once however many metrics share it; answers that count as wrong without being one."""
    by_reason: dict[str, list[str]] = {}
    for metric in metrics:
        if metric.reason:
            by_reason.setdefault(metric.reason, []).append(metric.id)
    notes = [f"{where}, {', '.join(ids)}: {reason}" for reason, ids in by_reason.items()]
    for unit in dict.fromkeys(metric.unit for metric in metrics):
        first = next(metric for metric in metrics if metric.unit == unit)
        if first.n_unparsed:
            notes.append(
                f"{where}: {first.n_unparsed:,} of {first.n:,} outputs hold no answer (unparsed) and score 0; "
                "look at one with mmbench show RUN --sample ID, and at the task's extractor"
            )
        if first.n_refused:
            notes.append(f"{where}: {first.n_refused:,} of {first.n:,} were refused and score 0")
    return notes


def _quality(row: MetricRow) -> tuple[str, ...]:
    metric = row.metric
    return (
        number(metric.value, metric.scale),
        interval(metric),
        f"{metric.n:,}",
        f"{metric.n_failed:,}",
        f"{100 * metric.coverage:.0f} %" if metric.coverage in (0.0, 1.0) else f"{100 * metric.coverage:.2f} %",
        number(row.chance, metric.scale),
        number(row.prior, metric.scale),
    )


def number(value: float | None, scale: float) -> str:
    """A value times its scale with one decimal; ``n/a`` for None.

    >>> number(0.91374, 100.0)
    '91.4'
    """
    return "n/a" if value is None else f"{scale * value:.1f}"


def interval(metric: MetricValue) -> str:
    """The 95 % interval as ``[low, high]``, scaled like the value."""
    if metric.low is None or metric.high is None:
        return "n/a"
    return f"[{number(metric.low, metric.scale)}, {number(metric.high, metric.scale)}]"


def _speed(perf: TaskPerf | None) -> tuple[str, str, str]:
    if perf is None:
        return "n/a", "n/a", "n/a"
    return _figure(perf.samples_per_s), _figure(perf.latency_ms.p50), byte_size(perf.peak_memory_bytes)


def _figure(value: float | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def byte_size(value: int | None) -> str:
    """Bytes for people.

    >>> byte_size(1_200_000_000)
    '1.20 GB'
    """
    if value is None:
        return "n/a"
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"
