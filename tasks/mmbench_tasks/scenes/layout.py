"""Where the figures of a scene lie: apart from each other, inside the picture, and related as wished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmbench_tasks.scenes.draw import Draw
from mmbench_tasks.scenes.scene import UNITS

GAP = 8
"""Least distance in units between the circles around two figures, and between such a circle and the edge."""
MARGIN = 28
"""By how many units the named axis exceeds the other where a relation holds: 7 pixels of 64."""
TRIES = 40
"""Places tried for a figure before the scene is begun again."""

OPPOSITE: Mapping[str, str] = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
"""Each relation and the one that holds the other way round."""
RELATIONS = tuple(OPPOSITE)
"""The relations, by name."""

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Wish:
    """That a relation holds between two figures."""

    relation: str
    """One of `RELATIONS`."""
    first: int
    """Number of the figure that is left of, right of, above or below …"""
    second: int
    """… this one."""


def holds(relation: str, first: Place, second: Place) -> bool:
    """Whether the relation holds clearly: its axis exceeds the other by `MARGIN` units.

    >>> holds("left of", (40, 60), (120, 70)), holds("above", (40, 60), (120, 70)), holds("right of", (40, 60), (41, 200))
    (True, False, False)
    """
    right, down = second[0] - first[0], second[1] - first[1]
    if relation == "left of":
        return right - abs(down) >= MARGIN
    if relation == "right of":
        return -right - abs(down) >= MARGIN
    if relation == "above":
        return down - abs(right) >= MARGIN
    if relation == "below":
        return -down - abs(right) >= MARGIN
    raise ValueError(f"relation {relation!r}: expected one of {', '.join(RELATIONS)}")


def place(draw: Draw, radii: Sequence[int], wish: Wish | None = None) -> list[Place]:
    """Centres for figures with these radii, in units, that grant the wish.

    Drawn uniformly, figure by figure, until each fits. Radii must be small enough that all fit with ease: the sum of
    their squares at most an eighth of the picture.
    """
    if 8 * sum(radius * radius for radius in radii) > UNITS * UNITS:
        raise ValueError(f"figures with the radii {list(radii)} do not fit with ease")
    while True:
        places = _attempt(draw, radii, wish)
        if places is not None:
            return places


def _attempt(draw: Draw, radii: Sequence[int], wish: Wish | None) -> list[Place] | None:
    """Places for all figures; None where one of them found none. Called a million times, so nothing here is a call."""
    random = draw.random
    places: list[Place] = []
    later = max(wish.first, wish.second) if wish else -1
    for number, radius in enumerate(radii):
        edge = radius + GAP
        span = UNITS - 2 * edge + 1
        taken = [(x, y, (radius + other + GAP) ** 2) for (x, y), other in zip(places, radii, strict=False)]
        for _ in range(TRIES):
            across, down = edge + int(random() * span), edge + int(random() * span)
            for x, y, least in taken:
                if (across - x) * (across - x) + (down - y) * (down - y) < least:
                    break
            else:
                spot = across, down
                if wish is None or number != later or _granted(wish, [*places, spot]):
                    places.append(spot)
                    break
        else:
            return None
    return places


def _granted(wish: Wish, places: Sequence[Place]) -> bool:
    return holds(wish.relation, places[wish.first], places[wish.second])
