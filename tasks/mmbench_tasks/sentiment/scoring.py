"""From answers to score tables: the class that was named, or the number.

Every answer becomes a list of readings: one where a text held an answer, several where a model leaves choices tied, none
where there is nothing to read. What a row adds to the sums of the metrics is the mean over its readings, the expected value
over random choices among what ties; a row without a reading is named by no class and holds no number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mmbench.core import (
    COUNTED,
    FAILED,
    Response,
    Sample,
    ScoreStatus,
    ScoreTable,
    best_choices,
    sample_table,
    shown_choices,
    status_of,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Columns = dict[str, Floats]

Extract = Callable[[str, tuple[str, ...] | None], str | None]


@dataclass(slots=True)
class Readings:
    """What was read in the answers to n samples, and how that went."""

    status: list[ScoreStatus] = field(default_factory=list)
    """[n]"""
    answers: list[str | None] = field(default_factory=list)
    """[n] for people to read."""
    explanations: list[str | None] = field(default_factory=list)
    """[n]"""
    texts: list[tuple[str, ...]] = field(default_factory=list)
    """[n] each answer among those that tie; one where nothing ties, none where nothing was read."""

    def add(self, status: ScoreStatus, texts: Sequence[str] = (), why: str | None = None) -> None:
        """Add what was read in one answer."""
        self.status.append(status)
        self.texts.append(tuple(texts))
        self.answers.append(shown_choices(texts) or None)
        self.explanations.append(why)

    def table(self, unit: str, samples: Sequence[Sample], columns: Columns) -> ScoreTable:
        """A table with a row for each sample, in their order."""
        return sample_table(samples, self.status, columns, self.answers, self.explanations, unit=unit)

    def counted(self) -> NDArray[np.bool_]:
        """Whose rows enter a value: bool [n]."""
        import numpy as np

        return np.array([status in COUNTED for status in self.status], dtype=bool)


def read(samples: Sequence[Sample], responses: Sequence[Sequence[Response]], extract: Extract, name: str) -> Readings:
    """Read the only answer to each sample: a text by `extract`, the extractor called `name`, or scores of its choices."""
    readings = Readings()
    for sample, (response,) in zip(samples, responses, strict=True):
        failed = FAILED.get(response.status)
        if failed is not None:
            readings.add(failed, why=response.error)
        elif isinstance(response.output, str):
            found = extract(response.output, sample.choices)
            ended = status_of(response, "unparsed" if found is None else "scored")
            why = response.error or (f"extractor {name} finds no answer in it" if found is None else None)
            readings.add(ended, () if found is None else [found], why)
        else:
            tied, problem = best_choices(sample.choices or (), response.output)
            readings.add("scored" if problem is None else "error", tied, problem)
    return readings


def class_columns(samples: Sequence[Sample], readings: Readings, classes: Sequence[str]) -> Columns:
    """``accuracy`` and the counts of every class (`mmbench.metrics.classes`); rows that are not counted hold 0."""
    import numpy as np

    from mmbench.metrics import class_columns as counts_of

    place = {name: number for number, name in enumerate(classes)}
    predicted = np.zeros((len(samples), len(classes)))
    for row, texts in enumerate(readings.texts):
        for text in texts:
            predicted[row, place[text]] += 1 / len(texts)
    columns = counts_of(predicted, [place[sample.references[0]] for sample in samples])
    columns["accuracy"] = columns["hits"].sum(axis=1)
    return _cleared(columns, readings.counted())


def score_columns(samples: Sequence[Sample], readings: Readings) -> tuple[Columns, Columns, Columns]:
    """The columns of the tables ``sample``, ``nonzero`` and ``number`` (`mmbench.metrics.regression`), a row a sample each.

    Rows that are not counted hold 0.
    """
    import numpy as np

    from mmbench.metrics import CONVENTIONS, number_columns, polarity_columns, polarity_name, same_class

    truth = np.array([float(sample.references[0]) for sample in samples])
    owners, values = [], []
    for row, texts in enumerate(readings.texts):
        for text in texts or ("nan",):
            owners.append(row)
            values.append(float(text))
    owner, said = np.array(owners, dtype=np.int64), np.array(values)
    labels = truth[owner]
    share = 1 / np.bincount(owner, minlength=len(samples))[owner]

    def expected(column: Floats) -> Floats:
        weighted = (column.T * share).T
        total = np.zeros((len(samples), *column.shape[1:]))
        np.add.at(total, owner, weighted)
        return total

    def polarities(*, zero: bool) -> Columns:
        return {
            polarity_name(name, convention): expected(column)
            for convention in CONVENTIONS
            for name, column in polarity_columns(said, labels, convention, zero=zero).items()
        }

    counted = readings.counted()
    whole = {f"acc{2 * most + 1}": expected(same_class(said, labels, most)) for most in (2, 3)}
    numbers = {name: expected(column) for name, column in number_columns(said, labels).items()}
    return (
        _cleared({**whole, **polarities(zero=True)}, counted),
        _cleared(polarities(zero=False), counted),
        _cleared(numbers, counted),
    )


def _cleared(columns: Columns, kept: NDArray[np.bool_]) -> Columns:
    for column in columns.values():
        column[~kept] = 0.0
    return columns


def nonzero_part(table: ScoreTable, samples: Sequence[Sample]) -> ScoreTable:
    """The rows of a table whose label is not 0."""
    rows = [row for row, sample in enumerate(samples) if float(sample.references[0]) != 0]
    answers, explanations = table.answers, table.explanations
    return replace(
        table,
        unit_ids=[table.unit_ids[row] for row in rows],
        cluster_ids=[table.cluster_ids[row] for row in rows],
        status=[table.status[row] for row in rows],
        columns={name: column[rows] for name, column in table.columns.items()},  # type: ignore[call-overload]
        slices={name: [labels[row] for row in rows] for name, labels in table.slices.items()},
        answers=None if answers is None else [answers[row] for row in rows],
        explanations=None if explanations is None else [explanations[row] for row in rows],
    )


def incomplete(readings: Readings) -> str | None:
    """What must be said beside the error and the correlation of numbers; None where there is nothing to say."""
    rows = [row for row, status in enumerate(readings.status) if status in COUNTED]
    lacking = sum(not readings.texts[row] for row in rows)
    if not lacking:
        return None
    return (
        f"{lacking:,} of {len(rows):,} answers hold no number: mae and pearson are over the others, "
        "while acc and f1 count them as wrong"
    )
