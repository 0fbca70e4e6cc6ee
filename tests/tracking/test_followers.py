"""Trackers in processes of their own: what they do wrong costs a run nothing but a warning."""

import json
import os
import subprocess
import sys
import textwrap
import time

import pytest
from helpers import write_questions

from mmbench.core.model import FitProgress
from mmbench.tracking.process import BACKLOG, POINTS, Followers
from mmbench.tracking.wanted import Tracking

pytestmark = pytest.mark.slow

SOURCE = '''
import json, os, sys, time
from mmbench.tracking import Tracker

class Notebook(Tracker):
    """Writes what it is told into a file; fails as it is told to."""

    def __init__(self, file, at="", how="raise"):
        self.file, self.at, self.how = file, at, how

    def _write(self, event, **more):
        if event == self.at:
            print("chatter"); print("more", file=sys.stderr)
            if self.how == "hang":
                time.sleep(1000)
            if self.how == "die":
                os._exit(3)
            if self.how == "full":
                open("/dev/full", "w").write("x" * 100000)
            raise {"raise": ValueError, "exit": SystemExit}[self.how]("as asked")
        with open(self.file, "a") as file:
            file.write(json.dumps({"event": event, **more}) + "\\n")

    def begin(self, run):
        self._write("begin", id=run.id)

    def curve(self, point):
        self._write("curve", step=point.step, **point.values)

    def results(self, results):
        self._write("results", task=results.task)

    def samples(self, table):
        self._write("samples", n=len(table.rows))

    def end(self, status):
        self._write("end", status=status)
        return "the notebook"
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A distribution that registers a tracker, on the path of child processes."""
    folder = tmp_path / "plugins"
    info = folder / "notebook-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notebook\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mmbench.trackers]\nnotebook = notebook_tracker:Notebook\n")
    (folder / "notebook_tracker.py").write_text(textwrap.dedent(SOURCE))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    return folder


class Told:
    def __init__(self, path, **options):
        self.file = path / "notebook.jsonl"
        self.notes, self.problems = [], []
        tracking = Tracking({"notebook": {"file": str(self.file), **options}}, 100, 30.0)
        self.followers = Followers(tracking, self.notes.append, self.problems.append)

    @property
    def events(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()] if self.file.exists() else []


def test_a_tracker_is_told_of_everything(run, plugin, tmp_path):
    told = Told(tmp_path)
    with told.followers as followers:
        followers.began(run)
        for step in range(1, 1001):
            followers.fitted("vqa/mine", FitProgress(step, 1000, 1 / step, ("accuracy", step // 500)))
        (task,) = json.loads((run / "run.json").read_text())["tasks"]
        followers.scored(task)
        followers.ended(run)
    names = [event["event"] for event in told.events]
    assert names[0] == "begin"
    assert names[-4:] == ["results", "results", "samples", "end"]
    curve = [event for event in told.events if event["event"] == "curve"]
    assert 100 <= len(curve) <= POINTS + 10
    assert (curve[0]["step"], curve[-1]["step"]) == (1, 1000)
    assert [event["step"] for event in curve if "val_accuracy" in event] == [1, 500, 1000]
    assert told.problems == []
    assert told.notes[-1] == "notebook: the notebook"


@pytest.mark.parametrize("how", ["raise", "exit", "die", "full"])
@pytest.mark.parametrize("at", ["begin", "samples"])
def test_a_tracker_that_fails_is_one_warning(run, plugin, tmp_path, at, how, capfd):
    told = Told(tmp_path, at=at, how=how)
    with told.followers as followers:
        followers.began(run)
        followers.ended(run)
        followers.began(run)
        followers.ended(run)
    assert len(told.problems) == 1
    assert list(told.followers.failed) == ["notebook"]
    assert "chatter" not in capfd.readouterr().out


def test_a_tracker_that_hangs_is_left_alone(run, plugin, tmp_path):
    told = Told(tmp_path, at="begin", how="hang")
    told.followers._tracking = Tracking(told.followers._tracking.trackers, 100, 1.0)
    with told.followers as followers:
        followers.began(run)
        start = time.monotonic()
        for step in range(2 * BACKLOG):  # more than pipe and backlog hold
            followers.fitted("t", FitProgress(step, 2 * BACKLOG, 0.5, ("accuracy", float(step))))
        followers.ended(run)
        (child,) = followers._children
        assert len(child.backlog) <= BACKLOG + 3
        assert time.monotonic() - start < 10
    assert len(told.problems) == 1
    assert child.process.poll() is not None


def test_an_interrupted_run_ends_as_interrupted(run, plugin, tmp_path):
    told = Told(tmp_path)
    followers = told.followers.__enter__()
    followers.began(run)
    while not told.events:
        time.sleep(0.05)
    followers.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert told.events[-1] == {"event": "end", "status": "interrupted"}


def test_the_exit_code_is_that_of_the_run(plugin, tmp_path):
    file = tmp_path / "notebook.jsonl"
    data = str(write_questions(tmp_path, 4))
    common = ["run", "--model", "random", "--tasks", "vqa", "--data", data, "--quiet", "--track", "notebook"]
    for options, complete in ((f"file={file}", True), (f"file={file},at=results,how=die", False)):
        done = subprocess.run(
            [sys.executable, "-m", "mmbench", *common, "--tracker-args", options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert ([event["event"] for event in map(json.loads, file.read_text().splitlines())][-1] == "end") is complete
    begun = [each for each in map(json.loads, file.read_text().splitlines()) if each["event"] == "begin"]
    assert len({each["id"] for each in begun}) == 1
