"""Comparisons as tables: what stands in them, and what is said below."""

import math
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import chi2, nct, t
from stored import ACCURACY, TASK, score_table, write_run

from mmbench.cli.main import main
from mmbench.comparison.differences import compare_runs
from mmbench.comparison.flips import flips
from mmbench.comparison.matrix import compare_all
from mmbench.core.score_table import ScoreTable
from mmbench.metrics import mean_metric
from mmbench.metrics.regression import mae, number_columns, pearson
from mmbench.reporting.differences import difference_tables, flip_table, matrix_tables
from mmbench.reporting.markdown import table_markdown
from mmbench.results.find import load_run

N = 40


def sides(out: Path, *columns, metrics=(ACCURACY,), **more):
    for name, column in zip("abc", columns, strict=False):
        write_run(out, name, {TASK: [score_table(column, **more)]}, metrics)
    return [load_run(f"{name}--", out) for name, _ in zip("abc", columns, strict=False)]


def rows(table):
    return [list(map(str, row)) for row in table.rows]


def test_a_row_holds_both_values_the_difference_and_its_certainty(tmp_path: Path) -> None:
    (table,) = difference_tables(compare_runs(*sides(tmp_path, [1.0, 0.0] * 20, [1.0, 1.0] * 10 + [1.0, 0.0] * 10)))
    assert table.title == "stored/task: b against a"
    assert [column.title for column in table.columns][:4] == ["metric", "a", "b", "difference"]
    ((metric, a, b, difference, interval, p, detectable, better, worse, n, _),) = rows(table)
    assert (metric, a, b, difference, better, worse, n) == ("accuracy", "50.0", "75.0", "+25.0", "10", "0", "40")
    assert interval.startswith("[+")
    assert float(p) == round(chi2(1).sf(10), 3)  # McNemar's test of 10 against 0
    error, quantile = math.sqrt(0.25 * 0.75 / 39), t(39).ppf(0.975)
    # The true standard error is not known: its square may be any that a chi-squared estimate of 39 degrees of freedom leaves open.
    spread = np.sqrt(chi2(39).ppf((np.arange(200) + 0.5) / 200) / 39)
    least = brentq(lambda effect: np.mean(nct(39, spread * effect / error).sf(quantile)) - 0.8, 0.01, 1.0)
    assert float(detectable) == round(100 * least, 1)


def test_what_failed_and_why_there_is_no_interval_is_said(tmp_path: Path) -> None:
    (table,) = difference_tables(compare_runs(*sides(tmp_path, [1.0, None, 0.0], [1.0, 1.0, None])))
    notes = " ".join(table.notes)
    assert "outside the comparison, of unit sample: 1 failed in b alone, 1 failed in a alone" in notes
    assert "one cluster: no interval" in notes


def correlated(*predictions):
    labels = np.array([-3.0, -1.0, 1.0, 3.0] * 5)
    ids = [f"s{n}" for n in range(20)]
    slices = {"half": ["first"] * 10 + ["second"] * 10}
    for said in predictions:
        columns = number_columns(np.asarray(said, dtype=np.float64), labels)
        yield ScoreTable("number", ids, ids, ["scored"] * 20, columns, slices)


def test_a_correlation_is_better_or_worse_on_no_single_sample_and_says_where_it_is_undefined(tmp_path: Path) -> None:
    exact = [-3.0, -1.0, 1.0, 3.0] * 5
    half = [0.5] * 10 + exact[10:]
    for name, table in zip("ab", correlated(exact, half), strict=True):
        write_run(tmp_path, name, {TASK: [table]}, [mae(), pearson()])
    a, b = (load_run(f"{name}--", tmp_path) for name in "ab")
    tables = difference_tables(compare_runs(a, b, None, ("mae", "pearson")), every=True)
    error, correlation = rows(tables[0])
    assert (error[1:4], error[7:9]) == (["0.00", "1.05", "+1.05"], ["0", "10"])
    assert (correlation[1], correlation[7:]) == ("1.00", ["n/a", "n/a", "20", "100 %"])
    by_half = next(table for table in tables if table.title == f"{TASK} by half: pearson")
    assert rows(by_half)[0][:4] == ["first", "1.00", "n/a", "n/a"]
    assert by_half.notes[0] == "first, b: undefined for these units: all predictions are the same"


def test_metrics_that_are_not_primary_are_counted_or_shown(tmp_path: Path) -> None:
    other = mean_metric("other", "sample", "accuracy")
    comparison = compare_runs(*sides(tmp_path, [1.0, 0.0], [1.0, 1.0], metrics=(ACCURACY, other)))
    (table,) = difference_tables(comparison)
    assert ("1 more metric: --all" in table.notes, len(table.rows)) == (True, 1)
    (table,) = difference_tables(comparison, every=True)
    assert [row[0] for row in rows(table)] == ["accuracy", "other"]


def test_a_slice_with_many_labels_is_cut_and_says_so(tmp_path: Path) -> None:
    labels = {"slices": {"kind": [f"k{n:02}" for n in range(N)]}}
    comparison = compare_runs(*sides(tmp_path, [1.0] * N, [0.0] * N, **labels))
    _, table = difference_tables(comparison)
    assert len(table.rows) == 30
    assert len([note for note in table.notes if "10 more labels" in note]) == 1
    _, table = difference_tables(comparison, most=None)
    assert len(table.rows) == N
    assert not [note for note in table.notes if "more labels" in note]


def test_a_slice_with_many_labels_is_whole_in_formats_for_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = {"slices": {"kind": [f"k{n:02}" for n in range(N)]}}
    paths = [str(run.path) for run in sides(tmp_path, [1.0] * N, [0.0] * N, **labels)]
    for name in ("csv", "json", "html", "tex"):
        assert main(["compare", *paths, "--slices", "--format", name]) == 0
        assert f"k{N - 1}" in capsys.readouterr().out


def test_the_matrix_is_row_minus_column_and_marks_what_survives_holm(tmp_path: Path) -> None:
    low, middle, high = [0.0] * N, [0.0] * (N - 1) + [1.0], [1.0] * 20 + [0.0] * 20
    matrix, pairs = matrix_tables(compare_all(sides(tmp_path, low, middle, high)))
    assert rows(matrix) == [
        ["a", "0.0", "", "-2.5", "-50.0*"],
        ["b", "2.5", "+2.5", "", "-47.5*"],
        ["c", "50.0", "+50.0*", "+47.5*", ""],
    ]
    assert [row[0] for row in rows(pairs)] == ["b against a", "c against a", "c against b"]


def test_long_prompts_are_shown_from_where_they_differ(tmp_path: Path) -> None:
    start, end = "Look at the picture, then read. " * 5, " And so on, at great length." * 5
    for name, word in (("a", "Answer in a word."), ("b", "Answer in a letter.")):
        write_run(tmp_path, name, {TASK: [score_table([1.0, 0.0])]}, prompt=start + word + end)
    (table,) = difference_tables(compare_runs(*(load_run(f"{name}--", tmp_path) for name in "ab")))
    ((what, a, b),) = rows(table)
    assert what == "prompt"
    assert ("a word." in a, "a letter." in b) == (True, True)
    assert max(map(len, (a, b))) <= 60
    assert (a[0], a[-1]) == ("…", "…")


@pytest.mark.parametrize("text", ["\x1b[2J", "a|b", "two\nlines", "x" * 500])
def test_what_a_model_wrote_cannot_break_out_of_its_cell(tmp_path: Path, text: str) -> None:
    a, b = sides(tmp_path, [1.0, 1.0], [0.0, 1.0], answers=[text, text])
    table = flip_table(a, b, TASK, "accuracy", flips(a, b, TASK, "accuracy", 5))
    (row,) = rows(table)
    assert all(cell.isprintable() and len(cell) < 80 for cell in row)
    assert len(table_markdown(table).strip().splitlines()) == 5
