"""Options of commands that are not keywords of `mmbench.run`: its arguments, and what only a command line needs."""

from __future__ import annotations

from mmbench.core.spec import RUNS
from mmbench.resolve import forms
from mmbench.resolve.declared_option import Option

OF_COMMANDS = (
    Option(
        "Name, alias, suite, FILE.py[:NAME], module:NAME or provider/name.",
        forms.names("M[,M…]"),
        "what",
        default=(),
        identity=True,
        name="model",
        short="m",
    ),
    Option(
        "Task or family, see: mmbench list tasks.",
        forms.names("T[,T…]"),
        "what",
        default=(),
        name="tasks",
        also=("task",),
        short="t",
    ),
    Option("Print what would be done, and stop.", forms.flag(), "what", default=False, name="dry-run"),
    Option(
        "Forbid the Hugging Face libraries to use the network.", forms.flag(), "model", default=False, name="offline"
    ),
    Option(
        "Read parquet datasets of the hub where they lie, without keeping them: texts, and the images that are asked about.",
        forms.flag(),
        "data",
        default=False,
        name="stream",
    ),
    Option("Where runs are written and looked for.", forms.folder(), "results", default=RUNS, name="out"),
    Option("One JSON document on stdout instead of tables.", forms.flag(), "results", default=False, name="json"),
    Option("Nothing on stderr but what failed.", forms.flag(), "results", default=False, name="quiet", short="q"),
)
"""Whose model and tasks, where runs lie, and what a command prints; as declared in `mmbench.resolve.options`."""
