"""``mmbench score``."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.streams import plug_in_output
from mmbench.cli.values import print_json, say, writable_file
from mmbench.core.errors import MmbenchError, UsageError
from mmbench.resolve.options import OPTIONS

if TYPE_CHECKING:
    from mmbench.core.score_table import ScoreTable
    from mmbench.scoring.predictions import Coverage, ScoreResult

_EPILOG = """\b
Examples:
  mmbench score --task vqa --references annotations.json --predictions results.json
  mmbench score --task captioning --references captions_val2014.json --predictions results.json --json
  mmbench score --task retrieval --predictions embeddings.npz --per-sample queries.jsonl
  mmbench score --task sentiment --references labels.csv --predictions predictions.csv
  mmbench score --task vqa --references annotations.json --predictions results.json --set variant=official-2021
  mmbench score --task vqa/easy-vqa --predictions answers.json    # the task has its own references

Files are what the field uses: VQA results and annotations; COCO caption results and annotations; .npz with image_emb
[N,d], text_emb [M,d] and text_image_index [M]; id and label, id and prediction in CSV or JSON Lines. Every sample needs a prediction and every prediction a sample;
--partial scores those that have one and prints how many they are.
Exit codes: 0 ok; 2 usage, or a file that cannot be read; 3 predictions and samples do not fit; 4 some could not be scored.
"""


_SET = replace(
    OPTIONS["task-args"],
    name="set",
    also=("task-args",),
    parameter="task_args",
    help="Options of the task, e.g. variant=official-2021.",
)


@click.command(cls=Command, epilog=_EPILOG)
@options(
    "tasks", tasks="Family (vqa, captioning, retrieval, sentiment), or a task with references of its own; a single one."
)
@click.option("--predictions", "-p", required=True, metavar="FILE", help="What a model answered.")
@click.option("--references", "-r", metavar="FILE", help="What is right, where the task does not bring it.")
@options(_SET)
@click.option("--partial", is_flag=True, help="Score the samples that have a prediction, and say how many they are.")
@click.option(
    "--interval",
    type=click.Choice(["standard", "percentile", "bca"]),
    default="standard",
    show_default=True,
    help="How 95 % intervals are made: Student's t for means and bootstrap percentiles for the rest, or the bootstrap "
    "throughout: percentile, or bias-corrected and accelerated.",
)
@click.option("--per-sample", metavar="FILE", help="Write one JSON line a sample: id, and the value of every metric.")
@options("json", "quiet")
def command(tasks: tuple[str, ...], predictions: str, references: str | None, **values: Any) -> int:
    """Score a file of predictions, without a model, and print every metric with its interval."""
    from mmbench.api.score import score

    if len(tasks) != 1:
        raise UsageError("name one task: --task T" + (f"; got {', '.join(tasks)}" if tasks else ""))
    target = writable_file("--per-sample", values["per_sample"], (predictions, references))
    with plug_in_output(values["json"]):
        result = score(
            tasks[0],
            predictions,
            references,
            partial=values["partial"],
            options=values["task_args"],
            interval=values["interval"],
            progress=not values["quiet"],
        )
    failure: MmbenchError | None = None
    if target is not None:
        try:
            result.write_per_sample(target)
        except MmbenchError as error:  # the values are printed all the same
            failure = error
    _print(result, as_json=values["json"])
    if failure is not None:
        raise failure
    return result.exit_code


def _print(result: ScoreResult, *, as_json: bool) -> None:
    for note in result.notes:
        say(f"note: {note}", err=True)
    if as_json:
        print_json(result.to_dict())
        return
    from mmbench.reporting.predictions import scored_tables
    from mmbench.reporting.terminal import print_tables

    tables = scored_tables(result.name, _counts(result.coverage), result.metrics, result.slices, result.primary)
    failed = tuple(_failed(table) for table in result.tables.values() if "error" in table.status)
    print_tables([replace(tables[0], notes=(*failed, *tables[0].notes)), *tables[1:]], sys.stdout)


def _counts(met: Coverage) -> str:
    from mmbench.reporting.text import percent

    text = f"{met.predicted:,} sample{'' if met.predicted == 1 else 's'}"
    if met.predicted < met.samples:
        text = f"{met.predicted:,} of {met.samples:,} samples, {percent(met.predicted / met.samples)}"
    return f"{text}; predictions for unknown ids that were ignored: {met.unknown:,}" if met.unknown else text


def _failed(table: ScoreTable) -> str:
    """How many units could not be scored, and why the first could not."""
    rows = [row for row, status in enumerate(table.status) if status == "error"]
    why = table.explanations[rows[0]] if table.explanations is not None else None
    what = "samples" if table.unit == "sample" else f"units of {table.unit}"
    return f"{len(rows):,} of {len(table.status):,} {what} could not be scored; {table.unit_ids[rows[0]]}: {why or 'error'}"
