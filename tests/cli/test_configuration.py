"""Defaults from ``mmbench.toml`` and from environment variables, under the names that stand in ``--help``."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click
import pytest
from helpers import Ended, write_model, write_questions
from hypothesis import given
from hypothesis import strategies as st

from mmbench.cli.main import COMMANDS
from mmbench.cli.values import batch_size, key_values
from mmbench.core import UsageError
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
                assert option.envvar == f"MMBENCH_{name.upper()}_{shown}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[run]\nlimt = 3\n", ["unknown key of [run] in mmbench.toml: 'limt'. Did you mean 'limit'"]),
        ("[run]\nbatchsize = 3\n", ["Did you mean 'batch-size'"]),
        ("[rum]\nlimit = 3\n", ["unknown table of mmbench.toml: 'rum'. Did you mean 'run'"]),
        ("limit = 3\n", ["unknown table of mmbench.toml: 'limit'"]),
        ("[run\n", ["mmbench.toml cannot be read"]),
        ("[run]\nlimit = 'many'\n", ["'many' is not a valid integer"]),
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


# --- values ---


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ([], {}),
        (["depth=4,name=small", "fast=true"], {"depth": 4, "name": "small", "fast": True}),
        (["a=1", "a=2"], {"a": 2}),
        (["prompt=one, two, three"], {"prompt": "one, two, three"}),
        (["sizes=[1,2,3],x=null"], {"sizes": [1, 2, 3], "x": None}),
        (["path=C:\\data", "eq=a=b"], {"path": "C:\\data", "eq": "a=b"}),
        (["empty="], {"empty": ""}),
        (['text="5"'], {"text": "5"}),
        (["big=1e999", "nan=NaN", "inf=-Infinity"], {"big": "1e999", "nan": "NaN", "inf": "-Infinity"}),
        ([" spaced = 3 "], {"spaced": 3}),
    ],
)
def test_key_values(texts: list[str], found: dict[str, object]) -> None:
    assert key_values("--model-args", texts) == found


@pytest.mark.parametrize("text", ["depth", "=4", " =4", ""])
def test_a_key_without_a_value_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--model-args .*: expected K=V"):
        key_values("--model-args", [text])


keys = st.from_regex(r"[a-z_]{1,8}", fullmatch=True)


@given(st.dictionaries(keys, st.integers() | st.booleans() | st.none() | st.from_regex(r"[a-z ]{1,9}", fullmatch=True)))
def test_key_values_give_back_what_was_written(values: dict[str, object]) -> None:
    import json

    text = ",".join(f"{key}={json.dumps(value)}" for key, value in values.items())
    assert key_values("--model-args", [text] if values else []) == values


@pytest.mark.parametrize(("text", "size"), [("auto", "auto"), ("8", 8), (8, 8), (" 8 ", 8)])
def test_batch_sizes(text: str | int, size: int | str) -> None:
    assert batch_size(text) == size


@pytest.mark.parametrize("text", ["", "Auto", "8.0", "eight", "8k"])
def test_a_batch_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected 'auto' or a whole number"):
        batch_size(text)
