"""People's own utterances and predictions: what is read, and what is said of what is wrong."""

import json
import pickle

import numpy as np
import pytest
from helpers import write_picture, write_rows

from mmbench.core import DataError
from mmbench.testing import check_task
from mmbench_tasks.sentiment.family import family
from mmbench_tasks.sentiment.files import read_labelled, read_predictions
from mmbench_tasks.sentiment.pickled import read_utterances


def rows_in(folder, *rows):
    return write_rows(folder / "mine.jsonl", rows)


# --- utterances ---


def test_numbers_make_scores_and_their_signs_make_classes(tmp_path):
    path = rows_in(
        tmp_path, {"text": "so-so", "label": 0}, {"text": "bad", "label": -2.5}, {"text": "good", "label": "3"}
    )
    found = read_labelled(path)
    assert [(row.id, row.score, row.label) for row in found.rows] == [
        ("row-0", 0.0, "neutral"),
        ("row-1", -2.5, "negative"),
        ("row-2", 3.0, "positive"),
    ]
    assert (found.scored, found.classes) == (True, ("negative", "neutral", "positive"))


def test_names_make_classes_which_are_the_usual_three_or_those_that_occur_or_those_that_are_declared(tmp_path):
    usual = read_labelled(rows_in(tmp_path, {"text": "a", "label": "positive"}, {"text": "b", "label": "negative"}))
    assert (usual.scored, usual.classes) == (False, ("negative", "neutral", "positive"))
    own = read_labelled(rows_in(tmp_path, {"text": "a", "label": "joy"}, {"text": "b", "label": "anger"}))
    assert own.classes == ("anger", "joy")
    choices = ["joy", "anger", "fear"]
    assert read_labelled(rows_in(tmp_path, {"text": "a", "label": "joy", "choices": choices})).classes == tuple(choices)
    stars = read_labelled(rows_in(tmp_path, {"text": "a", "label": 1, "choices": ["1", "2"]}))
    assert (stars.scored, stars.classes) == (False, ("1", "2"))


def test_csv_pictures_groups_and_slices(tmp_path):
    write_picture(tmp_path / "images" / "a.png", (1, 2, 3))
    path = tmp_path / "mine.csv"
    path.write_text("id,text,label,image,group,type\nu1,fine,positive,a.png,v1,shop\nu2,bad,negative,,v1,\n", "utf-8")
    one, two = read_labelled(path).rows
    assert (one.id, one.group, one.slices, one.image.kind) == ("u1", "v1", {"type": "shop"}, "image")
    assert (two.image, two.slices) == (None, {})
    report = check_task(family.from_data("mine", path), fresh_process=False)
    assert {check.name for check in report if check.status == "fail"} <= {"splits"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "a", "label": 4}], r"line 1: label '4': expected a number from -3 to 3"),
        ([{"text": "a", "label": "nan"}], r"label 'nan': expected a number from -3 to 3"),
        ([{"text": "a", "label": 1}, {"text": "b", "label": "good"}], r"line 2: label 'good': expected a number"),
        ([{"text": "a", "label": "good"}, {"text": "b", "label": 1}], r"line 2: label '1' is a number"),
        ([{"text": "a", "label": "x", "choices": ["y", "z"]}], r"label 'x' is none of the classes \(y, z\)"),
        ([{"text": "a", "label": "y", "choices": ["y", "y"]}], r"a class stands there twice"),
        ([{"text": "a", "label": "y", "choices": ["y"]}, {"text": "b", "label": "y"}], r"the same in every record"),
        ([{"text": "a"}], r"missing field 'label'"),
        ([{"label": "y"}], r"missing field 'text'"),
        ([{"text": "a", "lable": "y"}], r"it has 'lable', perhaps misspelt"),
        ([{"id": "q", "text": "a", "label": "y"}, {"id": "q", "text": "b", "label": "y"}], r"'q' is taken by line 1"),
        ([{"text": "a", "label": "y", "image": "no.png"}], r"1 image is missing: no.png"),
        ([], r"holds no rows"),
    ],
)
def test_what_is_wrong_with_utterances_is_said(tmp_path, rows, message):
    with pytest.raises(DataError, match=message):
        read_labelled(rows_in(tmp_path, *rows))


def test_references_need_ids_and_nothing_to_ask_about(tmp_path):
    found = read_labelled(rows_in(tmp_path, {"id": "a", "label": 1, "image": "gone.png"}), asked=False)
    assert (found.rows[0].text, found.rows[0].image) == (None, None)
    with pytest.raises(DataError, match="missing field 'id'"):
        read_labelled(rows_in(tmp_path, {"label": 1}), asked=False)


# --- predictions ---


def test_predictions_are_texts_and_numbers_in_jsonl_json_and_csv(tmp_path):
    expected = {"a": "1.50", "b": "positive", "7": "-2"}
    path = rows_in(
        tmp_path, {"id": "a", "prediction": "1.50"}, {"id": "b", "output": "positive"}, {"id": 7, "prediction": -2}
    )
    assert read_predictions(path) == expected
    csv = tmp_path / "p.csv"
    csv.write_text("id,prediction\na,1.50\nb,positive\n7,-2\n", "utf-8")
    assert read_predictions(csv) == expected
    as_list = tmp_path / "p.json"
    as_list.write_text(json.dumps([{"id": "a", "prediction": ""}]), "utf-8")
    assert read_predictions(as_list) == {"a": ""}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id": "a", "prediction": NaN}', r"line 1: prediction 'nan' is no answer; leave the line out"),
        ('{"id": "a", "prediction": -Infinity}', r"prediction '-inf' is no answer"),
        ('{"id": "a", "prediction": "NaN"}', r"prediction 'NaN' is no answer"),
        ('{"id": "a", "prediction": null}', r"field 'prediction': expected a value, found null"),
        ('{"id": "a", "prediction": true}', r"expected a string or a number, found true"),
        ('{"id": "a"}', r"missing field 'prediction'"),
        ('{"prediction": 1}', r"missing field 'id'"),
        (
            '{"id": "a", "prediction": 1}\n{"id": "b", "prediction": 1}\n{"id": "a", "prediction": 2}',
            r"more than once: a",
        ),
        ('{"id": "a", "prediction": 1', r"line 1: not valid JSON"),
    ],
)
def test_what_is_wrong_with_predictions_is_said(tmp_path, text, message):
    path = tmp_path / "p.jsonl"
    path.write_text(text + "\n", "utf-8")
    with pytest.raises(DataError, match=message):
        read_predictions(path)


def test_an_empty_cell_is_a_missing_prediction(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("id,prediction\na,1\nb,\n", "utf-8")
    with pytest.raises(DataError, match=r"line 3: missing field 'prediction'"):
        read_predictions(path)


# --- pickles of CMU-MOSI and CMU-MOSEI ---

LABELS = np.array([-3.0, -0.6, 0.0, 1.3333334, 2.8], dtype=np.float32)


def mmsa(n=5, tag="t", labels=LABELS, **fields):
    made = {
        "raw_text": np.array([f"so it is {i}" for i in range(n)]),
        "audio": np.zeros((n, 4, 2), np.float32),
        "vision": np.zeros((n, 4, 3), np.float32),
        "id": [f"{tag}{i // 2}$_${i}" for i in range(n)],
        "text": np.zeros((n, 4, 5), np.float32),
        "regression_labels": labels,
        "annotations": ["Neutral"] * n,
    }
    return {**made, **fields}


def mult(n=5):
    ids = np.array([[f"v{i // 2}".encode(), f"{i}.5".encode(), b"9.25"] for i in range(n)])
    features = {name: np.zeros((n, 4, 3)) for name in ("vision", "text", "audio")}
    return {**features, "labels": LABELS.reshape(n, 1, 1).astype(np.float64), "id": ids}


def pickled(folder, content, protocol=4, name="mosi.pkl"):
    path = folder / name
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
def test_the_layout_of_mmsa(tmp_path, protocol):
    splits = {"train": mmsa(tag="a"), "valid": mmsa(tag="b"), "test": mmsa(tag="c")}
    found = read_utterances(pickled(tmp_path, splits, protocol))
    assert list(found) == ["test", "train", "val"]
    assert [row.id for row in found["test"]] == ["c0$_$0", "c0$_$1", "c1$_$2", "c1$_$3", "c2$_$4"]
    assert [row.group for row in found["test"]] == ["c0", "c0", "c1", "c1", "c2"]
    assert [row.score for row in found["test"]] == [-3.0, -0.6, 0.0, 1.3333334, 2.8]
    assert [row.label for row in found["test"]] == ["negative", "negative", "neutral", "positive", "positive"]
    assert found["test"][3].text == "so it is 3"


def test_the_layout_of_mult(tmp_path):
    (first, *_) = read_utterances(pickled(tmp_path, {"test": mult(), "train": mult()}))["test"]
    assert (first.id, first.group, first.text, first.score) == ("v0_0.5_9.25", "v0", None, -3.0)


def test_python_2_keys_object_ids_and_no_ids(tmp_path):
    split = {key.encode(): value for key, value in mult().items()}
    split[b"id"] = np.array([["é".encode(), "1", 2] for _ in range(5)], dtype=object)
    split[b"id"][:, 2] = range(5)
    found = read_utterances(pickled(tmp_path, {b"test": split}))["test"]
    assert [row.id for row in found] == [f"é_1_{n}" for n in range(5)]
    del split[b"id"]
    assert [row.id for row in read_utterances(pickled(tmp_path, {b"test": split}))["test"]][:2] == ["row-0", "row-1"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "expected a dict of splits"),
        ({}, "has no split 'test'; it has nothing"),
        ({"train": mmsa()}, "has no split 'test'; it has train"),
        ({"test": [1]}, "test: expected a dict with 'id'"),
        ({"test": {"id": ["a"]}}, "no regression_labels or labels; it has id"),
        ({"test": mmsa(id=["a", "b"])}, "2 ids for 5 labels"),
        ({"test": mmsa(id=["a", "b", "c", "a", "d"])}, "row 3: 'a' is taken by row 0"),
        ({"test": mmsa(id=["a", "b", "", "c", "d"])}, "row 2: '' is no id"),
        ({"test": mmsa(raw_text=["x"])}, "1 texts for 5 labels"),
        ({"test": mmsa(labels=np.array([0, 1, np.nan, 2, 3]))}, "row 2: label nan; expected one from -3 to 3"),
        ({"test": mmsa(labels=np.array([0, 1, 2, 2, 3.5]))}, r"row 4: label 3\.5; expected one from -3 to 3"),
        ({"test": mmsa(labels=np.zeros((5, 7)))}, r"expected one number a row, found the shape \[5, 7\]"),
        ({"test": mmsa(labels=np.array(["a"] * 5))}, r"row 0: .*'a'.* is no number"),
        ({"test": mmsa(labels=np.zeros(0))}, "expected one number a row"),
    ],
)
def test_what_is_wrong_with_a_pickle_is_said(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read_utterances(pickled(tmp_path, content))


@pytest.mark.slow
def test_a_task_over_a_pickle_learns_from_its_splits_and_is_asked_in_words(tmp_path):
    splits = {"train": mmsa(tag="a"), "valid": mmsa(tag="b"), "test": mmsa(tag="c")}
    task = family.from_data("mosi", pickled(tmp_path, splits))
    assert task.info.splits == ("test", "train", "val")
    assert task.info.modalities == ("text",)
    assert "Zadeh" in task.info.dataset.citation
    (request,) = task.requests(task.samples()[0])
    assert request.text.startswith('"so it is 0"\n')
    assert request.choices is None
    check_task(task, fresh_process=False).raise_if_failed()


def test_features_alone_can_be_scored_and_not_asked(tmp_path):
    path = pickled(tmp_path, {"test": mult()})
    with pytest.raises(DataError, match=r"holds features and no raw_text.*mmbench score --task sentiment"):
        family.from_data("mosi", path)
    predictions = rows_in(tmp_path, *({"id": f"v{i // 2}_{i}.5_9.25", "prediction": 1} for i in range(5)))
    predicted = family.open_predictions(predictions, path, None)
    assert [sample.id for sample in predicted.task.samples()] == list(predicted.outputs)
