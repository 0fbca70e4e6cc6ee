"""Tokenised captions as arrays of word numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, repeat

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_LINES_AT_ONCE = 2**14
"""Lines whose words stand in memory as strings at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """The words of several lines, one after the other."""

    ids: Ints
    """int64 [t]: the word's number, in the order of the sorted vocabulary."""
    starts: Ints
    """int64 [n + 1]: the words of line i stand at ``starts[i]:starts[i + 1]``."""
    vocabulary: Sequence[str]
    """The different words, sorted."""

    @property
    def lengths(self) -> Ints:
        """int64 [n]: words of each line."""
        return np.diff(self.starts)


def number_words(lines: Sequence[str]) -> Tokens:
    """Split lines at each single space and number their words; an empty line is one empty word.

    Numbers follow the order of the words, so that what is summed in their order does not depend on the other lines.

    >>> tokens = number_words(["a cat", "", "a  b"])
    >>> [tokens.vocabulary[word] for word in tokens.ids], tokens.starts.tolist()
    (['a', 'cat', '', 'a', '', 'b'], [0, 2, 3, 6])
    """
    seen: defaultdict[str, int] = defaultdict(count().__next__)
    parts = []
    for first in range(0, len(lines), _LINES_AT_ONCE):
        words = " ".join(lines[first : first + _LINES_AT_ONCE]).split(" ")
        parts.append(np.fromiter(map(seen.__getitem__, words), np.int64, len(words)))
    starts = np.zeros(len(lines) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(str.count, lines, repeat(" ")), np.int64, len(lines)) + 1, out=starts[1:])
    vocabulary = sorted(seen)
    places = np.empty(len(vocabulary), dtype=np.int64)
    places[np.fromiter(map(seen.__getitem__, vocabulary), np.int64, len(vocabulary))] = np.arange(len(vocabulary))
    ids = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return Tokens(places[ids], starts, vocabulary)


def split_at_white_space(tokens: Tokens) -> Tokens:
    r"""The same lines split as `str.split` does: at every run of white space, no-break spaces among it.

    A word of the official tokeniser may hold a no-break space (``25 1/2``); BLEU and CIDEr see two words there, ROUGE-L
    one.

    >>> tokens = split_at_white_space(number_words(["a\xa0cat", "", "a  b"]))
    >>> [tokens.vocabulary[word] for word in tokens.ids], tokens.starts.tolist()
    (['a', 'cat', 'a', 'b'], [0, 2, 2, 4])
    """
    pieces = [word.split() for word in tokens.vocabulary]
    if all(len(parts) == 1 and parts[0] == word for word, parts in zip(tokens.vocabulary, pieces, strict=True)):
        return tokens
    vocabulary = sorted({part for parts in pieces for part in parts})
    numbers = {word: number for number, word in enumerate(vocabulary)}
    flat = np.array([numbers[part] for parts in pieces for part in parts], dtype=np.int64)
    counts = np.array([len(parts) for parts in pieces], dtype=np.int64)
    firsts = np.cumsum(counts) - counts
    repeats = counts[tokens.ids]
    ends = np.concatenate(([0], np.cumsum(repeats)))
    places = np.arange(ends[-1]) + np.repeat(firsts[tokens.ids] - ends[:-1], repeats)
    return Tokens(flat[places], ends[tokens.starts], vocabulary)
