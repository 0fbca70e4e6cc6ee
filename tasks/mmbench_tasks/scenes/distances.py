"""Signed distances of the shapes: negative inside, zero on the outline, positive outside, in pixels.

Only sums, differences, products, quotients, square roots, absolute values, minima and maxima occur. IEEE 754 rounds
each of these in one way, so every machine computes the same bits. All functions take x (to the right) and y (downwards) from the centre and the radius within
which the shape lies, float32 arrays that broadcast, and return float32. Near corners the distance is that to the
nearest edge's line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_CIRCLE = 0.9
_SQUARE = 0.7
_RING = (0.72, 0.23)
"""Radius of the middle of the ring's band, and half the band's width."""
_CROSS = (0.94, 0.29)
"""Half the length and half the width of a beam."""
_NOTCH = 0.44
"""Radius of the star's inner corners; of the outer ones it is 1."""
_COS36 = (1 + sqrt(5)) / 4
_SIN36 = sqrt(10 - 2 * sqrt(5)) / 4
_COS72 = (sqrt(5) - 1) / 4
_SIN72 = sqrt(10 + 2 * sqrt(5)) / 4
_COS30 = sqrt(3) / 2


def circle(x: Floats, y: Floats, radius: Floats) -> Floats:
    """A disc."""
    distance: Floats = np.sqrt(x * x + y * y) - radius * _CIRCLE
    return distance


def ring(x: Floats, y: Floats, radius: Floats) -> Floats:
    """A disc with a hole."""
    middle, half = _RING
    distance: Floats = np.abs(np.sqrt(x * x + y * y) - radius * middle) - radius * half
    return distance


def square(x: Floats, y: Floats, radius: Floats) -> Floats:
    """A square with upright sides."""
    distance: Floats = np.maximum(np.abs(x), np.abs(y)) - radius * _SQUARE
    return distance


def cross(x: Floats, y: Floats, radius: Floats) -> Floats:
    """Two beams, one upright and one level."""
    half, width = _CROSS
    x, y = np.abs(x), np.abs(y)
    distance: Floats = np.maximum(np.maximum(x, y) - radius * half, np.minimum(x, y) - radius * width)
    return distance


def triangle(x: Floats, y: Floats, radius: Floats) -> Floats:
    """An equilateral triangle that points upwards: the three sides lie half a radius from the centre."""
    distance: Floats = np.maximum(y, np.abs(x) * _COS30 - y * 0.5) - radius * 0.5
    return distance


def star(x: Floats, y: Floats, radius: Floats) -> Floats:
    """A star with five points, one of them upwards.

    Two reflections bring every point to the half of the upper point that lies right of the middle, whose only edge is
    the line from the tip to the notch at 36 degrees.
    """
    across: Floats = np.abs(x)
    up = -y
    beyond: Floats = np.maximum(across * -_COS72 - up * _SIN72, 0)  # past 108 degrees from the top
    across, up = across + beyond * (2 * _COS72), up + beyond * (2 * _SIN72)
    beyond = np.maximum(across * _COS36 - up * _SIN36, 0)  # past 36 degrees
    across, up = np.abs(across - beyond * (2 * _COS36)), up + beyond * (2 * _SIN36)
    edge_across, edge_up = _NOTCH * _SIN36, _NOTCH * _COS36 - 1
    length = sqrt(edge_across * edge_across + edge_up * edge_up)
    return across * (-edge_up / length) + (up - radius) * (edge_across / length)


DISTANCES: Mapping[str, Callable[[Floats, Floats, Floats], Floats]] = {
    "circle": circle,
    "cross": cross,
    "ring": ring,
    "square": square,
    "star": star,
    "triangle": triangle,
}
"""The signed distance of each shape."""
