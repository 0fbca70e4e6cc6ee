"""What the documents show is run for real: the model in ten lines, the task in thirty, the fields of every record."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mmbench.gating.rules import parse_requirement, rules_of_table

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def block(page, containing):
    """The fenced Python block of a page that contains a text."""
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    (found,) = [text for text in blocks if containing in text]
    return found


def mmbench(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "mmbench", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_the_python_call_of_the_readme_returns_a_value(tmp_path):
    shutil.copy(ROOT / "examples" / "own_model" / "mymodel.py", tmp_path)
    (tmp_path / "call.py").write_text(block(ROOT / "README.md", "mmbench.run("))
    done = subprocess.run(
        [sys.executable, "call.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    value, path = done.stdout.split()
    assert 0 < float(value) <= 1
    assert (tmp_path / path / "report.md").is_file()


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


@pytest.mark.slow
def test_the_methods_of_the_model_page_answer_a_run(tmp_path):
    (tmp_path / "mymodel.py").write_text(block(ROOT / "docs/how-to/own-model.md", "class MyModel"))
    done = mmbench(tmp_path, "run", "--model", "mymodel", "--tasks", "vqa,retrieval", "--limit", "20", "-q")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_learner_of_the_model_page_learns_and_is_evaluated_by_the_command_it_prints(tmp_path):
    (tmp_path / "learner.py").write_text(block(ROOT / "docs/how-to/own-model.md", "class Learner"))
    trained = mmbench(tmp_path, "train", "learner", "--task", "vqa", "--json", "-q")
    assert trained.returncode == 0, trained.stderr
    document = json.loads(trained.stdout)
    assert 0.3 < document["trained"][0]["learned"]["val"]["accuracy"] < 0.6  # it does not look at the picture
    done = mmbench(tmp_path, *document["evaluate"].split()[1:], "--limit", "40", "-q")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_task_of_the_task_page_passes_the_kit_and_runs(tmp_path):
    (tmp_path / "parity.py").write_text(block(ROOT / "docs/how-to/add-a-task.md", "class Parity"))
    checked = mmbench(tmp_path, "check", "parity.py:Parity")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = mmbench(tmp_path, "run", "--model", "random,oracle", "--tasks", "parity.py:Parity", "--json", "-q")
    assert done.returncode == 0, done.stderr
    values = {row["model"]: row["value"] for row in json.loads(done.stdout)["metrics"]}
    assert values["oracle"] == 1.0
    assert 0.3 < values["random"] < 0.7


@pytest.mark.slow
@pytest.mark.parametrize(
    ("block", "family", "picture", "n"), [(0, "vqa", "kitchen.jpg", 2), (1, "sentiment", "u1.jpg", 1)]
)
def test_the_files_of_the_data_page_are_read(tmp_path, block, family, picture, n):
    from PIL import Image

    page = (ROOT / "docs/how-to/own-data.md").read_text(encoding="utf-8")
    lines = re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL)[block]
    (tmp_path / "my.jsonl").write_text(lines)
    Image.new("RGB", (4, 4)).save(tmp_path / picture)
    done = mmbench(tmp_path, "run", "--model", "oracle", "--tasks", family, "--data", "my.jsonl", "--json", "-q")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["metrics"]
    assert {(row["task"], row["n"]) for row in rows} == {(f"{family}/my", n)}
    assert {row["value"] for row in rows} <= {0.0, 1.0, None}
    assert rows[0]["value"] == (0.0 if rows[0]["id"] == "mae" else 1.0)


def test_the_generated_pages_are_up_to_date():
    generator = runpy.run_path(str(ROOT / "docs/reference/generate.py"))
    assert len(generator["PAGES"]) >= 3
    for page in generator["PAGES"]:
        assert generator["render"](page) == page.read_text(encoding="utf-8")


def test_the_rules_of_the_ci_page_are_read_and_its_shell_example_ends_with_the_codes_it_names(tmp_path):
    page = (ROOT / "docs/how-to/ci.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    rules = rules_of_table(tomllib.loads(text)["gate"]["rule"], "mmbench.toml")
    assert [rule.policy for rule in rules] == ["regression", "absolute", "absolute"]
    typed = [text.replace("T:M", "a/b:accuracy") for text in re.findall(r'`"(T:M [^"]*)"`', page)]
    assert len([parse_requirement(text) for text in typed]) == 5
    (script,) = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", page, flags=re.DOTALL)
    for code, ends in ((0, 0), (1, 1), (3, 3), (2, 3)):
        (tmp_path / "mmbench").write_text(f'#!/bin/sh\n[ "$1" = run ] && exit 0\nexit {code}\n')
        (tmp_path / "mmbench").chmod(0o755)
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        assert (
            subprocess.run(["sh", "-c", script], env={"PATH": path}, capture_output=True, check=False).returncode
            == ends
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing
