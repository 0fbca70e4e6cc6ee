"""``mmbench repair``: rebuild what is damaged in a run directory."""

from __future__ import annotations

from typing import Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.streams import plug_in_output
from mmbench.cli.values import print_json, say


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  mmbench repair results/runs/mymodel--1a2b3c4d
  mmbench repair mymodel --json

Everything that is read is checked: scores and records against their digests, lines of the log and rows of embeddings against
their checksums. Plans and scores are made again from the task and its answers. Answers whose lines are damaged are set aside,
and the mmbench run command asks them again. Nothing is thrown away: what is damaged is kept as *.damaged.
Checksums find damage, not forgery.
Exit codes: 0 whole again; 3 something could not be rebuilt; 4 it cannot be written.
""",
)
@click.argument("run", metavar="RUN")
@options("allow", "out", "json", allow="foreign-source: import Python files and modules that the run names.")
def command(run: str, **values: Any) -> int:
    """Rebuild what is damaged in a run directory from what is not."""
    from mmbench.api.repair import repair

    with plug_in_output(values["json"]):
        repaired = repair(run, allow=values["allow"], out=values["out"])
    if values["json"]:
        print_json(repaired.to_dict())
        return repaired.exit_code
    for text in repaired.done:
        say(f"• {text}")
    for text in repaired.lost:
        say(f"lost: {text}", err=True)
    if not repaired.done and not repaired.lost:
        say(f"{repaired.path}: nothing is damaged")
    return repaired.exit_code
