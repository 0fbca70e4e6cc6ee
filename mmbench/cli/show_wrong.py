"""``mmbench show RUN --wrong``: the samples that a model got wrong, worst first."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from mmbench.cli.picture import Protocol, draw, protocol_of
from mmbench.cli.sample_documents import row_document
from mmbench.cli.show_sample import is_gone, media_name, print_line
from mmbench.cli.values import print_json, say
from mmbench.core.errors import NotComparableError, UnknownNameError, UsageError
from mmbench.core.visible import shown_name, visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mmbench.analysis.sample_rows import SampleRow
    from mmbench.results.run import Run, TaskResult

PICTURE = 24
"""Columns of an image among many."""
FEW = 20
"""Samples that are shown to people unless a limit is given."""


def slice_readings(given: str) -> list[tuple[str, str]]:
    """The names and labels that ``NAME=LABEL`` may mean, where both may hold an equals sign themselves. Raises `UsageError` for none."""
    cuts = [place for place, letter in enumerate(given) if letter == "="]
    found = [(given[:cut], given[cut + 1 :]) for cut in cuts if given[:cut] and given[cut + 1 :]]
    if not found:
        raise UsageError(f"--slice {given}: expected NAME=LABEL, such as type=colour")
    return found


def chosen_slice(given: str, known: Mapping[str, set[str]]) -> tuple[str, str]:
    """Name and label that ``--slice NAME=LABEL`` means.

    Args:
        given: What was typed.
        known: Slice name to its labels.

    Raises:
        UsageError: If there is no such slice or label.
    """
    pairs = slice_readings(given)
    named = [(name, label) for name, label in pairs if name in known]
    if not named:
        raise _unknown("slice", pairs[0][0], known)
    for name, label in named:
        if label in known[name]:
            return name, label
    name, label = named[0]
    raise _unknown(f"label of the slice {name}", label, known[name])


def wrong_samples(
    run: Run, result: TaskResult, slices: Iterable[str], *, foreign: bool
) -> tuple[list[SampleRow], str, int, bool]:
    """The samples whose score in `sample_metric` is not the best that there is; all samples where the metric has no best value.

    Args:
        run: The run.
        result: The task of it.
        slices: ``NAME=LABEL`` of slices; only samples in all of these.
        foreign: Whether Python files and modules that the run names may be imported, for what was asked.

    Returns:
        (The samples, worst first, those that were not scored before all others; the metric's id; how many samples there are; whether
        the metric has a best value.)

    Raises:
        UsageError: If there is no such slice or label.
        NotComparableError: If the task has no score for single samples, or a file of the run is damaged.
    """
    from mmbench.analysis.outcomes import end_scores, is_best, sample_metric
    from mmbench.api.samples import read_samples

    if result.scores is None:
        raise NotComparableError(f"{result.name} has no scores ({result.status}): run it to an end, or score it")
    metric = sample_metric(result)
    if metric is None:
        raise NotComparableError(f"{result.name} has no score for single samples: it has no list of wrong ones")
    notes: list[str] = []
    allow = ("foreign-source",) if foreign else ()
    rows = list(read_samples([run], [result.name], allow=allow, note=notes.append))
    for note in notes:
        say(f"note: {note}", err=True)
    known: dict[str, set[str]] = {}
    for row in rows:
        for name, label in row.slices.items():
            known.setdefault(name, set()).add(label)
    chosen = [chosen_slice(each, known) for each in slices]
    rows = [row for row in rows if all(row.slices.get(name) == label for name, label in chosen)]
    _, best = end_scores(result, metric)
    wrong = [row for row in rows if not is_best(row.values.get(metric), best)]
    sign = 1 if result.metrics[metric].higher_is_better else -1
    wrong.sort(key=lambda row: -math.inf if row.values.get(metric) is None else sign * (row.values[metric] or 0.0))
    return wrong, metric, len(rows), best is not None


def _unknown(kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
    """Also names the first of those that there are."""
    names = sorted(known)
    shown = ", ".join(map(shown_name, names[:10])) + (" …" if len(names) > 10 else "")
    return UnknownNameError(kind, name, names, hint=f"There are: {shown}." if names else "There is none.")


def print_wrong(run: Run, result: TaskResult, values: Mapping[str, Any], *, foreign: bool) -> None:
    """Print the wrong samples of a task, for people or as JSON.

    Args:
        run: The run.
        result: The task of it.
        values: ``slices``, ``limit``, ``images`` and ``format_name`` as typed; JSON has all samples unless there is a limit.
        foreign: As in `wrong_samples`.

    Raises:
        UsageError: For a slice that is none, or another format than JSON.
        NotComparableError: As `wrong_samples`.
    """
    slices, limit = values["slices"], values["limit"]
    if values["format_name"] not in (None, "json"):
        raise UsageError("--wrong prints for people, or with --format json; tables of samples: mmbench export --to csv")
    for each in slices:
        slice_readings(each)  # before the samples are read
    wrong, metric, total, has_best = wrong_samples(run, result, slices, foreign=foreign)
    if values["format_name"] == "json":
        print_json([row_document(row) for row in wrong[:limit]])
        return
    limit = FEW if limit is None else limit
    protocol = protocol_of(sys.stdout, values["images"])
    chosen = "".join(f", {visible(each)}" for each in slices)
    if has_best:
        say(f"{result.name}{chosen}: {len(wrong):,} of {total:,} samples have less than the best {metric}, worst first")
    else:
        direction = "lowest" if result.metrics[metric].higher_is_better else "highest"
        say(
            f"{result.name}{chosen}: {metric} has no best value, so no sample is wrong; {total:,} samples, {direction} first"
        )
    for row in wrong[:limit]:
        click.echo()
        _print(row, metric, protocol)
    if len(wrong) > limit:
        click.echo()
        say(f"{len(wrong) - limit:,} more: --limit {len(wrong)}; or all of them: mmbench export {run.path} --to csv")


def _print(row: SampleRow, metric: str, protocol: Protocol | None) -> None:
    print_line("sample", shown_name(row.id))
    for name, label in row.slices.items():
        print_line(shown_name(name), label)
    for image in row.images:
        print_line("image", media_name(image))
        if protocol is not None and not is_gone(image):
            click.echo(draw(image, protocol, PICTURE), color=True)
    if row.question is not None:
        print_line("question", row.question)
    for answer in row.answers:
        if answer.error is None or answer.output:
            print_line("answer", answer.output if isinstance(answer.output, str) else json.dumps(answer.output))
        if answer.status != "ok":
            print_line("ended", answer.status + (f": {answer.error}" if answer.error else ""))
    if row.extracted is not None and (len(row.answers) != 1 or row.extracted != row.answers[0].output):
        print_line("extracted", row.extracted)
    if row.asked is not None and row.asked.references:
        print_line("references", " | ".join(row.asked.references))
    value = row.values.get(metric)
    why = "; ".join(filter(None, [row.score_status if row.score_status != "scored" else None, row.explanation]))
    print_line("score", ("none" if value is None else f"{value:.4g}") + (f" ({why})" if why else ""))
