"""`mmbench.plot`: figures of stored runs for papers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypedDict, Unpack

from mmbench.api.keywords import check_keywords
from mmbench.api.references import references_of
from mmbench.core.ids import names_of
from mmbench.core.spec import RUNS
from mmbench.reporting.figures.make import KINDS, FigureOptions, Plot, make_figure

__all__ = ["KINDS", "Plot", "PlotOptions", "plot"]


class PlotOptions(TypedDict, total=False):
    """Options of `plot`."""

    tasks: str | Iterable[str]
    """Full names or families; empty for all tasks."""
    metrics: str | Iterable[str]
    """``ID`` or ``TASK:ID``; empty for the first primary metric of each task."""
    against: str
    """With ``pareto``: ``latency``, ``throughput``, ``memory``, ``cost``, ``energy``, or a figure of ``perf.json``."""
    slices: str | Iterable[str]
    """With ``slices``, the names that are shown; empty for those with few labels."""
    most: int
    """Models, or labels of a slice, in a panel at most; 40."""
    width: float
    """Inches from the left to the right edge; 3.25, a column of most papers."""
    font: str
    """``sans``, ``serif``, or the name of an installed font."""
    out: str | Path
    """The folder of all runs."""


def plot(runs: Any, kind: str = "intervals", **options: Unpack[PlotOptions]) -> Plot:
    """Draw runs in a style that fits a paper. Nothing on disk is changed.

    Args:
        runs: Run directories, names under `out`, saved baselines, or what `mmbench.run` or `mmbench.load_run` returned;
            one or several. Runs that differ in seed alone are one model.
        kind: ``intervals`` (models with intervals, chance and prior), ``pareto`` (quality against a cost), ``slices``
            (values by slice), ``seeds`` (each seed, and the mean), ``calibration`` (stated probabilities against observed
            shares), or ``confusion`` (which class was answered for which).
        options: As `PlotOptions`.

    Returns:
        The figure: `Plot.save` writes it as SVG, PDF or PNG, `Plot.figure` is matplotlib's, `Plot.notes` what a caption must
        say. A notebook shows it.

    Raises:
        UsageError: For names of runs, tasks, metrics, slices and kinds that do not exist, and where there is nothing to draw.
        NotComparableError: If a file of a run is damaged, or of a newer schema.
        MissingExtraError: Without matplotlib.

    Example:
        >>> import mmbench
        >>> figure = mmbench.plot(["concat", "late"], tasks="vqa")  # doctest: +SKIP
        >>> figure.save("figure.pdf")  # doctest: +SKIP
        PosixPath('figure.pdf')
    """
    check_keywords(options, PlotOptions, "mmbench.plot")
    given: dict[str, Any] = dict(options)
    out = given.pop("out", RUNS)
    given["tasks"] = names_of(given.get("tasks", ()))
    given |= {name: _texts(given.get(name, ())) for name in ("metrics", "slices")}
    return make_figure(references_of(runs), kind, out=out, options=FigureOptions(**given))


def _texts(given: str | Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)
