"""Questions that are made of many records at once are those that are made row by row, and so is what is said of wrong ones."""

from pathlib import Path

import pytest
from PIL import Image

from mmbench.core import DataError
from mmbench.data.columnar import NotPlain
from mmbench.data.drafts import plain_drafts
from mmbench.data.images import NamedImages
from mmbench.data.questions import _batches, questions_of
from mmbench.data.records import NumberText, Record

PLAIN = {"id": "q1", "image": "a.png", "question": "What is it?", "answer": "red"}
ASIDE = {**PLAIN, "id": "q2"}
GOOD = {
    "as it is": [PLAIN, ASIDE],
    "numbers": [{**PLAIN, "id": NumberText("7"), "answer": NumberText("1.50")}, {**ASIDE, "answer": NumberText("2")}],
    "ids with decimals": [{**PLAIN, "id": NumberText("7.0")}, {**ASIDE, "id": NumberText("8.5")}],
    "no image": [{**PLAIN, "image": None}, ASIDE],
    "no ids": [{k: v for k, v in row.items() if k != "id"} for row in (PLAIN, ASIDE)],
    "an id now and then": [PLAIN, {k: v for k, v in ASIDE.items() if k != "id"}],
    "question_id": [{"question_id": "x", **{k: v for k, v in PLAIN.items() if k != "id"}}, ASIDE],
    "several answers": [{**row, "answer": None, "answers": ["red", NumberText("2"), "red"]} for row in (PLAIN, ASIDE)],
    "people": [{**row, "answer": None, "answers": [{"answer": "red"}, {"answer": "a"}]} for row in (PLAIN, ASIDE)],
    "choices": [{**row, "choices": ["red", "blue"]} for row in (PLAIN, ASIDE)],
    "choices of some": [{**PLAIN, "choices": ["red", "blue"]}, ASIDE],
    "choices in another spelling": [{**row, "choices": ["Red", "blue"]} for row in (PLAIN, ASIDE)],
    "lettered choices": [{**row, "A": "red", "B": "blue", "answer": "A"} for row in (PLAIN, ASIDE)],
    "labels": [{**PLAIN, "type": "colour", "slices": {"a": "b", "c": NumberText("1")}}, {**ASIDE, "type": "colour"}],
    "hint, group and media": [{**row, "hint": "Look.", "group": "g", "media": "m"} for row in (PLAIN, ASIDE)],
    "groups": [{**row, "group": NumberText("3")} for row in (PLAIN, ASIDE)],
    "several images": [{**PLAIN, "image": ["a.png", "b.png"]}, ASIDE],
    "beyond ASCII": [{**row, "question": "Qué?", "answer": "größer 😀"} for row in (PLAIN, ASIDE)],
}  # fmt: skip
BAD = {
    "no question": {"id": "q1", "image": None, "answer": "red"},
    "null": {**PLAIN, "question": None},
    "a number for a question": {**PLAIN, "question": NumberText("7")},
    "blank": {**PLAIN, "answer": "  "},
    "half a pair": {**PLAIN, "question": "\ud800"},
    "halves in two fields": {**PLAIN, "question": "a\ud83d", "answer": "\ude00b"},
    "no image field": {"id": "q1", "question": "What?", "answer": "red"},
    "image gone": {**PLAIN, "image": "gone.png"},
    "an image of another type": {**PLAIN, "image": True},
    "no answer": {"id": "q1", "image": None, "question": "What?"},
    "an answer that is a list": {**PLAIN, "answer": ["red"]},
    "no answers": {**PLAIN, "answer": None, "answers": []},
    "an answer beside answers": {**PLAIN, "answers": ["blue"]},
    "an id with a line break": {**PLAIN, "id": "a\nb"},
    "an id with blanks": {**PLAIN, "id": " a"},
    "the id of another": {**PLAIN, "id": "q2"},
    "no choice is right": {**PLAIN, "choices": ["blue", "green"]},
    "a label that is a list": {**PLAIN, "type": ["a"]},
    "slices that are a list": {**PLAIN, "slices": ["a"]},
    "no base64": {**PLAIN, "image": "data:image/png,abc"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("drafts")
    for name in "ab":
        Image.new("RGB", (2, 2), (ord(name), 0, 0)).save(path / f"{name}.png")
    return path


def read(folder: Path, rows, *, is_csv: bool = False):
    """The questions, or what is said of the rows."""
    path = folder / "rows.jsonl"
    records = [Record(path, f"line {n}", row, is_csv) for n, row in enumerate(rows, 1)]
    try:
        return questions_of(iter(records), NamedImages(path))
    except DataError as error:
        return str(error)


def both(monkeypatch, folder: Path, rows, *, is_csv: bool = False):
    """What is read many rows at a time, and what is read row by row."""
    at_once = read(folder, rows, is_csv=is_csv)
    with monkeypatch.context() as patch:
        patch.setattr("mmbench.data.questions.plain_drafts", raising)
        return at_once, read(folder, rows, is_csv=is_csv)


def raising(*_):
    raise NotPlain


@pytest.mark.parametrize("case", GOOD)
def test_good_rows_make_the_same_questions(monkeypatch, folder, case):
    at_once, by_row = both(monkeypatch, folder, GOOD[case])
    assert isinstance(at_once, list)
    assert at_once == by_row
    assert {type(text) for each in at_once for text in (each.id, each.question, *each.answers)} == {str}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("at_once", [1, 2, 1_000])
def test_the_same_is_said_of_wrong_rows(monkeypatch, folder, case, at_once):
    monkeypatch.setattr("mmbench.data.questions._AT_ONCE", at_once)
    found, by_row = both(monkeypatch, folder, [ASIDE, BAD[case], {**PLAIN, "id": "q3", "question": ""}])
    assert isinstance(found, str)
    assert found == by_row


@pytest.mark.parametrize("cell", [{"answer": "['red']"}, {"image": "['a.png', 'b.png']"}, {"answer": "[red"}])
def test_lists_in_cells_are_read_row_by_row(monkeypatch, folder, cell):
    found, by_row = both(monkeypatch, folder, [{**PLAIN, **cell}], is_csv=True)
    assert found == by_row


def test_rows_before_one_that_cannot_be_read_are_looked_at_first(folder):
    def records():
        yield Record(folder / "rows.jsonl", "line 1", {**PLAIN, "question": ""})
        raise DataError("not valid JSON", folder / "rows.jsonl", 2)

    with pytest.raises(DataError, match="line 1"):
        questions_of(records(), NamedImages(folder / "rows.jsonl"))


def test_few_records_with_long_images_are_held_at_a_time(monkeypatch):
    monkeypatch.setattr("mmbench.data.questions._LONG", 1_000)
    images = ["x" * 600, b"x" * 600, "x", ["x" * 600, "x" * 600], None]
    records = [Record(Path("rows.jsonl"), f"line {n}", {"image": image}) for n, image in enumerate(images, 1)]
    assert [len(batch) for batch in _batches(records)] == [2, 2, 1]


@pytest.mark.parametrize(
    "case", ["as it is", "numbers", "no image", "several answers", "choices", "labels", "beyond ASCII"]
)
def test_usual_rows_are_made_many_at_a_time(folder, case):
    from mmbench.data.drafts import Shared

    path = folder / "rows.jsonl"
    records = [Record(path, f"line {n}", row) for n, row in enumerate(GOOD[case], 1)]
    assert len(plain_drafts(records, {}, Shared(), NamedImages(path))) == 2
