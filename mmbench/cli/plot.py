"""``mmbench plot``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.values import say, writable_file
from mmbench.core.errors import UsageError
from mmbench.core.spec import FIGURE_SUFFIXES

_EPILOG = """\b
Examples:
  mmbench plot results/runs/* -o figure.pdf                        # every model with its interval, chance and prior
  mmbench plot results/runs/* -o front.svg --kind pareto --against throughput
  mmbench plot concat late -o slices.pdf --kind slices --tasks vqa/scenes --slice type
  mmbench plot results/reference/*.json -o seeds.png --kind seeds --metric "vqa/scenes:accuracy"
  mmbench plot results/runs/* -o wide.pdf --width 6.75 --font serif

RUN is a run directory, a name under --out, or a saved baseline. Runs of one model that differ in seed alone are one mark.
What a caption must say is printed. Needs matplotlib: pip install "mmbench[plots]".
Exit codes: 0 ok; 2 usage, or no such run; 3 a run is damaged or of a newer schema; 4 the file cannot be written.
"""


@click.command(cls=Command, epilog=_EPILOG)
@click.argument("runs", metavar="RUN…", nargs=-1)
@click.option("--output", "-o", metavar="FILE", help="Where to write; the ending says whether SVG, PDF or PNG.")
@click.option(
    "--kind",
    "-k",
    default="intervals",
    show_default=True,
    metavar="KIND",
    help="intervals, pareto (quality against a cost), slices, seeds, calibration, or confusion.",
)
@options("tasks", tasks="Only these tasks, or families.")
@click.option(
    "--metric",
    "-m",
    "metrics",
    multiple=True,
    metavar="[T:]ID",
    help="Draw this metric, of one task or of all that have it; otherwise the first primary one.",
)
@click.option(
    "--against",
    default="latency",
    show_default=True,
    metavar="COST",
    help="With pareto: latency, throughput, memory, cost, energy, or a figure of perf.json.",
)
@click.option("--slice", "slices", multiple=True, metavar="NAME", help="With slices: this slice; may be repeated.")
@click.option(
    "--most", type=int, default=40, show_default=True, metavar="N", help="Models, or labels of a slice, in a panel."
)
@click.option(
    "--width", type=float, default=3.25, show_default=True, metavar="INCHES", help="From the left to the right edge."
)
@click.option("--font", default="sans", show_default=True, metavar="NAME", help="sans, serif, or an installed font.")
@options("out")
def command(runs: tuple[str, ...], output: str | None, kind: str, **values: Any) -> int:
    """Figures of runs for papers: intervals, Pareto fronts, slices, seeds."""
    if not runs:
        raise UsageError("a figure needs at least one run, for example: mmbench plot results/runs/* -o figure.pdf")
    if output is None:
        raise UsageError(f"say where to write it, for example: mmbench plot {' '.join(runs[:2])} -o figure.pdf")
    target = _target(output, runs)
    from mmbench.api.plot import plot

    figure = plot(runs, kind, **values)
    writable_file("--output", output, [str(run.path) for run in figure.runs])  # those that were named by their model
    figure.save(target)
    for note in figure.notes:
        say(f"• {note}", err=True)
    say(f"wrote {target}", err=True)
    return 0


def _target(output: str, runs: tuple[str, ...]) -> Path:
    """The file. Raises `UsageError` for an ending that is no format, and for a place that cannot be written."""
    target = writable_file("--output", output, runs)
    if target is None or target.suffix.lower() not in FIGURE_SUFFIXES:
        raise UsageError(f"--output {output}: name a file that ends in {', '.join(FIGURE_SUFFIXES)}")
    return target
