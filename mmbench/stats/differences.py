"""What a difference of two models is: its value and uncertainty, its tests against any difference, and the interval of these."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.stats.distributions import t_quantile, t_tail
from mmbench.stats.proportions import paired_score_bounds, paired_score_tails

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """B minus A on the same units, with its uncertainty."""

    value: float | None
    """b - a, in the metric's natural range; None where it is undefined."""
    low: float | None
    """Lower end of the interval (95 % unless another level was asked for); None where there is none."""
    high: float | None
    """Upper end."""
    se: float | None
    """Standard error of the difference: clustered, or the standard deviation over the resamples."""
    p_value: float | None
    """Two-sided: how likely a difference as large as this is where there is none. Never 0."""
    p_lower: float | None
    """One-sided, against the alternative that B is below A."""
    p_upper: float | None
    """One-sided, against the alternative that B is above A."""
    n: int
    """Paired units."""
    n_clusters: int
    """Clusters of these units."""
    method: str
    """How interval and p-values were made: ``paired-cluster-t``, ``paired-score``, ``paired-cluster-jackknife``,
    ``paired-cluster-bootstrap(resamples=…,seed=…)``, ``sign-test`` (p-values alone) or ``none``."""
    reason: str | None = None
    """Why there is no value, or no interval."""
    df: float | None = None
    """Degrees of freedom of Student's t, where it was used."""
    effective_clusters: float | None = None
    """The number of equal clusters that would weigh as unevenly as these."""
    changed: tuple[int, int] | None = None
    """(units gained, units lost) of 0/1 scores of units that are clusters of their own; None for all else."""
    drawn: Floats | None = field(default=None, repr=False, compare=False)
    """The differences of the resamples in ascending order, where interval and p-values come from a bootstrap."""

    def to_dict(self) -> dict[str, Any]:
        """The fields for JSON, without the resamples."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "drawn"}

    def tails(self, null: float = 0.0) -> tuple[float, float] | None:
        """One-sided p-values against the hypothesis that the true difference is `null`.

        Args:
            null: The hypothetical difference B - A, in the metric's natural range.

        Returns:
            (against the alternative that the true difference is below `null`, against the one that it is above); None where
            there is no such test.
        """
        if self.changed is not None:
            return paired_score_tails(*self.changed, self.n, null)
        if self.drawn is not None:
            return bootstrap_tails(self.drawn, self.n_clusters, null)
        if self.value is None or not self.se or self.df is None:
            return None
        t = (self.value - null) / self.se
        return t_tail(-t, self.df), t_tail(t, self.df)

    def ends(self, low_tail: float, high_tail: float) -> tuple[float, float] | None:
        """The interval at another level: what the tests of `tails` do not reject, each at a level of its own.

        Args:
            low_tail: Level of the one-sided test that a true difference at the lower end or below it would be rejected by.
            high_tail: The same of the upper end.

        Returns:
            The lower end, at most `value`, and the upper one; an end is infinite where no difference would be rejected. None where the
            difference has no interval.
        """
        if self.value is None or self.low is None or self.high is None:
            return None
        if self.changed is not None:
            low, _ = paired_score_bounds(*self.changed, self.n, 1 - 2 * low_tail)
            _, high = paired_score_bounds(*self.changed, self.n, 1 - 2 * high_tail)
        elif self.drawn is not None:
            low = _bootstrap_end(self.drawn, self.n_clusters, low_tail)
            high = -_bootstrap_end(-self.drawn[::-1], self.n_clusters, high_tail)
        elif self.se and self.df is not None:
            low = self.value - t_quantile(1 - low_tail, self.df) * self.se
            high = self.value + t_quantile(1 - high_tail, self.df) * self.se
        else:
            return None
        return min(low, self.value), max(high, self.value)


def bootstrap_tails(values: Floats, clusters: int, null: float = 0.0) -> tuple[float, float]:
    """One-sided p-values of resamples in ascending order: (the difference is below `null`, it is above)."""
    total, least = 1 + len(values), 0.5**clusters
    above = len(values) - int(np.searchsorted(values, null, "left"))
    below = int(np.searchsorted(values, null, "right"))
    return max((1 + above) / total, least), max((1 + below) / total, least)


def _bootstrap_end(values: Floats, clusters: int, tail: float) -> float:
    """The least difference that `bootstrap_tails` does not reject for a larger one; minus infinity where it rejects none."""
    below = math.floor(tail * (1 + len(values)) * (1 + 1e-12)) - 1  # resamples that may be at or below what is rejected
    return -math.inf if below < 0 or tail < 0.5**clusters else float(values[below])
