"""In which order training samples are seen: the same for every baseline with the same data, batch size and seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np

from mmbench.core import derive_seed
from mmbench_baselines.examples import Rows


def batches(groups: Sequence[str], size: int, seed: int) -> Iterator[Rows]:
    """Numbers of rows, epoch after epoch without end; whole groups, in another order each epoch.

    A batch is full when it has `size` rows or more; the last one of an epoch may have fewer. Deterministic: to go on at
    step n, skip n batches.
    """
    members: dict[str, list[int]] = {}
    for number, group in enumerate(groups):
        members.setdefault(group, []).append(number)
    names = list(members)
    epoch = 0
    while names:
        order = names.copy()
        random.Random(derive_seed("order of training", seed, str(epoch))).shuffle(order)
        batch: list[int] = []
        for name in order:
            batch += members[name]
            if len(batch) >= size:
                yield np.array(batch, dtype=np.int64)
                batch = []
        if batch:
            yield np.array(batch, dtype=np.int64)
        epoch += 1


def random_shifts(count: int, most: int, seed: int, step: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """int64 [count, 2]: by how many pixels each image of this step is moved, from -most to most."""
    draw = np.random.default_rng(derive_seed("shifts", seed, str(step)))
    return draw.integers(-most, most, endpoint=True, size=(count, 2), dtype=np.int64)
