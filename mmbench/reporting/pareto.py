"""Draw a sweep: quality against speed and against memory, with the Pareto fronts, as SVG or PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any

from mmbench.comparison.sweep import SweepPoint
from mmbench.core.visible import visible
from mmbench.reporting.text import byte_size, figure, number

_WIDTH, _HEIGHT = 460, 340
"""Pixels of one panel."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 46, 52
"""Margins of a panel around its axes."""
_TICKS = 5
_RING = "ring: not to be quoted, on no front"
_INK, _GREY, _FRONT = "#222222", "#999999", "#0b6e99"
_SMALL, _NORMAL = 11, 13
"""Sizes of text."""
_SCALE = 2
"""Pixels of a PNG for each pixel of the drawing."""


@dataclass
class Drawing:
    """Lines, dots and texts, in pixels from the upper left corner."""

    width: int
    """Pixels from left to right."""
    height: int = 0
    """Pixels from top to bottom."""
    lines: list[tuple[float, float, float, float, str, float]] = field(default_factory=list)
    """(x, y, x, y, colour, width) each."""
    dots: list[tuple[float, float, float, str]] = field(default_factory=list)
    """(x, y, radius, colour) each."""
    texts: list[tuple[float, float, str, str, int, str]] = field(default_factory=list)
    """(x, y of the base line, text, ``start``, ``middle`` or ``end``, size, colour) each."""

    def svg(self) -> str:
        """The drawing as SVG, with text that can be searched."""
        whole = f'width="{self.width}" height="{self.height}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" {whole} viewBox="0 0 {self.width} {self.height}" font-family="sans-serif">',
            f'<rect {whole} fill="#ffffff"/>',
        ]
        for x1, y1, x2, y2, colour, width in self.lines:
            ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
            parts.append(f'<line {ends} stroke="{colour}" stroke-width="{width:g}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:g}" fill="{colour}"/>' for x, y, r, colour in self.dots]
        for x, y, text, anchor, size, colour in self.texts:
            at = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
            parts.append(f"<text {at}>{escape(text)}</text>")
        return "\n".join([*parts, "</svg>", ""])

    def png(self) -> bytes:
        """The drawing as PNG, twice as large, by Pillow."""
        from PIL import Image, ImageDraw, ImageFont

        image = Image.new("RGB", (self.width * _SCALE, self.height * _SCALE), "#ffffff")
        draw = ImageDraw.Draw(image)
        for x1, y1, x2, y2, colour, width in self.lines:
            ends = [(x1 * _SCALE, y1 * _SCALE), (x2 * _SCALE, y2 * _SCALE)]
            draw.line(ends, fill=colour, width=max(1, round(width * _SCALE)))
        for x, y, radius, colour in self.dots:
            box = [each * _SCALE for each in (x - radius, y - radius, x + radius, y + radius)]
            draw.ellipse(box, fill=colour)
        fonts: dict[int, Any] = {
            size: ImageFont.load_default(size * _SCALE) for size in {text[4] for text in self.texts}
        }
        for x, y, text, anchor, size, colour in self.texts:
            place = {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
            draw.text((x * _SCALE, y * _SCALE), text, fill=colour, font=fonts[size], anchor=place)
        out = io.BytesIO()
        image.save(out, "PNG")
        return out.getvalue()


def pareto_figure(points: Sequence[SweepPoint], suffix: str) -> bytes:
    """Draw a sweep.

    Args:
        points: Every value of the option, of one model and task or of several.
        suffix: ``.svg`` or ``.png``.

    Returns:
        The bytes of the file: for each model and task two panels, quality against samples a second and against memory.
    """
    drawing = Drawing(2 * _WIDTH)
    order = list(dict.fromkeys((point.model, point.task) for point in points))
    for row, (model, task) in enumerate(order):
        own = [point for point in points if (point.model, point.task) == (model, task)]
        top = row * _HEIGHT
        drawing.texts.append((_LEFT, top + 18, visible(f"{model} on {task}"), "start", _NORMAL, _INK))
        speeds = [point.measured_per_s for point in own]
        memory = [None if point.memory_bytes is None else float(point.memory_bytes) for point in own]
        _Panel(drawing, (0, top), own, speeds, "speed", ("samples/s", figure), doubtful=True).draw()
        title = "GPU memory" if any(point.gpu_bytes is not None for point in own) else "size of the weights"
        _Panel(drawing, (_WIDTH, top), own, memory, "memory", (title, _size)).draw()
    drawing.height = max(1, len(order)) * _HEIGHT
    return drawing.png() if suffix == ".png" else drawing.svg().encode()


def _size(value: float) -> str:
    return byte_size(round(value))


@dataclass
class _Panel:
    """Quality against one cost."""

    drawing: Drawing
    corner: tuple[float, float]
    points: Sequence[SweepPoint]
    costs: Sequence[float | None]
    front: str
    axis: tuple[str, Callable[[float], str]]
    doubtful: bool = False
    """Whether the costs are speeds, some of which must not be quoted."""

    def draw(self) -> None:
        """Draw axes, intervals, points with their labels, and the front."""
        shown = [
            (cost, point)
            for cost, point in zip(self.costs, self.points, strict=True)
            if cost is not None and point.metric is not None and point.metric.value is not None
        ]
        x0, y0 = self.corner
        title, write = self.axis
        if not shown:
            self.drawing.texts.append((x0 + _WIDTH / 2, y0 + _HEIGHT / 2, f"no {title}", "middle", _NORMAL, _GREY))
            return
        xs = ticks([cost for cost, _ in shown])
        ys = ticks([end for _, point in shown for end in _ends(point)])
        metric = next(point.metric for _, point in shown if point.metric is not None)
        left, right, top, bottom = x0 + _LEFT, x0 + _WIDTH - _RIGHT, y0 + _TOP, y0 + _HEIGHT - _BOTTOM

        def across(value: float) -> float:
            return left + (value - xs[0]) / (xs[-1] - xs[0]) * (right - left)

        def down(value: float) -> float:
            return bottom - (value - ys[0]) / (ys[-1] - ys[0]) * (bottom - top)

        drawing = self.drawing
        for value in xs:
            drawing.lines.append((across(value), top, across(value), bottom, "#e6e6e6", 1))
            drawing.texts.append((across(value), bottom + 16, write(value), "middle", _SMALL, _INK))
        for value in ys:
            drawing.lines.append((left, down(value), right, down(value), "#e6e6e6", 1))
            drawing.texts.append((left - 6, down(value) + 4, number(value, metric.scale), "end", _SMALL, _INK))
        drawing.texts.append(((left + right) / 2, bottom + 36, title, "middle", _NORMAL, _INK))
        drawing.texts.append((left, top - 8, visible(metric.id), "start", _SMALL, _INK))
        if self.doubtful and not all(point.speed_is_valid for _, point in shown):
            drawing.texts.append((right, top - 8, _RING, "end", _SMALL, _GREY))
        on = sorted(((cost, point) for cost, point in shown if self.front in point.fronts), key=lambda each: each[0])
        places = [(across(cost), down(_value(point))) for cost, point in on]
        drawing.lines += [(*a, *b, _FRONT, 1.5) for a, b in pairwise(places)]
        for cost, point in shown:
            colour = _FRONT if self.front in point.fronts else _GREY
            low, high = _ends(point)
            drawing.lines.append((across(cost), down(low), across(cost), down(high), colour, 1))
            drawing.dots.append((across(cost), down(_value(point)), 4, colour))
            if self.doubtful and not point.speed_is_valid:
                drawing.dots.append((across(cost), down(_value(point)), 2.5, "#ffffff"))
            right_half = across(cost) > (left + right) / 2
            at = across(cost) + (-8 if right_half else 8)
            label = visible(point.setting)
            drawing.texts.append((at, down(_value(point)) - 6, label, "end" if right_half else "start", _SMALL, _INK))


def _value(point: SweepPoint) -> float:
    return point.metric.value if point.metric is not None and point.metric.value is not None else math.nan


def _ends(point: SweepPoint) -> tuple[float, float]:
    """The interval of a value; the value itself where it has none."""
    metric, value = point.metric, _value(point)
    if metric is None or metric.low is None or metric.high is None:
        return value, value
    return metric.low, metric.high


def ticks(values: Sequence[float]) -> list[float]:
    """About five round numbers, evenly spaced, of which the first and the last enclose the values.

    >>> ticks([3.0, 17.0])
    [0.0, 5.0, 10.0, 15.0, 20.0]
    """
    low, high = min(values), max(values)
    if high - low <= 1e-9 * max(abs(high), 1e-9):
        reach = abs(high) / 2 or 1.0
        low, high = low - reach, high + reach
    raw = (high - low) / (_TICKS - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, last + 1)]
