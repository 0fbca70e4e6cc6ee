"""A picture in a terminal: half blocks in 24-bit or 256 colours, where the terminal can."""

from __future__ import annotations

import os
from typing import TextIO

from mmbench.core.errors import MediaError
from mmbench.core.media import Media

WIDTH = 48
"""Widest picture, in columns."""


def can_draw(stream: TextIO) -> bool:
    """Whether the stream is a terminal with enough colours."""
    colours = os.environ.get("COLORTERM", "") in ("truecolor", "24bit") or "256color" in os.environ.get("TERM", "")
    return stream.isatty() and colours and "NO_COLOR" not in os.environ


def draw(media: Media, width: int = WIDTH) -> str:
    """The picture as lines of upper half blocks: two pixels a character. A broken picture is said, not raised."""
    try:
        image = media.load()
    except MediaError as error:
        return f"[{error}]"
    columns = min(width, max(8, image.width))
    rows = max(2, round(columns * image.height / image.width / 2) * 2)
    small = image.resize((columns, min(rows, 2 * width)))
    return "\n".join(_line(small, y) for y in range(0, small.height - 1, 2))


def _line(image: object, y: int) -> str:
    true_colour = os.environ.get("COLORTERM", "") in ("truecolor", "24bit")
    getpixel = image.getpixel  # type: ignore[attr-defined]
    width: int = image.width  # type: ignore[attr-defined]
    cells = []
    for x in range(width):
        top, bottom = getpixel((x, y)), getpixel((x, y + 1))
        cells.append(f"\x1b[38;{_code(top, true_colour)};48;{_code(bottom, true_colour)}m▀")
    return "".join(cells) + "\x1b[0m"


def _code(pixel: tuple[int, int, int], true_colour: bool) -> str:
    red, green, blue = pixel
    if true_colour:
        return f"2;{red};{green};{blue}"
    return f"5;{16 + 36 * (red * 5 // 255) + 6 * (green * 5 // 255) + blue * 5 // 255}"
