"""Who leads, on which data, and what is said of it: over runs whose ranks are known."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from boards import NAMES, answers, entry, seed_of, table, written
from stored import ACCURACY, TASK, measured, score_table, write_run

from mmbench.core.errors import NotComparableError, UnknownNameError, UsageError
from mmbench.core.ids import MetricId
from mmbench.core.metric import Metric
from mmbench.core.score_table import ScoreTable
from mmbench.metrics import mean_metric
from mmbench.metrics.registered import metric_from_id
from mmbench.reporting.build import ReportOptions, make_report
from mmbench.reporting.formats import RENDERERS
from mmbench.results.rundir import RunDirectory
from mmbench.results.schema import PerfFile, PerfReason

OTHER = "stored/other"


def boards(report):
    """The tables in which models are rows, without those of every value."""
    return [table for table in report.tables if not table.title.endswith(": every value")]


def tables(folder, *names, **options):
    """The tables of a report over the runs of these models."""
    return boards(make_report(names or sorted(folder.glob("*")), out=folder, options=ReportOptions(**options)))


def cells(table):
    """Model → heading → cell."""
    titles = [column.title for column in table.columns]
    return {row[0].display: dict(zip(titles, row, strict=True)) for row in table.cells}


def said(*tables):
    return "\n".join(note for table in tables for note in table.said)


@pytest.fixture
def four(tmp_path):
    """A clear leader, two that are alike, and a clear last."""
    for model, share, seed in (("middle", 0.5, 1), ("last", 0.1, 2), ("leader", 0.95, 3), ("like", 0.52, 4)):
        written(tmp_path, model, {TASK: table(share, seed=seed)})
    return tmp_path


# --- ranks ---


def test_models_stand_best_first_with_ranges_and_only_a_real_leader_is_bold(four):
    (board,) = tables(four)
    rows = cells(board)
    assert next(iter(rows)) == "leader"
    assert list(rows)[-1] == "last"
    assert {name: row["rank"].display for name, row in rows.items()} == {
        "leader": "1", "like": "2–3", "middle": "2–3", "last": "4",
    }  # fmt: skip
    assert [name for name, row in rows.items() if "best" in row["accuracy"].marks] == ["leader"]
    scores, _ = answers(0.95, seed=3)
    assert rows["leader"]["accuracy"].value == pytest.approx(sum(scores) / len(scores), abs=1e-15)
    assert rows["leader"]["95 % interval"].low < rows["leader"]["accuracy"].value
    assert rows["leader"]["model"].runs == (next(four.glob("leader*")).name,)
    assert "joint bootstrap over the 400 samples that all ranked models have, in 100 clusters" in said(board)


@pytest.mark.parametrize(("what", "guessing", "bold"), [("chance", 0.4, 1), ("chance", 0.59, 0), ("prior", 0.59, 0)])
def test_who_leads_the_others_but_not_guessing_is_not_bold(tmp_path, what, guessing, bold):
    paths = [
        written(tmp_path, model, {TASK: table(share, seed=3)}) for model, share in (("first", 0.6), ("second", 0.2))
    ]
    for path in paths:
        entry(path, TASK, **{what: {"accuracy": guessing}})
    (board,) = tables(tmp_path)
    assert cells(board)["first"]["rank"].display == "1"
    assert sum("best" in cell.marks for row in board.cells for cell in row) == bold


def test_without_a_real_leader_nothing_is_bold(tmp_path):
    for model, seed in (("a", 1), ("b", 2)):
        written(tmp_path, model, {TASK: table(0.5, seed=seed)})
    (board,) = tables(tmp_path)
    assert {row["rank"].display for row in cells(board).values()} == {"1–2"}
    assert not any(cell.marks for row in board.cells for cell in row)


def test_the_order_of_the_runs_changes_nothing(four):
    runs = sorted(four.glob("*"))
    texts = {RENDERERS["md"](make_report(order, out=four).tables) for order in (runs, runs[::-1])}
    assert len(texts) == 1


def test_one_model_has_no_rank_and_one_cluster_claims_none(tmp_path):
    written(tmp_path, "alone", {TASK: table(0.5)})
    (board,) = tables(tmp_path)
    assert "rank" not in cells(board)["alone"]
    written(tmp_path, "other", {TASK: table(0.1)})
    written(tmp_path / "x", "one", {TASK: score_table([1.0], ["c"])})
    written(tmp_path / "x", "two", {TASK: score_table([0.0], ["c"])})
    (board,) = tables(tmp_path / "x")
    assert {row["rank"].display for row in cells(board).values()} == {"1–2"}
    assert "1 cluster is too few for rank ranges" in said(board)


def test_lower_is_better_and_what_is_no_sum_is_ranked_too(tmp_path):
    metric = metric_from_id("median_rank(direction=t2i)")
    (column,) = metric.columns
    for model, shift in (("good", 1.0), ("bad", 5.0)):
        ranks = [shift + n % 3 for n in range(60)]
        ids = [f"q{n}" for n in range(60)]
        own = ScoreTable(metric.unit, ids, ids, ["scored"] * 60, {column: ranks})
        written(tmp_path, model, {TASK: own}, [metric])
    rows = cells(tables(tmp_path)[0])
    assert list(rows) == ["good", "bad"]
    assert [row["rank"].display for row in rows.values()] == ["1", "2"]
    assert "best" in rows["good"]["median_rank t2i"].marks


def test_a_metric_that_nobody_knows_how_to_compute_is_shown_without_ranks(tmp_path):
    odd = Metric(MetricId.parse("odd"), "sample", ("accuracy", "1"), formula=lambda sums: sums[..., 0] ** 2)
    for model, share in (("a", 0.9), ("b", 0.1)):
        written(tmp_path, model, {TASK: table(share)}, [odd])
    (board,) = tables(tmp_path)
    assert list(cells(board)) == ["a", "b"]
    assert "rank" not in cells(board)["a"]
    assert "no ranks: how odd is computed is not known" in said(board)


def test_seeds_of_a_model_are_one_row_averaged_within_a_resample(tmp_path):
    paths = [seed_of(tmp_path, "seeded", seed, {TASK: table(0.9, seed=seed)}) for seed in (0, 1, 2)]
    paths.append(written(tmp_path, "single", {TASK: table(0.3, seed=9)}))
    (board,) = boards(make_report(paths, out=tmp_path))
    rows = cells(board)
    assert list(rows) == ["seeded", "single"]
    assert rows["seeded"]["rank"].display == "1"
    assert len(rows["seeded"]["model"].runs) == 3
    assert "seeds of a model are averaged within each resample" in said(board)


# --- what may stand side by side ---


def test_other_samples_of_a_task_are_another_table_with_ranks_of_their_own(tmp_path):
    for model, n in (("a", 400), ("b", 400), ("c", 200), ("d", 200)):
        written(tmp_path, model, {TASK: table({"a": 0.9, "b": 0.1, "c": 0.5, "d": 0.05}[model], n)})
    boards = tables(tmp_path)
    assert [list(cells(board)) for board in boards] == [["a", "b"], ["c", "d"]]
    assert [row["rank"].display for board in boards for row in cells(board).values()] == ["1", "2", "1", "2"]


def test_units_of_other_clusters_are_refused(tmp_path):
    written(tmp_path, "a", {TASK: score_table([1.0, 0.0] * 20, ["x", "y"] * 20)})
    written(tmp_path, "b", {TASK: score_table([1.0, 0.0] * 20, ["x"] * 39 + ["y"])})
    with pytest.raises(NotComparableError, match="other clusters"):
        tables(tmp_path)


def test_other_prompts_are_another_table(tmp_path):
    write_run(tmp_path, "a", {TASK: [table(0.9)]}, prompt="one")
    write_run(tmp_path, "b", {TASK: [table(0.9)]}, prompt="two")
    assert len(tables(tmp_path)) == 2


# --- coverage and validity ---


def with_failures(share_failed, n=400):
    scores, clusters = answers(0.9, n, seed=5)
    failed = int(share_failed * n)
    return score_table([None] * failed + scores[failed:], clusters)


def test_failed_samples_are_marked_and_outside_the_ranks_of_all(tmp_path):
    written(tmp_path, "whole", {TASK: table(0.2)})
    path = written(tmp_path, "gaps", {TASK: with_failures(0.02)}, status="partial")
    entry(path, TASK, status="partial")
    (board,) = tables(tmp_path)
    rows = cells(board)
    assert "incomplete" in rows["gaps"]["accuracy"].marks
    assert rows["gaps"]["rank"].display == "1"
    assert rows["gaps"]["coverage"].display == "98.00 %"
    assert "392 of 400 samples" in said(board)
    assert "†: samples or seeds" in said(board)


def test_a_model_with_too_few_samples_stands_below_without_a_rank(tmp_path):
    written(tmp_path, "a", {TASK: table(0.2)})
    written(tmp_path, "b", {TASK: table(0.9, seed=1)})
    path = written(tmp_path, "gaps", {TASK: with_failures(0.5)}, status="partial")
    entry(path, TASK, status="partial")
    (board,) = tables(tmp_path)
    rows = cells(board)
    assert list(rows) == ["b", "a", "gaps"]
    assert not rows["gaps"]["rank"]
    assert board.breaks == {2}
    assert "without a rank: gaps" in said(board)
    assert "the 400 samples" in said(board)


def test_a_run_that_failed_is_shown_with_its_status_and_never_as_zero(tmp_path):
    written(tmp_path, "a", {TASK: table(0.2)})
    path = written(tmp_path, "broken", {TASK: table(0.9)}, status="failed")
    entry(path, TASK, status="failed", scoring=None, reason="out of memory")
    rows = cells(tables(tmp_path)[0])
    assert rows["broken"]["accuracy"].display == "failed"
    assert rows["broken"]["accuracy"].value is None
    assert "broken: out of memory" in said(*tables(tmp_path))


def test_a_speed_that_is_not_valid_is_marked_with_its_reason(tmp_path):
    path = written(tmp_path, "fast", {TASK: table(0.9)})
    perf = measured({"samples_per_s": 1234.5}, reasons=[PerfReason(code="cpu_pressure", detail="busy")])
    RunDirectory(path).write_perf(PerfFile(schema_version=RunDirectory(path).read().schema_version, tasks={TASK: perf}))
    cell = cells(tables(tmp_path)[0])["fast"]["samples/s"]
    assert (cell.display, cell.value, cell.marks, cell.note) == ("1,234", 1234.5, {"invalid"}, "busy")


# --- choices ---


def test_metrics_and_tasks_are_chosen_by_name(tmp_path):
    second = mean_metric("score(kind=b)", "sample", "b")
    for model, first in (("a", 0.9), ("b", 0.1)):
        own = table(first)
        own = type(own)(own.unit, own.unit_ids, own.cluster_ids, own.status,
                        {**own.columns, "b": [1.0 - x for x in own.columns["accuracy"]]})  # fmt: skip
        written(tmp_path, model, {TASK: own, OTHER: own}, [ACCURACY, second])
    assert [column.title for column in tables(tmp_path, tasks=("stored",))[0].columns][2] == "accuracy"
    (board,) = tables(tmp_path, tasks=(TASK,), metrics=("score",))
    assert list(cells(board)) == ["b", "a"]
    one, two = tables(tmp_path, metrics=(f"{OTHER}:score(kind=b)",))
    assert [list(cells(board)) for board in (one, two)] == [["a", "b"], ["b", "a"]]
    (every,) = tables(tmp_path, tasks=(TASK,), all_metrics=True)
    assert {"accuracy", "score b"} <= set(cells(every)["a"])
    with pytest.raises(UnknownNameError, match="Did you mean 'accuracy'"):
        tables(tmp_path, metrics=("acuracy",))
    with pytest.raises(UnknownNameError, match="Did you mean 'stored/task'"):
        tables(tmp_path, tasks=("stored/tusk",))


# --- the leaderboard ---


def test_a_leaderboard_is_the_mean_over_tasks_that_its_models_ran(tmp_path):
    for seed, (model, one, two) in enumerate((("good", 0.9, 0.8), ("bad", 0.5, 0.2), ("near", 0.52, 0.2))):
        written(tmp_path, model, {TASK: table(one, seed=seed), OTHER: table(two, 200, seed=10 + seed)})
    written(tmp_path, "half", {TASK: table(0.99, seed=3)})
    board, *rest = tables(tmp_path, leaderboard=True)
    assert {each.title.partition(":")[0] for each in rest} == {TASK, OTHER}
    rows = cells(board)
    assert (next(iter(rows)), next(reversed(rows))) == ("good", "half")
    values = [rows["good"][f"{task} accuracy"].value for task in (TASK, OTHER)]
    assert rows["good"]["mean"].value == pytest.approx(sum(values) / 2, abs=1e-15)
    assert [row["rank"].display for row in rows.values()] == ["1", "2–3", "2–3", ""]
    assert "best" in rows["good"]["mean"].marks
    interval = rows["good"]["95 % interval"]
    assert interval.low < rows["good"]["mean"].value < interval.high
    assert not rows["half"]["mean"], "what was not run is no 0"
    assert board.breaks == {3}
    assert "last, without a mean: models that lack a value" in said(board)


def test_the_interval_of_a_mean_over_tasks_has_the_error_of_independent_tasks(tmp_path):
    for model in ("a", "b"):
        own = {task: table(0.5, 600, 1, seed=ord(model) + n) for n, task in enumerate((TASK, OTHER))}
        written(tmp_path, model, own)
    board, *boards = tables(tmp_path, leaderboard=True)
    mean = cells(board)["a"]["95 % interval"]
    widths = [cells(each)["a"]["95 % interval"] for each in boards]
    expected = (sum((each.high - each.low) ** 2 for each in widths)) ** 0.5 / 2
    assert mean.high - mean.low == pytest.approx(expected, rel=0.06)


def test_metrics_of_another_kind_are_not_averaged(tmp_path):
    rank = mean_metric("mean_rank(direction=t2i)", "sample", "accuracy", higher_is_better=False, scale=1.0)
    odd = "stored/odd"
    for model in ("a", "b"):
        path = written(tmp_path, model, {TASK: table(0.9, seed=1), OTHER: table(0.5, seed=2)})
        more = written(tmp_path / "more", model, {odd: table(0.3)}, [rank])
        _adopt(path, more, odd)
    (tmp_path / "more").rename(tmp_path.parent / f"{tmp_path.name}-more")
    board, *_ = tables(tmp_path, leaderboard=True)
    assert board.title == "Leaderboard: the mean of 2 tasks"
    assert f"not in the mean, because it is of another kind than {TASK} accuracy: {odd}" in said(board)
    with pytest.raises(UsageError, match="cannot be averaged"):
        tables(tmp_path, leaderboard=True, tasks=(TASK, odd))


def _adopt(path: Path, other: Path, task: str) -> None:
    """Put a task of another run into this one."""
    mine, theirs = RunDirectory(path), RunDirectory(other)
    theirs.task(task).rename(mine.task(task))
    run = mine.read()
    mine.write(msgspec.structs.replace(run, tasks={**run.tasks, task: theirs.read().tasks[task]}))


def test_metrics_of_several_kinds_have_a_mean_only_on_a_scale_that_was_named(tmp_path):
    """Accuracy from 0 to 1, and an error from 0 to 4 of which less is better: one weight for both means nothing as it is."""
    error = mean_metric("mae(of=test)", "sample", "accuracy", higher_is_better=False, bounds=(0.0, 4.0), scale=1.0)
    for model, accuracy, wrong in (("one", 0.75, 1.0), ("two", 0.5, 3.0)):
        right = score_table([float(n < 200 * accuracy) for n in range(200)])
        off = score_table([wrong + (n % 2 or -1) / 2 for n in range(200)])
        first = write_run(tmp_path / "runs", model, {TASK: [right]})
        _adopt(first, write_run(tmp_path / "more", model, {OTHER: [off]}, (error,)), OTHER)
    runs = tmp_path / "runs"
    first, *_ = tables(runs, leaderboard=True)
    assert "mean" not in cells(first)["one"]
    with pytest.raises(UsageError):
        tables(runs, leaderboard=True, tasks=(TASK, OTHER))
    board, *_ = tables(runs, leaderboard=True, scale="range")
    assert {model: row["mean"].value for model, row in cells(board).items()} == pytest.approx(
        {"one": 0.75, "two": 0.375}
    )
    assert list(cells(board)) == ["one", "two"]
    assert board.cells[0][3].low < 0.75 < board.cells[0][3].high
    with pytest.raises(UsageError):  # what guessing gets is not known of these tasks
        tables(runs, leaderboard=True, scale="chance", tasks=(TASK, OTHER))


def test_one_common_task_makes_no_leaderboard_and_says_so(four):
    (board,) = tables(four, leaderboard=True)
    assert board.title.startswith(TASK)
    assert "no leaderboard: it takes two tasks" in said(board)


def test_from_python_a_report_is_made_and_rendered_by_what_the_package_exports(four):
    from mmbench import reporting as report

    made = report.make_report(sorted(four.glob("*")), options=report.ReportOptions(leaderboard=True))
    assert report.RENDERERS["md"](made.tables).count("**") == 2
    assert made.tables[0].cells[0][1].low == 1
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        report.nothing  # noqa: B018


# --- bad input ---


def test_a_report_over_no_runs_is_refused():
    with pytest.raises(UsageError, match="at least one run"):
        make_report([])


def test_the_same_run_twice_is_read_once_and_a_copy_of_it_is_named(four, tmp_path):
    run = next(four.glob("leader*"))
    (board,) = tables(four, run, run.name, f"{run}/")
    assert list(cells(board)) == ["leader"]
    copy = run.with_name("copied")
    RunDirectory(run).path.rename(copy)
    shutil.copytree(copy, run)
    (board,) = tables(four, run, copy)
    assert list(cells(board)) == ["leader"]
    assert f"copied is the same run as {run.name}" in said(board)


def test_two_runs_of_one_model_in_folders_of_one_name_are_two_rows(tmp_path):
    runs = [
        written(
            tmp_path / out, "same", {TASK: table(share), OTHER: table(share)}, created=f"2026-01-0{day}T00:00:00+00:00"
        )
        for out, share, day in (("old", 0.2, 1), ("new", 0.9, 2))
    ]
    for each in boards(make_report(runs, options=ReportOptions(leaderboard=True))):
        assert list(cells(each)) == [f"new/{runs[1].name}", f"old/{runs[0].name}"]


def test_a_metric_that_is_undefined_for_a_model_leaves_the_others_their_ranks(tmp_path):
    written(tmp_path, "a", {TASK: table(0.9)})
    written(tmp_path, "b", {TASK: table(0.1)})
    written(tmp_path, "none", {TASK: score_table([None] * 400, answers(0.5)[1])})
    (board,) = tables(tmp_path)
    rows = cells(board)
    assert {name: row["rank"].display for name, row in rows.items()} == {"a": "1", "b": "2", "none": ""}
    assert (rows["none"]["accuracy"].display, rows["none"]["accuracy"].value) == ("n/a", None)


def test_ranks_are_over_the_samples_that_all_models_have(tmp_path):
    half = [1.0] * 380 + [None] * 20
    for model, scores in (("a", half), ("b", half[::-1])):
        written(tmp_path, model, {TASK: score_table(scores)})
    (board,) = tables(tmp_path)
    assert "360 of 400 samples" in said(board)


def test_a_damaged_run_is_an_error_that_names_its_file(four):
    file = next(four.glob("last*/tasks/*/scores/*.npz"))
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(NotComparableError, match="is damaged"):
        tables(four)


def test_hostile_names_are_shown_harmless_in_every_format(tmp_path):
    for n, name in enumerate(NAMES):
        written(tmp_path, name, {TASK: table(n / 10)})
    found = tables(tmp_path)
    assert {row[0].display for row in found[0].cells} == set(NAMES)
    texts = {name: render(found) for name, render in RENDERERS.items()}
    for name, text in texts.items():
        if name in ("csv", "json"):  # for programs: the exact text
            continue
        assert "\u202e" not in text
        assert "\x1b" not in text
        assert "<script>alert" not in text
    assert {row[0]["text"] for row in json.loads(texts["json"])["tables"][0]["rows"]} == set(NAMES)


def test_nothing_that_is_read_is_changed(four):
    def state():
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in four.rglob("*") if path.is_file()}

    before = state()
    tables(four, leaderboard=True)
    assert state() == before


def test_one_model_alone_makes_no_leaderboard(tmp_path):
    written(tmp_path, "all", {TASK: table(0.9, seed=1), OTHER: table(0.5, seed=2)})
    written(tmp_path, "half", {TASK: table(0.9, seed=3)})
    board, *_ = tables(tmp_path, leaderboard=True)
    assert board.title.startswith(TASK)
    assert "no leaderboard: it takes two tasks" in said(board)
    board, *_ = tables(tmp_path, leaderboard=True, tasks=(TASK, OTHER))
    assert "no leaderboard of one model alone: only all ran all of its tasks" in said(board)


def test_a_tie_between_choices_of_tasks_is_said_to_be_one(tmp_path):
    names = ("stored/one", "stored/two", "stored/three", "stored/four")
    for n, model in enumerate("abcd"):
        own = names[:2] if n < 2 else names[2:]
        written(tmp_path, model, {task: table(0.5, seed=5 * n + place) for place, task in enumerate(own)})
    board, *_ = tables(tmp_path, leaderboard=True)
    assert board.title == "Leaderboard: the mean of 2 tasks"
    assert "a tie: 1 other choice of tasks would cover as many values" in said(board)
    assert "fewer models ran them" not in said(board)


def test_a_mean_that_no_resample_changes_has_no_interval_and_says_why(tmp_path):
    for model, share in (("sure", 1.0), ("half", 0.5)):
        written(tmp_path, model, {TASK: table(share, seed=1), OTHER: table(share, seed=2)})
    board, *_ = tables(tmp_path, leaderboard=True)
    assert "sure: no interval, since the mean is undefined or the same in every resample" in said(board)


def test_outputs_without_an_answer_are_counted_once_by_samples(tmp_path):
    from mmbench.core.score_table import MetricValue
    from mmbench.reporting.notes import value_notes

    def value(name, unit, n, n_unparsed):
        rest = (0.0, None, None, n, 0, n_unparsed, 0, 1.0, None, n, "none", True, unit)
        return MetricValue(name, *rest)

    blocks, samples = value("block_accuracy", "block", 25, 25), value("accuracy", "sample", 100, 40)
    ((_, text),) = value_notes([blocks, samples])
    assert text.startswith("40 of 100 outputs hold no answer")
    ((_, text),) = value_notes([blocks])
    assert text.startswith("25 of 25 units of scoring (block) hold no answer")
