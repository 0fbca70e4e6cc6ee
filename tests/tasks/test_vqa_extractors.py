"""The task `vqa` with each extractor: what is right, what is refused, and choices that are not all different."""

import dataclasses
import json
import unicodedata

import pytest
from test_vqa_task import CARD, outcome, question

from mmbench.core import UsageError
from mmbench.data import Rows, read_questions
from mmbench.metrics import VQA_VARIANTS, vqa_accuracy
from mmbench_tasks.vqa import VqaTask
from mmbench_tasks.vqa.family import family


def over(*rows, **options):
    card = dataclasses.replace(CARD, source=Rows({"test": rows}), closed_answers=rows[0].choices is not None)
    return VqaTask(card).with_options(**options)


@pytest.mark.parametrize(
    ("extractor", "answers", "choices", "output", "value"),
    [
        ("contains", ("car",), None, "It is a red car.", 1.0),
        ("contains", ("bus", "truck"), None, "It is a red car.", 0.0),
        ("number", ("3",), None, "There are three.", 1.0),
        ("number", ("1/4",), None, "0.25", 1.0),
        ("number", ("-3",), None, "3", 0.0),
        ("number", ("10 cm",), ("10 cm", "20 cm"), "It is 10 long", 1.0),
        ("yes-no", ("Yes",), ("Yes", "No"), "yes, there is", 1.0),
        ("letter", ("red",), ("blue", "red"), "The answer is (B).", 1.0),
        ("letter", ("B",), None, "B. red", 1.0),
        ("unwrap", ("$MgS$",), None, "**MgS**", 1.0),
        ("final-answer", ("red",), None, "It is big. So the answer is red.", 1.0),
        ("exact", ("caf\u00e9",), None, "CAFE\u0301\u3002", 1.0),
        ("exact", ("red ",), ("blue", "red"), "RED", 1.0),
        ("exact", ("mW",), ("mW", "MW"), "MW", 0.0),
        ("exact", ("mW",), ("mW", "MW"), "mW", 1.0),
    ],
)
def test_what_is_right_to_an_extractor(extractor, answers, choices, output, value):
    row = question(answers=answers, choices=choices)
    found, status, _ = outcome(row, output, over(row, extractor=extractor))
    assert (found, status) == (value, "scored")


def test_what_one_of_several_people_said_is_found_in_a_sentence():
    row = question(answers=("red",) * 7 + ("dark red",) * 3, choices=None)
    task = over(row, extractor="contains", variant="always-normalised")
    worth = [
        task.score_sample(task.samples()[0], _said(text)).values["vqa_accuracy"]
        for text in ("It is red.", "It is dark red.", "It is blue.", "red")
    ]
    assert worth == [1.0, pytest.approx(0.9), 0.0, 1.0]


def _said(text):
    from mmbench.core import Response

    return Response("ok", text)


@pytest.mark.parametrize("variant", VQA_VARIANTS)
def test_equivalent_texts_are_worth_the_same_in_every_variant(variant):
    people = ["caf\u00e9"] * 5 + ["cafe\u0301"] * 5
    for answer in ("caf\u00e9", "cafe\u0301"):
        assert vqa_accuracy(answer, people, variant) == 1.0


def test_an_extractor_that_needs_choices_is_refused_where_no_question_has_any(tmp_path):
    rows = [{"image": None, "question": "?", "answer": "red"}, {"image": None, "question": "?", "answer": "blue"}]
    file = tmp_path / "open.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    for name in ("mention", "leading"):
        with pytest.raises(UsageError, match=name):
            family.from_data("open", file).with_options(extractor=name)
    rows[0]["choices"] = ["red", "blue"]
    file.write_text("\n".join(map(json.dumps, rows)))
    assert family.from_data("open", file).with_options(extractor="mention").info.options == {"extractor": "mention"}


def test_choices_that_are_not_all_different_are_read_and_counted(tmp_path):
    rows = [
        {"image": None, "question": "?", "answer": "four", "choices": ["four", "three", "three"]},
        {"image": None, "question": "?", "answer": "three", "choices": ["four", "three", "three"]},
        {"image": None, "question": "?", "answer": "mW", "choices": ["mW", "MW"]},
        {"image": None, "question": "?", "answer": unicodedata.normalize("NFD", "\u00e9"), "choices": ["\u00e9", "e"]},
    ]
    file = tmp_path / "twice.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    assert read_questions(file)[0].choices == ("four", "three", "three")
    task = family.from_data("twice", file)
    (note,) = task.notes
    assert note.startswith("2 of 4 questions")
    samples = task.samples()
    assert [task.choice_values(sample, sample.choices[1])["accuracy"] for sample in samples] == [0.0, 1.0, 0.0, 0.0]
    assert task.chance(samples) == {"accuracy": pytest.approx((1 / 3 + 2 / 3 + 1 / 2 + 1 / 2) / 4)}
    for sample in samples:
        (request,) = task.requests(sample)
        assert task.score_sample(sample, _said(task.solve(sample, request))).values["accuracy"] == 1.0
