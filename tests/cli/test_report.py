"""``mmbench report`` as a user types it: what is printed and written, and what is refused."""

import csv
import io
import json

import pytest
from boards import table, written
from stored import TASK

from mmbench import registry


@pytest.fixture
def runs(tmp_path):
    """Two runs where ``mmbench`` looks for them."""
    out = tmp_path / "results" / "runs"
    return [
        written(out, model, {TASK: table(share, seed=seed)})
        for seed, (model, share) in enumerate({"a": 0.9, "b": 0.2}.items())
    ]


def test_the_terminal_gets_every_value_and_at_the_end_a_table_best_first(call, runs):
    ended = call("report", *runs)
    assert ended.code == 0
    lines = [line.split() for line in ended.out.splitlines() if line.strip()]
    assert lines[0] == ["stored/task:", "every", "value"]
    assert ["stored/task:", "400", "samples", "of", "test"] in lines
    assert ["model", "rank", "accuracy"] in [line[:3] for line in lines]
    rows = [line[:2] for line in lines if line[0] in ("a", "b")]
    assert rows == [["a", "accuracy"], ["b", "accuracy"], ["a", "1"], ["b", "2"]]
    assert "joint bootstrap" in ended.out


def test_runs_are_named_by_their_model_and_formats_by_an_option_or_an_ending(call, runs, tmp_path):
    md = call("report", "a", "b", "--format", "md")
    assert md.out.startswith("## stored/task: 400 samples of test\n\n| model | rank | accuracy |")
    for ending in ("md", "csv", "tex", "html", "json"):
        ended = call("report", "a", "b", "--output", f"out.{ending}")
        assert (ended.code, ended.out) == (0, "")
        assert call("report", "a", "b", "-f", ending).out == (tmp_path / f"out.{ending}").read_bytes().decode()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_bytes().decode(), newline="")))
    assert [(row["model"], row["metric"]) for row in rows] == [
        ("a", ""),
        ("b", ""),
        ("a", "accuracy"),
        ("b", "accuracy"),
    ]
    assert json.loads((tmp_path / "out.json").read_text())["tables"]
    assert call("report", "a", "b", "-f", "html", "-o", "page.txt", "--title", "<us>").code == 0
    assert "<title>&lt;us&gt;</title>" in (tmp_path / "page.txt").read_text()


def test_a_report_without_runs_is_refused(call):
    call("report").refused(2, "at least one run", "mmbench report results/runs/*")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothere"], ["there is no run 'nothere'"]),
        (["a", "--task", "stored/tsk"], ["Did you mean 'stored/task'"]),
        (["a", "--metric", "acuracy"], ["Did you mean 'accuracy'"]),
        (["a", "--format", "pdf"], ["'pdf'"]),
        (["a", "--solved", "2"], ["--solved 2"]),
        (["a", "--output", "out.pdf"], ["--format csv|"]),
        (["nothere", "--output", "no/folder/out.md"], ["--output no/folder/out.md: there is no folder"]),
        (["nothere", "--output", "results", "-f", "md"], ["is there already and is no file"]),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(call, runs, arguments, words):
    call("report", *arguments).refused(2, *words)


def test_no_output_goes_into_a_run(call, runs):
    for inside, form in (("run.json", "json"), ("report.md", "md")):
        call("report", "a", "-f", form, "-o", runs[0] / inside).refused(2, "would replace a file that is read")
    assert json.loads((runs[0] / "run.json").read_text())["model"]["name"] == "a"


def test_a_damaged_run_ends_with_3_and_writes_nothing(call, runs, tmp_path):
    (runs[1] / "run.json").write_text("{")
    call("report", *runs, "-o", "out.md").refused(3, "run.json is damaged")
    assert not (tmp_path / "out.md").exists()


def test_a_typed_format_and_an_ending_agree_and_the_ending_wins_over_the_environment(call, runs, tmp_path, monkeypatch):
    call("report", "a", "-f", "md", "-o", "board.html").refused(2, "--format md would write md into board.html")
    assert not (tmp_path / "board.html").exists()
    monkeypatch.setenv("MMBENCH_REPORT_FORMAT", "json")
    assert call("report", "a", "-o", "board.html").code == 0
    assert (tmp_path / "board.html").read_text().startswith("<!")


def test_tasks_are_named_as_in_the_other_commands(call, runs):
    for option in ("--tasks", "--task", "-t"):
        assert call("report", "a", "b", option, "stored,stored/task").code == 0


STRANGER = """
def shout(tables):
    "Titles in capital letters."
    return "".join(table.title.upper() + "\\n" for table in tables)

def fails(tables):
    return 1 / 0

def number(tables):
    return 3
"""


@pytest.fixture
def formats(tmp_path, monkeypatch):
    """A stranger's distribution with three report formats, two of which are broken."""
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    points = "".join(f"{name} = stranger_formats:{name}\n" for name in ("shout", "fails", "number", "lacking"))
    (info / "entry_points.txt").write_text(f"[mmbench.renderers]\n{points}")
    (tmp_path / "stranger_formats.py").write_text(STRANGER)
    monkeypatch.syspath_prepend(tmp_path)
    registry.plugins.cache_clear()
    yield
    registry.plugins.cache_clear()


@pytest.mark.usefixtures("formats")
def test_a_format_from_elsewhere_renders_by_its_name_and_its_ending(call, runs, tmp_path):
    shouted = call("report", "a", "b", "--format", "shout")
    assert (shouted.code, shouted.out) == (0, "STORED/TASK: 400 SAMPLES OF TEST\nSTORED/TASK: EVERY VALUE\n")
    assert call("report", "a", "b", "--output", "board.shout").code == 0
    assert (tmp_path / "board.shout").read_text() == shouted.out
    rows = {row["name"]: row for row in call("list", "renderers", "--json").document()["renderers"]}
    assert rows["shout"]["description"] == "Titles in capital letters."
    assert [name for name, row in rows.items() if row["broken"]] == ["lacking"]


@pytest.mark.usefixtures("formats")
@pytest.mark.parametrize("name", ["fails", "number", "lacking", "shuot"])
def test_a_format_that_is_broken_or_unknown_is_a_sentence(call, runs, name):
    call("report", "a", "b", "--format", name).refused(2, name)
