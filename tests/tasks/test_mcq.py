"""Questions with lettered options: how they are put, and what an answer is worth."""

from __future__ import annotations

import json

import pytest
from shards import png

from mmbench import registry, score
from mmbench.core import DataError, Response, Sample, UsageError
from mmbench.data import Question, Rows
from mmbench.testing import check_task
from mmbench_tasks.mcq import McqCard, McqTask
from mmbench_tasks.mcq.rules import RULES

FACTS = {"description": "toys", "licence": "MIT", "citation": "here", "revision": "1"}
OPTIONS = ("a red ball", "a blue ball", "a dog")


def task_of(rows, **fields) -> McqTask:
    return McqTask(McqCard(name="mcq/toys", source=Rows({"test": rows}), **{**FACTS, **fields}))


@pytest.fixture
def questions():
    return [
        Question("q1", None, "What rolls?", ("a blue ball",), OPTIONS, meta={"hint": "It is blue."}),
        Question("q2", None, "What barks?", ("a dog",), OPTIONS),
        Question("q3", None, "Twice?", ("same",), ("other", "same", "same")),
    ]


def worth(task, index, text):
    sample = task.samples()[index]
    found = task.score_sample(sample, Response("ok", text))
    return found.values["accuracy"], found.status


def test_options_are_lettered_and_stay_in_order_unless_a_seed_is_given(questions):
    task = task_of(questions)
    first = task.samples()[0]
    (request,) = task.requests(first)
    assert request.parts == (
        "Context: It is blue.\nWhat rolls?\nA. a red ball\nB. a blue ball\nC. a dog\n\nAnswer with the option's letter from the given choices directly.",
    )
    assert (first.choices, first.references) == (("A", "B", "C"), ("B",))
    shuffled = task.with_options(shuffle=3)
    again = task.with_options(shuffle=3)
    assert [s.meta["options"] for s in shuffled.samples()] == [s.meta["options"] for s in again.samples()]
    assert any(s.meta["options"] != t.meta["options"] for s, t in zip(task.samples(), shuffled.samples(), strict=True))
    assert all(s.meta["options"][ord(s.references[0]) - 65] == s.meta["right"] for s in shuffled.samples())
    with pytest.raises(UsageError):
        task.with_options(shuffle="yes")


@pytest.mark.parametrize(
    ("text", "value", "status"),
    [
        ("B", 1.0, "scored"),
        ("b.", 1.0, "scored"),
        ("a blue ball", 1.0, "scored"),
        ("The answer is (B).", 1.0, "scored"),
        ("A", 0.0, "scored"),
        ("I do not know", 0.0, "unparsed"),
    ],
)
def test_the_letter_or_the_text_of_an_option(questions, text, value, status):
    assert worth(task_of(questions), 0, text) == (value, status)


def test_options_of_the_same_text_are_equally_right(questions):
    task = task_of(questions)
    assert [worth(task, 2, letter)[0] for letter in "ABC"] == [0.0, 1.0, 1.0]
    assert [task.choice_values(task.samples()[2], letter)["accuracy"] for letter in "ABC"] == [0.0, 1.0, 1.0]
    assert task.chance(task.samples())["accuracy"] == pytest.approx((1 / 3 + 1 / 3 + 2 / 3) / 3)


def test_the_task_keeps_the_rules_of_tasks(questions):
    check_task(task_of(questions), fresh_process=False).raise_if_failed()


def rotations():
    for number, (options, right) in enumerate([(("x", "y"), "x"), (("p", "q"), "q")]):
        for turn in range(2):
            turned = options[turn:] + options[:turn]
            facts = {"circle": str(number), "first": "true" if turn == 0 else "false"}
            yield Question(str(number + 1_000_000 * turn), None, f"{number}?", (right,), turned, meta=facts)


def test_a_question_counts_when_all_its_rotations_are_right():
    task = task_of(list(rotations()), circular=True, judged=True)
    samples = task.samples()
    always_a = task.score(samples, [(Response("ok", "A"),)] * 4)
    assert [metric.id.name for metric in task.metrics] == ["circular_accuracy", "accuracy"]
    assert str(task.metrics[1].id) == "accuracy(extraction=rules,rule=option)"
    assert always_a["question"].columns["all_right"] == [0.0, 0.0]
    solved = task.score(samples, [(Response("ok", s.references[0]),) for s in samples])
    assert solved["question"].columns["all_right"] == [1.0, 1.0]
    vanilla = task.with_options(protocol="vanilla")
    assert [s.id for s in vanilla.samples()] == ["0", "1"]


@pytest.mark.parametrize(
    ("rule", "facts", "references", "output", "right"),
    [
        ("mmmu", {}, ("3.14",), "So x = 3.14", True),
        ("mmmu", {}, ("3.14",), "3.15", False),
        ("mathvista", {"answer_type": "float", "precision": "1.0"}, ("1.2",), "The answer is 1.24 m.", True),
        ("mathvista", {"answer_type": "integer"}, ("7",), "There are 3 + 4 = 7 of them.\nAnswer: 7", True),
        ("mathvista", {"answer_type": "list"}, ("[0, 2]",), "[0, 2]", True),
        ("mathvision", {}, ("0.5",), "\\boxed{\\frac{1}{2}}", True),
        ("extractor", {}, ("dark red",), "Answer: Dark red.", True),
    ],
)
def test_open_questions_by_their_rule(rule, facts, references, output, right):
    task = task_of([])
    sample = Sample("q", ("?",), references, meta=facts)
    assert RULES[rule].judge(output, sample, task.extractor)[1] is right


def test_a_user_file_is_scored_and_gold_is_not_the_prediction(tmp_path):
    rows = [
        {"id": 1, "question": "?", "choices": ["x", "y"], "answer": "y"},
        {"id": 2, "question": "?", "choices": ["x", "y"], "answer": "x"},
    ]
    references, predictions = tmp_path / "r.jsonl", tmp_path / "p.jsonl"
    references.write_text("".join(json.dumps(row) + "\n" for row in rows))
    predictions.write_text("".join(json.dumps({**row, "response": "B"}) + "\n" for row in rows))
    result = score("mcq", predictions, references)
    assert result.metrics[0].value == 0.5


def test_the_fourteen_configurations_of_blink_are_one_dataset(tmp_path):
    from mmbench_tasks.mcq.cards.blink import CARD

    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    for number, config in enumerate(CARD.source.hub.configs):
        columns = {
            "idx": [f"val_{config}_1"], "sub_task": [config], "question": ["Which?"], "choices": [["left", "right"]],
            "prompt": ["Which? Select from the following choices. (A) left (B) right"], "answer": ["(B)"],
        }  # fmt: skip
        pictures = [{"bytes": png((number, 0, 0)), "path": "a.png"}, None, None, None]
        pictures[1] = pictures[0] if number else None
        images = {f"image_{n}": pa.array([each], kind) for n, each in enumerate(pictures, 1)}
        (tmp_path / config).mkdir()
        pq.write_table(pa.table({**columns, **images}), tmp_path / config / "val-00000-of-00001.parquet")
    rows = CARD.source.at(tmp_path).rows("test")
    assert [row.slices["task"] for row in rows] == list(CARD.source.hub.configs)
    assert {row.answers for row in rows} == {("right",)}
    assert [len(row.more_images) for row in rows] == [0] + [1] * 13
    task = registry.load(registry.find("task", "mcq/blink")).at(tmp_path)
    (request,) = task.requests(task.samples()[0])
    assert str(request.parts).count("left") == 1, "the options stand in the prompt of the dataset"
    (tmp_path / "Jigsaw" / "val-00000-of-00001.parquet").unlink()
    with pytest.raises(DataError, match="Jigsaw"):
        CARD.source.at(tmp_path).rows("test")
