"""Draws that are the same in every version of Python."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from mmbench.core import derive_seed
from mmbench_tasks.scenes.scene import VERSION

T = TypeVar("T")


class Draw:
    """Pseudo-random draws from names and numbers: the same names and numbers give the same draws everywhere.

    Only `random.Random.random` is used, the one method whose sequence Python promises to keep.

    >>> Draw("test", 3).below(10) == Draw("test", 3).below(10)
    True
    """

    __slots__ = ("random",)

    def __init__(self, *names: str | int) -> None:
        self.random = random.Random(derive_seed("mmbench scenes", VERSION, *names)).random
        """Gives the next number from 0 up to 1."""

    def below(self, count: int) -> int:
        """A whole number from 0 to `count` - 1."""
        return int(self.random() * count)

    def between(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.random() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.random() * len(items))]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """`count` of the items, none twice, in random order. Raises ValueError where there are fewer."""
        if count > len(items):
            raise ValueError(f"{count} of {len(items)} items")
        pool = list(items)
        for place in range(count):
            other = place + int(self.random() * (len(pool) - place))
            pool[place], pool[other] = pool[other], pool[place]
        return pool[:count]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """All items in random order."""
        return self.some(items, len(items))
