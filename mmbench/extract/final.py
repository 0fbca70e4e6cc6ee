"""Extractors of the final answer of a longer text, and of answers in markup."""

from __future__ import annotations

from mmbench.extract.declare import Choices, extractor
from mmbench.extract.letters import find_letter, labelled_choice, letters_of
from mmbench.extract.markup import boxes, final_part, without_markup
from mmbench.extract.normal_form import excerpt, normalise, plain
from mmbench.extract.numbers import number, signed
from mmbench.extract.texts import exact

_COLOURS = ("blue", "red")


@extractor(
    "final-answer",
    "2",
    examples=[
        ("It is not blue.\nAnswer: red.", _COLOURS, "red"),
        ("So the final answer is \\boxed{\\text{red}}.", _COLOURS, "red"),
        ("It is one of two.\n\n**Red**", _COLOURS, "red"),
        ("It is red, I think.", _COLOURS, None),
        ("Answer\uff1a(B) red", ("A", "B"), "B"),
        ("The correct answer is (B) red.", _COLOURS, "red"),
    ],
)
def final_answer(text: str, choices: Choices) -> str | None:
    r"""What a text says its answer is, as by `exact`.

    That is the last of a box (``\boxed{}``, ``<|begin_of_box|>``, ``<answer>``), of "Answer:" at the beginning of a line up to
    its end, and of "the answer is" up to the end of the sentence. A text that says none of these ends with its answer: the
    last line. Markup around it does not matter, nor does the letter of a choice before it, "(B) red". Choices that are single
    letters are looked for in it as by `letter`.
    """
    part, said = final_part(plain(excerpt(text)))
    part = without_markup(part)
    found = exact(part, choices)
    if found is None and said and choices is not None and (letters := letters_of(choices)) is not None:
        letter = find_letter(part, letters)
        return None if letter is None else letters[letter]
    if found is None and said and choices is not None:
        return labelled_choice(part, choices)
    return found


@extractor(
    "final-number",
    "2",
    examples=[
        ("It is 2 or 3.\nAnswer: 2", None, "2"),
        ("2 + 2 = 4, so \\boxed{4}", None, "4"),
        ("4 - 5 is\n-1", None, "-1"),
        ("2 or 3", None, None),
    ],
    reads="number",
    normalise=number.normalise,
)
def final_number(text: str, choices: Choices) -> str | None:
    """The number in what a text says its answer is (see `final-answer`), as by `number`.

    A text that does not say it has the number in its last line, or else nowhere but once.
    """
    part, said = final_part(plain(signed(excerpt(text))))
    found = number(part, choices)
    return number(text, choices) if found is None and not said else found


def _unwrapped(text: str) -> str:
    return normalise(without_markup(plain(text)))


@extractor(
    "unwrap",
    "1",
    examples=[
        ("**Red**", _COLOURS, "red"),
        ("<|begin_of_box|>red<|end_of_box|>", _COLOURS, "red"),
        ("$\\text{red}$", None, "red"),
        ("The circle is **red**.", _COLOURS, None),
    ],
    normalise=_unwrapped,
)
def unwrap(text: str, choices: Choices) -> str | None:
    r"""The whole text without Markdown, LaTeX, tags and special tokens, as by `exact`.

    Where something stands in a box (``\boxed{}``, ``<|begin_of_box|>``, ``<answer>``), that is the answer, unless boxes differ.
    """
    text = plain(text)
    inside = {_unwrapped(content): content for _, content in boxes(text)}
    if len(inside) > 1:
        return None
    return exact(without_markup(next(iter(inside.values()), text)), choices)
