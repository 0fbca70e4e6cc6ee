"""Models that print, close or replace the streams of the process, or fork it."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import evaluate, lines, mmbench, only_run, write_model, write_questions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and descriptors of POSIX")

MODEL = """
    import os, sys, subprocess

    class Hostile:
        calls = 0

        def generate(self, requests):
            self.calls += 1
            if self.calls == 1:
                HOW
            return ["red"] * len(requests)
"""

HOW = {
    "prints": "print('{}'); os.write(1, b'raw'); subprocess.run(['echo', 'of a child'])",
    "closes stdout": "sys.stdout.close()",
    "closes stderr": "sys.stderr.close()",
    "closes the descriptors": "os.close(1); os.close(2)",
    "closes everything": "[s.close() for s in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)]; os.closerange(1, 3)",
    "replaces them": "sys.stdout = sys.stderr = None",
    "forks and returns": "os.fork()",
}


@pytest.mark.slow
@pytest.mark.parametrize("how", HOW)
def test_the_document_on_stdout_is_whole_whatever_a_model_does_to_the_streams(how: str, tmp_path: Path) -> None:
    write_questions(tmp_path, 4)
    write_model(tmp_path, MODEL.replace("HOW", HOW[how]))
    ended = mmbench(
        "run", "-m", "mymodel", "-t", "vqa", "--data", "mine.jsonl", "--batch-size", "2", "--json", folder=tmp_path
    )
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err
    assert [row["n"] for row in json.loads(ended.out)["metrics"]] == [4]
    assert len(lines(only_run(tmp_path / "results" / "runs"))) == 4
    shown = mmbench("run", "-m", "mymodel", "-t", "vqa", "--data", "mine.jsonl", "--out", "shown", folder=tmp_path)
    assert shown.code == 0, shown.err
    assert "accuracy" in shown.out, "the table is there, too"


@pytest.mark.slow
def test_a_check_prints_its_report_whatever_the_model_does_to_the_streams(tmp_path: Path) -> None:
    write_model(tmp_path, MODEL.replace("HOW", HOW["closes everything"]))
    ended = mmbench("check", "mymodel.py", "--limit", "4", "--json", folder=tmp_path)
    assert ended.code in (0, 4), ended.err
    assert json.loads(ended.out)["reports"]


def test_a_model_whose_children_end_by_themselves_ends_well(tmp_path: Path) -> None:
    class Forks:
        def generate(self, requests: Any) -> list[str]:
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
            return ["red"] * len(requests)

    result = evaluate(Forks(), write_questions(tmp_path, 4), tmp_path, batch_size=2)
    assert result.exit_code == 0
    assert len(lines(result.path)) == 4


@pytest.mark.parametrize("where", ["open", "generate", "close"])
@pytest.mark.parametrize("then", ["returns", "raises"])
def test_a_copy_of_the_process_that_a_model_lets_return_ends_there(where: str, then: str, tmp_path: Path) -> None:
    class Copies:
        """Forks without looking which of the two it is."""

        def __init__(self) -> None:
            self.children: list[int] = []

        def at(self, place: str) -> None:
            if place == where and not self.children:
                child = os.fork()
                self.children.append(child)
                if child == 0 and then == "raises":
                    raise RuntimeError("lost")

        def open(self) -> None:
            self.at("open")

        def generate(self, requests: Any) -> list[str]:
            self.at("generate")
            return ["red"] * len(requests)

        def close(self) -> None:
            self.at("close")

    model = Copies()
    result = evaluate(model, write_questions(tmp_path, 4), tmp_path, batch_size=2)
    assert result.exit_code == 0
    assert [line.id.split("/")[-2] for line in lines(result.path)] == ["q0", "q1", "q2", "q3"]
    (child,) = model.children
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
