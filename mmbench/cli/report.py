"""``mmbench report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbench import registry
from mmbench.cli.options import Command, options
from mmbench.cli.values import say, writable_file
from mmbench.core.errors import UsageError

if TYPE_CHECKING:
    from mmbench.api.report import Report

_EPILOG = """\b
Examples:
  mmbench report results/runs/*                        # a table for each task, best first, with ranges of ranks
  mmbench report results/runs/* --leaderboard          # and the mean over tasks before them
  mmbench report results/runs/* --leaderboard --scale chance   # accuracy and recall@1 in one mean, each above chance
  mmbench report concat late --tasks vqa/scenes --format md
  mmbench report results/runs/* --output leaders.html  # the ending names the format
  mmbench report results/runs/* --output page.html --thumbnails 1000 --max-samples 50000
  mmbench report results/runs/* --metric "vqa/scenes:block_accuracy" --format csv
  mmbench report results/reference/*.json --leaderboard --format md --output results/leaderboard.md

RUN is a run directory, a name under --out, or a saved baseline. Runs of one model that differ in seed alone are one row.
Values on other data or samples of a task stand in a table of their own and have ranks of their own.
Exit codes: 0 ok; 2 usage, or no such run; 3 a run is damaged or of a newer schema; 4 the output cannot be written.
"""


@click.command(cls=Command, epilog=_EPILOG)
@click.argument("runs", metavar="RUN…", nargs=-1)
@click.option(
    "--format",
    "-f",
    "format_name",
    metavar="NAME",
    help="md, csv, tex, html, json, or another of mmbench list renderers; instead of tables for the terminal.",
)
@click.option("--output", "-o", metavar="FILE", help="Write there; without --format, its ending names the format.")
@options("tasks", tasks="Only these tasks, or families.")
@click.option(
    "--metric",
    "-m",
    "metrics",
    multiple=True,
    metavar="[T:]ID",
    help="Show and rank by this metric, of one task or of all that have it; the first of several ranks.",
)
@click.option("--all-metrics", is_flag=True, help="A column for every metric instead of the primary ones.")
@click.option("--leaderboard", is_flag=True, help="Begin with the mean over tasks that the same models ran.")
@click.option(
    "--scale",
    type=click.Choice(["same", "range", "chance"]),
    default="same",
    show_default=True,
    help="How the mean takes metrics: only one and the same; each over its range; each above chance.",
)
@click.option("--title", default="mmbench report", show_default=True, help="Title of an HTML page.")
@click.option(
    "--max-samples",
    type=click.IntRange(0),
    default=20_000,
    show_default=True,
    help="Samples in an HTML page at most, of all tasks together; 0: none.",
)
@click.option(
    "--thumbnails",
    type=click.IntRange(0),
    default=200,
    show_default=True,
    help="Samples of each task whose images are in an HTML page, at most: some of every outcome.",
)
@options(
    *("allow", "solved", "out"),
    allow="foreign-source: import a Python file that a run names, so that an HTML page shows what was asked.",
)
def command(runs: tuple[str, ...], output: str | None, format_name: str | None, **values: Any) -> int:
    """Tables and leaderboards of runs: who leads, and how sure that is."""
    if not runs:
        raise UsageError("a report needs at least one run, for example: mmbench report results/runs/*")
    if format_name is not None:
        registry.find("renderer", format_name)
    target = writable_file("--output", output, runs)
    if target is not None:
        format_name = _format_for(target, format_name)
    from mmbench.api.report import report as make_report

    shown = ("tasks", "metrics", "all_metrics", "leaderboard", "scale", "solved", "out")
    report = make_report(runs, **{name: values[name] for name in shown})
    if target is not None:  # runs that were named by their model are known by now
        writable_file("--output", str(target), [str(run.path) for run in report.runs])
    text = _rendered(report, format_name, values)
    if text is None:
        from mmbench.reporting.terminal import print_tables

        print_tables(report.tables, sys.stdout, compact=True)
    elif target is None:
        click.echo(text, nl=False, color=True)  # as it is: no ANSI sequence is taken out
    else:
        _write(target, text)
    return 0


def _format_for(target: Path, named: str | None) -> str:
    """The format of a file: what its ending says, else what is `named`, in the environment or mmbench.toml too.

    Raises `UsageError` where a format that was typed and the ending disagree.
    """
    from mmbench.reporting.formats import RENDERERS, format_of

    ending = target.suffix.lower().removeprefix(".")
    if named is None or named == ending:
        return format_of(target)
    if ending not in RENDERERS:
        return named
    if _typed("format_name"):
        raise UsageError(
            f"--format {named} would write {named} into {target.name}: leave one of the two out, or let them agree"
        )
    return ending


def _typed(option: str) -> bool:
    """Whether an option stands on the command line, not in the environment or mmbench.toml."""
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


def _rendered(report: Report, format_name: str | None, values: dict[str, Any]) -> str | None:
    """The report as text; None for a terminal."""
    if format_name == "html":
        shown = {name: values[name] for name in ("max_samples", "thumbnails", "allow")}
        return report.page(values["title"], **shown, note=_progress)
    if format_name is None:
        return None
    from mmbench.reporting.formats import render

    return render(format_name, report.tables)


def _progress(text: str) -> None:
    """Say what is read next, on a terminal: a page over many runs takes seconds."""
    if sys.stderr.isatty():
        say(text, err=True)


def _write(target: Path, text: str) -> None:
    from mmbench.results.codec import write_atomic

    write_atomic(target, text.encode())
    say(f"wrote {target}", err=True)
