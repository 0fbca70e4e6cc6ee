"""``mmbench baseline``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mmbench.compare.saved import Saved


@click.group(
    epilog="""\b
Examples:
  mmbench baseline save mymodel baselines/mymodel.json
  mmbench gate mymodel --baseline baselines/mymodel.json
"""
)
def command() -> None:
    """Keep a run as a small file, for `mmbench gate`."""


@command.command(
    epilog="""\b
Example:
  mmbench baseline save mymodel baselines/mymodel.json

The file holds the score of every sample, but neither samples nor answers, and is small enough for git. It is changed by
this command alone. A run that is not complete, or that lacks a sample or a value, is refused (exit code 3).
"""
)
@click.argument("run", metavar="RUN")
@click.argument("file", metavar="FILE")
@click.option("--out", default="results/runs", show_default=True, metavar="FOLDER", help="Where runs lie.")
def save(run: str, file: str, out: str) -> int:
    """Save a run as a baseline file; of one that is there, say old and new values."""
    from mmbench.compare.saved import save_baseline

    path = Path(file).expanduser()
    saved = save_baseline(run, path, Path(out))
    size = path.stat().st_size
    verb = "replaced" if saved.before else "saved"
    click.echo(f"{verb} {path} ({size / 1e3:.1f} kB): {saved.after.label}, seed {saved.after.run.seed}")
    for line in _values(saved):
        click.echo(f"  {line}")
    return 0


def _values(saved: Saved) -> Iterator[str]:
    """Old and new value of every primary metric."""
    from mmbench.report.table import visible
    from mmbench.report.text import number

    names: dict[tuple[str, str], None] = {}
    for side in filter(None, (saved.before, saved.after)):
        names |= {(task.name, metric): None for task in side.tasks.values() for metric in task.primary}
    for task, metric in names:
        shown = []
        for side in filter(None, (saved.before, saved.after)):
            value = side.tasks[task].metrics.get(metric) if task in side.tasks else None
            shown.append("none" if value is None else number(value.value, value.scale))
        yield visible(f"{task}:{metric}") + f"  {' → '.join(shown)}"
