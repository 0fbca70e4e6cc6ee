"""The captioned pictures of `retrieval/scenes`, in pools of 300.

A pool is 75 families of four pictures that are easily taken for one another. A family has two pairs. The two pictures
of a pair show the same shapes in the same sizes and relation with the colours of two of them swapped, and their
captions are made of the same words. The second pair differs from the first in one thing: the size of one shape, or the
direction of the relation.

Every caption is true of its own picture and of no other in the pool: it names every shape with size and colour; all
pictures of a pool show equally many shapes; no two families of a pool have the same shapes in the same colours, swapped
or not; and the axis of the relation clearly exceeds the other (`mmbench_tasks.scenes.layout.MARGIN`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from mmbench.core import UsageError
from mmbench_tasks.scenes.draw import Draw
from mmbench_tasks.scenes.layout import OPPOSITE, RELATIONS, Wish, place
from mmbench_tasks.scenes.scene import COLOURS, NAMED, Figure, Scene
from mmbench_tasks.scenes.skills import PHRASES

POOLS: Mapping[str, int] = {"train": 40, "val": 2, "test": 4}
"""How many pools a split has."""
FAMILIES = 75
"""Families in a pool."""
POOL_SIZE = 4 * FAMILIES
"""Pictures in a pool, with a caption each."""
OBJECTS = (3, 4)
"""Shapes in a picture: the first number in pools 0, 2, 4 …, the second in pools 1, 3, 5 …"""
DIFFERENCES = ("size", "position")
"""In what the second pair of a family differs from the first: alternately."""
RADII: Mapping[str, tuple[int, int]] = {"small": (28, 32), "large": (40, 44)}
"""Least and greatest radius of what captions call small and large, in units."""

CAPTIONS = (
    "a {first} {relation} a {second}, with {rest}",
    "there is a {first} {relation} a {second}, and there is {rest}",
    "the picture shows {rest}, and a {first} {relation} a {second}",
    "{rest}, and a {first} {relation} a {second}",
    "besides {rest} there is a {first} {relation} a {second}",
)

_NAMES = tuple(COLOURS)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two pictures with swapped colours, and captions of the same words."""

    id: str
    """That of its family and 0 or 1: ``test-02-41-1``."""
    scenes: tuple[Scene, Scene]
    """What the pictures show."""
    captions: tuple[str, str]
    """One for each."""

    @property
    def sample_ids(self) -> tuple[str, str]:
        """The ids of its two samples: ``test-02-41-1a`` and ``test-02-41-1b``."""
        return f"{self.id}a", f"{self.id}b"


@dataclass(frozen=True, slots=True)
class Family:
    """Four pictures that are easily taken for one another."""

    id: str
    """Split, pool and number: ``test-02-41``."""
    pool: str
    """Split and pool: ``test-02``."""
    objects: int
    """Shapes in each picture."""
    differs: str
    """In what the second pair differs from the first: one of `DIFFERENCES`."""
    pairs: tuple[Pair, Pair]
    """Its pairs."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the caption of a picture says."""

    shapes: tuple[str, ...]
    """All different; the colours of the first two are swapped in the other picture of the pair."""
    colours: tuple[str, ...]
    """One for each shape; the first two differ."""
    sizes: tuple[str, ...]
    """Small or large, for each shape."""
    wish: Wish
    """How two of the shapes are related, by their numbers."""

    def swapped(self) -> _Facts:
        """With the colours of the first two shapes swapped."""
        one, two, *rest = self.colours
        return replace(self, colours=(two, one, *rest))

    def resized(self, number: int) -> _Facts:
        """With one shape large instead of small, or small instead of large."""
        sizes = [
            "large" if (size == "small") is (place == number) else "small" for place, size in enumerate(self.sizes)
        ]
        return replace(self, sizes=tuple(sizes))

    def reversed(self) -> _Facts:
        """With the opposite relation."""
        return replace(self, wish=replace(self.wish, relation=OPPOSITE[self.wish.relation]))


def family(split: str, pool: int, number: int) -> Family:
    """One family, made without making any other. Raises `UsageError` where there is none such."""
    if not (0 <= pool < POOLS.get(split, 0) and 0 <= number < FAMILIES):
        raise UsageError(f"there is no family {split}-{pool}-{number} of scenes")
    draw = Draw("family", split, pool, number)
    name = f"{split}-{pool:02d}-{number:02d}"
    shapes, colours = _contents(split, pool)[number]
    objects = len(shapes)
    sizes = tuple(draw.pick(tuple(RADII)) for _ in shapes)
    first, second = draw.some(range(objects), 2)
    facts = _Facts(shapes, colours, sizes, Wish(draw.pick(RELATIONS), first, second))
    differs = DIFFERENCES[number % len(DIFFERENCES)]
    other = facts.resized(draw.below(objects)) if differs == "size" else facts.reversed()
    pairs = _pair(draw, f"{name}-0", facts), _pair(draw, f"{name}-1", other)
    return Family(name, f"{split}-{pool:02d}", objects, differs, pairs)


def families(split: str) -> Iterator[Family]:
    """All families of a split, pool by pool. Raises `UsageError` for a split that there is not."""
    if split not in POOLS:
        raise UsageError(f"scenes have no split {split!r}; they have {', '.join(POOLS)}")
    for pool in range(POOLS[split]):
        for number in range(FAMILIES):
            yield family(split, pool, number)


@lru_cache(maxsize=64)
def _contents(split: str, pool: int) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Shapes and colours of each family of a pool, the first two of other colours.

    Drawn until neither these nor those with the first two colours swapped are what another family of the pool has. Which
    shapes come first is drawn anew for each family: some two are harder to tell apart than others.
    """
    draw = Draw("pool", split, pool)
    objects = OBJECTS[pool % len(OBJECTS)]
    taken: set[frozenset[tuple[str, str]]] = set()
    found: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
    while len(found) < FAMILIES:
        shapes = tuple(draw.some(NAMED, objects))
        one, two, *rest = (*draw.some(_NAMES, 2), *(draw.pick(_NAMES) for _ in range(objects - 2)))
        both = {frozenset(zip(shapes, colours, strict=True)) for colours in ((one, two, *rest), (two, one, *rest))}
        if not both & taken:
            taken |= both
            found.append((shapes, (one, two, *rest)))
    return tuple(found)


def _pair(draw: Draw, name: str, facts: _Facts) -> Pair:
    """Two pictures, the second with swapped colours, and their captions, worded alike."""
    template, relation = draw.pick(CAPTIONS), draw.pick(PHRASES[facts.wish.relation])
    order = draw.shuffled([n for n in range(len(facts.shapes)) if n not in (facts.wish.first, facts.wish.second)])
    both = facts, facts.swapped()
    captions = []
    for told in both:
        named = [" ".join(words) for words in zip(told.sizes, told.colours, told.shapes, strict=True)]
        captions.append(
            template.format(
                first=named[told.wish.first],
                relation=relation,
                second=named[told.wish.second],
                rest=" and ".join(f"a {named[n]}" for n in order),
            )
        )
    return Pair(name, (_scene(draw, both[0]), _scene(draw, both[1])), (captions[0], captions[1]))


def _scene(draw: Draw, facts: _Facts) -> Scene:
    radii = [draw.between(*RADII[size]) for size in facts.sizes]
    places = place(draw, radii, facts.wish)
    return Scene(
        tuple(
            Figure(shape, colour, x, y, radius)
            for shape, colour, (x, y), radius in zip(facts.shapes, facts.colours, places, radii, strict=True)
        )
    )
