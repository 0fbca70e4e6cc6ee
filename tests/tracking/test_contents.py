"""What a tracker is told of a run, with a tracker of this process that only remembers."""

import json
import shutil

import pytest
from helpers import edit_json
from stored import TASK, score_table, write_run

import mmbench as package
from mmbench.core import (
    Media,
    MediaError,
    MissingExtraError,
    NotComparableError,
    OptionError,
    UnknownNameError,
    UsageError,
)
from mmbench.tracking import Tracker
from mmbench.tracking.child import Teller
from mmbench.tracking.contents import CHARACTERS, sample_table, task_results, tracked_run
from mmbench.tracking.mlflow import _key
from mmbench.tracking.tensorboard import _cell
from mmbench.tracking.wanted import is_installed, wanted_trackers


class Remembers(Tracker):
    """Keeps what it is told."""

    def __init__(self):
        self.begun, self.points, self.values, self.tables, self.ends = [], [], {}, {}, []

    def begin(self, run):
        self.begun.append(run)

    def curve(self, point):
        self.points.append(point)

    def results(self, results):
        self.values[results.task] = results.values

    def samples(self, table):
        self.tables[table.task] = table

    def end(self, status):
        self.ends.append(status)
        return "here"


def told(*messages, samples=100):
    tracker, replies = Remembers(), []
    Teller(tracker, samples, replies.append).follow(messages)
    return tracker, replies


def began(run):
    return {"event": "began", "run": str(run)}


def ended(run):
    return {"event": "ended", "run": str(run)}


def test_a_tracker_gets_values_intervals_and_shares(run):
    tracker, replies = told(began(run), ended(run))
    (values,) = tracker.values.values()
    (accuracy,) = [row.metric for row in package.load_run(run).rows() if row.id == "accuracy"]
    assert values["accuracy"] == accuracy.value
    assert (values["accuracy_low"], values["accuracy_high"]) == (accuracy.low, accuracy.high)
    assert (values["accuracy_n"], values["accuracy_coverage"]) == (8, 8 / 9)
    assert values["accuracy_share_failed"] == values["accuracy_share_truncated"] == 1 / 9
    assert tracker.ends == ["partial"]
    assert replies == [{"seen": "here"}]


def test_the_configuration_says_what_was_run(run):
    tracker, _ = told(began(run), ended(run))
    (begun,) = tracker.begun
    record = package.load_run(run).record
    assert begun.config["identity"] == record.identity
    assert begun.config["mmbench_version"] == record.mmbench_version
    (task,) = begun.config["tasks"].values()
    assert task["n_samples"] == 9
    json.dumps(begun.config)


def test_a_run_that_is_resumed_keeps_its_id(run, tmp_path):
    first = tracked_run(package.load_run(run)).id
    assert len(first) == 32
    assert tracked_run(package.load_run(run)).id == first
    other = write_run(tmp_path, "other", {TASK: [score_table([1.0])]})
    assert tracked_run(package.load_run(other)).id != first


def test_the_samples_are_spread_over_how_they_went(run):
    tracker, _ = told(began(run), ended(run), samples=4)
    (table,) = tracker.tables.values()
    assert table.total == 9
    assert sorted(row["outcome"] for row in table.rows) == ["failed", "right", "truncated", "wrong"]
    (image,) = table.rows[0]["images"]
    assert image.pixels.mode == "RGB"
    assert table.rows[0]["question"].startswith("what colour")
    assert [len(column) for column in table.flat(str).values()] == [4] * 10


def test_no_samples_are_sent_when_none_are_wanted(run):
    tracker, _ = told(began(run), ended(run), samples=0)
    assert tracker.tables == {}


def test_samples_go_without_images_and_questions_where_these_are_gone(run, monkeypatch):
    def fail(result, *, foreign, note):
        raise NotComparableError("the data have changed")

    monkeypatch.setattr("mmbench.tracking.contents.stored_samples", fail)
    tracker, replies = told(began(run), ended(run))
    (table,) = tracker.tables.values()
    assert len(table.rows) == 9
    assert {row["question"] for row in table.rows} == {None}
    assert "note" in replies[0]


def test_an_image_that_cannot_be_read_is_left_out(run, monkeypatch):
    def fail(media):
        raise MediaError("gone")

    monkeypatch.setattr(Media, "load", fail)
    found = package.load_run(run)
    (result,) = found.tasks.values()
    table = sample_table(found, result, 100, lambda _: None)
    assert {len(row["images"]) for row in table.rows} == {0}
    assert all(row["question"] for row in table.rows)


def test_long_texts_are_cut(tmp_path):
    table = score_table([1.0], answers=["x" * 5_000_000])
    found = package.load_run(write_run(tmp_path, "long", {TASK: [table]}))
    rows = sample_table(found, found.tasks[TASK], 10, lambda _: None).rows
    assert len(rows[0]["extracted"]) < CHARACTERS + 100


def test_a_run_that_was_killed_counts_as_interrupted(run):
    curve = {"event": "curve", "task": "t", "step": 3, "values": {"loss": 0.5}}
    tracker, _ = told(began(run), curve)
    assert tracker.ends == ["interrupted"]
    assert (tracker.points[0].step, tracker.points[0].values) == (3, {"loss": 0.5})


def test_a_run_that_was_removed_has_failed(run, tmp_path):
    tracker, _ = told(began(run), ended(tmp_path / "gone"))
    assert tracker.ends == ["failed"]


def test_every_value_is_finite_where_a_task_has_none(tmp_path):
    found = package.load_run(write_run(tmp_path, "none", {TASK: [score_table([None, None])]}))
    values = task_results(found.tasks[TASK]).values
    assert "accuracy" not in values
    assert values["accuracy_share_failed"] == 1


# --- what users ask for ---


def test_a_missing_library_is_said_before_anything_is_asked(tmp_path):
    if is_installed("wandb"):
        pytest.skip("wandb is installed here")
    with pytest.raises(MissingExtraError) as caught:
        package.run("random", "vqa/scenes", track="wandb", out=tmp_path / "runs", progress=False)
    assert caught.value.extra == "wandb"
    assert not (tmp_path / "runs").exists()


def test_a_folder_is_no_library(tmp_path, monkeypatch):
    (tmp_path / "leftover").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert not is_installed("leftover")


def test_wrong_names_and_options_are_refused():
    with pytest.raises(UnknownNameError):
        wanted_trackers(["wandbb"], {}, 100, 60)
    with pytest.raises(UsageError):
        wanted_trackers([], {"project": "a"}, 100, 60)
    with pytest.raises(UnknownNameError):
        wanted_trackers(["tensorboard"], {"foldr": "a"}, 100, 60)
    with pytest.raises(OptionError):
        package.run("random", "vqa/scenes", track_samples=-1)
    with pytest.raises(OptionError):
        package.run("random", "vqa/scenes", track_wait=0)


def test_names_are_those_that_mlflow_takes():
    assert _key("recall@5(direction=t2i)") != _key("recall@5(direction=i2t)")
    for name in ("a" * 1000, "/etc/passwd", "..", "a/../b", "é", "x" * 300 + "y"):
        assert len(_key(name)) <= 250
        assert not _key(name).startswith("/")
        assert ".." not in _key(name)


def test_what_a_model_wrote_is_no_markdown():
    assert _cell("a|b\n<b>") == "a\\|b \\<b\\>"


def test_code_that_a_run_names_is_imported_only_where_that_is_allowed(run, tmp_path):
    (tmp_path / "evil.py").write_text("import pathlib\npathlib.Path(__file__).with_name('EXECUTED').touch()\n")

    def change(document):
        for task in document["tasks"].values():
            task["source"] |= {"name": str(tmp_path / "evil.py"), "data_path": None}

    copied = tmp_path / run.name
    shutil.copytree(run, copied)
    edit_json(copied / "run.json", change)
    _, replies = told(began(copied), ended(copied))
    assert "foreign-source" in replies[0]["note"]
    assert not (tmp_path / "EXECUTED").exists()
    Teller(Remembers(), 100, replies.append, foreign=True).follow([began(copied), ended(copied)])
    assert (tmp_path / "EXECUTED").exists()
