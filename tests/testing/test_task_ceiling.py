"""Tasks whose own answers cannot be wholly right say what they get, and the kit holds them to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mmbench.core import Response, Sample, SampleScore
from mmbench.testing import ProbeTask, check_task


class Half(ProbeTask):
    """No answer is worth more than a half; the metric goes to 1."""

    said: Mapping[str, float] = {"accuracy": 0.5}

    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        scored = super().score_sample(sample, response)
        return SampleScore({name: value / 2 for name, value in scored.values.items()}, scored.status, scored.answer)

    def chance(self, samples: Sequence[Sample]) -> dict[str, float]:
        return {name: value / 2 for name, value in super().chance(samples).items()}


class SaysSo(Half):
    def ceiling(self, samples: Sequence[Sample]) -> Mapping[str, float]:
        return self.said


class Says(SaysSo):
    def __init__(self, said: Mapping[str, float]) -> None:
        super().__init__()
        self.said = said


class WrongIsBetter(SaysSo):
    """A wrong answer is worth 1, twice as much as its own."""

    def score_sample(self, sample: Sample, response: Response) -> SampleScore:
        scored = super().score_sample(sample, response)
        return scored if scored.values["accuracy"] else SampleScore({"accuracy": 1.0})


def oracle(task: Any) -> Any:
    return check_task(task, fresh_process=False)["oracle"]


def test_a_task_that_says_nothing_must_reach_the_bound() -> None:
    assert oracle(Half()).status == "fail"


def test_a_task_is_held_to_what_it_says() -> None:
    check = oracle(SaysSo())
    assert (check.status, check.detail) == ("pass", "Its own answers get accuracy 0.5.")
    check_task(SaysSo(), fresh_process=False).raise_if_failed()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"accuracy": 0.6}, "Its own answers get accuracy = 0.5; the best is 0.6"),
        ({"accuracy": 0.4}, "Its own answers get accuracy = 0.5; the best is 0.4"),
        ({"accuracy": 1.5}, "ceiling says accuracy = 1.5; expected a number up to 1"),
        ({"accuracy": float("nan")}, "expected a number up to 1"),
        ({"acuracy": 0.5}, "ceiling names 'acuracy'; the metrics are 'accuracy'"),
        ({}, "the best is 1"),
    ],
)
def test_what_it_says_must_be_so(said: Mapping[str, float], words: str) -> None:
    check = oracle(Says(said))
    assert check.status == "fail"
    assert words in check.detail


def test_no_other_answers_may_be_worth_more() -> None:
    check = oracle(WrongIsBetter())
    assert check.status == "fail"
    assert "more than the 0.5 that ceiling says" in check.detail
