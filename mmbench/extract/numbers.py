"""Extractor of numbers, in figures and in words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

from mmbench.extract.declare import Choices, extractor
from mmbench.extract.markup import without_markup
from mmbench.extract.normal_form import UNSPACED, excerpt, normalise, plain
from mmbench.extract.number_words import MAGNITUDES, NEGATIVE, words_value

_FIGURES = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,4})?"
_UNITS = (
    "%|\u2030|\u00b0[cf]?|\u2103|cm|mm|km|m|kg|g|mg|ml|l|s|ms|h|min|hz|khz|mhz|ghz|v|w|kw|j|kj|n|pa|kpa|mol|ft|in|lb|lbs|oz|mph|"
    "kmh|[$\u20ac\u00a3\u00a5]"
)
_NUMBER = re.compile(
    rf"([+-]?)(?:[a-z]{{0,3}}[$\u20ac\u00a3\u00a5#])?([+-]?)({_FIGURES})(?:/({_FIGURES}))?(?:{_UNITS})?(?:\u00b2|\u00b3)?",
    re.ASCII,
)
_VULGAR = {
    "\u00bd": "1/2",
    "\u2153": "1/3",
    "\u2154": "2/3",
    "\u00bc": "1/4",
    "\u00be": "3/4",
    "\u2155": "1/5",
    "\u2156": "2/5",
    "\u2157": "3/5",
    "\u2158": "4/5",
    "\u2159": "1/6",
    "\u215b": "1/8",
    "\u215c": "3/8",
    "\u215d": "5/8",
    "\u215e": "7/8",
}
_VULGARS = re.compile(f"(\\d?)([{''.join(_VULGAR)}])")
_GROUPS = re.compile(r"(?<=\d)[\u00a0\u2009\u202f'](?=\d{3}(?!\d))")
_MINUS = re.compile(r"\u2212\s*(?=([^\W\d_])|\S)")
_POWER = re.compile(r"(?<=[\d.])\s?[x\u00d7*]\s?10\s?\^\s?\(?([+-]?\d{1,4})\)?")
_POWER_ALONE = re.compile(r"(?<![\w.])10\s?\^\s?\(?([+-]?\d{1,4})\)?")
_CJK_MINUS = re.compile(
    "(?:\u8d1f|\u96f6\u4e0b|\u6c37\u70b9\u4e0b|\u8ca0|\u30de\u30a4\u30ca\u30b9|\uc601\ud558|\ub9c8\uc774\ub108\uc2a4)\\s?(?=[\\d.])"
)
_CJK_POWERS = {
    "\u767e": 2,
    "\u5343": 3,
    "\ucc9c": 3,
    "\u4e07": 4,
    "\u842c": 4,
    "\ub9cc": 4,
    "\u4ebf": 8,
    "\u5104": 8,
    "\uc5b5": 8,
}
_CJK_POWER = re.compile(f"(?<=\\d)\\s?([{''.join(_CJK_POWERS)}])")
_CJK = re.compile(f"[{UNSPACED}]+")
_TOKEN = re.compile(r"\n|[^\s()\[\]{}<>=\"';|!?~\u2248\u2026]+")
_COMMAND = re.compile(r"(\\[a-z]{1,20})\s+")
_ENDS = ".,:"


def _reference(text: str) -> str:
    value = _only_value(text)
    return normalise(text) if value is None else number_text(value)


@extractor(
    "number",
    "2",
    examples=[
        ("I would say \u22121.5.", None, "-1.5"),
        ("minus one", None, "-1"),
        ("It costs $1,234,500.", None, "1234500"),
        ("3/4 of them", None, "0.75"),
        ("about 20 %", None, "20"),
        ("twenty-one dogs", None, "21"),
        ("The length is 5cm.", ("6cm", "5cm"), "5cm"),
        ("Between 1 and 2.", None, None),
        ("1-2", None, None),
        ("5 - 3", None, None),
    ],
    reads="number",
    normalise=_reference,
)
def number(text: str, choices: Choices) -> str | None:
    """The only number that stands in the text, also where it stands there twice; with a closed set the choice that holds it.

    In figures or in English words, with a sign ("minus" and "negative", too), decimals, separated thousands, as a fraction or a
    mixed number, with a power of ten, a magnitude such as million, a currency, a common unit, or per cent: 20 % is 20. A
    comma between figures separates thousands or nothing. Ranges, times, dates, versions, ordinals and parts of words are no
    numbers; where it is not clear whether a dash is a minus sign nothing is found. Markup does not matter.
    """
    value = _only_value(text)
    if value is None:
        return None
    if choices is None:
        return number_text(value)
    return _by_value(choices).get(value)


@lru_cache(maxsize=256)
def _by_value(choices: tuple[str, ...]) -> dict[float, str]:
    """Number to the only choice that holds it."""
    found: dict[float, set[str]] = {}
    for choice in choices:
        value = _only_value(choice)
        if value is not None:
            found.setdefault(value, set()).add(choice)
    return {value: each.pop() for value, each in found.items() if len(each) == 1}


def number_text(value: float) -> str:
    """A finite number as its shortest text.

    >>> number_text(2.0), number_text(-1.25), number_text(-0.0), number_text(1234567.0)
    ('2', '-1.25', '0', '1234567')
    """
    if value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def _only_value(text: str) -> float | None:
    """The only number in a text; None for none, several, or one whose sign is not clear."""
    found: set[float] = set()
    for value in _values(_prepared(excerpt(text))):
        if value is None or not math.isfinite(value):
            return None
        found.add(value + 0.0)  # -0 is 0
        if len(found) > 1:
            return None
    return found.pop() if found else None


def signed(text: str) -> str:
    """The text with every minus sign of typography attached to its number; a dash may be something else, and is left alone."""
    return _MINUS.sub(lambda match: "minus " if match[1] else "-", text)


def _prepared(text: str) -> str:
    """The text in lower case and without markup; fractions, powers and signs of all kinds in one form each."""
    text = _GROUPS.sub("", without_markup(plain(signed(text)))).lower()
    if not text.isascii():
        text = _VULGARS.sub(lambda match: f"{match[1]}{' ' if match[1] else ''}{_VULGAR[match[2]]}", text)
        text = _CJK_POWER.sub(lambda match: f"e{_CJK_POWERS[match.group(1)]}", _CJK_MINUS.sub(" -", text))
        text = _CJK.sub(" ", text)
    if "\\" in text:
        text = _COMMAND.sub(r"\1", text)
    if "^" in text:
        text = _POWER_ALONE.sub(r"1e\1", _POWER.sub(r"e\1", text))
    return text


def _values(text: str) -> Iterator[float | None]:
    """The numbers in a prepared text, in order; None for one that cannot be read without a guess."""
    tokens = [token.group() for token in _TOKEN.finditer(text)]
    place = 0
    while place < len(tokens):
        value, after = _figures(tokens, place) if not tokens[place].isalpha() else (None, place)
        if after == place:
            value, after = words_value(tokens, place)
        if after == place:
            place += 1
            continue
        before = tokens[place - 1].rstrip(_ENDS) if place else ""
        if value is not None and before in NEGATIVE:
            value = -value if value >= 0 else None
        elif before in ("-", "+-", "-+", "point"):
            value = None
        yield value
        place = after


def _figures(tokens: list[str], place: int) -> tuple[float | None, int]:
    """The number in figures at a place, and the place behind it; the same place where there is none."""
    value, whole = _figure(tokens[place])
    if value is None:
        return None, place
    after = place + 1
    if whole and after < len(tokens):
        mixed = re.fullmatch(r"(\d{1,4})/(\d{1,4})", tokens[after].rstrip(_ENDS))
        if mixed and 0 < int(mixed.group(1)) < int(mixed.group(2)):
            value, after = value + math.copysign(int(mixed.group(1)) / int(mixed.group(2)), value), after + 1
    if after < len(tokens) and (magnitude := MAGNITUDES.get(tokens[after].rstrip(_ENDS))):
        value, after = value * magnitude, after + 1
    return value, after


@lru_cache(maxsize=4096)
def _figure(token: str) -> tuple[float | None, bool]:
    """The number that a token is, and whether it is a whole one in plain figures."""
    match = _NUMBER.fullmatch(token.rstrip(_ENDS).lstrip(","))
    if match is None:
        return None, False
    sign, inner, above, below = match.groups()
    value = _value(above, below)
    if value is None or (sign and inner):
        return None, False
    return (-value if "-" in (sign, inner) else value), below is None and value.is_integer()


def _value(above: str, below: str | None) -> float | None:
    """The value of figures, or of a fraction; None for a fraction over 0."""
    if len(above) > 400 or (below is not None and len(below) > 400):
        return None
    number = float(above.replace(",", ""))
    if below is None:
        return number
    divisor = float(below.replace(",", ""))
    if not divisor:
        return None
    if number.is_integer() and divisor.is_integer():
        return float(Fraction(int(number), int(divisor)))
    return number / divisor
