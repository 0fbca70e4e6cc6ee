"""``mmbench data``: look into data files, fetch public datasets, and count what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mmbench.cli.options import Command, options
from mmbench.cli.run import set_network
from mmbench.cli.values import print_json, say

if TYPE_CHECKING:
    from mmbench.data.inspection import Inspection
    from mmbench.data.statistics import Statistics

_KINDS = {
    "vqa": "questions",
    "mcq": "questions",
    "yes-no": "questions",
    "captioning": "captions",
    "retrieval": "captions",
    "sentiment": "utterances",
}
_PROBLEMS = 20
_IMAGES = 2000


@click.group(
    epilog="""\b
Examples:
  mmbench data inspect my.jsonl               # layout, fields, first rows, and everything that is wrong
  mmbench data inspect photos.csv --map question=q,answer=a,image=file
  mmbench data fetch vqa/textvqa
  mmbench data stats my.parquet
"""
)
def command() -> None:
    """Look into data, fetch public datasets, count what they hold."""


@command.command(
    cls=Command,
    epilog="""\b
Examples:
  mmbench data inspect my.jsonl
  mmbench data inspect FOLDER --family vqa --json

Exit codes: 0 the data can be run; 2 something is wrong, all of which is listed.
""",
)
@click.argument("path", metavar="PATH")
@click.option("--family", type=click.Choice(list(_KINDS)), help="As this family reads it; default: the one that fits.")
@options("map", "download", "json")
def inspect(path: str, family: str | None, map: Mapping[str, str], download: bool, json: bool) -> int:  # noqa: A002
    """Say what a file or folder holds, how it would be read, and everything that is wrong with it."""
    from mmbench.data.fields import parse_fields
    from mmbench.data.inspection import inspect as look
    from mmbench.data.reading import Reading

    reading = Reading(parse_fields(map) if map else None, download)
    found = look(Path(path).expanduser(), kind=_KINDS.get(family or "", ""), reading=reading)
    if json:
        print_json(asdict(found))
    else:
        say("\n".join(_inspection_lines(found)))
    return 2 if found.problems else 0


@command.command(
    cls=Command,
    epilog="""\b
Example:
  mmbench data fetch vqa/textvqa

What was begun is gone on with. Files land in the cache of the Hugging Face hub (HF_HOME), and terms are accepted on its pages:
give your token in HF_TOKEN or by `hf auth login`.
""",
)
@click.argument("card", metavar="CARD")
@options("split", "json")
def fetch(card: str, split: str, json: bool) -> int:
    """Fetch a public dataset from the hub, and check that it can be read."""
    from mmbench.core.errors import UsageError
    from mmbench.data.hub import fetched

    source = _source_of(card)
    if getattr(source, "hub", None) is None:
        url = getattr(getattr(source, "official", None), "url", "")
        where = f"; its files are given out at {url}, then: --data {card}=FOLDER" if url else ""
        raise UsageError(f"{card} is not on the hub{where}")
    snapshot = fetched(source.hub, split, note=lambda text: click.echo(text, err=True))
    rows = source.rows(split)
    facts = {
        "card": card,
        "repository": snapshot.repository,
        "revision": snapshot.revision,
        "folder": str(snapshot.folder),
        "rows": len(rows),
    }
    if json:
        print_json(facts)
    else:
        say(f"{card}: {len(rows):,} rows of {split}, {snapshot.note}\n  {snapshot.folder}")
    return 0


@command.command(
    cls=Command,
    epilog="""\b
Examples:
  mmbench data stats vqa/textvqa
  mmbench data stats my.jsonl --all-images --json
""",
)
@click.argument("what", metavar="CARD|PATH")
@click.option("--all-images", is_flag=True, help=f"Decode every image; default: the first {_IMAGES:,} of each split.")
@options("map", "download", "offline", "stream", "json")
def stats(what: str, all_images: bool, offline: bool, stream: bool, json: bool, **values: Any) -> int:
    """Count rows, answers, image sizes and duplicates, within and across splits."""
    from mmbench.data.statistics import statistics

    set_network(offline, stream)
    found = statistics(_splits_of(what, values), most_images=None if all_images else _IMAGES)
    if json:
        print_json(asdict(found))
    else:
        say("\n".join(_statistics_lines(found)))
    return 0


# --- what is named ---


def _source_of(card: str) -> Any:
    """The source of a registered dataset. Raises `UnknownNameError`."""
    from mmbench.resolve.task_names import resolve_tasks

    return getattr(resolve_tasks([card])[0].task, "source", None)


def _splits_of(what: str, values: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Split to rows, of a registered dataset or of a path."""
    from mmbench import registry
    from mmbench.resolve.task_names import resolve_tasks

    if any(plugin.name == what for plugin in registry.plugins("task")) and "/" in what:
        task: Any = resolve_tasks([what])[0].task
        return {split: task.source.rows(split) for split in task.card.splits}
    from mmbench.data.fields import parse_fields
    from mmbench.data.inspection import inspect as look
    from mmbench.data.inspection import rows_source
    from mmbench.data.reading import Reading

    path = Path(what).expanduser()
    reading = Reading(parse_fields(values["map"]) if values["map"] else None, values["download"])
    source = rows_source(path, look(path, reading=reading).kind, reading)
    names = source.table.splits or ("test",)
    return {split: source.rows(split) for split in names}


# --- what is printed ---


def _inspection_lines(found: Inspection) -> list[str]:
    lines = [f"{found.path}: {found.read_as or 'not readable'}"]
    if found.configs and len(found.configs) > 1:
        lines.append(f"  configurations  {', '.join(found.configs)}")
    if found.splits:
        lines.append(f"  splits          {', '.join(found.splits)}")
    if found.read_as:
        lines.append(f"  rows            {found.rows:,}, of which {found.good:,} can be asked; {found.images:,} images")
        lines.append(f"  as              {found.kind}, for {found.families}")
    lines += [f"  {note}" for note in found.notes]
    if found.columns:
        from_role = {source: role for role, source in found.roles.items()}
        lines.append("Fields")
        width = max(map(len, found.columns))
        for name, count in found.columns.items():
            role = from_role.get(name, "" if name in found.unread else "read")
            note = "not read" if name in found.unread else role if role != name else "read"
            lines.append(f"  {name:<{width}}  in {count:,} rows  {note}")
    for number, sample in enumerate(found.samples, 1):
        lines.append(f"Row {number}")
        lines += [f"  {role:<12} {value}" for role, value in sample.items()]
    if found.labels:
        lines.append("Most frequent answers")
        lines += [f"  {count:>8,}  {label}" for label, count in found.labels.items()]
    if found.problems:
        lines.append(f"Problems ({len(found.problems):,})")
        lines += [f"  {problem}" for problem in found.problems[:_PROBLEMS]]
        if len(found.problems) > _PROBLEMS:
            lines.append(f"  and {len(found.problems) - _PROBLEMS:,} more; --json lists them")
    else:
        family = found.families.replace(",", " ").partition(" ")[0]
        lines.append(f"No problems: mmbench run --model MODEL --tasks {family} --data {found.path}")
    return lines


def _statistics_lines(found: Statistics) -> list[str]:
    lines: list[str] = []
    for each in found.splits:
        lines.append(
            f"{each.split}: {each.rows:,} rows, {each.images:,} images, {each.without_image:,} rows without one"
        )
        lines.append(f"  fingerprint      {each.fingerprint}")
        lines.append(f"  repeated         {each.duplicate_rows:,} rows, {each.duplicate_images:,} images")
        if each.sizes:
            size = each.sizes
            lines.append(
                f"  image sizes      {size['width_min']}×{size['height_min']} to {size['width_max']}×{size['height_max']}, median "
                f"{size['width_median']}×{size['height_median']}, of {each.looked_at:,} images ({each.unreadable:,} unreadable)"
            )
        lines.append(f"  answers          {each.answers_in_all:,} different; the most frequent:")
        lines += [f"    {count:>8,}  {answer[:80]}" for answer, count in each.answers.items()]
    for both in found.overlaps:
        lines.append(
            f"{both.splits[0]} and {both.splits[1]}: {both.equal:,} images are the same, {both.near:,} more look alike"
        )
    return lines
