"""Stored answers under today's metrics: what moves, what stays, and what is refused."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock
from helpers import Ended, edit_json, evaluate, lines, log_of, write_model, write_questions

import mmbench
from mmbench.api.rescore import rescore as rescore_run
from mmbench.cli.main import main
from mmbench.core.errors import NotComparableError, RunFailedError, UnknownNameError, UsageError
from mmbench.results.find import load_run
from mmbench.results.run import read_run
from mmbench.results.rundir import RunDirectory

TASK = '''
    """Ten numbers: is one even?"""

    from mmbench import DatasetInfo, Generate, PerSampleTask, Sample, SampleScore, TaskInfo, mean_metric
    from mmbench.core import Metric, MetricId

    class Even(PerSampleTask):
        info = TaskInfo("mine/even", "{version}", "says", DatasetInfo("mine", "1", "CC0-1.0", ""), frozenset({{"generate"}}),
                        ("accuracy",), prompt="{prompt}", extractor="{extractor}")
        metrics = (mean_metric("accuracy", "sample", "accuracy"){metrics})
        columns = ("accuracy",)

        def fingerprint(self): return "{data}"
        def samples(self, split="test"):
            return [Sample(f"n{{n}}", (str(n),), ("yes" if n % 2 == 0 else "no",), group=f"g{{n // 2}}") for n in range(10)]
        def requests(self, sample): return [Generate(parts=("{prompt}", *sample.parts))]
        def score_sample(self, sample, response):
            return SampleScore({{"accuracy": float({right})}}, answer=response.output)
        def chance(self, samples): return {{"accuracy": 0.5}}

    task = Even()
'''
OPTIONS = {
    "version": "1",
    "prompt": "Even?",
    "extractor": "none",
    "metrics": ",",
    "data": "1",
    "right": "response.output == sample.references[0]",
}


class Says:
    """Shouts yes; fails on n7."""

    def __init__(self) -> None:
        self.info = {"digest": type(self).__name__}

    def generate(self, requests):
        return [None if request.sample_id == "n7" else "YES" for request in requests]


def write_task(folder: Path, **changes: str) -> None:
    write_model(folder, TASK.format(**{**OPTIONS, **changes}), "mytask.py")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run in which nothing is right, because answers are compared with their case."""
    monkeypatch.chdir(tmp_path)
    write_task(tmp_path)
    return mmbench.run(Says(), "mytask.py", out=tmp_path / "runs", progress=False).path


rescore = partial(rescore_run, allow="foreign-source")
"""The task of these tests is a file of their own."""


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


FOLDED = {"right": "response.output.lower() == sample.references[0]"}


def test_the_same_metrics_move_nothing_and_write_nothing(run: Path, tmp_path: Path) -> None:
    before = state(run)
    result = rescore(str(run), out=tmp_path)
    assert [each.moved for each in result.moved] == [False]
    assert result.moved[0].changed == 0
    ((old, new),) = result.scorings.values()
    assert old == new
    assert state(run) == before


def test_another_way_to_score_moves_what_it_moves_beside_the_old_scores(run: Path, tmp_path: Path) -> None:
    before = state(run)
    write_task(tmp_path, version="2", extractor="lower case", **FOLDED)
    result = rescore("Says", out=tmp_path / "runs")
    (moved,) = result.moved
    assert moved.old is not None
    assert moved.new is not None
    assert (moved.old.value, moved.new.value, moved.changed) == (0.0, pytest.approx(5 / 9), 5)
    assert moved.new.n_failed == 1
    after = state(run)
    assert {path for path in before if after[path] != before[path]} == {
        str(run / "report.md"),
        str(run / "run.json"),
        str(run / "tasks" / "mine__even" / "plan.json"),
    }
    entry = RunDirectory(run).read().tasks["mine/even"]
    assert (entry.scoring, entry.version, entry.status) == (result.scorings["mine/even"][1], "2", "partial")
    (row,) = read_run(RunDirectory(run)).rows()
    assert row.value == moved.new.value


def test_a_rescored_run_is_resumed_and_compared_as_if_it_had_been_scored_so(run: Path, tmp_path: Path) -> None:
    write_task(tmp_path, version="2", **FOLDED)
    rescore(str(run), out=tmp_path)
    logged = len(lines(run))
    assert mmbench.run(Says(), "mytask.py", out=tmp_path / "runs", progress=False).path == run
    assert len(lines(run)) == logged + 1  # what had failed, and nothing else
    fresh = type("Fresh", (Says,), {})()
    mmbench.run(fresh, "mytask.py", out=tmp_path / "runs", progress=False)
    (found,) = mmbench.compare("Says", "Fresh", out=tmp_path / "runs").metrics
    assert (found.difference.value, found.difference.n) == (0.0, 9)


def test_a_metric_that_comes_and_one_that_goes_are_named(run: Path, tmp_path: Path) -> None:
    write_task(tmp_path, metrics=', mean_metric("other", "sample", "accuracy")')
    (kept, came) = rescore(str(run), out=tmp_path).moved
    assert (kept.id, kept.moved, came.id, came.moved, came.old) == ("accuracy", False, "other", True, None)
    write_task(tmp_path)
    (kept, went) = rescore(str(run), out=tmp_path).moved
    assert (kept.moved, went.id, went.moved, went.new, went.changed) == (False, "other", True, None, None)


def test_a_dry_run_writes_nothing_and_needs_no_lock(run: Path, tmp_path: Path) -> None:
    write_task(tmp_path, version="2", **FOLDED)
    before = state(run)
    with FileLock(run / ".lock"):
        result = rescore(str(run), out=tmp_path, dry_run=True)
    assert result.moved[0].moved
    assert not result.written
    assert result.scorings == {}
    assert state(run) == before


def test_a_run_that_is_being_written_is_left_alone(run: Path, tmp_path: Path) -> None:
    with FileLock(run / ".lock"), pytest.raises(RunFailedError, match="another process"):
        rescore(str(run), out=tmp_path)


# --- which samples ---


@pytest.mark.parametrize("selection", [{"limit": 4}, {"ids": ["n1", "n8"]}])
@pytest.mark.parametrize("forgotten", [False, True])
def test_the_samples_that_were_asked_are_found_again(
    run: Path, tmp_path: Path, selection: dict, forgotten: bool
) -> None:
    path = mmbench.run(Says(), "mytask.py", out=tmp_path / "part", progress=False, **selection).path
    if forgotten:  # a later session of the run asked another task with another selection
        edit_json(path / "run.json", lambda document: document["spec"].update(limit=1, ids=["n3"]))
    assert [each.moved for each in rescore(str(path), out=tmp_path).moved] == [False]


# --- what is refused ---


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "2"}, "its data have changed"),
        ({"prompt": "Odd?"}, "prompt: Even? against Odd?"),
    ],
)
def test_a_task_that_asks_something_else_is_refused(
    run: Path, tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    write_task(tmp_path, **changes)
    before = state(run)
    with pytest.raises(NotComparableError) as error:
        rescore(str(run), out=tmp_path)
    assert words in str(error.value)
    assert "mine/even cannot be scored again" in str(error.value)
    assert state(run) == before


def test_other_samples_are_refused(run: Path, tmp_path: Path) -> None:
    write_model(tmp_path, TASK.format(**OPTIONS).replace("range(10)", "range(2, 12)"), "mytask.py")
    with pytest.raises(NotComparableError, match="no longer has the samples"):
        rescore(str(run), out=tmp_path)


def test_a_task_that_is_gone_or_broken_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "mytask.py").write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(NotComparableError, match="ZeroDivisionError"):
        rescore(str(run), out=tmp_path)
    (tmp_path / "mytask.py").unlink()
    with pytest.raises(NotComparableError, match=r"there is no file mytask\.py"):
        rescore(str(run), out=tmp_path)


def test_scoring_that_fails_is_refused_and_names_the_place(run: Path, tmp_path: Path) -> None:
    write_task(tmp_path, version="2", right="1 / 0")
    with pytest.raises(NotComparableError, match="ZeroDivisionError"):
        rescore(str(run), out=tmp_path)


def test_names_that_are_not_there(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'mine/even'"):
        rescore(str(run), ["mine/evn"], out=tmp_path)
    with pytest.raises(UsageError, match="there is no run 'Nobody'"):
        rescore("Nobody", out=tmp_path / "runs")


def test_a_run_without_scores_has_nothing_to_do_again(run: Path, tmp_path: Path) -> None:
    edit_json(run / "run.json", lambda document: document["tasks"]["mine/even"].update(scoring=None))
    with pytest.raises(NotComparableError, match="holds no scores"):
        rescore(str(run), out=tmp_path)


def test_what_can_be_done_is_offered(run: Path, tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    evaluate(Says(), data, tmp_path)
    data.unlink()
    with pytest.raises(NotComparableError, match="The rest can: --tasks mine/even"):
        rescore(str(run), out=tmp_path)
    assert [each.task for each in rescore(str(run), ["mine/even"], out=tmp_path).moved] == ["mine/even"]


# --- old scores ---


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_damaged_scores_are_made_anew(run: Path, tmp_path: Path, suffix: str) -> None:
    (scores,) = run.glob(f"tasks/*/scores/*.{suffix}")
    scores.write_bytes(b"{")
    write_task(tmp_path, version="2", **FOLDED)
    result = rescore(str(run), out=tmp_path)
    assert result.moved[0].changed is None
    assert "cannot be read" in result.notes[0]
    (row,) = read_run(RunDirectory(run)).rows()
    assert row.value == pytest.approx(5 / 9)


def test_a_run_of_schema_1_gets_scores_of_today(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fixtures = Path(__file__).parents[1] / "results" / "fixtures" / "v1"
    shutil.copytree(fixtures, tmp_path / "v1")
    monkeypatch.chdir(tmp_path / "v1" / "source")
    (path,) = (tmp_path / "v1" / "runs").glob("*Writes*")
    result = rescore(str(path), out=tmp_path)
    assert [each.moved for each in result.moved] == [False, False]
    assert all(old != new for old, new in result.scorings.values())
    assert load_run(path, tmp_path).tasks["tiny/words"].specs.keys() == {"accuracy"}


# --- a disk that fills up ---


@pytest.mark.parametrize("step", ["write_scores", "write_plan", "write"])
def test_a_failure_at_any_write_leaves_the_old_scores_in_force_and_can_be_repeated(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_task(tmp_path, version="2", **FOLDED)

    def full(*_: object) -> None:
        raise RunFailedError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, step, full)
        with pytest.raises(RunFailedError, match="no space left"):
            rescore(str(run), out=tmp_path)
    (row,) = read_run(RunDirectory(run)).rows()
    assert row.value == 0.0
    assert load_run(run, tmp_path).tasks["mine/even"].tables()["sample"].unit_ids[0] == "n0"
    assert rescore(str(run), out=tmp_path).moved[0].changed == 5
    logged = len(lines(run))
    mmbench.run(Says(), "mytask.py", out=tmp_path / "runs", progress=False)
    assert len(lines(run)) == logged + 1  # what had failed, and nothing else


# --- the command ---


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """``mmbench rescore`` inside this process."""

    def once(*arguments: str) -> Ended:
        code = main(["rescore", *arguments, "--allow", "foreign-source"])
        return Ended(code, *capsys.readouterr())

    return once


def test_the_command_says_what_moved(call: Callable[..., Ended], run: Path, tmp_path: Path) -> None:
    write_task(tmp_path, version="2", **FOLDED)
    dry = call("Says", "--out", "runs", "--dry-run")
    assert (dry.code, "Nothing was written" in dry.out, "+55.6" in dry.out) == (0, True, True), dry.err
    document = call("Says", "--out", "runs", "--json").document()
    assert (document["written"], document["metrics"][0]["changed"]) == (True, 5)
    assert "55.6" in (run / "report.md").read_text(encoding="utf-8")
    again = call(str(run))
    assert "mine/even: nothing moved" in again.out
    assert "new scores" not in again.out


def test_the_command_refuses_with_a_sentence(call: Callable[..., Ended], run: Path, tmp_path: Path) -> None:
    call("Says", "--out", "runs", "--tasks", "vqa").refused(2, "unknown task of this run")
    call("Nobody", "--out", "runs").refused(2, "there is no run 'Nobody'")
    write_task(tmp_path, data="2")
    call("Says", "--out", "runs").refused(3, "data have changed")


def test_answers_that_are_gone_are_missed_and_nothing_is_written(run: Path, tmp_path: Path) -> None:
    log = log_of(run)
    whole = log.read_text(encoding="utf-8").splitlines(keepends=True)
    lost = next(n for n, line in enumerate(whole) if "n3" in line)
    log.write_text("".join(whole[:lost] + whole[lost + 1 :]), encoding="utf-8")
    before = state(run)
    with pytest.raises(NotComparableError, match="1 answer that was scored before is missing"):
        rescore(str(run), out=tmp_path)
    assert state(run) == before
    log.write_text("", encoding="utf-8")
    with pytest.raises(NotComparableError, match="9 answers that were scored before are missing"):
        rescore(str(run), out=tmp_path, dry_run=True)


def test_a_family_stands_for_its_tasks(run: Path, tmp_path: Path) -> None:
    assert [each.task for each in rescore(str(run), ["mine"], out=tmp_path).moved] == ["mine/even"]
