"""The official parsers of MMMU and MMMU-Pro, without their random fallback: what they would guess is no answer here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import ascii_uppercase

_WITH_COMMAS = re.compile(r"-?\b\d{1,3}(?:,\d{3})+\b")
_SCIENTIFIC = re.compile(r"-?\d+(?:\.\d+)?[eE][+-]?\d+")
_SIMPLE = re.compile(r"-?(?:\d+\.\d+|\.\d+|\d+\b)(?![eE][+-]?\d+)(?![,\d])")
_CLAUSES = re.compile(r"\.\s(?=[A-Z])|\n")
_INDICATORS = ("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ")
_TRIVIAL = frozenset(":,.!?;'")
_MARKS = (",", ".", "!", "?", ";", ":", "'")
_MARKER = "Answer:"
_LONG = 5
"""Words that an output must exceed before the texts of options are looked for in it."""

Candidate = str | float
"""A candidate of an open answer: a text in lower case, or a number rounded to two decimals."""


def mmmu_choice(output: str, choices: Sequence[str], *, pro: bool = False) -> str | None:
    """Find the option that an output names, as the official parser does.

    Looked for in this order: the letter in brackets; the letter before a blank; the letter before a stop; in an output of more
    than five words, the text of an option. Of several the last one counts.

    Args:
        output: What the model wrote.
        choices: The texts of the options, in the order in which they were lettered.
        pro: As for MMMU-Pro, where the only letter behind the last ``Answer:`` comes first.

    Returns:
        One of `choices`; None where the official parser would draw one at random. Source: ``eval_utils.py`` and
        ``mmmu-pro/evaluate.py`` of github.com/MMMU-Benchmark/MMMU.

    Example:
        >>> mmmu_choice("The answer is (B).", ["a cat", "a dog"]), mmmu_choice("no idea", ["a cat", "a dog"])
        ('a dog', None)
    """
    letters = ascii_uppercase[: len(choices)]
    if pro and (place := output.rfind(_MARKER)) >= 0:
        behind = output[place + len(_MARKER) :]
        named = [letter for letter in letters if letter in behind]
        if len(named) == 1:
            return choices[letters.index(named[0])]
    for mark in _MARKS:
        output = output.strip(mark)
    text = f" {output} "
    for pattern, last in (("({})", "({})"), ("{} ", " {} "), ("{}.", " {} ")):
        found = [letter for letter in letters if pattern.format(letter) in text]
        if found:
            letter = max(found, key=lambda each: (text.rfind(last.format(each)), -letters.index(each)))
            return choices[letters.index(letter)]
    if len(text.split()) <= _LONG:
        return None
    folded = text.lower()
    texts = [choice for choice in choices if choice.lower() in folded]
    return max(texts, key=lambda choice: (folded.rfind(choice.lower()), -choices.index(choice)), default=None)


def _normalised(text: str) -> list[Candidate]:
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        folded = text.lower()
        return [f" {folded}", f"{folded} "] if len(folded) == 1 else [folded]


def _key_phrases(output: str) -> list[str]:
    """The shortest text behind a word such as "is" or "answer" in every clause; the whole output where there is none."""
    text = output.strip().strip(".").lower()
    clauses = _CLAUSES.split(text)
    phrases = []
    for number, clause in enumerate(clauses):
        indicators = (*_INDICATORS, "=") if number == len(clauses) - 1 else _INDICATORS
        behind = [clause.split(indicator)[-1].strip() for indicator in indicators if indicator in clause]
        shortest = ""
        for phrase in behind:  # an empty phrase is replaced by whatever comes next, as in the official script
            if not shortest or len(phrase) < len(shortest):
                shortest = phrase
        if shortest and shortest not in _TRIVIAL:
            phrases.append(shortest)
    return phrases or [text]


def mmmu_open_candidates(output: str) -> list[Candidate]:
    """Find everything in an output that may be meant as the open answer, as the official parser does.

    Args:
        output: What the model wrote.

    Returns:
        The different candidates in their order. Source: ``parse_open_response`` in ``eval_utils.py`` of
        github.com/MMMU-Benchmark/MMMU.

    Example:
        >>> mmmu_open_candidates("So the answer is 12.5 cm")
        ['12.5 cm', 12.5]
    """
    phrases = _key_phrases(output)
    numbers = [
        number
        for phrase in phrases
        for pattern in (_WITH_COMMAS, _SCIENTIFIC, _SIMPLE)
        for number in pattern.findall(phrase)
    ]
    return list(dict.fromkeys(each for text in (*phrases, *numbers) for each in _normalised(text)))


def mmmu_open_match(output: str, references: Sequence[str]) -> bool:
    """Say whether an output gives an open answer of MMMU.

    A reference that is a text must stand in a candidate that is a text; numbers must be equal after rounding to two decimals.

    Args:
        output: What the model wrote.
        references: Any of them will do.

    Returns:
        Whether one is given. Source: ``eval_open`` in ``eval_utils.py`` of github.com/MMMU-Benchmark/MMMU.

    Example:
        >>> mmmu_open_match("x = 3.0", ["3"]), mmmu_open_match("It is in Tampa, Florida", ["Tampa"])
        (True, True)
    """
    wanted = [each for reference in references for each in _normalised(reference)]
    for candidate in mmmu_open_candidates(output):
        if isinstance(candidate, float):
            if candidate in wanted:
                return True
        elif any(isinstance(each, str) and each in candidate for each in wanted):
            return True
    return False
