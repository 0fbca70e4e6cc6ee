"""Odd values, names, files and machines: one sentence and an exit code, never a traceback."""

import gzip
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import Ended, environment, lines, only_run, write_questions, write_rows

from mmbench.core.secrets import masked
from mmbench.data.tables import text

LONG = "x" * 5000
RUN = ("run", "-m", "random", "-t", "vqa/easy-vqa", "--limit", "5", "--quiet")


@pytest.mark.parametrize(
    "line",
    [
        "limit = inf",
        "limit = nan",
        "limit = 1979-05-27",
        "seed = 07:32:00",
        "max-errors = inf",
        "timeout = -inf",
        "give-up = inf",
        "temperature = nan",
        "model-args = {a = inf}",
        "model-args = {dim = 1979-05-27}",
        'data = "a\\u0000b"',
        'out = "a\\u0000b"',
        "solved = inf",
        "seeds = 1e400",
        "thinking = inf",
        "limit = " + "[" * 100_000,
        'model = "a\x00b"',
        "task-args = {prompt = 1979-05-27T07:32:00Z}",
    ],
)
def test_values_of_mmbench_toml_are_checked(line: str, call: Callable[..., Ended], tmp_path: Path) -> None:
    (tmp_path / "mmbench.toml").write_text(f"[run]\n{line}\n", encoding="utf-8")
    call(*RUN).refused(2)


@pytest.mark.parametrize(
    "command",
    [
        ["run", "-m", LONG, "-t", "vqa"],
        ["run", "-m", "random", "-t", LONG],
        ["run", "-m", "random", "-t", "vqa", "--data", LONG],
        [*RUN, "--out", LONG],
        [*RUN, "--prompt", LONG],
        ["show", LONG],
        ["report", LONG],
        ["compare", LONG, "b"],
        ["gate", LONG],
        ["repair", LONG],
        ["rescore", LONG],
        ["baseline", "save", LONG, "file"],
        ["score", "-t", "vqa", "--predictions", LONG],
        ["list", LONG],
        ["check", LONG],
        ["show", "a\0b"],
        ["run", "-m", "a\0b", "-t", "vqa"],
    ],
    ids=lambda command: " ".join(word[:9] for word in command[:3]).replace("\0", "NUL"),
)  # fmt: skip
def test_names_of_any_length_are_a_sentence(command: list[str], call: Callable[..., Ended]) -> None:
    ended = call(*command)
    ended.refused(2)
    assert len(ended.err) < 2000


# --- data ---


def test_a_key_that_stands_twice_is_refused(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path, 2)
    (tmp_path / "lines.jsonl").write_text('{"image": "0.png", "question": "?", "answer": "a", "answer": "b"}\n')
    (tmp_path / "list.json").write_text('[{"image": "0.png", "question": "?", "answer": {"x": 1, "x": 2}}]')
    call("run", "-m", "random", "-t", "vqa", "--data", "lines.jsonl").refused(2, "'answer'", "line 1")
    call("run", "-m", "random", "-t", "vqa", "--data", "list.json").refused(2, "'x'")
    (tmp_path / "said.jsonl").write_text('{"id": "q0", "prediction": "red", "prediction": "blue"}\n')
    arguments = ["-t", "vqa", "--references", "mine.jsonl", "--predictions", "said.jsonl"]
    call("score", *arguments).refused(2, "'prediction'")


def test_what_is_inflated_has_a_bound(
    call: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_questions(tmp_path, 3)
    whole = (tmp_path / "mine.jsonl").read_bytes()
    (tmp_path / "mine.jsonl.gz").write_bytes(gzip.compress(whole))
    assert call("run", "-m", "random", "-t", "vqa", "--data", "mine.jsonl.gz").code == 0
    monkeypatch.setattr(text, "MAX_INFLATED", 10_000)
    for name, data in (
        ("a.json.gz", b"[" + b" " * 10**6),
        ("c.jsonl.gz", b'{"a": "' + b"x" * 10**6),
    ):
        (tmp_path / name).write_bytes(gzip.compress(data))
        call("run", "-m", "random", "-t", "vqa", "--data", name).refused(2, "10,000 bytes")


def test_long_ids_of_samples_are_shortened_where_they_are_printed(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path, 2)
    ids = [f"{'y' * 5000}{n}" for n in range(3)]
    rows = [{"id": each, "image": "0.png", "question": "?", "answer": "red"} for each in ids]
    write_rows(tmp_path / "long.jsonl", rows)
    (tmp_path / "fails.py").write_text("class M:\n    async def generate(self, r):\n        raise ValueError('no')\n")
    ended = call("run", "-m", "fails", "-t", "vqa", "--data", "long.jsonl", "--max-errors", "1", "--retries", "0")
    assert ended.code == 4
    run = only_run(tmp_path / "results" / "runs")
    assert len(ended.err) < 3000
    assert all(len(line) < 1000 for line in (run / "run.json").read_text(encoding="utf-8").splitlines())
    assert {line.id.split("/")[2] for line in lines(run)} <= set(ids), "what is stored is whole"


# --- secrets ---


def test_secrets_among_options_are_masked(tmp_path: Path) -> None:
    given = {
        "api_key": "sk-1",
        "HF_TOKEN": "hf",
        "base_url": "https://me:pw@host/v1",
        "extra": {"headers": [{"Authorization": "Bearer x"}, {"X-Api-Key": "y"}], "top_k": 5},
        "key_env": "MY_KEY",
        "max_tokens": 7,
        "eos_token": "</s>",
        "tokens_field": "max_completion_tokens",
    }
    found = masked(given)
    text = json.dumps(found)
    for secret in ("sk-1", '"hf"', "pw@", "Bearer", '"y"'):
        assert secret not in text
    kept = ("key_env", "max_tokens", "eos_token", "tokens_field")
    assert {name: found[name] for name in kept} == {name: given[name] for name in kept}
    assert found["extra"]["top_k"] == 5


def test_run_json_holds_no_secret_and_is_its_owners_alone(call: Callable[..., Ended], tmp_path: Path) -> None:
    write_questions(tmp_path, 2)
    (tmp_path / "m.py").write_text(
        "class M:\n    def __init__(self, api_key, extra=None):\n        pass\n    def generate(self, r):\n        return ['a'] * len(r)\n"
    )
    arguments = ["--model-args", "api_key=sk-SECRET", "--model-args", 'extra={"password": "sk-SECRET"}']
    ended = call("run", "-m", "m", "-t", "vqa", "--data", "mine.jsonl", *arguments)
    assert ended.code == 0, ended.err
    run = only_run(tmp_path / "results" / "runs")
    for path in run.rglob("*"):
        assert not path.is_file() or b"sk-SECRET" not in path.read_bytes(), path
    for name in ("run.json", "tasks/vqa__mine/responses.jsonl"):
        assert stat.S_IMODE((run / name).stat().st_mode) == 0o600
    other = call("run", "-m", "m", "-t", "vqa", "--data", "mine.jsonl", "--model-args", "api_key=another")
    assert other.code == 0
    assert len(list((tmp_path / "results" / "runs").iterdir())) == 2, "another key is another run"


# --- memory ---


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs limits on address space")
@pytest.mark.parametrize("megabytes", [300, 600])
def test_too_little_address_space_is_one_sentence(megabytes: int, tmp_path: Path) -> None:
    command = f"ulimit -v {megabytes * 1024}; exec {sys.executable} -m mmbench run -m random -t vqa/easy-vqa --limit 5"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode in (2, 4), done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
