"""Relaxed accuracy: numbers may differ by a share of the reference, as in the evaluation of ChartQA."""

from __future__ import annotations

from collections.abc import Sequence

from mmbench.core.metric import ONES
from mmbench.metrics.declare import MetricMaker

TOLERANCE = 0.05
"""The share of the reference by which a number may differ."""


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def relaxed_match(answer: str, references: Sequence[str], *, tolerance: float = TOLERANCE) -> bool:
    r"""Say whether an answer is one of the references, numbers within a tolerance.

    .. math:: |a - r| / |r| \le \tau

    where both are numbers and r is not 0; otherwise the texts must be equal but for case. ``10%`` is the number 0.1.

    Args:
        answer: The answer, without blanks at its ends.
        references: The references; any of them will do.
        tolerance: τ.

    Returns:
        Whether one matches.

    Example:
        >>> relaxed_match("104", ["100"]), relaxed_match("106", ["100"]), relaxed_match("0.0", ["0"])
        (True, False, False)
        >>> relaxed_match("10%", ["10"]), relaxed_match("No", ["no"])
        (False, True)
    """
    given = _number(answer)
    for reference in references:
        wanted = _number(reference)
        if given is not None and wanted:
            if abs(given - wanted) / abs(wanted) <= tolerance:
                return True
        elif answer.lower() == reference.lower():
            return True
    return False


relaxed_accuracy = MetricMaker(
    "relaxed_accuracy(tolerance=…)",
    description="Share of the answers that equal the reference, or are numbers that differ from it by no more than a share of it.",
    columns=("relaxed_accuracy", ONES),
    formula="mean over samples of |answer - reference| <= tolerance · |reference|; equality of texts where one is no number, or the "
    "reference is 0",
    source="Methani et al. 2020, PlotQA; Masry et al. 2022, ChartQA; the script of pix2struct",
)
