"""Make a figure of stored runs: choose what it shows, draw it, and say what must be said beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mmbench.analysis.choose import chosen_metrics
from mmbench.analysis.collection import Collection, collect
from mmbench.analysis.leaders import Ranker
from mmbench.comparison.sweep import SweepPoint
from mmbench.core.errors import OptionError, UnknownNameError, UsageError
from mmbench.core.spec import FIGURE_SUFFIXES, RUNS
from mmbench.reporting.figures.canvas import Canvas
from mmbench.reporting.figures.diagnostics import draw_calibration, draw_confusion
from mmbench.reporting.figures.over_models import draw_intervals, draw_seeds
from mmbench.reporting.figures.panels import Panel, panels_of
from mmbench.reporting.figures.pareto import draw_pareto, pareto_panels, sweep_panels
from mmbench.reporting.figures.slices import draw_slices
from mmbench.results.codec import write_atomic
from mmbench.results.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NARROWEST, WIDEST = 2.0, 20.0
"""Inches that a figure may be wide."""
_MOST_ROWS = 100
_SWEEP_WIDTH = 6.5
"""Inches of the figure of a sweep: two panels in a line."""


@dataclass(frozen=True, slots=True)
class FigureOptions:
    """What a figure shows, and how wide it is."""

    tasks: tuple[str, ...] = ()
    """Full names, or families; empty for all."""
    metrics: tuple[str, ...] = ()
    """``ID`` or ``TASK:ID``; empty for the first primary one of each task."""
    against: str = "latency"
    """With ``pareto``, what quality is weighed against."""
    slices: tuple[str, ...] = ()
    """With ``slices``, the names that are shown; empty for those with few labels."""
    most: int = 40
    """Models, or labels of a slice, in a panel at most."""
    width: float = 3.25
    """Inches from the left to the right edge."""
    font: str = "sans"
    """``sans``, ``serif``, or the name of an installed font."""


@dataclass(frozen=True)
class Plot:
    """A figure of runs."""

    kind: str
    """What it shows: one of `KINDS`."""
    notes: tuple[str, ...]
    """What must be said beside it: the beginning of a caption."""
    runs: tuple[Run, ...]
    """The runs that were read."""
    canvas: Canvas
    """Where it is drawn."""

    @property
    def figure(self) -> Figure:
        """The figure of matplotlib, to change what you like."""
        return self.canvas.figure

    def encoded(self, suffix: str) -> bytes:
        """The figure as ``.svg``, ``.pdf`` or ``.png``. Raises `UsageError` for another ending."""
        if suffix not in FIGURE_SUFFIXES:
            raise UsageError(f"a figure ends in {', '.join(FIGURE_SUFFIXES)}, not in {suffix or 'nothing'}")
        return self.canvas.encoded(suffix)

    def save(self, path: str | Path) -> Path:
        """Write the figure; the ending names the format. Returns the path.

        Raises:
            UsageError: For an ending that is no format.
            RunFailedError: If the file cannot be written.
        """
        target = Path(path).expanduser()
        write_atomic(target, self.encoded(target.suffix.lower()))
        return target

    def _repr_png_(self) -> bytes:
        return self.canvas.encoded(".png")


def make_figure(
    references: Sequence[str | Path], kind: str = "intervals", *, out: str | Path = RUNS, options: FigureOptions
) -> Plot:
    """Draw stored runs. Nothing on disk is changed, and the same files give the same figure.

    Args:
        references: Directories, names under `out`, or saved baselines.
        kind: One of `KINDS`.
        out: The folder in which names are looked up.
        options: What is shown.

    Returns:
        The figure.

    Raises:
        UsageError: For names of runs, tasks, metrics, slices and kinds that do not exist, and where there is nothing to draw.
        NotComparableError: If files are damaged or newer.
        MissingExtraError: Without matplotlib.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of figure", kind, KINDS, hint=f"There are: {', '.join(KINDS)}.")
    if not NARROWEST <= options.width <= WIDEST:
        raise OptionError("--width", options.width, f"inches from {NARROWEST:g} to {WIDEST:g}")
    if not 1 <= options.most <= _MOST_ROWS:
        raise OptionError("--most", options.most, f"a whole number from 1 to {_MOST_ROWS}")
    canvas = Canvas(options.width, options.font)
    read = collect(references, Path(out), options.tasks, slices=kind == "slices")
    notes: list[str] = list(read.notes)
    most = len(read.groups) if kind == "slices" else options.most
    panels = panels_of(read, _wanted(read, options), Ranker(), notes, most=max(most, 1))
    said = KINDS[kind](canvas, panels, options)
    return Plot(kind, tuple(dict.fromkeys([*said, *notes])), tuple(read.runs), canvas)


def _wanted(read: Collection, options: FigureOptions) -> dict[str, list[str]]:
    """Task to the metrics that are shown: those that were named, else the first primary one."""
    asked = chosen_metrics(read.runs, options.metrics, read.tasks)
    if asked is not None:
        return {task: asked.get(task, []) for task in read.tasks}
    scored = {task: [result for group in read.groups for result in group.scored(task)] for task in read.tasks}
    return {
        task: [name for result in results for name in result.primary if name in result.metrics][:1]
        for task, results in scored.items()
    }


def sweep_figure(points: Sequence[SweepPoint], suffix: str) -> bytes:
    """Draw a sweep: quality against speed and against memory, for each model and task.

    Args:
        points: Every value of the option.
        suffix: ``.svg``, ``.pdf`` or ``.png``.

    Returns:
        The bytes of the file.

    Raises:
        MissingExtraError: Without matplotlib.
    """
    canvas = Canvas(_SWEEP_WIDTH)
    draw_pareto(canvas, sweep_panels(points))
    return canvas.encoded(suffix)


def _pareto(canvas: Canvas, panels: Sequence[Panel], options: FigureOptions) -> list[str]:
    notes: list[str] = []
    unplaced = draw_pareto(canvas, pareto_panels(panels, options.against, notes))
    said = ["vertical lines: 95 % intervals, over samples"]
    if unplaced:
        said.append(
            f"without a name, for want of room: {', '.join(dict.fromkeys(unplaced))}; a larger --width has more"
        )
    return [*said, *notes]


KINDS: dict[str, Callable[[Canvas, Sequence[Panel], FigureOptions], list[str]]] = {
    "intervals": lambda canvas, panels, _: draw_intervals(canvas, panels),
    "pareto": _pareto,
    "slices": lambda canvas, panels, options: draw_slices(canvas, panels, options.slices, options.most),
    "seeds": lambda canvas, panels, _: draw_seeds(canvas, panels),
    "calibration": lambda canvas, panels, _: draw_calibration(canvas, panels),
    "confusion": lambda canvas, panels, _: draw_confusion(canvas, panels),
}
"""Kind of a figure to what draws it and returns what must be said beside it."""
