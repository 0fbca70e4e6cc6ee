"""``mmbench baseline``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mmbench.cli.options import Command, options
from mmbench.cli.values import say

if TYPE_CHECKING:
    from mmbench.results.baseline import SavedBaseline
    from mmbench.results.run import Run


@click.group(
    epilog="""\b
Examples:
  mmbench baseline save mymodel gates/mymodel.json
  mmbench gate mymodel --baseline gates/mymodel.json
"""
)
def command() -> None:
    """Keep a run as a small file, for `mmbench gate`."""


@command.command(
    cls=Command,
    epilog="""\b
Example:
  mmbench baseline save mymodel gates/mymodel.json

The file holds the score of every sample, but neither samples nor answers, and is small enough for git. It is changed by
this command alone; its folder is made where it is not there. A run that is not complete, that lacks a sample or a value, or
that has fewer samples of the same data than the baseline it would replace, is refused (exit code 3); so is a first baseline
from a part of a split (run with --limit or --ids), without --allow partial, and a run of another tool, without --allow imported.
""",
)
@click.argument("run", metavar="RUN")
@click.argument("file", metavar="FILE")
@options(
    "allow", "out", allow="partial: a first baseline may be of a part of its split; imported: a run of another tool."
)
def save(run: str, file: str, allow: tuple[str, ...], out: str) -> int:
    """Save a run as a baseline file; of one that is there, say old and new values."""
    from mmbench.api.save_baseline import save_baseline

    path = Path(file).expanduser()
    saved = save_baseline(run, path, out=out, allow=allow)
    size = path.stat().st_size
    verb = "replaced" if saved.before else "saved"
    was = f" (before: {_model(saved.before)})" if saved.before and _model(saved.before) != _model(saved.after) else ""
    say(f"{verb} {path} ({size / 1e3:.1f} kB): {_model(saved.after)}{was}")
    for line in _values(saved):
        say(f"  {line}")
    return 0


def _model(side: Run) -> str:
    return f"{side.label}, seed {side.seed}"


def _values(saved: SavedBaseline) -> Iterator[str]:
    """Old and new value and number of units of every primary metric."""
    from mmbench.core.visible import visible
    from mmbench.reporting.text import number

    names: dict[tuple[str, str], None] = {}
    for side in filter(None, (saved.before, saved.after)):
        names |= {(task.name, metric): None for task in side.tasks.values() for metric in task.primary}
    for task, metric in names:
        shown = []
        for side in filter(None, (saved.before, saved.after)):
            value = side.tasks[task].metrics.get(metric) if task in side.tasks else None
            shown.append("none" if value is None else f"{number(value.value, value.scale)} (n = {value.n:,})")
        yield visible(f"{task}:{metric}") + f"  {' → '.join(shown)}"
