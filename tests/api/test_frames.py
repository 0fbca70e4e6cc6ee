"""Frames of values and speeds hold what the files on disk hold."""

import json
import sys
from pathlib import Path

import pytest
from boards import entry, table, written
from stored import TASK, measured

import mmbench
from mmbench.core.errors import MissingExtraError, UnknownNameError
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import SCHEMA_VERSION, PerfFile, PerfReason

pytest.importorskip("pandas")


def made(out: Path, name: str = "model") -> Path:
    status = {"s1": "unparsed", "s2": "truncated", "s3": "truncated", "s4": "refused"}
    given = table(0.5, n=38, size=1, status=status, slices={"kind": ["a", "b"] * 19})
    path = written(out, name, {TASK: given})
    entry(path, TASK, chance={"accuracy": 0.25}, prior={"accuracy": 0.5})
    reasons = [PerfReason(code="cpu_pressure", detail="others want the CPUs")]
    speed = measured({"latency_p50": 12.5, "samples_per_s": None}, reasons)
    RunDirectory(path).write_perf(PerfFile(schema_version=SCHEMA_VERSION, tasks={TASK: speed}))
    return path


@pytest.mark.slow
def test_a_row_of_values_is_the_stored_value_with_guessing_and_shares(tmp_path: Path) -> None:
    path = made(tmp_path)
    frame = mmbench.load_run(path).metrics()
    (scores,) = (path / "tasks").rglob("scores/*.json")
    stored = json.loads(scores.read_text())
    (value,) = stored["metrics"]
    assert frame["label"].isna().tolist() == [True, False, False]
    assert frame.loc[1:, ["slice", "label"]].values.tolist() == [["kind", "a"], ["kind", "b"]]
    whole = frame.loc[0]
    assert {name: whole[name] for name in ("value", "low", "high", "n", "coverage", "method", "bound_low")} == {
        name: value[name] for name in ("value", "low", "high", "n", "coverage", "method", "bound_low")
    }
    assert (whole["chance"], whole["prior"], whole["metric"], whole["primary"]) == (0.25, 0.5, "accuracy", True)
    assert whole["truncated"] == pytest.approx(2 / 38)
    assert (whole["unparsed"], whole["refused"], whole["failed"]) == pytest.approx((1 / 38, 1 / 38, 0))
    assert frame["value"].tolist()[1:] == [stored["slices"]["kind"][label][0]["value"] for label in "ab"]


@pytest.mark.slow
def test_a_row_of_speed_says_whether_it_may_be_quoted(tmp_path: Path) -> None:
    frame = mmbench.load_run(made(tmp_path)).perf().set_index("figure")
    assert frame.loc["latency_p50", "value"] == 12.5
    assert frame["value"].isna().tolist() == [False, True]
    assert frame.loc["samples_per_s", "reason"] == "absent"
    assert frame["valid"].tolist() == [False, False]
    assert frame["reasons"].tolist() == [["cpu_pressure"]] * 2
    assert (frame["batch_size"] == 1).all()


@pytest.mark.slow
def test_runs_of_one_name_are_told_apart_and_tasks_chosen(tmp_path: Path) -> None:
    paths = [made(tmp_path / place) for place in ("a", "b")]
    frame = mmbench.metrics_frame(paths, TASK)
    assert frame["run"].nunique() == 2
    assert len(frame) == 6
    assert mmbench.perf_frame(paths)["run"].nunique() == 2
    with pytest.raises(UnknownNameError):
        mmbench.metrics_frame(paths, "nothing")


def test_without_pandas_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = mmbench.load_run(made(tmp_path))
    monkeypatch.setitem(sys.modules, "pandas", None)
    for frame in (run.metrics, run.perf):
        with pytest.raises(MissingExtraError) as caught:
            frame()
        assert caught.value.extra == "pandas"
    assert [row.id for row in run.rows()] == ["accuracy"]
