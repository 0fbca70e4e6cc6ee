"""Options that several commands share."""

from __future__ import annotations

import click

solved_option = click.option(
    "--solved",
    type=float,
    default=0.95,
    show_default=True,
    metavar="VALUE",
    help="A seed counts as having solved a task from this value up (0 to 1).",
)
"""The threshold of the solve rate."""
