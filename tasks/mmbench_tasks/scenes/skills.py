"""The four skills: what a Latin-square block shows and asks.

Each function takes its draws and a Latin square of answers, ``square[image][question]``, and returns one scene an image
and one question a column, such that the answers are those of the square. All images of a block show the same number
of shapes with the same sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mmbench_tasks.scenes.draw import Draw
from mmbench_tasks.scenes.layout import OPPOSITE, RELATIONS, Wish, place
from mmbench_tasks.scenes.scene import COLOURS, NAMED, Figure, Scene

Square = Sequence[Sequence[str]]
Content = tuple[list[Scene], list[str]]

NAMES = tuple(COLOURS)
"""The colours, by name."""
RADII = (30, 42)
"""Least and greatest radius of a figure, in units."""
YES_NO = ("no", "yes")

PHRASES: Mapping[str, tuple[str, ...]] = {
    "left of": ("left of", "to the left of"),
    "right of": ("right of", "to the right of"),
    "above": ("above", "higher than"),
    "below": ("below", "lower than"),
}
"""Ways to say each relation."""
ATTRIBUTE_QUESTIONS = (
    "what colour is the {shape}?",
    "which colour does the {shape} have?",
    "what is the colour of the {shape}?",
    "the {shape} has which colour?",
)
BINDING_QUESTIONS = (
    "is there a {colour} {shape}?",
    "does the picture show a {colour} {shape}?",
    "can you see a {colour} {shape}?",
    "is a {colour} {shape} in the picture?",
)
RELATION_QUESTIONS = (
    "is the {first} {relation} the {second}?",
    "does the {first} lie {relation} the {second}?",
)
COUNT_QUESTIONS = (
    "how many {colour} shapes are there?",
    "how many shapes are {colour}?",
    "what is the number of {colour} shapes?",
    "how many {colour} shapes does the picture show?",
)


@dataclass(frozen=True, slots=True)
class Skill:
    """One kind of question."""

    answers: tuple[str, ...]
    """The closed set of answers; a block has as many images and as many questions."""
    fill: Callable[[Draw, Square], Content]
    """(draws, square of answers) to the scenes and the questions of a block."""


def attribute(draw: Draw, square: Square) -> Content:
    """What colour a shape has: three shapes wear the three colours, in each image in another order."""
    asked = draw.some(NAMED, len(square))
    radii = _radii(draw, len(square))
    scenes = [_scene(draw, list(zip(asked, row, strict=True)), radii) for row in square]
    return scenes, [draw.pick(ATTRIBUTE_QUESTIONS).format(shape=shape) for shape in asked]


def binding(draw: Draw, square: Square) -> Content:
    """Whether a shape of some colour is there: both images show the same shapes and colours, otherwise combined."""
    one, two = draw.some(NAMED, 2)
    this, that = draw.some(NAMES, 2)
    radii = _radii(draw, 2)
    scenes = []
    for row in square:
        first, second = (this, that) if row[0] == "yes" else (that, this)
        scenes.append(_scene(draw, [(one, first), (two, second)], radii))
    asked = [(this, one), draw.pick([(that, one), (this, two)])]
    return scenes, [draw.pick(BINDING_QUESTIONS).format(colour=colour, shape=shape) for colour, shape in asked]


def relation(draw: Draw, square: Square) -> Content:
    """Where a shape lies from another: in one image on one side of it, in the other on the opposite side."""
    first, second = draw.some(NAMED, 2)
    figures = [(shape, draw.pick(NAMES)) for shape in (first, second)]
    radii = _radii(draw, len(figures))
    named = draw.pick(RELATIONS)
    opposite = OPPOSITE[named]
    wishes = [Wish(named if row[0] == "yes" else opposite, 0, 1) for row in square]
    scenes = [_scene(draw, figures, radii, wish) for wish in wishes]
    asked = [(first, named, second), draw.pick([(first, opposite, second), (second, named, first)])]
    return scenes, [
        draw.pick(RELATION_QUESTIONS).format(first=one, relation=draw.pick(PHRASES[name]), second=two)
        for one, name, two in asked
    ]


def count(draw: Draw, square: Square) -> Content:
    """How many shapes have some colour: none, one and two of three colours, and always one of the fourth."""
    *asked, other = draw.some(NAMES, len(square) + 1)
    radii = _radii(draw, 1 + sum(map(int, square[0])))
    scenes = []
    for row in square:
        colours = [colour for colour, number in zip(asked, row, strict=True) for _ in range(int(number))]
        scenes.append(_scene(draw, [(draw.pick(NAMED), colour) for colour in (*colours, other)], radii))
    return scenes, [draw.pick(COUNT_QUESTIONS).format(colour=colour) for colour in asked]


def _radii(draw: Draw, number: int) -> list[int]:
    return [draw.between(*RADII) for _ in range(number)]


def _scene(draw: Draw, figures: Sequence[tuple[str, str]], radii: Sequence[int], wish: Wish | None = None) -> Scene:
    """A scene with these (shape, colour), placed at random."""
    places = place(draw, radii, wish)
    return Scene(
        tuple(
            Figure(shape, colour, x, y, radius)
            for (shape, colour), (x, y), radius in zip(figures, places, radii, strict=True)
        )
    )


SKILLS: Mapping[str, Skill] = {
    "attribute": Skill(("blue", "green", "red"), attribute),
    "binding": Skill(YES_NO, binding),
    "relation": Skill(YES_NO, relation),
    "count": Skill(("0", "1", "2"), count),
}
"""Each skill by name, in the order in which they are asked."""
