"""Every example folder is copied out of the checkout and run as its README says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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
