"""Metrics over questions that were asked several times (``--repeats K``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmbench.core.metric import ONES
from mmbench.metrics.declare import MetricMaker, metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def expected_best(values: Floats, counted: NDArray[np.bool_]) -> Floats:
    """Give the expected best score of k answers drawn without replacement from those to each question.

    For scores of 0 and 1 it is the unbiased estimate 1 - C(n - c, k) / C(n, k) of pass@k, where c of n answers are right.

    Args:
        values: float64 [K, n], the scores of K answers to n questions.
        counted: bool [K, n], whether an answer enters.

    Returns:
        float64 [n, K]: for k = 1 … K. Where fewer than k answers entered, the best of all that did.

    References:
        Chen et al., Evaluating large language models trained on code, 2021, section 2.1.

    Example:
        >>> import numpy as np
        >>> expected_best(np.array([[1.0], [0.0], [0.0]]), np.ones((3, 1), dtype=bool)).round(4).tolist()
        [[0.3333, 0.6667, 1.0]]
    """
    from math import comb

    import numpy as np

    repeats, units = values.shape
    found = np.zeros((units, repeats))
    for unit in range(units):
        ordered = np.sort(values[counted[:, unit], unit])
        n = len(ordered)
        for k in range(1, repeats + 1):
            drawn = min(k, n)
            weights = [comb(place, drawn - 1) / comb(n, drawn) for place in range(n)] if n else []
            found[unit, k - 1] = float(np.dot(weights, ordered)) if n else 0.0
    return found


@metric(
    "pass@k(of=…)",
    columns=("pass:{of}", ONES),
    formula="mean over questions of the expected best of k answers",
    source="Chen et al. 2021, section 2.1",
)
def pass_at(sums: Floats, *, k: int) -> Floats:
    """How good the best of k answers to a question is expected to be, where each was asked K ≥ k times.

    Args:
        sums: float64 [..., K + 1]: the sums of the expected best of 1 … K answers, and the number of questions.
        k: The number of answers.
    """
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Floats = np.asarray(sums[..., k - 1] / sums[..., -1])
    return quotient


majority = MetricMaker(
    "majority(of=…)",
    description="What the commonest of a question's answers is worth; the mean over answers that are equally common.",
    columns=("majority:{of}", ONES),
    formula="mean over questions of the score of the commonest answer",
    source="self-consistency, Wang et al. 2023",
)


def _undefined(sums: Any) -> str:
    return "fewer than two questions" if sums[..., -1] < 2 else "no questions"


@metric(
    "variance_within(of=…)",
    columns=("within:{of}", ONES),
    formula="mean over questions of the variance of their scores",
    source="analysis of variance, one way",
    bounds=(0.0, None),
    scale=1.0,
    higher_is_better=False,
)
def variance_within(sums: Floats) -> Floats:
    """How much the score of one question varies from answer to answer."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: Floats = np.asarray(sums[..., 0] / sums[..., 1])
    return quotient


@metric(
    "variance_between(of=…)",
    columns=("{of}", "square:{of}", "noise:{of}", ONES),
    formula="variance of the questions' means, less what repeats add to it; at least 0",
    source="analysis of variance, one way",
    bounds=(0.0, None),
    scale=1.0,
    higher_is_better=False,
    undefined=_undefined,
)
def variance_between(sums: Floats) -> Floats:
    """How much questions differ in their true mean score."""
    import numpy as np

    total, squares, noise, n = (sums[..., place] for place in range(4))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = (squares - total**2 / n) / (n - 1) - noise / n
        found: Floats = np.where(n > 1, np.maximum(spread, 0.0), np.nan)
    return found
