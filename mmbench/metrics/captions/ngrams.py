"""Which n-grams stand in which captions, and how often: exact, one order after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmbench.metrics.captions.declarations import ORDERS
from mmbench.metrics.captions.text import Tokens

Ints = NDArray[np.int64]

_KEY_BITS = 63
"""Bits of a number that holds a key and its place; where they do not suffice, keys are sorted by index."""
_SHORT = 2**16
"""Keys below this are sorted by index as well: in 16 bits NumPy does that in linear time."""


@dataclass(frozen=True, slots=True, eq=False)
class NgramCounts:
    """The different n-grams of one order in each line, e entries in all, sorted by n-gram and then by line."""

    order: int
    """Words of an n-gram."""
    ngrams: Ints
    """int64 [e]: the n-gram's number, from 0 without gaps, in the order of its words."""
    lines: Ints
    """int64 [e]: the line."""
    counts: Ints
    """int64 [e]: how often it stands there, at least once."""
    size: int
    """Number of different n-grams."""


def ngram_counts(tokens: Tokens) -> Iterator[NgramCounts]:
    """Count the n-grams of every line, for n = 1 … 4.

    An n-gram's number follows the order of its words, whatever the other lines are.

    >>> from mmbench.metrics.captions.text import number_words
    >>> _, pairs, *_ = ngram_counts(number_words(["a b a b", "b a"]))
    >>> pairs.ngrams.tolist(), pairs.lines.tolist(), pairs.counts.tolist()
    ([0, 1, 1], [0, 0, 1], [2, 1, 1])
    """
    words = len(tokens.vocabulary)
    line_of = np.repeat(np.arange(len(tokens.lengths), dtype=np.int32), tokens.lengths)
    left = np.repeat(tokens.starts[1:], tokens.lengths) - np.arange(len(line_of))
    places = np.arange(len(line_of))
    numbers = tokens.ids.copy()  # at each place, the n-gram that begins there
    size = words
    for order in range(1, ORDERS + 1):
        keys = numbers
        if order > 1:
            places = places[left[places] >= order]
            keys = numbers[places]
            keys *= words
            keys += tokens.ids[places + (order - 1)]
            size *= words
        keys, begin = _sorted(keys, places, size)
        lines = line_of[begin]
        changes = keys[1:] != keys[:-1]
        ngrams = np.zeros(len(keys), dtype=np.int64)
        np.cumsum(changes, out=ngrams[1:])
        numbers[begin] = ngrams
        size = int(ngrams[-1]) + 1 if len(ngrams) else 0
        changes |= lines[1:] != lines[:-1]
        firsts = np.flatnonzero(np.concatenate((np.ones(min(len(keys), 1), dtype=np.bool_), changes)))
        counts = np.diff(firsts, append=len(keys))
        yield NgramCounts(order, ngrams[firsts], lines[firsts].astype(np.int64), counts, size)


def _sorted(keys: Ints, places: Ints, size: int) -> tuple[Ints, Ints]:
    """Sort keys below `size`, equal ones by place: the sorted keys and their places, which must not fall."""
    shift = int(places[-1]).bit_length() if len(places) else 0
    short = size <= _SHORT
    if short or size.bit_length() + shift > _KEY_BITS:
        order = np.argsort(keys.astype(np.uint16) if short else keys, kind="stable")
        return keys[order], places[order]
    keys = keys << shift
    keys |= places
    keys.sort()
    begin = keys & ((1 << shift) - 1)
    keys >>= shift
    return keys, begin
