"""``mmbench gate`` and ``mmbench baseline`` as people and CI jobs type them."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from helpers import Ended, edit_json, mmbench, start_python
from stored import TASK, score_table, write_run

NAME = f"{TASK}:accuracy"
Call = Callable[..., Ended]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    out = tmp_path / "results" / "runs"
    for name, right in (("good", 150), ("bad", 100), ("near", 149)):
        write_run(out, name, {TASK: [score_table([1.0] * right + [0.0] * (200 - right))]})
    return out


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# --- exit codes ---


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["good", "--baseline", "good.json"], 0),
        (["near", "--baseline", "good"], 0),
        (["bad", "--baseline", "good.json"], 1),
        (["near", "--baseline", "good", "--require", f"{NAME} drop<0.1pt"], 3),
        (["good", "--require", f"{NAME} >= 0.75"], 0),
        (["good", "--require", f"{NAME} >= 0.76"], 1),
        (["good", "--require", f"{TASK}:latency_p50 <= 250ms"], 3),
        (["bad", "--baseline", "good", "--require", f"{NAME} >= 0.1", "--require", f"{NAME} drop<1pt"], 1),
        (["good", "--baseline", "good", "--require", f"{NAME} drop<1"], 2),
        (["good"], 2),
        ([], 2),
        (["nobody", "--baseline", "good"], 2),
        (["x" * 300, "--baseline", "good"], 2),
        (["good", "--baseline", "x" * 300], 3),
    ],
)
def test_exit_codes(call: Call, runs: Path, arguments: list[str], code: int) -> None:
    assert call("baseline", "save", "good", "good.json").code == 0
    kept = contents(runs)
    ended = call("gate", *arguments)
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert contents(runs) == kept


def test_no_baseline_yet_says_how_to_make_one(call: Call, runs: Path) -> None:
    ended = call("gate", "good", "--baseline", "baselines/good.json")
    ended.refused(3, "no baseline 'baselines/good.json' yet", "mmbench baseline save good baselines/good.json")


def test_the_table_says_what_was_held_and_why_it_failed(call: Call, runs: Path) -> None:
    ended = call("gate", "bad", "--baseline", "good")
    assert ended.out.startswith("gate failed: bad")
    assert "no rule is given" in ended.out
    assert "FAIL" in ended.out
    assert "a drop of 25.00pt, significant" in ended.out


def test_json_is_one_document(call: Call, runs: Path) -> None:
    document = call("gate", "bad", "--baseline", "good", "--json").document()
    (verdict,) = document["verdicts"]
    assert (document["exit_code"], verdict["verdict"], verdict["outcome"]) == (1, "regressed", "violated")
    assert (verdict["baseline"], verdict["value"], verdict["lost"]) == (0.75, 0.5, 50)


# --- outputs ---


def test_junit_and_summary_are_written_and_the_summary_is_appended(call: Call, runs: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# The job\n")
    ended = call("gate", "bad", "--baseline", "good", "--junit", "gate.xml", "--summary", "summary.md")
    assert ended.code == 1
    assert ET.parse(tmp_path / "gate.xml").getroot().get("failures") == "1"
    text = summary.read_text()
    assert text.startswith("# The job\n\n## gate failed: bad")
    call("gate", "good", "--baseline", "near", "--summary", "summary.md")
    assert summary.read_text().startswith(text)
    assert "gate passed: good" in summary.read_text()


def test_a_full_summary_is_left_as_it_is_with_a_note(call: Call, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "full.md").write_bytes(b"x" * (2**20 - 10))
    ended = call("gate", "good", "--baseline", "near", "--summary", "full.md")
    assert (ended.code, "is full" in ended.err) == (0, True)
    assert (tmp_path / "full.md").stat().st_size == 2**20 - 10


@pytest.mark.parametrize("option", ["--junit", "--summary"])
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_read(call: Call, option: str) -> None:
    call("gate", "nobody", "--baseline", "nobody", option, "nowhere/out").refused(2, option, "no folder")
    call("gate", "nobody", "--baseline", "nobody", option, ".").refused(2, option, "no file")


@pytest.mark.parametrize("option", ["--junit", "--summary"])
def test_an_output_never_lands_in_what_is_read(call: Call, runs: Path, option: str) -> None:
    call("baseline", "save", "good", "good.json")
    kept = contents(runs.parent.parent)
    (run,) = runs.glob("good--*")
    call("gate", run, "--baseline", "good.json", option, "good.json").refused(2, "a file that is read")
    call("gate", run, "--baseline", "good.json", option, run / "x").refused(2, "a file that is read")
    call("gate", "good", "--baseline", "good.json", option, run / "run.json").refused(2, option, "run.json")
    assert contents(runs.parent.parent) == kept


@pytest.mark.parametrize("option", ["--junit", "--summary"])
def test_an_output_without_a_name_is_said_to_be_empty(call: Call, option: str) -> None:
    call("gate", "nobody", "--baseline", "nobody", option, "").refused(2, f"{option} is empty")


def test_junit_replaces_nothing_but_junit(call: Call, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "mymodel.py").write_text("class Mine: ...\n")
    call("gate", "near", "--baseline", "good", "--junit", "mymodel.py").refused(2, "mymodel.py", "no JUnit XML")
    assert (tmp_path / "mymodel.py").read_text() == "class Mine: ...\n"
    (tmp_path / "empty").touch()
    assert call("gate", "near", "--baseline", "good", "--junit", "empty").code == 0
    assert call("gate", "bad", "--baseline", "good", "--junit", "empty").code == 1
    assert ET.parse(tmp_path / "empty").getroot().get("failures") == "1"


def test_two_outputs_are_two_files(call: Call, runs: Path, tmp_path: Path) -> None:
    arguments = ("gate", "near", "--baseline", "good", "--junit", "./s.md", "--summary", "s.md")
    call(*arguments).refused(2, "--junit and --summary", "name two files")
    assert not (tmp_path / "s.md").exists()


def test_a_run_against_itself_is_refused(call: Call, runs: Path) -> None:
    call("gate", "good", "--baseline", "good").refused(2, "is the run itself")
    call("gate", "plan", "good", "--baseline", "good").refused(2, "is the run itself")
    call("baseline", "save", "good", "gates/good.json")
    assert call("gate", "good", "--baseline", "gates/good.json").code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(call: Call, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(stat.S_IRUSR | stat.S_IXUSR)
    call("gate", "good", "--baseline", "good", "--junit", "closed/x").refused(2, "--junit", "permission")


# --- rules from a file and from the environment ---

RULES = f"""
[gate]
baseline = "good"

[[gate.rule]]
metric = "{NAME}"
policy = "regression"
tolerance = "5pt"
alpha = 0.05

[[gate.rule]]
metric = "{NAME}"
policy = "absolute"
limit = 0.6
"""


def test_rules_of_the_configuration_stand_beside_defaults_of_options(call: Call, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "mmbench.toml").write_text(RULES)
    document = call("gate", "bad", "--json").document()
    assert [each["outcome"] for each in document["verdicts"]] == ["violated", "violated"]


def test_rules_of_the_command_line_are_added_and_replace_those_of_their_kind(
    call: Call, runs: Path, tmp_path: Path
) -> None:
    (tmp_path / "mmbench.toml").write_text(RULES)
    ended = call("gate", "near", "--json", "--require", f"{NAME} drop<20pt")
    assert [each["rule"] for each in ended.document()["verdicts"]] == [f"{NAME} >= 0.6", f"{NAME} drop<20pt"]
    assert f"note: '{NAME} drop<20pt' of --require replaces '{NAME} drop<=5pt' (mmbench.toml, rule 1)" in ended.err
    twice = ["--require", f"{NAME} drop<1pt", "--require", f"{NAME} drop<2pt"]
    call("gate", "near", *twice).refused(2, "contradicts", "keep one")
    call("gate", "near", "--require", f"{NAME} exact").refused(2, "one allows no change", "keep one")
    document = call("gate", "near", "--json", "--require", f"{NAME} non-inferiority drop<50pt").document()
    assert [each["policy"] for each in document["verdicts"]] == ["regression", "absolute", "non-inferiority"]


@pytest.mark.parametrize("rules", ["typed", "file", "environment"])
def test_a_rule_about_speed_does_not_let_the_quality_fall(call: Call, runs: Path, tmp_path: Path, rules: str) -> None:
    budget, more = f"{TASK}:latency_p50 <= 250ms", {}
    arguments = ["gate", "bad", "--baseline", "good", "--json"]
    if rules == "typed":
        arguments += ["--require", budget]
    elif rules == "file":
        table = f'[[gate.rule]]\nmetric = "{TASK}:latency_p50"\npolicy = "absolute"\nlimit = "250ms"\n'
        (tmp_path / "mmbench.toml").write_text(table)
    else:
        more = {"MMBENCH_GATE_REQUIRE": budget}
    ended = call(*arguments, **more)
    found = ended.document()["verdicts"]
    assert (ended.code, [(each["default"], each["outcome"]) for each in found]) == (
        1,
        [(False, "undecided"), (True, "violated")],
    )
    ended = call(*arguments, "--only", **more)
    assert (ended.code, len(ended.document()["verdicts"])) == (3, 1)


def test_rules_of_another_file(call: Call, runs: Path, tmp_path: Path) -> None:
    (tmp_path / "strict.toml").write_text(RULES.replace('"5pt"', '"0.01pt"'))
    ended = call("gate", "near", "--baseline", "good", "--rules", "strict.toml", "--json")
    assert ended.document()["verdicts"][0]["threshold"] == "0.01pt"
    call("gate", "near", "--baseline", "good", "--rules", "absent.toml").refused(2, "absent.toml")
    (tmp_path / "empty.toml").write_text("")
    call("gate", "near", "--baseline", "good", "--rules", "empty.toml").refused(2, "no [[gate.rule]]")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[gate.rule]]\nmetric = "x"\ntolerence = "1pt"', "Did you mean 'tolerance'"),
        ('[[gate.rules]]\nmetric = "x"', "rules are tables of their own: [[gate.rule]]"),
        ("[gate]\nrule = 3", "[[gate.rule]]"),
        ("[gate]\nplan = 3", "write a table, [gate.plan]"),
        ('[gate.plan]\ntolerence = "1pt"', "unknown key of [gate.plan]"),
    ],
)
def test_a_configuration_that_is_wrong_is_a_sentence(
    call: Call, runs: Path, tmp_path: Path, text: str, words: str
) -> None:
    (tmp_path / "mmbench.toml").write_text(text)
    call("gate", "good", "--baseline", "good").refused(2, "mmbench.toml", words)


def test_options_come_from_the_environment_and_rules_are_separated_by_semicolons(call: Call, runs: Path) -> None:
    ended = call(
        "gate",
        "near",
        "--json",
        MMBENCH_GATE_BASELINE="good",
        MMBENCH_GATE_REQUIRE=f"{NAME} drop<20pt; {NAME} >= 0.5",
    )
    assert [each["rule"] for each in ended.document()["verdicts"]] == [f"{NAME} drop<20pt", f"{NAME} >= 0.5"]


# --- a ledger of pushes ---


def test_a_ledger_counts_pushes_and_is_no_other_output(call: Call, runs: Path, tmp_path: Path) -> None:
    arguments = ("gate", "near", "--baseline", "good", "--sequential", "ledger.json")
    assert call(*arguments, "--json").document()["sequential"]["push"] == 1
    assert call("gate", "bad", *arguments[2:], "--json").document()["sequential"]["push"] == 2
    assert "push 1 against this baseline" in call(*arguments).out
    call(*arguments, "--junit", "ledger.json").refused(2, "no JUnit XML")
    call(*arguments, "--summary", "./ledger.json").refused(2, "--summary and --sequential")
    call(*arguments, "--aa").refused(2, "--sequential")
    call("gate", "near", "--require", f"{NAME} >= 0.1", *arguments[4:]).refused(2, "--baseline")
    call("gate", "near", "--baseline", "good", "--sequential", "nowhere/l.json").refused(2, "no folder")
    (tmp_path / "ledger.json").write_text("{")
    call(*arguments).refused(3, "ledger.json is damaged")


# --- plan, A against A ---


def test_plan_from_runs_from_numbers_and_from_the_configuration(call: Call, runs: Path, tmp_path: Path) -> None:
    ended = call("gate", "plan", "--disagreement", "10%", "--tolerance", "1pt", "--json")
    assert ended.document()["plan"][0]["needed"] == 6183
    table = call("gate", "plan", "near", "--baseline", "good", "--metric", NAME, "--tolerance", "0.5pt")
    assert "samples needed" in table.out
    given = ("gate", "plan", "--disagreement", "10%", "--tolerance", "1pt", "--icc", "0.2")
    (row,) = call(*given, "--cluster-size", "4", "--json").document()["plan"]
    assert (row["needed"], row["needed_clusters"], row["design_effect"]) == (4 * 2474, 2474, 1.6)
    (row,) = call(*given, "--clusters", "5", "--json").document()["plan"]
    assert (row["needed"], row["needed_clusters"], row["clusters"]) == (None, 1237, 5)
    assert "it takes 1,237 clusters or more" in call(*given, "--clusters", "5").out
    (tmp_path / "mmbench.toml").write_text('[gate.plan]\ntolerance = "2pt"\n')
    (row,) = call("gate", "plan", "good", "--json").document()["plan"]
    assert row["tolerance"] == 2.0
    (row,) = call("gate", "plan", "good", "--json", MMBENCH_GATE_PLAN_TOLERANCE="3pt").document()["plan"]
    assert row["tolerance"] == 3.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give a RUN, or one of"),
        (["--disagreement", "10%", "--sd", "3pt"], "give a RUN, or one of"),
        (["--disagreement", "1.5"], "at most 1"),
        (["--disagreement", "nan"], "finite"),
        (["--disagreement", "10%", "--tolerance", "20pt"], "cannot differ by more than 10pt"),
        (["--disagreement", "0.1", "--tolerance", "0.5"], "points above 0"),
        (["--disagreement", "0.1", "--tolerance", "-1pt"], "points above 0"),
        (["--disagreement", "0.1", "--alpha", "0"], "--alpha"),
        (["--disagreement", "0.1", "--power", "0.01"], "--power"),
        (["--sd", "30"], "points above 0"),
        (["--sd", "30pt", "--design-effect", "0"], "--design-effect"),
        (["--disagreement", "0.1", "--metric", "a:b"], "need a RUN"),
        (["good", "--sd", "3pt"], "stands in for a RUN"),
        (["good", "--icc", "0.1"], "stands in for a RUN"),
        (["--sd", "30pt", "--icc", "0.1"], "--icc needs"),
        (["--sd", "30pt", "--clusters", "50"], "need --icc"),
        (["--sd", "30pt", "--clusters", "1", "--icc", "0.1"], "--clusters"),
        (["--sd", "30pt", "--clusters", "50", "--icc", "1.2"], "between 0 and 1"),
        (["--sd", "30pt", "--clusters", "50", "--icc", "-0.1"], "between 0 and 1"),
        (["--sd", "30pt", "--cluster-size", "0.5", "--icc", "0.1"], "at least one sample"),
        (["--sd", "30pt", "--cluster-size", "4", "--icc", "0.1", "--design-effect", "2"], "one or the other"),
        (["good", "--baseline", "near", "--disagreement", "0.1"], "leave out --disagreement"),
        (["good", "--metric", "stored/task:acuracy"], "Did you mean"),
        (["nobody"], "there is no run"),
    ],
)
def test_a_plan_that_cannot_be_made(call: Call, runs: Path, arguments: list[str], words: str) -> None:
    call("gate", "plan", *arguments).refused(2, words)


def test_a_run_called_plan_can_be_gated(call: Call, tmp_path: Path) -> None:
    path = write_run(tmp_path, "plan", {TASK: [score_table([1.0, 0.0])]})
    path.rename(tmp_path / "plan")
    assert call("gate", "./plan", "--require", f"{NAME} >= 0.5").code == 0


@pytest.mark.slow
def test_aa_estimates_and_judges_nothing(call: Call, runs: Path) -> None:
    ended = call("gate", "bad", "--baseline", "good", "--aa", "--simulations", "100", "--json")
    assert ended.code == 0
    assert ended.document()["simulations"] == 100
    assert "false alarms:" in call("gate", "bad", "--aa", "--simulations", "50").out
    call("gate", "bad", "--aa", "--junit", "x.xml").refused(2, "leave out --junit")


# --- baseline save ---


def test_saving_says_old_and_new_values(call: Call, runs: Path) -> None:
    first = call("baseline", "save", "good", "b.json")
    assert (first.code, first.out.splitlines()[1].split()) == (0, [NAME, "75.0", "(n", "=", "200)"])
    second = call("baseline", "save", "bad", "b.json")
    assert second.out.startswith("replaced b.json")
    assert "bad, seed 0 (before: good, seed 0)" in second.out
    assert f"{NAME}  75.0 (n = 200) → 50.0 (n = 200)" in second.out


def test_saving_a_run_that_is_not_whole_is_refused(call: Call, runs: Path, tmp_path: Path) -> None:
    (run,) = runs.glob("good--*")
    edit_json(run / "run.json", lambda document: document.update(status="partial"))
    call("baseline", "save", "good", "b.json").refused(3, "the run is partial", "the same command again")
    assert not (tmp_path / "b.json").exists()
    assert "--force" not in call("baseline", "save", "--help").out


def test_damaged_and_newer_baselines_are_refused(call: Call, runs: Path, tmp_path: Path) -> None:
    call("baseline", "save", "good", "b.json")
    edit_json(tmp_path / "b.json", lambda document: document["run"].update(seed=5))
    call("gate", "good", "--baseline", "b.json").refused(3, "does not match its digest")
    edit_json(tmp_path / "b.json", lambda document: document.update(version=99))
    call("gate", "good", "--baseline", "b.json").refused(3, "Upgrade mmbench")
    (run,) = runs.glob("good--*")
    edit_json(run / "run.json", lambda document: document.update(schema_version=99))
    call("gate", run, "--baseline", "near").refused(3, "Upgrade mmbench")


@pytest.mark.slow
def test_a_process_ends_with_the_code_and_loads_no_torch(runs: Path, tmp_path: Path) -> None:
    assert mmbench("gate", "bad", "--baseline", "good", folder=tmp_path).code == 1
    code = "import sys; from mmbench.cli.main import main; main(); print(*sys.modules)"
    child = start_python("-c", code, "gate", "bad", "--baseline", "good", "--json", folder=tmp_path)
    out, _ = child.communicate(timeout=60)
    loaded = {name.partition(".")[0] for name in out.splitlines()[-1].split()}
    assert json.loads(out.splitlines()[0])["exit_code"] == 1
    assert loaded.isdisjoint({"torch", "rich", "scipy", "pandas", "transformers", "PIL", "aiohttp"})
