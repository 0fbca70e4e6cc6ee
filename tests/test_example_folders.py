"""Every example folder is copied out of the checkout and run as its README says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the examples, with the `mmbench` of this environment on the PATH."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    binaries = tmp_path / "bin"
    binaries.mkdir()
    script = binaries / "mmbench"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mmbench "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{binaries}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "examples"


def run(folder, *command, **environment):
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_the_own_model_beats_the_blind_prior(folder):
    command = ("mmbench", "run", "--model", "mymodel", "--tasks", "vqa/easy-vqa", "--limit", "500", "--json", "-q")
    done = run(folder / "own_model", *command)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["metrics"]
    assert row["low"] > row["prior"]


def test_the_own_data_are_read_with_their_images_and_choices(folder):
    made = run(folder / "own_data", sys.executable, "make_data.py")
    assert made.returncode == 0, made.stderr
    command = ("mmbench", "run", "--model", "random,oracle", "--tasks", "vqa", "--data", "questions.jsonl")
    done = run(folder / "own_data", *command, "--json", "-q")
    assert done.returncode == 0, done.stderr
    rows = {row["model"]: row for row in json.loads(done.stdout)["metrics"]}
    assert rows["oracle"]["value"] == 1.0
    assert rows["random"]["n"] == 80
    assert rows["random"]["chance"] == pytest.approx((1 / 4 + 1 / 2) / 2)
    assert rows["random"]["n_clusters"] == 4  # the images of one colour are equal, so they are one cluster


def test_the_array_job_asks_shards_that_merge(folder):
    script = str(folder / "slurm" / "shards.sbatch")
    for number in "12":
        array = {"SLURM_ARRAY_TASK_ID": number, "SLURM_ARRAY_TASK_COUNT": "2"}
        asked = run(folder, "bash", script, "random", "vqa", "--limit", "128", "-q", **array)
        assert asked.returncode == 0, asked.stderr
    merged = run(folder, "mmbench", "merge", "random", "--json", "-q")
    assert merged.returncode == 0, merged.stderr
    assert {row["n"] for row in json.loads(merged.stdout)["metrics"] if row["id"] == "accuracy"} == {128}
    assert run(folder, "bash", script).returncode == 2


def test_the_gate_script_saves_a_baseline_and_then_holds_the_model_against_it(folder):
    model = str(folder / "own_model" / "mymodel.py")
    gate = str(folder / "ci_gate" / "gate.sh")
    first = run(folder / "ci_gate", gate, model, LIMIT="300")
    assert first.returncode == 0, first.stderr
    assert (folder / "ci_gate" / "baseline.json").is_file()
    again = run(folder / "ci_gate", gate, model, LIMIT="300")
    assert again.returncode == 0, again.stdout + again.stderr
    worse = folder / "own_model" / "worse.py"
    worse.write_text((folder / "own_model" / "mymodel.py").read_text().replace("return colour if", "return 'no' if"))
    worse.write_text(worse.read_text().replace('return "yes" if', 'return "no" if'))
    failed = run(folder / "ci_gate", gate, str(worse), LIMIT="300")
    assert failed.returncode == 1, failed.stdout + failed.stderr


@pytest.fixture
def plugin(folder, tmp_path, monkeypatch):
    """The plug-in, installed as a third party's would be: a wheel of its own in a folder on the path."""
    place = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = run(folder, *command, "--target", str(place), str(folder / "plugin"))
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("PYTHONPATH", f"{place}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    work = tmp_path / "work"
    work.mkdir()
    return work


def rows(done):
    return {(row["model"], row["id"]): row for row in json.loads(done.stdout)["metrics"]}


def test_the_plugin_is_listed_and_keeps_its_promises(plugin):
    for kind, name in (
        ("tasks", "sheets"),
        ("tasks", "vqa/sheets"),
        ("models", "darkness"),
        ("metrics", "somers_d"),
        ("extractors", "last-word"),
    ):
        listed = run(plugin, "mmbench", "list", kind, "--json")
        assert any(name in json.dumps(row) for row in json.loads(listed.stdout)[kind]), listed.stdout
    for arguments in (("sheets",), ("vqa/sheets",), ("darkness",)):
        checked = run(plugin, "mmbench", "check", *arguments)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    options = ("--model", "oracle", "--tasks", "vqa/sheets", "--task-args", "extractor=last-word", "--json", "-q")
    done = run(plugin, "mmbench", "run", *options)
    assert done.returncode == 0, done.stderr
    assert rows(done)["oracle", "accuracy"]["value"] == 1.0


def test_the_plugin_runs_and_its_metric_is_scored_compared_gated_rescored_and_reported(plugin):
    from scipy.stats import somersd

    command = ("mmbench", "run", "--tasks", "sheets,vqa/sheets", "--json", "-q")
    for threshold, name in (("0.35", "fine"), ("0.345", "coarse")):
        (plugin / "mmbench.toml").write_text(
            f'[models.{name}]\nmodel = "darkness"\nargs = {{ threshold = {threshold} }}\n', encoding="utf-8"
        )
        done = run(plugin, *command, "--model", name)
        assert done.returncode == 0, done.stderr
        value = rows(done)[name, "somers_d"]
        assert value["low"] < value["value"] < value["high"]
    shown = run(plugin, "mmbench", "run", "--model", "coarse", "--tasks", "sheets", "--json", "-q")
    answers = next((plugin / "results" / "runs").glob("coarse*")) / "tasks" / "sheets" / "responses.jsonl"
    scores = {}
    for line in answers.read_text().splitlines():
        entry = json.loads(line)
        scores[int(entry["id"].split("/")[-2].rpartition("-")[2])] = float(entry["output"])
    expected = somersd([number % 3 == 0 for number in scores], list(scores.values())).statistic
    assert rows(shown)["coarse", "somers_d"]["value"] == pytest.approx(expected)

    compared = run(plugin, "mmbench", "compare", "fine", "coarse", "--tasks", "sheets", "--json")
    assert compared.returncode == 0, compared.stderr
    assert run(plugin, "mmbench", "baseline", "save", "fine", "fine.json").returncode == 0
    gated = run(
        plugin,
        "mmbench",
        "gate",
        "coarse",
        "--baseline",
        "fine.json",
        "--require",
        "sheets:somers_d drop<8pt",
        "--only",
    )
    assert gated.returncode == 0, gated.stdout + gated.stderr
    assert run(plugin, "mmbench", "rescore", "fine").returncode == 0
    report = run(plugin, "mmbench", "report", "fine", "coarse", "--format", "txt")
    assert report.returncode == 0, report.stderr
    assert {"fine", "coarse"} <= set(report.stdout.split())
