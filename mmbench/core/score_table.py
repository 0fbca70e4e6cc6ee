"""Scores a unit, and metric values that never travel without their interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

ScoreStatus = Literal["scored", "truncated", "unparsed", "refused", "error", "skipped"]
"""``scored``; ``truncated`` gets what its text is worth, 0 without an answer; ``unparsed`` and ``refused`` score 0; all of these
are counted. ``error`` and ``skipped`` are outside the value."""

COUNTED: frozenset[str] = frozenset({"scored", "truncated", "unparsed", "refused"})
"""The statuses whose rows enter a value."""


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """What every unit of scoring got: one table per kind of unit. Compare, gate and rescore read only this.

    All sequences have length n, the number of units, and share one order.
    """

    unit: str
    """What a row is: ``sample``, ``block``, ``query_t2i``, …"""
    unit_ids: Sequence[str]
    """[n] unique ids, stable between runs."""
    cluster_ids: Sequence[str]
    """[n] what errors cluster on."""
    status: Sequence[str]
    """[n] a `ScoreStatus` each."""
    columns: Mapping[str, Sequence[float] | np.ndarray[Any, Any]]
    """Name to float64 [n] or [n, d]; rows whose status is not counted hold 0."""
    slices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Name to [n] labels by which values are also shown; an empty label means: in no slice of that name."""
    answers: Sequence[str | None] | None = None
    """[n] what was extracted from each output, where a row has an answer."""
    explanations: Sequence[str | None] | None = None
    """[n] why a row was scored as it was, where that needs words."""
    incomplete: str | None = None
    """Why values over this table are incomplete (a gallery item failed, say); None when they are not."""
    remarks: Mapping[str, str] = field(default_factory=dict)
    """Name of a column to what must be known to read values that come from it."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One number with all that it takes to trust it."""

    id: str
    """The metric's id with its convention, such as ``recall@5(direction=t2i)``."""
    value: float | None
    """Over the units that were scored, in the metric's natural range; None where undefined, with a reason."""
    low: float | None
    """Lower end of the 95 % interval; None where it cannot be computed, with a reason."""
    high: float | None
    """Upper end of the 95 % interval."""
    n: int
    """Units that entered the value (scored, truncated, unparsed and refused)."""
    n_failed: int
    """Units that ended in an error or a time-out; outside the value."""
    n_unparsed: int
    """Units, among n, whose output ended by itself and held no answer; they score 0."""
    n_refused: int
    """Units, among n, that the model declined to answer; they score 0."""
    coverage: float
    """n / (n + n_failed), from 0 to 1."""
    value_failed_as_zero: float | None
    """The value with every failed unit as 0; None where the metric has no such reading."""
    n_clusters: int
    """Number of clusters among the n units."""
    method: str
    """How the interval was made: ``cluster-score``, ``wilson``, ``cluster-t`` (in older files ``cluster-se``),
    ``cluster-jackknife``, ``cluster-bootstrap(…)`` or ``none``."""
    higher_is_better: bool
    """The metric's direction."""
    unit: str
    """What a row was, as in `ScoreTable.unit`."""
    scale: float = 100.0
    """What tables multiply value and interval by: 100 where the field shows per cent, 1 elsewhere."""
    reason: str | None = None
    """Why something above is None, or why the value is incomplete."""
    n_truncated: int = 0
    """Units, among n, whose output was cut off by the limit on new tokens; they score what the text is worth. 0 before
    schema version 7."""
    bound_low: float | None = None
    """The value if every truncated, unparsed, refused and failed unit had the lowest score that there is (where higher is
    better: all of them wrong); None where the metric is no plain mean over a finite range, and before schema version 7."""
    bound_high: float | None = None
    """The value if all these units had the highest score that there is; None as for `bound_low`."""
    codes: list[str] = field(default_factory=list)
    """`reason` for programs; empty before schema version 9. No value: ``no-units``, ``not-finite`` (a score is NaN or infinite),
    ``undefined`` (the formula is). No interval: ``one-cluster``, ``no-spread`` (all values or resamples agree), ``few-references`` (a
    class has fewer than five), ``undefined-resamples``, ``undefined-bca``, ``overflow`` (squares of scores exceed a float),
    ``out-of-range`` (of what the metric declares). A rough interval: ``few-clusters`` (they weigh as much as fewer than ten equal ones), ``skewed``. ``remark``: something else is said of the value."""
