"""``--suite``, ``--seeds``, and the lists and tables that go with them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import worlds
from helpers import Ended

import mmbench
from mmbench import registry
from mmbench.api.run import make_plan
from mmbench.core import UsageError

Call = Callable[..., Ended]
RUN = ("run", "--out", "runs", "--perf", "off")
SKILLS = ("--tasks", "skills/eighty")


@pytest.fixture(autouse=True)
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    yield worlds.install(tmp_path, monkeypatch)
    registry.plugins.cache_clear()


def jobs(ended: Ended) -> list[tuple[str, int, list[str]]]:
    """(model, seed, tasks) of a dry run."""
    assert ended.code == 0, ended.err
    plan = ended.document()["plan"]
    return [(job["model"], job["seed"], [task["task"] for task in job["tasks"]]) for job in plan]


# --- suites ---


@pytest.mark.slow
def test_a_suite_gives_models_and_tasks_and_leaves_out_what_does_not_fit(call: Call) -> None:
    ended = call(*RUN, "--suite", "small", "--json")
    assert ended.code == 0, ended.err
    (left_out,) = (line for line in ended.err.splitlines() if line.startswith("left out"))
    assert left_out == (
        "left out of the suite: ear, eye, both (vectors/four needs a method `embed`); "
        "towers (skills/eighty needs a method `generate`)"
    )
    values = {(row["model"], row["task"]): row["value"] for row in ended.document()["metrics"]}
    assert values == {
        ("ear", "skills/eighty"): 0.25,
        ("eye", "skills/eighty"): 0.5,
        ("both", "skills/eighty"): 1.0,
        ("towers", "vectors/four"): 1.0,
    }
    table = call(*RUN, "--suite", "small")
    assert "n/a" not in table.out
    assert table.code == 0


def test_what_is_given_beside_a_suite_takes_the_place_of_its_own(call: Call) -> None:
    dry = (*RUN, "--dry-run", "--json", "--suite", "small")
    assert jobs(call(*dry, "--model", "both,towers")) == [
        ("both", 0, ["skills/eighty"]),
        ("towers", 0, ["vectors/four"]),
    ]
    assert [model for model, _, _ in jobs(call(*dry, *SKILLS))] == ["ear", "eye", "both"]
    assert jobs(call(*dry, "--model", "flat", *SKILLS)) == [("flat", 0, ["skills/eighty"])]


def test_a_suite_stands_among_models_too(call: Call) -> None:
    ended = call(*RUN, "--dry-run", "--json", "--model", "world,flat", *SKILLS)
    assert [model for model, _, _ in jobs(ended)] == ["ear", "eye", "both", "flat"]
    assert ended.document()["notes"] == ["left out of the suite: towers (skills/eighty needs a method `generate`)"]
    text = call(*RUN, "--dry-run", "--model", "world", *SKILLS).out
    assert text.startswith("left out of the suite: towers")


def test_a_pair_that_was_named_is_never_left_out(call: Call) -> None:
    wrong = (*RUN, "--dry-run", "--model", "world,flat", "--tasks", "vectors/four")
    call(*wrong).refused(2, "flat × vectors/four: vectors/four needs a method `embed`", "--skip-incompatible")
    assert call(*wrong, "--skip-incompatible").out.count("n/a") == 1


def test_a_named_model_that_can_do_nothing_of_a_suite_is_an_error(call: Call) -> None:
    only = ("--suite", "small", "--model", "nothing")
    Path("nothing.py").write_text("class Chooses:\n    def choose(self, requests): ...\n", encoding="utf-8")
    assert call(*RUN, "--dry-run", *only).code == 0, "closed answers can be chosen"
    Path("mmbench.toml").write_text('[models.e]\nmodel = "towers"\n', encoding="utf-8")
    wrong = (*RUN, "--dry-run", "--suite", "small", "--model", "e", *SKILLS)
    call(*wrong).refused(2, "e × skills/eighty")


def test_a_suite_of_which_nothing_fits_is_an_error(call: Call) -> None:
    Path("open_task.py").write_text(
        "from world_plugins import Vectors\nfrom dataclasses import replace\n"
        "class Speaks(Vectors):\n    info = replace(Vectors.info, request_kinds=frozenset({'choose'}))\ntask = Speaks()\n",
        encoding="utf-8",
    )
    ended = call(*RUN, "--dry-run", "--model", "world", "--tasks", "open_task.py")
    ended.refused(2, "these models cannot answer these tasks", "ear × vectors/four", "towers × vectors/four")
    assert "--skip-incompatible" not in ended.err, "it would not help"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (SKILLS, ["no model given: --model or --suite is needed"]),
        (("--model", "eye"), ["no tasks given", "--suite"]),
        (("--suite", "world"), ["no tasks given: suite 'world' names models alone; add --tasks"]),
        (("--suite", "smal"), ["unknown suite 'smal'. Did you mean 'small'? See: mmbench list suites"]),
        (("--suite", "broken"), ["suite 'broken' (world==1.0) is a tuple; expected a Suite"]),
        (("--model", "wrld", *SKILLS), ["unknown model 'wrld'. Did you mean 'world'?"]),
        (("--model", "eye", *SKILLS, "--seeds", "0"), ["--seeds 0: expected a whole number, at least 1"]),
        (("--model", "eye", *SKILLS, "--seeds", "many"), ["--seeds 'many': expected a whole number"]),
        (("--model", "eye", *SKILLS, "--solved", "95"), ["--solved 95: expected a number at least 0 and at most 1"]),
    ],
)
def test_what_is_missing_or_wrong_is_said(call: Call, arguments: tuple[str, ...], words: list[str]) -> None:
    call(*RUN, *arguments).refused(2, *words)
    assert not Path("runs").exists()


def test_a_suite_may_stand_in_the_configuration(call: Call) -> None:
    Path("mmbench.toml").write_text('[run]\nsuite = "small"\nseeds = 2\n', encoding="utf-8")
    assert len(jobs(call(*RUN, "--dry-run", "--json"))) == 8


# --- seeds ---


def test_every_seed_is_a_run_of_its_own_model_by_model(call: Call) -> None:
    ended = call(*RUN, "--model", "both,eye", *SKILLS, "--seed", "1", "--seeds", "2", "--json")
    assert ended.code == 0, ended.err
    document = ended.document()
    assert len(set(document["runs"])) == 4
    assert [(row["model"], row["seed"], row["value"]) for row in document["metrics"]] == [
        ("both", 1, 0.75), ("both", 2, 0.25), ("eye", 1, 0.5), ("eye", 2, 0.5),
    ]  # fmt: skip
    both, eye = document["seeds"]
    assert (both["model"], both["value"], both["min"], both["max"]) == ("both", 0.5, 0.25, 0.75)
    assert (both["seeds"], both["values"], both["solve_rate"]) == ([1, 2], [0.75, 0.25], 0.0)
    assert (both["n"], both["n_failed"], both["coverage"]) == (160, 0, 1.0)
    assert eye["model"] == "eye"
    assert "both (seed 1): world_plugins:Both" in ended.err


@pytest.mark.slow
def test_seeds_can_be_added_later_and_none_is_run_twice(call: Call) -> None:
    first = call(*RUN, "--model", "both", *SKILLS, "--json").document()
    assert first["seeds"] == []
    ended = call(*RUN, "--model", "both", *SKILLS, "--seeds", "3", "--json")
    assert ended.err.count("nothing left to ask") == 1
    assert ended.document()["runs"][0] == first["runs"][0]


def test_the_table_shows_the_mean_every_seed_and_how_many_solved_it(call: Call) -> None:
    ended = call(*RUN, "--model", "both", *SKILLS, "--seeds", "3", "--solved", "0.7")
    for word in ("66.7", "100.0 75.0 25.0", "25.0–100.0", "2/3", "3 × 80", "70.0 or above (--solved 0.7)"):
        assert word in ended.out
    assert "95 % interval" not in ended.out.rpartition("\n model ")[2]


@pytest.mark.slow
def test_more_than_three_models_are_compared_in_a_table_a_task(call: Call) -> None:
    ended = call(*RUN, "--suite", "small", "--model", "ear,eye,both,towers")
    assert "skills/eighty: 80 samples of test" in ended.out
    assert "vectors/four: 4 samples of test" in ended.out
    assert "coverage" not in ended.out.partition("samples of test")[2]
    many = call(*RUN, "--suite", "small", "--seeds", "2")
    assert many.err.count("\n  mmbench show ") == 6
    assert "… and 2 more in runs" in many.err


@pytest.mark.slow
def test_the_same_from_python(tmp_path: Path) -> None:
    result = mmbench.run(suite="small", seeds=2, out=tmp_path / "runs", progress=False, solved=0.7)
    assert len(result.paths) == 8
    assert [model.label for model in result.models] == ["ear", "eye", "both", "towers"]
    assert [(row.seed, row.value) for row in result.rows() if row.model == "both"] == [(0, 1.0), (1, 0.75)]
    (both,) = [row for row in result.over_seeds if row.model == "both"]
    assert (both.value, both.values, both.solve_rate) == (0.875, (1.0, 0.75), 1.0)
    assert mmbench.run("both", "skills/eighty", out=tmp_path / "runs", progress=False).over_seeds == []
    with pytest.raises(UsageError, match="--model or --suite is needed"):
        mmbench.run(tasks="skills/eighty", out=tmp_path / "runs")


def test_models_and_seeds_share_the_samples_of_a_task(tmp_path: Path) -> None:
    plan = make_plan("ear,eye,both", "skills/eighty", tmp_path, {"seeds": 4})
    assert len(plan.jobs) == 12
    assert len({id(job.plans[0].samples) for job in plan.jobs}) == 1
    assert [job.plans[0].seed for job in plan.jobs] == [0, 1, 2, 3] * 3


def test_the_folder_of_checkpoints_reaches_the_run(call: Call, tmp_path: Path) -> None:
    ended = call(*RUN, "--model", "eye", *SKILLS, "--checkpoints", "kept")
    assert ended.code == 0
    (job,) = make_plan("eye", "skills/eighty", tmp_path, {"checkpoints": tmp_path / "kept"}).jobs
    assert job.spec.checkpoints == str(tmp_path / "kept")
    usual = make_plan("eye", "skills/eighty", tmp_path, {}).jobs[0].spec.checkpoints
    assert usual == str(Path("results/checkpoints").absolute())
    same = make_plan("eye", "skills/eighty", tmp_path, {"checkpoints": "elsewhere"}).jobs[0]
    assert same.identity == job.identity, "where it is kept changes no answer"


def test_speed_is_told_by_seed(call: Call) -> None:
    arguments = ("run", "--out", "runs", "--model", "eye", *SKILLS, "--seeds", "2", "--batch-size", "2", "--json")
    perf = call(*arguments).document()["perf"]
    assert [(row["model"], row["seed"]) for row in perf] == [("eye", 0), ("eye", 1)]
    assert {"scenario", "samples_per_s", "figures", "valid", "reasons", "identity"} <= set(perf[0])
    assert perf[0]["samples_per_s"] == perf[0]["figures"]["samples_per_s"]["value"]


# --- show ---


@pytest.mark.slow
def test_several_runs_are_shown_side_by_side(call: Call) -> None:
    call(*RUN, "--model", "eye,both", *SKILLS, "--seeds", "3")
    runs = sorted(Path("runs").iterdir())
    ended = call("show", *runs)
    assert ended.code == 0, ended.err
    assert "skills/eighty: 80 samples of test" in ended.out
    assert "100.0 75.0 25.0" in ended.out
    assert "1/3" in ended.out
    assert "2/3" in call("show", *runs, "--solved", "0.7").out
    markdown = call("show", *runs, runs[0], "--md")
    assert "| both | 66.7 | 100.0 75.0 25.0 | 1/3 |" in markdown.out
    assert call("show", *runs, "--md", "--task", "skills/eighty").out == markdown.out
    call("show", *runs, "--task", "skills/eigthy").refused(2, "Did you mean 'skills/eighty'?")
    call("show", *runs, "--sample", "0").refused(2, "--sample: name one run or task")
    call("show", *runs, "--solved", "2").refused(2, "--solved 2")
    call("show", *runs, "nowhere").refused(2, "there is no run 'nowhere'")


def test_one_run_as_markdown_is_its_report(call: Call) -> None:
    call(*RUN, "--model", "eye", *SKILLS)
    (run,) = Path("runs").iterdir()
    assert call("show", run, "--md").out == (run / "report.md").read_text(encoding="utf-8")
    call("show", "skills/eighty", "--md").refused(2, "there is no run 'skills/eighty'")


# --- list ---


def test_suites_are_listed_with_what_they_name(call: Call) -> None:
    ended = call("list", "suites")
    assert "models: ear, eye, both, towers" in ended.out
    assert "tasks: skills/eighty, vectors/four" in ended.out
    rows = {row["name"]: row for row in call("list", "suites", "--json").document()["suites"]}
    assert {"all-baselines", "tiny", "world", "small"} <= set(rows)
    assert rows["world"]["tasks"] == []
    assert rows["small"] == {
        "name": "small",
        "description": "Every model of the world on both of its tasks.",
        "models": ["ear", "eye", "both", "towers"],
        "tasks": ["skills/eighty", "vectors/four"],
        "from": "world==1.0",
        "broken": None,
    }
    assert "expected a Suite" in rows["broken"]["broken"]
    assert call("list", "suites", "--check").code == 2


def test_baselines_are_listed_with_formula_reference_parameters_and_additivity(call: Call) -> None:
    ended = call("list", "baselines")
    assert ended.code == 0
    for word in ("low-rank", "LMF (Liu et al. 2018)", "⊗", "not additive", "k·d·o + o", "dim ", "parameters"):
        assert word in ended.out
    rows = {row["name"]: row for row in call("list", "baselines", "--json").document()["baselines"]}
    assert rows["late"]["additive"] is True
    assert rows["concat"]["additive"] is False
    assert rows["concat"]["sizes"].keys() == {"dim", "vocabulary", "classes"}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def rows(): 1 / 0", "cannot be listed: ZeroDivisionError"),
        ("def rows(): return [object()]", "expected dataclasses with name, formula"),
        ("rows = None", "cannot be listed: TypeError"),
        ("import nothing_of_this_name", "ModuleNotFoundError"),
    ],
)
def test_broken_baselines_of_a_stranger_do_not_hide_ours(call: Call, strangers: Path, source: str, said: str) -> None:
    info = strangers / "cards-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cards\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[mmbench.baselines]\ncards = broken_cards:rows\n", encoding="utf-8")
    (strangers / "broken_cards.py").write_text(source + "\n", encoding="utf-8")
    sys.modules.pop("broken_cards", None)
    registry.plugins.cache_clear()
    ended = call("list", "baselines")
    assert "low-rank" in ended.out
    rows = {row["name"]: row for row in call("list", "baselines", "--json").document()["baselines"]}
    assert said in rows["cards"]["broken"]
    assert call("list", "baselines", "--check").code == 2


@pytest.mark.slow
@pytest.mark.parametrize("what", ["baselines", "suites"])
def test_listing_them_loads_no_heavy_library(what: str) -> None:
    code = (
        "import sys\nfrom mmbench.cli.main import main\n"
        f"assert main(['list', {what!r}]) == 0\n"
        "print(sorted({'PIL', 'numpy', 'pandas', 'torch', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_file_with_the_name_of_a_suite_is_not_passed_over(call: Call, tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text("class S:\n    def generate(self, requests): return ['a' for _ in requests]\n")
    call(*RUN, "--dry-run", "--model", "small", *SKILLS).refused(2, "'small' is a suite", "--model small.py")
    assert call(*RUN, "--dry-run", "--model", "small.py", *SKILLS).code == 0
    assert call(*RUN, "--dry-run", "--suite", "small").code == 0
