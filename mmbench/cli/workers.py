"""``mmbench workers``: have more or fewer workers ask a run that is under way."""

from __future__ import annotations

from typing import Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.values import print_json, say


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  mmbench workers mymodel                # how many there are
  mmbench workers mymodel 8              # from now on eight
  mmbench workers results/runs/mymodel--1a2b3c4d 2 --json

For a run of mmbench run --workers N or --ray ADDRESS, from another terminal. The run looks once a second. Further workers
open the model first; those that leave end what they are answering. The scores stay the same, byte for byte where the model
is deterministic. The number holds until the command of the run ends.
Exit codes: 0 ok; 2 the run is not under way or is asked without workers.
""",
)
@click.argument("run", metavar="RUN")
@click.argument("count", metavar="[N]", type=int, required=False)
@options("out", "json")
def command(run: str, count: int | None, **values: Any) -> None:
    """Say how many workers ask a run that is under way, or have more or fewer ask it."""
    from mmbench.api.workers import workers
    from mmbench.results.rundir import shown_path

    found = workers(run, count, out=values["out"])
    if values["json"]:
        print_json(found.to_dict())
        return
    number = f"{found.count:,} worker{'s' * (found.count != 1)}"
    place = shown_path(found.path)
    if found.before in (None, found.count):
        say(f"{place}: {number}")
    else:
        say(f"{place}: {number} from now on, instead of {found.before:,}")
