"""``mmbench show``: a task, a run, one sample of either, or several runs side by side."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.sample_documents import task_sample_document
from mmbench.cli.show_sample import (
    find_sample,
    print_line,
    print_references,
    print_run_sample_json,
    print_sample,
    show_run_sample,
)
from mmbench.cli.values import FORMAT, checked_format, print_as, print_json, say
from mmbench.core.errors import RunNotFoundError, UnknownNameError, UsageError
from mmbench.core.ids import tasks_named
from mmbench.core.media import Media
from mmbench.core.requests import Choose, Generate, Request
from mmbench.core.task import Task
from mmbench.resolve.allowances import FOREIGN_SOURCE, allowances

if TYPE_CHECKING:
    from mmbench.results.run import Run


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  mmbench show vqa/easy-vqa                       # what the task is
  mmbench show vqa/easy-vqa --sample 0            # its first sample, as a model sees it
  mmbench show vqa/easy-vqa --sample 0 --model hf/Qwen/Qwen3-VL-2B-Instruct   # the exact text, no weights
  mmbench show vqa --data my.jsonl --sample 3
  mmbench show results/runs/random--1a2b3c4d      # the table of a run
  mmbench show random --sample test-17            # a name that fits one run is enough
  mmbench show mymodel --wrong                    # what it got wrong, worst first
  mmbench show mymodel --wrong --slice type=colour --limit 5
  mmbench show mymodel --wrong --json > wrong.json   # all of them, with answers, scores and where the images lie
  mmbench show mymodel --predict in=800,mp=0.3,out=120   # what other prompts would cost, in time and money
  mmbench show results/runs/*                     # several runs side by side, a table for each task
  mmbench show concat late random --md > table.md

Runs of one model that differ in seed alone are one row: the mean, every seed, and how many solved the task.
""",
)
@click.argument("what", metavar="RUN…|TASK", nargs=-1, required=True)
@click.option("--sample", "sample_id", metavar="ID", help="A sample, by its id or by its place from 0.")
@click.option("--wrong", is_flag=True, help="The samples of a run with less than the best score, worst first.")
@click.option(
    "--slice", "slices", multiple=True, metavar="NAME=LABEL", help="With --wrong: only samples in that slice."
)
@click.option("--limit", type=click.IntRange(1), help="With --wrong: so many at most; 20, in JSON all.")
@click.option(
    "--images/--no-images",
    default=None,
    help="Draw the images of samples, or only say where they lie; otherwise drawn where the terminal is known to show them.",
)
@click.option(
    "--predict",
    metavar="in=TOKENS,mp=MEGAPIXELS,out=TOKENS",
    help="What a request of this kind would cost, by the calls of a run.",
)
@options(
    *("tasks", "data", "map", "download", "task-args", "split", "prompt", "thinking", "chat-template-kwargs"),
    *("model", "model-args", "allow", "solved", "out"),
    tasks="Only these tasks of the runs, or families of tasks.",
    prompt="One prompt, by name or as a file.",
    allow="foreign-source: import a Python file that the run names, to show what was asked.",
    model="Show what this model is given for the sample, exactly, after its chat template.",
)
@options("json", json="One JSON document: of --sample and --wrong with answers and scores, else of the tables.")
@click.option("--md", "as_markdown", is_flag=True, help="Markdown instead of tables for the terminal; for runs.")
@FORMAT
def command(what: tuple[str, ...], sample_id: str | None, **values: Any) -> int:
    """Look at a task, a run, one sample of either, or several runs side by side."""
    values["format_name"] = "json" if checked_format(values) is None and values["json"] else checked_format(values)
    for option, name in (("slices", "--slice"), ("limit", "--limit")):
        if values[option] and not values["wrong"]:
            raise UsageError(f"{name} belongs to --wrong")
    if values["wrong"] and sample_id is not None:
        raise UsageError("--wrong and --sample exclude each other")
    if values["predict"] is not None and (sample_id is not None or values["wrong"] or len(what) > 1):
        raise UsageError("--predict: name one run, without --sample and --wrong")
    if len(what) > 1:
        if sample_id is not None or values["wrong"]:
            raise UsageError(
                "--wrong: name one run" if values["wrong"] else "--sample: name one run or task, not several"
            )
        _show_runs(what, values)
    else:
        _show_one(what[0], sample_id, values)
    return 0


def _show_one(what: str, sample_id: str | None, values: dict[str, Any]) -> None:
    from mmbench.results.find import load_run

    try:
        run = load_run(what, values["out"], whole=_names_a_task(what, values))
    except RunNotFoundError as error:
        if Path(what).is_dir() or values["format_name"] not in (None, "json"):
            raise
        if values["wrong"] or values["predict"]:
            option = "--wrong" if values["wrong"] else "--predict"
            raise UsageError(f"{option} looks at a run, and there is no run {what!r} under {values['out']}") from error
        try:
            _show_task(what, sample_id, values)
        except UnknownNameError as unknown:
            if unknown.kind != "task" or "/" in what:
                raise
            raise UsageError(f"{what!r} is neither a run under {values['out']} nor a task. {unknown}") from error
    else:
        _show_run(run, sample_id, values)


def _names_a_task(what: str, values: dict[str, Any]) -> bool:
    """Whether a text is the whole name of a task, so that a run whose name only begins so is not meant."""
    from mmbench import registry

    is_python = ":" in what or what.endswith(".py")
    return is_python or bool(values["data"]) or any(plugin.name == what for plugin in registry.plugins("task"))


def _show_task(name: str, sample_id: str | None, values: dict[str, Any]) -> None:
    from mmbench.cli.show_prompt import asked_task, prompts_shown
    from mmbench.resolve.samples import samples_of

    asked = asked_task(name, values)
    task = asked.task
    if sample_id is None:
        if values["model"]:
            raise UsageError("--model shows what it is given for one sample: add --sample ID")
        _print_card(task, as_json=values["format_name"] == "json")
        return
    samples = samples_of(task, values["split"])
    sample = find_sample(samples, sample_id, task.info.name)
    if values["format_name"] == "json":
        document = task_sample_document(sample, task.info.name, task.requests(sample))
        given = {"given": list(prompts_shown(asked, sample, values))} if values["model"] else {}
        print_json({**document, **given})
        return
    print_sample(sample, task.info.name, values["images"])
    if values["model"]:
        for text in prompts_shown(asked, sample, values):
            print_line("given", text)
    else:
        for request in task.requests(sample):
            _print_request(request)
    print_references(sample)


def _print_card(task: Task, *, as_json: bool) -> None:
    info = task.info
    samples = task.samples()
    rows = [
        ("task", f"{info.name}  (version {info.version})"),
        ("what", info.description),
        ("data", f"{info.dataset.name}, {info.dataset.revision}; licence {info.dataset.licence}"),
        ("citation", info.dataset.citation),
        ("splits", ", ".join(info.splits)),
        ("test", f"{len(samples):,} samples in {len({sample.cluster for sample in samples}):,} clusters"),
        ("asks", ", ".join(sorted(info.request_kinds))),
        ("prompt", info.prompt or "none"),
        ("extractor", info.extractor or "none"),
        ("metrics", ", ".join(f"{m.id}{'*' if str(m.id) in info.primary else ''}" for m in task.metrics)),
        ("fingerprint", task.fingerprint()),
    ]
    if as_json:
        metrics = [{"id": str(each.id), "primary": str(each.id) in info.primary} for each in task.metrics]
        print_json({**dict(rows), "task": info.name, "version": info.version, "n": len(samples), "metrics": metrics})
        return
    for label, text in rows:
        print_line(label, text)
    click.echo("            (* stands in the main table)")


def _print_request(request: Request) -> None:
    seen = "\n".join(f"<{part.kind}>" if isinstance(part, Media) else part for part in request.content)
    print_line("asked", f"{request.kind}: {seen}")
    if isinstance(request, Generate | Choose) and request.choices:
        print_line("choices", ", ".join(request.choices))


def _show_runs(references: Sequence[str], values: dict[str, Any]) -> None:
    from mmbench.analysis.seeds import checked_threshold, group_seeds
    from mmbench.analysis.stored_metrics import with_slices
    from mmbench.reporting.every_value import MOST_LABELS, comparison_tables
    from mmbench.reporting.load_tables import load_tables
    from mmbench.reporting.terminal import print_comparison
    from mmbench.results.find import load_run

    solved = checked_threshold(values["solved"])
    named = (load_run(name, values["out"]) for name in references)
    runs = [with_slices(run) for run in {run.path.resolve(): run for run in named}.values()]
    tasks = _wanted(values["tasks"], dict.fromkeys(name for run in runs for name in run.tasks), "task of these runs")
    groups = group_seeds(runs, tasks, solved=solved)
    if values["format_name"] is None:
        print_comparison(groups, tasks, sys.stdout)
        return
    most = MOST_LABELS if values["format_name"] == "md" else None
    print_as(values["format_name"], [*comparison_tables(groups, tasks, most=most), *load_tables(groups, tasks)])


def _show_run(run: Run, sample_id: str | None, values: dict[str, Any]) -> None:
    from mmbench.analysis.seeds import group_seeds
    from mmbench.analysis.stored_metrics import with_slices
    from mmbench.reporting.every_value import other_values
    from mmbench.reporting.load_tables import load_tables
    from mmbench.reporting.markdown import run_markdown
    from mmbench.reporting.summary import summary_table
    from mmbench.reporting.terminal import print_runs
    from mmbench.results.rundir import RunDirectory

    if values["predict"] is not None:
        from mmbench.cli.show_costs import print_costs

        print_costs(run, values)
        return
    if sample_id is None and not values["wrong"]:
        groups, tasks = group_seeds([with_slices(run)]), _wanted(values["tasks"], run.tasks, "task of this run")
        if values["format_name"] == "md":
            click.echo(run_markdown(groups, tasks), nl=False)
            return
        if values["format_name"] is not None:
            others = [*other_values(groups, tasks, most=None), *load_tables(groups, tasks)]
            print_as(values["format_name"], [summary_table(groups, tasks), *others])
            return
        ended = run.record.status != "running" or RunDirectory(run.path).is_locked()
        say(f"{run.path}  ({run.record.status if ended else 'incomplete; the same command again continues it'})")
        print_runs(groups, tasks, sys.stdout)
        return
    answered = [name for name, task in run.tasks.items() if task.status != "incompatible"]
    wanted = _wanted(values["tasks"], answered, "task of this run") or answered
    if len(wanted) != 1:
        raise UsageError(f"this run has several tasks; add --tasks {' or --tasks '.join(wanted)}")
    foreign = FOREIGN_SOURCE in allowances(values["allow"], (FOREIGN_SOURCE,))
    if sample_id is not None:
        if values["format_name"] not in (None, "json"):
            raise UsageError("--sample prints for people, or with --json; tables of samples: mmbench export --to csv")
        if values["format_name"] == "json":
            print_run_sample_json(run, run.tasks[wanted[0]], sample_id, foreign=foreign)
        else:
            show_run_sample(run.tasks[wanted[0]], sample_id, foreign=foreign, images=values["images"])
        return
    from mmbench.cli.show_wrong import print_wrong

    print_wrong(run, run.tasks[wanted[0]], values, foreign=foreign)


def _wanted(given: Sequence[str], known: Iterable[str], kind: str) -> list[str] | None:
    """The tasks with these names, or of these families; None for all. Raises `UnknownNameError`."""
    names, found = list(known), set[str]()
    for each in given:
        fitting = tasks_named(each, names)
        if not fitting:
            raise UnknownNameError(kind, each, names)
        found.update(fitting)
    return [name for name in names if name in found] or None
