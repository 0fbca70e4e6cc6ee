"""Samples crossed with seeds: every seed of a model answers the same samples, and both vary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mmbench.stats.differences import Difference
from mmbench.stats.distributions import t_quantile
from mmbench.stats.intervals import LEVEL
from mmbench.stats.sums import cluster_sums

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

METHOD = "crossed-seeds-t"
"""Method of a difference over seeds."""


@dataclass(frozen=True, slots=True)
class SeedSpread:
    """What one side's seeds add to the variance of the difference of two means over seeds."""

    seeds: int
    """Seeds of this side, at least 2."""
    total: float
    """Variance of the mean over seeds, as the values of the seeds show it: that of the seeds, and of how seeds and samples meet."""
    interaction: float = 0.0
    """The part of `total` that comes from how seeds and samples meet, which the samples' own error holds already; 0 where unknown."""
    interaction_df: float = math.inf
    """Degrees of freedom of that."""

    @property
    def own(self) -> float:
        """The part that the seeds add to the samples' error; never negative."""
        return max(self.total - self.interaction, 0.0)


def seed_spread(values: Sequence[float], scores: Floats | None = None, clusters: Codes | None = None) -> SeedSpread:
    r"""What the seeds of one side add to the variance of a difference, by the method of moments.

    A score is :math:`x_{si} = \mu + a_s + b_i + e_{si}`, with seed s, sample i and how they meet. The mean of the seeds' values has the variance
    :math:`\sigma_a^2 / S + \sigma_e^2 / S n`, the error of means over seeds :math:`(\sigma_b^2 + \sigma_e^2 / S) / n`: what is in both is
    estimated from the residuals of the two-way table, by cluster, and counted once.

    Args:
        values: [S] the value of each seed, at least two.
        scores: float64 [S, n] the scores of the same samples, where the value is their mean; None for other metrics.
        clusters: int64 [n] cluster of each sample, with `scores`.

    Returns:
        The spread. Source: Searle, Casella and McCulloch, *Variance Components*, 1992, 4.3 (two-way crossed random effects).
    """
    each = np.asarray(values, dtype=np.float64)
    count = len(each)
    total = float(each.var(ddof=1)) / count
    if scores is None or clusters is None:
        return SeedSpread(count, total)
    present, codes = np.unique(clusters, return_inverse=True)
    groups, n = len(present), scores.shape[1]
    if groups < 2:
        return SeedSpread(count, total)
    residuals = scores - scores.mean(axis=1, keepdims=True) - scores.mean(axis=0) + scores.mean()
    sums = cluster_sums(np.ascontiguousarray(residuals.T), codes.astype(np.int64, copy=False), groups) / n
    freedom = (count - 1) * (groups - 1)
    interaction = float(np.square(sums).sum()) / freedom * groups / count
    return SeedSpread(count, total, interaction, freedom)


def difference_over_seeds(
    samples: Difference, a: SeedSpread, b: SeedSpread, *, level: float = LEVEL
) -> tuple[Difference, float | None]:
    """The difference of two means over seeds, where both samples and seeds are drawn at random.

    The variance is that of the samples plus what the seeds of both sides add. Its degrees of freedom are Satterthwaite's, from those of each
    part: two for three seeds.

    Args:
        samples: The difference of per-sample means over seeds, with its error over samples alone.
        a: The spread of the reference's seeds.
        b: The spread of the candidate's.
        level: Level of the interval.

    Returns:
        The difference, with interval and p-values of Student's t, and the share of the variance that the seeds add, from 0 to 1; as given
        and None where the samples allow no error.
    """
    if samples.value is None or samples.se is None:
        return samples, None
    variance = samples.se**2 + a.own + b.own
    if variance <= 0:
        return samples, None
    df = samples.df if samples.df is not None else max(samples.n_clusters - 1.0, 1.0)
    uncertain = samples.se**4 / df + sum(
        side.total**2 / (side.seeds - 1) + side.interaction**2 / side.interaction_df for side in (a, b)
    )
    df = max(variance**2 / uncertain, 1.0) if uncertain else df
    se = math.sqrt(variance)
    half = t_quantile(0.5 + level / 2, df) * se
    found = replace(
        samples,
        low=samples.value - half,
        high=samples.value + half,
        se=se,
        df=df,
        method=METHOD,
        changed=None,
        drawn=None,
        reason=None,
    )
    tails = found.tails()
    if tails is not None:
        found = replace(found, p_lower=tails[0], p_upper=tails[1], p_value=min(1.0, 2 * min(tails)))
    return found, (a.own + b.own) / variance
