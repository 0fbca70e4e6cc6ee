"""A model whose code changes the working directory: everything is still written where the command was given."""

from pathlib import Path

import pytest
from helpers import lines, mmbench, only_run, write_model, write_questions

pytestmark = pytest.mark.slow

WANDERER = """
    import os

    {imported}

    class Wanderer:
        def __init__(self):
            {built}

        def generate(self, requests):
            {asked}
            return [str(len(r.images[0].load().tobytes())) for r in requests]
"""
LEAVE = "os.chdir('elsewhere') if os.path.isdir('elsewhere') else None"


@pytest.mark.parametrize("when", ["imported", "built", "asked"])
def test_a_run_stays_where_it_was_started(when: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    write_questions(tmp_path, 4, closed=False)
    moves = dict.fromkeys(["imported", "built", "asked"], "pass")
    write_model(tmp_path, WANDERER.format(**{**moves, when: LEAVE}), "wanderer.py")
    command = ["run", "-m", "wanderer", "-t", "vqa", "--data", tmp_path / "mine.jsonl", "--cache", "--batch-size", "2"]
    ended = mmbench(*command, folder=tmp_path)
    assert ended.code == 0, ended.err
    assert [line.status for line in lines(only_run(tmp_path / "results" / "runs"))] == ["ok"] * 4
    assert (tmp_path / "results" / "cache" / "answers.sqlite").is_file()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    again = mmbench(*command, folder=tmp_path)
    assert again.code == 0
    assert "nothing left to ask" in again.err


def test_what_is_shown_stays_relative(tmp_path: Path) -> None:
    write_questions(tmp_path, 4)
    ended = mmbench("run", "-m", "random", "-t", "vqa", "--data", "mine.jsonl", folder=tmp_path)
    assert "mmbench show results/runs/random--" in ended.err
    assert str(tmp_path) not in ended.err
