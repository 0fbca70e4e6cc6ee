"""Files of answers as peers write them: each answer finds its sample, and what is right is never taken for an answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmbench.core import DataError, Sample
from mmbench.data import Fields, match_answers, read_answered


def samples(*ids: str, **more) -> list[Sample]:
    return [Sample(name, (f"what is {name}?",), meta={"question": f"What is {name}?"}, **more) for name in ids]


def answers(path: Path, *ids: str, fields: Fields | None = None) -> dict[str, str]:
    return match_answers(path, read_answered(path, fields), samples(*ids))


def write(path: Path, content) -> Path:
    if isinstance(content, str):
        path.write_text(content)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in content))
    else:
        path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vqa.json", [{"question_id": 7, "answer": "red"}, {"question_id": 8, "answer": "2"}]),
        ("gqa.json", [{"questionId": "7", "prediction": "red"}, {"questionId": "8", "prediction": "2"}]),
        ("vizwiz.json", [{"image": "7", "answer": "red"}, {"image": "8", "answer": "2"}]),
        ("llava.jsonl", [{"question_id": 7, "prompt": "?", "text": "red", "answer_id": "x"}, {"question_id": 8, "prompt": "?", "text": "2", "answer_id": "y"}]),
        ("both.jsonl", [{"id": "7", "answer": "gold", "response": "red"}, {"id": "8", "answer": "gold", "response": "2"}]),
        ("pred.jsonl", [{"id": 7, "label": "gold", "prediction": "red"}, {"id": 8, "label": "gold", "prediction": 2}]),
        ("keyed.json", {"7": "red", "8": "2"}),
        ("objects.json", {"7": {"prediction": "red", "answer": "gold"}, "8": {"prediction": 2, "answer": "gold"}}),
        ("accuracy.json", {"7": {"response": "red"}, "8": {"response": "2"}, "accuracy": 0.5}),
        ("science.json", {"acc": 1.0, "results": {"7": 0, "8": 1}, "outputs": {"7": "red", "8": "2"}}),
        ("vlmevalkit.tsv", "index\tquestion\tA\tB\tanswer\tprediction\n7\tq\tx\ty\tA\tred\n8\tq\tx\ty\tB\t2\n"),
    ],
)  # fmt: skip
def test_answers_find_their_samples(tmp_path, name, content):
    assert answers(write(tmp_path / name, content), "7", "8") == {"7": "red", "8": "2"}


def test_a_sheet_of_excel(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    for row in (
        ["index", "question", "A", "B", "answer", "prediction"],
        [7, "q", "x", "y", "A", "red"],
        [8, "q", "x", "y", "B", 2],
    ):
        book.active.append(row)
    book.save(tmp_path / "model_MMStar.xlsx")
    assert answers(tmp_path / "model_MMStar.xlsx", "7", "8") == {"7": "red", "8": "2"}
    (tmp_path / "broken.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match="Excel"):
        read_answered(tmp_path / "broken.xlsx")


def test_samples_of_lmms_eval_by_the_id_in_their_document_or_by_their_number(tmp_path):
    rows = [
        {"doc_id": 1, "doc": {"question_id": 8}, "target": "gold", "resps": [["2"]], "filtered_resps": ["2"]},
        {"doc_id": 0, "doc": {"question_id": 7}, "target": "gold", "resps": [["red"]], "filtered_resps": ["red"]},
    ]
    assert answers(write(tmp_path / "samples.jsonl", rows), "7", "8") == {"8": "2", "7": "red"}
    for row in rows:
        row["doc"] = {"hint": "?"}
    assert answers(write(tmp_path / "numbers.jsonl", rows), "first", "second") == {"second": "2", "first": "red"}


def test_ids_that_are_the_end_of_those_of_the_samples_and_numbers_with_zeros(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"question_id": 1, "text": "yes"}, {"question_id": 2, "text": "no"}])
    assert answers(path, "random/1", "random/2") == {"random/1": "yes", "random/2": "no"}
    assert answers(path, "00001", "00002") == {"00001": "yes", "00002": "no"}
    assert answers(path, "a/1", "b/1", "a/2") == {"1": "yes", "a/2": "no"}


def test_answers_without_ids_by_image_and_question_or_by_their_order(tmp_path):
    rows = [
        {"question_id": "img", "prompt": "What is 8?\nAnswer shortly.", "text": "2"},
        {"question_id": "img", "prompt": "what is 7?", "text": "red"},
    ]
    path = write(tmp_path / "llava.jsonl", rows)
    asked = samples("7", "8", group="img")
    assert match_answers(path, read_answered(path), asked) == {"8": "2", "7": "red"}
    bare = write(tmp_path / "bare.jsonl", [{"question": "a", "answer": "red"}, {"question": "b", "answer": "2"}])
    assert answers(bare, "7", "8") == {"7": "red", "8": "2"}
    with pytest.raises(DataError, match="order"):
        answers(bare, "7", "8", "9")


def test_a_card_says_what_the_official_result_file_calls_things(tmp_path):
    path = write(tmp_path / "official.json", [{"set": 1, "n": 2, "says": "yes", "answer": "gold"}])
    fields = Fields(id="{set}_{n}", prediction="says")
    assert answers(path, "1_2", fields=fields) == {"1_2": "yes"}
    other = write(tmp_path / "other.json", [{"id": "1_2", "answer": "no"}])
    assert answers(other, "1_2", fields=fields) == {"1_2": "no"}


@pytest.mark.parametrize(
    "content",
    [
        "id,question\n7,what?\n",
        "index,A,B,answer\n7,x,y,A\n",
        "id,answer\n7,red\n7,blue\n",
    ],
)
def test_files_without_answers_and_ids_that_stand_there_twice(tmp_path, content):
    with pytest.raises(DataError):
        answers(write(tmp_path / "bad.csv", content), "7")


def test_the_id_is_made_as_the_dataset_makes_it(tmp_path):
    rows = [
        {"doc_id": n, "doc": {"category": c, "question_id": 1, "question": c}, "filtered_resps": [c]}
        for n, c in enumerate(["b", "a"])
    ]
    path = write(tmp_path / "samples.jsonl", rows)
    maps = [Fields(id="{category}/{question_id}")]
    assert match_answers(path, read_answered(path), samples("a/1", "b/1"), maps) == {"b/1": "b", "a/1": "a"}
    plain = write(tmp_path / "plain.jsonl", [{"category": c, "question_id": 1, "text": c} for c in "ba"])
    assert match_answers(plain, read_answered(plain), samples("a/1", "b/1"), maps) == {"b/1": "b", "a/1": "a"}


def test_numbers_of_documents_in_another_order_are_refused(tmp_path):
    rows = [{"doc_id": n, "doc": {"question": f"What is {name}?"}, "resps": [["x"]]} for n, name in enumerate("ba")]
    path = write(tmp_path / "samples.jsonl", rows)
    with pytest.raises(DataError, match="another order"):
        match_answers(path, read_answered(path), samples("a", "b"))
