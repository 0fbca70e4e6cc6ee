"""``mmbench merge``: make one run of the shards that several commands asked."""

from __future__ import annotations

import sys
from typing import Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.streams import plug_in_output
from mmbench.cli.values import print_json, resumable
from mmbench.core.visible import shell_command, visible_lines


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  mmbench merge results/runs/mymodel--1a2b3c4d             # all its shards: mmbench run --shard 1/8 … --shard 8/8
  mmbench merge results/runs/mymodel--1a2b3c4d.shard-*-of-8
  mmbench merge mymodel                                    # of all its runs, such as several seeds
  mmbench merge results/runs/*.shard-*                     # of several models, run by run
  mmbench merge mymodel --json

The scores are those of a run that one command asked, byte for byte where the model is deterministic. Every shard must be
there and asked to its end, of one model, plan and version of mmbench; where one is not, the commands that finish it are
printed and nothing is written. The shards stay: remove them when you like.
Exit codes: 0 ok; 2 usage; 3 missing, unfinished, damaged or not of one run; 4 requests failed, or it cannot be written.
""",
)
@click.argument("shards", metavar="SHARD…", nargs=-1, required=True)
@options(
    "allow",
    "out",
    "json",
    "quiet",
    allow="foreign-source: import Python files and modules that shards name; versions: of packages may differ between shards; "
    "weights: so may what the model learned.",
    out="Where names are looked up; the run is written beside its shards.",
)
def command(shards: tuple[str, ...], **values: Any) -> int:
    """Put the shards of a run together: one run with the scores of the whole."""
    from mmbench.api.merge import merge
    from mmbench.results.rundir import shown_path

    with resumable("The shards are as they were."), plug_in_output(values["json"]):
        result = merge(shards, allow=values["allow"], out=values["out"], progress=not values["quiet"])
    if values["json"]:
        print_json(result.to_dict())
    else:
        from mmbench.reporting.terminal import print_runs

        print_runs(result.models, result.tasks, sys.stdout)
    if not values["quiet"]:
        shown = [shell_command(["mmbench", "show", str(shown_path(path))]) for path in result.paths]
        click.echo(visible_lines("\n".join(["Look closer:", *(f"  {each}" for each in shown)])), err=True)
    return result.exit_code
