"""`check_metric`: does a metric keep its promises?"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.core.errors import PluginError, UnknownNameError
from mmbench.core.ids import MetricId
from mmbench.core.metric import ONES, Metric
from mmbench.core.score_table import ScoreTable
from mmbench.metrics.declare import MetricMaker
from mmbench.metrics.evaluate import evaluate
from mmbench.metrics.merging import merge_tables
from mmbench.metrics.registered import check_ids, metric_from_id
from mmbench.testing.report import Check, Report
from mmbench.testing.rules import BrokenError, KitRule, NotedError, SkippedError, described, judge
from mmbench.testing.score_tables import TOLERANCE, metric_rows, take

Floats = NDArray[np.float64]

_UNITS = 48
_CLUSTERS = 16
_RESAMPLES = 200
_CLOSE = 1e-12


class _Subject:
    """A metric with rows to try it on: those of a real table, or made-up ones."""

    def __init__(self, metric: Metric, table: ScoreTable | None, seed: int) -> None:
        self.metric = metric
        self.generator = np.random.default_rng(seed)
        self.table = _made_up(metric, self.generator) if table is None else table
        self.meaningful = (
            table is not None or metric.is_mean or (metric.compute is not None and len(metric.columns) == 1)
        )

    @property
    def rows(self) -> Floats:
        """float64 [n, d], new each time. Raises `SkippedError` when the table has no row that enters a value."""
        rows = metric_rows(self.metric, self.table)
        if not len(rows):
            raise SkippedError("No unit of the table was scored.")
        return rows

    def call(self, rows: Floats, weights: Floats) -> Floats:
        """The metric under several weightings of the rows, float64 [b, n]: float64 [b]."""
        return self.function(rows, weights) if self.metric.formula is None else self.function(weights @ rows)

    def function(self, *arrays: Floats) -> Floats:
        """What the formula, or the computation, makes of its arrays."""
        function: Any = self.metric.formula or self.metric.compute
        with np.errstate(all="ignore"):
            return np.asarray(function(*arrays), dtype=np.float64)

    def weights(self, count: int, n: int) -> Floats:
        """float64 [count, n]: how often each row is drawn in `count` resamples of different sizes, n or more."""
        drawn = [self.generator.integers(0, n, size=n + number % 7) for number in range(count)]
        return np.stack([np.bincount(row, minlength=n) for row in drawn]).astype(np.float64)


def check_metric(metric: Metric | MetricMaker, table: ScoreTable | None = None, *, seed: int = 0) -> Report:
    """Check one metric.

    Args:
        metric: The metric, or a declaration, of which one metric is checked.
        table: A score table that the metric reads. Without one, made-up columns serve means and statistics of one column,
            and the checks that need columns of meaning are skipped for others.
        seed: Seed of all that is drawn.
    """
    if isinstance(metric, MetricMaker):
        metric = metric.example()
    name = str(getattr(metric, "id", metric))
    first = [judge(rule, metric) for rule in _DECLARED]
    if any(check.status == "fail" for check in first):
        return Report("metric", name, tuple(first))
    first.append(judge(_REGISTERED, metric))
    subject = _Subject(metric, table, seed)
    rules = _COMMON if metric.formula is not None else (*_COMMON, *_WEIGHTED)
    if not subject.meaningful and (problem := _unusable(subject)):
        reason = f"Made-up columns do not suit it ({problem}); give a table of its task."
        return Report("metric", name, (*first, *(Check(rule.name, "skip", reason) for rule in rules)))
    return Report("metric", name, (*first, *(judge(rule, subject) for rule in rules)))


def _unusable(subject: _Subject) -> str | None:
    try:
        value = subject.call(subject.rows, np.ones((1, len(subject.rows))))
    except Exception as error:  # noqa: BLE001 - the columns are guesses, so whatever they cause is no fault
        return described(error)
    return None if np.isfinite(value).all() else "it is undefined over them"


def _made_up(metric: Metric, generator: np.random.Generator) -> ScoreTable:
    """A table whose columns suit a mean, or a statistic of one column."""
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


def _equal(one: Floats, other: Floats, tolerance: float = _CLOSE) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True))


# --- what it declares ---


def _id(metric: Metric) -> str:
    given = metric.id
    if not isinstance(given, MetricId):
        raise BrokenError(f"The id is a {type(given).__name__}.")
    try:
        back = MetricId.parse(str(given))
    except ValueError as error:
        raise BrokenError(f"The id's text cannot be parsed back: {error}.") from error
    if back != given or str(back) != str(given):
        raise BrokenError(f"The id {str(given)!r} is parsed back as {str(back)!r}.")
    return f"{given} can be parsed back."


def _declaration(metric: Metric) -> str:
    low, high = metric.bounds
    if not metric.unit or not metric.columns:
        raise BrokenError("It names no unit or no columns.")
    if low is not None and high is not None and not low < high:
        raise BrokenError(f"Its bounds are {low} and {high}.")
    if not (math.isfinite(metric.scale) and metric.scale > 0):
        raise BrokenError(f"Its scale is {metric.scale}.")
    return f"It reads {', '.join(metric.columns)} of the table {metric.unit!r}."


def _registered(metric: Metric) -> str:
    try:
        check_ids([metric])
        found = metric_from_id(str(metric.id))
    except PluginError as error:
        raise BrokenError(f"{error}.") from error
    except UnknownNameError:
        if metric.is_mean:
            return "It is a mean, which stored runs rebuild although it is registered nowhere."
        raise NotedError(
            "It is no mean and not registered: stored runs keep its values, and compare has no difference."
        ) from None
    return f"{found.maker.name if found.maker else ''} is registered and makes it from its id."


# --- what it computes ---


def _finite(subject: _Subject) -> str:
    rows = subject.rows
    if not np.isfinite(rows).all():
        raise BrokenError("The table holds scores that are not finite.")
    value = evaluate(subject.metric, subject.table).value
    if value is None:
        raise BrokenError(f"The value over {len(rows)} scored units is undefined.")
    return f"The value over {len(rows)} units is {value:.6g}."


def _bounds(subject: _Subject) -> str:
    low, high = subject.metric.bounds
    if low is None and high is None:
        raise SkippedError("Its range has no end.")
    if not subject.meaningful:
        raise SkippedError("Values over made-up columns mean nothing here; give a table of its task.")
    rows = subject.rows
    values = subject.call(rows, subject.weights(_RESAMPLES, len(rows)))
    least, most = (-math.inf if low is None else low), (math.inf if high is None else high)
    slack = [TOLERANCE * max(1.0, abs(end)) if math.isfinite(end) else 0.0 for end in (least, most)]
    outside = values[np.isfinite(values) & ((values < least - slack[0]) | (values > most + slack[1]))]
    if len(outside):
        raise BrokenError(
            f"{len(outside)} of {_RESAMPLES} resamples give values such as {outside[0]:.6g}, outside its bounds."
        )
    return f"{_RESAMPLES} resamples keep to [{least:g}, {most:g}]."


def _batched(subject: _Subject) -> str:
    rows = subject.rows
    weights = subject.weights(6, len(rows))
    together = subject.call(rows, weights)
    if together.shape != (6,):
        raise BrokenError(f"For a batch of 6 it returns shape {list(together.shape)}; expected [6].")
    alone = np.concatenate([subject.call(rows, weights[n : n + 1]) for n in range(6)])
    if not _equal(together, alone):
        raise BrokenError("A batch gives other values than one by one.")
    if subject.metric.formula is not None:
        sums = weights @ rows
        single, grid = subject.function(sums[0]), subject.function(sums.reshape(2, 3, -1))
        if single.shape != () or grid.shape != (2, 3):
            raise BrokenError(f"For [d] and [2, 3, d] it returns shapes {list(single.shape)} and {list(grid.shape)}.")
        if not _equal(grid.reshape(6), together) or not _equal(single, together[0]):
            raise BrokenError("Batches of another shape give other values.")
    return "A batch gives the same values as one by one."


def _pure(subject: _Subject) -> str:
    rows = subject.rows
    weights = subject.weights(4, len(rows))
    inputs = [rows, weights] if subject.metric.compute is not None else [weights @ rows]
    before = [part.copy() for part in inputs]
    first, second = subject.function(*inputs).copy(), subject.function(*[part.copy() for part in before])
    if not all(np.array_equal(part, copy, equal_nan=True) for part, copy in zip(inputs, before, strict=True)):
        raise BrokenError("It changes the array that it is given.")
    if not np.array_equal(first, second, equal_nan=True):
        raise BrokenError("Two equal calls give different values.")
    return "It leaves its input alone, and equal calls give equal values."


def _order(subject: _Subject) -> str:
    table, rows = subject.table, subject.rows
    _same_value(subject, take(table, subject.generator.permutation(len(table.unit_ids)).tolist()), "in another order")
    if subject.metric.compute is not None:
        weights, order = subject.weights(4, len(rows)), subject.generator.permutation(len(rows)).tolist()
        if not _equal(subject.call(rows, weights), subject.call(rows[order], weights[:, order])):
            raise BrokenError("compute gives other values when rows and weights are shuffled together.")
    return "The order of the rows changes nothing, to the last bit."


def _shards(subject: _Subject) -> str:
    table = subject.table
    parts = [take(table, range(start, len(table.unit_ids), 3)) for start in range(min(3, len(table.unit_ids)))]
    _same_value(subject, merge_tables(parts), "over merged shards")
    return f"{len(parts)} shards, merged, give the value of the whole."


def _same_value(subject: _Subject, table: ScoreTable, how: str) -> None:
    one, other = evaluate(subject.metric, subject.table), evaluate(subject.metric, table)
    if (one.value, one.low, one.high) != (other.value, other.low, other.high):
        raise BrokenError(f"The value is {one.value}, and {other.value} {how}.")


def _undefined(subject: _Subject) -> str:
    rows = subject.rows
    value = subject.call(rows, np.zeros((1, len(rows))))
    if value.shape != (1,):
        raise BrokenError(f"For sums of 0 it returns shape {list(value.shape)}; expected [1].")
    return f"Over nothing it gives {value[0]:g} and does not raise."


def _weights(subject: _Subject) -> str:
    rows = subject.rows
    weights = subject.weights(3, len(rows))
    for row in weights:
        repeated = np.repeat(rows, row.astype(np.int64), axis=0)
        expected, found = subject.call(repeated, np.ones((1, len(repeated)))), subject.call(rows, row[None])
        if not _equal(expected, found):
            raise BrokenError(f"Rows with whole weights give {found[0]:.9g}; repeated so often, {expected[0]:.9g}.")
    return "A whole weight counts as so many equal rows, 0 as none."


def _doubled(subject: _Subject) -> str:
    rows = subject.rows
    weights = np.concatenate([np.ones((1, len(rows))), subject.weights(3, len(rows))])
    one, two = subject.call(rows, weights), subject.call(rows, 2 * weights)
    if not _equal(one, two, TOLERANCE):
        raise BrokenError(f"With every weight doubled the value is {two[0]:.9g} in place of {one[0]:.9g}.")
    return "Doubling every weight changes nothing."


_DECLARED: tuple[KitRule[Metric], ...] = (
    KitRule("id", "Make the id with MetricId.parse; everything of the convention belongs in it.", _id),
    KitRule(
        "declaration", "Name unit and columns; the lower bound is below the upper; the scale is positive.", _declaration
    ),
)
_REGISTERED: KitRule[Metric] = KitRule(
    "registered", "Declare it with mmbench.metrics.metric and register that; give it an id of its own.", _registered
)
_COMMON: tuple[KitRule[_Subject], ...] = (
    KitRule("finite", "Return NaN only where no unit was scored or the value is truly undefined.", _finite),
    KitRule("bounds", "Correct the bounds or the formula; None is a range without an end.", _bounds),
    KitRule(
        "batched",
        "Index the last axis (sums[..., 0]) and keep all others; compute returns one value a weighting.",
        _batched,
    ),
    KitRule("pure", "Work on copies, and keep no state between calls.", _pure),
    KitRule("order", "Let nothing depend on the order of the rows.", _order),
    KitRule("shards", "Let the value depend on the rows alone.", _shards),
    KitRule("undefined", "Divide NumPy arrays (0/0 is NaN) rather than Python numbers.", _undefined),
)
_WEIGHTED: tuple[KitRule[_Subject], ...] = (
    KitRule("weights", "Treat weights as counts: the bootstrap draws rows several times or not at all.", _weights),
    KitRule("doubled", "Divide by the sum of the weights.", _doubled),
)
