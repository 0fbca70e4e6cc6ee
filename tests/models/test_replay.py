"""Answers made elsewhere stand in for the model: JSONL, JSON, CSV, or the log of another run."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import COLOURS, evaluate, lines, log_of, statuses, write_questions, write_rows

from mmbench import ModelInfo, RunResult
from mmbench.core import DataError, UsageError

RIGHT = {f"q{i}": list(COLOURS)[i % 4] for i in range(8)}
"""The right answers to eight questions."""


def replay(folder: Path, predictions: Path, **options: Any) -> RunResult:
    data = folder / "mine.jsonl"
    data = data if data.exists() else write_questions(folder, 8)
    return evaluate("replay", data, folder, model_args={"file": str(predictions)}, **options)


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def rows(id_field: str = "id", text_field: str = "prediction") -> list[dict[str, Any]]:
    return [{id_field: key, text_field: answer} for key, answer in RIGHT.items()]


@pytest.mark.slow
@pytest.mark.parametrize("id_field", ["id", "sample_id", "question_id", "image_id"])
@pytest.mark.parametrize("text_field", ["prediction", "output", "answer", "response", "caption"])
def test_json_lines_under_the_usual_names_of_fields(tmp_path: Path, id_field: str, text_field: str) -> None:
    result = replay(tmp_path, write_rows(tmp_path / "p.jsonl", rows(id_field, text_field)))
    assert result.rows()[0].metric.value == 1.0
    assert result.exit_code == 0


def test_csv(tmp_path: Path) -> None:
    assert replay(tmp_path, write_csv(tmp_path / "p.csv", rows())).rows()[0].metric.value == 1.0


def test_a_csv_cell_may_hold_line_breaks_and_odd_spaces(tmp_path: Path) -> None:
    said = "first line\nsecond\u2028 line, with a comma"
    result = replay(tmp_path, write_csv(tmp_path / "p.csv", [{"id": "q0", "prediction": said}, *rows()[1:]]))
    assert lines(result.path)[0].output == said


def test_json_as_a_list_and_as_an_object(tmp_path: Path) -> None:
    for n, document in enumerate((rows(), RIGHT)):
        path = tmp_path / f"{n}.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        assert replay(tmp_path, path).rows()[0].metric.value == 1.0


def test_a_number_stands_as_it_was_written(tmp_path: Path) -> None:
    said = [-2.25, 3, 0.5, "no number"]
    predicted = [{"id": f"q{n}", "prediction": each} for n, each in enumerate(said)]
    result = replay(tmp_path, write_rows(tmp_path / "p.jsonl", [*predicted, *rows()[4:]]))
    assert [line.output for line in lines(result.path)][:4] == ["-2.25", "3", "0.5", "no number"]
    assert result.exit_code == 0


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.jsonl", rows())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert replay(tmp_path, path).rows()[0].metric.value == 1.0


def test_the_log_of_another_run_gives_the_scores_of_that_run(tmp_path: Path) -> None:
    first = evaluate("random", write_questions(tmp_path, 8), tmp_path)
    again = replay(tmp_path, log_of(first.path))
    assert [row.metric for row in again.rows()] == [row.metric for row in first.rows()]
    assert [line.output for line in lines(again.path)] == [line.output for line in lines(first.path)]


def test_the_log_of_a_run_that_chose_gives_its_scores_too(tmp_path: Path) -> None:
    class Chooses:
        info = ModelInfo("chooses")

        def choose(self, requests: Any) -> Any:
            return [[float(i == request.seed % 4) for i in range(4)] for request in requests]

    first = evaluate(Chooses(), write_questions(tmp_path, 8), tmp_path)
    text = [
        {"id": line.id, "output": list(COLOURS)[line.output.index(1.0)]} for line in lines(first.path) if line.output
    ]
    again = replay(tmp_path, write_rows(tmp_path / "p.jsonl", text))
    assert again.rows()[0].metric.value == first.rows()[0].metric.value


def test_a_failed_request_of_the_other_run_stays_failed(tmp_path: Path) -> None:
    class Fails:
        info = ModelInfo("fails")

        def generate(self, requests: Any) -> Any:
            return [None if request.sample_id == "q2" else "red" for request in requests]

    first = evaluate(Fails(), write_questions(tmp_path, 8), tmp_path)
    assert statuses(replay(tmp_path, log_of(first.path)).path)["q2"] == "error"


def test_a_sample_without_a_prediction_is_an_error_never_an_empty_answer(tmp_path: Path) -> None:
    result = replay(tmp_path, write_rows(tmp_path / "p.jsonl", rows()[:6]))
    metric = result.rows()[0].metric
    assert (metric.n, metric.n_failed, metric.value) == (6, 2, 1.0)
    failed = [line for line in lines(result.path) if line.status == "error"]
    assert "has no prediction for sample 'q6'" in (failed[0].error or "")
    assert result.exit_code == 4


def test_an_empty_prediction_is_an_answer(tmp_path: Path) -> None:
    result = replay(tmp_path, write_rows(tmp_path / "p.jsonl", [{"id": "q0", "prediction": ""}, *rows()[1:]]))
    assert result.rows()[0].metric.n_unparsed == 1
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": "q0", "prediction": "red"}\nnot json\n', "line 2: not JSON"),
        (
            '{"id": "q0", "prediction": "red"}\n\n{"id": "q0", "prediction": "blue"}\n',
            "line 3: id 'q0' was already on line 1",
        ),
        ('{"prediction": "red"}\n', "line 1: no id (one of id, sample_id, question_id, image_id)"),
        ('{"id": "q0"}\n', "line 1: no prediction (one of prediction, output, answer, response, caption)"),
        ("[1, 2]\n", "line 1: expected an object with 'id' and 'prediction'"),
        ("\xff", "is not UTF-8"),
    ],
    ids=["broken", "twice", "no-id", "no-prediction", "list", "latin-1"],
)
def test_a_broken_line_ends_the_run_and_is_named(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        replay(tmp_path, path)
    assert caught.value.exit_code == 2
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_file_that_is_missing_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the predictions"):
        replay(tmp_path, tmp_path / "nowhere.jsonl")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_an_edited_predictions_file_is_another_run(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "p.jsonl", rows())
    first = replay(tmp_path, path)
    write_rows(path, [{"id": key, "prediction": "red"} for key in RIGHT])
    second = replay(tmp_path, path)
    assert first.path != second.path
    assert second.rows()[0].metric.value == pytest.approx(2 / 8)
