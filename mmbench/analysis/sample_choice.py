"""Choose which samples of a task a page shows, and which of them with images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.outcomes import OUTCOMES, SCORED

T = TypeVar("T")


def by_thirds(outcomes: NDArray[np.int8], values: NDArray[np.float64]) -> NDArray[np.int8]:
    """Outcomes in which samples that only have a score are told apart by thirds of the scores, so that high and low ones are chosen.

    Args:
        outcomes: int8 [runs, n] places in `OUTCOMES`; negative where a run was not asked a sample.
        values: float64 [runs, n] scores; NaN where there is none.

    Returns:
        int8 [runs, n]: `outcomes`, where the thirds of ``scored`` have places of their own behind the others.
    """
    scored = (outcomes == SCORED) & np.isfinite(values)
    if not scored.any():
        return outcomes
    low, high = np.quantile(values[scored], [1 / 3, 2 / 3])
    thirds = len(OUTCOMES) + (values > low).astype(np.int8) + (values > high).astype(np.int8)
    return np.where(scored, thirds, outcomes).astype(np.int8)


def stratified(ids: Sequence[str], outcomes: NDArray[np.int8], most: int) -> list[int]:
    """Choose samples such that every outcome is among them: one of each in turn, until there are enough.

    The order within an outcome is that of a digest of the ids, so neither the order of the runs nor that of the data matters.

    Args:
        ids: [n] ids of the samples.
        outcomes: int8 [runs, n] places in `OUTCOMES`, or what `by_thirds` makes of them; negative where a run was not asked a sample.
        most: Samples at most.

    Returns:
        Places in `ids`, ascending.
    """
    if len(ids) <= most:
        return list(range(len(ids)))
    order = shuffled(ids)
    queues = []
    for code in np.unique(outcomes[outcomes >= 0]):
        having = (outcomes == code).any(axis=0)
        queues.append(iter([place for place in order if having[place]]))
    chosen: set[int] = set()
    while queues and len(chosen) < most:
        for queue in list(queues):
            place = next((each for each in queue if each not in chosen), None)
            if place is None:
                queues.remove(queue)
            elif len(chosen) < most:
                chosen.add(place)
    return sorted(chosen)


def with_others(ids: Sequence[str], first: Sequence[int], most: int) -> list[int]:
    """Add further samples to those that were chosen, which come first; of too many, those that a digest of their ids puts first.

    Returns:
        Places in `ids`, `most` at most: those of `first`, then the others in ascending order.
    """
    others = set(range(len(ids))).difference(first)
    if len(ids) > most:
        others = set([place for place in shuffled(ids) if place in others][: most - len(first)])
    return [*first, *sorted(others)]


def spread(groups: Mapping[T, int], total: int) -> dict[T, int]:
    """Share a number among groups as evenly as their sizes allow.

    >>> spread({"right": 50, "wrong": 3, "failed": 1}, 10)
    {'right': 6, 'wrong': 3, 'failed': 1}
    """
    found: dict[T, int] = {}
    left = total
    for place, (name, size) in enumerate(sorted(groups.items(), key=lambda group: group[1])):
        found[name] = min(size, left // (len(groups) - place))
        left -= found[name]
    return {name: found[name] for name in groups}


def shuffled(ids: Sequence[str]) -> list[int]:
    """Places in the order of a digest of the ids."""
    digests = [hashlib.blake2b(each.encode("utf-8", "surrogatepass"), digest_size=8).digest() for each in ids]
    return sorted(range(len(ids)), key=digests.__getitem__)
