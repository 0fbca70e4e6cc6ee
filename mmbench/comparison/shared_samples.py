"""Walk from one run's rows to the other's over the samples that both scored, one cause at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmbench.comparison.causes import FAILED, Cause, Example, Floats, Mask, Part, Rescored, Side
from mmbench.comparison.matching import folded, same_question
from mmbench.comparison.paired_metric import paired
from mmbench.core.metric import ONES, Metric
from mmbench.core.responses import Output, Response
from mmbench.metrics.evaluate import point


@dataclass
class Step:
    """One step between two sets of rows of the same samples."""

    cause: Cause
    """What it is attributed to."""
    mask: Mask
    """[n] the samples that it touches."""
    before: Floats
    """float64 [n, d], the rows before it."""
    after: Floats
    """float64 [n, d], the rows after it."""
    metric: Metric
    """What the rows before it are read by."""


class Walk:
    """The steps over the samples that both runs scored."""

    def __init__(self, a: Side, b: Side, pairs: Sequence[tuple[int, int]]) -> None:
        self._a, self._b, self._pairs = a, b, pairs
        self._at_a, self._at_b = (np.asarray(own, dtype=np.int64) for own in zip(*pairs, strict=True))
        names = np.asarray([a.clusters[i] for i, _ in pairs], dtype=object).astype(str)
        self._clusters = np.unique(names, return_inverse=True)[1].astype(np.int64, copy=False)
        self._rows_a, self._rows_b = a.rows[self._at_a], b.rows[self._at_b]
        self.first_value = point(a.metric, self._rows_a, self._clusters) + 0.0
        self.last_value = point(b.metric, self._rows_b, self._clusters) + 0.0
        self.same = self._same_outputs()

    def _same_outputs(self) -> Mask | None:
        left, right = self._a.responses, self._b.responses
        if left is None or right is None:
            return None
        found = (_key(left[i]) == _key(right[j]) for i, j in self._pairs)
        return np.fromiter(found, np.bool_, len(self._pairs))

    def steps(self) -> tuple[list[Step], Literal["a", "b"] | None]:
        """The steps from the first run's rows to the second's, and whose answers were rescored for it."""
        a, b = self._a, self._b
        alike = a.metric is b.metric or (_computation(a.metric) == _computation(b.metric))
        if not alike and not (a.is_plain and b.is_plain):
            return self._of_two_metrics()
        if (mine := self._rescored(b, self._at_b, a, self._at_a)) is not None:
            middle = mine.rows
            between = self._by_extractor()
            scoring = self._scoring(self._rows_a, middle, (_taken(a.extracted, self._at_a), mine.extracted), between)
            return [*scoring, *self._answers(middle, self._rows_b)], "a"
        if (mine := self._rescored(a, self._at_a, b, self._at_b)) is not None:
            middle = mine.rows
            answers = self._answers(self._rows_a, middle)
            found = _taken(b.extracted, self._at_b), mine.extracted
            return [*self._scoring(middle, self._rows_b, found), *answers], "b"
        middle = self._rows_a.copy()
        if self.same is not None:
            middle[self.same] = self._rows_b[self.same]
        found = _taken(a.extracted, self._at_a), _taken(b.extracted, self._at_b)
        return [*self._scoring(self._rows_a, middle, found), *self._answers(middle, self._rows_b)], None

    def _of_two_metrics(self) -> tuple[list[Step], Literal["a", "b"] | None]:
        """Metrics that are no means of a score a sample: the whole convention is one step, where answers can be rescored."""
        a, b = self._a, self._b
        every = np.ones(len(self._pairs), dtype=np.bool_)
        if (mine := self._rescored(b, self._at_b, a, self._at_a)) is not None:
            return [
                Step("metric", every, self._rows_a, mine.rows, a.metric),
                *self._answers(mine.rows, self._rows_b),
            ], "a"
        return [Step("scoring and answers", every, self._rows_a, self._rows_b, a.metric)], None

    def _rescored(self, judge: Side, own: NDArray[np.int64], other: Side, places: NDArray[np.int64]) -> Rescored | None:
        """The answers of the other side as the judge scores them; None where it cannot, or no longer scores as it did."""
        if judge.rescore is None or other.responses is None or judge.responses is None:
            return None
        units = own.tolist()
        again = judge.rescore(units, [judge.responses[n] for n in units])
        if again is None or not again.counted.all() or not _equal(again.rows, judge.rows[own]):
            return None
        found = judge.rescore(units, [other.responses[n] for n in places.tolist()])
        return found if found is not None and found.counted.all() else None

    def _by_extractor(self) -> Floats | None:
        """The first run's answers by its own metric and the second's extractor; None where that is not possible."""
        a, b = self._a, self._b
        if (
            a.with_extractor is None
            or a.rescore is None
            or a.responses is None
            or not b.extractor
            or a.extractor == b.extractor
        ):
            return None
        units = self._at_a.tolist()
        own = [a.responses[n] for n in units]
        again, scorer = a.rescore(units, own), a.with_extractor(b.extractor)
        if again is None or scorer is None or not _equal(again.rows, self._rows_a):
            return None
        found = scorer(units, own)
        return found.rows if found is not None and found.counted.all() else None

    def _scoring(
        self,
        before: Floats,
        after: Floats,
        extracted: tuple[Sequence[str | None] | None, Sequence[str | None] | None],
        between: Floats | None = None,
    ) -> list[Step]:
        """Steps between two ways to score the same answers: references, then extraction, then the metric.

        `between` are the rows with the second extractor and the first metric. Without them, samples in which both extractors found the same
        are scored by the metric, and the others by the extractor.
        """
        count = len(self._pairs)
        references = self._changed_references()
        own, others = extracted
        if between is not None:
            changed = np.where(references[:, None], after, between)
            first = self._walk(before, changed, [("references", references), ("extraction", ~references)])
            return [*first, *self._walk(changed, after, [("metric", ~references)])]
        if own is None or others is None:
            same_scoring, same_metric = (
                self._a.scoring == self._b.scoring,
                str(self._a.metric.id) == str(self._b.metric.id),
            )
            read_otherwise = np.full(count, same_metric and not same_scoring)
        else:
            found = (left != right for left, right in zip(own, others, strict=True))
            read_otherwise = np.fromiter(found, np.bool_, count)
        masks: list[tuple[Cause, Mask]] = [("references", references), ("extraction", ~references & read_otherwise)]
        return self._walk(before, after, [*masks, ("metric", ~references & ~read_otherwise)])

    def _changed_references(self) -> Mask:
        """Samples whose references are not the same; where one run's are not known, all if only the data can have changed."""
        a, b = self._a, self._b
        only_data = a.data != b.data and a.scoring == b.scoring and str(a.metric.id) == str(b.metric.id)
        found = []
        for i, j in self._pairs:
            left, right = a.asked[i].references, b.asked[j].references
            found.append(
                {*map(folded, left)} != {*map(folded, right)} if left and right else only_data and bool(left or right)
            )
        return np.asarray(found, dtype=np.bool_)

    def _answers(self, before: Floats, after: Floats) -> list[Step]:
        """Steps between two answers that are scored alike: failures, changed questions, truncation, and the rest."""
        classes = np.asarray([self._class(i, j) for i, j in self._pairs], dtype=object)
        causes: tuple[Cause, ...] = ("failures", "questions", "truncation", "answers")
        return self._walk(before, after, [(cause, classes == cause) for cause in causes])

    def _class(self, i: int, j: int) -> Cause:
        left, right = (_statuses(side, n) for side, n in ((self._a, i), (self._b, j)))
        if bool(left & FAILED) != bool(right & FAILED):
            return "failures"
        if same_question(self._a.asked[i], self._b.asked[j]) is False:
            return "questions"
        return "truncation" if ("truncated" in left) != ("truncated" in right) else "answers"

    def _walk(self, before: Floats, after: Floats, masks: Sequence[tuple[Cause, Mask]]) -> list[Step]:
        """One step for each cause: the rows of its samples are those after it from then on."""
        steps, rows = [], before
        for cause, mask in masks:
            changed = np.where(mask[:, None], after, rows)
            steps.append(Step(cause, mask, rows, changed, self._b.metric))
            rows = changed
        return steps

    def part(self, step: Step, examples: int) -> Part:
        """What a step is worth, with its interval."""
        if step.metric is not self._b.metric:  # from one metric to another, which count something else in each row
            points = point(self._b.metric, step.after, self._clusters) - point(step.metric, step.before, self._clusters)
            return Part(step.cause, points, len(self._pairs), len(self._pairs))
        differs = (step.before != step.after).any(axis=1)
        if not differs.any():
            return Part(step.cause, 0.0, int(step.mask.sum()), 0)
        values = [point(step.metric, rows, self._clusters) for rows in (step.before, step.after)]
        sound = _within(step.metric, step.before) and _within(step.metric, step.after)
        difference = paired(step.metric, step.before, step.after, self._clusters) if sound else None
        shown = self._examples(step, differs, examples)
        return Part(step.cause, values[1] - values[0], int(step.mask.sum()), int(differs.sum()), difference, shown)

    def _examples(self, step: Step, differs: Mask, count: int) -> tuple[Example, ...]:
        plain = self._a.is_plain and self._b.is_plain
        size = np.abs(step.after - step.before).sum(axis=1)
        found = []
        for n in np.argsort(-size, kind="stable")[: min(count, int(differs.sum()))].tolist():
            i, j = self._pairs[n]
            left, right = self._a.asked[i], self._b.asked[j]
            scores = [float(rows[n, 0]) if plain else None for rows in (step.before, step.after)]
            text = right.question or left.question or right.prompt or left.prompt
            outputs = output_of(self._a, i), output_of(self._b, j)
            found.append(Example(left.id, right.id, text, right.references or left.references, *outputs, *scores))
        return tuple(found)

    def answer_points(self, steps: Sequence[Step]) -> dict[int, float]:
        """Place of a pair to what its answers are worth, for plain means; empty for other metrics."""
        if not (self._a.is_plain and self._b.is_plain):
            return {}
        found: dict[int, float] = {}
        for step in steps:
            if step.cause in ("answers", "truncation", "failures"):
                change = (step.after[:, 0] - step.before[:, 0]) / len(self._pairs)
                for n in np.flatnonzero(change).tolist():
                    found[n] = found.get(n, 0.0) + float(change[n])
        return found


def _key(responses: Sequence[Response]) -> tuple[Any, ...]:
    return tuple((each.status in FAILED, _comparable(each.output)) for each in responses)


def _comparable(output: Output | None) -> Any:
    return (
        output.strip() if isinstance(output, str) else None if output is None else tuple(map(float, np.ravel(output)))
    )


def _statuses(side: Side, place: int) -> frozenset[str]:
    return frozenset() if side.responses is None else frozenset(each.status for each in side.responses[place])


def _taken(values: Sequence[str | None] | None, places: NDArray[np.int64]) -> list[str | None] | None:
    return None if values is None else [values[n] for n in places.tolist()]


def _equal(one: Floats, other: Floats) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=0.0, atol=1e-9))


def _within(metric: Metric, rows: Floats) -> bool:
    """Whether the scores of a plain mean are in its range; those of another metric on another range may not be."""
    low, high = metric.bounds
    if not metric.is_mean or metric.columns[1] != ONES:
        return True
    return (low is None or rows[:, 0].min() >= low) and (high is None or rows[:, 0].max() <= high)


def _computation(metric: Metric) -> tuple[Any, ...]:
    return str(metric.id), metric.unit, metric.columns, metric.is_mean, metric.bounds


def output_of(side: Side, place: int) -> str | None:
    """What a run answered to a unit, as text; None where no answer is kept."""
    if side.responses is None or not side.responses[place]:
        return None
    output = side.responses[place][0].output
    return output if output is None or isinstance(output, str) else "scores of the choices"
