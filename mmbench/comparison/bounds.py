"""What a difference could be if answers that say nothing of what the model knows were all wrong, or all right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.joins import Joined
from mmbench.core.metric import ONES, Metric
from mmbench.metrics.evaluate import STATUSES
from mmbench.stats import Difference, minimum_detectable_effect, paired_mean_difference

Floats = NDArray[np.float64]

ALPHA = 0.05
"""Level at which a difference counts as significant, two-sided."""

_SCORED = STATUSES.index("scored")


@dataclass(frozen=True, slots=True)
class DifferenceBounds:
    """The difference at both extremes, over all units that both runs were asked, those that failed included.

    An answer that was truncated, unparsed or refused, or that failed, may be worth anything in the metric's range. These are
    the worst-case bounds of Manski (Nonparametric Bounds on Treatment Effects, 1990): no way to score such answers can
    lead outside of them.
    """

    low: Difference
    """B minus A with every such answer at the lowest score in B and at the highest in A."""
    high: Difference
    """The reverse."""
    a: tuple[float, float]
    """The reference's value with all of its such answers at the lowest and at the highest score."""
    b: tuple[float, float]
    """The candidate's."""
    unclear_a: int
    """Such answers of the reference."""
    unclear_b: int
    """Such answers of the candidate."""
    changed_low: int
    """Units whose scores differ at the lower extreme."""
    changed_high: int
    """At the upper extreme."""

    def overturns(self, found: Difference) -> bool:
        """Whether at one of the extremes another run leads significantly, or none does where one did."""
        return any(_lead(each) != _lead(found) for each in (self.low, self.high))

    def to_dict(self, found: Difference) -> dict[str, Any]:
        """For JSON: both extremes with their p-values, and whether they overturn what was found."""
        return {
            "low": self.low.value,
            "high": self.high.value,
            "p_low": self.low.p_value,
            "p_high": self.high.p_value,
            "n": self.low.n,
            "unclear_a": self.unclear_a,
            "unclear_b": self.unclear_b,
            "overturned": self.overturns(found),
        }


def difference_bounds(metric: Metric, rows: tuple[Floats, Floats], joined: Joined) -> DifferenceBounds | None:
    """The bounds of a difference.

    Args:
        metric: The metric.
        rows: float64 [rows, d] each, what it reads of the whole tables of both sides.
        joined: The two tables.

    Returns:
        None where every answer was scored, and where the metric is no plain mean over a finite range.
    """
    unclear = [
        status[asked] != _SCORED
        for status, asked in ((joined.status_a, joined.asked_a), (joined.status_b, joined.asked_b))
    ]
    least, most = metric.bounds
    plain = metric.is_mean and metric.columns[1] == ONES
    if not (unclear[0].any() or unclear[1].any()) or not plain or least is None or most is None:
        return None
    scores = [side[asked, 0] for side, asked in zip(rows, (joined.asked_a, joined.asked_b), strict=True)]
    if not all(np.isfinite(score[~mask]).all() for score, mask in zip(scores, unclear, strict=True)):
        return None
    (a_low, a_high), (b_low, b_high) = [
        (np.where(mask, least, score), np.where(mask, most, score)) for score, mask in zip(scores, unclear, strict=True)
    ]
    clusters = np.unique(joined.asked_clusters, return_inverse=True)[1].astype(np.int64, copy=False)
    return DifferenceBounds(
        low=paired_mean_difference(a_high, b_low, clusters),
        high=paired_mean_difference(a_low, b_high, clusters),
        a=(float(a_low.mean()), float(a_high.mean())),
        b=(float(b_low.mean()), float(b_high.mean())),
        unclear_a=int(unclear[0].sum()),
        unclear_b=int(unclear[1].sum()),
        changed_low=int(np.count_nonzero(b_low - a_high)),
        changed_high=int(np.count_nonzero(b_high - a_low)),
    )


def _lead(found: Difference) -> int:
    """1 where B is significantly above A, -1 where it is below, 0 for no significant difference."""
    if found.value is None or found.p_value is None or found.p_value > ALPHA:
        return 0
    return 1 if found.value > 0 else -1


def detectable(found: Difference, bounds: tuple[float | None, float | None]) -> float | None:
    """The smallest true difference that is found 8 times in 10; None without an error, and where it exceeds the metric's range."""
    if not found.se:
        return None
    effect = minimum_detectable_effect(found.se, df=found.df)
    least, most = bounds
    return None if least is not None and most is not None and effect > most - least else effect
