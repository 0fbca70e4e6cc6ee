"""Extractor of yes and no."""

from __future__ import annotations

import re
from functools import lru_cache

from mmbench.extract.declare import Choices, extractor
from mmbench.extract.markup import final_part, without_markup
from mmbench.extract.normal_form import excerpt, folded, normalise, plain

_YES = (
    "yes",
    "yeah",
    "yep",
    "yup",
    "\u662f",
    "\u662f\u7684",
    "\u5bf9",
    "\u5c0d",
    "\u6709",
    "\u306f\u3044",
    "\ub124",
    "\uc608",
)
_NO = (
    *(
        "no",
        "nope",
        "nah",
        "\u5426",
        "\u4e0d",
        "\u4e0d\u662f",
        "\u4e0d\u5bf9",
        "\u4e0d\u5c0d",
        "\u6ca1\u6709",
        "\u6c92\u6709",
    ),
    *("\u3044\u3044\u3048", "\uc544\ub2c8\uc694", "\uc544\ub2c8\uc624"),
)
_TRUE, _FALSE = ("true", "correct"), ("false", "incorrect")
_POLARITY = {**dict.fromkeys((*_YES, *_TRUE), "yes"), **dict.fromkeys((*_NO, *_FALSE), "no")}

_FIRST = re.compile(rf"[\W_]*({'|'.join(sorted(_POLARITY, key=len, reverse=True))})(?!\w)(?!\.?\s*\d)")
_WORDS = re.compile(r"(?<![\w'-])(?<!\bnot )(yes|no|yeah|yep|yup|nope|nah)(?![\w'-])(?!\.?\s*\d)")
_SENTENCES = re.compile(r"(?:\A|[.!?] )\W*(yes|no)(?=[.,!?]|\Z)")
"""A sentence that says yes or no, or begins with it."""
_NO_ANSWER = re.compile(
    r"(?:yes|no)\W{1,3}(?:and|or)\W{1,3}(?:yes|no)\b|(?:yes|no)\s?/\s?(?:yes|no)\b"
    r"|\bno (?:doubt|idea|problem|matter|question|wonder|clue|way|longer|more|less|fewer|one|answer|information)\b"
)


@extractor(
    "yes-no",
    "1",
    examples=[
        ("Yes, there is no circle.", ("no", "yes"), "yes"),
        ("There is no dog in the image.", None, "no"),
        ("The answer is no.", ("No", "Yes"), "No"),
        ("Yes and no.", None, None),
        ("I have no idea.", None, None),
        ("True", ("True", "False"), "True"),
    ],
)
def yes_no(text: str, choices: Choices) -> str | None:
    """Yes or no, where the text begins with one, says that it is the answer, or holds one of the two alone.

    Yeah, yep, nope and nah, true and false, correct and incorrect are read as well, and the words of Chinese, Japanese and Korean, at the
    beginning. "Yes or no", and phrases such as "no doubt" and "no idea", are no answer. With a closed set it is the choice
    that means the same; there is no answer where no choice, or more than one, does.
    """
    found = _polarity(text)
    return None if found is None else named_choice(found, choices)


def named_choice(polarity: str, choices: Choices) -> str | None:
    """The only choice that means yes or no; the word itself without a closed set.

    >>> named_choice("yes", ("False", "True")), named_choice("no", None), named_choice("no", ("red", "blue"))
    ('True', 'no', None)
    """
    return polarity if choices is None else _choices(choices).get(polarity)


@lru_cache(maxsize=256)
def _choices(choices: tuple[str, ...]) -> dict[str, str]:
    """yes and no to the only choice that means it."""
    meant: dict[str, set[str]] = {}
    for choice in choices:
        polarity = _POLARITY.get(normalise(choice))
        if polarity is not None:
            meant.setdefault(polarity, set()).add(choice)
    return {polarity: each.pop() for polarity, each in meant.items() if len(each) == 1}


def _polarity(text: str) -> str | None:
    text = plain(excerpt(text))
    part, said = final_part(text)
    for piece in [part, text] if said else [text]:
        found = _of(folded(without_markup(piece)))
        if found is not None:
            return found
    return None


def _of(text: str) -> str | None:
    if short := _POLARITY.get(normalise(text)):
        return short
    if len({match.group(1) for match in _SENTENCES.finditer(text)}) > 1:
        return None
    rest = _NO_ANSWER.sub(" ", text)
    if (first := _FIRST.match(rest)) and (rest is text or first.group(1) in text[: first.end()]):
        return _POLARITY[first.group(1)]
    found = {_POLARITY[word] for word in _WORDS.findall(rest)}
    return found.pop() if len(found) == 1 else None
