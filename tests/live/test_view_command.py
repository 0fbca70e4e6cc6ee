"""``mmbench view`` as it is typed: it prints where the page is, serves it, and Ctrl-C ends it."""

import signal
import urllib.request

import pytest
from answered import answered
from helpers import mmbench, start

from mmbench.live.snapshot import run_folders


@pytest.mark.slow
def test_control_c_ends_it_with_exit_code_0(tmp_path):
    answered(tmp_path / "results" / "runs", "m", {"a": {"output": "yes"}})
    child = start("view", folder=tmp_path)
    url = child.stdout.readline().strip()
    with urllib.request.urlopen(url, timeout=30) as answer:
        page = answer.read()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 0, err
    assert b"Content-Security-Policy" in page
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [(), ("absent",), ("--port", "70000")])
def test_what_cannot_be_served_is_one_sentence_and_exit_code_2(tmp_path, arguments):
    (tmp_path / "results" / "runs").mkdir(parents=True)
    ended = mmbench("view", *arguments, folder=tmp_path)
    assert ended.code == 2
    assert ended.out == ""
    assert "Traceback" not in ended.err
    if arguments == ("absent",):
        assert len(ended.err.splitlines()) == 1


def test_runs_that_are_being_made_are_left_out(tmp_path):
    for name in ("a", ".importing-1-a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text("{}")
    assert run_folders(tmp_path) == [tmp_path / "a"]
