"""Tables over models and seeds, on a world whose values can be worked out by hand."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import worlds

import mmbench
from mmbench import registry
from mmbench.analysis.seeds import group_seeds
from mmbench.reporting.every_value import comparison_tables
from mmbench.reporting.markdown import run_markdown, table_markdown, tables_markdown
from mmbench.reporting.summary import summary_table
from mmbench.reporting.table import Column, Table
from mmbench.reporting.task_tables import DELTA, task_tables
from mmbench.reporting.terminal import print_comparison, print_runs


@pytest.fixture(autouse=True)
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    worlds.install(tmp_path, monkeypatch)
    yield
    registry.plugins.cache_clear()


@pytest.fixture
def run(tmp_path):
    """Runs models of the world, in silence."""
    return lambda model, tasks="skills/eighty", **options: mmbench.run(
        model, tasks, out=tmp_path / "runs", progress=False, **{"perf": "off", **options}
    )


def cells(table):
    """[r] heading → cell of each row."""
    titles = [column.title for column in table.columns]
    return [dict(zip(titles, row, strict=True)) for row in table.texts]


def by_model(table):
    return {row["model"]: row for row in cells(table)}


# --- the comparison ---


def test_models_are_rows_with_values_slices_gains_and_costs(run):
    (table,) = task_tables(run("ear,eye,both,flat", skip_incompatible=True, seed=1).models)
    assert table.title == "skills/eighty: 80 samples of test"
    rows = by_model(table)
    assert list(rows) == ["ear", "eye", "both", "flat", "(chance)", "(prior)"]
    assert [rows[name]["accuracy"] for name in rows] == ["25.0", "50.0", "75.0", "0.0", "50.0", "100.0"]
    assert [rows[name]["easy"] for name in rows] == ["25.0", "50.0", "100.0", "0.0", "", ""]
    assert [rows[name]["hard"] for name in rows] == ["25.0", "50.0", "50.0", "0.0", "", ""]
    assert [rows[name][DELTA] for name in rows] == ["-25.0", "+0.0", "+25.0", "-50.0", "", ""]
    assert [rows[name]["params"] for name in rows] == ["1.5k", "1.5k", "1.5k", "", "", ""]
    assert [rows[name]["train s"] for name in rows] == ["20", "20", "20", "", "", ""]
    assert rows["both"]["95 % interval"].startswith("[")
    notes = "\n".join(table.notes)
    assert "points of accuracy more than eye, the best that looks at one modality only" in notes
    assert "easy, hard: accuracy by skill" in notes
    assert "seed" not in notes
    assert not {"each seed", "solved", "samples/s"} & set(rows["both"]), "a column without any figure is left out"


def test_several_seeds_of_a_model_are_one_row(run):
    (table,) = task_tables(run("eye,both", seeds=3).models)
    rows = by_model(table)
    assert rows["both"]["accuracy"] == "66.7"
    assert rows["both"]["each seed"] == "100.0 75.0 25.0"
    assert rows["both"]["solved"] == "1/3"
    assert (rows["both"]["easy"], rows["both"]["hard"]) == ("83.3", "50.0")
    assert rows["both"][DELTA] == "+16.7"
    assert rows["both"]["train s"] == "20", "the median of 10, 20 and 30"
    assert rows["eye"]["solved"] == "0/3"
    assert "95 % interval" not in rows["both"]
    assert any("are no confidence interval" in note for note in table.notes)
    assert any("seeds at 95.0 or above (--solved 0.95)" in note for note in table.notes)


def test_a_threshold_of_ones_own_is_counted_and_stated(run):
    (table,) = task_tables(run("both", seeds=3, solved=0.75).models)
    assert by_model(table)["both"]["solved"] == "2/3"
    assert any("75.0 or above (--solved 0.75)" in note for note in table.notes)


def test_without_a_model_of_one_modality_nothing_is_gained_over_it(run):
    (table,) = task_tables(run("both,flat", skip_incompatible=True).models)
    assert DELTA not in by_model(table)["both"]
    assert not any(DELTA in note for note in table.notes)


def test_a_model_with_one_seed_beside_one_with_several_keeps_its_interval(run):
    several, one = run("both", seeds=2), run("eye", seed=5)
    (table,) = task_tables(group_seeds([*several.runs, *one.runs]))
    rows = by_model(table)
    assert (rows["both"]["95 % interval"], rows["eye"]["each seed"]) == ("", "")
    assert rows["eye"]["95 % interval"].startswith("[")
    main = by_model(summary_table(group_seeds([*several.runs, *one.runs])))
    assert main["both"]["95 % interval"] == main["eye"]["min–max over seeds"] == ""


def test_every_task_has_its_table_and_shared_notes_stand_once(run):
    tables = task_tables(run("both,towers", "skills/eighty,vectors/four", seeds=2, skip_incompatible=True).models)
    assert [table.title for table in tables] == ["skills/eighty: 80 samples of test", "vectors/four: 4 samples of test"]
    assert list(by_model(tables[1])) == ["towers"]
    assert by_model(tables[1])["towers"]["found t2i"] == "100.0"
    assert "found t2i stands for the metric found(direction=t2i)" in tables[1].notes
    assert any(note == "towers: skills/eighty needs a method `generate`" for note in tables[0].notes)
    said = [note for table in tables for note in table.notes]
    assert len(said) == len(set(said))


@pytest.mark.slow
def test_a_seed_that_failed_has_no_value_and_its_reason_is_said(run):
    result = run("flaky,eye", seeds=3)
    assert result.exit_code == 4
    assert list(result.failures) == ["flaky (seed 1)"]
    (table,) = task_tables(result.models)
    flaky = by_model(table)["flaky"]
    assert flaky["each seed"] == "100.0 n/a 25.0"
    assert (flaky["accuracy"], flaky["solved"]) == ("62.5", "1/2")
    assert any(note.startswith("flaky, seed 1: model 'flaky' failed in fit(): KeyError: 1") for note in table.notes)


def test_a_model_without_any_value_shows_its_status(run, tmp_path, monkeypatch):
    (table,) = task_tables(run("flaky,eye", seed=1).models)
    assert by_model(table)["flaky"]["accuracy"] == "failed"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mmbench.toml").write_text('[models.flaky2]\nmodel = "flaky"\n')
    (table,) = task_tables(run("flaky,flaky2", seed=1).models)
    assert [row["status"] for row in cells(table)] == ["failed", "failed"]


def test_values_on_other_samples_stand_in_a_table_of_their_own(run, tmp_path):
    runs = [*run("eye").runs, *run("both", limit=10).runs]
    tables = task_tables(group_seeds(runs))
    assert [cells(table)[0]["model"] for table in tables] == ["eye", "both"]
    assert tables[0].title.startswith("skills/eighty: 80 samples of test (version 1, data ")
    assert tables[1].title.startswith("skills/eighty: 10 samples of test")
    assert DELTA not in by_model(tables[1])["both"], "what is asked about other samples is no measure"


def test_tasks_can_be_chosen(run):
    models = run("both,towers", "skills/eighty,vectors/four", skip_incompatible=True).models
    assert [table.title.partition(":")[0] for table in task_tables(models, ["vectors/four"])] == ["vectors/four"]
    assert task_tables(models, ["another/task"]) == []


# --- the main table over seeds ---


def test_the_main_table_has_one_row_a_metric_and_no_interval_over_seeds(run):
    table = summary_table(run("both", seeds=3).models)
    (row,) = cells(table)
    assert (row["value"], row["min–max over seeds"], row["each seed"]) == ("66.7", "25.0–100.0", "100.0 75.0 25.0")
    assert (row["solved"], row["n"], row["failed"], row["coverage"]) == ("1/3", "3 × 80", "0", "100 %")
    assert (row["chance"], row["prior"]) == ("50.0", "100.0")
    assert "95 % interval" not in row
    assert any("no confidence interval" in note for note in table.notes)


def test_the_main_table_without_seeds_is_what_it_was(run):
    table = summary_table(run("eye").models)
    assert [column.title for column in table.columns] == [
        "model", "task", "metric", "value", "95 % interval", "n", "failed", "coverage", "chance", "prior", "samples/s",
        "p50 ms", "peak memory",
    ]  # fmt: skip
    assert table.notes == ()


def test_models_that_share_a_name_are_told_apart(run):
    runs = [*run("eye").runs, *run("eye", model_args={"note": "b"}).runs]
    assert [row["model"] for row in cells(summary_table(group_seeds(runs)))] == ["eye (no options)", "eye (note=b)"]


# --- renderers ---


def test_of_many_models_the_comparison_comes_before_the_main_table(run):
    few = run_markdown(run("eye,both,flat", skip_incompatible=True).models)
    many = run_markdown(run("eye,ear,both,flat", skip_incompatible=True).models)
    assert "## Every metric" not in few
    assert few.startswith("| model | task | metric |")
    assert many.index("## skills/eighty: 80 samples of test") < many.index("## Every metric")
    assert "| eye | skills/eighty | accuracy | 50.0 |" in many


def test_markdown_of_a_comparison_has_a_title_a_table_and_notes(run):
    text = tables_markdown(comparison_tables(run("eye,both", seeds=2).models))
    assert text.startswith("## skills/eighty: 80 samples of test\n\n| model | accuracy | each seed | solved |")
    assert "| both | 87.5 | 100.0 75.0 | 1/2 |" in text
    assert "\n- solved: seeds at 95.0 or above" in text
    assert table_markdown(Table((Column("a|b"),), (("<c>",),), title="`t`")).splitlines()[0] == "## \\`t\\`"


def printed(show, models, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    show(models, None, stream)
    return stream.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_a_comparison_fits_any_terminal_and_loses_nothing(run, monkeypatch, width):
    models = run("ear,eye,both", seeds=3).models
    text = printed(print_comparison, models, width, monkeypatch)
    lines = [line.rstrip() for line in text.splitlines() if not line.startswith("•")]
    assert max(map(len, lines)) <= width
    (table,) = task_tables(models)
    for row in table.texts:
        for cell in row:
            assert cell in text
    words = set(text.split())
    for column in table.columns:
        for word in column.title.replace("/", " /").split():
            assert word in words


@pytest.mark.slow
def test_a_wide_comparison_is_one_table_and_a_narrow_one_repeats_the_models(run, monkeypatch):
    models = run("ear,eye,both", seeds=3).models
    wide, narrow = (printed(print_comparison, models, width, monkeypatch) for width in (120, 50))
    assert wide.partition("samples of test")[2].count("both  ") == 1
    assert narrow.partition("samples of test")[2].count("both  ") > 1


def test_the_main_table_over_seeds_fits_a_narrow_terminal(run, monkeypatch):
    models = run("eye,both", seeds=3).models
    narrow = printed(print_runs, models, 80, monkeypatch)
    assert "both · skills/eighty" in narrow
    assert "25.0–100.0" in narrow
    assert "100.0 75.0 25.0" in narrow
    assert "both" in printed(print_runs, models, 200, monkeypatch)
