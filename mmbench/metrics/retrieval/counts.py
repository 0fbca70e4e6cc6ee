"""Who asks for what, and where the answers stand: the data that ranks are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Relevant:
    """Which rows of one side ask, and which rows of the other side answer each of them: n queries, p positives."""

    rows: Ints
    """int64 [n]: the rows that ask, in increasing order; the others only stand in the gallery."""
    indptr: Ints
    """int64 [n + 1]: the positives of query i stand at ``indptr[i]:indptr[i + 1]``, at least one each."""
    positives: Ints
    """int64 [p]: rows of the other side, all different for each query."""


@dataclass(frozen=True, slots=True, eq=False)
class RankCounts:
    """Where the positives of each query stand in its ranking: n queries, p positives in all."""

    indptr: Ints
    """int64 [n + 1]: the positives of query i stand at ``indptr[i]:indptr[i + 1]``."""
    greater: Ints
    """int64 [p]: gallery items that score higher than this positive."""
    tied: Ints
    """int64 [p]: gallery items, itself included, with exactly its score."""
    best_positives: Ints
    """int64 [n]: positives of the query that share the score of its best positive."""
    gallery: int
    """Number of gallery items."""

    @property
    def n_positives(self) -> Ints:
        """int64 [n]: positives of each query."""
        return np.diff(self.indptr)


def captions_of_images(owners: Ints, images: int) -> tuple[Relevant, Relevant]:
    """Say which images ask for which captions, and which captions for which image.

    Args:
        owners: int64 [m], the image of each caption.
        images: How many images there are. Images without a caption do not ask.

    Returns:
        Images that ask for all their captions, and captions that ask for their image.

    Raises:
        ValueError: If a caption belongs to an image that does not exist.

    Example:
        >>> i2t, t2i = captions_of_images(np.array([2, 0, 2]), 3)
        >>> i2t.rows.tolist(), i2t.indptr.tolist(), i2t.positives.tolist(), t2i.positives.tolist()
        ([0, 2], [0, 1, 3], [1, 0, 2], [2, 0, 2])
    """
    owners = np.asarray(owners, dtype=np.int64)
    if len(owners) and not 0 <= owners.min() <= owners.max() < images:
        raise ValueError(f"a caption belongs to an image outside the {images} images")
    per_image = np.bincount(owners, minlength=images)
    asking = np.flatnonzero(per_image)
    each = np.arange(len(owners))
    i2t = Relevant(asking, np.concatenate(([0], np.cumsum(per_image[asking]))), np.argsort(owners, kind="stable"))
    return i2t, Relevant(each, np.arange(len(owners) + 1), owners)


def chance_counts(indptr: Ints, gallery: int) -> RankCounts:
    """Count as `rank_counts` does for a model to which all items are equal; the expected metrics of that are those of chance.

    Args:
        indptr: int64 [n + 1], as in `rank_counts`.
        gallery: Number of items.

    Returns:
        The counts: no item above, and all items tied.

    Example:
        >>> counts = chance_counts(np.array([0, 1]), 1000)
        >>> counts.greater.tolist(), counts.tied.tolist()
        ([0], [1000])
    """
    positives = int(indptr[-1])
    greater = np.zeros(positives, dtype=np.int64)
    return counted(np.asarray(indptr, dtype=np.int64), greater, np.full(positives, gallery, dtype=np.int64), gallery)


def counted(indptr: Ints, greater: Ints, tied: Ints, gallery: int) -> RankCounts:
    """`RankCounts` of these, with the positives that share the best score counted."""
    best = np.minimum.reduceat(greater, indptr[:-1])
    at_best = (greater == np.repeat(best, np.diff(indptr))).astype(np.int64)
    return RankCounts(indptr, greater, tied, np.add.reduceat(at_best, indptr[:-1]), gallery)
