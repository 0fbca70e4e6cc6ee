"""ROUGE-L: the longest common subsequence of a candidate and each of its references."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mmbench.metrics.captions.layout import Layout
from mmbench.metrics.captions.text import Tokens

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BETA = 1.2
"""Recall weighs β² times as much as precision."""

_CELLS_AT_ONCE = 2**16
"""Words of references compared at once."""
_WORD_BITS = 64
"""Candidates longer than this are compared one pair after the other."""
_BIT_COUNTS = np.array([number.bit_count() for number in range(256)], dtype=np.int64)


def rouge_l(tokens: Tokens, layout: Layout) -> Floats:
    r"""Compute ROUGE-L of each image.

    .. math:: (1 + \beta^2) P R / (R + \beta^2 P), \quad \beta = 1.2

    where P is the best precision and R the best recall of the longest common subsequence among the references. Words are split at
    single spaces, so that an empty caption is one empty word.

    Args:
        tokens: Of all captions and references.
        layout: Which of them belong to which image.

    Returns:
        float64 [n] in [0, 1]; 0 where the candidate failed. Source: Lin, ROUGE, 2004, as in pycocoevalcap 1.2.
    """
    references = layout.scored_references()
    image = layout.image[references]
    scores = np.zeros(layout.images)
    if not len(references):
        return scores
    lengths = tokens.lengths
    candidates = layout.candidate[image]
    common = common_subsequences(tokens, candidates, references)
    firsts = np.flatnonzero(np.concatenate(([True], image[1:] != image[:-1])))
    precision = np.maximum.reduceat(common / lengths[candidates], firsts)
    recall = np.maximum.reduceat(common / lengths[references], firsts)
    combined = (1 + BETA**2) * precision * recall
    sums = recall + BETA**2 * precision
    scores[image[firsts]] = np.divide(combined, sums, out=np.zeros(len(sums)), where=sums > 0)
    return scores


def common_subsequences(tokens: Tokens, left: Ints, right: Ints) -> Ints:
    """Lengths of the longest common subsequences of pairs of lines: int64 [p] from two of int64 [p].

    A bit for each word of the left line, all pairs side by side: Hyyrö (2004), "Bit-parallel LCS-length computation
    revisited".
    """
    common = np.zeros(len(left), dtype=np.int64)
    for width, pairs in _batches(tokens, left, right):
        if width > _WORD_BITS:
            common[pairs] = [_one_pair(tokens, left[pair], right[pair]) for pair in pairs.tolist()]
        else:
            common[pairs] = _batch(tokens, left[pairs], right[pairs], width)
    return common


def _batches(tokens: Tokens, left: Ints, right: Ints) -> Iterator[tuple[int, Ints]]:
    """Pairs whose left lines have the same length, those with the longest right lines first."""
    widths, heights = tokens.lengths[left], tokens.lengths[right]
    order = np.lexsort((-heights, widths))
    ends = np.flatnonzero(np.diff(widths[order], append=-1)) + 1
    start = 0
    for end in ends.tolist():
        while start < end:
            size = max(1, _CELLS_AT_ONCE // max(int(heights[order[start]]), 1))
            stop = min(start + size, end)
            yield int(widths[order[start]]), order[start:stop]
            start = stop


def _batch(tokens: Tokens, left: Ints, right: Ints, width: int) -> Ints:
    """As `common_subsequences`, for left lines of `width` words and right lines from the longest to the shortest."""
    heights = tokens.lengths[right]
    rows = np.arange(int(heights[0]))[:, None]
    theirs = tokens.ids[np.where(rows < heights, tokens.starts[right] + rows, tokens.starts[right])]
    word: np.dtype[np.unsignedinteger] = np.dtype(f"u{2 if width <= 16 else 4 if width <= 32 else 8}")
    matches = np.zeros(theirs.shape, dtype=word)
    for place in range(width):
        here = theirs == tokens.ids[tokens.starts[left] + place]
        matches |= here.astype(word) << word.type(place)
    state = np.full(len(left), ~word.type(0))
    active = np.searchsorted(-heights, -np.arange(len(rows)))  # lines with a word in each row
    for row, count in zip(matches, active.tolist(), strict=True):
        before, here = state[:count], row[:count]
        state[:count] = (before + (before & here)) | (before & ~here)
    common: Ints = _BIT_COUNTS[(~state).view(np.uint8).reshape(len(left), -1)].sum(axis=1)
    return common


def _one_pair(tokens: Tokens, left: int, right: int) -> int:
    masks: dict[int, int] = {}
    ours = tokens.ids[tokens.starts[left] : tokens.starts[left + 1]].tolist()
    for place, word in enumerate(ours):
        masks[word] = masks.get(word, 0) | 1 << place
    full = (1 << len(ours)) - 1
    state = full
    for word in tokens.ids[tokens.starts[right] : tokens.starts[right + 1]].tolist():
        here = masks.get(word, 0)
        state = ((state + (state & here)) | (state & ~here)) & full
    return len(ours) - state.bit_count()
