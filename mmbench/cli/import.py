"""``mmbench import``."""
# ruff: noqa: N999  # commands live in the module of their name

from __future__ import annotations

from typing import Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.values import print_json, say

_EPILOG = """\b
Examples:
  mmbench import lmms-eval out/model/20261128_122421_results.json out/model/20261128_122421_samples_mmmu_val.jsonl
  mmbench import lm-eval results/                      # a folder with results_*.json and samples_*.jsonl
  mmbench import vlmevalkit outputs/MyModel/           # tables of predictions, judged tables and scores
  mmbench import inspect logs/2026-11-28_task.eval
  mmbench import lm-eval results/ --task vqa/easy-vqa  # its samples are those of our task, so that answers can be rescored
  mmbench explain lm-eval/MyModel mymodel              # then: where the difference to your own run comes from

The tool's score of each sample becomes a metric with the tool's name, such as exact_match(tool=lm-eval), so that no convention shares a
name with one of ours. The run is marked as imported: it is shown, compared, explained, reported and exported as any other, never resumed,
and no baseline of a gate without --allow imported.
Exit codes: 0 ok; 2 usage, or a file that is damaged or of another tool; 3 the samples are not those of --task; 4 it cannot be written.
"""


@click.command("import", cls=Command, epilog=_EPILOG)
@click.argument("tool", metavar="TOOL")
@click.argument("files", metavar="FILE|FOLDER…", nargs=-1, required=True)
@click.option("--task", "tasks", multiple=True, metavar="[THEIRS=]OURS", help="The task of ours with the same samples.")
@click.option("--data", metavar="PATH", help="Your file or folder with the samples, for a family as --task.")
@options("task-args")
@click.option("--model", metavar="NAME", help="Name of the model, in the place of what the files say.")
@options("out", "json")
def command(tool: str, files: tuple[str, ...], **values: Any) -> int:
    """Turn the output of lmms-eval, lm-eval, VLMEvalKit or Inspect into a run directory."""
    from mmbench.api.import_run import import_run
    from mmbench.reporting.cells import interval_cell, value_cell
    from mmbench.results.rundir import shown_path

    found = import_run(
        tool,
        files,
        task=values["tasks"],
        data=values["data"],
        task_args=values["task_args"],
        model=values["model"],
        out=values["out"],
    )
    if values["json"]:
        print_json(found.to_dict())
        return 0
    for name, task in found.run.tasks.items():
        say(f"{name}: {task.entry.n_samples:,} samples" + ("" if task.metrics else ", no scores"))
        for value in task.metrics.values():
            say(f"  {value.id}: {value_cell(value.value, value.scale)} {interval_cell(value)}")
    for note in found.notes:
        say(f"• {note}")
    path = shown_path(found.path)
    say(f"imported into {path}\nlook:    mmbench show {path}\nexplain: mmbench explain {path} OTHER_RUN")
    return 0
