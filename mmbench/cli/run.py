"""``mmbench run``."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.streams import plug_in_output
from mmbench.cli.values import print_json, resumable, say
from mmbench.core.visible import shell_command, visible_lines
from mmbench.resolve.options import OF_RUN

OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
"""Environment variables by which the Hugging Face libraries are told to stay off the network."""

_SHOWN = 6
"""Runs that are named when a command ends."""

_REMEASURE = " --remeasure"

_EPILOG = """\b
Examples:
  mmbench run --model template-prior,random --tasks vqa
  mmbench run --model mymodel --tasks vqa                      # mymodel.py in this folder
  mmbench run --model mymodel.py:Large --tasks vqa/easy-vqa --limit 500 --model-args depth=4
  mmbench run --model mymodel --tasks vqa --data my.jsonl      # your own questions and pictures
  mmbench run --model random,oracle --tasks retrieval --data captions.json --json > result.json
  mmbench run --suite tiny                                     # models and tasks under one name
  mmbench run --model all-baselines,random --tasks vqa,retrieval --seeds 3
  mmbench run --model new.py --interleave old.py --repeats 5 --tasks vqa   # which of the two is faster?
  mmbench run --model mymodel --tasks vqa --perf full          # speed under load, after the quality run
  mmbench run --model mymodel --tasks vqa --remeasure          # the speed of a finished run again; answers and scores stay
  mmbench run --model mymodel --tasks vqa --shard 3/8          # one of eight commands; then: mmbench merge mymodel
  mmbench run --model openai/m --base-url URL --model-args stream=true --tasks vqa --perf full --rate 20 --slo ttft_p99=500ms

A suite (mmbench list suites) names models, tasks or both; what is given beside it takes the place of its own. With
--seeds every model runs once a seed, in a run of its own, and the table shows the mean, every seed and how many solved it.
The same command again resumes: what ended well is not asked again, what failed is.
Exit codes: 0 ok; 2 usage; 3 not comparable or damaged; 4 the run or part of it failed; 130/143 interrupted.
"""


_OTHERS = [keyword.replace("_", "-") for keyword in OF_RUN if keyword != "suite"]


@click.command(cls=Command, epilog=_EPILOG)
@options("model", "tasks", "suite", *_OTHERS, "offline", "stream", "out", "dry-run", "json", "quiet")
def command(model: tuple[str, ...], tasks: tuple[str, ...], **values: Any) -> int:
    """Evaluate models on tasks and print quality, certainty and speed in one table."""
    from mmbench.api.run import execute, make_plan

    offline, stream, out, dry_run, as_json, quiet = (
        values.pop(name) for name in ("offline", "stream", "out", "dry_run", "json", "quiet")
    )
    set_network(offline, stream)
    plan = make_plan(model, tasks, out, values)
    if dry_run:
        from mmbench.cli.dry_run import describe

        print_json(describe(plan).to_dict(), indent=1) if as_json else say(describe(plan).text())
        return 0
    progress = _progress(quiet)
    with resumable("What was answered and measured is kept.") as again, plug_in_output(as_json):
        result = execute(plan, progress)
    if quiet:
        for name, failure in result.failures.items():
            say(f"{name}: {failure}", err=True)
    _print(result, as_json)
    if not quiet:
        (_say_how_to_merge if result.shard else _say_what_next)(result, again)
    return result.exit_code


def set_network(offline: bool, stream: bool = False) -> None:
    """Tell this process and those that it starts how the Hugging Face hub may be used.

    Args:
        offline: Not at all.
        stream: Datasets are read where they lie and not kept.
    """
    if offline:
        os.environ.update(dict.fromkeys(OFFLINE, "1"))
    if stream:
        from mmbench.data.remote import STREAM

        os.environ[STREAM] = "1"


def _progress(quiet: bool) -> Any:
    from mmbench.runner.execute.progress import progress_of

    return progress_of(not quiet)


def _print(result: Any, as_json: bool) -> None:
    if as_json:
        print_json(result.to_dict())
    elif result.shard:
        for run in result.runs:
            for name in (name for name in result.tasks if name in run.tasks):
                task = run.tasks[name]
                say(f"{run.model.name} · {name}: {task.status}, {task.reason}")
    else:
        from mmbench.reporting.markdown import MANY
        from mmbench.reporting.sweep_table import sweep_tables
        from mmbench.reporting.terminal import print_comparison, print_runs, print_tables
        from mmbench.reporting.turns_table import turns_tables

        if result.sweep:
            print_tables(sweep_tables(result.sweep), sys.stdout)
            return
        models, tasks = result.models, list(result.tasks)
        (print_comparison if len(models) > MANY else print_runs)(models, tasks, sys.stdout)
        if result.turns:
            print_tables(turns_tables(result.turns), sys.stdout)


def _say_what_next(result: Any, again: str) -> None:
    from mmbench.core.ids import split_variant
    from mmbench.results.rundir import shown_path

    lines = ["  " + shell_command(["mmbench", "show", str(shown_path(path))]) for path in result.paths[:_SHOWN]]
    if len(result.paths) > _SHOWN:
        lines.append(f"  … and {len(result.paths) - _SHOWN:,} more in {shown_path(result.paths[0].parent)}")
    variants = [run for run in result.runs if len({split_variant(task)[0] for task in run.tasks}) < len(run.tasks)]
    for run in variants[:1]:
        lines += ["Compare the variants:", "  " + shell_command(["mmbench", "compare", str(shown_path(run.path))])]
    lines += _gate_of(result)
    verb, command = _again(result, again)
    click.echo(visible_lines("\n".join([f"{verb}:", f"  {command}", "Look closer:", *lines])), err=True)


def _again(result: Any, again: str) -> tuple[str, str]:
    """What the same command does when it is given again, and the command."""
    once = again.replace(_REMEASURE, "")
    if result.incomplete:
        return "Ask what failed again", once
    if result.load_failures:
        return "Measure what failed again", again
    if result.exit_code:
        return "Measure the speed again", again if result.turns else once + _REMEASURE
    return "Resume or extend", once


def _say_how_to_merge(result: Any, again: str) -> None:
    from mmbench.results.rundir import shown_path

    ending = f".shard-{result.shard.number}-of-{result.shard.of}"
    paths = [str(shown_path(path)).removesuffix(ending) for path in result.paths]
    lines = ["Ask what failed again:", f"  {again}"] if result.exit_code else []
    lines += ["When all shards are asked:", "  " + shell_command(["mmbench", "merge", *paths])]
    click.echo(visible_lines("\n".join(lines)), err=True)


def _gate_of(result: Any) -> list[str]:
    """The command that judges the speeds of two models that took turns."""
    from mmbench.results.rundir import shown_path

    if not result.turns:
        return []
    first = result.turns[0]
    paths = {
        name: [str(shown_path(run.path)) for run in result.runs if run.model.name == name]
        for name in (first.model, first.baseline)
    }
    baselines = [word for path in paths[first.baseline] for word in ("--baseline", path)]
    rule = f"{first.task}:{first.figure} drop<1.1x"
    return [
        "Judge the speed:",
        "  " + shell_command(["mmbench", "gate", *paths[first.model], *baselines, "--require", rule]),
    ]
