"""How far probabilities can be believed: what share was right where a model said so much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmbench.core.score_table import COUNTED, ScoreTable
from mmbench.metrics.binary import ACTUAL, SCORE
from mmbench.stats import cluster_sums, mean_interval

BINS = 10
"""Bins of equal width."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The samples whose probability lies in one bin."""

    n: int
    """How many."""
    stated: float
    """Mean of the stated probabilities."""
    observed: float
    """Share that is of the positive class."""
    low: float
    """Lower end of the 95 % interval of `observed`, over clusters; `observed` itself where there is none."""
    high: float
    """Upper end."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Stated probabilities against what was so."""

    bins: tuple[Bin, ...]
    """Those that hold samples, from low to high."""
    error: float
    """Expected calibration error: the mean of abs(stated - observed) over bins, weighted by their samples."""
    n: int
    """Samples with a probability."""


def reliability(table: ScoreTable, bins: int = BINS) -> Reliability | None:
    """Compare stated probabilities of the positive class with how often it was right.

    Args:
        table: Scores with the columns of `mmbench.metrics.binary.score_column`.
        bins: Bins of equal width from 0 to 1; the last includes 1.

    Returns:
        The bins that hold samples; None where there are no scores, or they are no probabilities: not all of those that were
        given lie from 0 to 1, or all of them lie at its ends, as those of answers in words do.
    """
    if SCORE not in table.columns or ACTUAL not in table.columns:
        return None
    kept = np.fromiter((status in COUNTED for status in table.status), bool, len(table.status))
    scores, actual = (np.asarray(table.columns[name], dtype=np.float64)[kept] for name in (SCORE, ACTUAL))
    given = np.abs(scores) < np.finfo(np.float64).max
    scores, actual = scores[given], actual[given]
    if not len(scores) or scores.min() < 0 or scores.max() > 1 or np.isin(scores, (0.0, 1.0)).all():
        return None
    clusters = np.asarray(table.cluster_ids)[kept][given]
    place = np.minimum((scores * bins).astype(np.int64), bins - 1)
    found = []
    for each in np.unique(place).tolist():
        own = place == each
        found.append(_bin(scores[own], actual[own], clusters[own]))
    error = sum(each.n * abs(each.stated - each.observed) for each in found) / len(scores)
    return Reliability(tuple(found), error, len(scores))


def _bin(scores: NDArray[np.float64], actual: NDArray[np.float64], clusters: NDArray[np.str_]) -> Bin:
    observed = float(actual.mean())
    names, codes = np.unique(clusters, return_inverse=True)
    rows = np.stack([actual, np.ones_like(actual)], axis=1)
    interval = mean_interval(cluster_sums(rows, codes.astype(np.int64), len(names)))
    low, high = (observed if end is None else end for end in (interval.low, interval.high))
    return Bin(len(scores), float(scores.mean()), observed, low, high)
