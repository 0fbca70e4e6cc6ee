"""Rank models on a task by the score tables of their runs, with bootstrap ranges of ranks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.joins import is_silent, matched_rows
from mmbench.analysis.seeds import SeedGroup, SeedRow, is_incomplete, is_ranked
from mmbench.analysis.stored_metrics import metric_for
from mmbench.core.errors import NotComparableError
from mmbench.core.ids import derive_seed
from mmbench.core.metric import Metric
from mmbench.core.score_table import ScoreTable
from mmbench.metrics.evaluate import IS_COUNTED, point, read_rows, status_codes
from mmbench.results.metric_specs import same_computation
from mmbench.results.run import TaskResult
from mmbench.stats import RESAMPLES, bootstrap_values, cluster_sums
from mmbench.stats.ranks import Joint, Ranks, joint_compute, joint_formula, rank_ranges

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_TAIL = 0.025
"""Share of the resamples in which a leader may be no better than guessing."""
_WEIGHTS_AT_ONCE = 2**20
"""Row weights in memory at once, while a metric that is no sum is resampled."""


class RankRange(NamedTuple):
    """The rank of one model."""

    rank: int
    """By value alone; equal values share a rank."""
    low: int
    """Lower end of the 95 % range."""
    high: int
    """Upper end."""


@dataclass(frozen=True, slots=True)
class Draws:
    """A metric of m models: over the units that all of them have, and in resamples of these."""

    values: Floats
    """float64 [m]."""
    resamples: Floats
    """float64 [b, m], NaN where undefined."""
    clusters: int
    """Clusters that were resampled."""
    units: int
    """Units that all models have."""
    of: int
    """Units that any of them has."""
    unit: str
    """What a unit is."""
    higher_is_better: bool
    """Direction of the metric."""
    silent: int = 0
    """Units besides that one of the models did not answer, and that a metric over answers alone leaves out of all."""

    def ranks(self) -> Ranks:
        """The rank ranges of these models."""
        return rank_ranges(self.values, self.resamples, self.clusters, higher_is_better=self.higher_is_better)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who leads on one task, among models whose values may stand side by side."""

    metric: str
    """The metric that ranks."""
    order: tuple[int, ...]
    """[g] places of the models as given, best first; those without a rank stand last."""
    unranked: tuple[str, ...]
    """Labels of those without a rank; empty where there are no ranks at all."""
    ranks: Mapping[str, RankRange]
    """Label of a model to its rank; empty where fewer than two can be ranked."""
    best: Mapping[str, str]
    """Metric id to the label of the model that leads beyond noise, the other models and chance and prior, too; ids without one are
    absent."""
    incomplete: frozenset[str]
    """Labels of the models whose values cover less than the others'."""
    draws: Draws | None
    """The resamples that the ranks come from; None where there are none."""
    several: bool = False
    """Whether a model with a rank has several seeds."""
    reason: str | None = None
    """What is uncertain about the ranges, or why there are none."""

    @property
    def ranked(self) -> int:
        """How many models stand in the order of their ranks (of their values, where there are no ranks)."""
        return len(self.order) - len(self.unranked)


@dataclass(frozen=True, slots=True)
class _SharedUnits:
    """The tables of one unit of all models and seeds, brought together."""

    rows: tuple[Codes, ...]
    """[r] of each table the rows of the units that all have, in one order."""
    clusters: Codes
    """int64 [n], codes from 0 without gaps."""
    of: int
    """Units that any table has."""


class Ranker:
    """Ranks models by the score tables of their runs."""

    def __init__(self, *, seed: int = 0, resamples: int = RESAMPLES) -> None:
        self._seed = seed
        self._resamples = resamples
        self._drawn_before: dict[tuple[str, tuple[SeedGroup, ...]], dict[str, Draws]] = {}

    def rank(self, task: str, groups: Sequence[SeedGroup], metrics: Sequence[str]) -> Ranking:
        """Rank models on one task by the first of the metrics, and find who leads by each of the others."""
        first = metrics[0]
        able = [place for place, group in enumerate(groups) if is_ranked(group, task, first)]
        short = frozenset(group.label for group in groups if is_incomplete(group, task))
        draws, why = self.draws(task, [groups[place] for place in able], metrics) if able else ({}, {})
        by_value = _by_value(groups, task, first)
        main = draws.get(first)
        if main is None:
            return Ranking(first, tuple(by_value), (), {}, {}, short, None, reason=why.get(first))
        found = main.ranks()
        labels = [groups[place].label for place in able]
        order = [able[n] for n in sorted(range(len(able)), key=lambda n: (found.rank[n], labels[n]))]
        rest = [place for place in by_value if place not in able]
        return Ranking(
            metric=first,
            order=(*order, *rest),
            unranked=tuple(groups[place].label for place in rest),
            ranks=rank_of(labels, found) if len(able) > 1 else {},
            best={
                name: labels[leader]
                for name, own in draws.items()
                if (leader := _leader(found if own is main else own.ranks())) is not None
                and _is_above_guessing(own, leader, [_row(groups[place], task, name) for place in able])
            },
            incomplete=short,
            draws=main,
            several=any(groups[place].several for place in able),
            reason=found.reason,
        )

    def draws(
        self, task: str, groups: Sequence[SeedGroup], metrics: Sequence[str]
    ) -> tuple[dict[str, Draws], dict[str, str]]:
        """Metric id to its values in the same resamples for all models; and to the reason where there are none.

        What was drawn before for the same models is not drawn again: the resamples of a task are always the same. Seeds of one
        model are averaged within each resample. What is no formula is slow to resample, and is drawn for the
        first metric alone. Raises `NotComparableError` where tables are damaged, or clusters have changed.
        """
        before = self._drawn_before.setdefault((task, tuple(groups)), {})
        if all(name in before for name in metrics):
            return {name: before[name] for name in metrics}, {}
        results = [group.scored(task) for group in groups]
        flat = [result for own in results for result in own]
        known: dict[str, Metric] = {}
        why: dict[str, str] = {}
        for name in metrics:
            metric, reason = _metric(flat, name)
            if metric is None:
                why[name] = reason
            elif metric.formula is not None or name == metrics[0]:
                known[name] = metric
        sizes = [len(own) for own in results]
        tables = _tables(flat)
        draws: dict[str, Draws] = {}
        for unit in dict.fromkeys(metric.unit for metric in known.values()):
            of_unit = {name: metric for name, metric in known.items() if metric.unit == unit}
            found = [own.get(unit) for own in tables]
            if all(table is not None for table in found):
                seed = derive_seed(self._seed, task, unit)
                draws |= self._drawn(of_unit, [table for table in found if table is not None], sizes, seed)
        for name in known.keys() - draws.keys():
            why[name] = f"{name} is not defined over the units that all models have"
        before |= draws
        return draws, why

    def _drawn(
        self, metrics: Mapping[str, Metric], tables: Sequence[ScoreTable], sizes: Sequence[int], seed: int
    ) -> dict[str, Draws]:
        shared = _join(tables)
        if not len(shared.clusters):
            return {}
        count = int(shared.clusters.max()) + 1
        answered = {name: _answered_by_all(metric, tables, shared) for name, metric in metrics.items()}
        rows = {name: own for name, (own, _) in answered.items()}
        finite = {name: metric for name, metric in metrics.items() if all(np.isfinite(own).all() for own in rows[name])}
        if not finite:
            return {}
        joints = [_joint(metric, rows[name], shared.clusters, count) for name, metric in finite.items()]
        by_rows = any(metric.formula is None for metric in finite.values())
        values = bootstrap_values(
            lambda weights: np.concatenate([joint(weights) for joint in joints], axis=1),
            count,
            seed=seed,
            resamples=self._resamples,
            chunk=max(1, _WEIGHTS_AT_ONCE // len(shared.clusters)) if by_rows else None,
            width=len(tables) * len(joints),
        ).reshape(self._resamples, len(joints), len(tables))
        mean = partial(_mean_of_seeds, sizes=sizes)
        found = {
            name: mean(np.array([[point(metric, own, shared.clusters) for own in rows[name]]]))[0]
            for name, metric in finite.items()
        }
        return {
            name: Draws(
                values=found[name],
                resamples=mean(values[:, place]),
                clusters=count,
                units=len(shared.clusters) - answered[name][1],
                of=shared.of,
                unit=metric.unit,
                higher_is_better=metric.higher_is_better,
                silent=answered[name][1],
            )
            for place, (name, metric) in enumerate(finite.items())
            if np.isfinite(found[name]).all()
        }


def rank_of(labels: Sequence[str], ranks: Ranks) -> dict[str, RankRange]:
    """Label of each model to its rank."""
    return dict(zip(labels, map(RankRange, ranks.rank, ranks.low, ranks.high), strict=True))


def _leader(ranks: Ranks) -> int | None:
    """The place of the model that is alone in front, beyond noise."""
    if len(ranks.high) < 2:
        return None
    return next((place for place, high in enumerate(ranks.high) if high == 1), None)


def _row(group: SeedGroup, task: str, metric: str) -> SeedRow | None:
    return next((row for row in group.rows(task) if row.id == metric), None)


def guessing(rows: Iterable[SeedRow | None]) -> float | None:
    """The better one of chance and prior of a metric, as any of the models has them; None where neither is known."""
    found = [row for row in rows if row is not None]
    values = [value for row in found for value in (row.chance, row.prior) if value is not None]
    if not values:
        return None
    return max(values) if found[0].one.higher_is_better else min(values)


def _is_above_guessing(draws: Draws, leader: int, rows: Sequence[SeedRow | None]) -> bool:
    """Whether the leader's value is better than chance and prior, beyond noise, in the resamples and by its own interval."""
    own, floor = rows[leader], guessing(rows)
    if floor is None or own is None:
        return True
    sign = 1.0 if draws.higher_is_better else -1.0
    ends = [float(np.quantile(sign * draws.resamples[:, leader], _TAIL))]
    if len(own.metrics) == 1 and own.one.low is not None and own.one.high is not None:
        ends.append(sign * (own.one.low if draws.higher_is_better else own.one.high))
    return min(ends) > sign * floor


def _by_value(groups: Sequence[SeedGroup], task: str, metric: str) -> list[int]:
    """Places of the models by the value on disk, best first; those without one last."""

    def key(place: int) -> tuple[bool, float, str]:
        row = next((row for row in groups[place].rows(task) if row.id == metric), None)
        value = None if row is None else row.value
        if row is None or value is None:
            return True, 0.0, groups[place].label
        return False, -value if row.one.higher_is_better else value, groups[place].label

    return sorted(range(len(groups)), key=key)


def _metric(results: Sequence[TaskResult], name: str) -> tuple[Metric | None, str]:
    """How a metric is computed, where that is the same for all runs."""
    if not all(name in result.metrics for result in results):
        return None, f"not every model has {name}"
    first, reason = metric_for(results[0], name)
    if first is None:
        return None, reason or f"how {name} is computed is not known"
    specs = [result.specs[name] for result in results if name in result.specs]
    if not all(same_computation(specs[0], spec) for spec in specs[1:]):
        return None, f"{name} was not computed in the same way for all models"
    return first, ""


def _tables(results: Sequence[TaskResult]) -> list[Mapping[str, ScoreTable]]:
    """[r] unit → table of each run; a saved baseline, which keeps no ids, gets them from a run that has them."""
    anchor = next((result for result in results if result.store.has_ids), results[0])
    return [result.tables() if result is anchor else result.tables(anchor) for result in results]


def _join(tables: Sequence[ScoreTable]) -> _SharedUnits:
    """The units that entered a value of every table. Raises `NotComparableError` where their clusters differ."""
    first = tables[0]
    kept = np.ones(len(first.unit_ids), dtype=np.bool_)
    places = np.full((len(tables), len(kept)), -1, dtype=np.int64)
    for own, table in zip(places, tables, strict=True):
        left, right = matched_rows(first, table)
        own[left] = right
        kept &= own >= 0
        kept[kept] = IS_COUNTED[status_codes(table)][own[kept]]
    rows = list(places[:, kept])
    of = len(kept)
    if (places < 0).any() or any(len(table.unit_ids) > of for table in tables):
        of = len({name for table in tables for name in table.unit_ids})
    clusters = [first.cluster_ids[row] for row in rows[0].tolist()]
    for table, own in zip(tables[1:], rows[1:], strict=True):
        if table.cluster_ids != first.cluster_ids and [table.cluster_ids[row] for row in own.tolist()] != clusters:
            raise NotComparableError(
                f"units of {first.unit!r} belong to other clusters in one run than in the others; score the older runs again"
            )
    # Numbered as they come, as a saved baseline numbers them: the same resamples with and without names.
    numbers = {name: code for code, name in enumerate(dict.fromkeys(clusters))}
    return _SharedUnits(tuple(rows), np.fromiter(map(numbers.__getitem__, clusters), np.int64, len(clusters)), of)


def _answered_by_all(metric: Metric, tables: Sequence[ScoreTable], shared: _SharedUnits) -> tuple[list[Floats], int]:
    """[r] the rows of each table, empty where one of the models gave no answer that the metric is over; and how many units these are.

    Otherwise a model would come first by keeping silent where it errs.
    """
    rows = [read_rows(metric, table)[own] for table, own in zip(tables, shared.rows, strict=True)]
    statuses = (status_codes(table)[own] for table, own in zip(tables, shared.rows, strict=True))
    silent = np.any([is_silent(metric, own, status) for own, status in zip(rows, statuses, strict=True)], axis=0)
    return [np.where(silent[:, None], 0.0, own) for own in rows] if silent.any() else rows, int(silent.sum())


def _joint(metric: Metric, rows: Sequence[Floats], clusters: Codes, count: int) -> Joint:
    if metric.formula is not None:
        return joint_formula(metric.formula, np.stack([cluster_sums(own, clusters, count) for own in rows]))
    if metric.compute is None:
        raise ValueError(f"metric {metric.id} has neither a formula nor a compute function")
    return joint_compute(metric.compute, rows, clusters)


def _mean_of_seeds(values: Floats, sizes: Sequence[int]) -> Floats:
    """float64 [b, r] of runs → [b, m] of models: the mean over each model's runs, in their order."""
    ends = np.cumsum(sizes)
    return np.stack([values[:, end - size : end].mean(axis=1) for size, end in zip(sizes, ends, strict=True)], axis=1)
