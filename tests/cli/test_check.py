"""`mmbench check`: what a user types, what is printed, and the exit code."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mmbench.cli.main import main

pytestmark = pytest.mark.slow

MODEL = """
class Model:
    def __init__(self, text="yes", outputs=None):
        self.text = text
        self.outputs = outputs

    def generate(self, requests):
        print("thinking")
        return [self.text for _ in requests][: self.outputs]
"""

TASK = """
from mmbench.testing import ProbeTask

class Mine(ProbeTask):
    pass

class Broken(ProbeTask):
    def fingerprint(self):
        return ""

class NoInfo(ProbeTask):
    @property
    def info(self):
        raise RuntimeError("not written yet")

task = Mine()
model = None
del model
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "checked_model.py").write_text(MODEL, encoding="utf-8")
    (tmp_path / "checked_task.py").write_text(TASK, encoding="utf-8")
    yield tmp_path
    for name in ("checked_model", "checked_task", "both"):
        sys.modules.pop(name, None)


def check(*arguments: str) -> int:
    return main(["check", *arguments])


@pytest.mark.parametrize(
    ("plugin", "kind", "name"),
    [
        ("vqa/easy-vqa", "task", "vqa/easy-vqa"),
        ("vqa", "task", "vqa/scenes"),
        ("retrieval", "task", "retrieval/scenes"),
        ("random", "model", "random"),
        ("checked_model.py", "model", "checked_model.py"),
        ("checked_model", "model", "checked_model.py"),
        ("checked_model.py:Model", "model", "checked_model.py:Model"),
        ("checked_task.py", "task", "probe/generate"),
        ("checked_task", "task", "probe/generate"),
        ("checked_task.py:task", "task", "probe/generate"),
        ("checked_task.py:Mine", "task", "probe/generate"),
        ("mmbench.models.controls:Constant", "model", "mmbench.models.controls:Constant"),
        ("vqa/easy-vqa:accuracy", "metric", "accuracy"),
        ("vqa:accuracy", "metric", "accuracy"),
        ("checked_task.py:accuracy", "metric", "accuracy"),
        ("checked_task.py:task:accuracy", "metric", "accuracy"),
    ],
)
def test_what_keeps_its_promises_ends_with_0(plugin: str, kind: str, name: str, capsys: Any) -> None:
    assert check(plugin) == 0
    first, *rest, last = capsys.readouterr().out.splitlines()
    assert first == f"{kind} {name}"
    assert {line.split()[0] for line in rest} <= {"pass", "skip", "note"}
    assert f"{sum(line.startswith('pass') for line in rest)} passed" in last
    assert "failed" not in last


def test_a_failure_ends_with_4_and_says_what_to_do(capsys: Any) -> None:
    assert check("checked_task.py:Broken") == 4
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")]
    assert "fingerprint" in line
    assert "To do:" in line


def test_a_task_whose_info_raises_is_reported_not_a_crash(capsys: Any) -> None:
    assert check("checked_task.py:NoInfo") == 4
    assert "not written yet (checked_task.py, line " in capsys.readouterr().out


def test_options_of_the_model(capsys: Any) -> None:
    assert check("checked_model.py", "--model-args", "outputs=1") == 4
    assert "1 outputs for 2 requests" in capsys.readouterr().out


def test_json_is_one_document_whatever_the_plug_in_prints(capsys: Any) -> None:
    assert check("checked_model.py", "--model-args", "outputs=1", "--json") == 4
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["ok"] is False
    (report,) = document["reports"]
    assert (report["kind"], report["name"], report["ok"]) == ("model", "checked_model.py", False)
    failed = [item for item in report["checks"] if item["status"] == "fail"]
    assert [item["name"] for item in failed] == ["generate: batches"]
    assert set(failed[0]) == {"name", "status", "detail", "advice"}
    assert "thinking" in said.err


def test_a_file_with_a_task_and_a_model_checks_both(folder: Path, capsys: Any) -> None:
    (folder / "both.py").write_text(f"{TASK}\n{MODEL}\nmodel = Model()\n", encoding="utf-8")
    assert check("both.py", "--json") == 0
    reports = json.loads(capsys.readouterr().out)["reports"]
    assert [report["kind"] for report in reports] == ["task", "model"]


def test_a_model_on_a_task(folder: Path, capsys: Any) -> None:
    assert check("checked_model.py", "--task", "checked_task.py:task") == 0
    assert "generate: alone" in capsys.readouterr().out


def test_an_alias(folder: Path, capsys: Any) -> None:
    (folder / "mmbench.toml").write_text('[models.shy]\nmodel = "checked_model.py"\nargs = {outputs = 0}\n')
    assert check("shy") == 4
    assert capsys.readouterr().out.startswith("model shy\n")


def test_your_own_data(folder: Path, capsys: Any) -> None:
    rows = [{"image": None, "question": f"What is {n} + {n}?", "answer": str(2 * n)} for n in range(8)]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert check("vqa", "--data", "sums.jsonl") == 0
    assert capsys.readouterr().out.startswith("task vqa/sums\n")


def test_the_default_of_the_limit_is_a_key_of_the_configuration(folder: Path, capsys: Any) -> None:
    (folder / "mmbench.toml").write_text("[check]\nlimit = 4\n")
    assert check("checked_task.py:task") == 0
    assert "4 requests" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["vqa/esy-vqa"], "'vqa/easy-vqa'"),
        (["rnadom"], "'random'"),
        (["easy-vqa"], "'vqa/easy-vqa'"),
        (["checked_modle.py"], "'checked_model.py'"),
        (["checked_model.py:Modle"], "'Model'"),
        (["checked_task.py:accuracy@5"], "'accuracy'"),
        (["vqa/easy-vqa:acuracy"], "'accuracy'"),
        (["recall@5(direction=t2i)"], 'mmbench check "TASK:recall@5(direction=t2i)"'),
        (["no.such.module:Model"], "no.such.module:Model"),
        (["replay"], "--model-args file=…"),
        (["random", "--model-args", "dmi=3"], "'dim'"),
        (["random", "--data", "x.jsonl"], "--task T"),
        (["vqa", "--model-args", "dim=3"], "is a task"),
        (["vqa", "--data", "missing.jsonl"], "missing.jsonl"),
        (["random", "--task", "nothing"], "nothing"),
        (["checked_model.py:MODEL_TEXT"], "MODEL_TEXT"),
        (["vqa", "--limit", "0"], "--limit"),
        ([], "PLUGIN"),
    ],
)
def test_bad_usage_ends_with_2_and_a_hint(arguments: list[str], said: str, capsys: Any) -> None:
    assert check(*arguments) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


def test_what_is_neither_task_nor_model_nor_metric(folder: Path, capsys: Any) -> None:
    (folder / "both.py").write_text("thing = 3\n")
    assert check("both.py:thing") == 2
    assert "int" in capsys.readouterr().err


def test_a_file_that_cannot_be_imported(folder: Path, capsys: Any) -> None:
    (folder / "both.py").write_text("import no_such_module_at_all\n")
    assert check("both.py") == 2
    assert "no_such_module_at_all" in capsys.readouterr().err


def test_help_has_examples(capsys: Any) -> None:
    assert check("--help") == 0
    assert "mmbench check vqa/easy-vqa" in capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from mmbench.cli.main import main; main(['check', '--help']); "
        "sys.exit(bool({'numpy', 'PIL', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_installed_command(folder: Path) -> None:
    program = Path(sys.executable).with_name("mmbench")
    if not shutil.which(str(program)):
        pytest.skip("the command is not installed beside this Python")
    done = subprocess.run([program, "check", "checked_task.py:Mine"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass  fresh process" in done.stdout
