"""An image in a terminal: by the terminal's own protocol for images where it is known to have one, else in coloured half blocks.

What a terminal can do is read from the environment. It is never asked: an answer that nobody reads would land in the shell.
"""

from __future__ import annotations

import base64
import io
import itertools
import os
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TextIO

from mmbench.core.errors import MediaError
from mmbench.core.media import Media
from mmbench.core.visible import visible

if TYPE_CHECKING:
    from PIL import Image

WIDTH = 48
"""Widest image, in columns."""

Protocol = Literal["kitty", "iterm", "sixel", "blocks"]
"""How an image is shown: kitty's graphics protocol, inline images of iTerm2, DEC's sixels, or half blocks in 24-bit or 256 colours."""

_KITTY = ("kitty", "ghostty")
_ITERM = ("iTerm.app", "WezTerm", "mintty")
_SIXEL = ("foot", "mlterm", "contour", "yaft", "sixel")
_MULTIPLEXERS = ("tmux", "screen")
_CELL = 10
"""Pixels of a column, about; a row is twice as high."""
_CHUNK = 4096
"""Characters of one escape sequence of kitty's protocol at most."""
_COLOURS = 64
"""Colours of sixels."""


def protocol_of(stream: TextIO, wanted: bool | None) -> Protocol | None:
    """How images are shown on a stream; None where they are not.

    Args:
        stream: Where the output goes.
        wanted: ``--images`` or ``--no-images``; None: only on a terminal that is known to show them, and never with
            ``NO_COLOR``.
    """
    if wanted is False:
        return None
    known = known_protocol(os.environ)
    if wanted:
        return known or "blocks"
    return known if stream.isatty() and "NO_COLOR" not in os.environ else None


def known_protocol(environment: Mapping[str, str]) -> Protocol | None:
    """What the terminal that an environment describes can show; None where it has too few colours.

    Inside tmux and screen the protocols do not reach the terminal unless they are set up to, so half blocks are drawn.
    """
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    inside = "TMUX" in environment or "STY" in environment or term.startswith(_MULTIPLEXERS)
    if not inside:
        if "KITTY_WINDOW_ID" in environment or any(name in term or name == program for name in _KITTY):
            return "kitty"
        if program in _ITERM or environment.get("LC_TERMINAL") == "iTerm2":
            return "iterm"
        if any(name in term for name in _SIXEL):
            return "sixel"
    return "blocks" if _has_true_colour(environment) or "256color" in term else None


def _has_true_colour(environment: Mapping[str, str]) -> bool:
    return environment.get("COLORTERM", "") in ("truecolor", "24bit")


def draw(media: Media, protocol: Protocol, width: int = WIDTH) -> str:
    """An image as text that shows it; one that cannot be read is a sentence.

    Args:
        media: The image.
        protocol: How it is shown.
        width: Columns that it may take.
    """
    try:
        image = media.load()
    except MediaError as error:
        return f"[{visible(str(error))}]"
    columns = min(width, shutil.get_terminal_size().columns - 1, max(8, image.width))
    shape = image.width / image.height
    columns = max(1, min(columns, round(2 * width * shape)))  # as many rows at most as the widest has columns
    rows = max(1, min(width, round(columns / shape / 2)))  # a strip of one pixel may be as high as it likes
    if protocol == "blocks":
        return _blocks(image.resize((columns, 2 * rows)))
    pixels = min(image.width, columns * _CELL)
    small = image.resize((pixels, max(1, min(2 * _CELL * width, round(pixels / shape)))))
    if protocol == "sixel":
        return sixels(small)
    encoded = io.BytesIO()
    small.save(encoded, "PNG")
    content = encoded.getvalue()
    return kitty(content, columns) if protocol == "kitty" else iterm(content, columns)


def kitty(png: bytes, columns: int) -> str:
    """A PNG in kitty's graphics protocol: shown at once, so many columns wide, without an answer from the terminal."""
    text = base64.standard_b64encode(png).decode()
    parts = [text[start : start + _CHUNK] for start in range(0, len(text), _CHUNK)]
    keys = [f"a=T,f=100,q=2,c={columns},"] + [""] * (len(parts) - 1)
    more = [1] * (len(parts) - 1) + [0]
    return "".join(f"\x1b_G{key}m={m};{part}\x1b\\" for key, m, part in zip(keys, more, parts, strict=True))


def iterm(png: bytes, columns: int) -> str:
    """A PNG as an inline image of iTerm2."""
    keys = f"inline=1;size={len(png)};width={columns};preserveAspectRatio=1"
    return f"\x1b]1337;File={keys}:{base64.standard_b64encode(png).decode()}\x07"


def sixels(image: Image.Image) -> str:
    """An image as DEC's sixels: bands of six rows, each drawn colour by colour."""
    import numpy as np

    reduced = image.quantize(_COLOURS)
    palette, pixels = reduced.getpalette() or [], np.asarray(reduced)
    height, width = pixels.shape
    out = [f'\x1bPq"1;1;{width};{height}']
    for colour in range(len(palette) // 3):
        shares = ";".join(str(round(each / 2.55)) for each in palette[3 * colour : 3 * colour + 3])
        out.append(f"#{colour};2;{shares}")
    for top in range(0, height, 6):
        band = pixels[top : top + 6]
        weights = (1 << np.arange(len(band)))[:, None]
        lines = []
        for colour in np.unique(band).tolist():
            bits = 63 + ((band == colour) * weights).sum(axis=0)
            lines.append(f"#{colour}" + _repeated(bits.astype(np.uint8).tobytes().decode("ascii")))
        out.append("$".join(lines) + "-")
    return "".join([*out, "\x1b\\"])


def _repeated(text: str) -> str:
    """Text in which runs of one character are written once, with their length."""
    runs = ((each, sum(1 for _ in same)) for each, same in itertools.groupby(text))
    return "".join(f"!{count}{each}" if count > 3 else each * count for each, count in runs)


def _blocks(image: Image.Image) -> str:
    """Lines of upper half blocks: two pixels a character."""
    return "\n".join(_line(image, y) for y in range(0, image.height - 1, 2))


def _line(image: Image.Image, y: int) -> str:
    true_colour = _has_true_colour(os.environ)
    pixels: Any = image.load()
    cells = []
    for x in range(image.width):
        top, bottom = pixels[x, y], pixels[x, y + 1]
        cells.append(f"\x1b[38;{_code(top, true_colour)};48;{_code(bottom, true_colour)}m▀")
    return "".join(cells) + "\x1b[0m"


def _code(pixel: tuple[int, int, int], true_colour: bool) -> str:
    red, green, blue = pixel
    if true_colour:
        return f"2;{red};{green};{blue}"
    return f"5;{16 + 36 * (red * 5 // 255) + 6 * (green * 5 // 255) + blue * 5 // 255}"
