"""``mmbench train``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.streams import plug_in_output
from mmbench.cli.values import print_json, resumable, say
from mmbench.core.visible import shell_command
from mmbench.resolve.options import OPTIONS

if TYPE_CHECKING:
    from mmbench.runner.learners import Trained, TrainResult

_EPILOG = """\b
Examples:
  mmbench train concat --task vqa
  mmbench train low-rank --task vqa/scenes,vqa/easy-vqa --seeds 3
  mmbench train concat --task vqa --seed 1 --set steps=1000,lr=0.002
  mmbench train mymodel --task vqa                     # mymodel.py in this folder, with a method fit

A model sees the splits train and val of the task; its test split is not even read. What was learned is kept in the
folder of checkpoints, where mmbench run finds it: with the same seed and options, nothing is learned twice.
The same command again goes on where an interrupted one ended, as far as the model kept it.
Exit codes: 0 ok; 2 usage; 3 a damaged checkpoint; 4 training failed; 130/143 interrupted.
"""


_SET = replace(OPTIONS["model-args"], name="set", also=("model-args",), parameter="model_args")
"""The options of the model, under a short name and under the one that they have elsewhere."""


@click.command(cls=Command, epilog=_EPILOG)
@click.argument("model", metavar="BASELINE")
@options(
    "tasks",
    "seed",
    "seeds",
    _SET,
    "data",
    "map",
    "download",
    "task-args",
    "device",
    "checkpoints",
    "retrain",
    "threads",
    "json",
    "quiet",
)
def command(model: str, tasks: tuple[str, ...], **values: Any) -> int:
    """Have a model learn tasks ahead of any run, and keep what it has learned.

    BASELINE is the name of a model that learns (mmbench list models), or FILE.py[:NAME] with a method fit.
    """
    from mmbench.api.train import train
    from mmbench.runner.execute.progress import progress_of

    as_json, progress = values.pop("json"), progress_of(not values.pop("quiet"))
    with resumable("Checkpoints are kept."), plug_in_output(as_json):
        result = train(model, tasks, **values, progress=progress)
    _print(result, _evaluation(model, tasks, values), as_json)
    return 0


_CARRIED = ("model-args", "data", "map", "download", "task-args", "device", "seed", "seeds", "checkpoints")
"""Options of a training that its evaluation needs as well."""


def _evaluation(model: str, tasks: Sequence[str], values: Mapping[str, Any]) -> str:
    """The command that evaluates what was learned."""
    arguments = ["mmbench", "run", "--model", model, "--tasks", ",".join(tasks)]
    for option in (OPTIONS[name] for name in _CARRIED):
        arguments += option.arguments(values[option.keyword])
    return shell_command(arguments)


def _print(result: TrainResult, evaluation: str, as_json: bool) -> None:
    if as_json:
        print_json({**result.to_dict(), "evaluate": evaluation})
    else:
        say("\n".join(_table(result.trained)))
    click.echo(f"Evaluate it:\n  {evaluation}", err=True)


def _table(trained: Sequence[Trained]) -> list[str]:
    """Headings and a line each; columns that say nothing are left out. Below, who keeps nothing."""
    from mmbench.results.schema import LearnedEntry

    rows = [("model", "task", "seed", "parameters", "val", "training", "samples/s", "checkpoint")]
    for each in trained:
        learned = each.learned or LearnedEntry()
        rows.append(
            (
                each.model,
                each.task,
                str(each.seed),
                "" if learned.parameters is None else f"{learned.parameters:,}",
                ", ".join(f"{name} {100 * value:.1f}" for name, value in learned.val.items()),
                _duration(each.fit_s if learned.train_s is None else learned.train_s),
                "" if learned.samples_per_s is None else f"{learned.samples_per_s:,.0f}",
                learned.checkpoint or "",
            )
        )
    columns = [column for column in zip(*rows, strict=True) if any(column[1:])]
    widths = [max(map(len, column)) for column in columns]
    right = ("seed", "parameters", "training", "samples/s")
    lines = []
    for row in zip(*columns, strict=True):
        cells = [
            cell.rjust(width) if column[0] in right else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    silent = sorted({each.model for each in trained if each.learned is None})
    return lines + [f"{name} learns in a moment and keeps nothing: every run has it learn anew." for name in silent]


def _duration(seconds: float) -> str:
    from mmbench.runner.execute.progress import clock

    return f"{seconds:.1f} s" if seconds < 10 else clock(seconds)
