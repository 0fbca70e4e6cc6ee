"""Which line is whose: candidates and references of many images in one list of lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """m lines of n images: of each its candidate, unless it failed, and then its references; documents follow."""

    images: int
    """n: images to score."""
    image: Ints
    """int64 [m]: the line's image, not falling; from n on, the document that it stands in."""
    is_candidate: Flags
    """bool [m]: candidates; the other lines are references, and lines of documents."""
    candidate: Ints
    """int64 [n]: the line of the image's candidate; -1 where it failed."""
    first_document: int
    """Document frequencies are counted over the images from this one on: 0, or n where documents were given."""
    documents: int
    """How many these are."""

    def scored_references(self) -> Ints:
        """int64 [r]: the lines of the references whose image has a candidate, in order."""
        inside = int(np.searchsorted(self.image, self.images))
        has_candidate = self.candidate[self.image[:inside]] >= 0
        return np.flatnonzero(has_candidate & ~self.is_candidate[:inside])


def arrange(
    candidates: Sequence[str | None], references: Sequence[Sequence[str]], documents: Sequence[Sequence[str]] | None
) -> tuple[Layout, list[str]]:
    """Put all texts into one list, and say which line is whose.

    Parameters as in `mmbench.metrics.captions.columns.caption_columns`, which also says what is raised.

    >>> layout, lines = arrange(["a cat", None], [["one cat"], ["a dog", "dogs"]], None)
    >>> lines, layout.image.tolist(), layout.candidate.tolist()
    (['a cat', 'one cat', 'a dog', 'dogs'], [0, 0, 1, 1], [0, -1])
    """
    if len(candidates) != len(references):
        raise ValueError(f"{len(candidates)} candidates for {len(references)} lists of references")
    lines: list[str] = []
    sizes: list[int] = []
    starts: list[int] = []
    for number, (candidate, texts) in enumerate(zip(candidates, references, strict=True)):
        if isinstance(texts, str) or not texts:
            raise ValueError(f"image {number}: expected a list of references, at least one")
        starts.append(-1 if candidate is None else len(lines))
        if candidate is not None:
            lines.append(candidate)
        lines.extend(texts)
        sizes.append(len(texts) + (candidate is not None))
    for texts in documents or ():
        lines.extend(texts)
        sizes.append(len(texts))
    image = np.repeat(np.arange(len(sizes)), np.array(sizes, dtype=np.int64))
    candidate_lines = np.array(starts, dtype=np.int64)
    is_candidate = np.zeros(len(lines), dtype=np.bool_)
    is_candidate[candidate_lines[candidate_lines >= 0]] = True
    images = len(references)
    first = 0 if documents is None else images
    return Layout(images, image, is_candidate, candidate_lines, first, len(sizes) - first), lines


def tokenise(layout: Layout, texts: Sequence[str]) -> list[str]:
    """Tokenise the lines of a layout, candidates apart from references and both apart from documents.

    The official scorer reads the two in separate files, and the end of a caption may depend on the one that follows it: "Texas A."
    keeps its period before another candidate, and would lose it before a reference that begins with "A man".

    >>> layout, texts = arrange(["in Texas A.", "a nun."], [["A man rides."], ["Two nuns."]], None)
    >>> tokenise(layout, texts)
    ['in texas a.', 'a man rides', 'a nun', 'two nuns']
    """
    from mmbench.metrics.captions.tokenize import tokenize_captions

    kinds = np.where(layout.is_candidate, 0, np.where(layout.image < layout.images, 1, 2))
    lines = [""] * len(texts)
    for kind in range(3):
        places = np.flatnonzero(kinds == kind).tolist()
        for place, line in zip(places, tokenize_captions([texts[place] for place in places]), strict=True):
            lines[place] = line
    return lines
