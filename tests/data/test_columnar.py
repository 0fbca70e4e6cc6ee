"""Questions that are made of whole columns are those that are made row by row."""

from pathlib import Path
from typing import Any

import pytest
from shards import png

from mmbench.data import FileRows, questions_of
from mmbench.data.images import NamedImages

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
PEOPLE = [
    {"answer": "red", "answer_confidence": "yes", "answer_id": 1},
    {"answer": "blue", "answer_confidence": "no", "answer_id": 2},
]
TWINS = [{**PEOPLE[0], "answer_id": 1}, {**PEOPLE[0], "answer_id": 1}]
BASE: dict[str, list[Any]] = {"question": ["what?", "which?"], "answer": ["red", "blue"]}
COLUMNS: dict[str, dict[str, list[Any]]] = {
    "own": {**BASE, "id": ["a", "b"]},
    "no ids": BASE,
    "numbers": {**BASE, "id": [1, 2], "answer": [3, 4]},
    "people": {
        "question_id": [1, 2], "image_id": [7, 7], "question": ["what?", "what?"], "answers": [PEOPLE, TWINS],
        "answer_type": ["other", "number"],
    },
    "several answers": {"id": ["a", "b"], "question": ["what?", "which?"], "answers": [["red"], ["blue", "red"]]},
    "gaps": {**BASE, "id": ["a", "b"], "type": ["x", None]},
    "choices": {**BASE, "id": ["a", "b"], "choices": [["red", "blue"], ["blue", "red"]]},
}  # fmt: skip


@pytest.mark.parametrize("columns", COLUMNS.values(), ids=COLUMNS)
def test_the_same_questions_either_way(columns: dict[str, list[Any]], tmp_path: Path) -> None:
    images = [{"bytes": png((n, 0, 0)), "path": f"{n}.png"} for n in range(2)]
    pq.write_table(pa.table({**columns, "image": images}), tmp_path / "t.parquet")
    source = FileRows(tmp_path / "t.parquet", "questions", questions_of)
    rows = source.rows("test")
    scope = source.revision if "media" in (source.mapped or ()) else ""
    again = questions_of(source.records(), NamedImages(source.table.path, scope=scope))
    assert rows == again
    assert [row.image.load().tobytes() for row in rows] == [row.image.load().tobytes() for row in again]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({**BASE, "id": ["a", "a"]}, "id 'a' is taken"),
        ({**BASE, "question": ["what?", " "]}, "row 2: field 'question'"),
        ({**BASE, "question": ["what?", None]}, "row 2: field 'question'"),
        ({**BASE, "id": ["a", "b\nc"]}, "is no id"),
        ({"question": ["what?", "which?"], "answers": [["red"], []]}, "row 2: field 'answers'"),
    ],
)
def test_what_is_wrong_is_said_with_its_row(columns: dict[str, list[Any]], words: str, tmp_path: Path) -> None:
    from mmbench.core import DataError

    images = [{"bytes": png((n, 0, 0)), "path": f"{n}.png"} for n in range(2)]
    pq.write_table(pa.table({**columns, "image": images}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=words):
        FileRows(tmp_path / "t.parquet", "questions", questions_of).rows("test")
