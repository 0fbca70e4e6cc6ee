"""ANLS, the similarity of an answer to the nearest reference, as the Robust Reading Competition computes it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mmbench.core.metric import ONES
from mmbench.metrics.declare import MetricMaker

THRESHOLD = 0.5
"""Similarities below it count as 0 in the benchmarks of the field."""


def levenshtein(first: str, second: str) -> int:
    """Count the insertions, deletions and substitutions of characters that turn one text into another.

    Args:
        first: A text.
        second: Another text.

    Returns:
        The smallest number of edits.

    Example:
        >>> levenshtein("kitten", "sitting")
        3
    """
    if len(first) < len(second):
        first, second = second, first
    row = list(range(len(second) + 1))
    for place, character in enumerate(first, 1):
        before, row[0] = row[0], place
        for column, other in enumerate(second, 1):
            kept = before + (character != other)
            before = row[column]
            row[column] = min(before + 1, row[column - 1] + 1, kept)
    return row[-1]


@lru_cache(maxsize=1 << 14)
def _collapsed(text: str) -> str:
    return " ".join(text.strip().lower().split())


def anls(answer: str, references: Sequence[str], *, threshold: float = THRESHOLD) -> float:
    r"""Normalised Levenshtein similarity of an answer to the nearest reference.

    .. math:: s = \max_j \left(1 - d(a, r_j) / \max(|a|, |r_j|)\right), \quad s < \tau \Rightarrow 0

    The distance d is taken in lower case with blanks collapsed; the lengths are those of the texts as written, as in the
    official script.

    Args:
        answer: The answer.
        references: At least one reference.
        threshold: τ; a smaller similarity counts as 0.

    Returns:
        The similarity in [0, 1]. Two empty texts are equal.

    Raises:
        ValueError: If there is no reference.

    Example:
        >>> round(anls("colour", ["color", "paint"]), 6), anls("red", ["blue"])
        (0.833333, 0.0)
    """
    if not references:
        raise ValueError("expected at least one reference")
    given = _collapsed(answer)
    best = 0.0
    for reference in references:
        wanted = _collapsed(reference)
        length = max(len(answer), len(reference))
        if length and 1 - abs(len(given) - len(wanted)) / length < max(threshold, best):
            continue  # so different in length that the similarity cannot reach the threshold, or what is known
        best = max(best, 1 - levenshtein(given, wanted) / length if length else 1.0)
    return best if best >= threshold else 0.0


anls_metric = MetricMaker(
    "anls(threshold=…)",
    description="Average normalised Levenshtein similarity of answers to the nearest reference; below the threshold it is 0.",
    columns=("anls", ONES),
    formula="mean of 1 - distance / length of the longer text, 0 below the threshold",
    source="Biten et al., Scene Text Visual Question Answering, ICCV 2019; the script of the Robust Reading Competition",
)
