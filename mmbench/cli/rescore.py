"""``mmbench rescore``: today's metrics on stored answers."""

from __future__ import annotations

import sys
from typing import Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.streams import plug_in_output
from mmbench.cli.values import print_json, say


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  mmbench rescore results/runs/mymodel--1a2b3c4d     # after an upgrade, or a change of your task's scoring
  mmbench rescore mymodel --dry-run                  # what would move
  mmbench rescore mymodel --tasks vqa/scenes --json
  mmbench rescore mymodel --task-args extractor=mention   # read the same answers with another extractor

Nothing is asked: the answers in the run directory are scored again. The new scores lie beside the old, which stay; run.json
points to the new. Exit codes: 0 ok; 3 the data or the questions of a task have changed, it cannot be built, or answers are missing; 4 it cannot be written.
""",
)
@click.argument("run", metavar="RUN")
@options(
    "tasks",
    "task-args",
    "allow",
    "dry-run",
    "out",
    "json",
    task_args="Options that change only how answers are scored, e.g. extractor=mention.",
    allow="foreign-source: import Python files and modules that the run names.",
    tasks="Only these tasks of the run, or families of tasks.",
    dry_run="Say what would move, and write nothing.",
)
def command(run: str, tasks: tuple[str, ...], dry_run: bool, out: str, **values: Any) -> int:
    """Apply today's metrics to the stored answers of a run, and say what moved."""
    from mmbench.api.rescore import rescore

    with plug_in_output(values["json"]):
        result = rescore(run, tasks, task_args=values["task_args"], allow=values["allow"], dry_run=dry_run, out=out)
    if values["json"]:
        print_json(result.to_dict())
        return 0
    from mmbench.reporting.moved import moved_tables
    from mmbench.reporting.terminal import print_tables

    print_tables(moved_tables(result), sys.stdout)
    for note in result.notes:
        say(f"• {note}")
    still = dict.fromkeys(
        each.task for each in result.moved if not any(m.moved for m in result.moved if m.task == each.task)
    )
    for task in still:
        say(f"{task}: nothing moved")
    for task, (old, new) in result.scorings.items():
        if old != new:
            say(f"{task}: the new scores are scores/{new}.json, the old stay in scores/{old}.json")
    if not result.written:
        say("Nothing was written (--dry-run).")
    return 0
