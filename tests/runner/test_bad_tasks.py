"""A task plug-in whose own code raises is named, with the line; its answers are kept, and it is no bug of mmbench."""

from pathlib import Path

import pytest
from helpers import mmbench

TASK = """
import mmbench
from mmbench.testing import ProbeTask


class Fails(ProbeTask):
    def {method}(self, *arguments, **options):
        raise KeyError("no such word")
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["samples", "requests", "fingerprint", "chance"])
def test_a_task_that_raises_is_named_with_its_line(tmp_path: Path, method: str) -> None:
    (tmp_path / "failing.py").write_text(TASK.format(method=method), encoding="utf-8")
    ended = mmbench("run", "--model", "random", "--tasks", "failing.py:Fails", folder=tmp_path)
    assert ended.code in (2, 4)
    assert "KeyError: 'no such word'" in ended.err
    assert "failing.py, line 8" in ended.err
    assert "Traceback" not in ended.err
    assert "bug in mmbench" not in ended.err


@pytest.mark.slow
def test_a_task_that_cannot_score_keeps_its_answers(tmp_path: Path) -> None:
    file = tmp_path / "failing.py"
    file.write_text(TASK.format(method="score"), encoding="utf-8")
    ended = mmbench("run", "--model", "random", "--tasks", "failing.py:Fails", folder=tmp_path)
    assert ended.code == 4
    assert "failed to score its answers, which are kept: KeyError" in ended.err
    file.write_text(TASK.format(method="unused"), encoding="utf-8")
    again = mmbench("run", "--model", "random", "--tasks", "failing.py:Fails", folder=tmp_path)
    assert again.code == 0
    assert "nothing left to ask" in again.err
