"""A value with its 95 % interval: of one run as it is stored, of several seeds by resamples of their mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.leaders import Ranker
from mmbench.analysis.seeds import SeedGroup
from mmbench.core.score_table import MetricValue


class Estimate(NamedTuple):
    """A value and its 95 % interval, in the metric's natural range."""

    value: float
    """The value."""
    low: float | None = None
    """Lower end; None where there is no interval."""
    high: float | None = None
    """Upper end."""

    @classmethod
    def of(cls, value: MetricValue) -> Estimate | None:
        """A stored value; None where it is undefined."""
        return None if value.value is None else cls(value.value, value.low, value.high)

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends of the interval; the value itself where it has none."""
        return (self.value, self.value) if self.low is None or self.high is None else (self.low, self.high)


def percentile_interval(value: float, resamples: NDArray[np.float64]) -> tuple[float, float] | None:
    """The 95 % interval of a value by its resamples, float64 [b]; None where some are undefined, or all are the same."""
    if not np.isfinite(resamples).all() or resamples.min() == resamples.max():
        return None
    low, high = np.percentile(resamples, (2.5, 97.5)).tolist()
    return min(low, value), max(high, value)


def estimates(groups: Sequence[SeedGroup], task: str, metric: str, ranker: Ranker) -> dict[str, Estimate]:
    """The value of each model on a task.

    Args:
        groups: The models.
        task: Full name of the task.
        metric: The metric's id.
        ranker: Draws the resamples of models that have several seeds.

    Returns:
        Label of a model to its value. The interval of one run is the stored one. The mean over several seeds is resampled over
        the samples that all seeds answered: its interval says how the mean of these seeds would vary on other samples, and
        nothing of other seeds. Models without a value are absent.

    Raises:
        NotComparableError: If the score tables of several seeds are damaged.
    """
    found: dict[str, Estimate] = {}
    for group in groups:
        row = next((row for row in group.rows(task) if row.id == metric), None)
        if row is None or row.value is None:
            continue
        if not group.several:
            found[group.label] = Estimate(row.value, row.one.low, row.one.high)
            continue
        draws, _ = ranker.draws(task, [group], [metric])
        interval = percentile_interval(row.value, draws[metric].resamples[:, 0]) if metric in draws else None
        found[group.label] = Estimate(row.value, *(interval or ()))
    return found
