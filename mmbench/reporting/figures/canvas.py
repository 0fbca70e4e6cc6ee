"""A canvas with the style of a paper: places in inches from the upper left corner, text that fits, files of the same bytes."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mmbench.core.errors import MissingExtraError, UsageError
from mmbench.core.visible import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
"""Colours that people with any colour vision tell apart, after Okabe and Ito (2008), who name all but the last."""
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
"""Shapes that go with the colours, so that a figure can be read without them."""
INK, GREY, PALE = "#222222", "#8A8A8A", "#E4E4E4"
"""Colours of text, of what stands back, and of grids."""
NORMAL, SMALL = 8.0, 7.0
"""Sizes of text in points: titles and axes; ticks and labels."""
LINE = 0.15
"""Inches of a line of small text with what separates it from the next."""
FONTS = {"sans": "DejaVu Sans", "serif": "STIXGeneral"}
"""Fonts that come with matplotlib, so that figures are the same on every machine."""
EDGE = 0.04
"""Inches left free at the edges."""

_DPI = 300
_SALT = "mmbench"


@contextmanager
def _style(font: str) -> Iterator[None]:
    """Matplotlib as a paper wants it, whatever the user's own settings are."""
    from matplotlib import style

    ours = {
        "font.family": [font, "sans-serif"],
        "font.sans-serif": [FONTS["sans"]],
        "font.size": NORMAL,
        "axes.titlesize": NORMAL,
        "axes.labelsize": NORMAL,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": SMALL,
        "legend.fontsize": SMALL,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.axisbelow": True,
        "text.color": INK,
        "text.hinting": "no_hinting",
        "text.parse_math": False,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "grid.color": PALE,
        "grid.linewidth": 0.6,
        "pdf.fonttype": 42,
        "ps.fonttype": 42,
        "svg.fonttype": "none",
        "svg.hashsalt": _SALT,
        "savefig.dpi": _DPI,
    }
    with style.context(["default", ours]):
        yield


class Canvas:
    """A figure of known width, whose height is settled once it is known what stands on it."""

    def __init__(self, width: float, font: str = "sans") -> None:
        """Prepare a canvas.

        Args:
            width: Inches from the left to the right edge.
            font: ``sans``, ``serif``, or the name of an installed font.

        Raises:
            MissingExtraError: Without matplotlib.
            UsageError: If there is no such font.
        """
        try:
            from matplotlib import font_manager
        except ImportError as error:
            raise MissingExtraError("a figure", "plots") from error
        self.width, self.height = width, 0.0
        self.font = FONTS.get(font, font)
        try:
            path = font_manager.findfont(self.font, fallback_to_default=False)
        except ValueError as error:
            raise UsageError(f"--font {font}: there is no such font; sans and serif are always there") from error
        fallback = font_manager.findfont(FONTS["sans"])
        self._characters = {code for each in (path, fallback) for code in font_manager.get_font(each).get_charmap()}
        self._figure: Figure | None = None

    @property
    def figure(self) -> Figure:
        """The figure of matplotlib. Raises ValueError before `begin`."""
        if self._figure is None:
            raise ValueError("the height of the figure is not settled")
        return self._figure

    @contextmanager
    def begin(self, height: float) -> Iterator[None]:
        """Settle the height in inches, and draw in the style of the figure."""
        from matplotlib.figure import Figure

        self.height = height
        with _style(self.font):
            self._figure = Figure(figsize=(self.width, height), dpi=_DPI)
            yield

    def encoded(self, suffix: str) -> bytes:
        """The figure as a file, the same bytes each time that the same version of matplotlib draws it.

        Args:
            suffix: ``.svg``, ``.pdf`` or ``.png``.
        """
        unsaid: dict[str, dict[str, Any]] = {
            ".svg": {"Date": None},
            ".pdf": {"CreationDate": None},
            ".png": {"Software": None},
        }
        out = io.BytesIO()
        with _style(self.font):
            self.figure.savefig(out, format=suffix[1:], metadata=unsaid[suffix])
        return out.getvalue()

    # --- places ---

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes at a place in inches, with a grid across."""
        place = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes: Axes = self.figure.add_axes(place)
        return axes

    def write(self, left: float, top: float, text: str, **style: Any) -> None:
        """Text whose upper left corner (or another, by `ha`) stands at a place in inches."""
        style = {"va": "top", "ha": "left", "fontsize": NORMAL, **style}
        self.figure.text(left / self.width, 1 - top / self.height, text, **style)

    def line(self, start: tuple[float, float], end: tuple[float, float], **style: Any) -> None:
        """A line between two places in inches."""
        from matplotlib.lines import Line2D

        xs, ys = ((start[n], end[n]) for n in (0, 1))
        across = [x / self.width for x in xs]
        up = [1 - y / self.height for y in ys]
        self.figure.add_artist(Line2D(across, up, transform=self.figure.transFigure, **style))

    # --- text ---

    @cached_property
    def _measure(self) -> Any:
        from matplotlib.textpath import TextToPath

        return TextToPath()

    def text_width(self, text: str, size: float = SMALL) -> float:
        """Inches that a line of text takes."""
        from matplotlib.font_manager import FontProperties

        font = FontProperties(family=[self.font, FONTS["sans"]], size=size)
        width: float = self._measure.get_text_width_height_descent(text, font, ismath=False)[0]
        return width / 72

    def readable(self, text: str) -> str:
        """Text in one line that can be drawn: characters that the font lacks are named by their number."""
        return "".join(each if ord(each) in self._characters else f"(U+{ord(each):04X})" for each in visible(text))

    def fitted(self, text: str, width: float, size: float = SMALL) -> str:
        """Text no wider than so many inches, without its middle where it has to be."""
        shown = self.readable(text)
        most = len(shown)
        while most > 8 and self.text_width(shown, size) > width:
            most = min(most - 1, max(8, math.floor(most * width / self.text_width(shown, size))))
            shown = visible(self.readable(text), most)
        return shown

    def wrapped(self, text: str, width: float, size: float = SMALL) -> str:
        """Text in one line, or in two where it is wider than so many inches; broken where a name may be."""
        shown = self.readable(text)
        if self.text_width(shown, size) <= width:
            return shown
        breaks = [n + 1 for n, each in enumerate(shown[:-1]) if each in " /-_,:="]
        fitting = [n for n in breaks if self.text_width(shown[:n].rstrip(), size) <= width]
        if not fitting:
            return self.fitted(text, width, size)
        head, tail = shown[: fitting[-1]].rstrip(), shown[fitting[-1] :].lstrip()
        return f"{head}\n{self.fitted(tail, width, size)}"


def told_apart(shown: Sequence[str], names: Sequence[str]) -> list[str]:
    """Names as they are shown, with a number where two became the same because they are long.

    >>> told_apart(["a…z", "a…z", "b"], ["abz", "acz", "b"])
    ['a…z (1)', 'a…z (2)', 'b']
    """
    found = []
    for place, text in enumerate(shown):
        same = [name for name, other in zip(names, shown, strict=True) if other == text]
        number = len({name for name, other in zip(names[:place], shown, strict=False) if other == text}) + 1
        found.append(text if len(set(same)) == 1 else f"{text} ({number})")
    return found
