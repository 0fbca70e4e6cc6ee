"""Axes of values: limits, ticks and labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmbench.core.score_table import MetricValue

if TYPE_CHECKING:
    from matplotlib.axis import Axis

_TICK_EVERY = 0.5
"""Inches between ticks at least."""
_LOGARITHMIC = 20.0
"""How many times as large as the smallest the largest value is, where an axis becomes logarithmic."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What stands along an axis."""

    name: str
    """What is shown: a metric's id, or a figure of speed."""
    unit: str = ""
    """In brackets behind the name; empty for none."""
    factor: float = 1.0
    """What values are multiplied by."""
    higher_is_better: bool | None = None
    """Direction; None where none is better."""
    write: Callable[[float], str] | None = None
    """How a tick is written; None: as a plain number."""

    @classmethod
    def of(cls, value: MetricValue) -> Scale:
        """The scale of a metric."""
        return cls(value.id, "%" if value.scale == 100 else "", value.scale, value.higher_is_better)

    @property
    def label(self) -> str:
        """The name with its unit, and an arrow to where is better."""
        arrow = {True: " ↑", False: " ↓", None: ""}[self.higher_is_better]
        return f"{self.name}{f' ({self.unit})' if self.unit else ''}{arrow}"


def limits(values: Iterable[float]) -> tuple[float, float]:
    """Ends of an axis that holds all values with some room.

    >>> limits([10.0, 20.0])
    (9.5, 20.5)
    """
    found = list(values)
    low, high = min(found), max(found)
    room = (high - low) / 20
    if room <= 1e-9 * max(abs(low), abs(high)):
        room = abs(high) / 10 or 1.0
    return low - room, high + room


def set_axis(axis: Axis, scale: Scale, ends: tuple[float, float], inches: float) -> None:
    """Put round numbers on an axis, no more than fit.

    Args:
        axis: The axis.
        scale: What is shown.
        ends: The limits, in values as shown.
        inches: Length of the axis.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    axis.set_view_interval(*ends, ignore=True)
    places = MaxNLocator(nbins=max(2, int(inches / _TICK_EVERY)), steps=[1, 2, 2.5, 5, 10]).tick_values(*ends)
    axis.set_major_locator(FixedLocator([place for place in map(float, places) if ends[0] <= place <= ends[1]]))
    write = scale.write or _plain
    axis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))


def is_logarithmic(values: Sequence[float]) -> bool:
    """Whether values are so far apart that only a logarithmic axis shows all of them."""
    return min(values) > 0 and max(values) > _LOGARITHMIC * min(values)


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two positive ones: 1, 2 and 5 of each power of ten, or the powers alone where these are too many.

    >>> log_ticks(3.0, 300.0, 6)
    [5.0, 10.0, 20.0, 50.0, 100.0, 200.0]
    >>> log_ticks(3.0, 30000.0, 6)
    [10.0, 100.0, 1000.0, 10000.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for factors in ((1, 2, 5), (1, 3), (1,)):
        found = [factor * 10.0**power for power in powers for factor in factors]
        found = [tick for tick in found if low <= tick <= high]
        if len(found) <= most:
            return found
    every = math.ceil(len(found) / most)
    return found[::every]


def _plain(value: float) -> str:
    return f"{value + 0.0:,.6g}".replace("-", "\u2212")
