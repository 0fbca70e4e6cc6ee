"""The normal form in which answers and references are compared, and words in texts of any script."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_INVISIBLE = (
    *(0xAD, 0x61C, 0x180E, 0xFEFF),  # soft hyphen, marks of direction, byte order mark
    *(*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)),  # zero width, direction, word joiner
    *range(0xFE00, 0xFE10),  # variation selectors
)
_WIDE = range(0xFF01, 0xFFEF)
"""Full-width and half-width forms."""
_MARKS = {
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63",
    "'": "\u2018\u2019\u201a\u201b\u2032",
    '"': "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u300a\u300b\u3008\u3009\u300c\u300d\u300e\u300f\u301d\u301e\u301f",
    "[": "\u3010\u3014\u3016",
    "]": "\u3011\u3015\u3017",
    ".": "\u3002",
    ",": "\u3001",
    "~": "\u301c",
    "...": "\u2026",
}
"""A mark to the characters that are written in its place."""
_AROUND = {("(", ")"), ("[", "]"), ('"', '"'), ("'", "'"), ("`", "`")}
"""Marks that are dropped where they stand around the whole of an answer."""
_INSIDE = {
    **dict.fromkeys("([", re.compile(r"[()\[\],]")),  # an interval, a point or a call is no remark in brackets
    **{quote: re.compile(quote) for quote in "\"'`"},
}
"""What must not stand between them."""
_STOPS = ".!"

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
"""A range of characters, for regular expressions: scripts that write words without blanks between them, or join particles
to them, so that a word may begin and end anywhere: Chinese, Japanese, Korean, Thai, Lao, Burmese and Khmer."""
_UNSPACED = re.compile(f"[{UNSPACED}]")


def composed(text: str) -> str:
    r"""The text in Unicode's form NFC: canonically equivalent texts become equal.

    >>> composed("cafe\u0301") == "caf\u00e9"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def plain(text: str) -> str:
    r"""The text as it is searched: composed, with ordinary marks and widths, and without invisible characters.

    Full-width letters, digits and marks get their usual width. Typographic minus, hyphens and dashes become ``-``,
    quotation marks of all kinds ``"`` or ``'``, and brackets and stops of Chinese and Japanese those of ASCII.

    >>> plain("\uff39\uff25\uff33\u200b"), plain("\u22121\u3002"), plain("\u300cred\u300d")
    ('YES', '-1.', '"red"')
    """
    if text.isascii():
        return text
    return composed(composed(text).translate(_usual_characters()))


@lru_cache(maxsize=1)
def _usual_characters() -> dict[int, str]:
    """Character to what `plain` writes in its place."""
    usual = {ord(other): mark for mark, others in _MARKS.items() for other in others}
    wide = {code: unicodedata.normalize("NFKC", chr(code)).translate(usual) for code in _WIDE}
    return {**usual, **wide, **dict.fromkeys(_INVISIBLE, "")}


_LONGEST = 40_000


def excerpt(text: str) -> str:
    """The text; of one that is longer than 40,000 characters, its first and its last 20,000, cut between words.

    What looks for an answer within a text takes a bounded time so. Answers stand at an end of what a model wrote.
    """
    if len(text) <= _LONGEST:
        return text
    first, last = text[: _LONGEST // 2], text[-_LONGEST // 2 :]
    return f"{first[: _last_blank(first)]}\n{last[len(last) - _last_blank(last[::-1]) :]}"


def _last_blank(text: str) -> int:
    """Where the last word begins, blanks before it left out; 0 for a single word."""
    parts = text.rsplit(None, 1) if not text[-1:].isspace() else [text]
    return len(parts[0]) if len(parts) > 1 or text[-1:].isspace() else 0


def folded(text: str) -> str:
    r"""The text as by `plain`, without case, and with single blanks.

    >>> folded("Stra\u00dfe  1")
    'strasse 1'
    """
    if text.isascii():
        return " ".join(text.lower().split())
    while True:  # case folding may decompose, and composing may make another capital
        once = plain(text).casefold()
        if (once := composed(once)) == text:
            return " ".join(text.split())
        text = once


def cased(text: str) -> str:
    """The normal form of a text, but with its case, and a length that lower case does not change.

    >>> cased(" Red."), cased("mW")
    ('Red', 'mW')
    """
    text = plain(text)
    if not text.isascii():
        text = text.replace("\u0130", "I").replace("\u00df", "ss").replace("\u1e9e", "SS").replace("\u03c2", "\u03c3")
    return _bare(" ".join(text.split()))


def normalise(text: str) -> str:
    r"""Bring a text to the form in which answers and references are compared.

    Composed (NFC), with characters of the usual width and ordinary marks, and without invisible characters (see `plain`);
    without case; with single blanks. Full stops and exclamation marks at its end are dropped, and so are quotation marks
    and brackets around the whole of it. Applied again it changes nothing.

    Args:
        text: An answer or a reference.

    Returns:
        Its normal form.

    Example:
        >>> normalise(' "Red." '), normalise("(B)"), normalise("\u300c\u7ea2\u8272\u300d\u3002") == "\u7ea2\u8272"
        ('red', 'b', True)
    """
    if text.isascii():
        short = text.strip().lower()
        if short.isalnum():
            return short
    return _bare(folded(text))


def _bare(text: str) -> str:
    """The text without stops at its end, and without quotation marks and brackets around the whole of it."""
    start, end = 0, len(text)
    while start < end:
        first, last = text[start], text[end - 1]
        if last in _STOPS or last == " ":
            end -= 1
        elif first == " ":
            start += 1
        elif end - start > 1 and (first, last) in _AROUND and not _INSIDE[first].search(text, start + 1, end - 1):
            start, end = start + 1, end - 1
        else:
            break
    return text[start:end]


def joins(character: str) -> bool:
    r"""Whether a character continues a word that stands beside it. It never does in a script without blanks.

    >>> joins("a"), joins("1"), joins("-"), joins("\u7ea2")
    (True, True, False, False)
    """
    if character.isalnum() or character == "_":
        return character.isascii() or not _UNSPACED.match(character)
    return not character.isascii() and bool(unicodedata.combining(character))


_NEGATED = re.compile(r"(?:minus|negative)\s*\Z", re.IGNORECASE)
_POINTS = ".,:/"


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether ``text[start:end]`` is a whole word or phrase of the text, and no part of a number.

    >>> stands_alone("a red dog", 2, 5), stands_alone("3.14", 0, 1), stands_alone("-1", 1, 2)
    (True, False, False)
    """
    if start and joins(text[start - 1]) and joins(text[start]):
        return False
    if end < len(text) and joins(text[end]) and joins(text[end - 1]):
        return False
    if text[end - 1].isdigit() and text[end + 1 : end + 2].isdigit() and text[end] in _POINTS:
        return False
    if not start or not text[start].isdigit():
        return True
    before = text[start - 1]
    if before in "-+" or (before in _POINTS and text[max(0, start - 2) : start - 1].isdigit()):
        return False
    return not _NEGATED.search(text, max(0, start - 12), start)
