"""A model that misbehaves in a run from the command line: what is lost, what is said, and the exit code."""

from pathlib import Path

import pytest
from helpers import (
    log_of,
    mmbench,
    only_run,
    write_model,
    write_questions,
)

pytestmark = pytest.mark.slow


def test_one_sample_that_raises_costs_that_sample_and_exit_code_4(tmp_path: Path) -> None:
    source = """
        from pathlib import Path

        class Picky:
            def generate(self, requests):
                with open("asked.txt", "a") as file:
                    file.writelines(request.sample_id + "\\n" for request in requests)
                if any(request.sample_id == "q5" for request in requests) and not Path("healed").exists():
                    raise ValueError("cannot look at this")
                return ["red" for _ in requests]
    """
    write_model(tmp_path, source)
    write_questions(tmp_path, 20)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    ended = mmbench(*arguments, "--json", folder=tmp_path)
    assert ended.code == 4
    assert "Traceback" not in ended.err
    (metric,) = ended.document()["metrics"]
    assert (metric["n"], metric["n_failed"], metric["coverage"]) == (19, 1, 0.95)
    assert metric["value"] == pytest.approx(5 / 19), "q0, q4 … q16 are red; an error is no answer"
    table = mmbench("show", "mymodel", "--out", "runs", folder=tmp_path)
    assert "95.00 %" in table.out
    assert "1 of 20 requests failed: 1 × " in table.out
    assert "(first: sample q5)" in table.out
    (tmp_path / "asked.txt").unlink()
    assert mmbench(*arguments, folder=tmp_path).code == 4
    assert (tmp_path / "asked.txt").read_text(encoding="utf-8") == "q5\n", "resume asks only what failed"
    (tmp_path / "healed").touch()
    assert mmbench(*arguments, folder=tmp_path).code == 0


def test_max_errors_stops_early_and_says_so(tmp_path: Path) -> None:
    write_model(tmp_path, "class Bad:\n    def generate(self, requests):\n        raise ValueError('never')\n")
    write_questions(tmp_path, 100)
    arguments = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--out", "runs"]
    ended = mmbench(*arguments, "--max-errors", "3", "--batch-size", "2", folder=tmp_path)
    ended.refused(4, "4 of 4 requests failed, more than --max-errors 3 allows", "sample q0: ValueError: never")
    assert "stopped" in ended.out
    assert len(log_of(only_run(tmp_path / "runs")).read_bytes().splitlines()) == 4
    fraction = mmbench(*arguments, "--max-errors", "0.1", folder=tmp_path)
    fraction.refused(4, "requests failed, more than --max-errors 0.1 allows")


def test_a_failed_model_leaves_the_failure_in_the_document(tmp_path: Path) -> None:
    write_model(tmp_path, "class Bad:\n    def __init__(self): 1 / 0\n    def generate(self, requests): ...\n")
    write_questions(tmp_path)
    ended = mmbench(
        "run", "--model", "mymodel,constant", "--tasks", "vqa", "--data", "mine.jsonl", "--json", "-q", folder=tmp_path
    )
    assert ended.code == 4
    document = ended.document()
    assert document["failures"] == {"mymodel": "model 'mymodel' cannot be built: ZeroDivisionError: division by zero"}
    assert {metric["model"] for metric in document["metrics"]} == {"constant"}
