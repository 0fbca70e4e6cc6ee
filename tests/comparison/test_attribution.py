"""The gap between two runs, taken apart: a cause that is injected alone gets all points, and all causes sum to the gap."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbench.comparison.attribution import attribute
from mmbench.comparison.causes import CAUSES, Attribution, Rescored, Side
from mmbench.comparison.matching import Matching, match
from mmbench.core.errors import NotComparableError
from mmbench.core.ids import MetricId
from mmbench.core.metric import ONES, Metric
from mmbench.core.responses import Response
from mmbench.metrics.formulas import ratio
from mmbench.results.schema import AskedLine

Extract = Callable[[str], str]
Score = Callable[[str, str], float]


def loose(output: str) -> str:
    return output.lower().strip(" .")


def strict(output: str) -> str:
    return output


EXTRACTORS = {"loose": loose, "strict": strict}


def exact(answer: str, right: str) -> float:
    return float(answer == right)


def partly(answer: str, right: str) -> float:
    return 1.0 if answer == right else 0.25


def mean(name: str = "exact") -> Metric:
    return Metric(id=MetricId(name), unit="sample", columns=("x", ONES), formula=ratio, is_mean=True)


@dataclass(frozen=True)
class Fake:
    """A run of questions with one right answer each, scored by an extractor and a rule of its own."""

    outputs: tuple[str, ...]
    right: tuple[str, ...]
    ids: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    extract: Extract = loose
    score: Score = exact
    builds: bool = True

    def side(self) -> Side:
        count = len(self.outputs)
        ids = self.ids or tuple(f"s{n}" for n in range(count))
        statuses = self.statuses or ("ok",) * count
        questions = self.questions or tuple(f"question {n}" for n in ids)
        responses = [(Response(s, None if s == "error" else o),) for s, o in zip(statuses, self.outputs, strict=True)]  # type: ignore[arg-type]
        own = self._rescored(range(count), responses)
        return Side(
            metric=mean(self.score.__name__),
            rows=own.rows,
            counted=np.array([status != "error" for status in statuses]),
            clusters=ids,
            asked=[
                AskedLine(id=name, position=n, question=text, references=(right,))
                for n, (name, text, right) in enumerate(zip(ids, questions, self.right, strict=True))
            ],
            responses=responses,
            extracted=own.extracted,
            scoring=self.extract.__name__,
            rescore=self._rescored if self.builds else None,
            extractor=self.extract.__name__,
            with_extractor=(lambda name: replace(self, extract=EXTRACTORS[name])._rescored) if self.builds else None,
        )

    def _rescored(self, units: Sequence[int], responses: Sequence[tuple[Response, ...]]) -> Rescored:
        found = [self.extract(str(each[0].output)) for each in responses]
        scores = [self.score(answer, self.right[n]) for n, answer in zip(units, found, strict=True)]
        return Rescored(np.column_stack([scores, np.ones(len(scores))]), np.ones(len(scores), dtype=bool), found)


def explained(a: Fake, b: Fake) -> Attribution:
    left, right = a.side(), b.side()
    return attribute(left, right, match(left.asked, right.asked), examples=2)


def points(found: Attribution) -> dict[str, float]:
    return {part.cause: part.points for part in found.parts if part.points}


RIGHT = ("red", "blue", "yes", "no", "two", "cat", "dog", "left")
GOOD = Fake((*RIGHT[:6], "cow", "right"), RIGHT)  # 6 of 8


def test_runs_that_do_not_differ_have_no_points() -> None:
    found = explained(GOOD, GOOD)
    assert (points(found), found.gap, found.same_output, found.shared) == ({}, 0.0, 8, 8)


ALONE = {
    "extraction": (replace(GOOD, outputs=("Red.", "BLUE", *GOOD.outputs[2:]), extract=strict), replace(GOOD, outputs=("Red.", "BLUE", *GOOD.outputs[2:]))),
    "metric": (GOOD, replace(GOOD, score=partly)),
    "references": (GOOD, replace(GOOD, right=("green", *RIGHT[1:]))),
    "answers": (GOOD, replace(GOOD, outputs=("green", "green", *GOOD.outputs[2:]))),
    "truncation": (GOOD, replace(GOOD, outputs=("r", *GOOD.outputs[1:]), statuses=("truncated", *["ok"] * 7))),
    "questions": (GOOD, replace(GOOD, outputs=("green", *GOOD.outputs[1:]), questions=("what else?", *(f"question s{n}" for n in range(1, 8))))),
    "samples": (GOOD, Fake(GOOD.outputs[:6], RIGHT[:6])),
    "failures": (GOOD, replace(GOOD, statuses=("error", "error", *["ok"] * 6))),
}  # fmt: skip
WORTH = {
    "extraction": 2 / 8,
    "metric": 2 * 0.25 / 8,
    "references": -1 / 8,
    "answers": -2 / 8,
    "truncation": -1 / 8,
    "questions": -1 / 8,
    "samples": 1 - 6 / 8,
    "failures": 4 / 6 - 6 / 8,
}
"""Worked out by hand."""


@pytest.mark.parametrize("cause", ALONE)
@pytest.mark.parametrize("builds", [True, False])
def test_a_cause_alone_gets_all_points_and_the_others_none(cause: str, builds: bool) -> None:
    a, b = (replace(each, builds=builds) for each in ALONE[cause])
    found = explained(a, b)
    assert points(found) == {cause: pytest.approx(WORTH[cause])}
    assert found.gap == pytest.approx(WORTH[cause])
    (part,) = (part for part in found.parts if part.cause == cause)
    assert part.changed >= 1
    assert len(part.examples) == min(2, part.changed)
    back = explained(b, a)
    assert points(back) == {cause: pytest.approx(-WORTH[cause])}


def test_a_refusal_is_a_failure_though_it_counts() -> None:
    found = explained(GOOD, replace(GOOD, outputs=("", *GOOD.outputs[1:]), statuses=("refused", *["ok"] * 7)))
    assert points(found) == {"failures": pytest.approx(-1 / 8)}


def test_where_nothing_can_be_scored_again_other_answers_take_what_scoring_does_to_them() -> None:
    outputs = ("Red.", "BLUE", "Yes", *GOOD.outputs[3:])
    a = replace(GOOD, outputs=outputs, extract=strict)
    b = replace(GOOD, outputs=("Red.", "blue", "yes.", *GOOD.outputs[3:]))
    again = explained(a, b)
    assert again.rescored == "a"
    assert points(again) == {"extraction": pytest.approx(3 / 8)}
    alone = explained(replace(a, builds=False), replace(b, builds=False))
    assert alone.rescored is None
    assert points(alone) == {"extraction": pytest.approx(1 / 8), "answers": pytest.approx(2 / 8)}


def test_extraction_and_metric_are_told_apart_where_both_change() -> None:
    """The second extractor makes two answers right, and then the rule gives a quarter for the two that stay wrong."""
    outputs = ("Red.", "BLUE", *GOOD.outputs[2:])
    found = explained(replace(GOOD, outputs=outputs, extract=strict), replace(GOOD, outputs=outputs, score=partly))
    assert points(found) == {"extraction": pytest.approx(2 / 8), "metric": pytest.approx(2 * 0.25 / 8)}


def test_the_first_run_scores_the_answers_of_the_second_where_that_no_longer_scores_as_it_did() -> None:
    b = replace(GOOD, outputs=("Red.", *GOOD.outputs[1:]), extract=strict)
    side = replace(b.side(), rescore=replace(b, extract=loose)._rescored)  # today's extractor is another one
    a = replace(GOOD, outputs=("RED", *GOOD.outputs[1:])).side()
    found = attribute(a, side, match(a.asked, side.asked))
    assert found.rescored == "b"
    assert points(found) == {"extraction": pytest.approx(-1 / 8)}


def test_parts_have_the_interval_of_a_paired_difference() -> None:
    found = explained(*ALONE["answers"])
    (part,) = (part for part in found.parts if part.changed)
    assert part.difference is not None
    assert part.difference.value == pytest.approx(part.points)
    assert part.difference.low is not None
    assert part.difference.low < part.points < (part.difference.high or 0.0) + 1e-9


def test_without_a_shared_sample_nothing_is_explained() -> None:
    one, other = GOOD.side(), replace(GOOD, ids=tuple("abcdefgh")).side()
    with pytest.raises(NotComparableError):
        attribute(one, other, Matching("id", []))


def macro() -> Metric:
    """No mean: the larger of two sums' shares, so that single samples have no score."""
    return Metric(
        id=MetricId("top"),
        unit="sample",
        columns=("x", "y", ONES),
        formula=lambda s: np.maximum(s[..., 0], s[..., 1]) / s[..., 2],
    )


def test_a_value_that_is_undefined_has_no_gap() -> None:
    one = Fake(("a", "b"), ("a", "a")).side()
    other = replace(one, rows=np.full_like(one.rows, np.nan))
    with pytest.raises(NotComparableError):
        attribute(one, other, match(one.asked, other.asked))


def test_metrics_that_are_no_means_sum_as_well() -> None:
    rng = np.random.default_rng(5)
    sides = []
    for _ in range(2):
        rows = np.column_stack([rng.integers(0, 2, (30, 2)), np.ones(30)]).astype(float)
        sides.append(
            replace(
                Fake(tuple(map(str, rng.integers(0, 3, 30))), ("1",) * 30, builds=False).side(),
                metric=macro(),
                rows=rows,
            )
        )
    sides[1] = replace(sides[1], counted=rng.random(30) < 0.8)
    found = attribute(*sides, match(sides[0].asked, sides[1].asked))
    assert sum(part.points for part in found.parts) == pytest.approx(found.gap, abs=1e-12)
    other = replace(sides[1], metric=replace(macro(), id=MetricId("other")))
    apart = attribute(sides[0], other, match(sides[0].asked, other.asked))
    assert points(apart).keys() <= {"samples", "failures", "scoring and answers"}


OUTPUTS = st.sampled_from(["red", "Red.", "BLUE", "blue", "yes", "no ", ""])


@st.composite
def runs(draw: st.DrawFn) -> Fake:
    ids = draw(st.lists(st.sampled_from([f"s{n}" for n in range(9)]), min_size=3, unique=True))
    count = len(ids)
    some = st.lists(OUTPUTS, min_size=count, max_size=count)
    ended = st.lists(st.sampled_from(["ok", "ok", "truncated", "refused", "error"]), min_size=count, max_size=count)
    asked = st.lists(st.sampled_from(["", "", "changed"]), min_size=count, max_size=count)
    return Fake(
        outputs=tuple(draw(some)),
        right=tuple(draw(st.lists(st.sampled_from(["red", "blue", "yes"]), min_size=count, max_size=count))),
        ids=tuple(ids),
        statuses=tuple(draw(ended)),
        questions=tuple(f"question {name}{more}" for name, more in zip(ids, draw(asked), strict=True)),
        extract=draw(st.sampled_from([loose, strict])),
        score=draw(st.sampled_from([exact, partly])),
        builds=draw(st.booleans()),
    )


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(runs(), runs())
def test_the_points_of_all_causes_together_sum_to_the_gap(a: Fake, b: Fake) -> None:
    left, right = a.side(), b.side()
    try:
        found = attribute(left, right, match(left.asked, right.asked))
    except NotComparableError:
        return
    values = [side.rows[side.counted, 0].mean() for side in (left, right)]
    assert found.gap == pytest.approx(values[1] - values[0], abs=1e-12)
    assert abs(sum(part.points for part in found.parts) - found.gap) < 1e-12
    assert [part.cause for part in found.parts] == [
        cause for cause in CAUSES if cause in {p.cause for p in found.parts}
    ]
