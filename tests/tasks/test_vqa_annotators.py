"""Questions that several people answered: variants of VQA accuracy in the task `vqa`, its notes and its ceiling."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmbench.core import Response, UnknownNameError
from mmbench.core.requests import as_choose
from mmbench.data import Question, Rows, image_from_array
from mmbench.metrics import VQA_VARIANTS
from mmbench.metrics.evaluate import evaluate
from mmbench.testing import check_task
from mmbench_tasks.vqa.card import VqaCard
from mmbench_tasks.vqa.family import family
from mmbench_tasks.vqa.scenes import task as scenes
from mmbench_tasks.vqa.task import VqaTask

IMAGES = [image_from_array(np.full((2, 2, 3), shade, np.uint8)) for shade in range(12)]
CARD = VqaCard(
    name="vqa/people",
    description="for tests",
    licence="CC0-1.0",
    citation="none",
    revision="1",
    source=Rows({}),
    variant="official-2021",
)
AGREED = ("two dogs",) * 10
DIVIDED = ("red",) * 3 + ("Red brown",) * 5 + ("a fox", "none")


def question(n: int, answers: Sequence[str], **fields: object) -> Question:
    return replace(Question(f"q{n}", IMAGES[n % 12], "What is it?", tuple(answers), None, {}), **fields)


def task_over(*answers: Sequence[str], card: VqaCard = CARD, **fields: object) -> VqaTask:
    rows = [question(n, each, **fields) for n, each in enumerate(answers)]
    return VqaTask(replace(card, source=Rows({"test": rows})))


def worth(task: VqaTask, output: object) -> tuple[float, str]:
    """What the answer to the task's first question gets, and how it is counted."""
    table = task.score(task.samples()[:1], [[Response("ok", output)]])["sample"]
    (column,) = table.columns.values()
    return column[0], table.status[0]


@pytest.mark.parametrize(
    ("variant", "said", "expected"),
    [
        ("official-2021", "two dogs", 1),
        ("official-2021", "Two dogs.", 0),
        ("always-normalised", "2 Dogs.", 1),
        ("textvqa-evalai", "two, dogs?", 1),
        ("exact", "two dogs", 1),
        ("exact", "Two dogs", 0),
    ],
)
def test_a_variant_compares_what_the_model_wrote(variant: str, said: str, expected: float) -> None:
    task = task_over(AGREED).with_options(variant=variant)
    assert worth(task, said) == (expected, "scored")
    assert task.info.primary == (f"vqa_accuracy(variant={variant})",)
    assert [str(metric.id) for metric in task.metrics] == list(task.info.primary)
    assert task.info.extractor == "verbatim-v1"


def test_the_variant_is_the_cards_unless_another_is_picked() -> None:
    task = task_over(DIVIDED)
    assert task.info.primary == ("vqa_accuracy(variant=official-2021)",)
    assert worth(task, "Red")[0] == 0.9
    free = task.with_options(variant="any")
    assert (free.info.primary, free.info.extractor) == (("accuracy",), "exact-v2")
    assert worth(free, "A fox.") == (1.0, "scored")
    assert free.info.options == {"variant": "any"}
    with pytest.raises(UnknownNameError, match=r"Did you mean 'official-2021'.*There are: any, official-2021"):
        task.with_options(variant="official")


def test_data_with_one_answer_keep_accuracy() -> None:
    card = replace(CARD, variant="any")
    assert task_over(["red"], card=card).info.primary == ("accuracy",)
    with pytest.raises(UnknownNameError, match=r"There are: any\."):
        scenes.with_options(variant="official-2021")


def test_an_extractor_comes_before_the_variant() -> None:
    task = task_over(DIVIDED).with_options(extractor="final-answer", variant="always-normalised")
    assert worth(task, "It is\nAnswer: Red-brown.") == (1.0, "scored")


def test_an_empty_answer_is_none_unless_people_said_nothing_either() -> None:
    assert worth(task_over(DIVIDED), "") == (0.0, "unparsed")
    assert worth(task_over(("A", "-", "the") + ("b",) * 7), "") == (0.9, "scored")


def test_closed_questions_of_several_people() -> None:
    choices = ("red", "blue", "green")
    answers = ("red",) * 2 + ("blue",) * 8
    task = task_over(answers, card=replace(CARD, closed_answers=True), choices=choices)
    (sample,) = task.samples()
    assert task.info.extractor == "exact-v2"
    assert worth(task, [1.0, 1.0, 0.0])[0] == pytest.approx((0.6 + 1) / 2)
    assert task.chance([sample]) == {"vqa_accuracy(variant=official-2021)": pytest.approx(1.6 / 3)}
    (request,) = task.requests(sample)
    assert task.solve(sample, request) == "blue"
    assert task.solve(sample, as_choose(request)) == [0.0, 1.0, 0.0]


def test_its_own_answer_is_the_one_that_is_worth_most() -> None:
    task = task_over(DIVIDED, ("a", "b", "c") + ("d",) * 2 + ("e", "f", "g", "h", "i"))
    best = [task.solve(sample, task.requests(sample)[0]) for sample in task.samples()]
    assert best == ["Red brown", "d"]
    assert task.ceiling(task.samples()) == {"vqa_accuracy(variant=official-2021)": pytest.approx((1 + 0.6) / 2)}
    assert task.with_options(variant="any").ceiling(task.samples()) == {}


@pytest.mark.slow
@pytest.mark.parametrize("variant", [*VQA_VARIANTS, "any"])
def test_people_who_disagree_break_no_promise(variant: str) -> None:
    said = [DIVIDED, AGREED, tuple("bcdefghijk"), ("x", "y") * 5]
    task = task_over(*[said[n % 4] for n in range(12)]).with_options(variant=variant)
    report = check_task(task, fresh_process=False)
    report.raise_if_failed()
    assert report["oracle"].status == "pass"


def test_records_reach_the_official_formula_and_the_fingerprint() -> None:
    apart, alike = task_over(AGREED), task_over(AGREED, records=("yes",) * 10)
    assert worth(apart, "two dogs")[0] == 1
    assert worth(alike, "two dogs")[0] == 0
    assert worth(alike.with_options(variant="always-normalised"), "two dogs")[0] == 1
    assert apart.fingerprint() != alike.fingerprint()


def test_notes_say_what_the_data_lack() -> None:
    assert task_over(AGREED, DIVIDED).notes == ()
    alike = task_over(AGREED, DIVIDED, records=("yes",) * 10)
    (note,) = alike.notes
    assert note.startswith("2 of 2 questions have answers without ids")
    assert "an answer on which all agree scores 0; variant=always-normalised counts every person" in note
    assert alike.with_options(variant="textvqa-evalai").notes == ()
    assert alike.with_options(variant="any").notes == ()


@pytest.mark.parametrize(
    ("people", "words"),
    [(1, "among 1 is worth 0;"), (2, "is worth 1/3;"), (3, "is worth 2/3; variant=any"), (7, "four people is still")],
)
def test_notes_say_what_few_answers_do(people: int, words: str) -> None:
    (note,) = task_over(AGREED, AGREED[:people]).notes
    assert note.startswith(f"1 of 2 questions have fewer than 10 answers, as few as {people}. ")
    assert words in note


def test_exact_of_one_answer_is_plain_equality() -> None:
    task = task_over(["red"]).with_options(variant="exact")
    assert "plain equality" in task.notes[0]
    assert (worth(task, "red")[0], worth(task, "Red")[0]) == (1, 0)


def own_file(folder: Path, counts: Sequence[int]) -> Path:
    Image.new("RGB", (4, 4), "red").save(folder / "a.png")
    rows = [{"image": "a.png", "question": f"{n}?", "answers": ["red"] * count} for n, count in enumerate(counts)]
    path = folder / "mine.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_ten_answers_to_each_question_are_those_of_ten_people(tmp_path: Path) -> None:
    task = family.from_data("mine", own_file(tmp_path, [10, 10]))
    assert task.info.primary == ("vqa_accuracy(variant=always-normalised)",)
    assert family.from_data("mine", own_file(tmp_path, [10, 9])).info.primary == ("accuracy",)


def test_the_metric_is_the_mean_of_what_answers_are_worth() -> None:
    task = task_over(AGREED, DIVIDED)
    table = task.score(task.samples(), [[Response("ok", "two dogs")], [Response("ok", "fox")]])["sample"]
    assert evaluate(task.metrics[0], table).value == pytest.approx((1 + 0.3) / 2)
