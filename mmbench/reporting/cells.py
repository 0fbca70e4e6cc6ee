"""Cells made from numbers: what people read, and the number itself at full precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmbench.analysis.seeds import SeedGroup, SeedRow
from mmbench.core.score_table import MetricValue
from mmbench.reporting.table import Cell
from mmbench.reporting.text import amount, byte_size, figure, number, percent, signed

if TYPE_CHECKING:
    from mmbench.analysis.leaders import RankRange


def model_cell(group: SeedGroup) -> Cell:
    """A model's label, with the names of its runs."""
    return Cell(group.label, runs=tuple(run.path.name for run in group.runs))


def rank_cell(rank: RankRange) -> Cell:
    """A rank range for people, with the rank by value alone as its number."""
    return Cell(f"{rank.low}" if rank.low == rank.high else f"{rank.low}–{rank.high}", *rank)


def value_cell(value: float | None, scale: float) -> Cell:
    """A metric's value, shown times its scale with one decimal."""
    return Cell(number(value, scale), value)


def signed_cell(value: float, scale: float) -> Cell:
    """A difference of values, with its sign."""
    return Cell(signed(value, scale), value)


def range_cell(low: float | None, high: float | None, scale: float) -> Cell:
    """A 95 % interval as ``[low, high]``, scaled like the value."""
    text = "n/a" if low is None or high is None else f"[{number(low, scale)}, {number(high, scale)}]"
    return Cell(text, None, low, high)


def interval_cell(metric: MetricValue) -> Cell:
    """The 95 % interval of a value."""
    return range_cell(metric.low, metric.high, metric.scale)


def spread_cell(row: SeedRow) -> Cell:
    """The smallest and the largest value of a seed, as ``33.1–71.2``."""
    text = "n/a" if row.low is None else f"{number(row.low, row.one.scale)}–{number(row.high, row.one.scale)}"
    return Cell(text, None, row.low, row.high)


def seeds_cell(row: SeedRow) -> Cell:
    """The value of every seed; as text also for programs, because it is several numbers."""
    text = " ".join(number(value, row.one.scale) for value in row.values)
    return Cell(text, " ".join("n/a" if value is None else repr(value) for value in row.values))


def solved_cell(row: SeedRow) -> Cell:
    """How many of the seeds solved it, as ``2/3``; the number is their share. Empty where that means nothing."""
    return Cell("{}/{}".format(*row.solved) if row.solved else "", row.solve_rate)


def count_cell(count: int) -> Cell:
    """A count."""
    return Cell(f"{count:,}", count)


def share_cell(share: float) -> Cell:
    """A share of 1, shown in per cent."""
    return Cell(percent(share), share)


ENDINGS = ("truncated", "unparsed", "refused", "bounds")
"""Headings of the columns on how outputs ended, which stand in a table only where they say something."""


def ending_cells(counted: SeedRow | MetricValue, scale: float) -> dict[str, Cell]:
    """Heading of `ENDINGS` to cell, for those that say something: shares of all units that were asked, and bounds of the value."""
    total = counted.n + counted.n_failed
    counts = {name: getattr(counted, f"n_{name}") for name in ENDINGS[:-1]}
    cells = {name: share_cell(count / total) for name, count in counts.items() if count}
    if (cells or counted.n_failed) and counted.bound_low is not None:
        cells["bounds"] = range_cell(counted.bound_low, counted.bound_high, scale)
    return cells


def figure_cell(value: float | None) -> Cell:
    """A measured quantity with three digits."""
    return Cell(figure(value), value)


def amount_cell(value: int) -> Cell:
    """A count with three digits and a unit."""
    return Cell(amount(value), value)


def bytes_cell(value: int | None) -> Cell:
    """Bytes."""
    return Cell(byte_size(value), value)
