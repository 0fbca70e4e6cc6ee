"""Answers and annotations from files, as the VQA challenges and their users have them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mmbench import score
from mmbench.core import DataError, ReadsPredictions, UsageError
from mmbench.data import read_annotations, read_results
from mmbench_tasks.vqa.family import family
from mmbench_tasks.vqa.scenes import task as scenes


def write(path: Path, whole: Any) -> Path:
    text = "\n".join(map(json.dumps, whole)) if path.suffix == ".jsonl" else json.dumps(whole)
    path.write_text(text, encoding="utf-8")
    return path


def annotation(number: int, said: list[str], *, ids: bool = True, **more: Any) -> dict[str, Any]:
    answers = [
        {"answer": text, "answer_confidence": "yes", **({"answer_id": n} if ids else {})}
        for n, text in enumerate(said, 1)
    ]
    usual = {"image_id": 7, "question_type": "what is", "answer_type": "other", "multiple_choice_answer": said[0]}
    return {"question_id": number, "answers": answers, **usual, **more}


def annotations(folder: Path, *rows: dict[str, Any]) -> Path:
    whole = {"info": {"year": 2017}, "license": {}, "data_subtype": "val2014", "annotations": list(rows)}
    return write(folder / "annotations.json", whole)


def results(folder: Path, **answers: str) -> Path:
    return write(folder / "results.json", [{"question_id": int(n[1:]), "answer": text} for n, text in answers.items()])


def test_official_annotations(tmp_path: Path) -> None:
    path = annotations(
        tmp_path, annotation(1, ["red"] * 10), annotation(2, ["b", "c"], answer_type="yes/no", image_id=8)
    )
    first, second = read_annotations(path)
    assert (first.id, first.answers, first.group, first.image, first.records) == ("1", ("red",) * 10, "7", None, ())
    assert first.slices == {"question_type": "what is", "answer_type": "other"}
    assert (second.id, second.group, second.slices["answer_type"]) == ("2", "8", "yes/no")


def test_people_without_ids_are_told_apart_by_their_confidence_alone(tmp_path: Path) -> None:
    path = annotations(tmp_path, annotation(1, ["red"] * 3, ids=False))
    assert read_annotations(path)[0].records == ("None yes",) * 3


def test_the_layout_of_textvqa(tmp_path: Path) -> None:
    row = {
        "question_id": 34602,
        "image_id": "003a8",
        "question": "what brand?",
        "answers": ["nous"] * 10,
        "image_width": 1,
    }
    (question,) = read_annotations(write(tmp_path / "TextVQA_0.5.1_val.json", {"dataset_type": "val", "data": [row]}))
    assert (question.id, question.answers, question.records, question.slices) == ("34602", ("nous",) * 10, (), {})


def test_official_files_give_a_task_and_answers(tmp_path: Path) -> None:
    references = annotations(tmp_path, annotation(1, ["red"] * 10), annotation(2, ["two"] * 9 + ["2"]))
    predicted = family.open_predictions(results(tmp_path, q1="Red.", q2="2"), references, None)
    assert isinstance(family, ReadsPredictions)
    assert predicted.outputs == {"1": ("Red.",), "2": ("2",)}
    assert [sample.id for sample in predicted.task.samples()] == ["1", "2"]
    assert {sample.group for sample in predicted.task.samples()} == {"7"}
    assert predicted.task.info.name == "vqa/annotations"
    assert predicted.task.info.primary == ("vqa_accuracy(variant=always-normalised)",)


def test_conventions_are_picked_by_name(tmp_path: Path) -> None:
    references = annotations(tmp_path, annotation(1, ["red"] * 10), annotation(2, ["two"] * 9 + ["2"]))
    path = results(tmp_path, q1="Red.", q2="Two")
    usual = score("vqa", path, references)
    assert [(each.id, each.value) for each in usual.metrics] == [("vqa_accuracy(variant=always-normalised)", 1.0)]
    official = score("vqa", path, references, options={"variant": "official-2021"})
    assert [(each.id, each.value) for each in official.metrics] == [("vqa_accuracy(variant=official-2021)", 0.5)]
    assert official.notes == ()
    assert set(official.slices) == {"question_type", "answer_type"}


def test_one_answer_in_official_annotations_is_plain_accuracy(tmp_path: Path) -> None:
    references = annotations(tmp_path, annotation(1, ["red"]), annotation(2, ["blue"]))
    assert score("vqa", results(tmp_path, q1="Red.", q2="red"), references).metrics[0].id == "accuracy"
    several = annotations(tmp_path, annotation(1, ["red", "red", "dark red"]))
    found = score("vqa", results(tmp_path, q1="red"), several)
    assert found.metrics[0].value == pytest.approx(4 / 9)
    assert "fewer than 10 answers, as few as 3" in found.notes[0]


@pytest.mark.parametrize("name", ["answers.json", "answers.jsonl"])
def test_other_names_for_the_same(tmp_path: Path, name: str) -> None:
    rows = [{"id": "a", "output": "red"}, {"question_id": 2, "answer": 1.50}, {"id": "c", "answer": ""}]
    assert read_results(write(tmp_path / name, rows)) == {"a": "red", "2": "1.5", "c": ""}


def test_a_file_of_questions_without_its_pictures(tmp_path: Path) -> None:
    rows = [
        {"image": "far/away.png", "question": "Colour?", "answer": "red", "id": "x"},
        {"image": "far/away.png", "answer": "blue", "id": "y"},
        {"answers": ["one", "1"], "id": "z"},
    ]
    answers = write(
        tmp_path / "answers.jsonl", [{"id": n, "answer": t} for n, t in zip("xyz", ("Red", "b", "1"), strict=True)]
    )
    predicted = family.open_predictions(answers, write(tmp_path / "mine.jsonl", rows), None)
    clusters = [sample.cluster for sample in predicted.task.samples()]
    assert clusters == ["far/away.png", "far/away.png", "z"]
    found = score("vqa", answers, tmp_path / "mine.jsonl")
    assert (found.metrics[0].id, found.metrics[0].value) == ("accuracy", pytest.approx(2 / 3))


@pytest.mark.slow
def test_a_registered_task_has_its_own_references(tmp_path: Path) -> None:
    rows = [{"id": sample.id, "output": sample.references[0]} for sample in scenes.samples()]
    answers = write(tmp_path / "answers.jsonl", rows)
    assert family.open_predictions(answers, None, scenes).task is scenes
    assert {each.id: each.value for each in score("vqa/scenes", answers).metrics} == {
        "accuracy": 1,
        "block_accuracy": 1,
    }
    with pytest.raises(UsageError, match="has references of its own"):
        family.open_predictions(answers, answers, scenes)
    with pytest.raises(UsageError, match="needs a file of references"):
        family.open_predictions(answers, None, None)


def test_ids_that_stand_there_twice_are_listed(tmp_path: Path) -> None:
    rows = [{"question_id": n % 3, "answer": "red"} for n in range(5)]
    with pytest.raises(
        DataError, match=r"results.json: ids that stand there more than once: 0 \(2 times\), 1 \(2 times\)$"
    ):
        read_results(write(tmp_path / "results.json", rows))
    with pytest.raises(DataError, match=r"ids that stand there more than once: 4 \(2 times\)$"):
        read_annotations(annotations(tmp_path, *[annotation(n, ["red"]) for n in (4, 5, 4)]))


@pytest.mark.parametrize(
    ("whole", "words"),
    [
        ({"annotations": []}, "expected a list 'annotations'"),
        ({"questions": [{"question_id": 1}]}, "expected a list 'annotations'"),
        ({"annotations": [{"question_id": 1}]}, r"missing required field `answers` - at `\$.annotations\[0\]`"),
        ({"annotations": [annotation(1, ["red"], answers=[])]}, "question '1' has no answers"),
        ({"annotations": [annotation(1, ["red"], answers=[{"answer": 2}])]}, r"got `int` - at .*answers\[0\].answer"),
        ({"annotations": [annotation(1, ["red"], question_id=" x")]}, "' x' is no id"),
    ],
)
def test_annotations_that_are_none(tmp_path: Path, whole: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_annotations(write(tmp_path / "annotations.json", whole))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"question_id": 1}, "line 1: missing field 'answer' or 'output'"),
        ({"answer": "red"}, "missing field 'question_id' or 'id'"),
        ({"question_id": 1, "answer": None}, "field 'answer': expected a value, found null"),
        ({"question_id": 1, "answer": ["red"]}, "expected a string or a number, found a list"),
        ({"question_id": 1, "answer": "\ud800"}, "half of a surrogate pair"),
        ({"question_id": "", "answer": "red"}, "field 'question_id': expected a text"),
    ],
)
def test_results_that_are_none(tmp_path: Path, row: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_results(write(tmp_path / "results.json", [row]))


@pytest.mark.slow
def test_known_results_from_files(shared_data: Path, tmp_path: Path) -> None:
    with gzip.open(shared_data / "textvqa_val_with_predictions.json.gz", "rt", encoding="utf-8") as stream:
        data = json.load(stream)
    references = annotations(tmp_path, *map(annotation, data["question_ids"], data["answers"]))
    rows = [
        {"question_id": n, "answer": text} for n, text in zip(data["question_ids"], data["predictions"], strict=True)
    ]
    path = write(tmp_path / "results.json", rows)
    for variant, value in (("textvqa-evalai", 0.74414), ("official-2021", 0.7343)):
        assert score("vqa", path, references, options={"variant": variant}).metrics[0].value == pytest.approx(value)


@pytest.mark.slow
def test_vizwiz_has_no_ids(shared_data: Path, tmp_path: Path) -> None:
    with gzip.open(shared_data / "vizwiz_val_answers.json.gz", "rt", encoding="utf-8") as stream:
        data = json.load(stream)
    rows = []
    for number, said, sure in zip(data["question_ids"], data["answers"], data["confidence"], strict=True):
        people = [{"answer": text, "answer_confidence": each} for text, each in zip(said, sure, strict=True)]
        rows.append(annotation(number, said, answers=people))
    references = annotations(tmp_path, *rows)
    majority = [
        {"question_id": n, "answer": Counter(said).most_common(1)[0][0]} for n, said in enumerate(data["answers"])
    ]
    path = write(tmp_path / "results.json", majority)
    usual = score("vqa", path, references)
    assert (round(100 * (usual.metrics[0].value or 0), 2), usual.notes) == (94.11, ())
    official = score("vqa", path, references, options={"variant": "official-2021"})
    assert round(100 * (official.metrics[0].value or 0), 2) == 67.06
    assert "4,319 of 4,319 questions have answers without ids" in official.notes[0]
