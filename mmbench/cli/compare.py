"""``mmbench compare``: what sets two runs apart, and how sure that is; three or more as a matrix."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.streams import plug_in_output
from mmbench.cli.values import FORMAT, checked_format, print_as, print_json, say
from mmbench.core.errors import MmbenchError, NotComparableError, OptionError, UsageError
from mmbench.resolve.allowances import FOREIGN_SOURCE

if TYPE_CHECKING:
    from mmbench.comparison.differences import Comparison
    from mmbench.comparison.flips import Flip
    from mmbench.reporting.table import Table
    from mmbench.results.run import Run


@click.command(
    cls=Command,
    epilog="""\b
Examples:
  mmbench compare concat mymodel                 # the newest run of each; differences are mymodel minus concat
  mmbench compare results/runs/a--1a2b results/runs/b--3c4d --slices
  mmbench compare concat mymodel --flips 20      # samples on which they differ, with what each answered
  mmbench compare concat mymodel --explain       # also what was asked, packages, machines
  mmbench compare concat late mymodel            # every pair, with Holm's correction
  mmbench compare A0 A1 A2 B0 B1 B2              # three seeds each of two models: their means, over samples and seeds
  mmbench compare mymodel                        # variants of a task in one run: direct against chain of thought
  mmbench compare old new --allow prompt         # although they were asked with different prompts
  mmbench compare concat mymodel --metric vqa/scenes:accuracy --json

Runs are compared on the tasks and samples that both have; a task that was asked in another way is refused, with all that differs.
Exit code: 0, or 3 where a task does not compare.
""",
)
@click.argument("runs", metavar="REFERENCE [CANDIDATE…]", nargs=-1, required=True)
@options(
    "tasks",
    "allow",
    tasks="Only these tasks, or families of tasks.",
    allow="Go on although this differs: prompt, extractor or generation; stale: the file of a model that names a run; foreign-source: "
    "import code that a run names.",
)
@click.option("--metric", "metrics", multiple=True, metavar="[TASK:]ID", help="Only this metric; can be given again.")
@click.option("--slices", is_flag=True, help="Also by slice.")
@click.option("--all", "every", is_flag=True, help="Every metric, not the primary ones alone.")
@click.option(
    "--correction",
    type=click.Choice(["holm", "fdr_bh", "none"]),
    default="holm",
    show_default=True,
    help="Correct the p-values of one table for how many there are; those of slices are not.",
)
@click.option("--flips", type=int, metavar="N", help="Show at most N samples on which the two differ.")
@click.option("--explain", "explained", is_flag=True, help="Also every difference in options, packages and machines.")
@options("out", "json")
@click.option("--md", "as_markdown", is_flag=True, help="Markdown instead of tables for the terminal.")
@FORMAT
def command(runs: tuple[str, ...], **values: Any) -> int:
    """Compare runs: paired differences with intervals and p-values, and the samples that flipped."""
    from mmbench.analysis.choose import distinct
    from mmbench.analysis.variants import ALLOWANCES, checked_allowances, matched, variants_of
    from mmbench.resolve.current import STALE, load_current

    _check(runs, values)
    allowed = checked_allowances(values["allow"], (FOREIGN_SOURCE, STALE))
    values["foreign"] = FOREIGN_SOURCE in allowed
    values["allow"] = allowed - {FOREIGN_SOURCE, STALE}
    loaded, values["stale"] = load_current(runs, Path(values["out"]), allowed)
    if len(loaded) == 1:
        values["allow"] = values["allow"] or frozenset(ALLOWANCES)
        sides = list(variants_of(loaded[0]))
    else:
        sides = distinct(loaded)
    if values["allow"] and len(loaded) == 2:
        sides = [*matched(*sides)]
    values["seeds"] = None if values["allow"] else _seeds(sides)
    if values["seeds"]:
        return _two([side[0] for side in values["seeds"]], values)
    return _two(sides, values) if len(sides) == 2 else _several(sides, values)


def _seeds(sides: list[Run]) -> tuple[tuple[Run, ...], tuple[Run, ...]] | None:
    """Reference and candidate, where the runs are several seeds of two models; None where they are anything else."""
    from mmbench.analysis.seeds import group_seeds
    from mmbench.comparison.over_seeds import pools

    groups = group_seeds(sides) if len(sides) > 3 else []
    if len(groups) != 2 or not pools(groups[0].runs, groups[1].runs):
        return None
    return groups[0].runs, groups[1].runs


def _check(runs: tuple[str, ...], values: dict[str, Any]) -> None:
    values["format_name"] = checked_format(values)
    if values["flips"] is not None and values["flips"] < 1:
        raise OptionError("--flips", values["flips"], "at least 1")
    if len(runs) > 2 and (values["flips"] is not None or values["slices"]):
        raise UsageError(f"--{'slices' if values['slices'] else 'flips'} shows two runs, not {len(runs)}; name two")


def _wanted(sides: list[Run], values: dict[str, Any]) -> tuple[list[str] | None, Mapping[str, list[str]] | None]:
    from mmbench.analysis.choose import chosen

    return chosen(sides, values["tasks"], values["metrics"])


def _two(sides: list[Run], values: dict[str, Any]) -> int:
    from mmbench.comparison.differences import compare_runs
    from mmbench.comparison.explain import explain
    from mmbench.comparison.families import with_correction
    from mmbench.comparison.over_seeds import compare_seeds
    from mmbench.reporting.differences import difference_tables, explained_table, flip_table, lacking
    from mmbench.reporting.predictions import MOST_LABELS

    a, b = sides
    notes: list[str] = [*values["stale"]]
    with plug_in_output(values["json"]):
        if values["seeds"]:
            reference, candidate = values["seeds"]
            comparison = compare_seeds(reference, candidate, *_wanted(sides, values), slices=False)
        else:
            comparison = compare_runs(a, b, *_wanted(sides, values), slices=values["slices"], allow=values["allow"])
        every = values["every"] or bool(values["metrics"])
        comparison = with_correction(comparison, values["correction"], every=every)
        flipped = _flips(comparison, values, notes) if values["flips"] is not None else {}
    explained = explain(a, b) if values["explained"] else []
    if values["json"]:
        document = {**comparison.to_dict(), "notes": notes}
        if values["flips"] is not None:
            document["flips"] = [each.to_dict() for found in flipped.values() for each in found]
        if values["explained"]:
            document["explain"] = [
                {"section": each.section, "name": each.name, "a": each.a, "b": each.b} for each in explained
            ]
        print_json(document)
    else:
        most = MOST_LABELS if values["format_name"] in (None, "md") else None
        tables = difference_tables(comparison, every=every, most=most)
        tables += [flip_table(a, b, task, metric, found) for (task, metric), found in flipped.items()]
        tables += [explained_table(a, b, explained)] if explained else []
        notes += [f"{a.label} and {b.label} were made alike"] if values["explained"] and not explained else []
        _print(tables, values, [*lacking(comparison), *notes])
    return _ended(comparison.exit_code, comparison.refused, comparison.unknown)


def _several(sides: list[Run], values: dict[str, Any]) -> int:
    from mmbench.comparison.explain import explain
    from mmbench.comparison.matrix import compare_all
    from mmbench.reporting.differences import explained_table, lacking, matrix_tables

    with plug_in_output(values["json"]):
        wanted = _wanted(sides, values)
        matrix = compare_all(sides, *wanted, allow=values["allow"], correction=values["correction"])
    if values["json"]:
        print_json({**matrix.to_dict(), "notes": values["stale"]})
    else:
        tables = matrix_tables(matrix, every=values["every"] or bool(values["metrics"]))
        if values["explained"]:
            first, *rest = sides
            tables += [explained_table(first, other, explain(first, other)) for other in rest]
        notes = [
            *values["stale"],
            *(note for comparison in matrix.comparisons.values() for note in lacking(comparison)),
        ]
        _print(tables, values, list(dict.fromkeys(notes)))
    refused = {task: None for tasks in matrix.refused.values() for task in tasks}
    unknown = {name: why for each in matrix.comparisons.values() for name, why in each.unknown.items()}
    return _ended(matrix.exit_code, refused, unknown)


def _print(tables: list[Table], values: dict[str, Any], notes: list[str]) -> None:
    from mmbench.reporting.table import Column, Table
    from mmbench.reporting.terminal import print_tables

    if values["format_name"] is not None:
        last = tables[-1] if tables else Table((Column("", "left"),), ())
        print_as(values["format_name"], [*tables[:-1], replace(last, notes=(*last.notes, *notes))])
        return
    print_tables(tables, sys.stdout)
    for note in notes:
        say(f"• {note}")


def _ended(code: int, refused: Any, unknown: Mapping[str, str]) -> int:
    for reason in unknown.values():
        say(reason, err=True)
    if refused:
        say(f"not comparable: {', '.join(refused)}", err=True)
    elif code and not unknown:
        say("nothing to compare: there is no task and metric with samples that both have answered", err=True)
    return code


def _flips(comparison: Comparison, values: dict[str, Any], notes: list[str]) -> dict[tuple[str, str], list[Flip]]:
    """(task, metric) to what flipped: by the metrics that were named, else the first primary one of each task."""
    from mmbench.comparison.flips import flips

    chosen: dict[str, list[str]] = {}
    for each in comparison.metrics:
        if each.difference.value is not None and (values["metrics"] or each.primary):
            chosen.setdefault(each.task, []).append(each.id)
    found: dict[tuple[str, str], list[Flip]] = {}
    for task, ids in chosen.items():
        for metric in ids if values["metrics"] else ids[:1]:
            units = flips(comparison.a, comparison.b, task, metric, values["flips"])
            try:
                found[task, metric] = _asked(comparison.a, task, units, foreign=values["foreign"]) if units else []
            except MmbenchError as error:
                notes.append(f"{task}: questions and pictures are not shown: {error}")
                found[task, metric] = units
    return found


def _asked(side: Run, task: str, units: list[Flip], *, foreign: bool) -> list[Flip]:
    """The units with what was asked. Raises `MmbenchError` where the task cannot be built or its data changed."""
    from mmbench.comparison.flips import with_samples
    from mmbench.resolve.samples import samples_of
    from mmbench.resolve.task_names import resolve_source

    facts = side.tasks[task].comparability_key
    found = resolve_source(side.tasks[task].source, foreign=foreign).task
    if found.fingerprint() != facts["data fingerprint"]:
        raise NotComparableError("the data have changed since these runs")
    return with_samples(units, samples_of(found, facts["split"]), side.tasks[task].source, facts["split"])
