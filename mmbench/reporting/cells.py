"""Cells made from numbers: what people read, and the number itself at full precision."""

from __future__ import annotations

from mmbench.analysis.seeds import SeedRow
from mmbench.core.scores import MetricValue
from mmbench.reporting.table import Cell
from mmbench.reporting.text import (
    amount,
    byte_size,
    each_seed,
    figure,
    interval,
    number,
    percent,
    signed,
    solved,
    spread,
)


def value_cell(value: float | None, scale: float) -> Cell:
    """A metric's value, shown times its scale with one decimal."""
    return Cell(number(value, scale), value)


def signed_cell(value: float, scale: float) -> Cell:
    """A difference of values, with its sign."""
    return Cell(signed(value, scale), value)


def interval_cell(metric: MetricValue) -> Cell:
    """The 95 % interval of a value, in a place of its own."""
    return Cell(interval(metric), None, metric.low, metric.high)


def spread_cell(row: SeedRow) -> Cell:
    """The smallest and the largest value of a seed."""
    return Cell(spread(row), None, row.low, row.high)


def seeds_cell(row: SeedRow) -> Cell:
    """The value of every seed; as text also for programs, because it is several numbers."""
    return Cell(each_seed(row), " ".join("n/a" if value is None else repr(value) for value in row.values))


def solved_cell(row: SeedRow) -> Cell:
    """How many seeds solved it; the number is their share."""
    return Cell(solved(row), row.solve_rate)


def count_cell(count: int) -> Cell:
    """A count."""
    return Cell(f"{count:,}", count)


def share_cell(share: float) -> Cell:
    """A share of 1, shown in per cent."""
    return Cell(percent(share), share)


def figure_cell(value: float | None) -> Cell:
    """A measured quantity with three digits."""
    return Cell(figure(value), value)


def amount_cell(value: int) -> Cell:
    """A count with three digits and a unit."""
    return Cell(amount(value), value)


def bytes_cell(value: int | None) -> Cell:
    """Bytes."""
    return Cell(byte_size(value), value)
