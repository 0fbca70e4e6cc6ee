"""Extractors of texts: the whole text, and choices and references in it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from mmbench.extract.declare import Choices, extractor
from mmbench.extract.letters import find_letter, is_option, letters_of
from mmbench.extract.normal_form import cased, excerpt, normalise, stands_alone

_COLOURS = ("blue", "red")
_OPENINGS = " \t\r\n\"'`*_([{<"


def _as_written(text: str) -> str:
    return text


@lru_cache(maxsize=256)
def _by_normal_form(choices: tuple[str, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for choice in dict.fromkeys(choices):
        found.setdefault(normalise(choice), []).append(choice)
    return found


def equal_choice(text: str, choices: tuple[str, ...]) -> str | None:
    """The choice that a text is in normal form; of choices that differ by case, the one that is written so."""
    found = _by_normal_form(choices).get(normalise(text), [])
    if len(found) > 1:
        written = cased(text)
        found = [choice for choice in found if cased(choice) == written]
    return found[0] if len(found) == 1 else None


@extractor(
    "exact",
    "2",
    examples=[
        ("Red.", _COLOURS, "red"),
        ("\uff32\uff25\uff24\u3002", _COLOURS, "red"),
        ("The circle is red.", _COLOURS, None),
        ("(B)", ("A", "B"), "B"),
        ('"Two Words"', None, "two words"),
    ],
    extends=("1",),
)
def exact(text: str, choices: Choices) -> str | None:
    """The whole text in its normal form; with a closed set it must be in the set.

    Case, invisible characters, full-width forms, quotation marks, brackets and a stop around it do not matter. Of choices that
    differ by case alone, the text is the one that is written so.
    """
    if choices is None:
        return normalise(text) or None
    return text if text in choices else equal_choice(text, choices)


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


class _Form(NamedTuple):
    """How a choice is looked for."""

    lower: str
    """In lower case."""
    written: str | None
    """As it is written, where case matters: for single letters, and for choices that differ by case alone."""
    around: tuple[tuple[str, int], ...]
    """Longer choices that hold it, with the place where they do: inside one of them it does not count."""
    choice: str


@lru_cache(maxsize=256)
def _forms(choices: tuple[str, ...]) -> tuple[_Form, ...]:
    forms = {choice: cased(choice) for choice in dict.fromkeys(choices)}
    lowers = {choice: form.lower() for choice, form in forms.items() if form}
    found = []
    for choice, lower in lowers.items():
        twins = sum(other == lower for other in lowers.values()) > 1
        letter = len(lower) == 1 and lower.isascii() and lower.isalpha()
        around = tuple(
            (other, place)
            for other in dict.fromkeys(lowers.values())
            if len(other) > len(lower)
            for place in range(len(other) - len(lower) + 1)
            if other.startswith(lower, place)
        )
        found.append(_Form(lower, forms[choice] if twins or letter else None, around, choice))
    return tuple(found)


def mentions(text: str, choices: tuple[str, ...]) -> list[str]:
    """The choices that stand in a text as whole words, each once; none that only stands there inside a longer one.

    >>> mentions("It is dark red, not blue.", ("blue", "dark red", "red"))
    ['blue', 'dark red']
    """
    written = cased(excerpt(text))
    lower = written.lower()
    return [form.choice for form in _forms(choices) if form.lower in lower and _stands(form, lower, written)]


def _stands(form: _Form, lower: str, written: str) -> bool:
    around = [(other, place) for other, place in form.around if other in lower]
    start = lower.find(form.lower)
    while start >= 0:
        end = start + len(form.lower)
        if stands_alone(lower, start, end) and _is_written(form.written, written, start, end):
            inside = any(
                start >= place
                and lower.startswith(other, start - place)
                and stands_alone(lower, start - place, start - place + len(other))
                for other, place in around
            )
            if not inside:
                return True
        start = lower.find(form.lower, start + 1)
    return False


def _is_written(form: str | None, text: str, start: int, end: int) -> bool:
    if form is None:
        return True
    return text[start:end] == form and (len(form) > 1 or not form.isupper() or is_option(text, start))


@extractor(
    "mention",
    "2",
    examples=[
        ("The circle is red.", _COLOURS, "red"),
        ("Red or blue.", _COLOURS, None),
        ("\u7b54\u6848\u662f\u7ea2\u8272\u3002", ("\u7ea2\u8272", "\u84dd\u8272"), "\u7ea2\u8272"),
        ("It shows a dog, so the answer is B.", ("A", "B"), "B"),
        ("This is a dog.", ("A", "B"), None),
    ],
    needs_choices=True,
)
def mention(text: str, choices: Choices) -> str | None:
    """The only choice that stands in the text as a whole word; none where several do.

    A choice inside a longer one that stands there does not count: "dark red" is no mention of "red". Meaning is not
    looked at: "not red" is a mention of "red". In Chinese, Japanese and Korean a choice may stand anywhere in a sentence.
    Choices that are single letters are looked for as by `letter`. Questions without a closed set are read as by `exact`.
    """
    if choices is None:
        return exact(text, None)
    letters = letters_of(choices)
    if letters is not None:
        found = find_letter(text, letters)
        return None if found is None else letters[found]
    mentioned = mentions(text, choices)
    return mentioned[0] if len(mentioned) == 1 else None


@extractor(
    "leading",
    "2",
    examples=[
        ("Yes, there is no circle.", ("no", "yes"), "yes"),
        ("There is none.", ("no", "yes"), None),
        ("(B) red", ("A", "B"), "B"),
        ("A dog; the answer is B.", ("A", "B"), None),
    ],
    needs_choices=True,
)
def leading(text: str, choices: Choices) -> str | None:
    """The longest choice that the text begins with, as a whole word.

    Single letters are capitals, or stand in brackets, and are neither an article nor a pronoun. Questions without a closed
    set are read as by `exact`.
    """
    if choices is None:
        return exact(text, None)
    written = cased(text)
    written = written[len(written) - len(written.lstrip(_OPENINGS)) :]
    lower = written.lower()
    found = [form for form in _forms(choices) if lower.startswith(form.lower) and _leads(form, lower, written)]
    longest = max((len(form.lower) for form in found), default=0)
    best = [form.choice for form in found if len(form.lower) == longest]
    return best[0] if len(best) == 1 else None


def _leads(form: _Form, lower: str, written: str) -> bool:
    end = len(form.lower)
    if not stands_alone(lower, 0, end):
        return False
    if form.written is not None and end == 1 and written[1:2] in ("", ")", "]", ":"):
        return True
    return _is_written(form.written, written, 0, end)


def contained(text: str, references: Sequence[str]) -> list[str]:
    """The references that stand in a text as words or phrases; see `mentions`.

    >>> contained("a small red car", ["red car", "car", "truck"])
    ['red car']
    """
    return mentions(text, tuple(references))


@extractor(
    "contains",
    "1",
    examples=[
        ("It is a red car.", None, "it is a red car"),
        ("The circle is red.", _COLOURS, "red"),
        ("Red or blue.", _COLOURS, None),
    ],
    among=contained,
)
def contains(text: str, choices: Choices) -> str | None:
    """A sentence in which a reference stands as a word or phrase is right. With a closed set, as `mention`.

    Meaning is not looked at: "not red" holds "red". Numbers are whole: "3.14" does not hold "3", nor "-1" "1".
    """
    if choices is None:
        return exact(text, None)
    return mention(text, choices)
