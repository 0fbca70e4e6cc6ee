"""Attribute the gap between two runs to causes, so that the points of the causes sum to the gap.

The gap is walked along in a fixed order, and each step is worth what the value changes by: samples that only one run was asked, failures,
references, extraction, the metric's convention, questions, truncation, and last the answers themselves. Because every step begins where
the one before ended, the points sum to the gap whatever the metric is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mmbench.comparison.matching import How, Matching, folded, same_question
from mmbench.comparison.paired_metric import paired
from mmbench.core.errors import NotComparableError
from mmbench.core.metric import ONES, Metric
from mmbench.core.responses import Output, Response
from mmbench.metrics.evaluate import point
from mmbench.results.schema import AskedLine
from mmbench.stats import Difference

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

Cause = Literal[
    "samples",
    "failures",
    "references",
    "extraction",
    "metric",
    "questions",
    "truncation",
    "answers",
    "scoring and answers",
]
"""``samples``: only one run was asked them. ``failures``: one run failed on them, or refused. ``references``: what counts as right has
changed. ``extraction``: another answer was found in the same output. ``metric``: the same answer is worth something else. ``questions``:
the question has changed. ``truncation``: one run's answer was cut off. ``answers``: the model answered otherwise, by what was asked, the
model and how it decodes. ``scoring and answers``: the two metrics cannot be taken apart."""

CAUSES: tuple[Cause, ...] = (
    "samples",
    "failures",
    "references",
    "extraction",
    "metric",
    "questions",
    "truncation",
    "answers",
    "scoring and answers",
)
"""In the order in which the gap is walked along; a sample is in the first that fits among ``failures``, ``questions``, ``truncation`` and
``answers``, and among ``references``, ``extraction`` and ``metric``."""

_FAILED = frozenset({"refused", "error", "timeout"})

Rescorer = Callable[[Sequence[int], Sequence[tuple[Response, ...]]], "Rescored | None"]
"""(units of the side, answers to them) → what the side's task gives for the answers; None where it cannot score them."""


@dataclass(frozen=True, slots=True)
class Rescored:
    """What a task gives for answers, of the same side or of the other."""

    rows: Floats
    """float64 [n, d], what the side's metric reads."""
    counted: Mask
    """[n] whether the unit enters a value."""
    extracted: Sequence[str | None] | None
    """[n] the answers found; None where the task looks for none."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One task of one run as it is taken apart. All sequences have one entry for each unit."""

    metric: Metric
    """The metric."""
    rows: Floats
    """float64 [n, d], what the metric reads."""
    counted: Mask
    """[n] whether the unit enters the value."""
    clusters: Sequence[str]
    """[n] what errors cluster on."""
    asked: Sequence[AskedLine]
    """[n] what was asked; of a run whose data are not to be had the ids alone."""
    responses: Sequence[tuple[Response, ...]] | None
    """[n] what was answered; None where the answers are not kept."""
    extracted: Sequence[str | None] | None = None
    """[n] the answers that were found in the outputs; None where none are kept."""
    scoring: str = ""
    """How answers were scored beside the metric: extractor, its version and options."""
    data: str = ""
    """Fingerprint of the data."""
    rescore: Rescorer | None = None
    """Scores answers as this side does; None where its task cannot be built."""
    extractor: str = ""
    """Name of the extractor; empty where there is none, or another tool has its own."""
    with_extractor: Callable[[str], Rescorer | None] | None = None
    """Scores answers as this side does, but for another extractor; None where its task cannot be built."""

    @property
    def is_plain(self) -> bool:
        """Whether the metric is the plain mean of one score a unit."""
        return self.metric.is_mean and self.metric.columns[1] == ONES


@dataclass(frozen=True, slots=True)
class Example:
    """One sample of a cause."""

    id_a: str
    """Its id in the first run; empty where that was not asked it."""
    id_b: str
    """Its id in the second run."""
    question: str | None
    """The question, or the prompt."""
    references: tuple[str, ...]
    """What counts as right in the second run, or in the only one that was asked it."""
    output_a: str | None
    """What the first run answered."""
    output_b: str | None
    """What the second run answered."""
    score_a: float | None
    """What the first run gave for it before the step; None where it did not enter the value, or has no score of its own."""
    score_b: float | None
    """What the sample got after the step."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one cause is worth."""

    cause: Cause
    """Which cause."""
    points: float
    """By how much it moves the value from the first run's to the second's, in the metric's natural range."""
    samples: int
    """Samples that it touches."""
    changed: int
    """Samples, among those, whose score it changes; for ``samples`` and ``failures`` those that enter one value only, besides."""
    difference: Difference | None = None
    """The same with interval and p-value, over the samples that both runs were asked; None where samples come or go."""
    examples: tuple[Example, ...] = ()
    """The samples that it changes most."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the fields, of the difference its interval and p-value."""
        found = self.difference
        return {
            "cause": self.cause,
            "points": self.points,
            "low": None if found is None else found.low,
            "high": None if found is None else found.high,
            "p_value": None if found is None else found.p_value,
            "samples": self.samples,
            "changed": self.changed,
            "examples": [
                {name: getattr(each, name) for name in Example.__slots__} | {"references": list(each.references)}
                for each in self.examples
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """The gap between two runs on one task, cause by cause."""

    value_a: float
    """The first run's value, over all its samples."""
    value_b: float
    """The second run's."""
    parts: Sequence[Part]
    """Every cause that was looked at, in the order of `CAUSES`; points sum to the gap."""
    shared: int
    """Samples that enter both values."""
    only_a: int
    """Samples that only the first run was asked."""
    only_b: int
    """Samples that only the second run was asked."""
    same_output: int | None
    """Samples, among the shared, to which both answered the same; None where answers are not kept."""
    matched_by: How
    """How samples were matched."""
    rescored: Literal["a", "b"] | None
    """Whose answers were scored by the other's extractor and metric; None where that was not possible, so that scoring is told from
    answers only where both answered the same."""
    plain: bool
    """Whether both metrics are means of one score a sample, so that each sample has points of its own."""
    answer_points: Mapping[int, float] = field(default_factory=dict, repr=False)
    """Place of a pair among the shared samples to the points of its answers, where these are not 0 and `plain` is true."""
    pairs: Sequence[tuple[int, int]] = field(default=(), repr=False)
    """[shared] the units of both sides."""

    @property
    def gap(self) -> float:
        """B minus A."""
        return self.value_b - self.value_a

    def points(self, cause: Cause) -> float:
        """What a cause is worth; 0 where it does not occur."""
        return sum(part.points for part in self.parts if part.cause == cause)


@dataclass
class _Step:
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


def attribute(a: Side, b: Side, matching: Matching, *, examples: int = 0) -> Attribution:
    """Attribute the gap between two sides to causes.

    Args:
        a: The first run.
        b: The second run; the gap is its value minus the first's.
        matching: Which samples are the same.
        examples: How many samples each cause names at most.

    Returns:
        The parts, which sum to the gap.

    Raises:
        NotComparableError: If no sample enters both values.
    """
    pairs = [(i, j) for i, j in matching.pairs if a.counted[i] and b.counted[j]]
    if not pairs:
        raise NotComparableError(
            "the two runs share no sample that both scored: nothing sets their values apart sample by sample"
        )
    walk = _Walk(a, b, pairs)
    steps, rescored = walk.steps()
    value_a, value_b = _value(a, a.counted), _value(b, b.counted)
    ends = _Ends(a, b, matching.pairs, pairs)
    outer = ends.parts(value_a, value_b, walk.first_value, walk.last_value, examples)
    parts = {part.cause: part for part in outer}
    for step in steps:
        part = walk.part(step, examples)
        parts[part.cause] = _joined(parts[part.cause], part, examples) if part.cause in parts else part
    ordered = _exact([parts[cause] for cause in CAUSES if cause in parts], value_b - value_a)
    same = walk.same
    return Attribution(
        value_a=value_a,
        value_b=value_b,
        parts=ordered,
        shared=len(pairs),
        only_a=ends.only_a,
        only_b=ends.only_b,
        same_output=None if same is None else int(same.sum()),
        matched_by=matching.how,
        rescored=rescored,
        plain=a.is_plain and b.is_plain,
        answer_points=walk.answer_points(steps),
        pairs=pairs,
    )


def _exact(parts: list[Part], gap: float) -> list[Part]:
    """The same parts, of which the largest takes up what rounding left between their sum and the gap."""
    rest = gap - sum(part.points for part in parts)
    if not rest or not parts:
        return parts
    largest = max(range(len(parts)), key=lambda n: abs(parts[n].points))
    return [replace(part, points=part.points + rest) if n == largest else part for n, part in enumerate(parts)]


def _joined(one: Part, other: Part, examples: int) -> Part:
    return replace(
        one,
        points=one.points + other.points,
        samples=one.samples + other.samples,
        changed=one.changed + other.changed,
        difference=other.difference if not one.changed else None,
        examples=(*one.examples, *other.examples)[:examples],
    )


def _value(side: Side, mask: Mask) -> float:
    rows = side.rows[mask]
    if not len(rows):
        return float("nan")
    codes = np.unique(np.asarray(side.clusters, dtype=object)[mask].astype(str), return_inverse=True)[1]
    return point(side.metric, rows, codes.astype(np.int64, copy=False)) + 0.0


class _Ends:
    """Samples that enter one value only: those that the other run was not asked, and those on which it failed."""

    def __init__(self, a: Side, b: Side, matched: Sequence[tuple[int, int]], shared: Sequence[tuple[int, int]]) -> None:
        self._sides = a, b
        places = ([i for i, _ in matched], [j for _, j in matched]), ([i for i, _ in shared], [j for _, j in shared])
        self._matched, self._shared = (
            [_mask(len(side.counted), own) for side, own in zip((a, b), both, strict=True)] for both in places
        )
        self.only_a, self.only_b = (
            int((side.counted & ~mask).sum()) for side, mask in zip((a, b), self._matched, strict=True)
        )

    def parts(self, value_a: float, value_b: float, first: float, last: float, examples: int) -> Iterator[Part]:
        """The causes ``samples`` and ``failures``; `first` and `last` are the values over the shared samples."""
        asked = [_value(side, side.counted & mask) for side, mask in zip(self._sides, self._matched, strict=True)]
        alone = [side.counted & ~mask for side, mask in zip(self._sides, self._matched, strict=True)]
        failed = [
            side.counted & mask & ~both
            for side, mask, both in zip(self._sides, self._matched, self._shared, strict=True)
        ]
        yield self._part("samples", (asked[0] - value_a) + (value_b - asked[1]), alone, examples)
        yield self._part("failures", (first - asked[0]) + (asked[1] - last), failed, examples)

    def _part(self, cause: Cause, points: float, masks: Sequence[Mask], examples: int) -> Part:
        count = int(masks[0].sum() + masks[1].sum())
        found = [self._example(n, place) for n in (0, 1) for place in np.flatnonzero(masks[n])[:examples].tolist()]
        return Part(cause, points if count else 0.0, count, count, None, tuple(found[:examples]))

    def _example(self, n: int, place: int) -> Example:
        side = self._sides[n]
        line, output = side.asked[place], _output(side, place)
        score = float(side.rows[place, 0]) if side.is_plain else None
        own = (line.id, "") if n == 0 else ("", line.id)
        outputs, scores = ((output, None), (score, None)) if n == 0 else ((None, output), (None, score))
        return Example(*own, line.question or line.prompt, line.references, *outputs, *scores)


def _mask(count: int, places: Sequence[int]) -> Mask:
    found = np.zeros(count, dtype=np.bool_)
    found[np.asarray(places, dtype=np.int64)] = True
    return found


def _output(side: Side, place: int) -> str | None:
    if side.responses is None or not side.responses[place]:
        return None
    output = side.responses[place][0].output
    return output if output is None or isinstance(output, str) else "scores of the choices"


class _Walk:
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

    def steps(self) -> tuple[list[_Step], Literal["a", "b"] | None]:
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

    def _of_two_metrics(self) -> tuple[list[_Step], Literal["a", "b"] | None]:
        """Metrics that are no means of a score a sample: the whole convention is one step, where answers can be rescored."""
        a, b = self._a, self._b
        every = np.ones(len(self._pairs), dtype=np.bool_)
        if (mine := self._rescored(b, self._at_b, a, self._at_a)) is not None:
            return [
                _Step("metric", every, self._rows_a, mine.rows, a.metric),
                *self._answers(mine.rows, self._rows_b),
            ], "a"
        return [_Step("scoring and answers", every, self._rows_a, self._rows_b, a.metric)], None

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
    ) -> list[_Step]:
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

    def _answers(self, before: Floats, after: Floats) -> list[_Step]:
        """Steps between two answers that are scored alike: failures, changed questions, truncation, and the rest."""
        classes = np.asarray([self._class(i, j) for i, j in self._pairs], dtype=object)
        causes: tuple[Cause, ...] = ("failures", "questions", "truncation", "answers")
        return self._walk(before, after, [(cause, classes == cause) for cause in causes])

    def _class(self, i: int, j: int) -> Cause:
        left, right = (_statuses(side, n) for side, n in ((self._a, i), (self._b, j)))
        if bool(left & _FAILED) != bool(right & _FAILED):
            return "failures"
        if same_question(self._a.asked[i], self._b.asked[j]) is False:
            return "questions"
        return "truncation" if ("truncated" in left) != ("truncated" in right) else "answers"

    def _walk(self, before: Floats, after: Floats, masks: Sequence[tuple[Cause, Mask]]) -> list[_Step]:
        """One step for each cause: the rows of its samples are those after it from then on."""
        steps, rows = [], before
        for cause, mask in masks:
            changed = np.where(mask[:, None], after, rows)
            steps.append(_Step(cause, mask, rows, changed, self._b.metric))
            rows = changed
        return steps

    def part(self, step: _Step, examples: int) -> Part:
        """What a step is worth, with its interval."""
        if step.metric is not self._b.metric:  # from one metric to another, which count something else in each row
            points = point(self._b.metric, step.after, self._clusters) - point(step.metric, step.before, self._clusters)
            return Part(step.cause, points, len(self._pairs), len(self._pairs))
        differs = (step.before != step.after).any(axis=1)
        if not differs.any():
            return Part(step.cause, 0.0, int(step.mask.sum()), 0)
        values = [point(step.metric, rows, self._clusters) for rows in (step.before, step.after)]
        difference = paired(step.metric, step.before, step.after, self._clusters)
        shown = self._examples(step, differs, examples)
        return Part(step.cause, values[1] - values[0], int(step.mask.sum()), int(differs.sum()), difference, shown)

    def _examples(self, step: _Step, differs: Mask, count: int) -> tuple[Example, ...]:
        plain = self._a.is_plain and self._b.is_plain
        size = np.abs(step.after - step.before).sum(axis=1)
        found = []
        for n in np.argsort(-size, kind="stable")[: min(count, int(differs.sum()))].tolist():
            i, j = self._pairs[n]
            left, right = self._a.asked[i], self._b.asked[j]
            scores = [float(rows[n, 0]) if plain else None for rows in (step.before, step.after)]
            text = right.question or left.question or right.prompt or left.prompt
            outputs = _output(self._a, i), _output(self._b, j)
            found.append(Example(left.id, right.id, text, right.references or left.references, *outputs, *scores))
        return tuple(found)

    def answer_points(self, steps: Sequence[_Step]) -> dict[int, float]:
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
    return tuple((each.status in _FAILED, _comparable(each.output)) for each in responses)


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


def _computation(metric: Metric) -> tuple[Any, ...]:
    return str(metric.id), metric.unit, metric.columns, metric.is_mean, metric.bounds
