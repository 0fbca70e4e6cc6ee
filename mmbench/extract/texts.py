"""Extractors of texts: the whole text, a choice in it, and what follows a marker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from mmbench.extract.declare import Choices, extractor
from mmbench.extract.normal_form import normalise

_FINAL = re.compile(r"^[ \t*_#>]*(?:final[ \t]+)?answer[ \t*_]*:[ \t*_]*", re.IGNORECASE | re.MULTILINE)
_COLOURS = ("blue", "red")


def _as_written(text: str) -> str:
    return text


@lru_cache(maxsize=256)
def _by_normal_form(choices: tuple[str, ...]) -> Mapping[str, str]:
    return {normalise(choice): choice for choice in reversed(choices)}


@lru_cache(maxsize=256)
def _folded(choices: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((choice.strip().casefold(), choice) for choice in choices)


@extractor(
    "exact",
    "1",
    examples=[("Red.", _COLOURS, "red"), ("The circle is red.", _COLOURS, None), ('"Two Words"', None, "two words")],
)
def exact(text: str, choices: Choices) -> str | None:
    """The whole text in its normal form; with a closed set it must be in the set."""
    answer = normalise(text)
    if choices is None:
        return answer or None
    return _by_normal_form(choices).get(answer)


@extractor(
    "verbatim",
    "1",
    examples=[("red", _COLOURS, "red"), ("Red", _COLOURS, None), ("Two words.", None, "Two words.")],
    normalise=_as_written,
)
def verbatim(text: str, choices: Choices) -> str | None:
    """The whole text, to the letter; with a closed set it must be in the set."""
    if choices is None:
        return text or None
    return text if text in choices else None


@extractor(
    "mention",
    "1",
    examples=[("The circle is red.", _COLOURS, "red"), ("Red or blue.", _COLOURS, None)],
    needs_choices=True,
)
def mention(text: str, choices: Choices) -> str | None:
    """The only choice that stands in the text as a whole word; none where several do.

    A choice inside a longer one that stands there does not count: "dark red" is no mention of "red". Meaning is not
    looked at: "not red" is a mention of "red". Questions without a closed set are read as by `exact`.
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


@extractor(
    "leading",
    "1",
    examples=[("Yes, there is no circle.", ("no", "yes"), "yes"), ("There is none.", ("no", "yes"), None)],
    needs_choices=True,
)
def leading(text: str, choices: Choices) -> str | None:
    """The longest choice that the text begins with, as a whole word.

    Questions without a closed set are read as by `exact`.
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


@extractor(
    "final-answer", "1", examples=[("It is not blue.\nAnswer: red.", _COLOURS, "red"), ("Red.", _COLOURS, "red")]
)
def final_answer(text: str, choices: Choices) -> str | None:
    """What follows the last "Answer:" that begins a line, up to the line's end, as by `exact`.

    Without such a line the whole text must be the answer.
    """
    return exact(after_marker(text), choices)


def after_marker(text: str) -> str:
    """What follows the last "Answer:" that begins a line, up to the line's end; without one the whole text."""
    markers = list(_FINAL.finditer(text))
    if markers:
        text = text[markers[-1].end() :].strip().partition("\n")[0].rstrip(" \t\r*_")
    return text
