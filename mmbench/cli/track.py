"""``mmbench track``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from mmbench.cli.options import Command, options
from mmbench.core.errors import UsageError
from mmbench.resolve.options import OPTIONS

_EPILOG = """\b
Examples:
  mmbench track mymodel --to tensorboard
  mmbench track results/runs/* --to wandb --tracker-args project=vlm,entity=lab
  mmbench track mymodel --to mlflow --tracker-args uri=http://localhost:5000 --track-samples 0

RUN is a run directory, or a name under --out. mmbench run --track does the same while a run goes on. A run that was sent before
is written over, not sent twice. Credentials are those of each tracker's own library.
Exit codes: 0 ok; 2 usage, a missing library, or no such run; 3 a run is damaged or has no scores; 4 a tracker failed.
"""

_WAIT = replace(OPTIONS["track-wait"], default=600.0)


@click.command(cls=Command, epilog=_EPILOG)
@click.argument("runs", metavar="RUN…", nargs=-1)
@click.option(
    "--to", "names", required=True, metavar="LIST", help="wandb, tensorboard, mlflow: see mmbench list trackers."
)
@options(
    "tracker-args",
    "track-samples",
    _WAIT,
    "allow",
    "out",
    "quiet",
    allow="foreign-source: import a Python file that a run names, for questions and images.",
)
def command(runs: tuple[str, ...], names: str, **values: Any) -> int:
    """Send stored runs to experiment trackers. Nothing of the runs is changed."""
    from mmbench.api.track import track

    if not runs:
        raise UsageError(f"name at least one run, for example: mmbench track mymodel --to {names}")
    track(
        runs,
        names,
        tracker_args=values["tracker_args"],
        samples=values["track_samples"],
        wait=values["track_wait"],
        allow=values["allow"],
        out=values["out"],
        progress=not values["quiet"],
    )
    return 0
