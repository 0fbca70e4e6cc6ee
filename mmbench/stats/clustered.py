"""Standard errors of clustered means that hold for few and for uneven clusters.

The usual sandwich estimator (CR0) is too small when clusters are few or one of them is large, and Student's t with one degree of freedom
fewer than clusters hides it. Two standard corrections are used everywhere in mmbench: the bias-reduced estimator CR2 and degrees of
freedom by Satterthwaite's approximation (Bell and McCaffrey 2002; Imbens and Kolesár 2016). For the mean of clusters both have closed
forms: the projection that CR2 needs is diagonal in the vector of ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_AT_ONCE = 2**14
"""Clusters that a jackknife leaves out in one call of a formula."""
FEW_CLUSTERS = 10.0
"""Below this effective number of clusters an interval carries a warning."""


@dataclass(frozen=True, slots=True)
class ClusterError:
    """The error of a ratio of sums over clusters."""

    se: float
    """Standard error by CR2."""
    df: float
    """Satterthwaite's degrees of freedom, at least 1."""
    effective: float
    """Effective number of clusters, (sum of weights)² / (sum of squared weights): the number itself when all weigh the same."""
    skewness: float
    """Skewness of the clusters' contributions, with the small-sample correction; 0 below three clusters."""


def effective_clusters(weights: Floats) -> float:
    """The number of equal clusters that would weigh as unevenly: (sum of weights)² / (sum of squared weights) (Kish 1965).

    Args:
        weights: Size of each cluster, float64 [g], at least one above 0.

    Example:
        >>> effective_clusters(np.array([5.0, 5.0, 5.0])), effective_clusters(np.array([50.0, 1.0, 1.0]))
        (3.0, 1.0807354116706636)
    """
    return float(weights.sum() ** 2 / np.square(weights).sum())


def cluster_error(deviations: Floats, weights: Floats) -> ClusterError:
    r"""The CR2 standard error of a ratio of sums, and its degrees of freedom.

    With :math:`h_g = W_g / W`, the share of cluster g, and :math:`r_g = S_g - \bar{x} W_g`, what it adds to the deviation:

    .. math:: SE^2 = \frac{1}{W^2} \sum_g \frac{r_g^2}{1 - h_g}, \quad
              df = \frac{W^2}{\sum_g W_g^2 + (\sum_g u_g)^2 - \sum_g u_g^2}, \quad u_g = \frac{W_g^2}{W (1 - h_g)}

    The degrees of freedom are exact for independent rows of one variance; clusters of one row each give the standard error and the degrees
    of freedom of Student's t test.

    Args:
        deviations: What each cluster adds to the sum less the mean times its weight, float64 [g], g at least 2.
        weights: The clusters' weights, float64 [g], not negative, at least two above 0.

    Returns:
        The error, in the unit of the mean.

    Example:
        >>> error = cluster_error(np.array([0.5, -0.5, 0.5, -0.5]), np.ones(4))
        >>> round(error.se, 6), round(error.df, 6)
        (0.288675, 3.0)
    """
    total = float(weights.sum())
    share = weights / total
    room = 1.0 - share
    variance = float((np.square(deviations) / room).sum()) / total**2
    spread = np.square(weights) / (total * room)
    squared = float(np.square(weights).sum() + spread.sum() ** 2 - np.square(spread).sum())
    return ClusterError(
        se=math.sqrt(variance),
        df=max(total**2 / squared, 1.0),
        effective=effective_clusters(weights),
        skewness=_skewness(deviations / np.sqrt(room)),
    )


def intra_cluster_correlation(rows: Floats, clusters: NDArray[np.int64]) -> float:
    """How alike the rows of one cluster are: the analysis-of-variance estimate of their correlation, from 0 to 1.

    Args:
        rows: Finite float64 [n, d]; columns count alike, whatever their scale.
        clusters: Cluster of each row, int64 [n], codes from 0 without gaps.

    Returns:
        The correlation (Donner 1986); 0 where no cluster has two rows, for a single cluster, and where nothing varies.

    Example:
        >>> intra_cluster_correlation(np.array([[1.0], [1.0], [0.0], [0.0]]), np.array([0, 0, 1, 1]))
        1.0
    """
    sizes = np.bincount(clusters).astype(np.float64)
    n, count = float(sizes.sum()), len(sizes)
    spread = rows.std(axis=0)
    varying = (rows[:, spread > 0] - rows[:, spread > 0].mean(axis=0)) / spread[spread > 0]
    if n == count or count < 2 or not varying.shape[1]:
        return 0.0
    means = np.stack([np.bincount(clusters, weights=column) for column in varying.T], axis=1) / sizes[:, None]
    between = float((sizes[:, None] * np.square(means)).sum()) / (count - 1)
    within = float(np.square(varying - means[clusters]).sum()) / (n - count)
    typical = (n - float(np.square(sizes).sum()) / n) / (count - 1)
    total = between + (typical - 1) * within
    return min(max((between - within) / total, 0.0), 1.0) if total > 0 else 0.0


def _skewness(parts: Floats) -> float:
    """The adjusted Fisher-Pearson coefficient of skewness; 0 below three parts and where they are all equal."""
    n = len(parts)
    centred = parts - parts.mean()
    largest = float(np.abs(centred).max())
    if n < 3 or largest == 0.0:
        return 0.0
    centred /= largest
    second = float(np.square(centred).mean())
    third = float((centred**3).mean())
    return float(third / second**1.5) * math.sqrt(n * (n - 1)) / (n - 2)


def skewed_bounds(mean: float, error: ClusterError, quantile: float, clusters: float) -> tuple[float, float]:
    r"""An interval of a mean by Hall's transformation of Student's t, which allows for skewed data.

    .. math:: g(t) = t + \frac{\gamma t^2}{3 \sqrt{n}} + \frac{\gamma^2 t^3}{27 n} + \frac{\gamma}{6 \sqrt{n}}

    is closer to Student's t than t itself when the data have skewness :math:`\gamma`; its inverse moves both ends towards the long tail.

    Args:
        mean: The mean.
        error: Its error.
        quantile: The point of Student's t for the level, above 0.
        clusters: Number of independent units n.

    Returns:
        The lower and the upper end. Source: Hall, On the removal of skewness by transformation, JRSS B 1992.
    """
    bend = error.skewness / math.sqrt(clusters)

    def inverse(t: float) -> float:
        if abs(bend) < 1e-6:
            return t
        return 3.0 / bend * (math.cbrt(1.0 + bend * (t - bend / 6.0)) - 1.0)

    return mean - inverse(quantile) * error.se, mean - inverse(-quantile) * error.se


def formula_error(formula: Callable[[Floats], Floats], sums: Floats) -> tuple[float, float] | None:
    r"""The delete-one-cluster jackknife error of a formula of sums, and its degrees of freedom.

    .. math:: SE^2 = \frac{G - 1}{G} \sum_g (f_{-g} - \bar f)^2, \quad
              df = \frac{2 (\sum_g d_g^2)^2}{\sum_g d_g^4 - (\sum_g d_g^2)^2 / G}, \quad d_g = f_{-g} - \bar f

    The degrees of freedom are those of a sum of squares with the kurtosis that the clusters show, at most G - 1: where a few clusters make
    most of the error, it is known as badly as if there were no others.

    Args:
        formula: float64 [..., d] → float64 [...], smooth in the sums.
        sums: What each cluster adds, float64 [g, d], g at least 2.

    Returns:
        (standard error, degrees of freedom); None where the formula is undefined without some cluster, or never changes.
    """
    total = sums.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [formula(total - sums[start : start + _AT_ONCE]) for start in range(0, len(sums), _AT_ONCE)]
    values = np.concatenate(parts)
    if not np.isfinite(values).all():
        return None
    squares = np.square(values - values.mean())
    summed, count = float(squares.sum()), len(values)
    if summed <= (1e-12 * float(np.abs(values).max())) ** 2:
        return None
    return math.sqrt((count - 1) / count * summed), spread_df(squares)


def spread_df(squares: Floats) -> float:
    r"""Degrees of freedom of a sum of squares, from the kurtosis that its terms show.

    .. math:: df = \frac{2 (\sum_g q_g)^2}{\sum_g q_g^2 - (\sum_g q_g)^2 / G}, \quad 1 \le df \le G - 1

    Args:
        squares: What each of G clusters adds, float64 [g], not negative, at least one above 0.

    Example:
        >>> spread_df(np.array([1.0, 1.0, 1.0])), round(spread_df(np.array([9.0] + [0.5] * 9)), 2)
        (2.0, 5.61)
    """
    count = len(squares)
    shares = squares / float(squares.sum())
    excess = float(np.square(shares).sum()) - 1.0 / count
    df = min(2.0 / excess, count - 1.0) if excess > 0 else count - 1.0
    return max(df, 1.0)
