"""Speed in tables: greyed where it must not be quoted, and apart where conditions differ."""

from pathlib import Path
from typing import Any

import msgspec
from stored import TASK, measured, score_table, write_run

from mmbench.analysis.seeds import group_seeds
from mmbench.analysis.turns import turned_figures
from mmbench.reporting.load_tables import load_tables
from mmbench.reporting.summary import summary_table
from mmbench.results.find import load_run
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import SCHEMA_VERSION, PerfFigure, PerfFile, PerfReason, SpeedIdentity, TaskPerf


def runs_of(out: Path, **speeds: Any):
    runs = []
    for model, perf in speeds.items():
        path = write_run(out, model, {TASK: [score_table([1.0, 0.0] * 20)]})
        RunDirectory(path).write_perf(PerfFile(schema_version=SCHEMA_VERSION, tasks={TASK: perf}))
        runs.append(load_run(path, out))
    return runs


def table(out: Path, **speeds: Any):
    found = summary_table(group_seeds(runs_of(out, **speeds)))
    titles = [column.title for column in found.columns]
    return [dict(zip(titles, row, strict=True)) for row in found.cells], found.notes


def test_the_time_of_a_batch_stands_in_a_column_of_its_own(tmp_path: Path) -> None:
    (row,), _ = table(tmp_path, a=measured({"samples_per_s": 80.0, "batch_ms_p50": 50.0}, batch_size=4))
    assert (row["samples/s"].value, row["p50 ms"].value, row["batch p50 ms"].value) == (80.0, None, 50.0)
    (row,), _ = table(tmp_path / "b", b=measured({"samples_per_s": 20.0, "latency_p50": 50.0}))
    assert (row["p50 ms"].value, "batch p50 ms" in row) == (50.0, False)


def test_speeds_of_other_conditions_are_told_apart(tmp_path: Path) -> None:
    rows, notes = table(
        tmp_path, a=measured({"samples_per_s": 80.0}, batch_size=4), b=measured({"samples_per_s": 20.0})
    )
    assert [row["asked as"].display for row in rows] == ["batches of 4", "one by one"]
    assert any(note.startswith("asked as") for note in notes)
    alike, _ = table(tmp_path / "same", a=measured({"samples_per_s": 80.0}), b=measured({"samples_per_s": 20.0}))
    assert all("asked as" not in row for row in alike)


def test_a_speed_that_must_not_be_quoted_is_marked_and_says_why(tmp_path: Path) -> None:
    spoilt = measured({"samples_per_s": 80.0}, [PerfReason(code="throttled", detail="too hot")])
    (row,), notes = table(tmp_path, a=spoilt)
    assert (row["samples/s"].marks, row["samples/s"].note) == ({"invalid"}, "too hot")
    assert any("too hot" in note for note in notes)


def test_a_sentence_that_scenarios_share_is_said_once(tmp_path: Path) -> None:
    whole = PerfFigure(value=None, unit="ms", formula="f", reason="answers came whole")
    named = (("single-stream", []), ("closed_loop_c2", ["warm"]), ("offline", ["repeats"]), ("offline", ["repeats"]))
    scenarios = [
        msgspec.structs.replace(
            measured({"requests_per_s": 5.0}).scenarios[0],
            name=name,
            notes=notes,
            identity=SpeedIdentity(batch_size=size, concurrency=1, threads=0, workers=1),
            figures={"first_token_p50": whole} if name != "offline" else {},
        )
        for size, (name, notes) in enumerate(named, 1)
    ]
    runs = runs_of(tmp_path, a=TaskPerf(scenarios=scenarios))
    (found,) = load_tables(group_seeds(runs))
    own = [note for note in found.notes if note.startswith("a, ")]
    assert own == [
        "a, single-stream, closed_loop_c2: answers came whole",
        "a, closed_loop_c2: warm",
        "a, offline (batches of 3), offline (batches of 4): repeats",
    ]


def test_why_runs_of_a_pair_are_left_out_is_said_once_for_each_kind(tmp_path: Path) -> None:
    def spoilt(share: int) -> TaskPerf:
        return measured({"samples_per_s": 8.0}, [PerfReason(code="cpu_pressure", detail=f"waited {share} %")])

    early = msgspec.structs.replace(measured({"samples_per_s": 8.0}).scenarios[0], complete=False)
    a, b, c = runs_of(tmp_path, a=spoilt(11), b=spoilt(12), c=TaskPerf(scenarios=[early]))
    (found,) = turned_figures([a, c], [b], [TASK])
    assert len(found.spoilt) == 2
    assert found.spoilt[0].startswith("waited 11 %")
    assert found.ratio is None
