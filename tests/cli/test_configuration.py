"""Defaults from ``mmbench.toml`` and from environment variables, under the names that stand in ``--help``."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click
import pytest
from helpers import Ended, write_model, write_questions

from mmbench.cli.main import COMMANDS
from mmbench.resolve.config import load_config

DRY = ("run", "--dry-run", "--json")


@pytest.fixture(autouse=True)
def _data(tmp_path: Path) -> None:
    write_questions(tmp_path, 12)


def configure(folder: Path, text: str) -> None:
    (folder / "mmbench.toml").write_text(text, encoding="utf-8")


def test_options_have_defaults_in_the_file_under_their_own_names(call: Callable[..., Ended], tmp_path: Path) -> None:
    text = '[run]\nmodel = "random"\ntasks = ["vqa"]\ndata = "mine.jsonl"\nlimit = 5\nbatch-size = 3\njson = true\n'
    configure(tmp_path, text)
    ended = call("run", "--dry-run")
    assert ended.code == 0, ended.err
    (job,) = ended.document()["plan"]
    assert job["model"] == "random"
    assert (job["tasks"][0]["samples"], job["tasks"][0]["batch_size"]) == (5, 3)


def test_underscores_serve_as_well_and_the_command_line_wins(call: Callable[..., Ended], tmp_path: Path) -> None:
    configure(tmp_path, '[run]\nmodel = ["random"]\ntasks = "vqa"\ndata = ["mine.jsonl"]\nbatch_size = 3\n')
    (job,) = call(*DRY, "--batch-size", "4", "--model", "constant").document()["plan"]
    assert (job["model"], job["tasks"][0]["batch_size"]) == ("constant", 4)


def test_options_are_environment_variables_under_their_own_names(call: Callable[..., Ended], tmp_path: Path) -> None:
    configure(tmp_path, "[run]\nlimit = 7\nbatch-size = 7\n")
    ended = call(
        "run",
        "--dry-run",
        "--batch-size",
        "2",
        MMBENCH_RUN_MODEL="random,constant",
        MMBENCH_RUN_TASKS="vqa",
        MMBENCH_RUN_DATA="mine.jsonl",
        MMBENCH_RUN_LIMIT="3",
        MMBENCH_RUN_BATCH_SIZE="9",
        MMBENCH_RUN_JSON="1",
    )
    assert ended.code == 0, ended.err
    jobs = ended.document()["plan"]
    assert [job["model"] for job in jobs] == ["random", "constant"]
    task = jobs[0]["tasks"][0]
    assert (task["samples"], task["batch_size"]) == (3, 2), "command line before environment before file"


def test_every_option_of_every_command_has_its_variable(call: Callable[..., Ended]) -> None:
    for name in COMMANDS:
        call(name, "--help")
        command: click.Command = import_module(f"mmbench.cli.{name}").command
        for option in command.params:
            if isinstance(option, click.Option):
                shown = max(option.opts, key=len).lstrip("-").replace("-", "_").upper()
                assert f"MMBENCH_{name.upper()}_{shown}" in option.envvar


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[run]\nlimt = 3\n", ["unknown key of [run] in mmbench.toml: 'limt'. Did you mean 'limit'"]),
        ("[run]\nbatchsize = 3\n", ["Did you mean 'batch-size'"]),
        ("[rum]\nlimit = 3\n", ["unknown table of mmbench.toml: 'rum'. Did you mean 'run'"]),
        ("limit = 3\n", ["unknown table of mmbench.toml: 'limit'"]),
        ("[run\n", ["mmbench.toml cannot be read"]),
        ("[run]\nlimit = 'many'\n", ["mmbench.toml: [run] limit 'many': expected a whole number, at least 1"]),
        ("[run]\nlimit = '3'\n", ["[run] limit 3: expected a whole number"]),
        ("[run]\nlimit = 2.5\n", ["[run] limit 2.5: expected a whole number"]),
        ("[run]\nlimit = 0\n", ["[run] limit 0: expected a whole number, at least 1"]),
        ("[run]\njson = 'yes'\n", ["[run] json 'yes': expected true or false"]),
        ("[run]\nmodel = ['random', 3]\n", ["[run] model ['random', 3]: expected names"]),
        ("[run]\nperf = 'of'\n", ["[run] perf 'of': expected quick or full or off"]),
        (
            "[run]\nworkers = 2\n",
            ["key of [run] in mmbench.toml: 'workers' has another meaning by now", "'loader-threads'"],
        ),
        ("[train]\nworkers = 2\n", ["unknown key of [train] in mmbench.toml: 'workers'"]),
        ("[gate.plan]\nrules = 'x'\n", ["[gate.plan] rules 'x': expected a whole number, at least 1"]),
        ("[gate]\nplan = 'x'\n", ["write a table, [gate.plan]"]),
        ("[models.a]\nmodl = 'random'\n", ['[models.a] needs model = "…"']),
        ("[models.a]\nmodel = 'random'\nargz = {}\n", ["unknown key of [models.a] in mmbench.toml: 'argz'", "'args'"]),
        ("[models.a]\nmodel = 'random'\nargs = 'dim=3'\n", ["'args' of [models.a] must be a table"]),
        ("models = 3\n", ["'models' must be a table"]),
    ],
)
def test_a_wrong_file_is_refused_with_the_nearest_key(
    call: Callable[..., Ended], tmp_path: Path, text: str, words: list[str]
) -> None:
    configure(tmp_path, text)
    call("run", "--model", "random", "--tasks", "vqa", "--data", "mine.jsonl", "--dry-run").refused(2, *words)


def test_tables_and_both_spellings_serve_in_the_file(call: Callable[..., Ended], tmp_path: Path) -> None:
    text = (
        '[run]\nmodel = "constant"\ntask = "vqa"\ndata = { vqa = "mine.jsonl" }\nmodel-args = { text = "red, blue" }\n'
    )
    configure(tmp_path, text)
    ended = call("run", "-q", "--json")
    assert ended.code == 0, ended.err
    run = json.loads((tmp_path / ended.document()["runs"][0] / "run.json").read_text(encoding="utf-8"))
    assert run["model"]["options"] == {"text": "red, blue"}
    assert run["spec"]["data"] == [{"path": "mine.jsonl", "name": "vqa", "fields": {}, "download": False}]


def test_a_shared_option_has_one_variable_for_all_commands(call: Callable[..., Ended]) -> None:
    given = {"MMBENCH_TASK": "vqa", "MMBENCH_DATA": "mine.jsonl", "MMBENCH_LIMIT": "3", "MMBENCH_RUN_LIMIT": "5"}
    (job,) = call(*DRY, "--model", "random", **given).document()["plan"]
    assert job["tasks"][0]["samples"] == 5, "that of the command wins"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MMBENCH_LIMIT", "many", "MMBENCH_LIMIT 'many': expected a whole number, at least 1"),
        ("MMBENCH_RUN_QUIET", "perhaps", "MMBENCH_RUN_QUIET 'perhaps': expected true or false"),
        ("MMBENCH_LIMT", "3", "unknown environment variable 'MMBENCH_LIMT'. Did you mean 'MMBENCH_LIMIT'"),
        ("MMBENCH_RUN_BATCHSIZE", "3", "Did you mean 'MMBENCH_RUN_BATCH_SIZE'"),
        ("MMBENCH_WORKERS", "3", "environment variable MMBENCH_WORKERS: 'workers' has another meaning by now"),
        ("MMBENCH_RUN_WORKERS", "3", "environment variable MMBENCH_RUN_WORKERS: 'workers' has another meaning by now"),
    ],
)
def test_a_wrong_variable_is_refused(call: Callable[..., Ended], variable: str, value: str, words: str) -> None:
    call(*DRY, "--model", "random", "--task", "vqa", "--data", "mine.jsonl", **{variable: value}).refused(2, words)


def test_variables_of_other_commands_and_programs_are_left_alone(call: Callable[..., Ended]) -> None:
    given = {"MMBENCH_TRAIN_SEEDS": "x", "MMBENCH_MAX_IMAGE_PIXELS": "1000", "MMBENCH_MYPLUGIN_FOLDER": "x"}
    assert call(*DRY, "--model", "random", "--tasks", "vqa", "--data", "mine.jsonl", **given).code == 0


def test_a_name_that_has_another_meaning_by_now_is_taken_where_that_is_clear(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    configure(tmp_path, "[run]\nworkers = 2\nloader-threads = 1\n")
    given = ("--model", "random", "--tasks", "vqa", "--data", "mine.jsonl")
    assert call(*DRY, *given).code == 0
    (tmp_path / "mmbench.toml").unlink()
    assert call(*DRY, *given, "--workers", "2").code == 0
    assert call(*DRY, *given, MMBENCH_WORKERS="2", MMBENCH_RUN_LOADER_THREADS="1").code == 0
    call("train", "concat", "--workers", "3").refused(2, "No such option")


def test_an_alias_is_a_model_with_its_options(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_model(
        tmp_path, "class M:\n    def __init__(self, depth=1, name='x'): ...\n    def generate(self, requests): ...\n"
    )
    configure(tmp_path, '[models.deep]\nmodel = "mymodel"\nargs = { depth = 4 }\n')
    arguments = ["--tasks", "vqa", "--data", "mine.jsonl"]
    (job,) = call(*DRY, "--model", "deep", *arguments).document()["plan"]
    assert (job["model"], job["reference"]) == ("deep", "mymodel.py:M")
    call(*DRY, "--model", "dep", *arguments).refused(2, "unknown model 'dep'. Did you mean 'deep'?")
    call(*DRY, "--model", "deep", "--model-args", "dpth=3", *arguments).refused(2, "Did you mean 'depth'")


def test_no_file_is_an_empty_configuration(tmp_path: Path) -> None:
    assert load_config(tmp_path).aliases == {}
    assert load_config(tmp_path).command_defaults({}) == {}
