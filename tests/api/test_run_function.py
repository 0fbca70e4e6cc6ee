"""`mmbench.run`: the main job from Python."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import Colours, evaluate, lines, start_python, write_captions, write_model, write_questions, write_rows

import mmbench
from mmbench.api.run import RunOptions
from mmbench.core import DataError, MissingExtraError, NotComparableError, PluginError, UnknownNameError, UsageError


def test_a_result_has_metrics_a_path_a_table_and_an_exit_code(tmp_path: Path) -> None:
    result = evaluate("constant", write_questions(tmp_path), tmp_path, model_args={"text": "red"})
    (row,) = result.rows()
    assert (row.model, row.task, row.metric.id, row.primary) == ("constant", "vqa/mine", "accuracy", True)
    assert row.metric.value == pytest.approx(2 / 8)
    assert row.metric.low is not None
    assert row.metric.high is not None
    assert row.metric.low < 0.25 < row.metric.high
    assert row.chance == pytest.approx(0.25)
    assert result.path.parent == tmp_path / "runs"
    assert result.path.name.startswith("constant--")
    assert (result.path / "run.json").is_file()
    assert (result.path / "report.md").read_text(encoding="utf-8") == str(result)
    assert "| constant | vqa/mine | accuracy | 25.0 |" in str(result)
    assert result.exit_code == 0
    assert result.failures == {}


def test_a_result_of_several_models_has_several_paths(tmp_path: Path) -> None:
    result = evaluate("constant,oracle", write_questions(tmp_path), tmp_path)
    assert [path.name.partition("--")[0] for path in result.paths] == ["constant", "oracle"]
    with pytest.raises(ValueError, match=r"2 runs; use \.paths"):
        _ = result.path
    assert str(result).count("\n| ") == 2


def test_every_number_travels_with_its_interval_its_n_and_its_convention(tmp_path: Path) -> None:
    result = evaluate("random", write_captions(tmp_path), tmp_path, "retrieval")
    for row in result.rows():
        document = row.to_dict()
        assert {"id", "value", "low", "high", "n", "n_failed", "coverage", "method", "higher_is_better", "unit"} <= set(
            document
        )
        assert mmbench.MetricId.parse(document["id"])
        assert document["method"]
        json.dumps(document, allow_nan=False)


def test_a_data_frame_has_a_row_for_each_metric(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    result = evaluate("constant,oracle", write_questions(tmp_path), tmp_path)
    frame = result.metrics()
    frame = frame[frame["slice"].isna()]
    assert frame["model"].tolist() == ["constant", "oracle"]
    assert frame["value"].tolist() == [row.metric.value for row in result.rows()]
    assert {"task", "metric", "low", "high", "n", "chance", "prior"} <= set(frame.columns)


def test_without_pandas_the_command_that_installs_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = evaluate("constant", write_questions(tmp_path), tmp_path)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r'pip install "mmbench\[pandas\]"'):
        result.metrics()


# --- models ---


class Says:
    """A class with an option, as people write it."""

    def __init__(self, text: str = "red") -> None:
        self.text = text

    def generate(self, requests: Sequence[Any]) -> list[str]:
        return [self.text for _ in requests]


def test_a_class_is_built_with_its_model_args(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    result = evaluate(Says, data, tmp_path, model_args={"text": "blue"})
    assert {line.output for line in lines(result.path)} == {"blue"}
    assert result.runs[0].model.options == {"text": "blue"}
    assert evaluate(Says, data, tmp_path).path != result.path


def test_a_misspelt_option_of_a_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown option of model 'Says': 'txt'\. Did you mean 'text'"):
        evaluate(Says, write_questions(tmp_path), tmp_path, model_args={"txt": "blue"})


def test_options_for_an_object_that_is_already_built_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is already built"):
        evaluate(Says(), write_questions(tmp_path), tmp_path, model_args={"text": "blue"})


def test_any_object_with_one_of_the_methods_is_a_model(tmp_path: Path) -> None:
    model = SimpleNamespace(generate=lambda requests: ["red" for _ in requests])
    assert evaluate(model, write_questions(tmp_path), tmp_path).exit_code == 0


def test_an_object_with_none_of_the_methods_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="model 'object' has none of the methods generate, choose, embed"):
        evaluate(object(), write_questions(tmp_path), tmp_path)
    with pytest.raises(UsageError, match="no model given: --model or --suite is needed"):
        evaluate(None, write_questions(tmp_path), tmp_path)


@pytest.mark.slow
def test_a_class_typed_into_an_interpreter_runs(tmp_path: Path) -> None:
    """It has no file whose digest could be taken; it never resumes, but it runs."""
    write_questions(tmp_path)
    code = (
        "import mmbench\n"
        "class Typed:\n"
        "    def generate(self, requests): return ['red' for _ in requests]\n"
        "for model in (Typed, Typed()):\n"
        "    result = mmbench.run(model, 'vqa', data='mine.jsonl', out='runs', progress=False)\n"
        "    print(result.exit_code, result.runs[0].model.digest)\n"
    )
    child = start_python("-c", code, folder=tmp_path)
    out, err = child.communicate(timeout=60)
    assert out == "0 None\n0 None\n", err


def test_no_model_and_one_model_twice_are_refused(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    with pytest.raises(UsageError, match="no model given"):
        evaluate([], data, tmp_path)
    with pytest.raises(UsageError, match="model 'random' is given twice"):
        evaluate("random,random", data, tmp_path)


# --- options ---


def test_a_misspelt_option_of_run_is_refused_not_ignored(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown option of mmbench\.run: 'limt'\. Did you mean 'limit'"):
        evaluate("random", write_questions(tmp_path), tmp_path, limt=5)


def test_every_option_of_the_command_line_is_one_of_python(tmp_path: Path) -> None:
    from mmbench.cli.run import command

    names = {parameter.name for parameter in command.params}
    of_commands = {"model", "tasks", "out", "json", "quiet", "dry_run", "offline", "stream"}
    assert names - of_commands == set(RunOptions.__annotations__) - {"progress"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limit": 0}, "limit 0: expected a whole number, at least 1"),
        ({"batch_size": 0}, "batch_size 0"),
        ({"ids": ["q77"]}, r"unknown sample of vqa/mine 'q77'\. Did you mean 'q7'"),
        ({"split": "tset"}, r"split .*'tset'.*test"),
        ({"task_args": {"extractr": "exact"}}, "unknown option of vqa/mine 'extractr'. Did you mean 'extractor'"),
        ({"task_args": {"extractor": "exakt"}}, "unknown extractor 'exakt'. Did you mean 'exact'"),
    ],
)
def test_an_option_that_means_nothing_is_refused_before_anything_is_written(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        evaluate("random", write_questions(tmp_path), tmp_path, **options)
    assert not (tmp_path / "runs").exists()


def test_ids_choose_samples(tmp_path: Path) -> None:
    model = Colours()
    evaluate(model, write_questions(tmp_path), tmp_path, ids=["q5", "q2"])
    assert model.asked == ["q2", "q5"]


def test_no_progress_is_reported_when_none_is_wanted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    evaluate("random", write_questions(tmp_path), tmp_path)
    assert capfd.readouterr() == ("", "")
    mmbench.run("random", "vqa", data=tmp_path / "mine.jsonl", out=tmp_path / "again")
    out, err = capfd.readouterr()
    assert out == ""
    assert "vqa/mine  8/8" in err


# --- tasks ---


@pytest.mark.slow
def test_tasks_may_be_a_text_a_list_or_both(tmp_path: Path) -> None:
    data = {"vqa": write_questions(tmp_path), "retrieval": write_captions(tmp_path)}
    for tasks in ("vqa,retrieval", ["vqa", "retrieval"], [" vqa , retrieval ", ""]):
        result = mmbench.run("constant", tasks, data=data, out=tmp_path / "runs", progress=False)
        assert result.tasks == ("vqa/mine", "retrieval/captions")


def test_incompatible_tasks_are_all_listed_before_any_model_is_built(tmp_path: Path) -> None:
    class Never:
        def __init__(self) -> None:
            raise AssertionError("built")

        def choose(self, requests: Any) -> Any:
            return []

    data = {"vqa": write_questions(tmp_path, closed=False), "retrieval": write_captions(tmp_path)}
    with pytest.raises(UsageError) as raised:
        mmbench.run([Never, "prior"], "vqa,retrieval", data=data, out=tmp_path / "runs", progress=False)
    said = str(raised.value).splitlines()
    assert said[0] == "these models cannot answer these tasks:"
    assert len([line for line in said if "Never × " in line]) == 2
    assert len([line for line in said if "prior × " in line]) == 2
    assert "its answers are open, so `choose` cannot serve it" in said[1]
    assert "has no training split, and the model learns from one (it has `fit`)" in str(raised.value)
    assert not (tmp_path / "runs").exists()


def test_a_task_in_a_file_runs_and_is_found_again(tmp_path: Path) -> None:
    source = """
        from mmbench import DatasetInfo, Generate, PerSampleTask, Sample, SampleScore, TaskInfo, mean_metric

        class Echo(PerSampleTask):
            info = TaskInfo("echo/ten", "1", "says", DatasetInfo("ten", "1", "CC0-1.0", ""), frozenset({"generate"}),
                            ("accuracy",))
            metrics = (mean_metric("accuracy", "sample", "accuracy"),)
            columns = ("accuracy",)
            def fingerprint(self): return "1"
            def samples(self, split="test"): return [Sample(f"s{i}", (str(i),), (str(i),)) for i in range(10)]
            def requests(self, sample): return [Generate(parts=sample.parts)]
            def score_sample(self, sample, response): return SampleScore({"accuracy": float(response.output == "3")})
            def solve(self, sample, request): return "3"
            def chance(self, samples): return {}

        task = Echo()
    """
    path = write_model(tmp_path, source, "echo_task.py")
    for reference in (str(path), f"{path}:task", f"{path}:Echo"):
        result = mmbench.run("oracle", reference, out=tmp_path / "runs", progress=False)
        assert result.rows()[0].metric.value == 1.0
        assert result.tasks == ("echo/ten",)


def test_a_task_whose_scores_are_no_numbers_ends_with_a_sentence(tmp_path: Path) -> None:
    source = """
        from mmbench import DatasetInfo, Generate, PerSampleTask, Sample, SampleScore, TaskInfo, mean_metric

        class Nan(PerSampleTask):
            info = TaskInfo("nan/one", "1", "", DatasetInfo("", "", "", ""), frozenset({"generate"}), ("accuracy",))
            metrics = (mean_metric("accuracy", "sample", "accuracy"),)
            columns = ("accuracy",)
            def fingerprint(self): return "1"
            def samples(self, split="test"): return [Sample("s", ("?",))]
            def requests(self, sample): return [Generate(parts=sample.parts)]
            def score_sample(self, sample, response): return SampleScore({"accuracy": float("nan")})
            def solve(self, sample, request): return ""
            def chance(self, samples): return {}

        task = Nan()
    """
    result = mmbench.run(
        "constant", str(write_model(tmp_path, source, "nan_task.py")), out=tmp_path / "runs", progress=False
    )
    assert result.exit_code == 4
    assert "scores of task 'nan/one' cannot be kept: column 'accuracy'" in result.failures["constant"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "holds no rows"),
        ([{"image": None, "question": "?", "answer": "a", "id": "x"}] * 2, "line 2: id 'x' is taken by line 1"),
        ([{"image": None, "question": "?"}], "line 1: missing field 'answer' or 'answers'"),
        ([{"image": None, "question": 3, "answer": "a"}], "line 1: field 'question': expected a string"),
        ([{"image": "gone.png", "question": "?", "answer": "a"}], r"1 image is missing: gone\.png \(line 1\)"),
    ],
    ids=["empty", "twice", "no-answer", "type", "no-picture"],
)
def test_broken_data_are_refused_before_anything_is_written(tmp_path: Path, rows: list[Any], said: str) -> None:
    data = write_rows(tmp_path / "mine.jsonl", rows)
    with pytest.raises(DataError, match=said):
        evaluate("random", data, tmp_path)
    assert not (tmp_path / "runs").exists()


def test_a_run_directory_of_a_newer_mmbench_is_left_alone(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    run = evaluate("constant", data, tmp_path).path
    content = json.loads((run / "run.json").read_text(encoding="utf-8"))
    (run / "run.json").write_text(json.dumps({**content, "schema_version": 99}), encoding="utf-8")
    with pytest.raises(NotComparableError, match="Upgrade mmbench to read it"):
        evaluate("constant", data, tmp_path)


@pytest.mark.slow
def test_importing_the_package_gives_its_names_lazily() -> None:
    code = (
        "import mmbench, sys; assert 'numpy' not in sys.modules; mmbench.run; mmbench.Generation; print(dir(mmbench))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(mmbench.__all__) <= set(eval(done.stdout))
    with pytest.raises(AttributeError, match="no attribute 'rum'"):
        _ = mmbench.rum  # type: ignore[attr-defined]
