"""Numbers, and what has to be said beside them, as text for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mmbench.analysis.seeds import SeedGroup, SeedRow
from mmbench.core.scores import MetricValue
from mmbench.results.run import TaskResult

_NAMED = 4
"""Metrics that a note names, of those that share a reason."""


def number(value: float | None, scale: float) -> str:
    """A value times its scale with one decimal, with two where it is small and not shown in per cent; ``n/a`` for None.

    >>> number(0.91374, 100.0), number(0.94913, 1.0), number(151.0, 1.0)
    ('91.4', '0.95', '151.0')
    """
    if value is None:
        return "n/a"
    return f"{scale * value:.{2 if scale == 1 and abs(value) < 10 else 1}f}"


def signed(value: float | None, scale: float, digits: int | None = None) -> str:
    """A difference times its scale, with its sign: one decimal for points, two where a metric is shown as it is, or `digits`.

    >>> signed(0.0314, 100.0), signed(-0.25, 1.0), signed(-0.00001, 100.0), signed(None, 100.0), signed(0.0314, 100.0, 2)
    ('+3.1', '-0.25', '+0.0', 'n/a', '+3.14')
    """
    if value is None:
        return "n/a"
    shown = (1 if scale >= 10 else 2) if digits is None else digits
    return f"{round(scale * value, shown) + 0.0:+.{shown}f}"


def interval(metric: MetricValue) -> str:
    """The 95 % interval as ``[low, high]``, scaled like the value."""
    if metric.low is None or metric.high is None:
        return "n/a"
    return f"[{number(metric.low, metric.scale)}, {number(metric.high, metric.scale)}]"


def spread(row: SeedRow) -> str:
    """The smallest and the largest value of a seed, as ``33.1–71.2``."""
    return "n/a" if row.low is None else f"{number(row.low, row.one.scale)}–{number(row.high, row.one.scale)}"


def each_seed(row: SeedRow) -> str:
    """The value of every seed, in the order of the seeds."""
    return " ".join(number(value, row.one.scale) for value in row.values)


def solved(row: SeedRow) -> str:
    """How many of the seeds solved it, as ``2/3``; empty where that means nothing."""
    return "" if row.solved is None else f"{row.solved[0]}/{row.solved[1]}"


def figure(value: float | None) -> str:
    """Three digits, or all before the point.

    >>> figure(1234.5), figure(0.012345), figure(None)
    ('1,234', '0.0123', 'n/a')
    """
    if value is None:
        return "n/a"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def amount(value: int) -> str:
    """A count with three digits and a unit.

    >>> amount(244_528), amount(1_200_000), amount(512)
    ('245k', '1.20M', '512')
    """
    if value >= 999_500:
        return f"{value / 1e6:.{2 if value < 9.995e6 else 1}f}M"
    return f"{value / 1e3:.{1 if value < 99_950 else 0}f}k" if value >= 1000 else str(value)


def percent(share: float) -> str:
    """A share of 1 with two decimals, none where it is all or nothing.

    >>> percent(0.98765), percent(1.0)
    ('98.77 %', '100 %')
    """
    return f"{100 * share:.{0 if share in (0.0, 1.0) else 2}f} %"


def byte_size(value: int | None) -> str:
    """Bytes for people.

    >>> byte_size(1_200_000_000)
    '1.20 GB'
    """
    if value is None:
        return "n/a"
    return f"{value / 1e9:.2f} GB" if value >= 1e9 else f"{value / 1e6:.0f} MB"


def said_of_seeds(groups: Sequence[SeedGroup]) -> list[str]:
    """What the columns over seeds mean; empty where every model has one seed."""
    several = [group for group in groups if group.several]
    if not several:
        return []
    orders: dict[tuple[int, ...], list[str]] = {}
    for group in several:
        orders.setdefault(group.seeds, []).append(group.label)
    if len(orders) == 1:
        order = f"in the order of the seeds {_listed(next(iter(orders)))}"
    else:
        order = "; ".join(f"{', '.join(labels)}: seeds {_listed(seeds)}" for seeds, labels in orders.items())
    threshold = several[0].threshold
    mean = f"over seeds: value is the mean of the seeds that have one; each seed {order}"
    no_interval = "the smallest and largest of them are no confidence interval"
    return [f"{mean}; {no_interval}", f"solved: seeds at {100 * threshold:.1f} or above (--solved {threshold:g})"]


def said(group: SeedGroup, task: str, *, speed: bool) -> list[tuple[str, str]]:
    """(where, text) of what must be known beside a model's values of a task; `where` starts with a comma or is empty.

    What several seeds have in common is said once. `speed`: also the time to the first token, and why figures of speed are missing.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for run in group.runs:
        for note in _said_of_result(run.tasks[task], speed=speed) if task in run.tasks else ():
            found.setdefault(note, []).append(run.seed)
    notes = []
    for (where, text), seeds in found.items():
        which = "" if len(seeds) == len(group.runs) else f", seed{'s' * (len(seeds) > 1)} {_listed(seeds)}"
        notes.append((which + where, text))
    return notes


def _said_of_result(result: TaskResult, *, speed: bool) -> list[tuple[str, str]]:
    notes = [("", result.reason)] if result.reason else []
    notes += said_of_metrics([value for name, value in result.metrics.items() if name in result.primary])
    perf = result.perf
    if perf is None:
        return notes
    if speed:
        notes += [(", speed", reason) for reason in perf.reasons]
        if perf.n_samples > result.entry.n_samples:
            more = f"measured on {perf.n_samples:,} samples, when more were asked than are scored here"
            notes.append((", speed", more))
        if perf.first_token_ms is not None and perf.first_token_ms.p50 is not None:
            notes.append((", speed", f"first token after {figure(perf.first_token_ms.p50)} ms (p50)"))
    if perf.cost_usd is not None:
        notes.append((", cost", f"US$ {perf.cost_usd:,.4f} for what was asked last"))
    return notes


def said_of_metrics(
    metrics: Sequence[MetricValue], look: str = "mmbench show RUN --sample ID"
) -> list[tuple[str, str]]:
    """(where, text), as `said` has them, of values and their reasons, each once however many metrics share it.

    `look`: how to look at an output that holds no answer.
    """
    by_reason: dict[str, list[str]] = {}
    for metric in metrics:
        if metric.reason:
            by_reason.setdefault(metric.reason, []).append(metric.id)
    notes = [(f", {_first(ids)}", reason) for reason, ids in by_reason.items()]
    if (first := _first_with(metrics, lambda metric: metric.n_unparsed)) is not None:
        text = (
            f"{first.n_unparsed:,} of {first.n:,} {_counted(first)} hold no answer (unparsed) and score 0; "
            f"look at one with {look}, and at the task's extractor"
        )
        notes.append(("", text))
    if (first := _first_with(metrics, lambda metric: metric.n_refused)) is not None:
        notes.append(("", f"{first.n_refused:,} of {first.n:,} {_counted(first)} were refused and score 0"))
    return notes


def _first_with(metrics: Sequence[MetricValue], count: Callable[[MetricValue], int]) -> MetricValue | None:
    """The first metric that counts any, one over samples before others: units made of samples count the same outputs again."""
    return next((metric for metric in sorted(metrics, key=lambda each: each.unit != "sample") if count(metric)), None)


def _counted(metric: MetricValue) -> str:
    return "outputs" if metric.unit == "sample" else f"units of scoring ({metric.unit})"


def _first(ids: Sequence[str]) -> str:
    return ", ".join(ids) if len(ids) <= _NAMED else f"{', '.join(ids[:_NAMED])} and {len(ids) - _NAMED} more"


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
