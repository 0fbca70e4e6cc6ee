"""Rank models with ranges, from one bootstrap that draws the same clusters for all of them.

A rank by value alone hides that most differences between neighbours are noise. A model's rank range therefore counts only
the models that are better or worse beyond noise: with m models of which b are significantly better and w significantly worse,
its rank lies from 1 + b to m - w (Mogstad, Romano, Shaikh and Wilhelm 2024, "Inference for ranks with applications to
mobility across neighbourhoods and academic achievement across countries"). What is significant is decided for all
rivals of a model together, by the largest of their studentised differences in each resample, stepwise (Romano and Wolf
2005). Percentiles of resampled ranks would be simpler, and wrong near ties: they leave out the true rank too often.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mmbench.stats.distributions import normal_tail, t_tail
from mmbench.stats.intervals import UNDEFINED_SHARE
from mmbench.stats.sums import on_grid

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Joint = Callable[[Floats], Floats]
"""Cluster weights float64 [b, clusters] → the values of all models, float64 [b, m]; or of several metrics side by side."""

FEWEST_CLUSTERS = 10
"""With fewer clusters than this no order is claimed: every range is 1 to m."""

_DF_SHARE = 2 / 3
"""Degrees of freedom for each cluster but one. Student's t of scores with few values (0 and 1) needs fewer than one for each; the share
is set by simulation (docs/calibration.md)."""
_ROUNDING = 1e-12
"""Standard errors below this share of the largest value are rounding."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks of m models, counted from 1 for the best."""

    rank: tuple[int, ...]
    """[m] by value alone: one more than the number of models with a better value; equal values share a rank."""
    low: tuple[int, ...]
    """[m] the best rank in each model's 95 % range."""
    high: tuple[int, ...]
    """[m] the worst rank in it."""
    reason: str | None = None
    """Why the ranges say nothing; None where they say something."""


def joint_formula(formula: Callable[[Floats], Floats], sums: Floats) -> Joint:
    """Evaluate a formula of the sum of rows for every model at once, in one matrix product.

    Args:
        formula: float64 ``[..., d]`` → ``[...]``.
        sums: Finite float64 ``[m, g, d]``, what each cluster adds for each model. They are rounded by `on_grid`, so that the
            product is exact and the same on every machine.
    """
    models, clusters, width = sums.shape
    terms = on_grid(sums.transpose(1, 0, 2).reshape(clusters, models * width), max(clusters, 1))
    return lambda weights: formula((weights @ terms).reshape(len(weights), models, width))


def joint_compute(compute: Callable[[Floats, Floats], Floats], rows: Sequence[Floats], clusters: Codes) -> Joint:
    """Evaluate a weighted statistic of every model's rows that is not a formula of sums (`Metric.compute`).

    Args:
        compute: (rows float64 ``[n, d]``, weights float64 ``[b, n]``) → float64 ``[b]``.
        rows: For each model, finite float64 ``[n, d]`` of the same units.
        clusters: int64 ``[n]``, codes from 0.
    """
    return lambda weights: np.stack([compute(own, weights[:, clusters]) for own in rows], axis=1)


def rank_ranges(
    values: Floats, draws: Floats, clusters: int, *, higher_is_better: bool = True, level: float = 0.95
) -> Ranks:
    """The rank range of every model.

    Args:
        values: Finite float64 ``[m]``, of the data as they are.
        draws: float64 ``[b, m]``, from `bootstrap_values` of a `Joint` (for a mean over several datasets, the mean of theirs).
        clusters: How many independent units stand behind them (for several datasets, the smallest number).
        higher_is_better: Direction.
        level: How often a range holds the model's true rank.

    Returns:
        Ranges that hold each model's true rank with a probability of at least `level`, also where models are tied: every rank
        that the tie takes up is then a true one. Without enough clusters, or where more than 5 % of the resamples are
        undefined, every range is 1 to m, with a reason.

    >>> draws = np.random.default_rng(0).normal([0.9, 0.5, 0.5], 0.01, (500, 3))
    >>> ranks = rank_ranges(np.array([0.9, 0.5, 0.5]), draws, 100)
    >>> list(zip(ranks.rank, ranks.low, ranks.high))
    [(1, 1, 1), (2, 2, 3), (2, 2, 3)]
    """
    models = len(values)
    sign = 1.0 if higher_is_better else -1.0
    own = sign * values
    rank = tuple((1 + (own[None, :] > own[:, None]).sum(axis=1)).tolist())
    anywhere = Ranks(rank, (1,) * models, (models,) * models)
    if clusters < FEWEST_CLUSTERS:
        are = "cluster is" if clusters == 1 else "clusters are"
        return _because(anywhere, f"{clusters} {are} too few for rank ranges: at least {FEWEST_CLUSTERS}")
    defined = draws[np.isfinite(draws).all(axis=1)]
    if len(draws) - len(defined) > UNDEFINED_SHARE * len(draws):
        return _because(anywhere, f"undefined in {len(draws) - len(defined)} of {len(draws)} resamples: no rank ranges")
    centred = sign * (defined - values)
    low, high = [], []
    for model in range(models):
        better, worse = _beyond_noise(model, own, centred, clusters, 1.0 - level)
        low.append(1 + better)
        high.append(models - worse)
    return Ranks(rank, tuple(low), tuple(high))


def _because(ranks: Ranks, reason: str) -> Ranks:
    return ranks if len(ranks.rank) < 2 else Ranks(ranks.rank, ranks.low, ranks.high, reason)


def _beyond_noise(model: int, own: Floats, centred: Floats, clusters: int, alpha: float) -> tuple[int, int]:
    """How many of the other models are significantly better than a model, and how many are worse.

    Every pair makes two one-sided hypotheses. In each resample the largest studentised difference among the hypotheses that
    are not yet rejected is kept; those beyond its 1 - alpha quantile are rejected, and the rest are tested again without them.
    Resamples are divided by one standard error, which the data at hand only estimate; the quantile is therefore raised from the
    normal distribution to Student's t.
    """
    leads = own[model] - own
    noise = centred[:, [model]] - centred
    error = noise.std(axis=0) * np.sqrt(clusters / (clusters - 1))
    certain = error <= _ROUNDING * np.abs(own).max()  # the model itself is among them, and has no lead
    # All clusters say the same: the sign test, shared among the rivals.
    by_sign = certain & (leads != 0) & (2.0 ** (1 - clusters) <= alpha / max(len(own) - 1, 1))
    worse, better = int((by_sign & (leads > 0)).sum()), int((by_sign & (leads < 0)).sum())
    tested = ~certain
    if not tested.any():
        return better, worse
    if certain.sum() > 1:
        noise, leads, error = noise[:, tested], leads[tested], error[tested]
    else:  # the model itself: a column of zeros, which is never the largest of both signs
        error[certain] = np.inf
    noise /= error
    observed = leads / error
    ahead, behind = np.ones(len(observed), dtype=bool), np.ones(len(observed), dtype=bool)
    while ahead.any() or behind.any():
        largest = float(np.quantile(_largest(noise, ahead, behind), 1.0 - alpha, method="higher"))
        beyond = partial(_is_beyond, largest=largest, df=_DF_SHARE * (clusters - 1))
        fallen = ahead & beyond(observed), behind & beyond(-observed)
        if not (fallen[0].any() or fallen[1].any()):
            break
        ahead, behind = ahead & ~fallen[0], behind & ~fallen[1]
    return better + int((~behind).sum()), worse + int((~ahead).sum())


def _is_beyond(values: Floats, largest: float, df: float) -> NDArray[np.bool_]:
    """Which values lie beyond the point of Student's t that has the same tail as the normal distribution beyond `largest`.

    Beyond `largest` itself where that tail is 0 or half. The tails of values are compared, so that no quantile is searched for:
    Student's tails are the wider ones, and fall with the value.
    """
    beyond: NDArray[np.bool_] = values > largest
    tail = normal_tail(largest)
    if not 1e-15 < tail < 0.5 or not beyond.any():
        return beyond
    candidates = np.sort(values[beyond])
    first = bisect_left(candidates.tolist(), -tail, key=lambda value: -t_tail(value, df))
    return values >= candidates[first] if first < len(candidates) else np.zeros_like(beyond)


def _largest(noise: Floats, ahead: NDArray[np.bool_], behind: NDArray[np.bool_]) -> Floats:
    """In each resample the largest of the columns that are still tested for a lead, and of minus those for a lag."""
    found = []
    for kept, sign in ((ahead, 1.0), (behind, -1.0)):
        if kept.any():
            columns = noise if kept.all() else noise[:, kept]
            found.append(columns.max(axis=1) if sign > 0 else -columns.min(axis=1))
    return np.asarray(np.maximum.reduce(found))
