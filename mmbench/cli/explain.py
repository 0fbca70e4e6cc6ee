"""``mmbench explain``: why one run's number is not the other's."""

from __future__ import annotations

import sys
from typing import Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.streams import plug_in_output
from mmbench.cli.values import FORMAT, checked_format, print_as, print_json, say
from mmbench.core.errors import NotComparableError, OptionError

_EPILOG = """\b
Examples:
  mmbench explain lm-eval/MyModel mymodel           # a run that was imported, and your own; the gap is mymodel minus lm-eval/MyModel
  mmbench explain old new --examples 3              # with three samples of each cause
  mmbench explain a b --tasks lmms-eval/mmmu_val=mcq/mmmu
  mmbench explain a b --metric accuracy --json
  mmbench explain a b --md > gap.md

The points of all causes sum to the gap. They are found in this order: samples that only one run was asked, failures and refusals,
references, extraction, the metric's convention, questions, truncation, and the answers themselves. Where a task can be built, the answers
of one run are scored as the other's were; settings that cannot be scored again (prompt, images, decoding, model) are listed as facts.
Exit codes: 0 explained; 2 usage; 3 a task does not compare (no shared samples, an undefined value), or a run is damaged.
"""


@click.command(cls=Command, epilog=_EPILOG)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@options(
    "tasks",
    "allow",
    tasks="Only these tasks, or families, or TASK_OF_A=TASK_OF_B.",
    allow="foreign-source: import code that a run names; stale: a run may be named by a model whose file has changed.",
)
@click.option("--metric", metavar="ID", help="This metric instead of the first primary one of each run.")
@click.option("--examples", type=int, default=0, metavar="N", help="Show at most N samples of each cause.")
@options("out", "json")
@click.option("--md", "as_markdown", is_flag=True, help="Markdown instead of tables for the terminal.")
@FORMAT
def command(a: str, b: str, **values: Any) -> int:
    """Attribute the gap between two runs to its causes: data, prompt, extraction, decoding, truncation, failures, metric."""
    from mmbench.api.explain import explain
    from mmbench.reporting.gap import gap_tables
    from mmbench.reporting.terminal import print_tables

    format_name = checked_format(values)
    if values["examples"] < 0:
        raise OptionError("--examples", values["examples"], "0 or more")
    with plug_in_output(values["json"]):
        found = explain(
            a,
            b,
            tasks=values["tasks"],
            metric=values["metric"],
            examples=values["examples"],
            allow=values["allow"],
            out=values["out"],
        )
    if values["json"]:
        print_json(found.to_dict())
    elif format_name is not None:
        print_as(format_name, gap_tables(found))
    else:
        print_tables(gap_tables(found), sys.stdout)
    if found.refused and not values["json"]:
        for task, why in found.refused.items():
            say(f"{task}: {why}", err=True)
    return NotComparableError.exit_code if found.exit_code else 0
