"""``mmbench export``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.values import say, writable_file
from mmbench.core.errors import UnknownNameError, UsageError

_EPILOG = """\b
Examples:
  mmbench export mymodel --to csv > samples.csv                 # one row a sample, what was asked and answered included
  mmbench export results/runs/* --to parquet -o samples.parquet
  mmbench export mymodel --to eee -o records --organisation "My Lab"
  mmbench export mymodel --to model-index --source-url https://example.org/results
  mmbench export mymodel --to eval-results -o .eval_results/mmbench.yaml
  mmbench export mymodel --to inspect -o logs                   # then: inspect view --log-dir logs

RUN is a run directory, or a name under --out. eee and inspect write several files below a folder; the others write one file, or
to standard output where they are text. What was asked is read again from the task's data; where these are not to be had, the
answers and scores are exported without it.
Exit codes: 0 ok; 2 usage, or no such run; 3 a run is damaged, of a newer schema, or has no scores; 4 a file cannot be written.
"""

_IN_MEMORY = 2**26
"""Bytes for standard output that are kept in memory; more go through a temporary file."""


@click.command(cls=Command, epilog=_EPILOG)
@click.argument("runs", metavar="RUN…", nargs=-1)
@click.option(
    "--to",
    "format_name",
    required=True,
    metavar="FORMAT",
    help="csv, parquet, eee (Every Eval Ever), eval-results, model-index (the Hugging Face hub), or inspect.",
)
@click.option("--output", "-o", metavar="PATH", help="The file, or the folder of eee and inspect.")
@options("tasks", tasks="Only these tasks, or families.")
@click.option("--source-url", metavar="URL", help="Where the results can be seen; eee and the hub's formats say it.")
@click.option("--organisation", metavar="NAME", default="unknown", help="Who ran the evaluation, for eee.")
@options("allow", "out", allow="foreign-source: import a Python file that a run names, for what was asked.")
def command(runs: tuple[str, ...], format_name: str, output: str | None, **values: Any) -> int:
    """Write runs in the formats of other tools. Nothing of the runs is changed."""
    from mmbench.api.export import ExportOptions, check_target, material_of
    from mmbench.exchange.formats import FORMATS

    if format_name not in FORMATS:
        raise UnknownNameError("format", format_name, FORMATS, hint=f"There are: {', '.join(FORMATS)}.")
    if not runs:
        raise UsageError(f"name at least one run, for example: mmbench export mymodel --to {format_name}")
    chosen = FORMATS[format_name]
    target = _target(output, chosen.one is None, runs)
    if target is None and not (chosen.one and chosen.is_text):
        raise UsageError(f"--to {format_name} needs --output {'FILE' if chosen.one else 'FOLDER'}")
    given: ExportOptions = {
        "tasks": values["tasks"],
        "allow": values["allow"],
        "source_url": values["source_url"],
        "organisation": values["organisation"],
        "out": values["out"],
    }
    material = material_of(runs, given)
    if target is not None:
        check_target(material, target)
    if target is None and chosen.one is not None:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as stream:  # a failure must not leave half a file in a pipe
            chosen.one(material, stream)
            stream.seek(0)
            _say_notes(material.notes)
            shutil.copyfileobj(stream, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return 0
    written = chosen.write(material, Path(str(target)))
    _say_notes(material.notes)
    files = "1 file" if len(written) == 1 else f"{len(written):,} files"
    say(f"wrote {files} below {target}" if chosen.one is None else f"wrote {target}", err=True)
    return 0


def _say_notes(notes: list[str]) -> None:
    for note in dict.fromkeys(notes):
        say(f"note: {note}", err=True)


def _target(output: str | None, is_folder: bool, runs: Sequence[str]) -> Path | None:
    """Where the files go. Raises `UsageError` for a place that holds something else."""
    if output is None or not is_folder:
        return writable_file("--output", output, runs)
    path = Path(output).expanduser()
    if not output.strip() or (path.exists() and not path.is_dir()):
        raise UsageError(f"--output {output}: expected a folder, for several files are written")
    return path
