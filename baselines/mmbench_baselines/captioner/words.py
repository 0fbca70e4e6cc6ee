"""Captions as numbers and back: words as training wrote them. Loads no torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from mmbench.core import DataError

BOUNDARY, UNKNOWN = 0, 1
"""Ids of what stands before the first word and after the last, and of a word that training did not show."""
LONGEST = 256
"""Words of a caption that are learned, and that are written at most."""
MOST_WORDS = 10_000
"""Words that are learned at most: the most frequent ones of training."""

_PIECE = re.compile(r" ?\w+| ?[^\w\s]")


@dataclass(frozen=True)
class Lexicon:
    """The words of the training captions. A word carries the space before it, so that a text can be put together again."""

    words: tuple[str, ...]
    """The words in order of their ids, from 2 up."""

    @classmethod
    def learn(cls, captions: Iterable[str]) -> Self:
        """Read the training captions. Raises `DataError` where they have no words."""
        counts = Counter(word for caption in captions for word in split(caption))
        if not counts:
            raise DataError("the training samples have no captions to learn from")
        kept = sorted(counts, key=lambda word: (-counts[word], word))[:MOST_WORDS]
        return cls(tuple(sorted(kept)))

    @property
    def size(self) -> int:
        """Number of ids."""
        return len(self.words) + 2

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, start=2)}

    def encode(self, caption: str) -> list[int]:
        """Ids of the words of a caption; `UNKNOWN` for those that training did not show."""
        return [self._ids.get(word, UNKNOWN) for word in split(caption)]

    def text(self, ids: Sequence[int]) -> str:
        r"""The text of some ids.

        >>> lexicon = Lexicon.learn(["A cat, asleep."])
        >>> lexicon.text(lexicon.encode("A cat,\n  asleep."))
        'A cat, asleep.'
        """
        return "".join(self.words[number - 2] for number in ids if number > UNKNOWN).strip()


def split(caption: str) -> list[str]:
    """The words and marks of a caption, each with the space before it, the first one always with one.

    >>> split("A cat,  asleep.")
    [' A', ' cat', ',', ' asleep', '.']
    """
    return _PIECE.findall(" " + " ".join(caption.split()))[:LONGEST]
