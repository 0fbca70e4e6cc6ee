"""Signed distances of what faces show: two eyes and a mouth that smiles, frowns or does neither.

As in `mmbench_tasks.scenes.distances`: x to the right and y downwards from the centre, the radius of the face, in pixels, all
float32, and no operation that IEEE 754 would let two machines round differently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from mmbench_tasks.scenes.distances import Floats
from mmbench_tasks.scenes.scene import Rgb

PAINT: Rgb = (250, 250, 250)
"""Red, green and blue of eyes and mouth."""

_EYE = (0.3, 0.52, 0.1)
"""How far an eye lies from the middle and above it, and its radius."""
_MOUTH = (0.55, 0.18)
"""Radius of the arc, or half the length of the line, and half the width of its stroke."""
_SMILE, _FROWN, _LEVEL = -0.05, 0.42, 0.2
"""How far below the centre of the face the ends of a smile and of a frown lie, and a level mouth."""


def _eyes(x: Floats, y: Floats, radius: Floats) -> Floats:
    aside, above, size = _EYE
    across, down = np.abs(x) - radius * aside, y + radius * above
    distance: Floats = np.sqrt(across * across + down * down) - radius * size
    return distance


def _arc(x: Floats, down: Floats, radius: Floats) -> Floats:
    """The lower half of a ring around a centre that lies `down` pixels above."""
    bend, stroke = _MOUTH
    ring = np.abs(np.sqrt(x * x + down * down) - radius * bend) - radius * stroke
    distance: Floats = np.maximum(ring, -down)
    return distance


def glad(x: Floats, y: Floats, radius: Floats) -> Floats:
    """Eyes, and a mouth whose corners point upwards."""
    distance: Floats = np.minimum(_eyes(x, y, radius), _arc(x, y - radius * _SMILE, radius))
    return distance


def sad(x: Floats, y: Floats, radius: Floats) -> Floats:
    """Eyes, and a mouth whose corners point downwards."""
    distance: Floats = np.minimum(_eyes(x, y, radius), _arc(x, radius * _FROWN - y, radius))
    return distance


def calm(x: Floats, y: Floats, radius: Floats) -> Floats:
    """Eyes, and a mouth that is a level line."""
    half, stroke = _MOUTH
    line = np.maximum(np.abs(x) - radius * half, np.abs(y - radius * _LEVEL) - radius * stroke)
    distance: Floats = np.minimum(_eyes(x, y, radius), line)
    return distance


FEATURES: Mapping[str, Callable[[Floats, Floats, Floats], Floats]] = {"calm": calm, "glad": glad, "sad": sad}
"""The signed distance of each expression, by name."""
EXPRESSION_COLOUR = "white"
"""The colour of a figure that is an expression."""
