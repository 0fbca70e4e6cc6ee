"""Protocols: which gallery a query ranks, and how queries become one number.

``all`` ranks everything at once; over the 5,000 images of the COCO test split it is what the literature calls 5K. ``1k``
is its other protocol: five folds of 1,000 images with their captions, in the order of the data set, each ranked by itself,
and the mean of the five values (Karpathy and Fei-Fei 2015; the folds as in Faghri et al. 2018, VSE++).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mmbench.metrics.formulas import weighted_median

Floats = NDArray[np.float64]

FOLDS = 5
FOLD_IMAGES = 1000


def folds_of_images(images: int) -> list[int]:
    """Assign images to the folds of the protocol ``1k``.

    Args:
        images: How many there are.

    Returns:
        [images] the fold of each, from 0.

    Raises:
        ValueError: Unless there are 5,000 images.

    Example:
        >>> folds = folds_of_images(5000)
        >>> folds[999], folds[1000], folds[4999]
        (0, 1, 4)
    """
    if images != FOLDS * FOLD_IMAGES:
        raise ValueError(
            f"the protocol 1k is the mean over {FOLDS} folds of {FOLD_IMAGES:,} images: it needs "
            f"{FOLDS * FOLD_IMAGES:,} images, not {images:,}"
        )
    return [image // FOLD_IMAGES for image in range(images)]


def folded_columns(
    columns: Mapping[str, Floats], folds: Sequence[int], counted: NDArray[np.bool_] | None = None
) -> dict[str, Floats]:
    """Make the columns that `retrieval_metrics` reads under ``1k`` from those of `query_columns`.

    ``weight`` is what makes the mean over queries the mean over folds of their means: 1 where all folds have as many queries.
    ``X*weight`` stands for each column X; ``fold`` and ``rank`` serve the median.

    Args:
        columns: float64 [n] each.
        folds: [n] the fold of each query.
        counted: bool [n], the rows that enter values (all where None); the others hold 0.

    Returns:
        float64 [n] each.

    Example:
        >>> folded_columns({"rank": np.array([1.0, 2.0, 6.0])}, [0, 0, 1])["rank*weight"].tolist()
        [0.75, 1.5, 9.0]
    """
    numbers = np.asarray(folds, dtype=np.int64)
    rows = np.ones(len(numbers), dtype=bool) if counted is None else counted
    present, place, sizes = np.unique(numbers[rows], return_inverse=True, return_counts=True)
    weight = np.zeros(len(numbers))
    weight[rows] = (rows.sum() / (len(present) * np.maximum(sizes, 1)))[place.reshape(-1)]
    weighted = {f"{name}*weight": column * weight for name, column in columns.items()}
    return {
        **weighted,
        "rank": columns["rank"],
        "weight": weight,
        "fold": np.where(rows, numbers, 0).astype(np.float64),
    }


def folded_median(rows: Floats, weights: Floats) -> Floats:
    """Average the medians of folds.

    Args:
        rows: float64 [n, 2]: value and fold.
        weights: float64 [b, n].

    Returns:
        float64 [b]: the mean over folds of the fold's `weighted_median`.

    Example:
        >>> folded_median(np.array([[1.0, 0], [3.0, 0], [10.0, 1]]), np.ones((1, 3))).tolist()
        [6.0]
    """
    parts = [rows[:, 1] == fold for fold in np.unique(rows[:, 1])]
    if not parts:
        return np.full(len(weights), np.nan)
    return np.asarray(np.mean([weighted_median(rows[part], weights[:, part]) for part in parts], axis=0))
