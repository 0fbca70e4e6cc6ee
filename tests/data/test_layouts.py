"""Layouts that people pass around are recognised, and nothing that means something is passed over in silence."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from shards import png

from mmbench.core import DataError
from mmbench.data import FileRows, Reading, captioned_of, questions_of, read_dataset
from mmbench.data.fields import parse_fields

LAYOUTS = Path(__file__).resolve().parents[3] / "shared" / "cases" / "layouts"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png((len(name), 0, 0)))
    return tmp_path


def questions(path: Path, rows: Any, map_: dict[str, str] | None = None) -> tuple[FileRows, Sequence[Any]]:
    path.write_text(json.dumps(rows) if not isinstance(rows, str) else rows)
    source = read_dataset(path, "questions", questions_of, Reading(parse_fields(map_)) if map_ else None)
    return source, source.rows("test")


def test_pope(folder: Path) -> None:
    rows = [{"question_id": 1, "image": "a.png", "text": "Is there a dog?", "label": "no"}]
    source, (row,) = questions(folder / "p.json", "\n".join(map(json.dumps, rows)))
    assert source.read_as == "POPE, JSON Lines"
    assert (row.id, row.question, row.answers, row.choices) == ("1", "Is there a dog?", ("no",), ("yes", "no"))


@pytest.mark.parametrize(
    ("row", "answers", "choices"),
    [
        ({"question": "?", "image": "a.png", "options": ["3", "1"], "answer": "0"}, ("3",), ("3", "1")),
        ({"id": "v", "question": "?", "options": "['x', 'y']", "answer": "B", "image_1": "a.png"}, ("y",), ("x", "y")),
        ({"id": "v", "question": "?", "options": "[]", "answer": "['4', 'four']", "image_1": "a.png"}, ("4", "four"), None),
        ({"imgname": "a.png", "query": "?", "label": "12"}, ("12",), None),
        ({"image": "a.png", "query": "?", "label": ["12"], "human_or_machine": "human"}, ("12",), None),
        ({"index": 0, "question": "?", "A": "x", "B": "y", "answer": "B", "image": "a.png"}, ("y",), ("x", "y")),
        ({"questionId": 3, "question": "?", "image": "a.png", "answers": ["x"]}, ("x",), None),
        (
            {"conversations": [{"from": "human", "value": "<image>\n?"}, {"from": "gpt", "value": "x"}], "image": "a.png"},
            ("x",),
            None,
        ),
    ],
)  # fmt: skip
def test_answers_and_choices(row: dict[str, Any], answers: Any, choices: Any, folder: Path) -> None:
    _, (found,) = questions(folder / "q.json", [row])
    assert (found.question, found.answers, found.choices) == ("?", answers, choices)
    assert found.image is not None


def test_a_hint_stands_before_the_question(folder: Path) -> None:
    rows = [
        {"index": 0, "question": "Which?", "hint": "Two dogs.", "A": "x", "B": "y", "answer": "A", "image": "a.png"}
    ]
    _, (row,) = questions(folder / "q.json", rows)
    assert row.question == "Two dogs.\nWhich?"


def test_a_row_may_name_the_row_that_has_its_image(folder: Path) -> None:
    import base64

    text = base64.b64encode(png((9, 9, 9), 12)).decode()
    lines = ["index\timage\tquestion\tA\tB\tanswer", f"7\t{text}\tone?\tx\ty\tA", "1000007\t7\ttwo?\ty\tx\tB"]
    _, (first, second) = questions(folder / "m.tsv", "\n".join(lines))
    assert first.image == second.image
    assert second.answers == ("x",)


def test_several_images_of_a_question(folder: Path) -> None:
    row = {"messages": [{"role": "user", "content": "<image><image>Same?"}, {"role": "assistant", "content": "no"}],
           "images": ["a.png", "b.png"]}  # fmt: skip
    _, (found,) = questions(folder / "q.json", [row])
    assert len(found.images) == 2


def test_karpathy(folder: Path) -> None:
    images = [
        {"filename": name, "imgid": n, "split": split, "sentences": [{"raw": f"caption {n}"}]}
        for n, (name, split) in enumerate((("a.png", "test"), ("b.png", "restval")))
    ]
    path = folder / "dataset.json"
    path.write_text(json.dumps({"dataset": "toy", "images": images}))
    source = read_dataset(path, "captions", captioned_of)
    assert [row.captions for row in source.rows("test")] == [("caption 0",)]
    assert [row.captions for row in source.rows("train")] == [("caption 1",)]


def test_questions_without_their_annotations_say_which_file_is_missing(folder: Path) -> None:
    rows = {"data_subtype": "val2014", "questions": [{"question_id": 1, "image_id": 2, "question": "?"}]}
    with pytest.raises(DataError, match=r"mscoco_val2014_annotations\.json"):
        questions(folder / "q.json", rows)


@pytest.mark.parametrize(
    ("more", "mend"),
    [
        ({"img": "a.png"}, "--map image=img"),
        ({"options": ["x", "y"]}, "--map choices=options"),
        ({"hint": "look"}, "--map hint=hint"),
    ],
)
def test_a_field_that_would_be_passed_over_is_an_error_with_the_mend(
    more: dict[str, Any], mend: str, folder: Path
) -> None:
    image = None if "img" in more else "a.png"
    row = {"image": image, "question": "?", "answer": "x", **more}
    with pytest.raises(DataError) as caught:
        questions(folder / "q.json", [row])
    assert mend in str(caught.value)
    role, _, name = mend.removeprefix("--map ").partition("=")
    questions(folder / "q.json", [row], {role: name})


def test_a_map_names_the_fields(folder: Path) -> None:
    row = {"n": 5, "q": "?", "a": 2, "file": "a.png", "opts": "['x', 'y', 'z']"}
    map_ = {"id": "n", "question": "q", "answer": "a", "image": "file", "choices": "opts", "answer_is": "index"}
    source, (found,) = questions(folder / "q.json", [row], map_)
    assert (found.id, found.question, found.answers) == ("5", "?", ("z",))
    assert source.read_as == "your map, JSON list"


def test_unknown_fields_are_noted(folder: Path) -> None:
    source, _ = questions(folder / "q.json", [{"image": "a.png", "question": "?", "answer": "x", "licence": "MIT"}])
    assert source.notes == ("fields that are not read: licence",)


def test_a_python_list_in_a_cell_is_a_list(folder: Path) -> None:
    _, (row,) = questions(folder / "q.csv", "image,question,answers\na.png,?,\"['red', 'dark red']\"\n")
    assert row.answers == ("red", "dark red")


def test_a_python_list_where_one_answer_belongs_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="answers"):
        questions(folder / "q.csv", "image,question,answer\na.png,?,\"['red']\"\n")


def test_a_group_is_the_cluster(folder: Path) -> None:
    from mmbench_tasks.vqa.family import family

    rows = [{"id": n, "image": "a.png", "question": "?", "answer": "x", "group": f"g{n % 2}"} for n in range(4)]
    (folder / "q.json").write_text(json.dumps(rows))
    assert [sample.cluster for sample in family.from_data("my", folder / "q.json").samples()] == ["g0", "g1"] * 2


def test_messages_show_little_of_a_long_cell(folder: Path) -> None:
    row = {"image": "a.png", "question": "?", "answer": "y" * 5000, "choices": ["x" * 5000, "z"]}
    with pytest.raises(DataError) as caught:
        questions(folder / "q.json", [row])
    assert len(str(caught.value)) < 900


def test_letters_that_name_no_choice_are_refused(folder: Path) -> None:
    rows = [{"index": 0, "question": "?", "A": "x", "B": "y", "answer": "D", "image": "a.png"}]
    with pytest.raises(DataError, match="2 choices"):
        questions(folder / "q.json", rows)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "rows", "read_as"),
    [
        ("nextqa/val_head200.csv", 199, "NExT-QA"),
        ("hub-parquet/ai2d", 6, "AI2D"),
        ("hub-parquet/vqav2", 6, "VQA of the hub"),
        ("webdataset/wds-000000.tar", 3, "WebDataset"),
    ],
)
def test_real_files(name: str, rows: int, read_as: str) -> None:
    if not LAYOUTS.is_dir():
        pytest.skip("needs the cases beside the checkout")
    if not name.endswith((".csv", ".tar")):
        pytest.importorskip("pyarrow")
    source = read_dataset(LAYOUTS / name, "questions", questions_of)
    assert len(source.rows("test")) == rows
    assert source.read_as.startswith(read_as)
