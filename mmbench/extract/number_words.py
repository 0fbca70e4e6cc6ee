"""English number words."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_VALUES = {word: number for number, word in enumerate(_UNITS)} | {
    word: 10 * number for number, word in enumerate(_TENS, 2)
}
MAGNITUDES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
"""Word to what it multiplies by."""
NEGATIVE = frozenset({"minus", "negative", "neg"})
"""Words that make the number behind them negative."""
_PARTS = {
    "half": 2,
    "halves": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "eighth": 8,
    "tenth": 10,
}
_PARTS |= {f"{word}s": parts for word, parts in _PARTS.items() if word not in ("half", "halves")}
_BEFORE_PRONOUN = frozenset(
    [
        "the",
        "this",
        "that",
        "these",
        "those",
        "which",
        "each",
        "every",
        "any",
        "no",
        "another",
        "other",
        "some",
        "last",
        "next",
    ]
)
_BEFORE_NUMBER = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "equals",
        "be",
        "has",
        "have",
        "only",
        "just",
        "exactly",
        "there",
        "minus",
        "negative",
        "answer",
        "plus",
        "point",
    ]
)
_AFTER_PRONOUN = frozenset(
    [
        "of",
        "is",
        "can",
        "could",
        "should",
        "would",
        "might",
        "may",
        "must",
        "has",
        "was",
        "will",
        "another",
        "that",
        "which",
        "who",
        "in",
        "on",
        "at",
        "with",
        "from",
        "and",
        "or",
        "to",
    ]
)
_ENDS = ".,:"


def words_value(tokens: Sequence[str], place: int) -> tuple[float | None, int]:
    """Read the number in words that begins at a place.

    Args:
        tokens: The words of a text in lower case, perhaps with a stop behind them.
        place: Where to begin.

    Returns:
        The number and the place behind it; the same place where no number begins. None for one that makes no sense.

    Example:
        >>> words_value("about two hundred and five dogs".split(), 1), words_value(["the", "red", "one"], 2)
        ((205.0, 5), (None, 2))
    """
    words, after = _sequence(tokens, place)
    if not words or (words == ["one"] and _is_pronoun(tokens, place)):
        return None, place
    value = _cardinal(words)
    if value is None:
        return None, after
    following = [token.rstrip(_ENDS) for token in tokens[after : after + 4]]
    if following[:1] == ["point"] and (decimals := _decimals(following, tokens, after + 1)):
        return float(f"{value:.0f}.{decimals}"), after + 1 + len(decimals)
    if following[:3] == ["and", "a", "half"]:
        return value + 0.5, after + 3
    if following and 0 < value < 10 and following[0] in _PARTS:
        return value / _PARTS[following[0]], after + 1
    return float(value), after


def _sequence(tokens: Sequence[str], place: int) -> tuple[list[str], int]:
    """The number words from a place on, and the place behind them; a stop ends the sequence."""
    words: list[str] = []
    if not tokens[place][:1].isalpha():
        return words, place
    while place < len(tokens):
        token = tokens[place]
        bare = token.rstrip(_ENDS)
        parts = bare.split("-", 4)
        if all(part in _VALUES or (part in MAGNITUDES and (words or len(parts) > 1)) for part in parts):
            words += parts
        elif not (bare == token == "and" and words[-1:] and words[-1] in MAGNITUDES and _continues(tokens, place + 1)):
            break
        place += 1
        if bare != token:
            break
    return words, place


def _continues(tokens: Sequence[str], place: int) -> bool:
    return place < len(tokens) and tokens[place].rstrip(_ENDS).partition("-")[0] in _VALUES


def _cardinal(words: Sequence[str]) -> int | None:
    """The value of number words: "two hundred five thousand"; None where they are no single number."""
    total = current = 0
    last = 10**15  # the size of the last part below the magnitude, which only falls
    for word in words:
        if word == "hundred":
            current, last = current * 100, 100
        elif word in MAGNITUDES:
            total, current, last = total + current * MAGNITUDES[word], 0, 10**15
        else:
            value = _VALUES[word]
            fits = last > 90 or (20 <= last <= 90 and 0 < value < 10)
            if not fits:
                return None
            current, last = current + value, value
    return total + current


def _decimals(following: Sequence[str], tokens: Sequence[str], place: int) -> str:
    digits = ""
    while place < len(tokens) and len(digits) < 20:
        value = _VALUES.get(tokens[place].rstrip(_ENDS), 10)
        if value > 9:
            break
        digits += str(value)
        place += 1
    return digits


def _is_pronoun(tokens: Sequence[str], place: int) -> bool:
    """Whether "one" at a place stands for a thing rather than for the number."""
    before = tokens[place - 1] if place else ""
    if before in _BEFORE_PRONOUN:
        return True
    after = tokens[place + 1] if place + 1 < len(tokens) else ""
    alone = not after or tokens[place] != "one" or not after[0].isalpha()
    if alone:
        return bool(before) and before.rstrip(_ENDS) not in _BEFORE_NUMBER and before[-1:] not in _ENDS
    if after in ("and", "or", "to"):
        return bool(before) and before not in _BEFORE_NUMBER
    return after in _AFTER_PRONOUN
