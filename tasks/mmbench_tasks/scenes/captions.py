"""The pictures of `captioning/scenes`: two or three shapes in a row, each picture with five captions.

A family is four pictures of the same shapes in the same two to three colours: in some order along an axis, the same with
the colours of two shapes swapped, and both with the order reversed. A caption says all there is to say: the colour of
every shape and their order along the axis. The five wordings are the same for every picture, so the captions that are
right can be listed, and whoever does not look cannot tell the four pictures of a family apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mmbench.core import UsageError
from mmbench_tasks.scenes.draw import Draw
from mmbench_tasks.scenes.layout import GAP, MARGIN, Place, holds
from mmbench_tasks.scenes.scene import COLOURS, NAMED, UNITS, Figure, Scene

FAMILIES: Mapping[str, int] = {"train": 1500, "val": 125, "test": 250}
"""How many families a split has. A family belongs to one split."""
OBJECTS = (2, 3)
"""Shapes in a picture: the first number in families 0, 2, 4 …, the second in families 1, 3, 5 …"""
RADII = (28, 36)
"""Least and greatest radius of a figure, in units."""
_NAMES = tuple(COLOURS)
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Axis:
    """A direction in which shapes stand in a row, and how captions say so."""

    relation: str
    """What holds between each figure and the next: one of `mmbench_tasks.scenes.layout.RELATIONS`."""
    before: str
    """What stands between a figure and the next …"""
    after: str
    """… and between it and the one before."""
    forth: str
    """The order from the first figure to the last …"""
    back: str
    """… and from the last to the first."""
    places: tuple[str, str, str]
    """Where the first, the middle and the last figure are."""


AXES = (
    Axis(
        relation="left of",
        before="to the left of",
        after="to the right of",
        forth="from left to right",
        back="from right to left",
        places=("on the left", "in the middle", "on the right"),
    ),
    Axis(
        relation="above",
        before="above",
        after="below",
        forth="from top to bottom",
        back="from bottom to top",
        places=("at the top", "in the middle", "at the bottom"),
    ),
)
"""From left to right, and from top to bottom."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a picture shows: shapes in a row, all different, from left to right or from top to bottom."""

    axis: Axis
    """Its direction."""
    shapes: tuple[str, ...]
    """Two or three, in their order along the axis."""
    colours: tuple[str, ...]
    """One for each."""
    radii: tuple[int, ...]
    """One for each, in units."""

    def reversed(self) -> Row:
        """The same figures in the opposite order."""
        return replace(self, shapes=self.shapes[::-1], colours=self.colours[::-1], radii=self.radii[::-1])

    def swapped(self, one: int, two: int) -> Row:
        """With the colours of two shapes swapped."""
        colours = list(self.colours)
        colours[one], colours[two] = colours[two], colours[one]
        return replace(self, colours=tuple(colours))

    def captions(self) -> tuple[str, ...]:
        """The five captions, each of which says all that the row shows.

        >>> row = Row(AXES[0], ("ring", "star"), ("red", "blue"), (30, 30))
        >>> print(*row.captions(), sep="; ")
        a red ring to the left of a blue star; a blue star to the right of a red ring; from left to right, a red ring
        and a blue star; a blue star and a red ring, from right to left; a red ring on the left and a blue star on
        the right
        """
        axis = self.axis
        named = [f"a {colour} {shape}" for colour, shape in zip(self.colours, self.shapes, strict=True)]
        places = axis.places if len(named) == len(axis.places) else axis.places[::2]
        return (
            f" {axis.before} ".join(named),
            f" {axis.after} ".join(named[::-1]),
            f"{axis.forth}, {_listed(named)}",
            f"{_listed(named[::-1])}, {axis.back}",
            _listed([f"{name} {place}" for name, place in zip(named, places, strict=True)]),
        )


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and what it shows."""

    id: str
    """That of its family and its number in it: ``test-0041-3``."""
    row: Row
    """What there is to say about it."""
    scene: Scene
    """The same with a place for every figure."""


@dataclass(frozen=True, slots=True)
class Family:
    """Four pictures whose captions are made of the same shapes and colours."""

    id: str
    """Split and number: ``test-0041``."""
    pictures: tuple[Picture, ...]
    """[4] as drawn, with swapped colours, reversed, and both."""


def family(split: str, number: int) -> Family:
    """One family, made without making any other. Raises `UsageError` where there is none such."""
    if not 0 <= number < FAMILIES.get(split, 0):
        raise UsageError(f"there is no family {split}-{number} of captioned scenes")
    draw = Draw("captions", split, number)
    count = OBJECTS[number % len(OBJECTS)]
    one, two = draw.some(range(count), 2)
    colours = [draw.pick(_NAMES) for _ in range(count)]
    colours[one], colours[two] = draw.some(_NAMES, 2)
    drawn = Row(
        axis=draw.pick(AXES),
        shapes=tuple(draw.some(NAMED, count)),
        colours=tuple(colours),
        radii=tuple(draw.between(*RADII) for _ in range(count)),
    )
    swapped = drawn.swapped(one, two)
    rows = drawn, swapped, drawn.reversed(), swapped.reversed()
    name = f"{split}-{number:04d}"
    return Family(name, tuple(Picture(f"{name}-{n}", row, _scene(draw, row)) for n, row in enumerate(rows)))


def families(split: str) -> Iterator[Family]:
    """All families of a split. Raises `UsageError` for a split that there is not."""
    if split not in FAMILIES:
        raise UsageError(f"captioned scenes have no split {split!r}; they have {', '.join(FAMILIES)}")
    for number in range(FAMILIES[split]):
        yield family(split, number)


def _listed(items: Sequence[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}"


def _scene(draw: Draw, row: Row) -> Scene:
    places = _places(draw, row.radii)
    while places is None:
        places = _places(draw, row.radii)
    across = row.axis is AXES[0]
    return Scene(
        tuple(
            Figure(shape, colour, *(place if across else place[::-1]), radius)
            for shape, colour, place, radius in zip(row.shapes, row.colours, places, row.radii, strict=True)
        )
    )


def _places(draw: Draw, radii: Sequence[int]) -> list[Place] | None:
    """Centres of a row from left to right, figure by figure; None where there is no room left for one."""
    places: list[Place] = []
    for number, radius in enumerate(radii):
        edge = radius + GAP
        rest = radii[number:]
        high = UNITS - GAP - radii[-1] - sum(map(_reach, rest, rest[1:]))
        low = edge if not places else places[-1][0] + MARGIN
        for _ in range(_TRIES if low <= high else 0):
            x = draw.between(low, high)
            if not places:
                places.append((x, draw.between(edge, UNITS - edge)))
                break
            aside, before = x - places[-1][0] - MARGIN, places[-1]
            spot = x, draw.between(max(edge, before[1] - aside), min(UNITS - edge, before[1] + aside))
            if _are_apart(before, spot, radii[number - 1] + radius + GAP) and holds("left of", before, spot):
                places.append(spot)
                break
        else:
            return None
    return places


def _reach(radius: int, other: int) -> int:
    """About how much room along the axis the next figure takes at least."""
    return (radius + other + GAP) * 3 // 4


def _are_apart(one: Place, two: Place, least: int) -> bool:
    return (one[0] - two[0]) ** 2 + (one[1] - two[1]) ** 2 >= least * least
