"""Extractors of numbers."""

from __future__ import annotations

import math
import re

from mmbench.extract.declare import Choices, extractor
from mmbench.extract.normal_form import normalise
from mmbench.extract.texts import after_marker

_DIGITS = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_WHOLE_NUMBER = re.compile(rf"[+\-\u2212]?{_DIGITS}", re.ASCII)
_NUMBER = re.compile(rf"(?<![\w.,/+\-\u2212])[+\-\u2212]?{_DIGITS}(?![\w/%+\-\u2212]|[.,]\d)", re.ASCII)


@extractor(
    "number",
    "1",
    examples=[("I would say -1.5.", None, "-1.5"), ("Between 1 and 2.", None, None), ("3/5", None, None)],
    reads="number",
)
def number(text: str, choices: Choices) -> str | None:
    """The only number that stands in the text, in figures, also where it stands there twice; choices are not looked at.

    A number is written as in Python, with a point; parts of fractions, ranges, percentages and words are none, and
    neither are NaN and infinity.
    """
    del choices
    bare = normalise(text)
    whole = _WHOLE_NUMBER.fullmatch(bare)
    found = {_as_float(match.group()) for match in ([whole] if whole else _NUMBER.finditer(bare))}
    value = found.pop() if len(found) == 1 else math.nan
    return number_text(value) if math.isfinite(value) else None


def _as_float(text: str) -> float:
    return float(text.replace("\u2212", "-")) + 0.0  # -0 is 0


def number_text(value: float) -> str:
    """A finite number as its shortest text.

    >>> number_text(2.0), number_text(-1.25), number_text(-0.0)
    ('2', '-1.25', '0')
    """
    short = f"{value + 0.0:g}"
    return short if float(short) == value else repr(value)


@extractor("final-number", "1", examples=[("It is 2 or 3.\nAnswer: 2", None, "2")], reads="number")
def final_number(text: str, choices: Choices) -> str | None:
    """What follows the last "Answer:" that begins a line, up to the line's end, as by `number`; else as the whole text."""
    return number(after_marker(text), choices)
