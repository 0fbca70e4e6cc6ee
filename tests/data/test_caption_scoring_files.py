"""References without pictures and captions that were written: every layout, ids as texts, and each mistake by name."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from mmbench.core import DataError
from mmbench.data.captions import read_candidates, read_references

COCO: dict[str, Any] = {
    "info": {},
    "images": [{"id": 7}, {"id": "3", "file_name": "b.png"}],
    "annotations": [
        {"id": 1, "image_id": 3, "caption": "A blue square."},
        {"id": 2, "image_id": 7, "caption": "Red."},
        {"id": 3, "image_id": "3", "caption": "Blue."},
    ],
}


def write(folder: Path, content: object, name: str = "c.json") -> Path:
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def lines(*rows: dict[str, Any]) -> str:
    return "\n".join(map(json.dumps, rows))


def problem(read: Any, path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path)
    assert path.name in str(caught.value)
    return str(caught.value)


# --- references ---


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (COCO, "c.json"),
        (COCO, "c.json.gz"),
        ({"7": ["Red."], "3": ["A blue square.", "Blue."]}, "c.json"),
        ({"7": ["Red."], "3": ["A blue square.", "Blue."]}, "c.json.gz"),
        ([{"image_id": 7, "caption": "Red."}, {"image_id": "3", "captions": ["A blue square.", "Blue."]}], "c.json"),
        (
            lines(
                {"id": "7", "caption": "Red."}, *({"id": 3, "caption": text} for text in ("A blue square.", "Blue."))
            ),
            "c.jsonl",
        ),
        ("image,captions\n7,Red.\n3,A blue square. | Blue.\n", "c.csv"),
    ],
)
def test_every_layout_of_references(content: object, name: str, tmp_path: Path) -> None:
    found = read_references(write(tmp_path, content, name))
    assert found == {"7": ("Red.",), "3": ("A blue square.", "Blue.")}
    assert list(found) == ["7", "3"]


def test_annotations_without_a_list_of_images(tmp_path: Path) -> None:
    bare = {"annotations": COCO["annotations"]}
    assert read_references(write(tmp_path, bare)) == {"3": ("A blue square.", "Blue."), "7": ("Red.",)}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"1": ["x"], "2": ["y"], "1": ["z"]}', "the key '1' stands twice"),
        ("{}", "holds no captions"),
        ({"1": []}, "key '1': field 'captions': expected at least one item"),
        ({"1": "x"}, "key '1': field 'captions': expected a list of strings, found a string"),
        ({"1": ["x", " "]}, "item 1: expected a text, found an empty one"),
        ({" 1": ["x"]}, "is no id"),
        ({**COCO, "images": [*COCO["images"], {"id": 8}]}, "pictures without captions: 8"),
        ({**COCO, "images": [*COCO["images"], {"id": 3}]}, "images[2]: id '3' is taken by images[1]"),
        ({**COCO, "images": [{"id": 7}]}, "that are not in 'images': 3 (annotations[0]), 3 (annotations[2])"),
        ({"annotations": [{"caption": "x"}]}, "annotations[0]: missing field 'image_id'; it has 'caption'"),
        ({"images": []}, "'annotations' is not there"),
        ({"annotations": []}, "holds no captions: 'annotations' is empty"),
        ({"annotations": {}}, "'annotations' is an object"),
        ({"annotations": [{"image_id": None, "caption": "x"}]}, "field 'image_id': expected a value, found null"),
        ("[]", "holds no rows"),
        ("5", "expected a list of objects, found the number 5"),
        ('[{"image_id": 1}]', "item 0: missing field 'caption' or 'captions'"),
        ('[{"caption": "x"}]', "item 0: missing field 'image_id' or 'id' or 'image'"),
        ("{", "not valid JSON"),
    ],
)
def test_a_mistake_in_references_is_named(content: object, words: str, tmp_path: Path) -> None:
    assert words in problem(read_references, write(tmp_path, content))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    damaged = tmp_path / "d.json.gz"
    damaged.write_bytes(b"not compressed")
    assert "cannot be read" in problem(read_references, damaged)
    damaged.write_bytes(gzip.compress(b"[]")[:-6])
    assert "cannot be read" in problem(read_candidates, damaged)
    damaged.write_bytes(gzip.compress(b'["\xff"]'))
    assert "not UTF-8 text (byte 0xff)" in problem(read_references, damaged)
    assert "unknown kind of file '.doc'" in problem(read_references, write(tmp_path, "x", "c.doc"))
    assert "cannot be read" in problem(read_candidates, tmp_path / "none.json.gz")


@pytest.mark.slow
def test_real_references(shared_data: Path) -> None:
    found = read_references(shared_data / "coco_val2014_captions.json.gz")
    assert (len(found), sum(map(len, found.values()))) == (40_504, 202_654)
    mini = read_references(shared_data / "coco-mini" / "captions_mini.json")
    assert len(mini) == 179
    assert all(len(captions) == 5 for captions in mini.values())


# --- candidates ---


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ([{"image_id": 7, "caption": "Red."}, {"image_id": "3", "caption": ""}], "c.json"),
        ([{"image_id": 7, "caption": "Red."}, {"image_id": "3", "caption": " "}], "c.json.gz"),
        (lines({"id": "7", "output": "Red."}, {"id": 3, "output": ""}), "c.jsonl"),
        ("image_id,caption\n7,Red.\n3,\n", "c.csv"),
    ],
)
def test_every_layout_of_candidates(content: object, name: str, tmp_path: Path) -> None:
    assert read_candidates(write(tmp_path, content, name)) == {"7": "Red.", "3": ""}


def test_pictures_with_several_captions_are_listed(tmp_path: Path) -> None:
    rows = [{"image_id": n % 7, "caption": f"caption {n}"} for n in range(20)]
    said = problem(read_candidates, write(tmp_path, rows))
    assert "7 pictures have more than one caption: 0 (3 times), 1 (3 times)" in said
    assert "6 (2 times)" not in said
    assert "and 2 more" in said
    both = [{"image_id": 1, "caption": "x"}, {"image_id": "1", "caption": "y"}]
    assert "1 picture has more than one caption: 1 (2 times)" in problem(read_candidates, write(tmp_path, both))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"1": "x"}, "expected a list of objects with 'image_id' and 'caption', found an object"),
        ([{"caption": "x"}], "item 0: missing field 'image_id' or 'id'"),
        ([{"image_id": 1}], "item 0: missing field 'caption' or 'output'"),
        ([{"image_id": 1, "captoin": "x"}], "perhaps misspelt"),
        ([{"image_id": 1, "caption": None}], "field 'caption': expected a string, found null"),
        ([{"image_id": 1, "caption": ["x"]}], "field 'caption': expected a string, found a list"),
        ([{"image_id": 1, "caption": 5}], "field 'caption': expected a string, found the number 5"),
        ([{"image_id": None, "id": 2, "output": "x"}, 5], "item 1: expected an object, found the number 5"),
        ([], "holds no rows"),
    ],
)
def test_a_mistake_in_candidates_is_named(content: object, words: str, tmp_path: Path) -> None:
    assert words in problem(read_candidates, write(tmp_path, content))


@pytest.mark.slow
def test_real_candidates(shared_data: Path) -> None:
    found = read_candidates(shared_data / "captions_val2014_fakecap_results.json")
    assert len(found) == 1000
    assert set(found) <= set(read_references(shared_data / "coco_val2014_captions.json.gz"))
