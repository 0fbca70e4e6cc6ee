"""Put tables of scores that were made in parts together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmbench.core.score_table import ScoreTable

Floats = NDArray[np.float64]


def merge_tables(tables: Sequence[ScoreTable]) -> ScoreTable:
    """Put the shards of one table together, one below the other.

    Args:
        tables: The shards.

    Returns:
        A table of all their units; slices, answers and explanations that a shard lacks are empty for its units.

    Raises:
        ValueError: If there is no table, units or columns differ, or a unit id occurs twice.
    """
    if not tables:
        raise ValueError("no tables to merge")
    first = tables[0]
    widths = _widths(first)
    for table in tables[1:]:
        if table.unit != first.unit:
            raise ValueError(f"tables of different units: {first.unit!r} and {table.unit!r}")
        if _widths(table) != widths:
            raise ValueError(f"tables of unit {first.unit!r} with different columns: {widths} and {_widths(table)}")
    unit_ids = [unit_id for table in tables for unit_id in table.unit_ids]
    if len(set(unit_ids)) != len(unit_ids):
        twice = Counter(unit_ids).most_common(1)[0][0]
        raise ValueError(f"unit {twice!r} occurs in more than one row of the tables")
    remarks: dict[str, set[str]] = {}
    for table in tables:
        for name, text in table.remarks.items():
            remarks.setdefault(name, set()).add(text)
    slices = sorted({name for table in tables for name in table.slices})
    return ScoreTable(
        unit=first.unit,
        unit_ids=unit_ids,
        cluster_ids=[cluster for table in tables for cluster in table.cluster_ids],
        status=[status for table in tables for status in table.status],
        columns={name: np.concatenate([_column(table, name) for table in tables]) for name in widths},
        slices={
            name: [label for table in tables for label in table.slices.get(name, [""] * len(table.unit_ids))]
            for name in slices
        },
        answers=_joined(tables, [table.answers for table in tables]),
        explanations=_joined(tables, [table.explanations for table in tables]),
        incomplete="; ".join(sorted({table.incomplete for table in tables if table.incomplete})) or None,
        remarks={name: "; ".join(sorted(texts)) for name, texts in remarks.items()},
    )


def _joined(tables: Sequence[ScoreTable], parts: Sequence[Sequence[str | None] | None]) -> list[str | None] | None:
    if all(part is None for part in parts):
        return None
    return [
        text
        for table, part in zip(tables, parts, strict=True)
        for text in ([None] * len(table.unit_ids) if part is None else part)
    ]


def _column(table: ScoreTable, name: str) -> Floats:
    return np.asarray(table.columns[name], dtype=np.float64)


def _widths(table: ScoreTable) -> dict[str, tuple[int, ...]]:
    return {name: _column(table, name).shape[1:] for name in sorted(table.columns)}
