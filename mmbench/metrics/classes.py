"""Accuracy and F1 over a fixed set of classes, from counts that add up.

A row holds what one sample adds to three counts of every class: hits, predictions and occurrences. An answer that names no
class is a row without a prediction: it is missed where it belongs and claimed nowhere, so it is wrong in every average.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from mmbench.core.metric import ONES, Events
from mmbench.metrics.declare import MetricMaker, metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Average = Literal["macro", "micro", "weighted"]
AVERAGES: tuple[Average, ...] = ("macro", "micro", "weighted")
"""How the F1 of classes becomes one number."""
ZERO_DIVISIONS = ("nan", "0", "1")
"""What the F1 of a class is that neither occurs nor is predicted; ``nan``, the default: it is left out of the mean."""
COUNTS = ("hits", "predicted", "actual")
"""The columns of `class_columns`."""


def class_columns(predicted: Floats, actual: Sequence[int] | NDArray[np.int64]) -> dict[str, Floats]:
    """Count what each sample adds to hits, predictions and occurrences of every class.

    Args:
        predicted: float64 [n, C], 1 for the predicted class; shares that add up to 1 where several tie, and nothing but
            zeros where the answer names no class.
        actual: [n], the number of the true class, from 0 to C - 1.

    Returns:
        `COUNTS`, each float64 [n, C].

    Example:
        >>> import numpy as np
        >>> counts = class_columns(np.array([[1.0, 0.0], [0.0, 0.0]]), [0, 1])
        >>> [counts[name].sum(axis=0).tolist() for name in COUNTS]
        [[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]]
    """
    import numpy as np

    truth = np.zeros_like(predicted)
    truth[np.arange(len(predicted)), np.asarray(actual, dtype=np.int64)] = 1.0
    return dict(zip(COUNTS, (predicted * truth, predicted, truth), strict=True))


def multilabel_columns(predicted: Floats, actual: Floats) -> dict[str, Floats]:
    """Count what each sample of several labels adds to hits, predictions and occurrences of every label.

    Args:
        predicted: [n, C], 1 for every label that is named.
        actual: [n, C], 1 for every label that is right.

    Returns:
        `COUNTS`, each float64 [n, C], and ``f1_sample``, float64 [n]: the F1 of each sample's own labels, 0 where none is named
        and none is right.

    Example:
        >>> import numpy as np
        >>> multilabel_columns(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]))["f1_sample"].round(4).tolist()
        [0.6667]
    """
    import numpy as np

    claimed, truth = np.asarray(predicted, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    hits = claimed * truth
    both = claimed.sum(axis=1) + truth.sum(axis=1)
    own = 2 * hits.sum(axis=1) / np.where(both > 0, both, 1.0)
    return {**dict(zip(COUNTS, (hits, claimed, truth), strict=True)), "f1_sample": own}


samples_f1 = MetricMaker(
    "f1(average=samples)",
    description="Mean over samples of the F1 of each sample's own labels, where samples may have several.",
    columns=("f1_sample", ONES),
    formula="mean over samples of 2 hits / (predicted + actual)",
    source="scikit-learn, f1_score with average='samples' and zero_division=0",
    name="f1.samples",
)


def _events(sums: Floats, parameters: Mapping[str, str]) -> Events | None:
    """What the classes that occur rest on; None for averages that no rare class decides."""
    if parameters["average"] != "macro":
        return None
    actual = sums[2 * len(sums) // 3 :]
    actual = actual[actual > 0]
    if not len(actual):
        return Events(0.0, 0.0)
    return Events(float(actual.min()), float(len(actual) ** 2 / (1 / actual).sum()))


@metric(
    "f1(average=macro|micro|weighted,zero_division=[nan]|0|1)",
    columns=COUNTS,
    formula="mean over classes of 2 hits / (predicted + actual)",
    source="scikit-learn, f1_score with the labels of the dataset and the same zero_division",
    events=_events,
)
def f1(sums: Floats, *, average: str, zero_division: str = "nan", swapped: bool = False) -> Floats:
    r"""Harmonic mean of precision and recall of every class of the dataset, averaged.

    An output without an answer misses its class. A class that neither occurs nor is predicted is left out, unless
    zero_division says what it counts.

    .. math:: F_c = 2 h_c / (p_c + a_c)

    Args:
        sums: float64 [..., 3 C]: hits, then predictions, then occurrences of C classes.
        average: ``macro``, the mean over classes; ``weighted``, by how often each occurs; ``micro``, of all counts together.
        zero_division: One of `ZERO_DIVISIONS`.
        swapped: Weigh by how often each class is predicted, as who hands predictions and labels to `f1_score` in the wrong
            order does. F1 itself does not change; only ``weighted`` does.

    Returns:
        float64 [...]; NaN where there is nothing to average.

    Example:
        >>> import numpy as np
        >>> f1(average="macro").formula(np.array([1.0, 0.0, 1.0, 0.0, 1.0, 1.0])).item()
        0.5
    """
    import numpy as np

    hits, predicted, actual = np.split(sums, 3, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if average == "micro":
            return np.asarray(2 * hits.sum(axis=-1) / (predicted.sum(axis=-1) + actual.sum(axis=-1)))
        both = predicted + actual
        scores = np.where(both > 0, 2 * hits / both, float(zero_division))
        weights = predicted if swapped else actual
        if average == "macro":
            weights = np.isfinite(scores).astype(np.float64)
        return np.asarray((np.where(weights > 0, scores, 0.0) * weights).sum(axis=-1) / weights.sum(axis=-1))
