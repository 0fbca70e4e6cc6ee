"""The units on which two runs differ most, with what each answered and, where the samples are at hand, what was asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmbench.analysis.joins import join_tables
from mmbench.analysis.stored_metrics import metric_for
from mmbench.comparison.differences import read_pair
from mmbench.comparison.paired_metric import unit_changes
from mmbench.core.errors import NotComparableError
from mmbench.core.media import Media
from mmbench.core.metric import Metric
from mmbench.core.samples import Sample
from mmbench.core.score_table import ScoreTable
from mmbench.core.visible import shell_command
from mmbench.results.run import Run, TaskResult
from mmbench.results.schema import TaskSource


@dataclass(frozen=True, slots=True)
class Flip:
    """One unit whose score differs between two runs."""

    task: str
    """Full name of the task."""
    metric: str
    """The metric by which it differs."""
    id: str
    """The unit's id: that of the sample, where units are samples."""
    better: bool
    """Whether B did better."""
    score_a: float | None
    """What the unit got by itself in A, in the metric's natural range; None where it has no score of its own."""
    score_b: float | None
    """What it got in B."""
    answer_a: str | None
    """What A answered: as extracted, else as logged; None where there is no text."""
    answer_b: str | None
    """What B answered."""
    picture: str | None = None
    """Path of the first picture, or the command that shows the sample where it has no file; None where that is not known."""
    question: str | None = None
    """The texts of the sample; None where they are not known."""
    references: tuple[str, ...] = ()
    """Right answers, where they are known."""

    def to_dict(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)


def flips(a: Run, b: Run, task: str, metric_id: str, count: int) -> list[Flip]:
    """At most `count` units of a task whose score differs: the largest changes, losses and gains in turn.

    Raises `NotComparableError` where the metric cannot be computed, or means nothing for single units, and where tables are
    missing or damaged.
    """
    left, right = a.tasks[task], b.tasks[task]
    metric, reason = metric_for(left, metric_id)
    joined = None if metric is None else join_tables(left, right).get(metric.unit)
    if metric is None or joined is None:
        raise NotComparableError(f"--flips: {reason or f'the runs have no table of {metric_id}'}")
    rows_a, rows_b = read_pair(metric, joined)
    rows_a, rows_b = rows_a[joined.rows_a], rows_b[joined.rows_b]
    change = unit_changes(metric, rows_a, rows_b) * (1 if metric.higher_is_better else -1)
    if np.isnan(change).any() and not np.nan_to_num(change).any():
        raise NotComparableError(f"--flips: {metric_id} means nothing for a single sample; name another with --metric")
    picked = _largest(change, count)
    scores = [_own(metric, rows[picked]) for rows in (rows_a, rows_b)]
    places = [rows[picked].tolist() for rows in (joined.rows_a, joined.rows_b)]
    ids = [joined.a.unit_ids[row] for row in places[0]]
    answers = [
        _answers(result, table, rows, ids)
        for result, table, rows in ((left, joined.a, places[0]), (right, joined.b, places[1]))
    ]
    return [
        Flip(task, metric_id, unit_id, bool(change[n] > 0), scores[0][k], scores[1][k], answers[0][k], answers[1][k])
        for k, (n, unit_id) in enumerate(zip(picked.tolist(), ids, strict=True))
    ]


def _largest(change: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Places of the largest changes, losses and gains in turn; at equal size in the order of the units."""
    lost, gained = (np.flatnonzero(sign * change > 0) for sign in (-1, 1))
    lost, gained = (rows[np.argsort(-np.abs(change[rows]), kind="stable")] for rows in (lost, gained))
    turns = np.concatenate([2 * np.arange(len(lost)), 2 * np.arange(len(gained)) + 1])
    return np.concatenate([lost, gained])[np.argsort(turns, kind="stable")][:count]


def _own(metric: Metric, rows: NDArray[np.float64]) -> list[float | None]:
    values = rows[:, 0]
    if metric.formula is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.asarray(metric.formula(rows), dtype=np.float64)
    return [value if np.isfinite(value) else None for value in values.tolist()]


def _answers(result: TaskResult, table: ScoreTable, rows: Sequence[int], ids: Sequence[str]) -> list[str | None]:
    """What a run answered to these units: from the table, else from its log."""
    if table.answers is not None:
        return [table.answers[row] for row in rows]
    wanted = {f"{result.name}/{unit_id}/0": unit_id for unit_id in ids}
    logged = {wanted[line.id]: line.output for line in result.responses() if line.id in wanted}
    return [output if isinstance(output := logged.get(unit_id), str) else None for unit_id in ids]


def with_samples(found: Sequence[Flip], samples: Iterable[Sample], source: TaskSource, split: str) -> list[Flip]:
    """The same with pictures, questions and references, where a unit is a sample or a part of one (``SAMPLE/…``).

    Parameters: `samples` of the task, `source`, how the task is built again, and `split`, which they are from.
    """
    by_id: Mapping[str, Sample] = {sample.id: sample for sample in samples}

    def asked(flip: Flip) -> Flip:
        sample = next((by_id[name] for name in _names(flip.id) if name in by_id), None)
        if sample is None:
            return flip
        pictures = [part.path or _command(sample.id, source, split) for part in sample.parts if isinstance(part, Media)]
        texts = [part for part in sample.parts if isinstance(part, str)]
        return replace(
            flip,
            picture=str(pictures[0]) if pictures else None,
            question=" ".join(texts) or None,
            references=tuple(sample.references),
        )

    return [asked(flip) for flip in found]


def _command(sample_id: str, source: TaskSource, split: str) -> str:
    """The command that shows a sample as a model sees it."""
    words = ["mmbench", "show", source.name if source.data_path is None else source.name.partition("/")[0]]
    if source.data_path is not None:
        words += ["--data", f"{source.data_name}={source.data_path}" if source.data_name else source.data_path]
    for name, value in source.options.items():
        words += ["--task-args", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    words += [] if split == "test" else ["--split", split]
    return shell_command([*words, "--sample", sample_id])


def _names(unit_id: str) -> Iterator[str]:
    """The id and every beginning of it that ends before a slash, longest first."""
    while unit_id:
        yield unit_id
        unit_id = unit_id.rpartition("/")[0]
