"""Texts as numbers: words that training showed, and lines that say no more than the choices do. Loads no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from mmbench.core import Choose, Embed, Generate, Request

PADDING, UNKNOWN = 0, 1
"""Ids of what stands after the last word, and of a word that training did not show."""
LONGEST = 256
"""Words of a text that are read."""

_WORD = re.compile(r"\w+")

Choices = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Reader:
    """Turns the text of a request into ids of words."""

    words: tuple[str, ...]
    """The words in order of their ids, from 2 up; lower case."""
    closing: tuple[tuple[Choices, tuple[str, ...]], ...]
    """Choices, and the lines that every training question with these choices has: they say nothing more, and are left
    out. ``Answer with one of: no, yes.`` is such a line."""

    @classmethod
    def learn(cls, requests: Iterable[Request]) -> Self:
        """Read the training requests."""
        lines: dict[Choices, set[str]] = {}
        texts: dict[Choices, set[str]] = {}
        for request in requests:
            text = text_of(request)
            known = texts.setdefault(choices_of(request), set())
            if text not in known:
                known.add(text)
                own = set(text.splitlines())
                shared = lines.setdefault(choices_of(request), own)
                shared &= own
        closing = tuple(
            (choices, tuple(sorted(shared)))
            for choices, shared in sorted(lines.items(), key=lambda item: item[0] or ())
            if shared and len(texts[choices]) > 1
        )
        reader = cls((), closing)
        words = {word for choices, known in texts.items() for text in known for word in reader.split(text, choices)}
        return cls(tuple(sorted(words)), closing)

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self.words) + 2

    def split(self, text: str, choices: Choices) -> list[str]:
        r"""The words that are read.

        >>> Reader((), ((("no", "yes"), ("Answer yes or no.",)),)).split("Is it RED?\nAnswer yes or no.", ("no", "yes"))
        ['is', 'it', 'red']
        """
        left_out = dict(self.closing).get(choices, ())
        kept = " ".join(line for line in text.splitlines() if line not in left_out)
        return _WORD.findall(kept.casefold())[:LONGEST]

    def encode(self, texts: Sequence[tuple[str, Choices]]) -> list[list[int]]:
        """Ids of the words of each (text, choices); a text without words is one unknown word."""
        ids = {word: number for number, word in enumerate(self.words, start=2)}
        return [[ids.get(word, UNKNOWN) for word in self.split(text, choices)] or [UNKNOWN] for text, choices in texts]


def text_of(request: Request) -> str:
    """The text parts of a request, one a line."""
    if isinstance(request, Embed):
        return request.part if isinstance(request.part, str) else ""
    return request.text


def choices_of(request: Request) -> Choices:
    """The closed answer set of a request, None where there is none."""
    return request.choices if isinstance(request, Generate | Choose) else None
