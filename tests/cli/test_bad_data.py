"""Data files that are broken: one sentence that names the file and the line; nothing is written."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import (
    Ended,
    mmbench,
    write_captions,
)

GOOD = {"id": "a", "image": None, "question": "what?", "answer": "red"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["holds no rows"]),
        ("\n\n", ["holds no rows"]),
        (json.dumps(GOOD) + "\n{broken\n", ["line 2: not valid JSON"]),
        (json.dumps(GOOD) + '\n["a list"]\n', ["line 2: expected an object, found a list"]),
        (json.dumps(GOOD) + '\n{"id": "b", "image": null, "question": "?"}\n', ["line 2: missing field 'answer'"]),
        (json.dumps(GOOD) + '\n{"id": "b", "image": null, "qestion": "?", "answer": "x"}\n', ["line 2", "'qestion'"]),
        (json.dumps(GOOD) + '\n{"id": "b", "image": 3, "question": "?", "answer": "x"}\n', ["line 2: field 'image'"]),
        (
            json.dumps(GOOD) + '\n{"id": "b", "image": null, "question": "?", "answer": {}}\n',
            ["line 2: field 'answer'"],
        ),
        (json.dumps(GOOD) + "\n" + json.dumps(GOOD) + "\n", ["line 2: id 'a' is taken by line 1"]),
    ],
    ids=["empty", "blank", "broken", "list", "lacks-a-field", "misspelt-field", "image-type", "answer-type", "twice"],
)
def test_a_broken_data_file_is_refused_with_file_and_line(
    call: Callable[..., Ended], tmp_path: Path, content: str, words: list[str]
) -> None:
    (tmp_path / "mine.jsonl").write_text(content, encoding="utf-8")
    call("run", "--model", "random", "--tasks", "vqa", "--data", "mine.jsonl").refused(2, "mine.jsonl", *words)
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_broken_captions_are_refused_with_file_and_line(tmp_path: Path) -> None:
    write_captions(tmp_path, 3)
    with (tmp_path / "captions.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"image": "c0.png"}\n')
    ended = mmbench("run", "--model", "random", "--tasks", "retrieval", "--data", "captions.jsonl", folder=tmp_path)
    ended.refused(2, "captions.jsonl, line 4: missing field 'caption' or 'captions'")


@pytest.mark.slow
def test_an_empty_folder_of_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = mmbench("run", "--model", "random", "--tasks", "vqa", "--data", "empty", folder=tmp_path)
    ended.refused(2, "empty is a folder", "found none")
