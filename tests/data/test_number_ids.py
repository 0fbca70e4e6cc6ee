"""Ids that a table turned into decimal numbers, and data where the answers of some people are lost."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import evaluate, mmbench, write_picture, write_rows

pytestmark = pytest.mark.slow


def written(folder: Path, name: str, document: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(("reference", "prediction"), [(7.0, 7), (7, 7.0), (7.0, 7.0), (7.5, 7.5), (7.0, "7")])
def test_a_whole_number_with_decimals_is_the_whole_number(reference: Any, prediction: Any, tmp_path: Path) -> None:
    answers = [{"answer": "yes", "answer_id": n} for n in range(10)]
    annotations = [{"question_id": reference, "image_id": 3.0, "answers": answers}]
    references = written(tmp_path, "references.json", {"annotations": annotations})
    predictions = written(tmp_path, "results.json", [{"question_id": prediction, "answer": "yes"}])
    ended = mmbench(
        "score", "--task", "vqa", "--references", references, "--predictions", predictions, "--json", folder=tmp_path
    )
    assert ended.code == 0, ended.err
    assert ended.document()["metrics"][0]["value"] == 1.0


def test_captions_too(tmp_path: Path) -> None:
    images = [{"id": 7.0, "file_name": "x.jpg"}]
    references = written(tmp_path, "c.json", {"images": images, "annotations": [{"image_id": 7, "caption": "a dog"}]})
    predictions = written(tmp_path, "r.json", [{"image_id": 7.0, "caption": "a dog"}])
    ended = mmbench(
        "score", "--task", "captioning", "--references", references, "--predictions", predictions, folder=tmp_path
    )
    assert ended.code == 0, ended.err


def questions(folder: Path, counts: list[int]) -> Path:
    """Questions with so many answers each."""
    write_picture(folder / "images" / "x.png", (1, 2, 3))
    rows = [
        {"id": f"q{n}", "image": "x.png", "question": "what?", "answers": ["yes"] * count}
        for n, count in enumerate(counts)
    ]
    return write_rows(folder / "mine.jsonl", rows)


def test_questions_whose_answers_are_not_all_ten_say_why_any_of_them_is_right(tmp_path: Path) -> None:
    data = questions(tmp_path, [10, 10, 9])
    results = written(tmp_path, "r.json", [{"question_id": f"q{n}", "answer": "yes"} for n in range(3)])
    command = ["score", "--task", "vqa", "--references", data, "--predictions", results]
    note = (
        "1 of 3 questions have another number of answers than 10, so the answers are not taken for those of ten people"
    )
    shown = mmbench(*command, folder=tmp_path)
    assert note in shown.err
    assert "accuracy" in shown.out
    assert note in mmbench(*command, "--json", folder=tmp_path).document()["notes"][0]
    for variant in ("any", "always-normalised"):
        chosen = mmbench(*command, "--set", f"variant={variant}", folder=tmp_path)
        assert chosen.code == 0
        assert note not in chosen.err


@pytest.mark.parametrize("counts", [[1, 1, 3], [10, 10, 10]])
def test_other_data_need_no_such_note(counts: list[int], tmp_path: Path, capfd: Any) -> None:
    evaluate("constant", questions(tmp_path, counts), tmp_path)
    assert "another number of answers" not in capfd.readouterr().err
