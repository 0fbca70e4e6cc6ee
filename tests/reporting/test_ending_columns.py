"""Tables say how outputs ended and within what bounds a value lies, and are no wider where there is nothing to say."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stored import TASK, score_table, write_run

from mmbench import load_run
from mmbench.analysis.seeds import group_seeds
from mmbench.core.score_table import ScoreTable
from mmbench.metrics import mean_metric
from mmbench.reporting.build import make_report
from mmbench.reporting.cells import ENDINGS
from mmbench.reporting.predictions import scored_tables
from mmbench.reporting.summary import summary_table
from mmbench.reporting.table import Table
from mmbench.reporting.task_tables import task_tables

ENDED = ["truncated", "truncated", "unparsed", "refused", "error", "scored", "scored", "scored", "scored", "scored"]
SCORES = [1.0, 0.0, 0.0, 0.0, None, 1.0, 1.0, 1.0, 0.0, 1.0]
SHARES = {"truncated": 0.2, "unparsed": 0.1, "refused": 0.1}


def mixed() -> ScoreTable:
    """Ten samples, half of which ended in some way."""
    return replace(score_table(SCORES), status=ENDED)


def written(out: Path, **tables: ScoreTable) -> list[Any]:
    """A run for each model, read again."""
    return [load_run(write_run(out, name, {TASK: [table]})) for name, table in tables.items()]


def cells(table: Table) -> list[dict[str, Any]]:
    """[r] heading → cell."""
    return [dict(zip(table.headings, row, strict=True)) for row in table.cells]


def tables_of(runs: list[Any], tmp_path: Path, which: str) -> Table:
    """The table of one kind that shows these runs."""
    if which == "summary":
        return summary_table(group_seeds(runs))
    if which == "comparison":
        return task_tables(group_seeds(runs))[0]
    if which == "report":
        return make_report([run.path for run in runs], out=tmp_path).tables[0]
    metrics = runs[0].tasks[TASK].scores.metrics
    return scored_tables(TASK, "10 samples", metrics, {}, ["accuracy"])[0]


KINDS = ["summary", "comparison", "report", "score"]


@pytest.mark.parametrize("which", KINDS)
def test_shares_and_bounds_stand_beside_the_value(which: str, tmp_path: Path) -> None:
    (row, *_) = cells(tables_of(written(tmp_path, m=mixed()), tmp_path, which))
    assert {name: row[name].value for name in SHARES} == SHARES
    assert row["failed"].value == pytest.approx(0.1 if which in ("comparison", "report") else 1)
    assert (row["bounds"].low, row["bounds"].high) == (0.4, 0.9)
    assert (row.get("value") or row["accuracy"]).value == 5 / 9


@pytest.mark.parametrize("which", KINDS)
def test_where_everything_ended_well_no_table_is_wider(which: str, tmp_path: Path) -> None:
    fine = tables_of(written(tmp_path, m=score_table([1.0, 0.0, 1.0])), tmp_path, which)
    assert not {*ENDINGS} & {*fine.headings}
    assert not any("bounds" in note for note in fine.notes)


def test_a_failure_alone_has_bounds(tmp_path: Path) -> None:
    (row,) = cells(tables_of(written(tmp_path, m=score_table([1.0, None])), tmp_path, "summary"))
    assert (row["bounds"].low, row["bounds"].high) == (0.5, 1.0)
    assert not {*SHARES} & {*row}


def test_a_model_without_such_outputs_has_empty_cells_beside_one_that_has(tmp_path: Path) -> None:
    runs = written(tmp_path, bad=mixed(), good=score_table([1.0] * 10))
    first, second, *_ = cells(tables_of(runs, tmp_path, "comparison"))
    assert first["truncated"].value == 0.2
    assert not any(second[name] for name in ENDINGS)


def test_json_and_csv_have_the_numbers(tmp_path: Path) -> None:
    written(tmp_path, m=mixed())
    report = make_report([*tmp_path.iterdir()], out=tmp_path)
    (row, *_) = csv.DictReader(io.StringIO(report.render("csv")))
    assert {name: float(row[name]) for name in SHARES} == SHARES
    assert (float(row["bounds low"]), float(row["bounds high"])) == (0.4, 0.9)
    table, _ = json.loads(report.render("json"))["tables"]
    titles = [column["title"] for column in table["columns"]]
    assert table["rows"][0][titles.index("unparsed")]["value"] == 0.1


def test_seeds_sum_their_counts_and_average_their_bounds(tmp_path: Path) -> None:
    import msgspec

    from mmbench.results.rundir import RunDirectory

    for seed, table in enumerate((mixed(), score_table([1.0] * 10))):
        path = write_run(tmp_path / str(seed), "m", {TASK: [table]})
        RunDirectory(path).write(msgspec.structs.replace(RunDirectory(path).read(), seed=seed))
    runs = [load_run(path) for folder in sorted(tmp_path.iterdir()) for path in folder.iterdir()]
    (group,) = group_seeds(runs)
    (row,) = group.rows(TASK)
    assert (row.n_truncated, row.n_unparsed, row.n_refused, row.n_failed) == (2, 1, 1, 1)
    assert (row.bound_low, row.bound_high) == pytest.approx((0.7, 0.95))
    assert row.to_dict()["n_truncated"] == 2
    (shown,) = cells(summary_table([group]))
    assert shown["truncated"].value == 0.1


def test_only_plain_means_over_a_finite_range_have_bounds() -> None:
    from mmbench.metrics.evaluate import evaluate

    open_ended = mean_metric("words", "sample", "accuracy", bounds=(0.0, None))
    assert (evaluate(open_ended, mixed()).bound_low, evaluate(open_ended, mixed()).bound_high) == (None, None)
    spread = mean_metric("agreement", "sample", "accuracy", bounds=(-1.0, 1.0))
    assert (evaluate(spread, mixed()).bound_low, evaluate(spread, mixed()).bound_high) == pytest.approx((-0.1, 0.9))
    skipped = replace(mixed(), status=["skipped"] * 10)
    assert evaluate(spread, skipped).bound_low is None
