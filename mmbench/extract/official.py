"""Extractors that read answers as the official scripts of benchmarks do, whatever one thinks of them."""

from __future__ import annotations

import re

from mmbench.extract.declare import Choices, extractor
from mmbench.extract.final import final_answer
from mmbench.extract.letters import LETTERS, labelled_choice, letter
from mmbench.extract.texts import equal_choice, mention
from mmbench.extract.yes_no import named_choice

_OPTIONS = ("a cat", "a dog", "a bird")
_NEGATIVE = frozenset({"No", "not", "no"})
_LOOKED_AT = 4
_ONLY = re.compile(r"The answer is ([A-Z])\.")


@extractor(
    "option",
    "1",
    examples=[
        ("B", _OPTIONS, "a dog"),
        ("(b) a dog", _OPTIONS, "a dog"),
        ("A dog.", _OPTIONS, "a dog"),
        ("The answer is a bird.", _OPTIONS, "a bird"),
        ("A or B", _OPTIONS, None),
        ("C. 12", ("10", "11", "12"), "12"),
    ],
)
def option(text: str, choices: Choices) -> str | None:
    """An option, by its letter or by its text.

    The whole text is the text of an option, or its letter with or without that text; or it says which is the answer (see
    `final-answer`); or it holds the letter of one option alone (see `letter`), or the text of one option alone (see `mention`). Letter
    and text that disagree are read as the letter. Without options the letters A to J are looked for.
    """
    if choices is None:
        return letter(text, None)
    whole = text.strip()
    if len(whole) == 1 and whole in LETTERS[: len(choices)] and whole not in choices:
        return choices[LETTERS.index(whole)]
    for found in (equal_choice(text, choices), labelled_choice(text.strip(), choices), final_answer(text, choices)):
        if found is not None:
            return found
    return letter(text, choices) or mention(text, choices)


@extractor(
    "pope-official",
    "1",
    suggested=False,
    examples=[
        ("Yes, there is.", ("yes", "no"), "yes"),
        ("There is no dog.", ("yes", "no"), "no"),
        ("I cannot tell.", ("yes", "no"), "yes"),
        ("It is. Not that I know.", ("yes", "no"), "yes"),
    ],
)
def pope_official(text: str, choices: Choices) -> str | None:
    """Yes or no as the script of POPE reads it: no where the first sentence holds no or not as a word, else yes.

    What holds neither, an empty text included, counts as yes. The first sentence ends with the first stop, and commas are dropped.
    """
    words = text.split(".", maxsplit=1)[0].replace(",", "").split(" ")
    return named_choice("no" if _NEGATIVE.intersection(words) else "yes", choices)


@extractor(
    "mme-official",
    "1",
    suggested=False,
    examples=[
        ("Yes", ("Yes", "No"), "Yes"),
        ("no, it is not", ("Yes", "No"), "No"),
        ("The answer is yes", ("Yes", "No"), None),
    ],
)
def mme_official(text: str, choices: Choices) -> str | None:
    """Yes or no as the script of MME reads it: the whole text in lower case, or else its first four characters hold it."""
    folded = text.lower()
    if folded not in ("yes", "no"):
        begin = folded[:_LOOKED_AT]
        folded = "yes" if "yes" in begin else "no" if "no" in begin else ""
    return named_choice(folded, choices) if folded else None


@extractor(
    "scienceqa-official",
    "1",
    suggested=False,
    examples=[
        ("B", _OPTIONS, "a dog"),
        ("B. a dog", _OPTIONS, "a dog"),
        ("I think so. The answer is C.", _OPTIONS, "a bird"),
        ("a dog", _OPTIONS, None),
    ],
)
def scienceqa_official(text: str, choices: Choices) -> str | None:
    """A letter as the evaluation of ScienceQA in LLaVA reads it.

    The text is the letter alone, begins with it and ". ", or says "The answer is X." exactly once.
    """
    known = choices or tuple(LETTERS)
    said = _ONLY.findall(text)
    for found in (text, text[:1] if text[1:3] == ". " else "", said[0] if len(said) == 1 else ""):
        if len(found) == 1 and found in LETTERS[: len(known)]:
            return known[LETTERS.index(found)]
    return None
