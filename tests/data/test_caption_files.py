"""Caption files: COCO's layout and records, merged by picture, and every mistake by name."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mmbench.core import DataError
from mmbench.data import read_captions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (4, 4), colour).save(tmp_path / "images" / name)
    return tmp_path


def coco() -> dict[str, Any]:
    return {
        "info": {},
        "images": [{"id": 7, "file_name": "a.png"}, {"id": 3, "file_name": "b.png"}],
        "annotations": [
            {"id": 1, "image_id": 3, "caption": "A blue square."},
            {"id": 2, "image_id": 7, "caption": "Red."},
            {"id": 3, "image_id": 3, "caption": "Blue."},
        ],
    }


def write(folder: Path, content: object, name: str = "c.json") -> Path:
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def lines(*rows: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, rows))


def problem(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_captions(path)
    assert path.name in str(caught.value)
    return str(caught.value)


def test_the_annotation_layout_of_coco(folder: Path) -> None:
    rows = read_captions(write(folder, coco()))
    assert [(row.id, row.captions) for row in rows] == [("7", ("Red.",)), ("3", ("A blue square.", "Blue."))]
    assert rows[0].image.load().getpixel((0, 0)) == (255, 0, 0)


def test_real_annotations(shared_data: Path) -> None:
    rows = read_captions(shared_data / "coco-mini")
    whole = json.loads((shared_data / "coco-mini" / "captions_mini.json").read_text())
    assert len(rows) == 179
    assert all(len(row.captions) == 5 for row in rows)
    first = whole["images"][0]
    assert rows[0].id == str(first["id"])
    assert sorted(rows[0].captions) == sorted(
        a["caption"] for a in whole["annotations"] if a["image_id"] == first["id"]
    )
    assert rows[0].image.load().size == (first["width"], first["height"])
    assert len({row.image.digest for row in rows}) == 179


def test_records_of_one_picture_are_merged_in_order(folder: Path) -> None:
    text = lines(
        {"image": "a.png", "caption": "one"},
        {"image": "b.png", "captions": ["x", "y"]},
        {"image": "a.png", "captions": ["two"]},
    )
    rows = read_captions(write(folder, text, "c.jsonl"))
    assert [(row.id, row.captions) for row in rows] == [("a.png", ("one", "two")), ("b.png", ("x", "y"))]


def test_ids_csv_and_json_lists(folder: Path) -> None:
    table = "id,image,captions\n1,a.png,one | two\n2,b.png,x\n"
    items = [{"id": 1, "image": "a.png", "captions": ["one", "two"]}, {"id": "2", "image": "b.png", "caption": "x"}]
    expected = [("1", ("one", "two")), ("2", ("x",))]
    for path in (write(folder, table, "c.csv"), write(folder, items, "c.json")):
        assert [(row.id, row.captions) for row in read_captions(path)] == expected


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"image": "a.png"}], "line 1: missing field 'caption' or 'captions'"),
        ([{"image": "a.png", "captoin": "x"}], "it has 'captoin', perhaps misspelt"),
        ([{"caption": "x"}], "line 1: missing field 'image'"),
        ([{"image": "a.png", "caption": ""}], "line 1: field 'caption': expected a text, found an empty one"),
        ([{"image": "a.png", "captions": []}], "expected at least one item"),
        ([{"image": "a.png", "captions": ["x", " "]}], "field 'captions', item 1"),
        ([{"image": "a.png", "captions": "x"}], "expected a list of strings, found a string"),
        ([{"image": "a.png", "caption": []}], "field 'caption': expected at least one item, found an empty list"),
        ([{"image": "a.png", "caption": "x", "captions": ["y"]}], "both 'caption' and 'captions'"),
        ([{"image": "a.png", "caption": "x"}, {"image": "c.png", "caption": "y"}], "missing: c.png (line 2)"),
        (
            [{"image": "a.png", "caption": "x", "id": 1}, {"image": "b.png", "caption": "y", "id": 1}],
            "line 2: id '1' is taken by line 1, for another image",
        ),
        (
            [{"image": "a.png", "caption": "x", "id": 1}, {"image": "a.png", "caption": "y", "id": 2}],
            "line 2: image 'a.png' has another id than at line 1 ('1')",
        ),
    ],
)
def test_a_bad_record_is_named(rows: list[dict[str, Any]], words: str, folder: Path) -> None:
    assert words in problem(write(folder, lines(*rows), "c.jsonl"))


def changed(change: Any) -> dict[str, Any]:
    whole = coco()
    change(whole)
    return whole


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["annotations"].pop(1), "pictures without captions: 7 (a.png)"),
        (lambda c: c["annotations"][0].update(image_id=99), "that are not in 'images': 99 (annotations[0])"),
        (lambda c: c["annotations"][2].update(caption=" "), "empty captions: annotations[2]"),
        (lambda c: c["annotations"][2].update(caption=5), "annotations[2]: field 'caption': expected a string"),
        (lambda c: c["annotations"][2].pop("caption"), "annotations[2]: missing field 'caption'"),
        (lambda c: c["annotations"][2].pop("image_id"), "annotations[2]: missing field 'image_id'"),
        (lambda c: c["images"][1].update(id=7), "images[1]: id '7' is taken by images[0]"),
        (lambda c: c["images"][1].pop("file_name"), "images[1]: missing field 'file_name'"),
        (lambda c: c["images"][1].pop("id"), "images[1]: missing field 'id'"),
        (lambda c: c["images"].append(5), "images[2]: expected an object, found the number 5"),
        (lambda c: c["images"][1].update(file_name="z.png"), "1 image is missing: z.png (images[1])"),
        (lambda c: c.update(images=[]), "'images' is empty"),
        (lambda c: c.update(annotations={}), "'annotations' is an object"),
        (lambda c: c.pop("annotations"), "'annotations' is not there"),
    ],
)
def test_a_mistake_in_coco_annotations_is_named(change: Any, words: str, folder: Path) -> None:
    assert words in problem(write(folder, changed(change)))


def test_all_of_a_kind_are_listed(folder: Path) -> None:
    whole = coco()
    whole["annotations"] += [{"image_id": 100 + n, "caption": "x"} for n in range(8)]
    assert "100 (annotations[3]), 101 (annotations[4])" in problem(write(folder, whole))
    assert "and 3 more" in problem(write(folder, whole))


def test_broken_files(folder: Path) -> None:
    assert "line 1: not valid JSON" in problem(write(folder, "{"))
    assert "expected a list of objects, found the number 5" in problem(write(folder, "5"))
    assert "holds no rows" in problem(write(folder, "[]"))
    assert "holds no rows" in problem(write(folder, "", "c.jsonl"))


def test_a_folder_must_hold_one_data_file(folder: Path) -> None:
    assert "found none" in problem(folder)
    write(folder, coco())
    assert len(read_captions(folder)) == 2
    write(folder, "x", "d.csv")
    assert "found c.json, d.csv; name one" in problem(folder)
