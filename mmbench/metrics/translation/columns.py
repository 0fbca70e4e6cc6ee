"""What each translation adds to the counts behind BLEU and chrF."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmbench.metrics.translation.tokenize import tokenize_13a

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WORDS = 4
"""Words of the longest n-grams of BLEU."""
CHARACTERS = 6
"""Characters of the longest n-grams of chrF."""
BETA = 2.0
"""How many times recall weighs as much as precision in chrF."""


def translation_columns(
    translations: Sequence[str], references: Sequence[Sequence[str]], *, lower: bool = False
) -> dict[str, Floats]:
    """Count the n-grams of translations and how many of them stand in the references.

    Args:
        translations: [n] segments; empty where there is no translation.
        references: [n][k_i] at least one for each.
        lower: Whether case is dropped.

    Returns:
        ``bleu_counts``, float64 [n, 10]: matches and n-grams of 1 to 4 words, the words of the translation and those of the
        reference that is closest in length (of two, the shorter). ``chrf_counts``, float64 [n, 18]: n-grams of the
        translation, of the reference and of both for 1 to 6 characters without blanks, of the best reference.

    Raises:
        ValueError: If a segment has no reference, or the lengths differ.

    Example:
        >>> columns = translation_columns(["a red ball"], [["the red ball", "a ball"]])
        >>> columns["bleu_counts"].tolist()
        [[3.0, 1.0, 0.0, 0.0, 3.0, 2.0, 1.0, 0.0, 3.0, 3.0]]
    """
    import numpy as np

    pairs = list(zip(translations, references, strict=True))
    if not all(wanted for _, wanted in pairs):
        raise ValueError("expected at least one reference for every segment")
    if lower:
        pairs = [(text.lower(), [each.lower() for each in wanted]) for text, wanted in pairs]
    return {
        "bleu_counts": np.array([_bleu(*pair) for pair in pairs], dtype=np.float64).reshape(-1, 2 * WORDS + 2),
        "chrf_counts": np.array([_chrf(*pair) for pair in pairs], dtype=np.float64).reshape(-1, 3 * CHARACTERS),
    }


def _ngrams(items: Sequence[str], n: int) -> Counter[Sequence[str]]:
    return Counter(items[place : place + n] for place in range(len(items) - n + 1))


def _bleu(translation: str, references: Sequence[str]) -> list[int]:
    tokens, wanted = tokenize_13a(translation), [tokenize_13a(each) for each in references]
    matches = []
    for n in range(1, WORDS + 1):
        most: Counter[Sequence[str]] = Counter()
        for each in wanted:
            most |= _ngrams(each, n)
        matches.append(sum((_ngrams(tokens, n) & most).values()))
    totals = [max(0, len(tokens) - n + 1) for n in range(1, WORDS + 1)]
    closest = min((len(each) for each in wanted), key=lambda length: (abs(length - len(tokens)), length))
    return [*matches, *totals, len(tokens), closest]


def _chrf(translation: str, references: Sequence[str]) -> list[int]:
    """The counts of the reference with the highest score, of several the first."""
    best, highest = [0] * (3 * CHARACTERS), -1.0
    text = "".join(translation.split())
    for reference in references:
        counts = _both(text, "".join(reference.split()))
        found = _f_score(counts)
        if found > highest:
            best, highest = counts, found
    return best


def _both(text: str, reference: str) -> list[int]:
    counts = []
    for n in range(1, CHARACTERS + 1):
        given, wanted = _ngrams(text, n), _ngrams(reference, n)
        counts += [sum(given.values()) if wanted else 0, sum(wanted.values()), sum((given & wanted).values())]
    return counts


def _f_score(counts: Sequence[int]) -> float:
    orders = [counts[place : place + 3] for place in range(0, len(counts), 3)]
    known = [each for each in orders if each[0] and each[1]]
    if not known:
        return 0.0
    precision = sum(match / given for given, _, match in known) / len(known)
    recall = sum(match / wanted for _, wanted, match in known) / len(known)
    both = BETA**2 * precision + recall
    return (1 + BETA**2) * precision * recall / both if both else 0.0
