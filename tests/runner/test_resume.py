"""The same command again: what ended well is not asked again, what is missing is, and nothing stale is taken over."""

import json
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import (
    Colours,
    edit_json,
    evaluate,
    lines,
    log_of,
    only_run,
    scores_of,
    write_captions,
    write_questions,
)

import mmbench
from mmbench import ModelInfo
from mmbench.core import NotComparableError
from mmbench.results.rundir import RunDirectory

pytestmark = pytest.mark.slow


class Neighbours:
    """Its answers depend on the whole batch, as with padding; so batches must keep their boundaries."""

    info = ModelInfo("neighbours")

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def generate(self, requests: Sequence[Any]) -> list[str]:
        ids = [request.sample_id for request in requests]
        self.calls.append(ids)
        return ["red" if len(ids[0] + ids[-1]) % 2 else "blue" for _ in ids]

    def embed(self, requests: Sequence[Any]) -> Any:
        self.calls.append([request.id for request in requests])
        own = np.stack(
            [np.random.default_rng(request.seed + len(request.text)).standard_normal(4) for request in requests]
        )
        return own + own.mean(axis=0)


# --- nothing left ---


def test_with_nothing_left_no_model_is_built_and_nothing_changes(tmp_path: Path) -> None:
    class Built(Colours):
        count = 0

        def __init__(self) -> None:
            super().__init__()
            Built.count += 1

        @classmethod
        def weights_digest(cls) -> str:
            return "same"

    data = write_questions(tmp_path)
    first = evaluate(Built, data, tmp_path)
    scores = scores_of(first.path)
    second = evaluate(Built, data, tmp_path)
    assert Built.count == 1
    assert second.path == first.path
    assert scores_of(second.path) == scores
    assert [row.metric for row in second.rows()] == [row.metric for row in first.rows()]
    assert second.exit_code == 0


def test_a_run_killed_between_the_last_answer_and_the_scores_is_only_scored(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    first = evaluate(Colours(), data, tmp_path)
    scores = scores_of(first.path)
    for name in scores:
        (first.path / name).unlink()
    model = Colours()
    second = evaluate(model, data, tmp_path)
    assert model.calls == []
    assert scores_of(second.path) == scores


def test_half_written_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    run = evaluate(Colours(), data, tmp_path).path
    leftovers = [run / ".run.json.123.tmp", run / "tasks" / "vqa__mine" / "scores" / ".0a1b2c3d.npz.123.tmp"]
    for leftover in leftovers:
        leftover.write_bytes(b"half")
    evaluate(Colours(), data, tmp_path)
    assert not any(leftover.exists() for leftover in leftovers)


# --- more to ask ---


def test_a_larger_limit_asks_only_the_new_samples(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 30)
    evaluate(Colours(), data, tmp_path, limit=10)
    model = Colours()
    result = evaluate(model, data, tmp_path)
    assert model.asked == [f"q{i}" for i in range(10, 30)]
    assert result.rows()[0].metric.n == 30
    assert len(lines(result.path)) == 30


def test_a_smaller_limit_asks_nothing_and_leaves_the_larger_result(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 30)
    evaluate(Colours(), data, tmp_path)
    model = Colours()
    result = evaluate(model, data, tmp_path, limit=10)
    assert model.calls == []
    assert result.rows()[0].metric.n == 30


def test_extending_in_steps_gives_the_scores_of_one_run(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 30)
    for limit in (3, 10, 22, None):
        result = evaluate(Colours(), data, tmp_path, limit=limit)
    whole = evaluate(Colours(), data, tmp_path / "other")
    assert scores_of(whole.path).items() <= scores_of(result.path).items()
    assert [row.metric for row in result.rows()] == [row.metric for row in whole.rows()]


def test_embeddings_extend_too(tmp_path: Path) -> None:
    data = write_captions(tmp_path, 12)

    class Embeds(Neighbours):
        def embed(self, requests: Sequence[Any]) -> Any:
            self.calls.append([request.id for request in requests])
            return np.stack([np.random.default_rng(request.seed).standard_normal(4) for request in requests])

    evaluate(Embeds(), data, tmp_path, "retrieval", limit=5)
    model = Embeds()
    result = evaluate(model, data, tmp_path, "retrieval")
    assert sum(map(len, model.calls)) == 7 * 3
    whole = evaluate(Embeds(), data, tmp_path / "other", "retrieval")
    assert [row.metric for row in result.rows()] == [row.metric for row in whole.rows()]


def test_another_batch_size_keeps_what_is_answered(tmp_path: Path) -> None:
    class Stops(Colours):
        after = 3

        def generate(self, requests: Sequence[Any]) -> list[Any]:
            if len(self.calls) == self.after:
                raise KeyboardInterrupt
            return super().generate(requests)

    data = write_questions(tmp_path, 30)
    with pytest.raises(KeyboardInterrupt):
        evaluate(Stops(), data, tmp_path, batch_size=4)
    model = Stops()
    model.after = -1
    result = evaluate(model, data, tmp_path, batch_size=7)
    assert model.asked == [f"q{i}" for i in range(12, 30)]
    assert result.rows()[0].metric.n == 30


def test_another_task_joins_the_run_and_the_first_is_kept(tmp_path: Path) -> None:
    questions, captions = write_questions(tmp_path), write_captions(tmp_path)
    evaluate("constant", questions, tmp_path)
    result = evaluate("constant", captions, tmp_path, "retrieval")
    assert list(result.runs[0].tasks) == ["vqa/mine", "retrieval/captions"]
    assert {entry.status for entry in result.runs[0].tasks.values()} == {"complete"}
    assert {row.task for row in result.rows()} == {"retrieval/captions"}


# --- an interrupted session ---


@pytest.mark.parametrize("tasks", ["vqa", "retrieval"])
@pytest.mark.parametrize("torn", [0.2, 0.5, 0.93])
def test_a_torn_log_is_completed_to_the_scores_of_an_uninterrupted_run(tmp_path: Path, tasks: str, torn: float) -> None:
    """Wherever the last write was torn: in the middle of a line, of a batch, of a vector."""
    data = write_questions(tmp_path, 40) if tasks == "vqa" else write_captions(tmp_path, 20)
    whole = scores_of(evaluate(Neighbours(), data, tmp_path / "whole", tasks, batch_size=6).path)
    run = evaluate(Neighbours(), data, tmp_path, tasks, batch_size=6).path
    log = log_of(run)
    size = int(torn * log.stat().st_size)
    for cut in range(size, size + 9):
        os.truncate(log, cut)
        if tasks == "retrieval":
            rows = sum(line.row is not None for line in lines(run))
            os.truncate(log.with_name("embeddings.bin"), 64 + rows * 16 + cut % 16)
        for name in scores_of(run):
            (run / name).unlink()
        model = Neighbours()
        result = evaluate(model, data, tmp_path, tasks, batch_size=6)
        assert result.exit_code == 0
        assert scores_of(run) == whole
        assert 0 < sum(map(len, model.calls)) < (40 if tasks == "vqa" else 60)


def test_an_unfinished_batch_is_asked_again_whole_and_its_earlier_answers_are_kept(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 12)
    run = evaluate(Neighbours(), data, tmp_path, batch_size=6).path
    log = log_of(run)
    kept = log.read_bytes().splitlines(keepends=True)[:8]
    log.write_bytes(b"".join(kept))
    model = Neighbours()
    evaluate(model, data, tmp_path, batch_size=6)
    assert model.calls == [[f"q{i}" for i in range(6, 12)]]
    after = log.read_bytes().splitlines(keepends=True)
    assert after[:8] == kept
    assert len(after) == 12


def test_an_interrupt_keeps_what_is_logged_and_says_so_in_run_json(tmp_path: Path) -> None:
    class Interrupted(Colours):
        at = "q20"

        def answer(self, request: Any) -> str:
            if request.sample_id == self.at:
                os.kill(os.getpid(), signal.SIGTERM)
            return "red"

    data = write_questions(tmp_path, 40)
    with pytest.raises(KeyboardInterrupt) as raised:
        evaluate(Interrupted(), data, tmp_path, batch_size=8)
    assert raised.value.exit_code == 143  # type: ignore[attr-defined]
    run = only_run(tmp_path / "runs")
    assert len(lines(run)) == 16
    document = RunDirectory(run).read()
    assert (document.status, document.tasks["vqa/mine"].status) == ("interrupted", "interrupted")
    assert document.reason == "ended by SIGTERM"
    model = Interrupted()
    model.at = ""
    assert evaluate(model, data, tmp_path, batch_size=8).exit_code == 0
    assert model.asked == [f"q{i}" for i in range(16, 40)]


def test_an_interrupt_that_the_model_swallows_ends_the_run_all_the_same(tmp_path: Path) -> None:
    class Swallows(Colours):
        def answer(self, request: Any) -> str:
            try:
                if request.sample_id == "q3":
                    os.kill(os.getpid(), signal.SIGINT)
            except:  # noqa: E722 - as people write it
                return "blue"
            return "red"

    with pytest.raises(KeyboardInterrupt):
        evaluate(Swallows(), write_questions(tmp_path, 40), tmp_path, batch_size=8)
    assert len(lines(only_run(tmp_path / "runs"))) == 8


def test_handlers_of_the_calling_program_are_put_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    evaluate(Colours(), write_questions(tmp_path), tmp_path)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


# --- identity ---


def test_an_instance_without_a_digest_never_resumes(tmp_path: Path) -> None:
    """Also when the objects of an earlier call are gone, and their addresses are used again."""
    data = write_questions(tmp_path)
    paths = set()
    for _ in range(30):
        model = Colours(digest=None)
        result = evaluate(model, data, tmp_path)
        paths.add(result.path)
        assert len(model.asked) == 8
        assert result.runs[0].model.digest is None
        del model, result
    assert len(paths) == 30


def test_an_instance_with_a_digest_resumes(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    first = evaluate(Colours("v1"), data, tmp_path)
    model = Colours("v1")
    assert evaluate(model, data, tmp_path).path == first.path
    assert model.calls == []


def test_another_digest_is_another_run(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    first = evaluate(Colours("v1"), data, tmp_path)
    model = Colours("v2")
    assert evaluate(model, data, tmp_path).path != first.path
    assert len(model.asked) == 8


def test_classes_made_inside_a_function_are_not_taken_for_each_other(tmp_path: Path) -> None:
    """Their source is the same, what they close over is not."""

    def make(answer: str) -> type:
        class Closed:
            def generate(self, requests: Sequence[Any]) -> list[str]:
                return [answer for _ in requests]

        return Closed

    data = write_questions(tmp_path)
    one, two = evaluate(make("red"), data, tmp_path), evaluate(make("blue"), data, tmp_path)
    assert {line.output for line in lines(one.path)} == {"red"}
    assert {line.output for line in lines(two.path)} == {"blue"}


def test_options_of_a_class_are_part_of_its_identity(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    red = evaluate("constant", data, tmp_path, model_args={"text": "red"})
    blue = evaluate("constant", data, tmp_path, model_args={"text": "blue"})
    assert red.path != blue.path
    assert evaluate("constant", data, tmp_path, model_args={"text": "red"}).path == red.path


def test_batching_threads_and_limits_are_not_identity(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    paths = {
        evaluate("random", data, tmp_path, **options).path
        for options in (
            {},
            {"batch_size": 3},
            {"loader_threads": 0, "threads": 1},
            {"limit": 2},
            {"max_errors": 7},
            {"perf": "off"},
        )
    }
    assert len(paths) == 1


# --- data that change under the same name ---


def test_answers_to_changed_data_are_set_aside_and_not_used_again(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    first = evaluate(Colours(), data, tmp_path)
    old_log = log_of(first.path).read_bytes()
    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    rows[3]["answer"] = "red"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    model = Colours()
    second = evaluate(model, data, tmp_path)
    assert second.path == first.path
    assert len(model.asked) == 8
    assert second.rows()[0].metric.value == pytest.approx(3 / 8)
    (aside,) = (folder for folder in (first.path / "tasks").iterdir() if folder.name != "vqa__mine")
    assert (aside / "responses.jsonl").read_bytes() == old_log


def test_a_changed_picture_is_changed_data(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    evaluate(Colours(), data, tmp_path)
    (tmp_path / "images" / "2.png").write_bytes((tmp_path / "images" / "3.png").read_bytes())
    model = Colours()
    evaluate(model, data, tmp_path)
    assert len(model.asked) == 8


def test_another_prompt_is_another_question(tmp_path: Path) -> None:
    data = write_questions(tmp_path, closed=False)
    evaluate(Colours(), data, tmp_path)
    model = Colours()
    evaluate(model, data, tmp_path, task_args={"prompt": "question-only-v1"})
    assert len(model.asked) == 8


# --- damage ---

NEWER = r"has schema 99; this mmbench reads up to \d+\. Upgrade"


def test_a_damaged_line_in_the_middle_is_reported_with_its_number(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    run = evaluate(Colours(), data, tmp_path).path
    log = log_of(run)
    kept = log.read_bytes().splitlines(keepends=True)
    for damage in (
        b"not json\n",
        b'{"id": 3, "status": "ok"}\n',
        b'{"id": "a/b/0", "status": "fine"}\n',
        b"\n",
        b"\xff\n",
    ):
        log.write_bytes(b"".join([*kept[:4], damage, *kept[5:]]))
        with pytest.raises(NotComparableError, match=r"responses\.jsonl, line 5 is damaged") as raised:
            evaluate(Colours(), data, tmp_path)
        assert raised.value.exit_code == 3


def test_an_unknown_field_in_a_log_line_is_damage(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    log = log_of(evaluate(Colours(), data, tmp_path).path)
    first, rest = log.read_bytes().split(b"\n", 1)
    unchecked = re.sub(rb',"crc":[0-9]+', b"", first)  # as earlier versions wrote it
    log.write_bytes(unchecked.replace(b"{", b'{"new_field":1,', 1) + b"\n" + rest)
    with pytest.raises(NotComparableError, match=r"line 1 is damaged.*new_field"):
        evaluate(Colours(), data, tmp_path)


def test_lost_embeddings_are_reported_never_replaced_in_silence(tmp_path: Path) -> None:
    data = write_captions(tmp_path, 12)
    run = evaluate(Neighbours(), data, tmp_path, "retrieval", limit=6).path
    vectors = run / "tasks" / "retrieval__captions" / "embeddings.bin"
    whole = vectors.read_bytes()
    for damaged in (None, b"", whole[:70], b"X" + whole[1:]):
        vectors.unlink(missing_ok=True)
        if damaged is not None:
            vectors.write_bytes(damaged)
        result = evaluate(Neighbours(), data, tmp_path, "retrieval")
        assert result.exit_code == 4
        assert "embeddings.bin is" in result.failures["Neighbours"]


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("run.json", lambda document: document.update(schema_version=99), NEWER),
        ("tasks/vqa__mine/plan.json", lambda document: document.update(schema_version=99), NEWER),
        ("run.json", lambda document: document.update(another=1), "run.json is damaged"),
        ("run.json", lambda document: document.pop("schema_version"), "is damaged: schema_version is None"),
    ],
    ids=["newer", "newer-plan", "unknown-field", "no-version"],
)
def test_a_file_that_cannot_be_understood_is_left_alone(tmp_path: Path, name: str, change: Any, said: str) -> None:
    data = write_questions(tmp_path)
    run = evaluate(Colours(), data, tmp_path).path
    edit_json(run / name, change)
    before = (run / name).read_bytes()
    with pytest.raises(NotComparableError, match=said) as raised:
        evaluate(Colours(), data, tmp_path)
    assert raised.value.exit_code == 3
    assert (run / name).read_bytes() == before


def test_runs_below_the_same_folder_do_not_disturb_each_other(tmp_path: Path) -> None:
    data = write_questions(tmp_path)
    result = mmbench.run(["random", "constant", "oracle"], "vqa", data=data, out=tmp_path / "runs", progress=False)
    assert len(set(result.paths)) == 3
    assert [row.model for row in result.rows()] == ["random", "constant", "oracle"]
