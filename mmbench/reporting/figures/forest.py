"""Forest plots: a row for each model or slice, a mark with its interval, and lines for what guessing gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mmbench.analysis.estimates import Estimate
from mmbench.reporting.figures.canvas import (
    EDGE,
    GREY,
    INK,
    LINE,
    MARKERS,
    NORMAL,
    PALE,
    PALETTE,
    SMALL,
    Canvas,
    told_apart,
)
from mmbench.reporting.figures.scales import Scale, limits, set_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NARROWEST = 1.15
"""Inches of a panel at least, where several stand side by side."""
_LABELS = 0.45
"""Share of the width that names may take."""
_GAP, _RIGHT = 0.2, 0.14
_TITLE = 0.22
_AXIS = 0.4
"""Inches between panels and right of the last, above one for its title, and below one for its ticks and label."""
_APART = 0.1
"""Inches between marks of several models in one row."""
_GUESSING: dict[str, dict[str, Any]] = {
    "chance": {"linestyle": "--", "color": GREY, "linewidth": 0.9},
    "prior": {"linestyle": ":", "color": INK, "linewidth": 1.1},
}
"""How lines of chance and prior look; where both are the same, either can be seen."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One value in a row."""

    estimate: Estimate
    """The value."""
    series: int = 0
    """Which of the models, where a row has several: its colour, shape and place in the row."""
    hollow: bool = False
    """Whether the value covers less than it should."""
    dots: tuple[float, ...] = ()
    """Single values beside it, such as those of seeds."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    label: str
    """Its name."""
    marks: tuple[Mark, ...] = ()
    """What stands in it."""
    chance: float | None = None
    """What uniform guessing gets; None where undefined."""
    prior: float | None = None
    """What the blind prior gets; None where undefined."""


@dataclass(frozen=True, slots=True)
class Forest:
    """One panel."""

    title: str
    """What stands above it."""
    scale: Scale
    """Its axis."""
    rows: tuple[Row, ...]
    """[r] from top to bottom."""
    series: int = 1
    """How many models share a row at most."""
    rule: bool = False
    """Whether a line sets the first row apart."""

    def values(self) -> list[float]:
        """Everything that the axis must hold, as shown."""
        found: list[float] = []
        for row in self.rows:
            found += [value for value in (row.chance, row.prior) if value is not None]
            found += [each for mark in row.marks for each in (*mark.estimate.ends, *mark.dots)]
        return [value * self.scale.factor for value in found]


@dataclass
class _Line:
    """Panels that stand side by side and share their rows."""

    panels: list[Forest]
    labels: list[str] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)

    @property
    def height(self) -> float:
        return _TITLE + sum(self.heights) + _AXIS


def draw_forest(canvas: Canvas, panels: Sequence[Forest], legend: Sequence[tuple[str, str]]) -> None:
    """Draw panels, side by side where they fit and share their rows.

    Args:
        canvas: Where to draw.
        panels: The panels.
        legend: (``chance``, ``prior``, ``hollow``, ``dots`` or the number of a series, what it means) each.
    """
    names = list(dict.fromkeys(row.label for panel in panels for row in panel.rows))
    most = canvas.width * _LABELS
    shown = dict(zip(names, told_apart([canvas.wrapped(name, most) for name in names], names), strict=True))
    left = max(canvas.text_width(line) for text in shown.values() for line in text.split("\n")) + 0.1 + EDGE
    lines = _lines(panels, int((canvas.width - left + _GAP) // (_NARROWEST + _GAP)))
    for line in lines:
        several = max(panel.series for panel in line.panels)
        for label in dict.fromkeys(row.label for panel in line.panels for row in panel.rows):
            line.labels.append(label)
            line.heights.append(max(LINE * (1 + shown[label].count("\n")), _APART * several + 0.07))
    rows = legend_rows(canvas, legend)
    height = sum(line.height for line in lines) + LINE * len(rows) + (0.04 if rows else 0)
    with canvas.begin(height):
        top = 0.0
        for line in lines:
            width = (canvas.width - left - _RIGHT - _GAP * (len(line.panels) - 1)) / len(line.panels)
            for place, panel in enumerate(line.panels):
                _draw_panel(
                    canvas, panel, line, (left + place * (width + _GAP), top, width), shown if not place else {}
                )
            top += line.height
        draw_legend(canvas, rows, left if len(rows) == 1 else EDGE, top)


def _lines(panels: Sequence[Forest], columns: int) -> list[_Line]:
    """Panels in lines of so many at most. A panel whose rows are others than those of its neighbours begins a line."""
    lines: list[_Line] = []
    for panel in panels:
        last = lines[-1].panels if lines else []
        alike = bool(last) and {row.label for row in last[0].rows} == {row.label for row in panel.rows}
        if alike and len(last) < columns:
            last.append(panel)
        else:
            lines.append(_Line([panel]))
    return lines


def _draw_panel(
    canvas: Canvas, panel: Forest, line: _Line, place: tuple[float, float, float], shown: dict[str, str]
) -> None:
    left, top, width = place
    height = sum(line.heights)
    axes = canvas.axes(left, top + _TITLE, width, height)
    beside = width if len(line.panels) > 1 else canvas.width - left
    fits = len(line.panels) > 1 or canvas.text_width(canvas.readable(panel.title), NORMAL) <= beside
    title = canvas.fitted(panel.title, beside if fits else canvas.width - 2 * EDGE, NORMAL)
    canvas.write(left if fits else EDGE, top + 0.06, title)
    middles = {}
    below = 0.0
    for label, each in zip(line.labels, line.heights, strict=True):
        middles[label] = (below + each / 2, each)
        below += each
    axes.set_ylim(height, 0)
    axes.set_yticks([middle for middle, _ in middles.values()])
    axes.set_yticklabels([shown.get(label, "") for label in middles], linespacing=1.0)
    axes.tick_params(axis="y", length=0, pad=3)
    axes.spines["left"].set_visible(False)
    axes.grid(visible=True, axis="x")
    set_axis(axes.xaxis, panel.scale, limits(panel.values()), width)
    axes.set_xlabel(
        canvas.fitted(panel.scale.label, width if len(line.panels) > 1 else width + 0.3, NORMAL), labelpad=2
    )
    if panel.rule and len(line.heights) > 1:
        axes.axhline(line.heights[0], color=GREY, linewidth=0.5)
    for row in panel.rows:
        _draw_row(axes, panel, row, *middles[row.label])


def _draw_row(axes: Axes, panel: Forest, row: Row, middle: float, height: float) -> None:
    factor = panel.scale.factor
    for value, name in ((row.chance, "chance"), (row.prior, "prior")):
        if value is not None:
            ends = [middle - height / 2, middle + height / 2]
            axes.plot([value * factor] * 2, ends, zorder=1.5, **_GUESSING[name])
    for mark in row.marks:
        colour, shape = PALETTE[mark.series % len(PALETTE)], MARKERS[mark.series % len(MARKERS)]
        y = middle + (mark.series - (panel.series - 1) / 2) * _APART
        low, high = mark.estimate.ends
        axes.plot([low * factor, high * factor], [y, y], color=colour, linewidth=1.1, solid_capstyle="butt", zorder=2)
        if mark.dots:
            dots = [each * factor for each in mark.dots]
            axes.plot(dots, [y] * len(dots), "|", color=GREY, markersize=5, markeredgewidth=0.8, zorder=2.5)
        face = "white" if mark.hollow else colour
        size = 4.2 if panel.series == 1 else 3.4
        axes.plot(
            [mark.estimate.value * factor],
            [y],
            shape,
            color=colour,
            markerfacecolor=face,
            markersize=size,
            markeredgewidth=0.9,
            clip_on=False,
            zorder=3,
        )


# --- legends ---

_KEY, _SPACE = 0.26, 0.16
"""Inches of the sign before a text of a legend, and between two of them."""


def legend_rows(canvas: Canvas, legend: Sequence[tuple[str, str]]) -> list[list[tuple[str, str, float]]]:
    """(sign, text, inches) of a legend in as many lines as it takes."""
    rows: list[list[tuple[str, str, float]]] = []
    used = canvas.width
    room = canvas.width - 2 * EDGE
    texts = [canvas.fitted(text, room - _KEY) for _, text in legend]
    for (sign, _), text in zip(legend, told_apart(texts, [text for _, text in legend]), strict=True):
        width = _KEY + canvas.text_width(text) + _SPACE
        if not rows or used + width - _SPACE > room:
            rows.append([])
            used = 0.0
        rows[-1].append((sign, text, width))
        used += width
    return rows


def draw_legend(canvas: Canvas, rows: Sequence[Sequence[tuple[str, str, float]]], left: float, top: float) -> None:
    """Draw a legend from a place in inches on; one that would leave the canvas begins at its edge."""
    if not rows:
        return
    axes = canvas.axes(0, top, canvas.width, LINE * len(rows))
    axes.set_axis_off()
    axes.set_xlim(0, canvas.width)
    axes.set_ylim(LINE * len(rows), 0)
    for number, row in enumerate(rows):
        wide = sum(width for _, _, width in row) - _SPACE
        x = left if left + wide <= canvas.width else EDGE
        for sign, text, width in row:
            y = LINE * (number + 0.5)
            _draw_sign(axes, sign, x, y)
            axes.text(x + _KEY, y, text, fontsize=SMALL, va="center_baseline")
            x += width


def _draw_sign(axes: Axes, sign: str, x: float, y: float) -> None:
    ends = [x, x + _KEY - 0.07]
    centre = sum(ends) / 2
    if sign in ("chance", "prior"):
        axes.plot(ends, [y, y], **_GUESSING[sign])
    elif sign == "dots":
        axes.plot([centre], [y], "|", color=GREY, markersize=5, markeredgewidth=0.8)
    elif sign == "hollow":
        axes.plot([centre], [y], "o", color=PALETTE[0], markerfacecolor="white", markersize=4.2, markeredgewidth=0.9)
    elif sign == "ring":
        axes.plot([centre], [y], "o", color=GREY, markerfacecolor="white", markersize=4.2, markeredgewidth=0.9)
    elif sign == "front":
        axes.plot(ends, [y, y], "-", color=PALETTE[0], linewidth=0.9)
        axes.plot([centre], [y], "o", color=PALETTE[0], markersize=4.2)
    elif sign == "band":
        axes.plot(ends, [y, y], "-", color=PALE, linewidth=5)
    else:
        series = int(sign)
        colour, shape = PALETTE[series % len(PALETTE)], MARKERS[series % len(MARKERS)]
        axes.plot(ends, [y, y], "-", color=colour, linewidth=1.1)
        axes.plot([centre], [y], shape, color=colour, markersize=3.8)
