"""The public functions stand on what is stored, take what each other return, and are documented; the log gets notes."""

import inspect
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import evaluate, write_questions

import mmbench

FUNCTIONS = ("compare", "gate", "load_run", "repair", "report", "rescore", "run", "save_baseline", "score", "train")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The folder of two runs, of models that say red and blue, with 48 questions."""
    data = write_questions(tmp_path, 48)
    for name, text in (("reds", "red"), ("blues", "blue")):
        (tmp_path / "mmbench.toml").write_text(f'[models.{name}]\nmodel = "constant"\nargs = {{ text = "{text}" }}\n')
        evaluate(name, data, tmp_path)
    return tmp_path / "runs"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_is_a_plain_function_that_says_all_about_itself(name: str) -> None:
    function = getattr(mmbench, name)
    assert inspect.isfunction(function)
    assert name in mmbench.__all__
    text = inspect.getdoc(function) or ""
    assert all(heading in text for heading in ("Args:", "Raises:", "Returns:"))
    parameters = inspect.signature(function).parameters.values()
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in parameters)


def test_aliases_name_models_in_python_and_runs_in_comparisons(runs: Path) -> None:
    assert sorted(path.name.partition("--")[0] for path in runs.iterdir()) == ["blues", "reds"]
    (metric,) = mmbench.compare("reds", "blues", out=runs, slices=False).metrics
    assert metric.difference.value == 0.0


def test_a_gate_holds_runs_against_limits_and_baselines(runs: Path, tmp_path: Path) -> None:
    file = tmp_path / "gates" / "reds.json"
    saved = mmbench.save_baseline(mmbench.load_run("reds", runs), file, out=runs)
    assert saved.before is None
    assert mmbench.gate("reds", baselines=file, out=runs).exit_code == 0
    rule = "vqa/mine:accuracy >= 0.9"
    result = mmbench.gate(mmbench.load_run("blues", runs), require=rule)
    assert result.exit_code == 1
    (tmp_path / "mmbench.toml").write_text(
        '[[gate.rule]]\nmetric = "vqa/mine:accuracy"\npolicy = "absolute"\nlimit = "0.9"\n'
    )
    assert mmbench.gate("reds", out=runs).exit_code == 1, "the rules of mmbench.toml apply"
    assert mmbench.gate("reds", require="vqa/mine:accuracy >= 0.1", out=runs).exit_code == 0, (
        "a typed rule replaces one"
    )


def test_a_gate_checks_the_other_metrics_unless_only_and_counts_pushes(runs: Path, tmp_path: Path) -> None:
    budget, ledger = "vqa/mine:latency_p50 <= 1000s", tmp_path / "ledger.json"
    whole = mmbench.gate("blues", baselines="reds", require=budget, sequential=ledger, out=runs)
    assert ([each.check.given for each in whole.verdicts], whole.push.number) == ([True, False], 1)
    alone = mmbench.gate("blues", baselines="reds", require=budget, only=True, sequential=str(ledger), out=runs)
    assert ([each.check.given for each in alone.verdicts], alone.push.number) == ([True], 2)
    with pytest.raises(mmbench.UsageError):
        mmbench.gate("blues", baselines="reds", allow="stail", out=runs)


def test_a_gate_names_what_is_missing(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(mmbench.MissingBaselineError):
        mmbench.gate("reds", baselines="none", out=runs)
    with pytest.raises(mmbench.RunNotFoundError):
        mmbench.gate("greens", out=runs)
    with pytest.raises(mmbench.UsageError):
        mmbench.gate([], out=runs)


def test_a_report_takes_results_names_and_paths_and_renders(runs: Path) -> None:
    found = mmbench.report(["reds", next(runs.glob("blues*"))], metrics="accuracy", out=runs)
    assert list(found.metrics) == ["vqa/mine"]
    assert str(found) == found.render("md")
    assert "<html" in found.render("html")
    with pytest.raises(mmbench.UnknownNameError) as raised:
        found.render("htm")
    assert raised.value.near == ["html"]
    with pytest.raises(mmbench.OptionError):
        mmbench.report("reds", solved=95, out=runs)


def test_several_runs_of_one_result_are_reported_together(tmp_path: Path) -> None:
    result = evaluate("constant,oracle", write_questions(tmp_path), tmp_path)
    assert len(mmbench.report(result).runs) == 2


def test_a_run_is_rescored_and_its_report_written_anew(runs: Path) -> None:
    run = mmbench.load_run("reds", runs)
    (run.path / "report.md").unlink()
    assert not mmbench.rescore(run, dry_run=True).written
    assert not (run.path / "report.md").exists()
    assert mmbench.rescore(run).written
    assert (run.path / "report.md").is_file()


# --- logging ---


def test_notes_go_to_the_log_also_where_no_progress_is_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "mmbench"):
        evaluate("constant", write_questions(tmp_path), tmp_path)
    assert {record.name for record in caplog.records} == {"mmbench.progress"}
    assert {record.levelno for record in caplog.records} == {logging.INFO}
    assert any("constant" in record.getMessage() for record in caplog.records)
    assert caplog.records[-1].getMessage().startswith("vqa/mine  8/8"), "how far it came"


def test_what_failed_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def open(self) -> None:
            raise ValueError("no")

        def generate(self, requests: list) -> list[str]:
            return []

    with caplog.at_level(logging.INFO, "mmbench"):
        evaluate(Broken, write_questions(tmp_path), tmp_path)
    assert [record.levelno for record in caplog.records if "ValueError" in record.getMessage()] == [logging.WARNING]


def test_importing_installs_no_handler_that_prints() -> None:

    assert [type(handler) for handler in logging.getLogger("mmbench.progress").handlers] == [logging.NullHandler]


def test_an_object_of_the_user_gets_progress(tmp_path: Path) -> None:
    class Mine:
        def __init__(self) -> None:
            self.calls: list[str] = []

        def start(self, stage: object) -> None:
            self.calls.append("start")

        def update(self, stage: object) -> None:
            self.calls.append("update")

        def finish(self, stage: object) -> None:
            self.calls.append("finish")

        def note(self, text: str) -> None:
            self.calls.append("note")

    mine = Mine()
    mmbench.run("constant", "vqa", data=write_questions(tmp_path), out=tmp_path / "runs", progress=mine)
    assert {"note", "start", "update", "finish"} == set(mine.calls)


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda: mmbench.track("reds", "tensorboard", track_samples=0), "samples"),  # type: ignore[call-arg]
        (lambda: mmbench.export("reds", "csv", "reds.csv", alow="foreign-source"), "allow"),  # type: ignore[call-arg]
        (lambda: mmbench.plot("reds", widht=5), "width"),  # type: ignore[call-arg]
    ],
)
def test_a_misspelt_keyword_is_refused_with_the_nearest(call: Callable[[], object], near: str) -> None:
    with pytest.raises(mmbench.UnknownNameError) as caught:
        call()
    assert caught.value.near == [near]
