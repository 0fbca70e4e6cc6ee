"""Formulas over sums of rows, weighted statistics, and the metrics made from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbench.core.ids import MetricId
from mmbench.core.metric import ONES, Metric
from mmbench.metrics.declare import MetricMaker

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def ratio(sums: Floats) -> Floats:
    """Divide the first column by the second; 0/0 is NaN, without a warning.

    Args:
        sums: float64 [..., 2].

    Returns:
        float64 [...].

    Example:
        >>> import numpy as np
        >>> ratio(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [0.75, nan]
    """
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Floats = np.asarray(sums[..., 0] / sums[..., 1])
    return quotient


def weighted_median(rows: Floats, weights: Floats) -> Floats:
    """Find the medians of one column under several weightings.

    A median is the midpoint of the lower and the upper one: the least values whose cumulative weight is at least half, and
    more than half, of the total. For weights of 1 this is `numpy.median`; for whole numbers, the median with each value
    repeated so often.

    Args:
        rows: float64 [n, 1].
        weights: float64 [b, n], none of them negative.

    Returns:
        float64 [b]; NaN where the weights add up to 0, or a NaN has weight.

    Example:
        >>> import numpy as np
        >>> weighted_median(np.array([[1.0], [2.0], [9.0]]), np.array([[1.0, 1, 1], [1, 1, 0], [0, 1, 3]])).tolist()
        [2.0, 1.5, 9.0]
    """
    import numpy as np

    values = rows[:, 0]
    order = np.argsort(values, kind="stable")
    if not np.array_equal(order, np.arange(len(order))):
        values, weights = values[order], weights[:, order]
    cumulative = np.cumsum(weights, axis=1)
    medians = np.full(len(weights), np.nan)
    first_nan = int(np.searchsorted(values, np.nan))
    for index, running in enumerate(cumulative):
        if not len(running) or not running[-1] > 0 or (first_nan and running[first_nan - 1] < running[-1]):
            continue
        half = running[-1] / 2
        lower = values[np.searchsorted(running, half, side="left")]
        upper = values[np.searchsorted(running, half, side="right")]
        medians[index] = (lower if lower == upper else (lower + upper) / 2) + 0.0  # -0.0 and 0.0 are the same median
    return medians


def mean_metric(metric_id: str, unit: str, column: str, **declared: Any) -> Metric:
    """Make a metric that is the mean of a column over the units of a table, and that needs no registration.

    Args:
        metric_id: The id, as text.
        unit: The table.
        column: The column.
        **declared: ``higher_is_better``, ``bounds``, ``scale`` and ``source``, as in `Metric`.

    Raises:
        ValueError: If the id is none.

    Example:
        >>> mean_metric("solved(of=chess)", "sample", "solved").columns
        ('solved', '1')
    """
    return Metric(MetricId.parse(metric_id), unit, (column, ONES), ratio, is_mean=True, **declared)


def median_metric(metric_id: str, unit: str, column: str, **declared: Any) -> Metric:
    """Make a metric that is the median of a column over the units of a table; by default of ranks: from 1 up, lower is better.

    It is registered nowhere, so a stored run cannot rebuild it: comparisons show its values without a difference. Declare it
    with `metric` where that matters.

    Args:
        metric_id: The id, as text.
        unit: The table.
        column: The column.
        **declared: As in `mean_metric`.

    Raises:
        ValueError: If the id is none.

    Example:
        >>> median_metric("median_length", "sample", "letters").bounds
        (1.0, None)
    """
    fields = {"higher_is_better": False, "bounds": (1.0, None), "scale": 1.0, **declared}
    return Metric(MetricId.parse(metric_id), unit, (column,), compute=weighted_median, **fields)


accuracy = MetricMaker(
    "accuracy",
    description="Share of the answers that are right; an output without an answer counts as wrong.",
    columns=("accuracy", ONES),
    formula="right answers / samples",
    source="mean over samples; a choice that ties with others is right with the probability of a random order",
)
rule_accuracy = MetricMaker(
    "accuracy(extraction=[as-given]|rules,rule=…)",
    description="Share of the answers that are right by a benchmark's own rule, which the id names. With extraction=rules, answers are "
    "found by rules where the published numbers ask a language model: the two are not comparable.",
    columns=("accuracy", ONES),
    formula="right answers / samples",
    source="the script of the benchmark that the rule is named after; see mmbench.metrics.answers",
    name="accuracy.rule",
)
direct_answers = MetricMaker(
    "direct_answer_accuracy",
    description="What answers are worth among those of ten people: a third for each who said exactly this, at most 1.",
    columns=("direct_answer", ONES),
    formula="mean of min(1, matches / 3)",
    source="Schwenk et al. 2022, A-OKVQA; its script eval_predictions.py",
)
exact_match = MetricMaker(
    "exact_match",
    description="Share of the captions that equal one of their references after the official tokenisation, where all right "
    "wordings are known.",
    columns=("exact_match", ONES),
    formula="equal captions / samples",
    source="mean over samples; the tokenizer of pycocoevalcap 1.2",
)
