"""Wrong names, options and models on the command line: one clear sentence, the right exit code, nothing written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import (
    Ended,
    mmbench,
    write_captions,
    write_model,
    write_questions,
)

RED = 'class Red:\n    def generate(self, requests):\n        return ["red" for _ in requests]\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "randm", "--tasks", "vqa/easy-vqa"], ["unknown model 'randm'. Did you mean 'random'?"]),
        (["--model", "mymodell", "--tasks", "vqa/easy-vqa"], ["unknown model 'mymodell'. Did you mean 'mymodel'?"]),
        (["--model", "mymodel:Rad", "--tasks", "vqa/easy-vqa"], ["Did you mean 'Red'?"]),
        (["--model", "random", "--tasks", "vqaa"], ["unknown task 'vqaa'. Did you mean 'vqa'"]),
        (["--model", "random", "--tasks", "vqa/esy-vqa"], ["Did you mean 'vqa/easy-vqa'", "--tasks vqa --data FILE"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--limt", "3"], ["No such option", "--limit"]),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--model-args", "dym=3"],
            ["option of model 'random': 'dym'", "'dim'"],
        ),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--model-args", "dim"], ["--model-args 'dim': expected K=V"]),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--device", "cuda"],
            ["unknown option of model 'random': 'device'"],
        ),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--task-args", "extractr=exact"],
            ["Did you mean 'extractor'?"],
        ),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--task-args", "extractor=mension"],
            ["Did you mean 'mention'?"],
        ),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--limit", "0"],
            ["--limit 0: expected a whole number, at least 1"],
        ),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--limit", "-1"], ["--limit -1: expected a whole number"]),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--limit", "ten"],
            ["--limit 'ten': expected a whole number"],
        ),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--batch-size", "0"], ["--batch-size 0"]),
        (
            ["--model", "random", "--tasks", "vqa/easy-vqa", "--batch-size", "large"],
            ["expected 'auto', 'search' or a whole number"],
        ),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--ids", "test-99999"], ["unknown sample of vqa/easy-vqa"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--split", "dev"], ["'dev'", "test"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa,vqa/easy-vqa"], ["task 'vqa/easy-vqa' is given twice"]),
        (["--model", "random,random", "--tasks", "vqa/easy-vqa"], ["model 'random' is given twice"]),
        (["--model", "random", "--tasks", ","], ["no tasks given; see: mmbench list tasks"]),
        (["--model", "random"], ["no tasks given; see: mmbench list tasks", "--suite"]),
        (["--tasks", "vqa/easy-vqa"], ["no model given: --model or --suite is needed"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--data", "nowhere.jsonl"], ["nowhere.jsonl"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--data", "x.jsonl"], ["no task in 'vqa/easy-vqa' takes it"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--data", "vqa="], ["expected PATH, or NAME=PATH"]),
        (["--model", "replay", "--tasks", "vqa/easy-vqa"], ["model 'replay' needs --model-args file=…"]),
        (["--model", "random", "--tasks", "vqa/easy-vqa", "--max-errors", "-1"], ["--max-errors -1"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None,
)
def test_a_wrong_name_or_option_is_refused_with_the_nearest(
    call: Callable[..., Ended], tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    write_model(tmp_path, RED)
    ended = call("run", *arguments)
    ended.refused(2, *words)
    assert ended.out == ""
    assert not (tmp_path / "results").exists(), "nothing was written"


def test_an_unknown_command_gets_the_nearest(tmp_path: Path) -> None:
    mmbench("rum", folder=tmp_path).refused(2, "unknown command 'rum'. Did you mean 'run'?")


@pytest.mark.slow
def test_a_model_that_cannot_be_imported_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "import torchh\n")
    mmbench("run", "--model", "mymodel", "--tasks", "vqa/easy-vqa", folder=tmp_path).refused(
        2, "mymodel.py cannot be imported: ModuleNotFoundError: No module named 'torchh'"
    )


@pytest.mark.slow
def test_a_model_file_that_exits_when_imported_is_refused(tmp_path: Path) -> None:
    """A script without ``if __name__ == "__main__"``: its exit code 0 must not become ours."""
    write_model(tmp_path, RED + "import sys\nsys.exit(0)\n")
    mmbench("run", "--model", "mymodel", "--tasks", "vqa/easy-vqa", folder=tmp_path).refused(2, "SystemExit: 0")


@pytest.mark.slow
def test_all_that_a_model_lacks_is_listed_before_it_is_built(tmp_path: Path) -> None:
    write_model(tmp_path, "class Embeds:\n    def __init__(self): 1 / 0\n    def embed(self, requests): ...\n")
    write_questions(tmp_path)
    write_captions(tmp_path)
    arguments = ["--model", "mymodel,prior", "--tasks", "vqa,retrieval"]
    data = ["--data", "vqa=mine.jsonl", "--data", "retrieval=captions.jsonl"]
    ended = mmbench("run", *arguments, *data, folder=tmp_path)
    ended.refused(
        2,
        "these models cannot answer these tasks:",
        "mymodel × vqa/mine: vqa/mine needs a method `generate`",
        "prior × vqa/mine: vqa/mine has no training split",
        "prior × retrieval/captions: retrieval/captions needs a method `embed`",
        "--skip-incompatible",
    )
    assert not (tmp_path / "results").exists()


@pytest.mark.slow
def test_skip_incompatible_shows_them_as_not_applicable_and_succeeds(tmp_path: Path) -> None:
    write_questions(tmp_path)
    write_captions(tmp_path)
    arguments = ["--model", "constant,prior", "--tasks", "vqa,retrieval", "--skip-incompatible", "--out", "runs"]
    data = ["--data", "vqa=mine.jsonl", "--data", "retrieval=captions.jsonl"]
    ended = mmbench("run", *arguments, *data, folder=tmp_path)
    assert ended.code == 0, ended.err
    rows = [line.split() for line in ended.out.splitlines() if line.split()[:1] == ["prior"]]
    assert [row[1:3] for row in rows] == [["vqa/mine", "n/a"], ["retrieval/captions", "n/a"]]
    assert "prior on vqa/mine: vqa/mine has no training split" in ended.out
    document = mmbench("run", *arguments, *data, "--json", folder=tmp_path).document()
    assert {metric["model"] for metric in document["metrics"]} == {"constant"}
    assert len(document["runs"]) == 2
