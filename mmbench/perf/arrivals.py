"""When requests arrive in an open loop."""

from __future__ import annotations

import random
from collections.abc import Iterator

from mmbench.core.ids import derive_seed


def poisson_arrivals(rate: float, seed: int) -> Iterator[float]:
    """Seconds at which requests arrive: a Poisson process, whose gaps are exponential with mean 1 / rate.

    The same rate and seed give the same arrivals; another rate gives the same ones, stretched, so that the load of two rates
    differs in nothing else.

    Args:
        rate: Requests a second, above 0.
        seed: Of the run.

    Example:
        >>> from itertools import islice
        >>> [round(at, 3) for at in islice(poisson_arrivals(10.0, 0), 3)]
        [0.174, 0.434, 0.538]
    """
    draw = random.Random(derive_seed(seed, "poisson arrivals"))
    at = 0.0
    while True:
        at += draw.expovariate(1.0)
        yield at / rate
