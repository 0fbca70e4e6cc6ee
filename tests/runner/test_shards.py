"""Shards of a run: together they ask what one command asks, and merging them gives the same bytes."""

import shutil
from collections.abc import Callable, Sequence
from functools import partial
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
    mmbench,
    scores_of,
    write_captions,
    write_model,
    write_questions,
)
from hypothesis import given
from hypothesis import strategies as st

import mmbench as package
from mmbench import ModelInfo
from mmbench.api.run import make_plan
from mmbench.cli.dry_run import describe
from mmbench.core import NotComparableError, RunNotFoundError, Shard, ShardRunError, UsageError
from mmbench.core.secrets import MASKED
from mmbench.results.log import read_embeddings
from mmbench.results.rundir import RunDirectory
from mmbench.runner.plan.sharding import check_excluded, own_batches


class Neighbours:
    """Its answers depend on the whole batch, as with padding; so batches must be those of the whole plan."""

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


def in_shards(
    of: int, data: Path, folder: Path, task: str = "vqa", *, model: Callable[[], Any] = Neighbours, **more: Any
) -> list[Path]:
    """Ask all shards of a run, the last first; their paths, the first first."""
    asked = [
        evaluate(model(), data, folder, task, shard=f"{number}/{of}", perf="off", **{"batch_size": 3, **more}).path
        for number in range(of, 0, -1)
    ]
    return asked[::-1]


def whole(data: Path, folder: Path, task: str = "vqa", **more: Any) -> Path:
    return evaluate(Neighbours(), data, folder / "whole", task, perf="off", **{"batch_size": 3, **more}).path


def merged(shards: Any, folder: Path, **more: Any) -> package.MergeResult:
    return package.merge(shards, out=folder / "runs", progress=False, **more)


def say_learned(weights: str, run: dict[str, Any]) -> None:
    nothing = {"parameters": 1, "train_s": None, "samples_per_s": None, "modalities": [], "checkpoint": None, "val": {}}
    run["tasks"]["vqa/mine"]["learned"] = {**nothing, "weights": weights}


# --- which batches ---


@given(st.lists(st.floats(0.5, 1e6), max_size=60), st.integers(1, 12))
def test_shards_hold_each_batch_once_and_weigh_about_the_same(weights: list[float], of: int) -> None:
    ranges = [own_batches(weights, Shard(number, of)) for number in range(1, of + 1)]
    assert [number for own in ranges for number in own] == list(range(len(weights)))
    fair, largest = sum(weights) / of, max(weights, default=0.0)
    assert all(abs(sum(weights[number] for number in own) - fair) <= largest * (1 + 1e-9) + 1e-6 for own in ranges)


def test_a_dry_run_tells_of_the_batches_of_the_shard(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 7)
    told = []
    for number in (1, 2, 3):
        options = {"data": data, "shard": f"{number}/3", "batch_size": 2}
        (job,) = describe(make_plan("random", "vqa", tmp_path / "runs", options)).jobs
        assert job["path"].endswith(f".shard-{number}-of-3")
        told.append((job["tasks"][0]["batches"], job["tasks"][0]["left"]))
    assert [sum(counts) for counts in zip(*told, strict=True)] == [4, 7]
    assert max(left for _, left in told) <= 4


# --- the same bytes ---


@pytest.mark.slow
@pytest.mark.parametrize("of", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("task", ["vqa", "retrieval", "captioning"])
def test_any_number_of_shards_gives_the_bytes_of_the_whole(task: str, of: int, tmp_path: Path) -> None:
    data = write_questions(tmp_path, 14) if task == "vqa" else write_captions(tmp_path, 7)
    result = merged(in_shards(of, data, tmp_path, task), tmp_path)
    asked_at_once = whole(data, tmp_path, task)
    assert result.exit_code == 0
    assert scores_of(result.paths[0]) == scores_of(asked_at_once)
    assert result.paths[0].name == asked_at_once.name
    plans = [RunDirectory(path).read_plan(next(iter(result.tasks))) for path in (result.paths[0], asked_at_once)]
    assert plans[0] == plans[1]


def test_the_run_of_two_shards_says_what_a_run_says(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 5)
    shards = in_shards(2, data, tmp_path)
    read = [RunDirectory(path).read() for path in shards]
    assert [run.tasks["vqa/mine"].asked_batches for run in read] == [(0, 1), (1, 2)]
    assert all(run.tasks["vqa/mine"].scoring is None and run.status == "complete" for run in read)
    result = merged(shards, tmp_path)
    run = package.load_run(result.paths[0])
    assert (run.record.status, run.record.shard, [each.number for each in run.record.merged]) == (
        "complete",
        None,
        [1, 2],
    )
    assert run.tasks["vqa/mine"].metrics["accuracy"].n == 5
    assert {line.id for line in lines(run.path)} == {f"vqa/mine/q{n}/0" for n in range(5)}
    assert (run.path / "report.md").is_file()
    again = evaluate(model := Neighbours(), data, tmp_path, perf="off", batch_size=3)
    assert (again.path, model.calls) == (run.path, [])


@pytest.mark.slow
def test_models_seeds_and_tasks_are_merged_run_by_run(tmp_path: Path) -> None:
    data = {"vqa": write_questions(tmp_path, 9), "retrieval": write_captions(tmp_path, 5)}
    options: dict[str, Any] = {"data": data, "seeds": 2, "perf": "off", "progress": False, "batch_size": 2}
    shards: list[Path] = []
    for number in (1, 2, 3):
        made = package.run(["random", "oracle"], "vqa,retrieval", out=tmp_path / "runs", shard=f"{number}/3", **options)
        shards += made.paths
    at_once = package.run(["random", "oracle"], "vqa,retrieval", out=tmp_path / "whole", **options)
    result = merged(shards, tmp_path)
    assert sorted(path.name for path in result.paths) == sorted(path.name for path in at_once.paths)
    assert merged("random", tmp_path).paths == [path for path in result.paths if path.name.startswith("random--")]
    for path in at_once.paths:
        assert scores_of(tmp_path / "runs" / path.name) == scores_of(path)
        assert len(scores_of(path)) == 4


# --- resuming, failures ---


@pytest.mark.slow
def test_a_shard_that_stopped_goes_on_with_the_batches_of_the_plan(tmp_path: Path) -> None:
    class Stops(Neighbours):
        stopping = True

        def generate(self, requests: Sequence[Any]) -> list[str]:
            if len(self.calls) == 1 and self.stopping:
                raise KeyboardInterrupt
            return super().generate(requests)

    data = write_questions(tmp_path, 14)
    first = Stops()
    first.stopping = False
    evaluate(first, data, tmp_path, perf="off", batch_size=3, shard="2/2")
    with pytest.raises(KeyboardInterrupt):
        evaluate(Stops(), data, tmp_path, perf="off", batch_size=3, shard="1/2")
    (stopped,) = (tmp_path / "runs").glob("*-1-of-2")
    with pytest.raises(NotComparableError) as error:
        merged(stopped.with_name(stopped.name.partition(".")[0]), tmp_path)
    assert len(error.value.reasons) == 1
    assert not list((tmp_path / "runs").glob("*--????????"))
    model = Stops()
    model.stopping = False
    evaluate(model, data, tmp_path, perf="off", batch_size=3, shard="1/2")
    assert model.calls == [["q3", "q4", "q5"]]
    assert scores_of(merged([*(tmp_path / "runs").iterdir()], tmp_path).paths[0]) == scores_of(whole(data, tmp_path))


@pytest.mark.slow
def test_what_failed_is_counted_and_replaced_when_it_is_asked_again(tmp_path: Path) -> None:
    class Fails(Colours):
        broken = True

        def answer(self, request: Any) -> Any:
            if self.broken and request.sample_id == "q7":
                raise ValueError("too dark")
            return "red"

    data = write_questions(tmp_path, 8)
    shards = in_shards(2, data, tmp_path, model=Fails)
    result = merged(shards, tmp_path)
    entry = result.runs[0].tasks["vqa/mine"].entry
    assert (result.exit_code, entry.status, entry.n_failed) == (4, "partial", 1)
    Fails.broken = False
    in_shards(2, data, tmp_path, model=Fails)
    result = merged(shards, tmp_path)
    assert (result.exit_code, result.runs[0].tasks["vqa/mine"].entry.n_failed) == (0, 0)
    assert len(lines(result.paths[0])) == 9
    log = log_of(result.paths[0]).read_bytes()
    assert merged(shards, tmp_path).exit_code == 0
    assert log_of(result.paths[0]).read_bytes() == log


@pytest.mark.slow
def test_a_merge_adds_a_task_to_the_run_that_is_there(tmp_path: Path) -> None:
    data = {"vqa": write_questions(tmp_path, 6), "captioning": write_captions(tmp_path, 4)}
    evaluate(Neighbours(), data["captioning"], tmp_path, "captioning", perf="off", batch_size=3)
    result = merged(in_shards(2, data["vqa"], tmp_path), tmp_path)
    assert {name: task.status for name, task in result.runs[0].tasks.items()} == {
        "captioning/captions": "complete",
        "vqa/mine": "complete",
    }


# --- a shard is no run ---


@pytest.mark.slow
def test_a_shard_is_never_shown_as_a_run(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 4)
    first, _ = in_shards(2, data, tmp_path)
    reads: list[Callable[[], Any]] = [
        lambda: package.load_run(first),
        lambda: package.load_run("Neighbours", tmp_path / "runs"),
        lambda: package.compare(first, first),
        lambda: package.report([first]),
        lambda: package.rescore(first),
        lambda: package.samples(first),
        lambda: package.gate(first, require=["vqa:accuracy >= 0"]),
        lambda: package.save_baseline(first, tmp_path / "b.json"),
    ]
    for read in reads:
        with pytest.raises(ShardRunError) as error:
            read()
        assert (error.value.exit_code, error.value.of) == (3, 2)
    assert not (first / "report.md").exists()
    assert package.repair(first).exit_code == 0
    run = merged(first.with_name(first.name.partition(".")[0]), tmp_path).paths[0]
    assert package.load_run("Neighbours", tmp_path / "runs").path == run


# --- what does not fit ---


def test_missing_shards_are_named_with_their_commands(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 4)
    first, second = in_shards(2, data, tmp_path)
    shutil.rmtree(second)
    with pytest.raises(NotComparableError) as error:
        merged([first], tmp_path)
    assert error.value.reasons == ("2/2: missing",)
    command = str(error.value).splitlines()[-1]
    assert command.split()[:2] == ["mmbench", "run"]
    assert command.endswith("--shard 2/2")
    assert "--batch-size 3" in command
    assert str(data) in command
    edit_json(first / "run.json", lambda run: run["spec"].update(model_args={"api_key": MASKED}))
    with pytest.raises(NotComparableError) as error:
        merged([first], tmp_path)
    assert f"api_key={MASKED}" in str(error.value)
    assert MASKED in str(error.value).splitlines()[0], "and what to do about it"


def test_a_shard_of_more_than_anybody_counts_is_refused_at_once(tmp_path: Path) -> None:
    (path,) = in_shards(1, write_questions(tmp_path, 4), tmp_path)
    edit_json(path / "run.json", lambda run: run["shard"].update(of=10**12))
    for place in (path, tmp_path / "renamed"):  # a name that says another number, and one that says none
        with pytest.raises(UsageError):
            merged([path.rename(place)], tmp_path)
    path = place.rename(path.with_name(path.name.replace("-of-1", f"-of-{10**12}")))
    with pytest.raises(NotComparableError) as error:
        merged([path], tmp_path)
    assert error.value.reasons[0] == f"2/{10**12}: missing"
    assert len(error.value.reasons) < 100


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"batch_size": 2}, {"limit": 3}, {"max_new_tokens": 7}])
def test_shards_of_other_plans_are_refused(more: dict[str, Any], tmp_path: Path) -> None:
    data = write_questions(tmp_path, 6)
    evaluate(Neighbours(), data, tmp_path, shard="1/2", perf="off", batch_size=3)
    evaluate(Neighbours(), data, tmp_path, shard="2/2", perf="off", **{"batch_size": 3, **more})
    with pytest.raises(NotComparableError):
        merged([*(tmp_path / "runs").iterdir()], tmp_path)
    assert not list((tmp_path / "runs").glob("*--????????"))


@pytest.mark.slow
def test_other_versions_and_weights_are_refused_unless_they_are_allowed(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 6)
    first, second = in_shards(2, data, tmp_path)
    edit_json(second / "run.json", lambda run: run["packages"].update(numpy="0.1"))
    with pytest.raises(NotComparableError) as error:
        merged([first, second], tmp_path)
    assert len(error.value.reasons) == 1
    for path, weights in ((first, "a"), (second, "b")):
        edit_json(path / "run.json", partial(say_learned, weights))
    for allow in ("versions", "weights"):
        with pytest.raises(NotComparableError):
            merged([first, second], tmp_path, allow=allow)
    assert merged([first, second], tmp_path, allow="versions,weights").exit_code == 0
    edit_json(second / "run.json", lambda run: run.update(mmbench_version="9.9"))
    with pytest.raises(NotComparableError):
        merged([first, second], tmp_path, allow="versions,weights")


@pytest.mark.slow
def test_a_model_that_comes_with_weights_is_known_by_them(tmp_path: Path) -> None:
    options: dict[str, Any] = {"limit": 12, "perf": "off", "progress": False, "batch_size": 4}
    shards = [
        package.run("concat", "vqa/scenes", out=tmp_path / "runs", shard=f"{n}/2", **options).path for n in (1, 2)
    ]
    learned = [RunDirectory(path).read().tasks["vqa/scenes"].learned for path in shards]
    weights = {each.weights for each in learned if each is not None}
    assert len(weights) == 1
    assert None not in weights
    result = merged(shards, tmp_path)
    assert scores_of(result.paths[0]) == scores_of(
        package.run("concat", "vqa/scenes", out=tmp_path / "whole", **options).path
    )


@pytest.mark.slow
def test_damage_is_found_before_anything_is_written(tmp_path: Path) -> None:
    data = write_captions(tmp_path, 5)
    first, second = in_shards(2, data, tmp_path, "retrieval")
    vectors = read_embeddings(log_of(second).with_name("embeddings.bin"))
    assert vectors is not None
    for name, place in (("responses.jsonl", 40), ("embeddings.bin", 70), ("plan.json", 30)):
        path = log_of(second).with_name(name)
        kept = path.read_bytes()
        path.write_bytes(kept[:place] + bytes([kept[place] ^ 1]) + kept[place + 1 :])
        with pytest.raises(NotComparableError):
            merged([first, second], tmp_path)
        path.write_bytes(kept)
        assert sorted(each.name for each in (tmp_path / "runs").iterdir()) == sorted([first.name, second.name])
    (run,) = merged([first, second], tmp_path).paths
    path, log = log_of(second).with_name("embeddings.bin"), log_of(run)
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:1]))  # so that answers are lacking there
    before = {each: each.read_bytes() for each in run.rglob("*") if each.is_file()}
    kept = path.read_bytes()
    path.write_bytes(kept[:70] + bytes([kept[70] ^ 1]) + kept[71:])
    with pytest.raises(NotComparableError):
        merged([first, second], tmp_path)
    assert {each: each.read_bytes() for each in run.rglob("*") if each.is_file()} == before


@pytest.mark.slow
def test_a_result_on_more_samples_is_not_replaced(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 8)
    run = evaluate(Neighbours(), data, tmp_path, perf="off", batch_size=3).path
    scores = scores_of(run)
    shards = in_shards(2, data, tmp_path, limit=4)
    with pytest.raises(NotComparableError):
        merged(shards, tmp_path)
    assert scores_of(run) == scores


def test_what_cannot_be_sharded_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 4)
    refused: list[dict[str, Any]] = [{"shard": text} for text in ("3/2", "0/2", "2")]
    for name, value in (("perf", "full"), ("batch_size", "search"), ("sweep", "batch-size=1,2")):
        refused.append({"shard": "1/2", name: value})
    refused.append({"shard": "1/2", "reask": "truncated", "max_new_tokens": 9})
    for options in refused:
        with pytest.raises(UsageError):
            evaluate(Neighbours(), data, tmp_path, **options)
    with pytest.raises(UsageError):
        check_excluded(["track"])
    with pytest.raises(UsageError):
        evaluate(Colours(digest=None), data, tmp_path, shard="1/2")
    assert not (tmp_path / "runs").exists()
    with pytest.raises(RunNotFoundError):
        merged("nothing", tmp_path)
    run = evaluate(Colours(), data, tmp_path, perf="off").path
    with pytest.raises(UsageError):
        merged(run, tmp_path)


# --- the command line ---


@pytest.mark.slow
def test_the_commands_that_users_type(tmp_path: Path) -> None:
    write_questions(tmp_path, 6)
    write_model(
        tmp_path,
        """
        class Reds:
            def generate(self, requests):
                return ["red" for _ in requests]
        """,
    )
    asked = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl", "--batch-size", "2"]
    first = mmbench(*asked, "--shard", "1/2", folder=tmp_path)
    assert first.code == 0
    unfinished = mmbench("merge", "mymodel", folder=tmp_path)
    unfinished.refused(3, "--shard 2/2")
    command = unfinished.err.splitlines()[-1].split()[1:]
    second = mmbench(*command, "--json", folder=tmp_path)
    assert second.document()["shard"] == {"number": 2, "of": 2}
    done = mmbench("merge", "mymodel", "--json", folder=tmp_path)
    assert (done.code, len(done.document()["runs"])) == (0, 1)
