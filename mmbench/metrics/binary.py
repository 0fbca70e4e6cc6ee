"""Metrics of two classes of which one counts as positive: from answers, and from scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmbench.core.metric import ONES
from mmbench.metrics.declare import MetricMaker, metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HITS, PREDICTED, ACTUAL, SCORE = "positive_hits", "positive_predicted", "positive_actual", "positive_score"
"""The columns of `binary_columns` and of `score_column`."""
_SKLEARN = "scikit-learn, precision_recall_fscore_support"


def binary_columns(predicted: Sequence[float], actual: Sequence[bool]) -> dict[str, Floats]:
    """Count what each sample adds to the counts of the positive class.

    Args:
        predicted: [n] 1 for the positive class, 0 for the negative one and for no answer; a share where both tie.
        actual: [n] whether the positive class is right.

    Returns:
        `HITS`, `PREDICTED` and `ACTUAL`, float64 [n] each.

    Example:
        >>> {name: column.tolist() for name, column in binary_columns([1.0, 1.0, 0.0], [True, False, True]).items()}
        {'positive_hits': [1.0, 0.0, 0.0], 'positive_predicted': [1.0, 1.0, 0.0], 'positive_actual': [1.0, 0.0, 1.0]}
    """
    import numpy as np

    claimed, truth = np.asarray(predicted, dtype=np.float64), np.asarray(actual, dtype=np.float64)
    return {HITS: claimed * truth, PREDICTED: claimed, ACTUAL: truth}


def score_column(scores: Sequence[float], actual: Sequence[bool]) -> dict[str, Floats]:
    """Bring the scores of the positive class into a column.

    Args:
        scores: [n] higher where the positive class is likelier; NaN where there is no answer, which then counts as wrong: as
            lower than any other score where the positive class is right, and as higher where it is not.
        actual: [n] whether the positive class is right.

    Returns:
        `SCORE`, float64 [n] and finite.

    Example:
        >>> score_column([0.2, float("nan"), 0.9], [False, True, True])["positive_score"].tolist()
        [0.2, -1.7976931348623157e+308, 0.9]
    """
    import numpy as np

    values, truth = np.asarray(scores, dtype=np.float64), np.asarray(actual, dtype=bool)
    largest = np.finfo(np.float64).max
    return {SCORE: np.where(np.isnan(values), np.where(truth, -largest, largest), values)}


@metric(
    "precision(positive=…)",
    columns=(HITS, PREDICTED),
    formula="hits / answers that name the positive class",
    source=_SKLEARN,
)
def precision(sums: Floats) -> Floats:
    """Share of the answers that name the positive class which are right.

    Args:
        sums: float64 [..., 2].

    Returns:
        float64 [...]; NaN where no answer names it.

    Example:
        >>> import numpy as np
        >>> precision(positive="yes").formula(np.array([3.0, 4.0])).item()
        0.75
    """
    from mmbench.metrics.formulas import ratio

    return ratio(sums)


@metric(
    "recall(positive=…)",
    columns=(HITS, ACTUAL),
    formula="hits / samples of the positive class",
    source=_SKLEARN,
    name="recall.binary",
)
def binary_recall(sums: Floats) -> Floats:
    """Share of the samples of the positive class whose answer names it; no answer is a miss.

    Args:
        sums: float64 [..., 2].

    Returns:
        float64 [...]; NaN where there is no such sample.

    Example:
        >>> import numpy as np
        >>> binary_recall(positive="yes").formula(np.array([3.0, 4.0])).item()
        0.75
    """
    from mmbench.metrics.formulas import ratio

    return ratio(sums)


@metric(
    "f1(positive=…)",
    columns=(HITS, PREDICTED, ACTUAL),
    formula="2 hits / (predicted + actual)",
    source=_SKLEARN,
    name="f1.binary",
)
def binary_f1(sums: Floats) -> Floats:
    r"""Harmonic mean of precision and recall of the positive class.

    .. math:: F = 2 h / (p + a)

    Args:
        sums: float64 [..., 3].

    Returns:
        float64 [...]; NaN where it is neither named nor right anywhere.

    Example:
        >>> import numpy as np
        >>> binary_f1(positive="yes").formula(np.array([1.0, 2.0, 1.0])).round(4).item()
        0.6667
    """
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(2 * sums[..., 0] / (sums[..., 1] + sums[..., 2]))


positive_rate = MetricMaker(
    "predicted_rate(positive=…)",
    description="Share of the answers that name the positive class, right or wrong, among all samples: the yes-ratio of predictions "
    "where that class is yes. It is neither good nor bad by itself; far from the share that is right it shows a bias.",
    columns=(PREDICTED, ONES),
    formula="answers that name the positive class / samples",
    source="Li et al. 2023, POPE, yes ratio",
)


@metric(
    "auroc(positive=…)",
    columns=(SCORE, ACTUAL),
    formula="probability that a positive sample scores above a negative one, ties half",
    source="Hanley and McNeil 1982; scikit-learn, roc_auc_score",
)
def auroc(rows: Floats, weights: Floats) -> Floats:
    r"""Area under the receiver operating characteristic: how well scores rank the positive samples above the others.

    .. math:: P(s_+ > s_-) + \tfrac12 P(s_+ = s_-)

    Args:
        rows: float64 [n, 2]: the score of the positive class, and 1 where it is right.
        weights: float64 [b, n].

    Returns:
        float64 [b]; NaN where one of the two classes has no weight.

    Example:
        >>> import numpy as np
        >>> rows = np.array([[0.1, 0.0], [0.4, 1.0], [0.4, 0.0], [0.8, 1.0]])
        >>> auroc(positive="yes").compute(rows, np.ones((1, 4))).tolist()
        [0.875]
    """
    import numpy as np

    positive, negative = _by_threshold(rows, weights)
    above = np.cumsum(positive, axis=1) - positive
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = positive.sum(axis=1) * negative.sum(axis=1)
        return np.asarray((negative * (above + positive / 2)).sum(axis=1) / pairs)


@metric(
    "average_precision(positive=…)",
    columns=(SCORE, ACTUAL),
    formula="sum over thresholds of precision · gain in recall",
    source="scikit-learn, average_precision_score",
)
def average_precision(rows: Floats, weights: Floats) -> Floats:
    r"""Mean of the precisions at every threshold of the score, weighted by what the threshold adds to recall.

    .. math:: \sum_k (R_k - R_{k-1}) P_k

    Args:
        rows: float64 [n, 2]: the score of the positive class, and 1 where it is right. Equal scores are one threshold.
        weights: float64 [b, n].

    Returns:
        float64 [b]; NaN where no sample of the positive class has weight.

    Example:
        >>> import numpy as np
        >>> rows = np.array([[0.1, 0.0], [0.35, 1.0], [0.4, 0.0], [0.8, 1.0]])
        >>> average_precision(positive="yes").compute(rows, np.ones((1, 4))).round(4).tolist()
        [0.8333]
    """
    import numpy as np

    positive, negative = _by_threshold(rows, weights)
    hits = np.cumsum(positive, axis=1)
    named = hits + np.cumsum(negative, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(named > 0, hits / named, 0.0)
        return np.asarray((positive * shares).sum(axis=1) / positive.sum(axis=1))


def _by_threshold(rows: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The weight of positive and of negative samples at each distinct score, from the highest: float64 [b, t] each."""
    import numpy as np

    order = np.argsort(-rows[:, 0], kind="stable")
    scores, truth, weights = rows[order, 0], rows[order, 1], weights[:, order]
    if not len(scores):
        return np.zeros((len(weights), 0)), np.zeros((len(weights), 0))
    starts = np.flatnonzero(np.concatenate(([True], scores[1:] != scores[:-1])))
    parts = (weights * truth, weights * (1 - truth))
    positive, negative = (np.add.reduceat(part, starts, axis=1) for part in parts)
    return np.asarray(positive), np.asarray(negative)
