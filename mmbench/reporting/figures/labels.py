"""Find room for the names of points, so that no two texts overlap, none hides a point, and each is seen to belong to its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_DOT = 0.045
"""Inches from the middle of a dot to its edge, with some room."""
_NEAR = (0.06, 0.1)
"""Inches between a dot and a name that stands beside it."""
_FAR = (0.2, 0.32, 0.45, 0.6)
"""Inches between a dot and a name that a line leads to."""
_OWN = 1.5
"""How many times as far as its own dot any other must be from a name without a line."""
_STEP = 0.03
"""Inches between the places at which a line is looked at."""


class Box(NamedTuple):
    """A rectangle, in inches from the upper left corner of the figure."""

    left: float
    """Its left edge."""
    top: float
    """Its upper edge."""
    width: float
    """From left to right."""
    height: float
    """From top to bottom."""

    def shared(self, other: Box) -> float:
        """Square inches that two rectangles share."""
        across = min(self.left + self.width, other.left + other.width) - max(self.left, other.left)
        down = min(self.top + self.height, other.top + other.height) - max(self.top, other.top)
        return max(across, 0.0) * max(down, 0.0)

    def distance(self, x: float, y: float) -> float:
        """Inches from a point to the nearest edge; 0 within."""
        across = max(self.left - x, x - self.left - self.width, 0.0)
        return math.hypot(across, max(self.top - y, y - self.top - self.height, 0.0))

    def holds(self, other: Box) -> bool:
        """Whether the other lies within it."""
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.left + other.width <= self.left + self.width
            and other.top + other.height <= self.top + self.height
        )


@dataclass(frozen=True, slots=True)
class Spot:
    """A point that wants a name, in inches from the upper left corner of the figure."""

    text: str
    """The name."""
    x: float
    """The middle of its dot."""
    y: float
    """As above."""
    bar: tuple[float, float]
    """Upper and lower end of its interval."""
    width: float
    """Room that the name takes from left to right."""
    height: float
    """Room from top to bottom."""
    first: bool = False
    """Whether its name matters more than those of others."""

    @property
    def dot(self) -> Box:
        """Where its dot is."""
        return Box(self.x - _DOT, self.y - _DOT, 2 * _DOT, 2 * _DOT)

    @property
    def line(self) -> Box:
        """Where its interval is."""
        return Box(self.x - 0.01, self.bar[0], 0.02, self.bar[1] - self.bar[0])

    def beside(self) -> Iterator[Box]:
        """Places for its name right beside it, the best first."""
        for near in _NEAR:
            above, below = self.y - near - self.height, self.y + near
            right, left = self.x + near, self.x - near - self.width
            level, centre = self.y - self.height / 2, self.x - self.width / 2
            places = ((right, level), (left, level), (right, above), (right, below), (left, above), (left, below))
            for x, y in (*places, (centre, above), (centre, below)):
                yield Box(x, y, self.width, self.height)

    def away(self) -> Iterator[Box]:
        """Places further away, the nearest first."""
        for far in _FAR:
            for turn in range(16):
                across, down = math.cos(turn * math.pi / 8), math.sin(turn * math.pi / 8)
                x = self.x + far * across - (self.width if across < -0.1 else 0 if across > 0.1 else self.width / 2)
                yield Box(x, self.y + far * down - self.height / 2, self.width, self.height)


class Label(NamedTuple):
    """Where a name stands."""

    box: Box
    """Its place."""
    line: tuple[tuple[float, float], tuple[float, float]] | None
    """From its dot to it, where it is not beside it."""


def placed(spots: Sequence[Spot], within: Box, obstacles: Sequence[Box] = ()) -> dict[Spot, Label]:
    """Places of names.

    Args:
        spots: The points.
        within: Where names may stand.
        obstacles: What names had better not cover.

    Returns:
        Point to the place of its name; those for which there is no room are absent. No name covers a dot, another name or a
        line to one; intervals and obstacles are covered where it cannot be helped. A name that might be taken for that of
        another point has a line.
    """
    taken = [spot.dot for spot in spots]
    spared = [*(spot.line for spot in spots), *obstacles]
    found: dict[Spot, Label] = {}
    for spot in sorted(spots, key=lambda spot: (not spot.first, spot.y, spot.x)):
        label = _label(spot, spots, within, (taken, spared))
        if label is not None:
            found[spot] = label
            taken += [label.box, *_along(label.line)]
    return found


def _label(spot: Spot, spots: Sequence[Spot], within: Box, room: tuple[Sequence[Box], Sequence[Box]]) -> Label | None:
    """The best place of one name: beside its dot and on nothing, else with a line and on nothing, else beside its dot."""
    taken, spared = room

    def fits(box: Box) -> bool:
        return within.holds(box) and not any(box.shared(each) for each in taken)

    def cost(box: Box) -> float:
        return sum(box.shared(each) for each in spared)

    near = min((box for box in spot.beside() if fits(box) and _is_own(box, spot, spots)), key=cost, default=None)
    if near is not None and not cost(near):
        return Label(near, None)
    led = (_led(spot, box, taken) for box in spot.away() if fits(box) and not cost(box))
    far = next((label for label in led if label is not None), None)
    return far or (None if near is None else Label(near, None))


def _is_own(box: Box, spot: Spot, spots: Sequence[Spot]) -> bool:
    """Whether a name stands clearly nearer to its own dot than to any other."""
    own = box.distance(spot.x, spot.y)
    return all(box.distance(other.x, other.y) > _OWN * own for other in spots if other is not spot)


def _led(spot: Spot, box: Box, taken: Sequence[Box]) -> Label | None:
    """A name with a line to it; None where that would cross something."""
    x = min(max(spot.x, box.left), box.left + box.width)
    y = min(max(spot.y, box.top), box.top + box.height)
    away = math.hypot(x - spot.x, y - spot.y)
    share = min(1.0, _DOT / away) if away else 1.0
    line = (spot.x + share * (x - spot.x), spot.y + share * (y - spot.y)), (x, y)
    crossed = any(step.shared(each) for step in _along(line) for each in taken if each != spot.dot)
    return None if crossed else Label(box, line)


def _along(line: tuple[tuple[float, float], tuple[float, float]] | None) -> list[Box]:
    """Small boxes along a line."""
    if line is None:
        return []
    (x1, y1), (x2, y2) = line
    count = max(1, math.ceil(math.hypot(x2 - x1, y2 - y1) / _STEP))
    half = _STEP / 4
    return [
        Box(x1 + (x2 - x1) * n / count - half, y1 + (y2 - y1) * n / count - half, 2 * half, 2 * half)
        for n in range(count + 1)
    ]
