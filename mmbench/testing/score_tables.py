"""Score tables: what is wrong with one, how two differ, and parts of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.core.metric import ONES, Metric
from mmbench.core.score_table import COUNTED, MetricValue, ScoreTable
from mmbench.testing.rules import listed

Floats = NDArray[np.float64]

TOLERANCE = 1e-9
"""Scores and values that ought to be equal may differ by this much, relative to the larger one."""
_STATUSES = COUNTED | {"error", "skipped"}


def column_of(table: ScoreTable, name: str) -> Floats:
    """A column as float64 [n] or [n, d]; ones for `ONES`."""
    if name == ONES:
        return np.ones(len(table.unit_ids))
    return np.asarray(table.columns[name], dtype=np.float64)


def counted(table: ScoreTable) -> NDArray[np.bool_]:
    """Which rows enter a value: bool [n]."""
    return np.array([status in COUNTED for status in table.status], dtype=bool)


def metric_rows(metric: Metric, table: ScoreTable) -> Floats:
    """float64 [n, d]: what the metric reads of the rows that enter its value."""
    stacked: Floats = np.column_stack([column_of(table, name) for name in metric.columns])
    return stacked[counted(table)]


def problems(name: str, table: ScoreTable) -> str | None:
    """The first thing that is wrong with the table that `score` gave under `name`, or None."""
    n = len(table.unit_ids)
    if table.unit != name:
        return f"The table {name!r} says that its unit is {table.unit!r}."
    if not n:
        return f"The table {name!r} has no rows."
    if len(set(table.unit_ids)) != n:
        return f"Unit ids of the table {name!r} occur more than once."
    lengths: dict[str, int] = {"cluster_ids": len(table.cluster_ids), "status": len(table.status)}
    lengths |= {f"slice {key!r}": len(labels) for key, labels in table.slices.items()}
    for part, texts in (("answers", table.answers), ("explanations", table.explanations)):
        if texts is not None:
            lengths[part] = len(texts)
    for part, length in lengths.items():
        if length != n:
            return f"The table {name!r} has {n} units and {length} entries in {part}."
    if unknown := set(table.status) - _STATUSES:
        return f"The table {name!r} has the status {min(unknown)!r}; known are {', '.join(sorted(_STATUSES))}."
    return next(filter(None, (_column_problem(table, column) for column in sorted(table.columns))), None)


def _column_problem(table: ScoreTable, name: str) -> str | None:
    column = column_of(table, name)
    if name == ONES:
        return f"The table {table.unit!r} has a column named {ONES!r}, which stands for ones."
    if column.ndim not in (1, 2) or len(column) != len(table.unit_ids):
        return f"Column {name!r} has shape {list(column.shape)}; expected [{len(table.unit_ids)}] or two dimensions."
    bad = ~np.isfinite(column.reshape(len(column), -1)).all(axis=1)
    if bad.any():
        unit = table.unit_ids[int(np.flatnonzero(bad)[0])]
        return f"Column {name!r} is not finite in {int(bad.sum())} rows, first for {unit!r}."
    outside = ~counted(table) & (column.reshape(len(column), -1) != 0).any(axis=1)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        return f"Column {name!r} holds a score for {table.unit_ids[row]!r}, whose status is {table.status[row]!r}."
    return None


def difference(expected: Mapping[str, ScoreTable], found: Mapping[str, ScoreTable]) -> str | None:
    """How two scorings differ, joined by unit id, or None where they are equal up to `TOLERANCE`."""
    if expected.keys() != found.keys():
        return f"The tables are {listed(sorted(expected))} once and {listed(sorted(found))} then."
    for name, table in expected.items():
        said = _table_difference(table, found[name])
        if said:
            return f"In table {name!r}, {said}."
    return None


def _table_difference(one: ScoreTable, other: ScoreTable) -> str | None:
    places = {unit: row for row, unit in enumerate(other.unit_ids)}
    if set(one.unit_ids) != set(places):
        return f"the units differ: {listed(sorted(set(one.unit_ids) ^ set(places)))}"
    if set(one.columns) != set(other.columns):
        return f"the columns differ: {listed(sorted(set(one.columns) ^ set(other.columns)))}"
    order = [places[unit] for unit in one.unit_ids]
    for part in ("status", "cluster_ids", "answers"):
        before, after = getattr(one, part), getattr(other, part)
        for row, place in enumerate(order):
            old, new = _entry(before, row), _entry(after, place)
            if old != new:
                return f"{part} of unit {one.unit_ids[row]!r} is {old!r} once and {new!r} then"
    for name in sorted({*one.slices, *other.slices}):
        for row, place in enumerate(order):
            if (_entry(one.slices.get(name), row) or "") != (_entry(other.slices.get(name), place) or ""):
                return f"the label {name!r} of unit {one.unit_ids[row]!r} differs"
    for name in one.columns:
        old, new = column_of(one, name), column_of(other, name)[order]
        if old.shape != new.shape:
            return f"column {name!r} has shape {list(old.shape)} once and {list(new.shape)} then"
        unequal = ~np.isclose(old, new, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True).reshape(len(old), -1).all(
            axis=1
        )
        if unequal.any():
            row = int(np.flatnonzero(unequal)[0])
            return f"column {name!r} of unit {one.unit_ids[row]!r} is {old[row]} once and {new[row]} then"
    return None


def _entry(items: Sequence[Any] | None, row: int) -> Any:
    return None if items is None else items[row]


def value_difference(one: Mapping[str, MetricValue], other: Mapping[str, MetricValue]) -> str | None:
    """How the values or intervals of two scorings differ, or None where they are equal up to `TOLERANCE`."""
    for name, value in one.items():
        for part in ("value", "low", "high"):
            before, after = getattr(value, part), getattr(other[name], part)
            if before is None and after is None:
                continue
            if before is None or after is None or not np.isclose(before, after, rtol=TOLERANCE, atol=TOLERANCE):
                return f"{part} of {name} is {before} once and {after} then"
    return None


def identical(one: Mapping[str, MetricValue], other: Mapping[str, MetricValue]) -> bool:
    """Whether values and intervals are equal to the last bit."""
    return all((v.value, v.low, v.high) == (o.value, o.low, o.high) for v, o in ((v, other[k]) for k, v in one.items()))


def take(table: ScoreTable, rows: Sequence[int]) -> ScoreTable:
    """The table of these rows, in this order."""
    return ScoreTable(
        unit=table.unit,
        unit_ids=[table.unit_ids[row] for row in rows],
        cluster_ids=[table.cluster_ids[row] for row in rows],
        status=[table.status[row] for row in rows],
        columns={name: column_of(table, name)[list(rows)] for name in table.columns},
        slices={name: [labels[row] for row in rows] for name, labels in table.slices.items()},
        answers=None if table.answers is None else [table.answers[row] for row in rows],
        explanations=None if table.explanations is None else [table.explanations[row] for row in rows],
        incomplete=table.incomplete,
        remarks=table.remarks,
    )
