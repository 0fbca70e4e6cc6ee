"""A stored task sample by sample: what was asked, what was answered, what it scored, and how long it took."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from operator import attrgetter
from typing import Any

from msgspec import Struct

from mmbench.analysis.stored_metrics import metric_for
from mmbench.core.ids import split_variant
from mmbench.core.media import Media
from mmbench.core.samples import Sample
from mmbench.core.score_table import ScoreTable
from mmbench.data.images import GONE
from mmbench.results.run import Run, TaskResult
from mmbench.results.schema import ResponseLine

_FIXED = (
    *(
        "model",
        "seed",
        "task",
        "id",
        "question",
        "references",
        "choices",
        "images",
        "answer",
        "raw",
        "reasoning",
        "extracted",
    ),
    *("status", "score_status", "explanation", "finish_reason", "error", "cluster", "start_s", "duration_s"),
    *("first_token_s", "batch_size", "cached"),
    *("input_tokens", "output_tokens", "reasoning_tokens", "image_tokens", "cost_usd"),
)
"""Columns that every task has, in their order."""
_ANSWERED = (
    *("answer", "raw", "reasoning", "finish_reason", "error"),
    *("first_token_s", "batch_size", "cached"),
)
"""Columns that hold a list where a sample has several answers."""
_TIMES = ("start_s", "duration_s", "first_token_s", "batch_size", "cached")
_NO_SLICES: Mapping[str, str] = {}
_SUMS = ("input_tokens", "output_tokens", "reasoning_tokens", "image_tokens", "cost_usd")


class SampleRow(Struct, frozen=True, kw_only=True, gc=False):
    """One sample of one task of one run."""

    model: str
    """Name of the model."""
    seed: int
    """Seed of the run."""
    task: str
    """Full name of the task."""
    id: str
    """The sample's id."""
    asked: Sample | None
    """What was asked; None where the task's data are not to be had."""
    answers: tuple[ResponseLine, ...]
    """How each request of the sample ended the last time that it was asked, in the order of the requests; empty for a saved
    baseline, which keeps no answers."""
    values: Mapping[str, float | None]
    """Metric id to what the metric makes of this sample alone; None where that is undefined or the sample was not scored.
    Metrics that are no formula (a median) or that score something other than samples are absent."""
    score_status: str | None = None
    """A `ScoreStatus`; None where the task scores something other than samples."""
    extracted: str | None = None
    """The answer that was found in the output, where the task looks for one."""
    explanation: str | None = None
    """Why it was scored as it was, where that needs words."""
    cluster: str | None = None
    """What errors cluster on."""
    slices: Mapping[str, str] = {}
    """Names and labels by which results are also shown."""

    @property
    def status(self) -> str | None:
        """The first `Status` among the answers that is not ``ok``, or ``ok``; None without an answer."""
        found = [answer.status for answer in self.answers]
        return next((status for status in found if status != "ok"), "ok") if found else None

    @property
    def question(self) -> str | None:
        """The texts among the sample's parts, a line each; None where what was asked is not known."""
        if self.asked is None:
            return None
        return "\n".join([part for part in self.asked.parts if isinstance(part, str)])

    @property
    def images(self) -> list[Media]:
        """The images among the sample's parts."""
        parts = () if self.asked is None else self.asked.parts
        return [part for part in parts if isinstance(part, Media) and part.kind == "image"]

    @property
    def image_digests(self) -> list[str | None]:
        """The digest of each image; None for one that is gone, since that was over its bytes."""
        return [None if image.attrs.get(GONE) else image.digest for image in self.images]

    def to_dict(self) -> dict[str, Any]:
        """Flat, with the same keys for all samples of a task.

        A sample with one request has plain values, one with several a list of them, in the order of the requests. Embeddings
        are null here: they lie in ``embeddings.bin``. Tokens and costs are summed over the requests, durations too. Metrics
        stand under their ids, slices under ``slice:NAME``.
        """
        asked, answers = self.asked, self.answers
        of_answers = _of_one(answers[0]) if len(answers) == 1 else _of_several(answers)
        return {
            "model": self.model,
            "seed": self.seed,
            "task": self.task,
            "id": self.id,
            "question": self.question,
            "references": None if asked is None else list(asked.references),
            "choices": None if asked is None or asked.choices is None else list(asked.choices),
            "images": None if asked is None else self.image_digests,
            **{name: of_answers[name] for name in ("answer", "raw", "reasoning")},
            "extracted": self.extracted,
            **self.values,
            "status": self.status,
            "score_status": self.score_status,
            "explanation": self.explanation,
            "finish_reason": of_answers["finish_reason"],
            "error": of_answers["error"],
            "cluster": self.cluster,
            **{f"slice:{name}": label for name, label in self.slices.items()},
            **{name: of_answers[name] for name in _TIMES},
            **{name: of_answers[name] for name in _SUMS},
        }


def sample_columns(rows: Iterable[SampleRow]) -> dict[str, list[Any]]:
    """The rows as columns of one length, those of `SampleRow.to_dict`; what a row lacks is None.

    Metrics come after what was extracted, slices after the cluster, whatever task they belong to.
    """
    rows = list(rows)
    if rows and all(len(row.answers) == 1 for row in rows):
        columns = _columns_of_ones(rows)
        return {name: columns[name] for name in ordered_columns(columns)}
    dicts = [row.to_dict() for row in rows]
    names = ordered_columns(dict.fromkeys(chain.from_iterable(dicts)))
    return {name: [row.get(name) for row in dicts] for name in names}


def _columns_of_ones(rows: Sequence[SampleRow]) -> dict[str, list[Any]]:
    """The columns of samples with one answer each: as `SampleRow.to_dict` gives them, without a dict for each row."""
    answers, asked = [row.answers[0] for row in rows], [row.asked for row in rows]
    found: dict[str, list[Any]] = {
        name: list(map(attrgetter(name), rows))
        for name in ("model", "seed", "task", "id", "question", "extracted", "score_status", "explanation", "cluster")
    }
    found["references"] = [None if each is None else list(each.references) for each in asked]
    found["choices"] = [None if each is None or each.choices is None else list(each.choices) for each in asked]
    found["images"] = [None if row.asked is None else row.image_digests for row in rows]
    found["answer"] = [answer.output for answer in answers]
    found["raw"] = [answer.output if answer.raw is None else answer.raw for answer in answers]
    for name in ("reasoning", "status", "finish_reason", "error", *_TIMES, *_SUMS):
        found[name] = list(map(attrgetter(name), answers))
    for name in dict.fromkeys(chain.from_iterable(row.values for row in rows)):
        found[name] = [row.values.get(name) for row in rows]
    for name in dict.fromkeys(chain.from_iterable(row.slices for row in rows)):
        found[f"slice:{name}"] = [row.slices.get(name) for row in rows]
    return found


def sample_chunks(rows: Iterable[SampleRow], size: int = 5_000) -> Iterator[dict[str, list[Any]]]:
    """`sample_columns` of some rows at a time, for as many rows as there are. A chunk has the columns that its rows need."""
    left = iter(rows)
    while chunk := list(islice(left, size)):
        yield sample_columns(chunk)


def ordered_columns(names: Iterable[str]) -> list[str]:
    """Names of columns in their order, those that later tasks added beside their kin."""
    found = list(names)
    slices = [name for name in found if name.startswith("slice:")]
    fixed = [name for name in _FIXED if name in found]
    metrics = [name for name in found if name not in _FIXED and name not in slices]
    if not fixed:
        return found
    at, behind = fixed.index("status"), fixed.index("start_s")
    return [*fixed[:at], *metrics, *fixed[at:behind], *slices, *fixed[behind:]]


def _of_one(answer: ResponseLine) -> dict[str, Any]:
    """The columns of the only answer of a sample."""
    return {
        "answer": answer.output,
        "raw": answer.output if answer.raw is None else answer.raw,
        "reasoning": answer.reasoning,
        "finish_reason": answer.finish_reason,
        "error": answer.error,
        "start_s": answer.start_s,
        "duration_s": answer.duration_s,
        "first_token_s": answer.first_token_s,
        "batch_size": answer.batch_size,
        "cached": answer.cached,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "reasoning_tokens": answer.reasoning_tokens,
        "image_tokens": answer.image_tokens,
        "cost_usd": answer.cost_usd,
    }


def _of_several(answers: Sequence[ResponseLine]) -> dict[str, Any]:
    """The columns of the answers of a sample with several requests, or with none."""
    ones = [_of_one(answer) for answer in answers]
    found = {name: _each([one[name] for one in ones]) for name in _ANSWERED}
    found["start_s"] = min((answer.start_s for answer in answers), default=None)
    found["duration_s"] = sum(answer.duration_s for answer in answers) if answers else None
    return {**found, **{name: _sum([one[name] for one in ones]) for name in _SUMS}}


def _each(values: Sequence[Any]) -> Any:
    """The value of the only request, or the list of all; None where all are."""
    if all(value is None for value in values):
        return None
    return values[0] if len(values) == 1 else list(values)


def _sum(values: Iterable[Any]) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def sample_rows(run: Run, result: TaskResult, asked: Sequence[Sample] | None) -> Iterator[SampleRow]:
    """Read a task of a run sample by sample.

    Args:
        run: The run.
        result: The task of it.
        asked: The samples of the task, also those that the run left out; None where they are not known.

    Yields:
        The samples that the run was asked or scored, in the order of `asked`, or of the score table.

    Raises:
        NotComparableError: If the score tables or the log are damaged.
    """
    tables = result.tables() if result.store.has_ids else {}
    table = tables.get("sample")
    answers = answers_by_sample(result)
    known = dict.fromkeys(() if table is None else table.unit_ids) | dict.fromkeys(answers)
    samples = {sample.id: sample for sample in asked or ()}
    order = [name for name in samples if name in known] + [name for name in known if name not in samples]
    places = {} if table is None else {name: place for place, name in enumerate(table.unit_ids)}
    values = _values(result, table)
    make = partial(SampleRow, model=run.model.name, seed=run.seed, task=result.name)
    scored = _scored(table)
    unscored = dict.fromkeys(values)
    for name in order:
        sample, place, own = samples.get(name), places.get(name), tuple(answers.get(name, ()))
        if place is not None:
            status, extracted, why, cluster, slices = scored[place]
            yield make(
                id=name,
                asked=sample,
                answers=own,
                values={key: column[place] for key, column in values.items()},
                score_status=status,
                extracted=extracted,
                explanation=why,
                cluster=cluster,
                slices=slices,
            )
        elif sample is not None:
            yield make(
                id=name, asked=sample, answers=own, values=unscored, cluster=sample.cluster, slices=dict(sample.slices)
            )
        else:
            yield make(id=name, asked=sample, answers=own, values=unscored)


def answers_by_sample(result: TaskResult) -> dict[str, list[ResponseLine]]:
    """Sample id to the last end of each of its requests, in the order of the requests. Raises `NotComparableError`."""
    prefix = f"{split_variant(result.name)[0]}/"
    last = {line.id: line for line in result.responses()}
    found: dict[str, list[ResponseLine]] = {}
    places: dict[str, list[int]] = {}
    for name, line in last.items():
        sample, _, number = name.removeprefix(prefix).rpartition("/")
        if sample not in found:
            found[sample] = [line]
            if number != "0":
                places[sample] = [int(number) if number.isdecimal() else 0]
        else:
            found[sample].append(line)
            places.setdefault(sample, [0]).append(int(number) if number.isdecimal() else 0)
    for sample, own in places.items():
        order = sorted(range(len(own)), key=own.__getitem__)
        found[sample] = [found[sample][place] for place in order]
    return found


def _values(result: TaskResult, table: ScoreTable | None) -> dict[str, list[float | None]]:
    """Metric id to its value for each row of the table of samples."""
    if table is None:
        return {}
    from mmbench.metrics.evaluate import unit_values

    found: dict[str, list[float | None]] = {}
    for name, value in result.metrics.items():
        metric = metric_for(result, name)[0] if value.unit == "sample" else None
        if metric is not None and metric.formula is not None:
            column = unit_values(metric, table).tolist()
            found[name] = [None if math.isnan(each) else each for each in column]
    return found


_Scored = tuple[str, str | None, str | None, str, Mapping[str, str]]


def _scored(table: ScoreTable | None) -> list[_Scored]:
    """[n] what the score table says of each row beside its values: status, what was extracted, why, cluster and slices."""
    if table is None:
        return []
    nothing = [None] * len(table.unit_ids)
    extracted = nothing if table.answers is None else table.answers
    explanations = nothing if table.explanations is None else table.explanations
    return list(zip(map(str, table.status), extracted, explanations, table.cluster_ids, _slices(table), strict=True))


def _slices(table: ScoreTable) -> list[Mapping[str, str]]:
    """[n] the labels of each row by name, without empty ones; one mapping for all equal ones."""
    if not table.slices:
        return [_NO_SLICES] * len(table.unit_ids)
    made: dict[tuple[str, ...], Mapping[str, str]] = {}
    found = []
    for labels in zip(*table.slices.values(), strict=True):
        if labels not in made:
            made[labels] = {name: label for name, label in zip(table.slices, labels, strict=True) if label}
        found.append(made[labels])
    return found
