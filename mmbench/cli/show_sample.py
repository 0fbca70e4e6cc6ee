"""``mmbench show RUN --sample ID``: one sample of a run, with what was asked, what was answered and what it scored."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from mmbench.cli.picture import draw, protocol_of
from mmbench.cli.sample_documents import run_sample_document
from mmbench.cli.values import print_json, say
from mmbench.core.errors import ForeignSourceError, UnknownNameError, UsageError
from mmbench.core.ids import split_variant
from mmbench.core.media import Media
from mmbench.core.samples import Sample
from mmbench.core.score_table import COUNTED, ScoreTable
from mmbench.core.visible import shown_name, visible, visible_lines
from mmbench.resolve.allowances import FOREIGN_SOURCE

if TYPE_CHECKING:
    from mmbench.analysis.sample_rows import SampleRow
    from mmbench.results.run import Run, TaskResult


def show_run_sample(result: TaskResult, sample_id: str, *, foreign: bool, images: bool | None) -> None:
    """Print one sample of a stored run.

    What was asked is read from the task's data. Where the task is not to be had, what the run itself holds is shown: answers
    and scores.

    Args:
        result: The task of the run.
        sample_id: The sample's id, or its place from 0.
        foreign: Whether Python files and modules that the run names may be imported.
        images: Whether images are drawn; None: where the terminal can.

    Raises:
        UsageError: If there is no such sample.
        NotComparableError: If the data have changed, or a file of the run is damaged.
    """
    from mmbench.resolve.stored_samples import stored_samples

    cluster: str | None
    try:
        samples = stored_samples(result, foreign=foreign, note=lambda text: say(f"note: {text}", err=True))
        sample = find_sample(samples, sample_id, result.name)
    except (ForeignSourceError, UsageError) as error:
        if isinstance(error, UnknownNameError) and error.kind.startswith("sample of"):
            raise
        wanted = _wanted_id(result, sample_id)
        print_line("sample", f"{shown_name(wanted)}  of {result.name}")
        say(f"note: what was asked is not shown: {error}", err=True)
        cluster = None
    else:
        has_gone = any(isinstance(part, Media) and is_gone(part) for part in sample.parts)
        wanted, cluster = sample.id, None if has_gone else sample.cluster  # that of an image comes from its bytes
        print_sample(sample, result.name, images)
        print_references(sample)
    _print_answers(result, wanted)
    _print_scores(result.tables(), wanted, cluster)


def print_run_sample_json(run: Run, result: TaskResult, sample_id: str, *, foreign: bool) -> None:
    """Print one sample of a stored run as JSON: its row, and every score that it has a part in.

    Args:
        run: The run.
        result: The task of it.
        sample_id: The sample's id, or its place from 0.
        foreign: As in `show_run_sample`.

    Raises:
        UsageError: If there is no such sample.
        NotComparableError: If a file of the run is damaged.
    """
    from mmbench.api.samples import read_samples

    notes: list[str] = []
    allow = (FOREIGN_SOURCE,) if foreign else ()
    rows = {row.id: row for row in read_samples([run], [result.name], allow=allow, note=notes.append)}
    for note in notes:
        say(f"note: {note}", err=True)
    row = rows.get(sample_id) or _placed(list(rows.values()), sample_id)
    if row is None:
        hint = f"The run knows {len(rows):,} samples."
        raise UnknownNameError(f"sample of {result.name}", sample_id, rows, hint=hint)
    print_json(run_sample_document(row, result))


def _placed(rows: Sequence[SampleRow], place: str) -> SampleRow | None:
    """The sample at a place from 0; None for a text that is none."""
    number = int(place) if place.isdecimal() and len(place) < 10 else len(rows)
    return rows[number] if number < len(rows) else None


def find_sample(samples: Sequence[Sample], wanted: str, task: str) -> Sample:
    """A sample by its id or by its place from 0. Raises `UnknownNameError`."""
    by_id = {sample.id: sample for sample in samples}
    if wanted in by_id:
        return by_id[wanted]
    if wanted.isdecimal() and len(wanted) < 10 and int(wanted) < len(samples):
        return samples[int(wanted)]
    raise UnknownNameError(f"sample of {task}", wanted, by_id, hint=f"It has {len(samples):,} samples, counted from 0.")


def _wanted_id(result: TaskResult, wanted: str) -> str:
    """The id of a sample that a run knows, by itself or by its place. Raises `UnknownNameError`."""
    prefix = f"{split_variant(result.name)[0]}/"
    table = result.tables().get("sample")
    known = dict.fromkeys(() if table is None else table.unit_ids)
    known |= dict.fromkeys(line.id.removeprefix(prefix).rpartition("/")[0] for line in result.responses())
    if wanted in known:
        return wanted
    ids = list(known)
    if wanted.isdecimal() and len(wanted) < 10 and int(wanted) < len(ids):
        return ids[int(wanted)]
    raise UnknownNameError(f"sample of {result.name}", wanted, ids, hint=f"The run knows {len(ids):,} samples.")


def print_line(label: str, text: str) -> None:
    """A label and what belongs to it; further lines of the text are indented."""
    click.echo(f"{visible(label):<12}{visible_lines(text)}".replace("\n", "\n" + " " * 12))


def print_sample(sample: Sample, task: str, images: bool | None) -> None:
    """What a sample consists of. `images`: whether they are drawn; None: where the terminal can."""
    protocol = protocol_of(sys.stdout, images)
    print_line("sample", f"{sample.id}  of {task}")
    if sample.group and not any(isinstance(part, Media) and is_gone(part) for part in sample.parts):
        print_line("group", sample.group)
    for name, label in sample.slices.items():
        print_line(name, label)
    for part in sample.parts:
        if isinstance(part, Media):
            print_line(part.kind, media_name(part))
            if part.kind == "image" and protocol is not None and not is_gone(part):
                click.echo(draw(part, protocol), color=True)
        else:
            print_line("text", part)


def is_gone(media: Media) -> bool:
    """Whether it stands in for a file that is missing."""
    from mmbench.data.images import GONE

    return bool(media.attrs.get(GONE))


def media_name(media: Media) -> str:
    """The path of an image or another medium, or its digest where it has none."""
    return f"{media.path or media.digest}{' (gone)' if is_gone(media) else ''}"


def print_references(sample: Sample) -> None:
    """The right answers, where there are any."""
    if sample.references:
        print_line("references", " | ".join(sample.references))


def _print_answers(result: TaskResult, sample_id: str) -> None:
    prefix = f"{split_variant(result.name)[0]}/{sample_id}/"
    last = {line.id: line for line in result.responses() if line.id.startswith(prefix)}
    if not last:
        print_line("answer", "none is logged")
    for line in last.values():
        if line.reasoning:
            print_line("reasoning", line.reasoning)
        several = f" ({line.rows} vectors)" if line.rows is not None else ""
        output = f"embedding, row {line.row}{several}" if line.row is not None else line.output
        if line.error is None or line.output:
            print_line("answer", str(output))
        if line.status != "ok" or line.finish_reason not in ("stop", "unknown"):
            said = [line.error] if line.error else []
            said += [f"finish reason {line.finish_reason}"] if line.finish_reason != "unknown" else []
            print_line("ended", f"{line.status}{': ' if said else ''}{'; '.join(said)}")


def _print_scores(tables: Mapping[str, ScoreTable], sample_id: str, cluster: str | None) -> None:
    for unit, table in tables.items():
        for row, unit_id in enumerate(table.unit_ids):
            of_cluster = cluster is None or table.cluster_ids[row] == cluster
            if unit_id != sample_id and not (of_cluster and unit_id.startswith(f"{sample_id}/")):
                continue
            scores = ", ".join(f"{name} {_number(column[row])}" for name, column in table.columns.items())
            if table.status[row] not in COUNTED:
                scores = "not scored"
            answer = None if table.answers is None else table.answers[row]
            extracted = "" if answer is None else f", extracted {answer!r}"
            print_line("score", f"{unit} {unit_id}: {table.status[row]}, {scores}{extracted}")


def _number(value: object) -> str:
    """One score, or the several of a column that is wider."""
    import numpy as np

    return " ".join(f"{each:.4g}" for each in (np.atleast_1d(np.asarray(value, dtype=np.float64)) + 0.0).tolist())
