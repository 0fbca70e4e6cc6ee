"""The randomisation test of paired differences: what if each pair had been labelled the other way round?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

EXACT = 16
"""Pairs up to which every assignment of signs is looked at; above, `DRAWS` of them."""
DRAWS = 65_536
"""Assignments that are drawn."""


def sign_flip_p(differences: ArrayLike) -> float:
    """One-sided p-value of the mean of paired differences being above 0.

    Under the null hypothesis the two members of a pair are exchangeable, so every assignment of signs to the differences is
    equally likely, whatever they have in common within a pair and however pairs differ. The p-value is the share of
    assignments with a mean at least as large (Fisher, The Design of Experiments, 1935, section 21).

    Args:
        differences: One for each pair, shape ``[n]``.

    Returns:
        From 2**-n to 1. Above `EXACT` pairs it is estimated from a fixed stream of random signs, the observed ones counted in.

    Raises:
        ValueError: Without a pair.

    Example:
        >>> sign_flip_p([0.1, 0.2, 0.1, 0.3, 0.2])
        0.03125
    """
    values = np.asarray(differences, dtype=np.float64)
    n = len(values)
    if n == 0:
        raise ValueError("there is no pair")
    if n <= EXACT:
        signs = 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(DRAWS, n))
        signs[0] = 1.0
    sums = signs @ values
    tolerance = 1e-12 * float(np.abs(values).sum())
    return float((sums >= values.sum() - tolerance).mean())


def pairs_needed(alpha: float) -> int:
    """The fewest pairs with which `sign_flip_p` can be at most alpha.

    >>> pairs_needed(0.05), pairs_needed(0.01)
    (5, 7)
    """
    n = 1
    while 2.0**-n > alpha:
        n += 1
    return n
