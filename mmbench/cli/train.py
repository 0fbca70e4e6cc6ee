"""``mmbench train``."""

from __future__ import annotations

import contextlib
import json
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mmbench.cli.values import key_values, working_directory_first
from mmbench.core.errors import MmbenchError, UsageError
from mmbench.core.spec import CHECKPOINTS, DataSource
from mmbench.resolve.config import load_config

if TYPE_CHECKING:
    from mmbench.runner.training import Trained, TrainResult

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


@click.command(epilog=_EPILOG)
@click.argument("model", metavar="BASELINE")
@click.option(
    "--task",
    "-t",
    "tasks",
    multiple=True,
    required=True,
    metavar="T[,T…]",
    help="Task or family, see: mmbench list tasks.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all that is drawn.")
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Train N times, with the seeds from --seed on.",
)
@click.option("--set", "model_args", multiple=True, metavar="K=V[,K=V…]", help="Options of the model.")
@click.option("--data", multiple=True, metavar="[NAME=]PATH", help="Your own data for a task family.")
@click.option("--task-args", multiple=True, metavar="K=V[,K=V…]", help="Options of the tasks, e.g. size=224.")
@click.option("--device", metavar="NAME", help="Given to the model as its option 'device'.")
@click.option(
    "--checkpoints",
    default=CHECKPOINTS,
    show_default=True,
    metavar="FOLDER",
    help="Where models keep what they have learned.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of the table.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on stderr.")
def command(model: str, tasks: tuple[str, ...], **values: Any) -> int:
    """Have a model learn tasks ahead of any run, and keep what it has learned.

    BASELINE is the name of a model that learns (mmbench list models), or FILE.py[:NAME] with a method fit.
    """
    from mmbench.runner.training import train

    working_directory_first()
    options = _options(values)
    again = shlex.join(["mmbench", *sys.argv[1:]])
    try:
        # What a model prints must not land in the JSON document.
        with contextlib.redirect_stdout(sys.stderr) if values["as_json"] else contextlib.nullcontext():
            result = train(model, tasks, **options)
    except KeyboardInterrupt as error:
        click.echo(f"\nEnded by {error}. Checkpoints are kept. To go on:\n  {again}", err=True)
        raise
    except MmbenchError as error:
        if error.exit_code == 4:
            click.echo(f"To go on:\n  {again}", err=True)
        raise
    _print(result, _evaluation(model, tasks, values), values["as_json"])
    return 0


def _options(values: dict[str, Any]) -> dict[str, Any]:
    sources = [DataSource.parse(text) for text in values["data"]]
    names = [source.name or "" for source in sources]
    if len(set(names)) != len(names):
        raise UsageError("--data: two paths for the same name; write --data TASK=PATH for each")
    return {
        "data": {source.name or "": source.path for source in sources} or None,
        "model_args": key_values("--set", values["model_args"])
        | ({"device": values["device"]} if values["device"] is not None else {}),
        "task_args": key_values("--task-args", values["task_args"]),
        "aliases": load_config().aliases,
        "seed": values["seed"],
        "seeds": values["seeds"],
        "checkpoints": values["checkpoints"],
        "progress": not values["quiet"],
    }


def _evaluation(model: str, tasks: Sequence[str], values: dict[str, Any]) -> str:
    """The command that evaluates what was learned."""
    arguments = ["mmbench", "run", "--model", model, "--tasks", ",".join(tasks)]
    for option, key in (("--model-args", "model_args"), ("--data", "data"), ("--task-args", "task_args")):
        for text in values[key]:
            arguments += [option, text]
    for name, default in (("device", None), ("seed", 0), ("seeds", 1), ("checkpoints", CHECKPOINTS)):
        if values[name] != default:
            arguments += [f"--{name}", str(values[name])]
    return shlex.join(arguments)


def _print(result: TrainResult, evaluation: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**result.to_dict(), "evaluate": evaluation}, allow_nan=False))
    else:
        click.echo("\n".join(_table(result.trained)))
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
