"""MathVista's typed answers: an option, a whole number, a number of some decimals, a list."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase

from mmbench.metrics.answers.similarity import levenshtein

_LETTER = re.compile(r"\(([a-zA-Z])\)")
TYPES = ("integer", "float", "list", "text")
"""The types of answers."""


def mathvista_typed(
    extraction: str, answer_type: str, *, choices: Sequence[str] | None = None, precision: int | None = None
) -> str | None:
    """Bring an extracted answer to the form of the type that its question asks for.

    Args:
        extraction: The answer, as extracted from what the model wrote.
        answer_type: One of `TYPES`.
        choices: The texts of the options, where there are some: the answer is then the option that its letter names, or
            else the one with the smallest edit distance.
        precision: Decimals of a ``float``.

    Returns:
        The form that the official script compares with the reference; None where it has none. Source:
        ``calculate_score.py`` of github.com/lupantech/MathVista.

    Example:
        >>> mathvista_typed("2.0", "integer"), mathvista_typed("1.25 cm", "float", precision=1)
        ('2', None)
        >>> mathvista_typed("(B)", "text", choices=["yes", "no"]), mathvista_typed("Yes.", "text", choices=["yes", "no"])
        ('no', 'yes')
    """
    if choices:
        text = extraction.strip()
        if letter := _LETTER.search(text):
            text = letter.group(1).upper()
        letters = ascii_uppercase[: len(choices)]
        if len(text) == 1 and text in letters:
            return choices[letters.index(text)]
        return min(choices, key=lambda choice: levenshtein(text, choice))
    try:
        if answer_type == "integer":
            return str(int(float(extraction)))
        if answer_type == "float":
            return str(round(float(extraction), precision))
    except (ValueError, OverflowError):
        return None
    return extraction


def mathvista_match(typed: str | None, references: Sequence[str]) -> bool:
    """Say whether a typed answer equals a reference, to the letter.

    Args:
        typed: What `mathvista_typed` gives.
        references: Any of them will do.

    Returns:
        Whether one is equal.

    Example:
        >>> mathvista_match("2", ["2"]), mathvista_match(None, ["2"])
        (True, False)
    """
    return typed is not None and typed in references
