"""What a scene is: shapes of one colour on a plain background, described by whole numbers.

A scene is 256 units wide and high, with x to the right and y downwards from the top left corner. At the default of 64
pixels a pixel is four units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mmbench.core import Media, UsageError

VERSION = "3"
"""Changes with anything that could change a scene, its pixels or its texts; the fingerprints then change too."""
UNITS = 256
"""Width and height of a scene in units."""
SIZE = 64
"""Default width and height of a picture in pixels."""
SIZES = (16, 1024)
"""Least and greatest width in pixels that tasks take as their option ``size``."""

Rgb = tuple[int, int, int]

SHAPES = ("circle", "cross", "ring", "square", "star", "triangle")
"""The shapes that can be painted, by name."""
NAMED = ("circle", "ring", "square", "star")
"""The shapes that questions and captions are about."""
COLOURS: Mapping[str, Rgb] = {
    "blue": (60, 110, 245),
    "green": (40, 185, 75),
    "red": (230, 45, 45),
    "yellow": (250, 215, 40),
}
"""Name to red, green and blue, 0 to 255."""
BACKGROUND: Rgb = (26, 26, 30)
"""Red, green and blue of the background."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One coloured shape."""

    shape: str
    """One of `SHAPES`."""
    colour: str
    """One of `COLOURS`."""
    x: int
    """Centre, in units from the left."""
    y: int
    """Centre, in units from the top."""
    radius: int
    """Units from the centre within which all of it lies."""

    def __str__(self) -> str:
        return f"{self.colour} {self.shape} at {self.x},{self.y} radius {self.radius}"


@dataclass(frozen=True, slots=True)
class Scene:
    """Some figures. Later ones would cover earlier ones, but the generator lets none overlap."""

    figures: tuple[Figure, ...]
    """In the order in which they are painted."""

    @property
    def description(self) -> str:
        """The whole scene as one line of text; equal scenes have equal texts.

        >>> Scene((Figure("ring", "red", 40, 90, 24), Figure("star", "blue", 128, 64, 30))).description
        'red ring at 40,90 radius 24; blue star at 128,64 radius 30'
        """
        return "; ".join(map(str, self.figures))


def scene_media(scene: Scene, size: int = SIZE) -> Media:
    """The picture of a scene, `size` pixels wide and high, rendered when somebody looks at it.

    Its digest is that of the symbolic description, of the generator's version and of the size.
    """
    from mmbench.data import dataset_digest
    from mmbench_tasks.scenes.media import SceneImage

    digest = dataset_digest(["mmbench scene", VERSION, str(size), scene.description])
    return Media("image", "image/png", digest, SceneImage(scene, size, digest), {"width": size, "height": size})


def checked_size(value: Any) -> int:
    """The value of a task's option ``size``. Raises `UsageError` unless it is a whole number within `SIZES`."""
    low, high = SIZES
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise UsageError(f"size {value!r}: expected a number of pixels from {low} to {high}")
    return value
