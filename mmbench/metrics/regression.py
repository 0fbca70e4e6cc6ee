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
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmbench.core.ids import MetricId
from mmbench.core.metric import ONES, Metric
from mmbench.metrics.classes import COUNTS, class_columns, f1_formula
from mmbench.metrics.formulas import mean_metric, ratio

Floats = NDArray[np.float64]

Convention = Literal["mmsa", "mult"]
CONVENTIONS: tuple[Convention, ...] = ("mmsa", "mult")
"""The evaluators that are followed."""
NUMBER = "number"
"""The table of `number_columns`: a row for each sample, whose answer may hold no number."""
NONZERO = "nonzero"
"""The table of samples whose label is not 0."""

_SOURCES = {
    "mmsa": "MMSA, MetricsTop (github.com/thuiar/MMSA, 2022)",
    "mult": "MulT, eval_mosei_senti (github.com/yaohungt/Multimodal-Transformer, 2019)",
}
_MOMENTS = ("x", "y", "xy", "xx", "yy", "numbers")
_SPREAD = 1e-12
"""Share of the raw second moment that a variance must exceed to be told from rounding."""


def number_columns(predictions: Floats, labels: Floats) -> dict[str, Floats]:
    """What each sample adds to the mean absolute error and to the correlation.

    Parameters: `predictions`, float64 [n], NaN where an answer holds no number; `labels`, finite float64 [n].

    Returns: ``absolute_error``, ``numbers`` (1 for a number, 0 for none) and the products of x and y, prediction and label
    less their means over these rows, each float64 [n]; 0 in rows without a number. The shift keeps digits and changes no
    value; rows of tables that were shifted differently do not add up.
    """
    known = np.isfinite(predictions)
    x, y = (np.where(known, values - _mean(values[known]), 0.0) for values in (predictions, labels))
    error: Floats = np.where(known, np.abs(predictions - labels), 0.0)
    return {
        "absolute_error": error,
        **dict(zip(_MOMENTS, (x, y, x * y, x * x, y * y, known.astype(np.float64)), strict=True)),
    }


def _mean(values: Floats) -> float:
    """The mean, the same for every order; 0 for none."""
    return math.fsum(values.tolist()) / len(values) if len(values) else 0.0


def pearson(sums: Floats) -> Floats:
    """Pearson's correlation from sums of x, y, xy, xx, yy and 1: float64 [..., 6] → float64 [...].

    NaN where predictions or labels do not vary.
    """
    x, y, xy, _, _, n = (sums[..., place] for place in range(6))
    spread, other = _spread(sums, 0), _spread(sums, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.clip((n * xy - x * y) / np.sqrt(spread * other), -1.0, 1.0)
    return np.asarray(found)


def _spread(sums: Floats, place: int) -> Floats:
    """n² times the variance of predictions (0) or labels (1), from the same sums: float64 [...]; NaN where they do not vary."""
    n, first, second = sums[..., 5], sums[..., place], sums[..., 3 + place]
    found = np.asarray(n * second - first * first)
    return np.where(found > _SPREAD * n * second, found, np.nan)


def _no_correlation(sums: Floats) -> str:
    """Why `pearson` of these sums is NaN."""
    if sums[5] < 2:
        return "a correlation takes two numbers"
    alike = [name for place, name in enumerate(("predictions", "labels")) if np.isnan(_spread(sums, place))]
    return f"all {' and all '.join(alike)} are the same"


def number_metrics() -> list[Metric]:
    """``mae`` and ``pearson`` over the answers that hold a number; both read the table `NUMBER`."""
    return [
        Metric(
            id=MetricId("mae"),
            unit=NUMBER,
            columns=("absolute_error", "numbers"),
            formula=ratio,
            is_mean=True,
            higher_is_better=False,
            bounds=(0.0, None),
            scale=1.0,
            reference="mean of |prediction - label| over the answers that hold a number",
        ),
        Metric(
            id=MetricId("pearson"),
            unit=NUMBER,
            columns=_MOMENTS,
            formula=pearson,
            bounds=(-1.0, 1.0),
            scale=1.0,
            reference="Pearson's product-moment correlation over the answers that hold a number",
            undefined=_no_correlation,
        ),
    ]


# --- classes of numbers ---


def rounded_classes(values: Floats, most: int) -> Floats:
    """The class of each number: clipped to [-most, most] and rounded, halves to even; NaN stays NaN.

    >>> rounded_classes(np.array([0.5, 1.5, -2.5, 9.0]), 3).tolist()
    [0.0, 2.0, -2.0, 3.0]
    """
    rounded: Floats = np.rint(np.clip(values, -most, most))
    return rounded


def same_class(predictions: Floats, labels: Floats, most: int) -> Floats:
    """1 where prediction and label fall into the same of 2 · most + 1 classes, else 0, also for NaN: float64 [n]."""
    same: Floats = np.equal(rounded_classes(predictions, most), rounded_classes(labels, most)).astype(np.float64)
    return same


def polarity_columns(predictions: Floats, labels: Floats, convention: Convention, *, zero: bool) -> dict[str, Floats]:
    """The counts (`mmbench.metrics.classes`) of the two classes, negative and positive, and ``right``: float64 [n].

    Parameters: `predictions`, float64 [n], NaN for an answer without a number, which is then of no class (``mmsa``) or of
    the wrong one of the two (``mult``, whose F1 weighs by the predictions); `labels`; `zero`, whether samples with the
    label 0 are among them, which decides where ``mmsa`` draws the line.
    """
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
    """The column of a convention in a table that holds those of several."""
    return f"{convention}_{column}"


def sentiment_metrics(conventions: Sequence[Convention] = CONVENTIONS) -> list[Metric]:
    """``acc7`` and ``acc5``, and for each convention ``acc2`` and weighted F1, with zero and without.

    They read ``acc7``, ``acc5`` and the columns of `polarity_columns`, under their `polarity_name`, of the table ``sample``
    with zero and of the table `NONZERO` without.
    """
    metrics = [
        mean_metric(f"acc{2 * most + 1}", "sample", f"acc{2 * most + 1}", reference=_SOURCES["mmsa"]) for most in (3, 2)
    ]
    for convention in conventions:
        for zero, unit in (("without", NONZERO), ("with", "sample")):
            said = (("convention", convention), ("zero", zero))
            metrics.append(
                Metric(
                    id=MetricId("acc2", params=said),
                    unit=unit,
                    columns=(polarity_name("right", convention), ONES),
                    formula=ratio,
                    is_mean=True,
                    reference=_SOURCES[convention],
                )
            )
            metrics.append(
                Metric(
                    id=MetricId("f1", params=(("average", "weighted"), ("classes", "2"), *said)),
                    unit=unit,
                    columns=tuple(polarity_name(column, convention) for column in COUNTS),
                    formula=f1_formula("weighted", swapped=convention == "mult"),
                    reference=_SOURCES[convention],
                )
            )
    return metrics
