"""What candidates share with their references: clipped matches for BLEU, weighted n-grams for CIDEr-D."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmbench.metrics.captions.layout import Layout
from mmbench.metrics.captions.ngrams import NgramCounts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The n-grams of one order that a reference shares with its image's candidate, p pairs, sorted by n-gram, then line."""

    ngrams: Ints
    """int64 [p]: the n-gram's number."""
    lines: Ints
    """int64 [p]: the line of the reference."""
    counts: Ints
    """int64 [p]: how often it stands in the reference."""
    theirs: Ints
    """int64 [p]: how often it stands in the candidate."""


def shared_ngrams(counts: NgramCounts, layout: Layout) -> Shared:
    """Join the n-grams of the references with those of the candidates."""
    image = layout.image[counts.lines]
    is_candidate = layout.is_candidate[counts.lines]
    group = np.zeros(len(image), dtype=np.int64)
    np.cumsum((counts.ngrams[1:] != counts.ngrams[:-1]) | (image[1:] != image[:-1]), out=group[1:])
    in_candidate = np.zeros(len(image), dtype=np.int64)
    in_candidate[group[is_candidate]] = counts.counts[is_candidate]
    theirs = in_candidate[group]
    pairs = np.flatnonzero((theirs > 0) & ~is_candidate)
    return Shared(counts.ngrams[pairs], counts.lines[pairs], counts.counts[pairs], theirs[pairs])


def correct_ngrams(shared: Shared, layout: Layout) -> Floats:
    """N-grams of each candidate that its references hold, each at most as often as in one of them: float64 [n]."""
    image = layout.image[shared.lines]
    firsts = np.flatnonzero(_changes(shared.ngrams, image))
    if not len(firsts):
        return np.zeros(layout.images)
    clipped = np.minimum(np.maximum.reduceat(shared.counts, firsts), shared.theirs[firsts])
    return np.asarray(np.bincount(image[firsts], clipped, layout.images), dtype=np.float64)


def document_frequencies(counts: NgramCounts, layout: Layout) -> Ints:
    """In the references of how many documents each n-gram stands: int64 [number of n-grams]."""
    image = layout.image[counts.lines]
    places = np.flatnonzero((image >= layout.first_document) & ~layout.is_candidate[counts.lines])
    ngrams = counts.ngrams[places]
    return np.bincount(ngrams[_changes(ngrams, image[places])], minlength=counts.size)


def cosines(counts: NgramCounts, shared: Shared, layout: Layout) -> Floats:
    """CIDEr-D's clipped similarity of each reference with its candidate over n-grams of one order: float64 [r].

    Vectors hold an n-gram's count times log(N / documents with it). The numerator takes the lesser of the two counts;
    a vector of zeros has similarity 0. The order of `Layout.scored_references`.
    """
    # One table of logarithms, so that what stands in every document weighs exactly 0.
    logs = np.log(np.arange(1, max(layout.documents, 1) + 1))
    weights = logs[-1] - logs[np.maximum(document_frequencies(counts, layout), 1) - 1]
    lines = len(layout.image)
    norms = np.sqrt(np.bincount(counts.lines, (counts.counts * weights[counts.ngrams]) ** 2, lines))
    products = np.minimum(shared.counts, shared.theirs) * shared.counts * weights[shared.ngrams] ** 2
    references = layout.scored_references()
    dots = np.bincount(shared.lines, products, lines)[references]
    scales = norms[references] * norms[layout.candidate[layout.image[references]]]
    similarities: Floats = np.divide(dots, scales, out=np.zeros(len(dots)), where=scales > 0)
    return similarities


def _changes(ngrams: Ints, image: Ints) -> NDArray[np.bool_]:
    """Where a new pair of n-gram and image begins."""
    first = np.ones(len(ngrams), dtype=np.bool_)
    first[1:] = (ngrams[1:] != ngrams[:-1]) | (image[1:] != image[:-1])
    return first
