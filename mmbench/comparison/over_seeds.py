"""Several seeds of two models as two sides: the difference of their means over seeds, where seeds and samples vary together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.joins import matched_rows
from mmbench.analysis.seeds import group_seeds
from mmbench.analysis.stored_metrics import metric_for
from mmbench.comparison.bounds import detectable
from mmbench.comparison.differences import Comparison, MetricDifference, compare_runs
from mmbench.comparison.paired_metric import paired, unit_changes, within_range
from mmbench.core.errors import UsageError
from mmbench.core.metric import ONES, Metric
from mmbench.core.score_table import MetricValue, ScoreTable
from mmbench.metrics.evaluate import (
    IS_COUNTED,
    STATUSES,
    Units,
    cluster_codes,
    evaluate_units,
    read_rows,
    remarks_on,
    status_codes,
)
from mmbench.results.run import Run
from mmbench.stats import Difference, SeedSpread, difference_over_seeds, seed_spread

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Sides = tuple[Sequence[Run], Sequence[Run]]


def pools(a: Sequence[Run], b: Sequence[Run]) -> bool:
    """Whether two sides are compared over seeds: both have several runs, and no two of a side have one seed."""
    return all(len(side) > 1 and len({run.seed for run in side}) == len(side) for side in (a, b))


def check_seeds(a: Sequence[Run], b: Sequence[Run]) -> None:
    """Raise `UsageError` unless each side is several seeds of one model."""
    for side in (a, b):
        if len(group_seeds(side)) > 1 or not pools(side, side):
            raise UsageError(
                f"several runs of a side are seeds of one model, two or more on either side: {', '.join(str(run.path) for run in side)} are not"
            )


def compare_seeds(
    a: Sequence[Run],
    b: Sequence[Run],
    tasks: Iterable[str] | None = None,
    metrics: Mapping[str, Iterable[str]] | None = None,
    *,
    slices: bool = True,
    allow: Iterable[str] = (),
) -> Comparison:
    """Compare the means over seeds of two models.

    The units are those that every run has scored. A task is refused where any run does not compare with the first of the reference.
    Over seeds there are no bounds for failed answers.

    Args:
        a: The runs of the reference, one a seed.
        b: The runs of the candidate.
        tasks: As of `compare_runs`, like all that follow.
        metrics: Task to the ids wanted of it; None for all.
        slices: Also by slice.
        allow: What may differ.

    Raises:
        NotComparableError: For score tables that are missing or damaged.
    """
    tasks, allow = None if tasks is None else list(tasks), frozenset(allow)
    first = compare_runs(a[0], b[0], tasks, metrics, slices=slices, allow=allow)
    refused, missing, allowed = dict(first.refused), dict(first.missing), dict(first.allowed)
    for other in (*a[1:], *b[1:]):
        found = compare_runs(a[0], other, tasks, metrics, slices=False, allow=allow)
        refused = {**found.refused, **refused}
        missing = {**found.missing, **missing}
        allowed = {**found.allowed, **allowed}
    sides = a, b

    def pooled(those: Sequence[MetricDifference]) -> list[MetricDifference]:
        return [_pooled(each, sides) for each in those if each.task not in refused and _has(each, sides)]

    labels = [f"{side[0].model.name} ({len(side)} seeds)" for side in sides]
    if len(set(labels)) == 1:
        labels = [f"{side[0].path.name} ({len(side)} seeds)" for side in sides]
    return replace(
        first,
        a=replace(a[0], label=labels[0]),
        b=replace(b[0], label=labels[1]),
        metrics=pooled(first.metrics),
        slices=pooled(first.slices),
        refused=refused,
        missing=missing,
        allowed=allowed,
        seeds=(tuple(run.seed for run in a), tuple(run.seed for run in b)),
    )


def _has(each: MetricDifference, sides: Sides) -> bool:
    return all(each.task in run.tasks and each.id in run.tasks[each.task].metrics for side in sides for run in side)


@dataclass(frozen=True, slots=True)
class _Seed:
    """One run's rows of a metric, in the order of the first run's table."""

    rows: Floats
    """[n, d], zeros where the run does not have the unit."""
    counted: Mask
    """[n] whether the unit entered the run's value."""
    skipped: Mask
    """[n] whether the run was not asked."""
    silent: Mask
    """[n] whether the unit was not answered and adds nothing to the metric."""
    status: NDArray[np.int8]
    """[n]"""
    table: ScoreTable
    """The run's table."""


def _seed(metric: Metric, base: ScoreTable, table: ScoreTable) -> _Seed:
    left, right = matched_rows(base, table)
    read, codes = read_rows(metric, table), status_codes(table)
    n = len(base.unit_ids)
    rows = np.zeros((n, read.shape[1]))
    status = np.full(n, STATUSES.index("skipped"), dtype=np.int8)
    rows[left], status[left] = read[right], codes[right]
    counted = IS_COUNTED[status]
    unanswered = counted & (status != STATUSES.index("scored")) & ~rows.any(axis=1)
    silent = unanswered if metric.formula is not None else np.zeros(n, dtype=np.bool_)
    return _Seed(rows, counted, status == STATUSES.index("skipped"), silent, status, table)


def _pooled(each: MetricDifference, sides: Sides) -> MetricDifference:
    """The difference of one metric over all seeds; `each` is that of the first seeds."""
    results = [[run.tasks[each.task] for run in side] for side in sides]
    beside = next((run.tasks[each.task] for side in sides for run in side if run.path.is_dir()), results[0][0])
    metric, _ = metric_for(results[0][0], each.id)
    if metric is None or each.difference.method == "none":
        return each
    tables = [[result.tables(beside).get(metric.unit) for result in side] for side in results]
    base = tables[0][0]
    if base is None:
        return each
    seeds = [[_seed(metric, base, table) for table in side if table is not None] for side in tables]
    inside = _inside(base, each.slice)
    here, there = (np.logical_and.reduce([seed.counted for seed in side]) & inside for side in seeds)
    asked = inside & ~np.logical_or.reduce([seed.skipped for side in seeds for seed in side])
    mute = [np.logical_or.reduce([seed.silent for seed in side]) & here & there for side in seeds]
    kept = np.flatnonzero(here & there & ~(mute[0] | mute[1]))
    clusters = np.unique(cluster_codes(base)[kept], return_inverse=True)[1].astype(np.int64, copy=False)
    values = [
        [
            evaluate_units(metric, Units(seed.rows[kept], clusters, seed.status[kept], remarks_on(metric, seed.table)))
            for seed in side
        ]
        for side in seeds
    ]
    rows = [np.stack([seed.rows[kept] for seed in side]) for side in seeds]
    found, share = _difference(metric, rows, values, clusters)
    change = unit_changes(metric, rows[0].mean(axis=0), rows[1].mean(axis=0))
    a, b = (_over_seeds(side) for side in values)
    return replace(
        each,
        a=a,
        b=b,
        difference=found,
        mde=detectable(found, metric.bounds),
        changed=int(np.count_nonzero(change)),
        gained=int((change > 0).sum()),
        lost=int((change < 0).sum()),
        only_a=int((here & ~there).sum()),
        only_b=int((there & ~here).sum()),
        neither=int((asked & ~here & ~there).sum()),
        silent=(int(mute[0].sum()), int(mute[1].sum()), int((mute[0] | mute[1]).sum())),
        bounds=None,
        seed_share=share,
    )


def _inside(base: ScoreTable, part: tuple[str, str] | None) -> Mask:
    if part is None:
        return np.ones(len(base.unit_ids), dtype=np.bool_)
    name, label = part
    return np.array([own == label for own in base.slices[name]], dtype=np.bool_)


def _over_seeds(values: Sequence[MetricValue]) -> MetricValue:
    """The mean of the seeds' values over the same units, without an interval."""
    known = [each.value for each in values if each.value is not None]
    mean = fmean(known) if len(known) == len(values) else None
    return replace(values[0], value=mean, low=None, high=None, method="none")


def _difference(
    metric: Metric, rows: Sequence[Floats], values: Sequence[Sequence[MetricValue]], clusters: NDArray[np.int64]
) -> tuple[Difference, float | None]:
    """The difference of the means over seeds, and the share of its variance that the seeds add.

    Of a plain mean the samples' error is that of per-sample means over seeds. Of any other metric it is the mean of the squared errors of
    all pairs of seeds, which holds how seeds and samples meet whole and is thus no smaller than the error of the mean.
    """
    plain = metric.is_mean and metric.columns[1] == ONES
    if plain:
        samples = paired(metric, rows[0].mean(axis=0), rows[1].mean(axis=0), clusters)
    else:
        pairs = [paired(metric, one, other, clusters) for one, other in product(*rows)]
        samples = _mean_of(pairs)
    spreads: list[SeedSpread] = []
    for own, side in zip(values, rows, strict=True):
        known = [each.value for each in own if each.value is not None]
        if len(known) < len(own):
            return replace(samples, low=None, high=None, p_value=None, p_lower=None, p_upper=None), None
        spreads.append(seed_spread(known, side[:, :, 0], clusters) if plain else seed_spread(known))
    found, share = difference_over_seeds(samples, *spreads)
    if samples.reason is not None and samples.se:  # withheld: too few references of a class
        found = replace(found, low=None, high=None, reason=samples.reason)
    return within_range(found, metric.bounds), share


def _mean_of(pairs: Sequence[Difference]) -> Difference:
    first = pairs[0]
    if any(each.value is None or each.se is None for each in pairs):
        return next(each for each in pairs if each.value is None or each.se is None)
    freedoms = [each.n_clusters - 1.0 if each.df is None else each.df for each in pairs]
    value = fmean(each.value for each in pairs if each.value is not None)
    se = fmean(each.se**2 for each in pairs if each.se is not None) ** 0.5
    return replace(first, value=value, se=se, df=max(min(freedoms), 1.0), changed=None, drawn=None)
