"""Sentiment as a number from -3 to 3: error, correlation, and the accuracies of 2, 5 and 7 classes of the field.

Two evaluators are followed to the letter. They differ in what they take for the two classes, and one hands its arguments to
F1 in the wrong order, so that its weights are those of the predictions; both are named in the metric's id:

- ``mmsa``: MMSA (Mao et al. 2022), ``MetricsTop``: with zero, the classes are < 0 and >= 0; F1 is weighted by the labels;
- ``mult``: MulT (Tsai et al. 2019), ``eval_mosei_senti``: with zero, the classes are <= 0 and > 0; F1 is weighted by the
  predictions.

Without zero, samples whose label is 0 are left out, and both take < 0 and > 0 of labels, <= 0 and > 0 of predictions.
Accuracies of 5 and 7 classes are the same in both: clip to [-2, 2] or [-3, 3], round half to even, compare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from mmbench.core.metric import ONES, Metric
from mmbench.metrics.classes import class_columns, f1
from mmbench.metrics.declare import Given, MetricMaker, metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Convention = Literal["mmsa", "mult"]
CONVENTIONS: tuple[Convention, ...] = ("mmsa", "mult")
"""The evaluators that are followed."""
NUMBER = "number"
"""The table of `number_columns`: a row for each sample, whose answer may hold no number."""
NONZERO = "nonzero"
"""The table of samples whose label is not 0."""

_MOMENTS = ("x", "y", "xy", "xx", "yy", "numbers")
_LARGEST = 1e100
"""Predictions beyond this count as this: sums of their squares are still numbers, and the error says enough."""
_SPREAD = 1e-12
"""Share of the raw second moment that a variance must exceed to be told from rounding."""


def number_columns(predictions: Floats, labels: Floats) -> dict[str, Floats]:
    """Compute what each sample adds to the mean absolute error and to the correlation.

    Args:
        predictions: float64 [n], NaN where an answer holds no number; those beyond 1e100 on either side count as that.
        labels: float64 [n], finite.

    Returns:
        ``absolute_error``, ``numbers`` (1 for a number, 0 for none) and the products of x and y, prediction and label less their
        means over these rows, each float64 [n]; 0 in rows without a number. The shift keeps digits and changes no value; rows of
        tables that were shifted differently do not add up.

    Example:
        >>> import numpy as np
        >>> columns = number_columns(np.array([1.0, np.nan]), np.array([3.0, 1.0]))
        >>> columns["absolute_error"].tolist(), columns["numbers"].tolist()
        ([2.0, 0.0], [1.0, 0.0])
    """
    import numpy as np

    known = np.isfinite(predictions)
    predictions = np.clip(predictions, -_LARGEST, _LARGEST)
    x, y = (np.where(known, values - _mean(values[known]), 0.0) for values in (predictions, labels))
    error: Floats = np.where(known, np.abs(predictions - labels), 0.0)
    return {
        "absolute_error": error,
        **dict(zip(_MOMENTS, (x, y, x * y, x * x, y * y, known.astype(np.float64)), strict=True)),
    }


def _mean(values: Floats) -> float:
    """The mean, the same for every order; 0 for none."""
    return math.fsum(values.tolist()) / len(values) if len(values) else 0.0


def _spread(sums: Floats, place: int) -> Floats:
    """n² times the variance of predictions (0) or labels (1), from the same sums: float64 [...]; NaN where they do not vary."""
    import numpy as np

    n, first, second = sums[..., 5], sums[..., place], sums[..., 3 + place]
    found = np.asarray(n * second - first * first)
    return np.where(found > _SPREAD * n * second, found, np.nan)


def _no_correlation(sums: Floats) -> str:
    """Why `pearson` of these sums is NaN."""
    import numpy as np

    if sums[5] < 2:
        return "a correlation takes two numbers"
    alike = [name for place, name in enumerate(("predictions", "labels")) if np.isnan(_spread(sums, place))]
    return f"all {' and all '.join(alike)} are the same"


mae = MetricMaker(
    "mae",
    description="Mean distance of the predicted from the true number, over the answers that hold a number.",
    columns=("absolute_error", "numbers"),
    formula="mean of |prediction - label|",
    source="mean absolute error",
    unit=NUMBER,
    bounds=(0.0, None),
    scale=1.0,
    higher_is_better=False,
)


@metric(
    "pearson",
    columns=_MOMENTS,
    formula="cov(x, y) / (sd(x) sd(y))",
    source="Pearson's product-moment correlation, from sums of centred products",
    unit=NUMBER,
    bounds=(-1.0, 1.0),
    scale=1.0,
    undefined=_no_correlation,
)
def pearson(sums: Floats) -> Floats:
    r"""Correlation of predicted and true numbers, over the answers that hold a number; undefined where either does not vary.

    .. math:: r = (n \sum xy - \sum x \sum y) / \sqrt{(n \sum x^2 - (\sum x)^2) (n \sum y^2 - (\sum y)^2)}

    Args:
        sums: float64 [..., 6]: sums of x, y, xy, xx, yy and 1, as `number_columns` makes them.

    Returns:
        float64 [...] in [-1, 1]; NaN where predictions or labels do not vary.

    Example:
        >>> import numpy as np
        >>> columns = number_columns(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
        >>> sums = np.array([columns[name].sum() for name in pearson().columns])
        >>> round(pearson().formula(sums).item(), 12)
        1.0
    """
    import numpy as np

    x, y, xy, _, _, n = (sums[..., place] for place in range(6))
    spread, other = _spread(sums, 0), _spread(sums, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.clip((n * xy - x * y) / np.sqrt(spread * other), -1.0, 1.0)
    return np.asarray(found)


# --- classes of numbers ---


def rounded_classes(values: Floats, most: int) -> Floats:
    """Assign each number to a class: clip to [-most, most] and round, halves to even.

    Args:
        values: float64 [n].
        most: The largest class.

    Returns:
        float64 [n]; NaN stays NaN.

    Example:
        >>> import numpy as np
        >>> rounded_classes(np.array([0.5, 1.5, -2.5, 9.0]), 3).tolist()
        [0.0, 2.0, -2.0, 3.0]
    """
    import numpy as np

    rounded: Floats = np.rint(np.clip(values, -most, most))
    return rounded


def same_class(predictions: Floats, labels: Floats, most: int) -> Floats:
    """Tell whether prediction and label fall into the same of 2 · most + 1 classes.

    Args:
        predictions: float64 [n], NaN where an answer holds no number.
        labels: float64 [n].
        most: The largest class.

    Returns:
        float64 [n]: 1 for the same class, else 0, also for NaN.

    Example:
        >>> import numpy as np
        >>> same_class(np.array([1.4, 1.6, np.nan]), np.array([1.0, 1.0, 1.0]), 2).tolist()
        [1.0, 0.0, 0.0]
    """
    import numpy as np

    same: Floats = np.equal(rounded_classes(predictions, most), rounded_classes(labels, most)).astype(np.float64)
    return same


def polarity_columns(predictions: Floats, labels: Floats, convention: Convention, *, zero: bool) -> dict[str, Floats]:
    """Count the two classes, negative and positive, as one evaluator does.

    Args:
        predictions: float64 [n], NaN for an answer without a number, which is then of no class (``mmsa``) or of the wrong one of
            the two (``mult``, whose F1 weighs by the predictions).
        labels: float64 [n].
        convention: One of `CONVENTIONS`.
        zero: Whether samples with the label 0 are among them, which decides where ``mmsa`` draws the line.

    Returns:
        The counts of `mmbench.metrics.classes.class_columns`, float64 [n, 2] each, and ``right``, float64 [n].

    Example:
        >>> import numpy as np
        >>> polarity_columns(np.array([1.0, -1.0]), np.array([2.0, 3.0]), "mmsa", zero=False)["right"].tolist()
        [1.0, 0.0]
    """
    import numpy as np

    inclusive = convention == "mmsa" and zero
    above, truth = ((values >= 0) if inclusive else (values > 0) for values in (predictions, labels))
    known = np.isfinite(predictions)
    # The weights of mult are the predictions': an answer that claimed no class would have no weight, and cost nothing.
    wrong = ~known & (convention == "mult")
    negative, positive = (known & ~above) | (wrong & truth), (known & above) | (wrong & ~truth)
    predicted = np.stack([negative, positive], axis=1).astype(np.float64)
    columns = class_columns(predicted, truth.astype(np.int64))
    return {**columns, "right": columns["hits"].sum(axis=1)}


def polarity_name(column: str, convention: Convention) -> str:
    """Name the column of a convention in a table that holds those of several.

    Args:
        column: A column of `polarity_columns`.
        convention: One of `CONVENTIONS`.

    Example:
        >>> polarity_name("right", "mult")
        'mult_right'
    """
    return f"{convention}_{column}"


def _unit(given: Given) -> str:
    return NONZERO if given["zero"] == "without" else "sample"


_BOTH = "MetricsTop of MMSA (github.com/thuiar/MMSA, 2022), eval_mosei_senti of MulT (github.com/yaohungt/Multimodal-Transformer, 2019)"
_CONVENTION = "convention=mmsa|mult,zero=without|with"

acc7 = MetricMaker(
    "acc7",
    description="Share of the numbers that fall into the right of seven classes.",
    columns=("acc7", ONES),
    formula="share of round(clip(x, -3, 3)) that are equal, halves rounded to even",
    source=_BOTH,
)
acc5 = MetricMaker(
    "acc5",
    description="Share of the numbers that fall into the right of five classes.",
    columns=("acc5", ONES),
    formula="share of round(clip(x, -2, 2)) that are equal, halves rounded to even",
    source=_BOTH,
)
acc2 = MetricMaker(
    f"acc2({_CONVENTION})",
    description="Share of the numbers on the right side of 0. zero=without leaves samples out whose label is 0; zero=with has "
    "them: convention=mmsa then tells < 0 from >= 0, convention=mult <= 0 from > 0.",
    columns=("{convention}_right", ONES),
    formula="numbers on the right side / samples",
    source=_BOTH,
    unit=_unit,
)


@metric(
    f"f1(average=weighted,classes=2,{_CONVENTION})",
    name="f1.sentiment",
    columns=("{convention}_hits", "{convention}_predicted", "{convention}_actual"),
    formula="weighted mean over the two classes of 2 hits / (predicted + actual)",
    source=_BOTH,
    unit=_unit,
)
def sentiment_f1(sums: Floats, *, convention: str) -> Floats:
    """Weighted F1 of the two classes of acc2.

    convention=mult weighs by the predictions, since MulT hands predictions and labels over in the wrong order: a constant
    answer gets .738 where mmsa says .432. An answer without a number is then of the wrong class, else of none.

    Args:
        sums: float64 [..., 6], the columns of `polarity_columns`.
        convention: One of `CONVENTIONS`.

    Returns:
        float64 [...].

    Example:
        >>> import numpy as np
        >>> metric = sentiment_f1(average="weighted", classes=2, convention="mult", zero="with")
        >>> metric.formula(np.array([0.0, 1.0, 0.0, 2.0, 1.0, 1.0])).round(3).item()
        0.667
    """
    scores: Floats = f1.function(sums, average="weighted", swapped=convention == "mult")
    return scores


def sentiment_metrics(conventions: Sequence[Convention] = CONVENTIONS) -> list[Metric]:
    """Make ``acc7`` and ``acc5``, and for each convention ``acc2`` and weighted F1, without zero and with.

    They read ``acc7``, ``acc5`` and the columns of `polarity_columns`, under their `polarity_name`, of the table ``sample``
    with zero and of the table `NONZERO` without.
    """
    metrics = [acc7(), acc5()]
    for convention in conventions:
        for zero in ("without", "with"):
            both = {"convention": convention, "zero": zero}
            metrics += [acc2(**both), sentiment_f1(average="weighted", classes=2, **both)]
    return metrics
