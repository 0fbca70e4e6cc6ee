"""Extractor of letters that name a choice: A, B, C and so on, never the article "a" nor the pronoun "I"."""

from __future__ import annotations

import re
from collections.abc import Collection
from string import ascii_uppercase

from mmbench.extract.declare import Choices, extractor
from mmbench.extract.markup import boxes, without_markup
from mmbench.extract.normal_form import UNSPACED, excerpt, joins, normalise, plain

LETTERS = "ABCDEFGHIJ"
"""The letters that are looked for where no choices say how many there are."""

_ALONE = re.compile(r"[\s\"'`*_()\[\].,:;!-]*([A-Za-z])[\s\"'`*_()\[\].,:;!]*")
_SAYS = re.compile(
    r"(?:\b(?:answer|option|choice|solution)s?\b(?:[^.:=\n]{0,60}?\b(?:is|are|be|was)\b|[ \t]*[:=])[ \t]*:?"
    r"|(?:\u7b54\u6848|\u9009\u9879|\u9078\u9805|\u7b54\u3048|\u56de\u7b54|\u6b63\u89e3|\uc815\ub2f5|\ub2f5)"
    r"[ \t]*(?:\u662f|\u4e3a|\u70ba|\u306f|\uc740|\ub294|\uc774|\u9009|\u9078)?[ \t]*:?"
    r"|\u9009\u62e9|\u9078\u64c7|\u9009|\u9078)"
    r"(?:[\s\"']*\b(?:the|most|likely|probably|clearly|definitely|therefore|option|choice|letter|answer|correct|one)\b[ \t]*:?){0,4}"
    r"[\s\"']*(?=[(\[]?[A-Za-z](?!\w|'\w))",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\s*[(\[]?([A-Z])(?:[)\].:]+\s*|\s*\Z)")
_JOINED = re.compile(
    r"[ \t]*[)\]\"']?[ \t]*(?:,[ \t]*(?:and|or)?|/|&|and|or|\u548c|\u6216)[ \t]*[(\[\"']?(?=[A-Z](?!\w|'\w))"
)
_FIRST = re.compile(r"[\"'(\[]*(?:([A-Z])(?:[.:)\]]+(?=\s|\Z)|,(?=\s)|[ \t]*\n)|([a-z])[)\]](?=\s))")
_ITEM = re.compile(r"(?<![\w.'-])\(?([A-Z])[.:)](?=\s)")
_BRACKETED = re.compile(
    r"(?<![\w\\])[(\[]\s?([A-Z])\s?[)\]]|(?<![\w(\[])([A-Z])\)|\b(?:option|choice|letter)[ \t]+\"?([A-Z])(?!\w|'\w)"
)
_SMALL_BRACKETED = re.compile(r"(?<![\w\\])[(\[]([a-z])[)\]]")
_CAPITAL = re.compile(
    rf"(?:(?<!\w\()(?<!\w')(?<![\w./\\^<>=+*@#$°\u2220\u25b3\u2206-])|(?<=[{UNSPACED}]))([A-Z])(?![A-Za-z0-9_]|'\w)"
)
_DENIED = re.compile(
    r"(?:\b(?:not|neither|nor|except|but not)|n't)\s+(?:the\s+)?(?:option\s+|choice\s+)?\(?\Z", re.IGNORECASE
)
_LABELS = re.compile(r"\b[A-Z]{2,4}\b")
_SYMBOL_AFTER = re.compile(r"[ \t]*[=+^_<>*/\u00b0\u00d7]|-\w|\.\w|[ \t]*,[ \t]*[A-Z]\b")
_UNIT_BEFORE = re.compile(r"[\d\u00b0][ \t]?\Z")
_NO_NOUN = re.compile(
    r"(?:is|was|are|and|or|nor|but|than|because|since|as|has|have|seems|appears|would|will|can|could|should|does|shows|looks|matches"
    r"|represents|describes|corresponds|if|with|for|in|on|at|by|to|not)\b"
)


def is_option(text: str, place: int) -> bool:
    """Whether the capital at a place names a choice, and is neither an article nor a pronoun nor part of a formula.

    >>> is_option("A dog.", 0), is_option("A is right.", 0), is_option("I see.", 0), is_option("C = 2", 0)
    (False, True, False, False)
    """
    if _SYMBOL_AFTER.match(text, place + 1) or _UNIT_BEFORE.search(text, max(0, place - 2), place):
        return False
    letter, rest = text[place], text[place + 1 : place + 24]
    if letter not in "AI" or not rest[:1].isspace():
        return not (letter == "I" and rest[:1] == ",")
    after = rest.lstrip(" \t\"'([")
    if rest.lstrip(" \t")[:1] in ("", "\n", "("):
        return letter == "A" or after[:1] in ("", "\n")
    if letter == "I":
        return bool(re.match(r"(?:is|was)\b", after))
    return not (after[:1].isalnum() and joins(after[0])) or bool(_NO_NOUN.match(after))


def find_letter(text: str, allowed: Collection[str]) -> str | None:
    """The only letter that a text gives as its answer, of the allowed capitals; None for none or several.

    Looked for in this order: the text is nothing but the letter; it stands in a box; it follows a marker such as "the
    answer is"; the text begins with it and a stop or bracket; it stands in brackets; it is a capital by itself.
    """
    text = plain(excerpt(text))
    boxed = {content.strip() for _, content in boxes(text)}
    if boxed:
        inner = {find_letter(content, allowed) for content in boxed}
        if inner != {None}:
            return inner.pop() if len(inner) == 1 else None
    text = without_markup(text).strip()
    if alone := _ALONE.fullmatch(text):
        letter = alone.group(1).upper()
        return letter if letter in allowed else None
    for found in (_marked(text), _at_the_beginning(text), _in_brackets(text), _by_itself(text)):
        letters = {letter for letter in found if letter in allowed}
        if letters:
            return letters.pop() if len(letters) == 1 else None
    return None


def _marked(text: str) -> set[str]:
    """The letters behind markers."""
    found: set[str] = set()
    for marker in _SAYS.finditer(text):
        place = marker.end()
        bracket = text[place] in "(["
        place += bracket
        letter, after = text[place], text[place + 1 : place + 2]
        closed = bracket and after in (")", "]")
        if (
            letter.islower()
            and not closed
            and not re.match(r"[ \t]*(?:\Z|[\n).\],;:!\"])", text[place + 1 : place + 24])
        ):
            continue
        if letter.isupper() and not closed and not is_option(text, place):
            joined = _JOINED.match(text, place + 1)
            if joined is None:
                continue
        found.add(letter.upper())
        while (joined := _JOINED.match(text, place + 1)) is not None:
            place = joined.end()
            found.add(text[place])
    return found


def _at_the_beginning(text: str) -> set[str]:
    """The letter that a text begins with; with its neighbours in the alphabet where the text goes on to list them."""
    first = _FIRST.match(text)
    if first is None or (first.group(1) == "I" and text[first.end(1)] not in ":)]"):
        return set()
    letter = (first.group(1) or first.group(2)).upper()
    if (joined := _JOINED.match(text, first.end(first.lastindex or 0))) is not None:
        return {letter, text[joined.end()]}
    items = {match.group(1) for match in _ITEM.finditer(text)}
    return {letter} | {other for other in items if abs(ord(other) - ord(letter)) == 1}


def _in_brackets(text: str) -> set[str]:
    found = {match.group(match.lastindex or 0) for match in _BRACKETED.finditer(text) if not _is_denied(text, match)}
    return found or {match.group(1).upper() for match in _SMALL_BRACKETED.finditer(text)}


def _by_itself(text: str) -> set[str]:
    """The capitals that stand by themselves; none that also stands in a name of a line or an angle, such as AB."""
    labels = set("".join(_LABELS.findall(text)))
    found = {
        match.group(1)
        for match in _CAPITAL.finditer(text)
        if is_option(text, match.start(1)) and not _is_denied(text, match)
    }
    return found - labels


def _is_denied(text: str, match: re.Match[str]) -> bool:
    """Whether "not" or the like stands before a letter."""
    return _DENIED.search(text, max(0, match.start() - 24), match.start()) is not None


def letters_of(choices: tuple[str, ...]) -> dict[str, str] | None:
    """Capital to choice, where every choice is a single letter; None where they are not, or differ by case alone."""
    if not all(len(choice) == 1 and choice.isascii() and choice.isalpha() for choice in choices):
        return None
    found = {choice.upper(): choice for choice in choices}
    return found if len(found) == len(set(choices)) else None


_TEXTS = ("a cat", "a dog", "a bird")


def labelled_choice(text: str, choices: tuple[str, ...]) -> str | None:
    """The choice that a text is with its letter before it, or its letter alone; None where letter and text disagree.

    >>> labelled_choice("(B) a dog.", ("a cat", "a dog")), labelled_choice("B.", ("a cat", "a dog"))
    ('a dog', 'a dog')
    """
    label = _LABEL.match(plain(text))
    if label is None:
        return None
    place = ord(label.group(1)) - ord("A")
    if place >= len(choices) or (
        label.end() < len(text) and normalise(text[label.end() :]) != normalise(choices[place])
    ):
        return None
    return choices[place]


@extractor(
    "letter",
    "1",
    examples=[
        ("The answer is (B).", _TEXTS, "a dog"),
        ("B. a dog", _TEXTS, "a dog"),
        ("answer: c", _TEXTS, "a bird"),
        ("This is a dog.", _TEXTS, None),
        ("I see A dog.", ("A", "B", "I"), None),
        ("It is A or B.", ("A", "B"), None),
        ("So it must be C", None, "c"),
    ],
)
def letter(text: str, choices: Choices) -> str | None:
    """A letter that names a choice.

    It is the whole text, stands in a box, follows a marker such as "the answer is", stands at the beginning with a stop or
    bracket, stands in brackets, or is a capital by itself, looked for in this order. The article "a" and the pronoun "I" are
    none, nor are letters in formulas and beyond the last choice. Two different letters of one kind are no answer. Where the
    choices are not letters themselves, A is the first of them; without a closed set the letters A to J are looked for.
    """
    if choices is None:
        found = find_letter(text, LETTERS)
        return None if found is None else found.lower()
    own = letters_of(choices)
    by_letter = dict(zip(ascii_uppercase, choices, strict=False)) if own is None else own
    found = find_letter(text, by_letter)
    return None if found is None else by_letter[found]
