"""Questions that were asked several times: the mean over the repeats, pass@k, the majority's answer, and the variances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.core.metric import Metric
from mmbench.core.responses import Response
from mmbench.core.score_table import COUNTED, ScoreTable
from mmbench.core.task import Task
from mmbench.metrics.repeats import expected_best, majority, pass_at, variance_between, variance_within

Floats = NDArray[np.float64]

_BEST_FIRST = ("scored", "truncated", "unparsed", "refused", "skipped", "error")
"""The status of a unit over its repeats is the first of these that one of them has."""


def score_repeats(
    task: Task, samples: Sequence[Any], responses: Sequence[Sequence[Response]], repeats: int
) -> dict[str, ScoreTable]:
    """Score each repeat by itself and bring the tables together.

    Args:
        task: The task.
        samples: The samples that were asked.
        responses: [sample][repeats × requests] → response, repeat by repeat.
        repeats: How often each question was asked, K.

    Returns:
        Unit to table. Each column is its mean over the repeats that were counted. Beside a column ``c`` that a mean metric
        of the main table reads stand ``pass:c`` [n, K] (the expected best of k = 1 … K draws), ``majority:c``,
        ``square:c``, ``within:c`` (variance within the unit) and ``noise:c`` (that of its mean).
    """
    each = [dict(task.score(samples, _Repeat(responses, repeat, repeats))) for repeat in range(repeats)]
    columns = {unit: {metric.columns[0] for metric in repeated(task) if metric.unit == unit} for unit in each[0]}
    return {unit: _together([tables[unit] for tables in each], columns[unit]) for unit in each[0]}


def repeated(task: Task) -> list[Metric]:
    """The metrics of the main table to which those over repeats belong: means of one number from 0 to 1 a sample."""
    primary = set(task.info.primary)
    samples = [metric for metric in task.metrics if metric.unit == "sample"]
    means = [metric for metric in samples if metric.is_mean and metric.bounds == (0.0, 1.0)]
    return [metric for metric in means if str(metric.id) in primary]


def repeat_metrics(task: Task, tables: Mapping[str, ScoreTable], repeats: int) -> list[Metric]:
    """pass@K, majority and both variances of every metric in `repeated`; the majority needs extracted answers."""
    found: list[Metric] = []
    for metric in repeated(task):
        column, table = metric.columns[0], tables.get(metric.unit)
        if table is None or f"pass:{column}" not in table.columns:
            continue
        found += [pass_at(k=repeats, of=column), variance_within(of=column), variance_between(of=column)]
        if f"majority:{column}" in table.columns:
            found.append(majority(of=column))
    return [metric for metric in found if metric.unit in tables]


class _Repeat(Sequence[Sequence[Response]]):
    """[sample][request] → response of one repeat; nothing is copied."""

    def __init__(self, responses: Sequence[Sequence[Response]], repeat: int, repeats: int) -> None:
        self._responses = responses
        self._repeat, self._repeats = repeat, repeats

    def __len__(self) -> int:
        return len(self._responses)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        responses = self._responses[index]
        size = len(responses) // self._repeats
        return responses[self._repeat * size : (self._repeat + 1) * size]


def _together(tables: Sequence[ScoreTable], columns: set[str]) -> ScoreTable:
    first = tables[0]
    counted = np.array([[status in COUNTED for status in table.status] for table in tables])
    share = counted / np.maximum(counted.sum(axis=0), 1)
    merged: dict[str, Any] = {}
    for name in first.columns:
        values = np.stack([np.asarray(table.columns[name], dtype=np.float64) for table in tables])
        merged[name] = np.einsum("rn,rn...->n...", share, values)
        if name in columns and values.ndim == 2:
            merged |= _spread(name, values, counted)
            if all(table.answers is not None for table in tables):
                merged[f"majority:{name}"] = _majority(tables, values)
    statuses = zip(*(table.status for table in tables), strict=True)
    status = [min(of_unit, key=_BEST_FIRST.index) for of_unit in statuses]
    return replace(first, columns=merged, status=status)


def _spread(name: str, values: Floats, counted: NDArray[np.bool_]) -> dict[str, Floats]:
    """Columns that tell what lies within a unit from what lies between units; values and counted are [K, n]."""
    times = counted.sum(axis=0)
    mean = np.where(counted, values, 0.0).sum(axis=0) / np.maximum(times, 1)
    within = np.where(counted, (values - mean) ** 2, 0.0).sum(axis=0) / np.maximum(times - 1, 1)
    return {
        f"pass:{name}": expected_best(values, counted),
        f"square:{name}": mean**2,
        f"within:{name}": within,
        f"noise:{name}": within / np.maximum(times, 1),
    }


def _majority(tables: Sequence[ScoreTable], values: Floats) -> Floats:
    """[n] what the commonest answer of each unit is worth; the mean over those that are equally common."""
    found = np.zeros(values.shape[1])
    for unit in range(values.shape[1]):
        votes: dict[str, list[float]] = {}
        for repeat, table in enumerate(tables):
            answer = None if table.answers is None else table.answers[unit]
            if answer is not None:
                votes.setdefault(answer, []).append(float(values[repeat, unit]))
        most = max(map(len, votes.values()), default=0)
        worth = [own[0] for own in votes.values() if len(own) == most]
        found[unit] = sum(worth) / len(worth) if worth else 0.0
    return found
