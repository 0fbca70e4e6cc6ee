"""Pairs of queries and items: whether each query scores its own item above the other's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmbench.metrics.retrieval.grid import side

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]


def expected_pair(queries: Floats32, gallery: Floats32) -> Floats:
    r"""Probability that both queries of a pair rank their own item above the other's, ties broken at random.

    .. math:: \prod_j \tfrac12 (\operatorname{sign}(s_{jj} - s_{j\bar\jmath}) + 1)

    where query j of a pair belongs to item j. Queries that are equal get 0, unless their items tie as well.

    Args:
        queries: float32 [n, 2, d], best with vectors of norm 1; scores are exact as in `rank_counts`.
        gallery: float32 [n, 2, d].

    Returns:
        float64 [n] in [0, 1]. Source: for texts that rank images, the image score of Winoground (Thrush et al., CVPR 2022).

    Raises:
        ValueError: If there are NaN or infinite numbers, or shapes do not fit.

    Example:
        >>> items = np.array([[[1, 0], [0, 1]]], dtype=np.float32)
        >>> expected_pair(items, items).item(), expected_pair(items[:, [0, 0]], items).item()
        (1.0, 0.0)
    """
    if queries.shape != gallery.shape or queries.ndim != 3 or queries.shape[1] != 2:
        raise ValueError(f"queries {queries.shape} and gallery {gallery.shape}: expected [n, 2, d] twice")
    shape = queries.shape
    flat = (shape[0] * 2, shape[2])
    sides = side("queries", queries.reshape(flat)), side("gallery", gallery.reshape(flat)).shared()
    asked, items = (each.part(slice(None)).astype(np.float64).reshape(shape) for each in sides)
    lead = np.einsum("nqd,nqd->nq", asked, items) - np.einsum("nqd,nqd->nq", asked, items[:, ::-1])
    return np.asarray(((np.sign(lead) + 1) / 2).prod(axis=1))
