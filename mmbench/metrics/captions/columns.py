"""From captions to the columns of a score table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mmbench.metrics.captions.declarations import ORDERS
from mmbench.metrics.captions.layout import Layout, arrange, tokenise
from mmbench.metrics.captions.ngrams import ngram_counts
from mmbench.metrics.captions.overlap import correct_ngrams, cosines, shared_ngrams
from mmbench.metrics.captions.rouge import rouge_l
from mmbench.metrics.captions.text import Tokens, number_words, split_at_white_space

Floats = NDArray[np.float64]

SIGMA = 6.0
"""Standard deviation of CIDEr-D's penalty for captions of another length."""


def caption_columns(
    candidates: Sequence[str | None],
    references: Sequence[Sequence[str]],
    *,
    documents: Sequence[Sequence[str]] | None = None,
) -> dict[str, Floats]:
    """Score captions as they were written: tokenised first, as the official COCO scorer does.

    Args:
        candidates: A caption for each of n images; None where the model failed: its row is zeros, but its references count among
            the document frequencies.
        references: [n][k_i] the reference captions of each image, at least one.
        documents: The reference captions of the images over which CIDEr-D counts document frequencies; by default `references`.
            With them, images can be scored in parts.

    Returns:
        ``bleu``, float64 [n, 10]: correct n-grams for n = 1 … 4, n-grams for n = 1 … 4, words of the candidate, words of the
        reference whose length is closest (the shorter of two); ``rouge_l`` and ``cider_d``, float64 [n], from 0 to 1 and 0 to 10. A
        row depends on no other row but through the document frequencies, to the last bit, and where a caption ends in a letter and a
        period or in "No.": the tokens of these depend on how the caption of the next image begins. Source: values equal to pycocoevalcap 1.2.

    Raises:
        ValueError: If the two do not fit, or an image has no reference.

    Example:
        >>> columns = caption_columns(["A cat sleeps.", "Two dogs"], [["A cat is asleep."], ["Two brown dogs run."]])
        >>> columns["bleu"][0].tolist(), columns["rouge_l"].round(4).tolist(), columns["cider_d"].round(4).tolist()
        ([2.0, 1.0, 0.0, 0.0, 3.0, 2.0, 1.0, 0.0, 3.0, 4.0], [0.5571, 0.6289], [2.43, 1.6722])
    """
    layout, texts = arrange(candidates, references, documents)
    return _columns(layout, tokenise(layout, texts))


def tokenised_columns(
    candidates: Sequence[str | None],
    references: Sequence[Sequence[str]],
    *,
    documents: Sequence[Sequence[str]] | None = None,
) -> dict[str, Floats]:
    """Score captions whose tokens are already joined with single spaces; otherwise as `caption_columns`.

    Example:
        >>> tokenised_columns(["a cat"], [["a cat"]])["rouge_l"].tolist()
        [1.0]
    """
    layout, lines = arrange(candidates, references, documents)
    return _columns(layout, lines)


def _columns(layout: Layout, lines: Sequence[str]) -> dict[str, Floats]:
    by_space = number_words(lines)
    tokens = split_at_white_space(by_space)
    bleu = np.zeros((layout.images, 2 * ORDERS + 2))
    similarity = np.zeros(len(layout.scored_references()))
    for counts in ngram_counts(tokens):
        shared = shared_ngrams(counts, layout)
        bleu[:, counts.order - 1] = correct_ngrams(shared, layout)
        similarity += cosines(counts, shared, layout)
    _lengths(bleu, tokens, layout)
    return {"bleu": bleu, "rouge_l": rouge_l(by_space, layout), "cider_d": _cider_d(similarity, tokens, layout)}


def _lengths(bleu: Floats, tokens: Tokens, layout: Layout) -> None:
    """Fill in what BLEU counts besides the n-grams that are correct."""
    references = layout.scored_references()
    if not len(references):
        return
    image = layout.image[references]
    firsts = np.flatnonzero(np.diff(image, prepend=-1))
    scored = image[firsts]
    words = tokens.lengths[layout.candidate[scored]]
    bleu[scored, ORDERS : 2 * ORDERS] = np.maximum(words[:, None] - np.arange(ORDERS), 0)
    bleu[scored, -2] = words
    # The closest length, and the shorter of two that are as close: the least (distance, length).
    theirs = tokens.lengths[references]
    base = int(theirs.max()) + 1
    distance = np.abs(theirs - tokens.lengths[layout.candidate[image]])
    bleu[scored, -1] = np.minimum.reduceat(distance * base + theirs, firsts) % base


def _cider_d(similarity: Floats, tokens: Tokens, layout: Layout) -> Floats:
    """CIDEr-D from the similarity of each reference with its candidate, summed over the orders: float64 [n].

    The length of a caption is its number of pairs of words, as in the official scorer.
    """
    scores = np.zeros(layout.images)
    references = layout.scored_references()
    if not len(references):
        return scores
    image = layout.image[references]
    pairs = np.maximum(tokens.lengths - 1, 0)
    difference = pairs[layout.candidate[image]] - pairs[references]
    similarity = similarity * np.exp(-(difference**2) / (2 * SIGMA**2))
    # Sorted within each image, so that the order of its references does not reach the last bit.
    similarity = similarity[np.lexsort((similarity, image))]
    firsts = np.flatnonzero(np.diff(image, prepend=-1))
    counts = np.diff(firsts, append=len(image))
    scores[image[firsts]] = 10.0 * np.add.reduceat(similarity, firsts) / (ORDERS * counts)
    return scores
