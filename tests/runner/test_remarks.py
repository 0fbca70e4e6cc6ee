"""What a model says of how it was asked: kept in run.json, added up over sessions, shown beside the scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import Colours, evaluate, mmbench, write_questions

from mmbench.models.remarks import notes_on, settings_of

SENTENCE = "the question was cut"


class Noting(Colours):
    """Says something of every request, and what it answers by."""

    def __init__(self) -> None:
        super().__init__("noting")
        self.settings = {"address": "here", "generation": {"num_beams": 1}}
        self.notes: dict[str, set[str]] = {SENTENCE: set()}

    def generate(self, requests: Sequence[Any]) -> list[Any]:
        self.notes[SENTENCE] |= {request.id for request in requests}
        return super().generate(requests)


@pytest.mark.slow
def test_settings_and_notes_are_kept_and_shown(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 8)
    evaluate(Noting(), data, tmp_path, limit=3)
    result = evaluate(Noting(), data, tmp_path)
    assert result.runs[0].record.model.settings == {"address": "here", "generation": {"num_beams": 1}}
    assert result.runs[0].tasks["vqa/mine"].entry.notes == {SENTENCE: 8}
    ended = mmbench("report", str(result.path), "--format", "md", folder=tmp_path)
    assert f"8 of 8 requests: {SENTENCE}" in " ".join(ended.out.split())


def test_nothing_left_to_ask_keeps_what_was_said(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 4)
    before = evaluate(Noting(), data, tmp_path).runs[0].record
    again = evaluate(Noting(), data, tmp_path).runs[0].record
    assert again.model == before.model
    assert again.tasks["vqa/mine"].notes == {SENTENCE: 4}


@pytest.mark.parametrize("given", [None, 3, ["x"], {1: 2}, {"x": object()}, {"x": float("nan")}])
def test_settings_that_json_cannot_hold_are_none(given: Any) -> None:
    class Model:
        settings = given

    assert settings_of(Model()) in ({}, {"x": None})
    assert settings_of(object()) == {}


@pytest.mark.parametrize("given", [None, 3, ["x"], {"x": 3}, {"x": "a/b/0"}, {"x": set()}, {"x": {"ab/b/0"}}])
def test_notes_on_no_request_of_the_task_are_none(given: Any) -> None:
    class Model:
        notes = given

    assert notes_on(Model(), "a") == {}
