"""From scenes to pixels, many scenes at a time.

Every figure is painted into a box around it: all figures of one shape together, the first figure of every scene before
the second ones. The same scene gives the same bytes whatever is rendered beside it and on whatever machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import ceil

import numpy as np
from numpy.typing import NDArray

from mmbench_tasks.scenes.distances import DISTANCES
from mmbench_tasks.scenes.features import EXPRESSION_COLOUR, FEATURES, PAINT
from mmbench_tasks.scenes.scene import BACKGROUND, COLOURS, SIZE, UNITS, Figure, Rgb, Scene

Pixels = NDArray[np.uint8]

_AT_ONCE = 2**17
"""Pixels of boxes in memory at once, in some ten arrays of 4 or 8 bytes a pixel."""
_HALO = 4
"""By how many pixels a box is wider than its figure: smooth edges reach 1.4 pixels past the sharpest corner."""
_OPAQUE = 256
_PAINTED = {**DISTANCES, **FEATURES}
_PAINTS = {**COLOURS, EXPRESSION_COLOUR: PAINT}


def render(scenes: Sequence[Scene], size: int = SIZE) -> Pixels:
    """Paint scenes: uint8 [n, size, size, 3], red, green and blue, row by row from the top.

    Edges are smooth: a pixel whose centre lies d pixels inside the outline is covered by d + ½, between 0 and 1. Raises
    ValueError for a size below 1, and for shapes and colours that there are not.

    >>> render([Scene((Figure("square", "red", 128, 128, 40),))])[0, 32, [0, 32]].tolist()
    [[26, 26, 30], [230, 45, 45]]
    """
    if size < 1:
        raise ValueError(f"size {size}: expected at least 1 pixel")
    canvas = np.empty((len(scenes), size, size, 3), dtype=np.uint8)
    canvas[:] = np.tile(np.array(BACKGROUND, dtype=np.uint8), (size, size, 1))
    for shape, items in _strokes(scenes):
        start = 0
        while start < len(items):
            width = min(size, ceil(2 * items[start][0].radius * size / UNITS) + _HALO)
            end = start + max(1, _AT_ONCE // (width * width))
            _paint(canvas, shape, items[start:end], width)
            start = end
    return canvas


def _strokes(scenes: Sequence[Scene]) -> Iterator[tuple[str, list[tuple[Figure, int]]]]:
    """What is painted together: a shape, and (figure, number of its scene), one figure a scene, the largest first."""
    depth = max((len(scene.figures) for scene in scenes), default=0)
    for layer in range(depth):
        items = [(scene.figures[layer], number) for number, scene in enumerate(scenes) if layer < len(scene.figures)]
        items.sort(key=_order)
        for shape, group in groupby(items, key=_shape):
            if shape not in _PAINTED:
                raise ValueError(f"shape {shape!r}: expected one of {', '.join(_PAINTED)}")
            yield shape, list(group)


def _order(item: tuple[Figure, int]) -> tuple[str, int]:
    return item[0].shape, -item[0].radius


def _shape(item: tuple[Figure, int]) -> str:
    return item[0].shape


def _paint(canvas: Pixels, shape: str, items: Sequence[tuple[Figure, int]], width: int) -> None:
    """Paint figures of one shape, at most one a scene, into boxes `width` pixels wide that hold them."""
    size = canvas.shape[1]
    rows = [(figure.x, figure.y, figure.radius) for figure, _ in items]
    across, down, radius = (np.array(rows, dtype=np.float32) * size / UNITS).T
    corner = np.maximum(np.floor(np.array((across, down)) - width / 2), 0)
    left, top = np.minimum(corner, size - width).astype(np.int64)[:, :, None] + np.arange(width)
    x, y = ((box - centre[:, None] + 0.5).astype(np.float32) for box, centre in ((left, across), (top, down)))
    distance = _PAINTED[shape](x[:, None, :], y[:, :, None], radius[:, None, None])
    covered = (np.minimum(np.maximum(0.5 - distance, 0), 1) * _OPAQUE + 0.5).astype(np.uint16)

    inside = covered > 0
    scene = np.array([number for _, number in items])
    places = ((scene[:, None, None] * size + top[:, :, None]) * size + left[:, None, :])[inside]
    share = covered[inside][:, None]
    colours = np.array([_rgb(figure) for figure, _ in items], dtype=np.uint16)
    painted = np.repeat(colours, inside.sum(axis=(1, 2)), axis=0) * share
    flat = canvas.reshape(-1, 3)
    painted += flat[places] * (_OPAQUE - share) + _OPAQUE // 2
    flat[places] = painted // _OPAQUE


def _rgb(figure: Figure) -> Rgb:
    if figure.colour not in _PAINTS:
        raise ValueError(f"colour {figure.colour!r}: expected one of {', '.join(_PAINTS)}")
    return _PAINTS[figure.colour]
