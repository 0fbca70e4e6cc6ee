"""What keeps two runs of a task from being compared, and their tables joined by the ids of the units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.core.errors import NotComparableError
from mmbench.core.metric import Metric
from mmbench.core.score_table import ScoreTable
from mmbench.metrics.evaluate import IS_COUNTED, STATUSES, cluster_codes, status_codes
from mmbench.results.run import TaskResult

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Statuses = NDArray[np.int8]

UNSCORED = "status"
"""Field of the mismatch where one run has no values of a task."""

_SCORED, _ERROR, _SKIPPED = (STATUSES.index(name) for name in ("scored", "error", "skipped"))


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing in which two sides differ, so that their values do not compare."""

    field: str
    """What it is: ``task version``, ``selected samples`` …"""
    a: Any
    """What the reference has; None where it has none."""
    b: Any
    """What the candidate has."""

    def __str__(self) -> str:
        return f"{self.field}: {shown(self.a)} against {shown(self.b)}"


def shown(value: Any) -> str:
    """A fact as text in one line; of a digest its beginning."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {shown(each)}" for key, each in value.items()) or "none"
    if value is None or value == "":
        return "none"
    text = str(value)
    is_digest = len(text) == 64 and not set(text) - set("0123456789abcdef")
    return text[:12] if is_digest else " ".join(text.split())


def mismatches(a: TaskResult, b: TaskResult) -> list[Mismatch]:
    """Every reason why two sides of a task do not compare; none where they do."""
    key_a, key_b = a.stated_key, b.stated_key
    if key_a.get("extractor") != key_b.get("extractor"):
        key_a, key_b = a.comparability_key, b.comparability_key
    found = [
        Mismatch(name, key_a.get(name), key_b.get(name))
        for name in dict.fromkeys([*key_a, *key_b])
        if key_a.get(name) != key_b.get(name)
    ]
    if not a.metrics or not b.metrics:
        return [Mismatch(UNSCORED, _state(a), _state(b)), *(found if a.metrics or b.metrics else [])]
    if not a.metrics.keys() & b.metrics.keys():
        found.append(Mismatch("metrics", ", ".join(a.metrics), ", ".join(b.metrics)))
    return found


def _state(task: TaskResult) -> str:
    return task.status if task.metrics else f"{task.status}, no scores"


def is_silent(metric: Metric, rows: Floats, status: Statuses) -> NDArray[np.bool_]:
    """Which units a metric that is over answers alone leaves out, because they were given none.

    A unit is not answered where its output was cut off, held no answer or declined to give one, and its row adds nothing to the metric;
    a metric that counts such units as wrong has rows that do.

    Args:
        metric: The metric; one that is no formula of sums, such as a median, counts every row.
        rows: What it reads of the units, float64 [n, d].
        status: Their statuses, int8 [n].
    """
    if metric.formula is None:
        return np.zeros(len(rows), dtype=np.bool_)
    silent: NDArray[np.bool_] = (status != _SCORED) & ~rows.any(axis=1)
    return silent


@dataclass(frozen=True, slots=True)
class Joined:
    """Two tables of one unit, brought together by the ids of the units that entered a value on both sides.

    A unit that failed or was skipped on either side is outside the pair; the counts say how many those are.
    """

    unit: str
    """What a row is."""
    a: ScoreTable
    """The reference's whole table."""
    b: ScoreTable
    """The candidate's whole table."""
    status_a: Statuses
    """int8, the status of every row of `a`, as its place in `mmbench.metrics.evaluate.STATUSES`."""
    status_b: Statuses
    """int8, the status of every row of `b`."""
    rows_a: Codes
    """int64 [n] rows of `a` in the pair, in its order."""
    rows_b: Codes
    """int64 [n] rows of `b` with the same ids."""
    clusters: Codes
    """int64 [n] cluster codes, from 0 without gaps."""
    outside_a: Codes
    """int64 rows of `a` that entered its values alone: the unit failed on the other side, or is not there."""
    outside_b: Codes
    """int64 rows of `b` that entered its values alone."""
    failed: Codes
    """int64 rows of `a` whose unit failed on both sides."""
    asked_a: Codes
    """int64 [m] rows of `a` that both sides were asked, whether they failed or not; skipped ones were not asked."""
    asked_b: Codes
    """int64 [m] rows of `b` with the same ids."""
    asked_clusters: Codes
    """int64 [m] cluster codes of these units."""

    @property
    def only_a(self) -> int:
        """Units that entered the reference's values alone."""
        return len(self.outside_a)

    @property
    def only_b(self) -> int:
        """Units that entered the candidate's values alone."""
        return len(self.outside_b)

    @property
    def neither(self) -> int:
        """Units that failed on both sides."""
        return len(self.failed)

    @property
    def n(self) -> int:
        """Units in the pair."""
        return len(self.rows_a)

    def part(self, inside_a: Sequence[bool], inside_b: Sequence[bool]) -> Joined:
        """The units for which the masks, one entry a row of each table, are true; the reference's decides for the pair."""
        masks = [np.asarray(mask, dtype=np.bool_) for mask in (inside_a, inside_b)]
        keep = masks[0][self.rows_a]
        asked = masks[0][self.asked_a]
        return Joined(
            unit=self.unit,
            a=self.a,
            b=self.b,
            status_a=self.status_a,
            status_b=self.status_b,
            rows_a=self.rows_a[keep],
            rows_b=self.rows_b[keep],
            clusters=_renumbered(self.clusters[keep]),
            outside_a=self.outside_a[masks[0][self.outside_a]],
            outside_b=self.outside_b[masks[1][self.outside_b]],
            failed=self.failed[masks[0][self.failed]],
            asked_a=self.asked_a[asked],
            asked_b=self.asked_b[asked],
            asked_clusters=self.asked_clusters[asked],
        )


def _renumbered(codes: Codes) -> Codes:
    """Codes from 0 without gaps, in the same order."""
    return np.unique(codes, return_inverse=True)[1].astype(np.int64, copy=False)


def join_tables(a: TaskResult, b: TaskResult) -> dict[str, Joined]:
    """Unit to the joined tables, for every unit that both sides have.

    Raises `NotComparableError` when tables are missing or damaged, an id stands twice in one, or the sides put the same
    unit into different clusters.
    """
    tables_a, tables_b = a.tables(b), b.tables(a)
    return {unit: join(tables_a[unit], tables_b[unit]) for unit in tables_a if unit in tables_b}


def join(a: ScoreTable, b: ScoreTable) -> Joined:
    """Join two tables of one unit; see `join_tables`."""
    left, right = matched_rows(a, b)
    status_a, status_b = status_codes(a), status_codes(b)
    counted_a, counted_b = IS_COUNTED[status_a], IS_COUNTED[status_b]
    both = counted_a[left] & counted_b[right]
    neither = ~counted_a[left] & ~counted_b[right] & ((status_a[left] == _ERROR) | (status_b[right] == _ERROR))
    rows_a, rows_b = left[both], right[both]
    asked = (status_a[left] != _SKIPPED) & (status_b[right] != _SKIPPED)
    codes = cluster_codes(a)
    if list(a.cluster_ids) != list(b.cluster_ids):
        _check_clusters(a, b, rows_a, rows_b)
    return Joined(
        unit=a.unit,
        a=a,
        b=b,
        status_a=status_a,
        status_b=status_b,
        rows_a=rows_a,
        rows_b=rows_b,
        clusters=_renumbered(codes[rows_a]),
        outside_a=_without(np.flatnonzero(counted_a), rows_a),
        outside_b=_without(np.flatnonzero(counted_b), rows_b),
        failed=left[neither],
        asked_a=left[asked],
        asked_b=right[asked],
        asked_clusters=codes[left[asked]],
    )


def _without(rows: Codes, some: Codes) -> Codes:
    return rows[:0] if len(rows) == len(some) else np.setdiff1d(rows, some, assume_unique=True)


def matched_rows(a: ScoreTable, b: ScoreTable) -> tuple[Codes, Codes]:
    """Rows of `a` and of `b` that have the same id, in the order of `a`. Raises `NotComparableError` for ids twice."""
    ids_a, ids_b = list(a.unit_ids), list(b.unit_ids)
    same = ids_a == ids_b
    places = {unit_id: row for row, unit_id in enumerate(ids_b)}
    if len(places) != len(ids_b) or not (same or len(set(ids_a)) == len(ids_a)):
        raise NotComparableError(f"a score table of unit {a.unit!r} has an id twice; score that run again")
    if same:
        everything = np.arange(len(ids_a), dtype=np.int64)
        return everything, everything
    found = np.fromiter((places.get(unit_id, -1) for unit_id in ids_a), np.int64, len(ids_a))
    rows = np.flatnonzero(found >= 0).astype(np.int64, copy=False)
    return rows, found[rows]


def _check_clusters(a: ScoreTable, b: ScoreTable, rows_a: Codes, rows_b: Codes) -> None:
    pairs: Sequence[tuple[int, int]] = list(zip(rows_a.tolist(), rows_b.tolist(), strict=True))
    for left, right in pairs:
        if a.cluster_ids[left] != b.cluster_ids[right]:
            raise NotComparableError(
                f"{a.unit} {a.unit_ids[left]!r} belongs to {a.cluster_ids[left]!r} in one run and to "
                f"{b.cluster_ids[right]!r} in the other; the clusters of the task have changed"
            )
