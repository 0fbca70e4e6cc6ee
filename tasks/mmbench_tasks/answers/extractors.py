"""Named, versioned functions that find the answer in what a model wrote.

An extractor returns the answer, or None where the text holds none that it accepts; that is scored 0 and counted apart
(``unparsed``). With a closed set of answers it returns one of the set, as written there. Without one it returns the
text in the form in which answers are compared. `Extractor.normalise` brings references to the same form.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

Choices = tuple[str, ...] | None

_QUOTES = {('"', '"'), ("'", "'"), ("`", "`"), ("\u201c", "\u201d"), ("\u2018", "\u2019"), ("\u00ab", "\u00bb")}
_FINAL = re.compile(r"^[ \t*_#>]*(?:final[ \t]+)?answer[ \t*_]*:[ \t*_]*", re.IGNORECASE | re.MULTILINE)


def normalise(text: str) -> str:
    """Blanks around it, case, quotation marks around it, and one full stop or exclamation mark at its end removed.

    >>> normalise(' "Red." ')
    'red'
    """
    text = text.strip().casefold()
    if text.isalnum():
        return text
    text, stopped = _without_stop(text, stopped=False)
    if len(text) > 1 and (text[0], text[-1]) in _QUOTES:
        text, _ = _without_stop(text[1:-1].strip(), stopped=stopped)
    return text


def _without_stop(text: str, *, stopped: bool) -> tuple[str, bool]:
    if not stopped and text.endswith((".", "!")):
        return text[:-1].rstrip(), True
    return text, stopped


def _as_written(text: str) -> str:
    return text


@lru_cache(maxsize=256)
def _by_normal_form(choices: tuple[str, ...]) -> Mapping[str, str]:
    return {normalise(choice): choice for choice in reversed(choices)}


@lru_cache(maxsize=256)
def _folded(choices: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((choice.strip().casefold(), choice) for choice in choices)


def exact(text: str, choices: Choices) -> str | None:
    """The whole text, as `normalise` leaves it; with a closed set it must be in the set.

    >>> exact("Red.", ("blue", "red")), exact("The circle is red.", ("blue", "red"))
    ('red', None)
    """
    answer = normalise(text)
    if choices is None:
        return answer or None
    return _by_normal_form(choices).get(answer)


def verbatim(text: str, choices: Choices) -> str | None:
    """The whole text, to the letter; with a closed set it must be in the set.

    >>> verbatim("red", ("blue", "red")), verbatim("Red", ("blue", "red"))
    ('red', None)
    """
    if choices is None:
        return text or None
    return text if text in choices else None


def mention(text: str, choices: Choices) -> str | None:
    """The only choice that stands in the text as a whole word; None for none or several. Open sets: as `exact`.

    A choice inside a longer one that stands there does not count: "dark red" is no mention of "red". Meaning is not
    looked at: "not red" is a mention of "red".

    >>> mention("The circle is red.", ("blue", "red")), mention("Red or blue.", ("blue", "red"))
    ('red', None)
    """
    if choices is None:
        return exact(text, None)
    folded = text.casefold()
    spans = [
        (start, start + len(form), choice)
        for form, choice in _folded(choices)
        if form and form in folded
        for start in _whole_words(form, folded)
    ]
    found = {choice for start, end, choice in spans if not any(_covers(other, start, end) for other in spans)}
    return found.pop() if len(found) == 1 else None


def _whole_words(form: str, text: str) -> list[int]:
    starts = []
    start = text.find(form)
    while start >= 0:
        end = start + len(form)
        opens = start == 0 or not (_in_word(text[start - 1]) and _in_word(form[0]))
        closes = end == len(text) or not (_in_word(text[end]) and _in_word(form[-1]))
        if opens and closes:
            starts.append(start)
        start = text.find(form, start + 1)
    return starts


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _covers(span: tuple[int, int, str], start: int, end: int) -> bool:
    return span[0] <= start and end <= span[1] and span[1] - span[0] > end - start


def leading(text: str, choices: Choices) -> str | None:
    """The longest choice that the text begins with, as a whole word. Open sets: as `exact`.

    >>> leading("Yes, there is no circle.", ("no", "yes")), leading("There is none.", ("no", "yes"))
    ('yes', None)
    """
    if choices is None:
        return exact(text, None)
    folded = text.strip().casefold().lstrip("\"'`\u201c\u2018\u00ab*")
    best: tuple[str, str] | None = None
    for form, choice in _folded(choices):
        if folded.startswith(form) and (best is None or len(form) > len(best[0])):
            rest = folded[len(form) : len(form) + 1]
            if not (rest and _in_word(rest) and _in_word(form[-1])):
                best = form, choice
    return None if best is None else best[1]


def final_answer(text: str, choices: Choices) -> str | None:
    r"""What follows the last "Answer:" that begins a line, up to the line's end, as by `exact`.

    Without such a line the whole text must be the answer.

    >>> final_answer("It has three sides.\nAnswer: triangle.", ("circle", "triangle"))
    'triangle'
    """
    return exact(_after_marker(text), choices)


def _after_marker(text: str) -> str:
    markers = list(_FINAL.finditer(text))
    if markers:
        text = text[markers[-1].end() :].strip().partition("\n")[0].rstrip(" \t\r*_")
    return text


_DIGITS = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_WHOLE_NUMBER = re.compile(rf"[+\-\u2212]?{_DIGITS}", re.ASCII)
_NUMBER = re.compile(rf"(?<![\w.,/+\-\u2212])[+\-\u2212]?{_DIGITS}(?![\w/%+\-\u2212]|[.,]\d)", re.ASCII)


def number(text: str, choices: Choices) -> str | None:
    """The only number that stands in the text, in figures, also where it stands there twice; `choices` are not looked at.

    A number is written as in Python, with a point; parts of fractions, ranges, percentages and words are none, and
    neither are NaN and infinity.

    >>> number("I would say -1.5.", None), number("Between 1 and 2.", None), number("3/5", None)
    ('-1.5', None, None)
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


def final_number(text: str, choices: Choices) -> str | None:
    r"""What follows the last "Answer:" that begins a line, up to the line's end, as by `number`; else as the whole text.

    >>> final_number("It is 2 or 3.\nAnswer: 2", None)
    '2'
    """
    return number(_after_marker(text), choices)


@dataclass(frozen=True, slots=True)
class Extractor:
    """A way to find the answer in a text."""

    name: str
    """The name that users type."""
    version: str
    """Changes whenever the function could return something else."""
    extract: Callable[[str, Choices], str | None]
    """(text, closed set or None) to the answer or None."""
    normalise: Callable[[str], str] = normalise
    """Brings answers to the form in which they are compared."""

    def __str__(self) -> str:
        return f"{self.name}-v{self.version}"


EXTRACTORS: dict[str, Extractor] = {
    extractor.name: extractor
    for extractor in (
        Extractor("exact", "1", exact),
        Extractor("verbatim", "1", verbatim, _as_written),
        Extractor("mention", "1", mention),
        Extractor("leading", "1", leading),
        Extractor("final-answer", "1", final_answer),
    )
}
"""Extractor of a text by name."""
NUMBER_EXTRACTORS: dict[str, Extractor] = {
    extractor.name: extractor
    for extractor in (Extractor("number", "1", number), Extractor("final-number", "1", final_number))
}
"""Extractor of a number by name."""
