"""A metric is a sum over units, then a formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmbench.core.ids import MetricId

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

ONES = "1"
"""The column of ones, present in every table: a mean is the sum of (value, 1) and then a quotient."""


@dataclass(frozen=True, slots=True)
class Events:
    """What a value over several classes rests on."""

    fewest: float
    """References of the rarest class that occurs."""
    trials: float
    """The number of 0/1 trials whose mean varies as much as the mean over classes of the mean of each class."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What a metric can be rebuilt from without its task."""

    name: str
    """The name registered in the entry-point group ``mmbench.metrics``."""
    parameters: tuple[tuple[str, str], ...] = ()
    """(name, value) of every parameter, in alphabetical order; defaults are named too."""


@dataclass(frozen=True, slots=True)
class Metric:
    """How a table of scores becomes one number.

    Either `formula` or `compute` is given. `formula` takes the sum of the rows, so that bootstrap, shards, slices and
    paired comparison come for free; `compute` serves what is not a sum (a median, a rank correlation).

    Raises:
        ValueError: If neither or both are given, or a mean does not have a formula over two columns.
    """

    id: MetricId
    """Name and convention."""
    unit: str
    """The table that it reads, by `ScoreTable.unit`."""
    columns: tuple[str, ...]
    """The columns that it reads, side by side: d numbers a row; `ONES` stands for a column of ones."""
    formula: Callable[[Array], Array] | None = None
    """float64 [..., d] → float64 [...]: applied to sums of rows. NaN means undefined."""
    compute: Callable[[Array, Array], Array] | None = None
    """(rows float64 [n, d], weights float64 [b, n]) → float64 [b], where `formula` cannot serve."""
    is_mean: bool = False
    """True when the formula is sum(first column) / sum(second column): the clustered standard error then applies."""
    higher_is_better: bool = True
    """Direction."""
    bounds: tuple[float | None, float | None] = (0.0, 1.0)
    """The metric's natural range; None where it has no end."""
    scale: float = 100.0
    """What tables multiply by: 100 where the field shows per cent, 1 elsewhere."""
    score_interval: bool = True
    """Whether a mean on a range with two ends gets a score interval, as the shares that lie there do. False where units hardly ever
    reach an end, as with CIDEr-D, which is 10 for nobody: Student's t then."""
    source: str = ""
    """Paper or reference implementation of the formula."""
    undefined: Callable[[Array], str] | None = None
    """Sums float64 [d] for which the formula is NaN or infinite → why, in a few words; None where no more is known."""
    events: Callable[[Array], Events | None] | None = None
    """Sums float64 [d] → what a value over several classes rests on; with fewer than five references of the rarest there is no interval.
    None where that does not apply."""
    text: str = ""
    """The formula for people, such as ``hits / n``."""
    maker: Maker | None = None
    """What it was made by; None for a metric that is not registered, whose stored runs rebuild it if it is a mean."""

    def __post_init__(self) -> None:
        if (self.formula is None) == (self.compute is None):
            raise ValueError(f"metric {self.id}: give either a formula or a compute function")
        if self.is_mean and (self.formula is None or len(self.columns) != 2):
            raise ValueError(f"metric {self.id}: a mean has a formula over two columns")
