"""``mmbench run``."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
from typing import Any

import click

from mmbench.cli.options import solved_option
from mmbench.cli.values import batch_size, key_values, working_directory_first
from mmbench.core.errors import MmbenchError, UsageError
from mmbench.core.spec import CACHE, CHECKPOINTS, DataSource
from mmbench.resolve.config import load_config

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
"""Environment variables by which the Hugging Face libraries are told to stay off the network."""

_SHOWN = 6
"""Runs that are named when a command ends."""

_EPILOG = """\b
Examples:
  mmbench run --model template-prior,random --tasks vqa
  mmbench run --model mymodel --tasks vqa                      # mymodel.py in this folder
  mmbench run --model mymodel.py:Large --tasks vqa/easy-vqa --limit 500 --model-args depth=4
  mmbench run --model mymodel --tasks vqa --data my.jsonl      # your own questions and pictures
  mmbench run --model random,oracle --tasks retrieval --data captions.json --json > result.json
  mmbench run --suite tiny                                     # models and tasks under one name
  mmbench run --model all-baselines,random --tasks vqa,retrieval --seeds 3

A suite (mmbench list suites) names models, tasks or both; what is given beside it takes the place of its own. With
--seeds every model runs once a seed, in a run of its own, and the table shows the mean, every seed and how many solved it.
The same command again resumes: what ended well is not asked again, what failed is.
Exit codes: 0 ok; 2 usage; 3 not comparable or damaged; 4 the run or part of it failed; 130/143 interrupted.
"""


@click.command(epilog=_EPILOG)
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    metavar="M[,M…]",
    help="Name, alias, suite, FILE.py[:NAME], module:NAME or provider/name.",
)
@click.option(
    "--tasks",
    "-t",
    "tasks",
    multiple=True,
    metavar="T[,T…]",
    help="Task or family, see: mmbench list tasks.",
)
@click.option("--suite", metavar="S", help="Models and tasks under one name, see: mmbench list suites.")
@click.option("--data", multiple=True, metavar="[NAME=]PATH", help="Your own data for a task family.")
@click.option("--limit", type=int, metavar="N", help="At most N samples a task, whole groups (pictures) only.")
@click.option("--ids", multiple=True, metavar="ID[,ID…]", help="Only these sample ids.")
@click.option("--split", default="test", show_default=True, help="Split that is asked.")
@click.option("--model-args", multiple=True, metavar="K=V[,K=V…]", help="Options of the model.")
@click.option("--task-args", multiple=True, metavar="K=V[,K=V…]", help="Options of the tasks, e.g. extractor=mention.")
@click.option("--device", metavar="NAME", help="Given to the model as its option 'device'.")
@click.option("--base-url", metavar="URL", help="Address of an endpoint; given to the model as its option 'base_url'.")
@click.option("--dtype", metavar="NAME", help="Given to the model as its option 'dtype'.")
@click.option(
    "--batch-size",
    default="auto",
    show_default=True,
    metavar="N|auto",
    help="Requests a batch; auto starts at 64 and halves when memory runs out.",
)
@click.option("--batch-cost", type=float, metavar="COST", help="Upper bound on a batch's summed cost in tokens.")
@click.option("--workers", type=int, default=2, show_default=True, help="Threads that prepare batches ahead.")
@click.option("--concurrency", type=int, default=16, show_default=True, help="Most requests in flight, async models.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Give up one request after this, for async models.")
@click.option(
    "--retries",
    type=int,
    default=8,
    show_default=True,
    metavar="N",
    help="Ask again after passing faults, async models.",
)
@click.option(
    "--max-errors",
    type=float,
    default=0.5,
    show_default=True,
    metavar="N|FRACTION",
    help="Stop when more requests fail; a fraction counts after 50 requests.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the run; part of its identity.")
@click.option(
    "--seeds", type=int, default=1, show_default=True, metavar="N", help="Run N times, with the seeds from --seed on."
)
@solved_option
@click.option(
    "--skip-incompatible",
    is_flag=True,
    help="Show what a model cannot answer as n/a, also where nothing else is left of it.",
)
@click.option("--out", default="results/runs", show_default=True, metavar="FOLDER", help="Where runs are written.")
@click.option(
    "--checkpoints",
    default=CHECKPOINTS,
    show_default=True,
    metavar="FOLDER",
    help="Where models keep what they have learned.",
)
@click.option(
    "--cache",
    is_flag=False,
    flag_value=CACHE,
    metavar="[FOLDER]",
    help=f"Share answers between runs: what was answered there is not asked again. Without a value: {CACHE}.",
)
@click.option(
    "--perf",
    type=click.Choice(["quick", "off"]),
    default="quick",
    show_default=True,
    help="Measure throughput, latency and peak memory.",
)
@click.option("--offline", is_flag=True, help="Forbid the Hugging Face libraries to use the network.")
@click.option("--dry-run", is_flag=True, help="Print what would be asked, and stop.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout instead of the table.")
@click.option("--quiet", "-q", is_flag=True, help="Nothing on stderr but what failed.")
def command(models: tuple[str, ...], tasks: tuple[str, ...], **values: Any) -> int:
    """Evaluate models on tasks and print quality, certainty and speed in one table."""
    from mmbench.api.run import execute, make_plan

    if values["offline"]:
        os.environ.update(dict.fromkeys(OFFLINE, "1"))
    working_directory_first()
    options = _options(values)
    plan = make_plan(",".join(models) if models else None, tasks, values["out"], options)  # type: ignore[arg-type]
    if values["dry_run"]:
        from mmbench.cli.dry_run import describe

        click.echo(json.dumps(describe(plan).to_dict(), indent=1) if values["as_json"] else describe(plan).text())
        return 0
    again = shlex.join(["mmbench", *sys.argv[1:]])
    try:
        # What a model prints must not land in the JSON document.
        with contextlib.redirect_stdout(sys.stderr) if values["as_json"] else contextlib.nullcontext():
            result = execute(plan, _progress(values["quiet"]))
    except KeyboardInterrupt as error:
        click.echo(f"\nEnded by {error}. What was answered is kept. To go on:\n  {again}", err=True)
        raise
    except MmbenchError as error:
        if error.exit_code == 4:
            click.echo(f"To go on:\n  {again}", err=True)
        raise
    if values["quiet"]:
        for name, failure in result.failures.items():
            click.echo(f"{name}: {failure}", err=True)
    _print(result, values["as_json"])
    if not values["quiet"]:
        _say_what_next(result, again)
    return result.exit_code


def _options(values: dict[str, Any]) -> dict[str, Any]:
    model_args = key_values("--model-args", values["model_args"])
    model_args |= {name: values[name] for name in ("base_url", "device", "dtype") if values[name] is not None}
    sources = [DataSource.parse(text) for text in values["data"]]
    names = [source.name or "" for source in sources]
    if len(set(names)) != len(names):
        raise UsageError("--data: two paths for the same name; write --data TASK=PATH for each")
    return {
        "suite": values["suite"],
        "data": {source.name or "": source.path for source in sources} or None,
        "limit": values["limit"],
        "ids": [name for text in values["ids"] for name in text.split(",") if name],
        "split": values["split"],
        "model_args": model_args,
        "task_args": key_values("--task-args", values["task_args"]),
        "aliases": load_config().aliases,
        "batch_size": batch_size(values["batch_size"]),
        "batch_cost": values["batch_cost"],
        "workers": values["workers"],
        "concurrency": values["concurrency"],
        "retries": values["retries"],
        "timeout": values["timeout"],
        "max_errors": values["max_errors"],
        "seed": values["seed"],
        "seeds": values["seeds"],
        "solved": values["solved"],
        "skip_incompatible": values["skip_incompatible"],
        "checkpoints": values["checkpoints"],
        "cache": values["cache"],
        "perf": values["perf"],
    }


def _progress(quiet: bool) -> Any:
    from mmbench.runner.execute.progress import progress_of

    return progress_of(not quiet)


def _print(result: Any, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.to_dict(), allow_nan=False))
    else:
        from mmbench.reporting.markdown import MANY
        from mmbench.reporting.terminal import print_comparison, print_runs

        models, tasks = result.models, list(result.tasks)
        (print_comparison if len(models) > MANY else print_runs)(models, tasks, sys.stdout)


def _say_what_next(result: Any, again: str) -> None:
    from mmbench.results.rundir import shown_path

    lines = [f"  mmbench show {shlex.quote(str(shown_path(path)))}" for path in result.paths[:_SHOWN]]
    if len(result.paths) > _SHOWN:
        lines.append(f"  … and {len(result.paths) - _SHOWN:,} more in {shown_path(result.paths[0].parent)}")
    verb = "Ask what failed again" if result.exit_code else "Resume or extend"
    click.echo("\n".join([f"{verb}:", f"  {again}", "Look closer:", *lines]), err=True)
