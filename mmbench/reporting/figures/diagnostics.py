"""How models err: confusion matrices, and how far stated probabilities can be believed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from mmbench.analysis.confusion import Confusion, confusion
from mmbench.analysis.reliability import Reliability, reliability
from mmbench.core.errors import UsageError
from mmbench.core.score_table import ScoreTable
from mmbench.reporting.figures.canvas import EDGE, GREY, INK, LINE, NORMAL, PALETTE, SMALL, Canvas, told_apart
from mmbench.reporting.figures.panels import MOST_PANELS, Panel

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

Found = TypeVar("Found")

MOST_CLASSES = 30
"""Classes of a matrix at most."""
_NO_CLASS = "no class"
_TITLE, _AXIS, _LEFT, _RIGHT, _GAP = 0.24, 0.42, 0.5, 0.14, 0.12
_WIDE = 2.6
"""Inches of a reliability diagram at least, where two stand side by side."""
_CELL = 0.24
"""Inches of a cell of a matrix that has room for a number."""


def draw_calibration(canvas: Canvas, panels: Sequence[Panel]) -> list[str]:
    """Draw stated probabilities against observed shares, a panel for each model; returns what must be said beside it.

    Raises:
        UsageError: If no model gave probabilities.
    """
    found = list(_found(panels, reliability))
    if not found:
        raise UsageError("no calibration to draw: no model of these runs gave probabilities of a task with two classes")
    _check_panels(len(found))
    columns = 2 if len(found) > 1 and canvas.width >= 2 * _WIDE + _GAP else 1
    width = (canvas.width - _GAP * (columns - 1)) / columns
    side = width - _LEFT - _RIGHT
    each = _TITLE + side + _AXIS
    with canvas.begin(-(-len(found) // columns) * each):
        for place, (title, one) in enumerate(found):
            left, top = (place % columns) * (width + _GAP) + _LEFT, (place // columns) * each
            canvas.write(left, top + 0.07, canvas.fitted(title, side, NORMAL))
            _diagram(canvas.axes(left, top + _TITLE, side, side), one)
    return [
        "lines: 95 % intervals of the observed share; the area of a dot is the number of samples; dashed: perfect calibration",
        *(f"{title}: expected calibration error {100 * one.error:.1f} points, n = {one.n:,}" for title, one in found),
    ]


def _diagram(axes: Axes, found: Reliability) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.grid(visible=True)
    axes.plot([0, 1], [0, 1], linestyle="--", color=GREY, linewidth=0.9, zorder=1.5)
    for each in found.bins:
        axes.plot([each.stated] * 2, [each.low, each.high], color=PALETTE[0], linewidth=1.1, zorder=2)
        size = 2 + 6 * math.sqrt(each.n / found.n)
        axes.plot([each.stated], [each.observed], "o", color=PALETTE[0], markersize=size, clip_on=False, zorder=3)
    axes.set_xlabel("stated probability", labelpad=2)
    axes.set_ylabel("observed share", labelpad=2)


def draw_confusion(canvas: Canvas, panels: Sequence[Panel]) -> list[str]:
    """Draw how often each class was answered where each was right, a matrix for each model; returns what must be said beside it.

    Raises:
        UsageError: If no task has classes, or all have more than fit.
    """
    every = list(_found(panels, confusion))
    found = [(title, one) for title, one in every if len(one.labels) <= MOST_CLASSES]
    if not every:
        raise UsageError("no confusion matrix to draw: no task of these runs has classes")
    if not found:
        raise UsageError(
            f"a matrix of {len(every[0][1].labels):,} classes does not fit into a figure: {MOST_CLASSES} do"
        )
    _check_panels(len(found))
    sizes = [_matrix_size(canvas, one) for _, one in found]
    with canvas.begin(sum(height for _, _, height in sizes)):
        top = 0.0
        for (title, one), (left, below, height) in zip(found, sizes, strict=True):
            canvas.write(EDGE, top + 0.07, canvas.fitted(title, canvas.width - 2 * EDGE, NORMAL))
            side = canvas.width - left - _RIGHT
            _matrix(canvas, canvas.axes(left, top + _TITLE, side, height - _TITLE - below), one)
            top += height
    notes = ["rows: the class that was right; columns: what was answered, in per cent of the row"]
    if len(found) < len(every):
        notes.append(f"matrices of more than {MOST_CLASSES} classes are left out")
    return notes


def _matrix_size(canvas: Canvas, found: Confusion) -> tuple[float, float, float]:
    """Inches left of a matrix, below it, and of its whole height."""
    longest = max(canvas.text_width(label) for label in _labels(canvas, found))
    left = longest + 0.1 + EDGE + LINE
    cell = min(0.4, (canvas.width - left - _RIGHT) / len(_shown(found)[0]))
    return left, longest + 0.15 + LINE, _TITLE + cell * len(found.labels) + longest + 0.15 + LINE


def _labels(canvas: Canvas, found: Confusion) -> list[str]:
    names = [*found.labels, _NO_CLASS]
    return told_apart([canvas.fitted(name, canvas.width / 4) for name in names], names)


def _shown(found: Confusion) -> list[list[float]]:
    """[r][c] shares of a row's samples; without the column of answers that name no class, where there are none."""
    width = len(found.labels) + bool(found.counts[:, -1].any())
    totals = found.counts.sum(axis=1)
    return [
        [float(count / total) if total else 0.0 for count in row[:width]]
        for row, total in zip(found.counts, totals, strict=True)
    ]


def _matrix(canvas: Canvas, axes: Axes, found: Confusion) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shares = _shown(found)
    labels = _labels(canvas, found)
    colours = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", PALETTE[0]])
    axes.pcolormesh(shares, cmap=colours, vmin=0, vmax=1, edgecolors="white", linewidth=0.6)
    axes.invert_yaxis()
    axes.set_xticks([n + 0.5 for n in range(len(shares[0]))], labels[: len(shares[0])], rotation=90)
    axes.set_yticks([n + 0.5 for n in range(len(shares))], labels[: len(shares)])
    axes.tick_params(length=0, pad=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("answered", labelpad=2)
    axes.set_ylabel("right", labelpad=2)
    width = axes.get_position().width * canvas.width / len(shares[0])
    if width < _CELL:
        return
    for y, row in enumerate(shares):
        for x, share in enumerate(row):
            if share:
                colour = "white" if share > 0.75 else INK
                axes.text(
                    x + 0.5, y + 0.5, f"{100 * share:.0f}", ha="center", va="center", color=colour, fontsize=SMALL
                )


def _found(panels: Sequence[Panel], of: Callable[[ScoreTable], Found | None]) -> Iterator[tuple[str, Found]]:
    """What there is of each model, with the model's name and its task; of several seeds the first."""
    for panel in panels:
        for group in panel.groups:
            result = next(iter(group.scored(panel.task)), None)
            table = None if result is None else result.tables().get("sample")
            one = None if table is None else of(table)
            if one is not None:
                seed = f", seed {group.runs[0].seed}" if group.several else ""
                yield f"{group.label} on {panel.title}{seed}", one


def _check_panels(count: int) -> None:
    if count > MOST_PANELS:
        raise UsageError(
            f"{count:,} panels do not fit on a page ({MOST_PANELS} do): name fewer runs, or choose with --tasks"
        )
