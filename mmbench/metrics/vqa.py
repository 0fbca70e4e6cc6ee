"""VQA accuracy: what an answer is worth among those that several people gave, in the conventions of the field.

Antol et al. 2015: an answer is worth ``min(1, matches / 3)``, averaged over the people, each left out in turn. What
counts as a match differs between evaluators, and identical answers get 54 % from one and 74 % from another; so the
convention is a variant, and part of the metric's id.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import lru_cache

from mmbench.core.errors import UnknownNameError
from mmbench.core.metric import ONES
from mmbench.extract import composed
from mmbench.metrics.declare import MetricMaker

OFFICIAL = "official-2021"
NORMALISED = "always-normalised"
TEXTVQA = "textvqa-evalai"
EXACT = "exact"

VQA_VARIANTS: Mapping[str, str] = {
    OFFICIAL: "the evaluation script of github.com/GT-Vision-Lab/VQA as of 2021: answers are normalised only where people "
    "disagree, and people whose records are equal (answer, id, confidence) are left out together",
    NORMALISED: "the normalisation of the official script, applied to every question; each person is left out alone",
    TEXTVQA: "the processor of TextVQA's server, as in MMF and lmms-eval, which also drops commas and question marks first "
    "and splits 's off; each person is left out alone",
    EXACT: "equal to the letter; each person is left out alone, and with one answer it is plain equality",
}
"""Variant to what it does; the source of each is named in it."""
DEFAULT_VARIANT = NORMALISED
"""The convention for data with several annotators where none is named."""

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_ODD = re.compile(f"[.{re.escape(_PUNCTUATION)}]")
_THOUSANDS = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_PERIODS = int(re.UNICODE)
"""The official script hands the flag `re.UNICODE`, 32, to `sub` as its count: so many periods are removed, no more."""
_FIGURES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS = {"none": "0"} | {word: f"{figure}" for figure, word in enumerate(_FIGURES)}
_ARTICLES = frozenset({"a", "an", "the"})
_CONTRACTED = (
    "'ow's'at 'twas ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't "
    "he'd he'd've he's how'd how'll how's isn't it'd it'd've it'll ma'am might've mightn't mightn't've must've mustn't "
    "needn't not've o'clock oughtn't shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's "
    "someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've "
    "there're there's they'd they'd've they'll they're they've wasn't we'd've we've weren't what'll what're what's "
    "what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've "
    "wouldn't wouldn't've y'all y'all'd've y'all'll you'd you'd've you'll you're you've"
)
"""The words whose spelling without one of their apostrophes is corrected."""
_CONTRACTIONS = {
    f"{word[:place]}{word[place + 1 :]}": word
    for word in _CONTRACTED.split()
    for place, character in enumerate(word)
    if character == "'"
} | {"somebody'd": "somebodyd"}
"""Spelling to correction; the last one is the official table's own slip."""

_CACHED = 2**16
"""Texts of each normalisation that are kept."""


def normalise_answer(text: str) -> str:
    r"""Normalise an answer as the official script does: punctuation, case, number words, articles, contractions.

    Of the marks ``; / [ ] " { } ( ) = + \ _ - > < @ ` , ? !`` each is dropped where one of its kind has a blank beside it
    or the answer has a comma between digits, and becomes a blank otherwise. Periods without a digit behind them are
    dropped, the first 32 of them. The words of what is left, in lower case, are joined by single blanks without a, an
    and the; none (0) and zero to ten become figures, and contractions get their apostrophe.

    Args:
        text: The answer of a model or of a person.

    Returns:
        The normalised answer. Source: ``vqaEval.py`` of github.com/GT-Vision-Lab/VQA, 2021.

    Example:
        >>> normalise_answer("The U.S. flag, isnt it?"), normalise_answer("two-tone"), normalise_answer("$1,000.50 (one)")
        ("us flag isn't it", '2 tone', '$1000.50 1')
    """
    if _ODD.search(text):
        text = _unpunctuated(text)
    words = [_NUMBERS.get(word, word) for word in text.lower().split()]
    return " ".join([_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES])


def _unpunctuated(text: str) -> str:
    joined = _THOUSANDS.search(text) is not None
    marks = {
        ord(mark): "" if joined or f"{mark} " in text or f" {mark}" in text else " "
        for mark in _PUNCTUATION
        if mark in text
    }
    return _PERIOD.sub("", text.translate(marks), count=_PERIODS)


def _one_line(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


@lru_cache(maxsize=_CACHED)
def _normalised(text: str) -> str:
    return normalise_answer(_one_line(text))


@lru_cache(maxsize=_CACHED)
def _evalai(text: str) -> str:
    bare = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    return normalise_answer(_one_line(bare))


Compared = tuple[str, list[str]]
"""An answer and the references, in the form in which they are compared."""


def _as_official(answer: str, references: Sequence[str]) -> Compared:
    distinct = set(references)
    if len(distinct) > 1 and len(set(map(_one_line, distinct))) > 1:
        return _as_normalised(answer, references)
    return _one_line(answer), list(map(_one_line, references))


def _as_normalised(answer: str, references: Sequence[str]) -> Compared:
    return _normalised(answer), list(map(_normalised, references))


def _as_evalai(answer: str, references: Sequence[str]) -> Compared:
    return _evalai(answer), list(map(_evalai, references))


def _as_written(answer: str, references: Sequence[str]) -> Compared:
    return answer, list(references)


_COMPARED: dict[str, Callable[[str, Sequence[str]], Compared]] = {
    OFFICIAL: _as_official,
    NORMALISED: _as_normalised,
    TEXTVQA: _as_evalai,
    EXACT: _as_written,
}


def vqa_accuracy(
    answer: str,
    references: Sequence[str],
    variant: str = DEFAULT_VARIANT,
    *,
    records: Sequence[Hashable] | None = None,
) -> float:
    r"""Score an answer by how many people gave it.

    .. math:: s = \frac{1}{n} \sum_{i=1}^n \min(1, m_i / 3)

    where m_i is the number of matches among the people other than i; canonically equivalent texts of Unicode are equal (NFC). With ten different records, 1, 2 and 3 matches are worth 0.3,
    0.6 and 0.9, and 4 or more are worth 1. With fewer than four people nothing is worth 1: the best of three is 2/3, of two 1/3, of
    one 0 (``exact`` alone takes one answer as plain equality).

    Args:
        answer: The answer to score.
        references: What n people answered, one each, in any order (ten in the datasets of the field).
        variant: A key of `VQA_VARIANTS`, which says what a match is.
        records: n things that tell the records of people apart beside their answer (id and confidence), where ids do not make
            every record different. ``official-2021`` alone looks at them: the others are there the records that differ, so that
            people of one record are left out together.

    Returns:
        The score in [0, 1]. Source: Antol et al., VQA, ICCV 2015, and `VQA_VARIANTS`.

    Raises:
        UnknownNameError: If there is no such variant.
        ValueError: If there are no references, or another number of records.

    Example:
        >>> people = ["red"] * 3 + ["dark red"] * 6 + ["Red."]
        >>> vqa_accuracy("red", people), vqa_accuracy("Red", people, "exact")
        (1.0, 0.0)
        >>> vqa_accuracy("Red.", ["red"] * 10), vqa_accuracy("Red.", ["red"] * 10, "official-2021")
        (1.0, 0.0)
        >>> vqa_accuracy("red", ["red"] * 10, "official-2021", records=["yes"] * 10)
        0.0
    """
    if variant not in _COMPARED:
        raise _unknown(variant)
    answer, references = composed(answer), [composed(reference) for reference in references]
    n = len(references)
    if not n or (records is not None and len(records) != n):
        raise ValueError(f"expected an answer of at least one person and as many records, got {n} answers")
    answer, given = _COMPARED[variant](answer, references)
    matches = given.count(answer)
    if not matches:
        return 0.0
    if n == 1 and variant == EXACT:
        return 1.0
    if records is None or variant != OFFICIAL:
        thirds = matches * min(3, matches - 1)
    else:
        alike = Counter(record for text, record in zip(given, records, strict=True) if text == answer)
        thirds = sum(count * min(3, matches - count) for count in alike.values())
    return (thirds + (n - matches) * min(3, matches)) / (3 * n)


def vqa_accuracies(
    answers: Sequence[str],
    references: Sequence[Sequence[str]],
    variant: str = DEFAULT_VARIANT,
    *,
    records: Sequence[Sequence[Hashable] | None] | None = None,
) -> list[float]:
    """Score n answers with `vqa_accuracy`.

    Args:
        answers: [n] answers.
        references: [n][k_i] what people answered to each.
        variant: As in `vqa_accuracy`.
        records: [n][k_i] records of the people, or None for answers and for all where they do not matter.

    Returns:
        [n] scores in [0, 1].

    Raises:
        UnknownNameError: As `vqa_accuracy`.
        ValueError: As `vqa_accuracy`, and if the lengths differ.

    Example:
        >>> vqa_accuracies(["red", "2"], [["red"] * 10, ["two"] * 3 + ["3"] * 7])
        [1.0, 0.9]
    """
    given: Sequence[Sequence[Hashable] | None] = [None] * len(answers) if records is None else records
    return [
        vqa_accuracy(answer, people, variant, records=each)
        for answer, people, each in zip(answers, references, given, strict=True)
    ]


vqa_metric = MetricMaker(
    "vqa_accuracy(variant=official-2021|always-normalised|textvqa-evalai|exact)",
    description="What answers are worth among those of several people, each person left out in turn. What counts as a match "
    "is the variant's.",
    columns=("vqa_accuracy", ONES),
    formula="mean over people of min(1, matches among the others / 3)",
    source="Antol et al. 2015, VQA, and the evaluators that the variants are named after",
)


def _unknown(variant: str) -> UnknownNameError:
    hint = f"There are: {', '.join(VQA_VARIANTS)}."
    return UnknownNameError("variant of vqa_accuracy", variant, VQA_VARIANTS, hint=hint)
