"""`check_metric`: does a metric keep its promises?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.core.ids import MetricId
from mmbench.core.metric import ONES, Metric
from mmbench.core.scores import MetricValue, ScoreTable
from mmbench.metrics.evaluate import evaluate, merge_tables
from mmbench.testing.report import Check, Report
from mmbench.testing.rules import BrokenError, Rule, SkippedError, described, judge
from mmbench.testing.tables import TOLERANCE, metric_rows, take

Floats = NDArray[np.float64]

_UNITS = 48
_CLUSTERS = 16
_RESAMPLES = 200
_CLOSE = 1e-12


class MetricSubject:
    """A metric with rows to try it on: those of a real table, or made-up ones."""

    def __init__(self, metric: Metric, table: ScoreTable | None, seed: int) -> None:
        self.metric = metric
        self.generator = np.random.default_rng(seed)
        self.real = table is not None
        self._table = table

    @property
    def table(self) -> ScoreTable:
        """The table given, or a made-up one whose columns suit a mean, or a statistic of one column."""
        if self._table is None:
            self._table = _made_up(self.metric, self.generator)
        return self._table

    @property
    def meaningful(self) -> bool:
        """Whether the rows are such as the metric expects, so that its values mean something."""
        return self.real or self.metric.is_mean or (self.metric.compute is not None and len(self.metric.columns) == 1)

    @property
    def rows(self) -> Floats:
        """float64 [n, d], new each time. Raises `SkippedError` when the table has no row that enters a value."""
        rows = metric_rows(self.metric, self.table)
        if not len(rows):
            raise SkippedError("No unit of the table was scored.")
        return rows

    def call(self, rows: Floats, weights: Floats) -> Floats:
        """The metric under several weightings of the rows, float64 [b, n]: float64 [b]."""
        metric = self.metric
        with np.errstate(all="ignore"):
            if metric.formula is not None:
                return _float(metric.formula(weights @ rows))
            if metric.compute is not None:
                return _float(metric.compute(rows, weights))
        raise BrokenError("It has neither a formula nor a compute function.")

    def weights(self, count: int, n: int) -> Floats:
        """float64 [count, n]: how often each row is drawn in `count` resamples of different sizes, n or more."""
        drawn = [self.generator.integers(0, n, size=n + number % 7) for number in range(count)]
        return np.stack([np.bincount(row, minlength=n) for row in drawn]).astype(np.float64)

    def evaluated(self, table: ScoreTable) -> MetricValue:
        """What the harness says of the metric over a table."""
        return evaluate(self.metric, table)


def check_metric(metric: Metric, table: ScoreTable | None = None, *, seed: int = 0) -> Report:
    """Check one metric.

    Parameters: `table`, a score table that the metric reads; without one, made-up columns serve means and statistics
    of one column, and the checks that need columns of meaning are skipped for others; `seed` of all that is drawn.
    """
    subject = MetricSubject(metric, table, seed)
    first = [judge(rule, subject) for rule in _DECLARED]
    if any(check.status == "fail" for check in first):
        return Report("metric", _name(metric), tuple(first))
    rules = _FORMULA if metric.formula is not None else _COMPUTE
    if not subject.meaningful and (problem := _unusable(subject)):
        reason = f"Made-up columns do not suit it ({problem}); give a table of its task."
        return Report("metric", _name(metric), (*first, *(Check(rule.name, "skip", reason) for rule in rules)))
    return Report("metric", _name(metric), (*first, *(judge(rule, subject) for rule in rules)))


def _name(metric: Metric) -> str:
    return str(getattr(metric, "id", metric))


def _unusable(subject: MetricSubject) -> str | None:
    try:
        subject.call(subject.rows, np.ones((1, len(subject.rows))))
    except Exception as error:  # noqa: BLE001 - the columns are guesses, so whatever they cause is no fault
        return described(error)
    return None


def _made_up(metric: Metric, generator: np.random.Generator) -> ScoreTable:
    low, high = metric.bounds
    if low is not None and high is not None:
        values = generator.uniform(low, high, _UNITS)
    elif low is None and high is None:
        values = generator.standard_normal(_UNITS)
    else:
        sign = 1.0 if low is not None else -1.0
        values = (low if low is not None else high or 0.0) + sign * generator.exponential(2.0, _UNITS)
    columns = {name: generator.integers(0, 4, _UNITS).astype(np.float64) for name in metric.columns if name != ONES}
    first, *others = metric.columns
    if metric.is_mean and others[0] != ONES:
        columns[others[0]] = generator.uniform(0.5, 2.0, _UNITS)
        values = values * columns[others[0]]
    if (metric.is_mean or len(metric.columns) == 1) and first != ONES:
        columns[first] = values
    names = [f"unit-{number:02}" for number in range(_UNITS)]
    clusters = [f"cluster-{number % _CLUSTERS:02}" for number in range(_UNITS)]
    return ScoreTable(metric.unit, names, clusters, ["scored"] * _UNITS, columns)


def _float(values: Any) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _equal(one: Floats, other: Floats, tolerance: float = _CLOSE) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True))


def _id(subject: MetricSubject) -> str:
    given = subject.metric.id
    if not isinstance(given, MetricId):
        raise BrokenError(f"The id is a {type(given).__name__}.")
    try:
        back = MetricId.parse(str(given))
    except ValueError as error:
        raise BrokenError(f"The id's text cannot be parsed back: {error}.") from error
    if back != given or str(back) != str(given):
        raise BrokenError(f"The id {str(given)!r} is parsed back as {str(back)!r}.")
    return f"{given} can be parsed back."


def _declaration(subject: MetricSubject) -> str:
    metric = subject.metric
    low, high = metric.bounds
    if not metric.unit or not metric.columns:
        raise BrokenError("It names no unit or no columns.")
    if low is not None and high is not None and not low < high:
        raise BrokenError(f"Its bounds are {low} and {high}.")
    if not (math.isfinite(metric.scale) and metric.scale > 0):
        raise BrokenError(f"Its scale is {metric.scale}.")
    return f"It reads {', '.join(metric.columns)} of the table {metric.unit!r}."


def _finite(subject: MetricSubject) -> str:
    rows = subject.rows
    if not np.isfinite(rows).all():
        raise BrokenError("The table holds scores that are not finite.")
    value = subject.evaluated(subject.table).value
    if value is None:
        raise BrokenError(f"The value over {len(rows)} scored units is undefined.")
    return f"The value over {len(rows)} units is {value:.6g}."


def _bounds(subject: MetricSubject) -> str:
    low, high = subject.metric.bounds
    if low is None and high is None:
        raise SkippedError("Its range has no end.")
    if not subject.meaningful:
        raise SkippedError("Values over made-up columns mean nothing here; give a table of its task.")
    rows = subject.rows
    values = subject.call(rows, subject.weights(_RESAMPLES, len(rows)))
    defined = values[np.isfinite(values)]
    outside = [v for v in defined.tolist() if (low is not None and v < low - _slack(low)) or _above(v, high)]
    if outside:
        raise BrokenError(
            f"{len(outside)} of {_RESAMPLES} resamples give values such as {outside[0]:.6g}, outside its bounds."
        )
    return f"{_RESAMPLES} resamples keep to [{_end(low)}, {_end(high)}]."


def _above(value: float, high: float | None) -> bool:
    return high is not None and value > high + _slack(high)


def _slack(end: float) -> float:
    return TOLERANCE * max(1.0, abs(end))


def _end(end: float | None) -> str:
    return "…" if end is None else f"{end:g}"


def _batched(subject: MetricSubject) -> str:
    rows = subject.rows
    weights = subject.weights(6, len(rows))
    together = subject.call(rows, weights)
    if together.shape != (6,):
        raise BrokenError(f"For a batch of 6 it returns shape {list(together.shape)}; expected [6].")
    alone = np.concatenate([subject.call(rows, weights[n : n + 1]) for n in range(6)])
    if not _equal(together, alone):
        raise BrokenError("A batch gives other values than one by one.")
    formula = subject.metric.formula
    if formula is not None:
        sums = weights @ rows
        with np.errstate(all="ignore"):
            single, grid = _float(formula(sums[0])), _float(formula(sums.reshape(2, 3, -1)))
        if single.shape != () or grid.shape != (2, 3):
            raise BrokenError(f"For [d] and [2, 3, d] it returns shapes {list(single.shape)} and {list(grid.shape)}.")
        if not _equal(grid.reshape(6), together) or not _equal(single, together[0]):
            raise BrokenError("Batches of another shape give other values.")
    return "A batch gives the same values as one by one."


def _pure(subject: MetricSubject) -> str:
    rows = subject.rows
    weights = subject.weights(4, len(rows))
    inputs = [rows, weights] if subject.metric.compute is not None else [weights @ rows]
    before = [part.copy() for part in inputs]
    function: Callable[..., Any] | None = subject.metric.formula or subject.metric.compute
    if function is None:
        raise BrokenError("It has neither a formula nor a compute function.")
    with np.errstate(all="ignore"):
        first, second = _float(function(*inputs)).copy(), _float(function(*[part.copy() for part in before]))
    if not all(np.array_equal(part, copy, equal_nan=True) for part, copy in zip(inputs, before, strict=True)):
        raise BrokenError("It changes the array that it is given.")
    if not np.array_equal(first, second, equal_nan=True):
        raise BrokenError("Two equal calls give different values.")
    return "It leaves its input alone, and equal calls give equal values."


def _order(subject: MetricSubject) -> str:
    table, rows = subject.table, subject.rows
    order = subject.generator.permutation(len(table.unit_ids)).tolist()
    one, other = subject.evaluated(table), subject.evaluated(take(table, order))
    if (one.value, one.low, one.high) != (other.value, other.low, other.high):
        raise BrokenError(f"The value is {one.value} in one order of the rows and {other.value} in another.")
    if subject.metric.compute is not None:
        weights, order = subject.weights(4, len(rows)), subject.generator.permutation(len(rows)).tolist()
        if not _equal(subject.call(rows, weights), subject.call(rows[order], weights[:, order])):
            raise BrokenError("compute gives other values when rows and weights are shuffled together.")
    return "The order of the rows changes nothing, to the last bit."


def _shards(subject: MetricSubject) -> str:
    table = subject.table
    parts = [take(table, range(start, len(table.unit_ids), 3)) for start in range(min(3, len(table.unit_ids)))]
    one, other = subject.evaluated(table), subject.evaluated(merge_tables(parts))
    if (one.value, one.low, one.high) != (other.value, other.low, other.high):
        raise BrokenError(f"The value is {one.value} over the whole and {other.value} over merged shards.")
    return f"{len(parts)} shards, merged, give the value of the whole."


def _undefined(subject: MetricSubject) -> str:
    rows = subject.rows
    value = subject.call(rows, np.zeros((1, len(rows))))
    if value.shape != (1,):
        raise BrokenError(f"For sums of 0 it returns shape {list(value.shape)}; expected [1].")
    return f"Over nothing it gives {value[0]:g} and does not raise."


def _weights(subject: MetricSubject) -> str:
    rows = subject.rows
    weights = subject.weights(3, len(rows))
    for row in weights:
        repeated = np.repeat(rows, row.astype(np.int64), axis=0)
        expected, found = subject.call(repeated, np.ones((1, len(repeated)))), subject.call(rows, row[None])
        if not _equal(expected, found):
            raise BrokenError(f"Rows with whole weights give {found[0]:.9g}; repeated so often, {expected[0]:.9g}.")
    return "A whole weight counts as so many equal rows, 0 as none."


def _doubled(subject: MetricSubject) -> str:
    rows = subject.rows
    weights = np.concatenate([np.ones((1, len(rows))), subject.weights(3, len(rows))])
    one, two = subject.call(rows, weights), subject.call(rows, 2 * weights)
    if not _equal(one, two, TOLERANCE):
        raise BrokenError(f"With every weight doubled the value is {two[0]:.9g} in place of {one[0]:.9g}.")
    return "Doubling every weight changes nothing."


_DECLARED: tuple[Rule[MetricSubject], ...] = (
    Rule("id", "Make the id with MetricId.parse; everything of the convention belongs in it.", _id),
    Rule(
        "declaration", "Name unit and columns; the lower bound is below the upper; the scale is positive.", _declaration
    ),
)
_COMMON: tuple[Rule[MetricSubject], ...] = (
    Rule("finite", "Return NaN only where no unit was scored or the value is truly undefined.", _finite),
    Rule("bounds", "Correct the bounds or the formula; None is a range without an end.", _bounds),
    Rule(
        "batched",
        "Index the last axis (sums[..., 0]) and keep all others; compute returns one value a weighting.",
        _batched,
    ),
    Rule("pure", "Work on copies, and keep no state between calls.", _pure),
    Rule("order", "Let nothing depend on the order of the rows.", _order),
    Rule("shards", "Let the value depend on the rows alone.", _shards),
    Rule("undefined", "Divide NumPy arrays (0/0 is NaN) rather than Python numbers.", _undefined),
)
_FORMULA = _COMMON
_COMPUTE: tuple[Rule[MetricSubject], ...] = (
    *_COMMON,
    Rule("weights", "Treat weights as counts: the bootstrap draws rows several times or not at all.", _weights),
    Rule("doubled", "Divide by the sum of the weights.", _doubled),
)
