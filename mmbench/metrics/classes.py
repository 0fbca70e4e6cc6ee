"""Accuracy and F1 over a fixed set of classes, from counts that add up.

A row holds what one sample adds to three counts of every class: hits, predictions and occurrences. An answer that names no
class is a row without a prediction: it is missed where it belongs and claimed nowhere, so it is wrong in every average.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mmbench.core.errors import UnknownNameError
from mmbench.core.ids import MetricId
from mmbench.core.metric import Metric

Floats = NDArray[np.float64]

Average = Literal["macro", "micro", "weighted"]
AVERAGES: tuple[Average, ...] = ("macro", "micro", "weighted")
"""How the F1 of classes becomes one number."""
ZERO_DIVISIONS = ("nan", "0", "1")
"""What the F1 of a class is that neither occurs nor is predicted; ``nan``, the default: it is left out of the mean."""
COUNTS = ("hits", "predicted", "actual")
"""The columns of `class_columns`."""

_SOURCE = "2 hits / (predicted + actual) of each class, as scikit-learn's f1_score with the labels of the data set"


def class_columns(predicted: Floats, actual: Sequence[int] | NDArray[np.int64]) -> dict[str, Floats]:
    """What each sample adds to the counts of every class.

    Parameters:
    - `predicted`: float64 [n, C], 1 for the predicted class; shares that add up to 1 where several tie, and nothing but
      zeros where the answer names no class;
    - `actual`: [n] number of the true class, from 0 to C - 1.

    Returns: `COUNTS`, each float64 [n, C].

    >>> counts = class_columns(np.array([[1.0, 0.0], [0.0, 0.0]]), [0, 1])
    >>> [counts[name].sum(axis=0).tolist() for name in COUNTS]
    [[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]]
    """
    truth = np.zeros_like(predicted)
    truth[np.arange(len(predicted)), np.asarray(actual, dtype=np.int64)] = 1.0
    return dict(zip(COUNTS, (predicted * truth, predicted, truth), strict=True))


def f1_formula(average: Average, *, zero_division: str = "nan", swapped: bool = False) -> Callable[[Floats], Floats]:
    """F1 of summed counts: float64 [..., 3 C], hits, then predictions, then occurrences of C classes → float64 [...].

    Parameters:
    - `average`: ``macro``, the mean over classes; ``weighted``, by how often each occurs; ``micro``, of all counts together;
    - `zero_division`: one of `ZERO_DIVISIONS`;
    - `swapped`: weigh by how often each class is predicted, as who hands predictions and labels to `f1_score` in the
      wrong order does. F1 itself does not change; only ``weighted`` does.

    NaN where there is nothing to average.
    """

    def formula(sums: Floats) -> Floats:
        hits, predicted, actual = np.split(sums, 3, axis=-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            if average == "micro":
                return np.asarray(2 * hits.sum(axis=-1) / (predicted.sum(axis=-1) + actual.sum(axis=-1)))
            both = predicted + actual
            f1 = np.where(both > 0, 2 * hits / both, float(zero_division))
            weights = predicted if swapped else actual
            if average == "macro":
                weights = np.isfinite(f1).astype(np.float64)
            return np.asarray((np.where(weights > 0, f1, 0.0) * weights).sum(axis=-1) / weights.sum(axis=-1))

    return formula


def f1_metric(
    average: Average, *, unit: str = "sample", zero_division: str = "nan", columns: Sequence[str] = COUNTS
) -> Metric:
    """``f1(average=…)`` over the classes that the columns count; another `zero_division` than the default stands in its id.

    Parameters: as in `f1_formula`; `unit`, the table; `columns`, the three that `class_columns` gives.

    Raises `UnknownNameError` for another average or zero division.

    >>> str(f1_metric("macro", zero_division="0").id)
    'f1(average=macro,zero_division=0)'
    """
    for what, value, known in (("average of f1", average, AVERAGES), ("zero_division", zero_division, ZERO_DIVISIONS)):
        if value not in known:
            raise UnknownNameError(what, str(value), known, hint=f"There are: {', '.join(known)}.")
    said = [("average", average), *([("zero_division", zero_division)] if zero_division != "nan" else [])]
    return Metric(
        id=MetricId("f1", params=tuple(said)),
        unit=unit,
        columns=tuple(columns),
        formula=f1_formula(average, zero_division=zero_division),
        reference=_SOURCE,
    )
