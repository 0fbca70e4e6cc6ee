"""``mmbench train``: learn ahead of a run; the table, the document, the command that evaluates; bad input; signals."""

import json
import shlex
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended, mmbench, start, wait_until, write_questions
from learners import write_world

TASK = ("--task", "parity.py:task")


@pytest.fixture(autouse=True)
def _world(tmp_path: Path) -> None:
    write_world(tmp_path)


def command_in(text: str) -> list[str]:
    """The arguments of the last ``mmbench`` command in a text."""
    line = [line.strip() for line in text.splitlines() if line.strip().startswith("mmbench ")][-1]
    return shlex.split(line)[1:]


# --- what it prints ---


def test_a_table_says_what_was_learned_and_a_command_evaluates_it(call: Callable[..., Ended]) -> None:
    ended = call("train", "learner", *TASK)
    assert ended.code == 0, ended.err
    titles, row = (line.split() for line in ended.out.splitlines())
    assert titles == ["model", "task", "seed", "parameters", "val", "training", "samples/s", "checkpoint"]
    path = "results/checkpoints/parity-small-0-4.json"
    assert row == ["learner", "parity/small", "0", "1,234", "accuracy", "71.3", "1:20", "2,500", path]
    assert "learner · parity/small  trained 4/4 steps · loss 0.5 · val accuracy 71.3" in ended.err
    evaluated = call(*command_in(ended.err), "--json", "--out", "runs")
    assert evaluated.code == 0, evaluated.err
    assert "learner · parity/small  loaded parity-small-0-4.json" in evaluated.err
    assert evaluated.document()["metrics"][0]["value"] == 1.0


def test_the_command_that_evaluates_carries_every_option_that_matters(call: Callable[..., Ended]) -> None:
    arguments = ["--set", "steps=2,pause=0", "--seed", "3", "--seeds", "2", "--checkpoints", "my folder", "-q"]
    ended = call("train", "learner", *TASK, *arguments)
    assert ended.code == 0, ended.err
    assert command_in(ended.err) == [
        *("run", "--model", "learner", "--tasks", "parity.py:task", "--model-args", "steps=2,pause=0"),
        *("--seed", "3", "--seeds", "2", "--checkpoints", "my folder"),
    ]


def test_every_seed_has_its_row(call: Callable[..., Ended], tmp_path: Path) -> None:
    ended = call("train", "learner", *TASK, "--seed", "5", "--seeds", "3", "--checkpoints", "kept", "-q")
    assert [line.split()[2] for line in ended.out.splitlines()[1:]] == ["5", "6", "7"]
    assert len(list((tmp_path / "kept").iterdir())) == 3


def test_a_model_that_keeps_nothing_says_so_and_leaves_no_empty_columns(call: Callable[..., Ended]) -> None:
    ended = call("train", "template-prior", *TASK, "-q")
    assert ended.code == 0, ended.err
    titles, row, said = ended.out.splitlines()
    assert titles.split() == ["model", "task", "seed", "training"]
    assert row.split() == ["template-prior", "parity/small", "0", "0.0", "s"]
    assert said == "template-prior learns in a moment and keeps nothing: every run has it learn anew."


def test_json_is_one_document_whatever_the_model_prints(call: Callable[..., Ended]) -> None:
    ended = call("train", "learner", *TASK, "--set", "loud=true", "--json")
    assert "this is no JSON" in ended.err
    document = ended.document()
    assert set(document) == {"trained", "evaluate"}
    (trained,) = document["trained"]
    assert (trained["model"], trained["task"], trained["seed"]) == ("learner", "parity/small", 0)
    assert trained["learned"]["parameters"] == 1234
    assert trained["learned"]["val"] == {"accuracy": 0.713}
    assert shlex.split(document["evaluate"])[:2] == ["mmbench", "run"]


def test_quiet_is_quiet(call: Callable[..., Ended]) -> None:
    assert call("train", "learner", *TASK, "-q").err.splitlines()[0] == "Evaluate it:"


def test_options_have_variables_and_keys_in_the_file(call: Callable[..., Ended], tmp_path: Path) -> None:
    (tmp_path / "mmbench.toml").write_text(
        '[train]\ncheckpoints = "from-file"\nseed = 8\ntask = "parity.py:task"\n[models.short]\nmodel = "learner"\nargs = {steps = 1}\n',
        encoding="utf-8",
    )
    (trained,) = call("train", "short", "--json", MMBENCH_TRAIN_SEED="9").document()["trained"]
    assert trained["seed"] == 9
    assert trained["learned"]["checkpoint"] == "from-file/parity-small-9-1.json"
    assert trained["model"] == "short"


def test_help_shows_examples_and_exit_codes(call: Callable[..., Ended]) -> None:
    shown = call("train", "--help")
    assert shown.code == 0
    for words in ("Usage: mmbench train [OPTIONS] BASELINE", "mmbench train concat --task vqa", "130/143 interrupted"):
        assert words in shown.out
    assert "train" in call("--help").out


def test_your_own_data_reach_the_task_as_in_a_run(call: Callable[..., Ended]) -> None:
    ended = call("train", "prior", "--task", "vqa", "--data", "mine.jsonl")
    ended.refused(2, "mine.jsonl")


# --- bad input ---


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lerner", *TASK], ["unknown model 'lerner'. Did you mean 'learner'?"]),
        (["template-prio", *TASK], ["Did you mean 'template-prior'?"]),
        (["random", *TASK], ["model 'random' learns nothing", "no method `fit`", "Some that learn:"]),
        (["learner", *TASK, "--set", "stepz=3"], ["option of model 'learner': 'stepz'. Did you mean 'steps'?"]),
        (["learner", *TASK, "--set", "steps"], ["--set 'steps': expected K=V"]),
        (["learner", *TASK, "--device", "cuda"], ["unknown option of model 'learner': 'device'"]),
        (["learner", "--task", "vqaa"], ["unknown task 'vqaa'. Did you mean 'vqa'"]),
        (["learner", "--task", "retrieval"], ["learner × retrieval/scenes: retrieval/scenes needs a method `embed`"]),
        (["learner"], ["no task given: add --task"]),
        ([*TASK], ["Missing argument 'BASELINE'"]),
        (["learner", *TASK, "--seeds", "0"], ["--seeds"]),
        (["learner", *TASK, "--seed", "one"], ["--seed 'one': expected a whole number"]),
        (["learner", *TASK, "--chekpoints", "x"], ["No such option", "--checkpoints"]),
        (["learner", *TASK, "--task-args", "size=3"], ["takes no options"]),
        (["learner", *TASK, "--data", "a=1", "--data", "a=2"], ["NAME=PATH once for each name"]),
        (["learner", *TASK, "--data", "x.jsonl"], ["no task in 'parity.py:task' takes it"]),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(
    call: Callable[..., Ended], tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    call("train", *arguments).refused(2, *words)
    assert not (tmp_path / "results").exists()


def test_a_task_without_a_training_split_is_refused(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path)
    ended = call("train", "learner", "--task", "vqa", "--data", "mine.jsonl")
    ended.refused(2, "learner × vqa/mine: vqa/mine has no training split", "it has `fit`")


def test_a_model_that_fails_is_named_and_the_command_that_goes_on_is_printed(
    call: Callable[..., Ended], tmp_path: Path
) -> None:
    write_world(tmp_path, "class Fails:\n    def fit(self, *given): 1 / 0\n    def generate(self, requests): ...\n")
    ended = call("train", "learner", *TASK)
    ended.refused(4, "model 'learner' failed in fit(): ZeroDivisionError: division by zero")
    assert command_in(ended.err) == ["train", "learner", *TASK]


# --- signals ---


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["sigint", "sigterm"])
def test_a_signal_ends_it_cleanly_and_the_printed_command_goes_on(
    tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    arguments = ["train", "learner", *TASK, "--set", "steps=30,pause=0.05", "--checkpoints", "my folder"]
    child = start(*arguments, folder=tmp_path)
    kept = tmp_path / "my folder" / "parity-small-0-30.json"
    wait_until(lambda: (kept.exists() and kept.read_text() not in ("", "1")) or child.poll() is not None)
    child.send_signal(sent)
    out, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert out == ""
    assert "Traceback" not in err
    assert f"Ended by {sent.name}. Checkpoints are kept. To go on:" in err
    assert command_in(err) == arguments
    done = json.loads(kept.read_text())
    again = mmbench(*command_in(err)[:-3], "steps=30", "--checkpoints", "my folder", folder=tmp_path)
    assert again.code == 0, again.err
    assert f"learner · parity/small  goes on from step {done}" in again.err
