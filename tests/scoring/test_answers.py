"""Answers are scored as the log holds them, whether it is read or this process has just written it."""

from pathlib import Path
from typing import Any

import pytest
from helpers import Colours, evaluate, lines, write_questions

from mmbench import Generation
from mmbench.runner import task_run
from mmbench.runner.entries import scored_entry
from mmbench.scoring.answers import StoredAnswers

LONG = "I see a red shape. " * 100


class Varied(Colours):
    """Answers in every way that an answer can end; one answer is no text until `mended`."""

    mended = False

    def answer(self, request: Any) -> Any:
        odd = {
            "q0": LONG,
            "q1": Generation("<think>It is gre", finish_reason="length"),
            "q2": Generation("no", finish_reason="filter"),
            "q3": "red" if self.mended else 3,
            "q4": "r\u00f6tlich",
            "q5": LONG[:900],
            "q6": Generation(LONG, finish_reason="length"),
        }
        return odd.get(request.sample_id, "red")


def test_answers_in_memory_are_those_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[Any], list[Any]]] = []

    def compare(plan: Any, directory: Any, entry: Any, prior: Any, book: Any) -> Any:
        seen.append((list(StoredAnswers(plan, directory)), list(StoredAnswers(plan, directory, book))))
        assert (book is None) == (len(seen) == 2)
        return scored_entry(plan, directory, entry, prior, book)

    monkeypatch.setattr(task_run, "scored_entry", compare)
    model = Varied()
    evaluate(model, write_questions(tmp_path, 40), tmp_path, batch_size=8)
    model.mended = True
    again = evaluate(model, tmp_path / "mine.jsonl", tmp_path, batch_size=8)  # asks what failed; the log is read
    (read, remembered), (resumed, _) = seen
    assert read == remembered
    assert [response.status for (response,) in read][:4] == ["ok", "truncated", "refused", "error"]
    assert (read[0][0].output, resumed[3][0].status) == (LONG, "ok")
    assert len(lines(again.path)) == 41
