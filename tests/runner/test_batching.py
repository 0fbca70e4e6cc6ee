"""How requests reach a model: in which batches, prepared by whom, and with which pictures decoded."""

import gc
import os
import random
import signal
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import Colours, evaluate, lines, statuses, write_captions, write_questions

from mmbench import ModelInfo
from mmbench.data import cache, stats
from mmbench.results.rundir import RunDirectory
from mmbench.runner.execute import prefetch

pytestmark = pytest.mark.slow

HOST = MemoryError()
ACCELERATOR = type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried to allocate 2.00 GiB")
CUBLAS = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes")


class Small(Colours):
    """Runs out of memory on more than `fits` requests at once."""

    def __init__(self, fits: int, error: BaseException = HOST) -> None:
        super().__init__("small")
        self.fits, self.error = fits, error

    def generate(self, requests: Sequence[Any]) -> list[Any]:
        answers = super().generate(requests)
        if len(requests) > self.fits:
            raise self.error
        return answers

    @property
    def sizes(self) -> list[int]:
        """How many requests each call had."""
        return [len(call) for call in self.calls]


def entry(run: Path) -> Any:
    return RunDirectory(run).read().tasks["vqa/mine"]


# --- batch size ---


@pytest.mark.parametrize("error", [HOST, ACCELERATOR, CUBLAS], ids=["host", "accelerator", "allocator"])
def test_auto_halves_when_memory_runs_out_and_remembers_for_the_rest(tmp_path: Path, error: BaseException) -> None:
    model = Small(20, error)
    result = evaluate(model, write_questions(tmp_path, 140), tmp_path)
    assert result.exit_code == 0
    assert set(statuses(result.path).values()) == {"ok"}
    assert model.sizes == [64, 32, 16, 16, 16, 16, 16, 16, 16, 16, 12]
    assert entry(result.path).batch_size == 16


def test_a_resumed_run_starts_with_the_size_that_auto_settled_on(tmp_path: Path) -> None:
    evaluate(Small(20), write_questions(tmp_path, 100), tmp_path, limit=70)
    model = Small(20)
    result = evaluate(model, tmp_path / "mine.jsonl", tmp_path)
    assert max(model.sizes) == 16
    assert entry(result.path).batch_size == 16


def test_the_size_is_remembered_even_when_the_run_is_interrupted(tmp_path: Path) -> None:
    class Interrupted(Small):
        def generate(self, requests: Sequence[Any]) -> list[Any]:
            if len(self.calls) > 5:
                os.kill(os.getpid(), signal.SIGINT)
            return super().generate(requests)

    data = write_questions(tmp_path, 140)
    with pytest.raises(KeyboardInterrupt):
        evaluate(Interrupted(20), data, tmp_path)
    (run,) = (tmp_path / "runs").iterdir()
    assert entry(run).batch_size == 16


def test_a_given_batch_size_is_kept_and_a_batch_too_large_is_still_split(tmp_path: Path) -> None:
    model = Small(20)
    result = evaluate(model, write_questions(tmp_path, 64), tmp_path, batch_size=32)
    assert result.exit_code == 0
    assert model.sizes == [32, 16, 16, 32, 16, 16]
    assert entry(result.path).batch_size == 32


def test_one_request_that_never_fits_fails_alone(tmp_path: Path) -> None:
    class OneIsHuge(Small):
        def generate(self, requests: Sequence[Any]) -> list[Any]:
            self.fits = 0 if any(request.sample_id == "q9" for request in requests) else 99
            return super().generate(requests)

    model = OneIsHuge(99)
    result = evaluate(model, write_questions(tmp_path, 140), tmp_path, max_errors=1)
    assert [sample for sample, status in statuses(result.path).items() if status != "ok"] == ["q9"]
    assert model.sizes[-2:] == [64, 12], "the batches after it are as large as before"
    assert entry(result.path).batch_size == 64


def test_the_memory_of_the_failed_attempt_is_free_before_the_next(tmp_path: Path) -> None:
    """What the failed call had in its variables must not stay alive through the exception's traceback."""

    class Activations:
        pass

    class Greedy:
        info = ModelInfo("greedy")

        def __init__(self) -> None:
            self.earlier: list[weakref.ref[Activations]] = []
            self.alive: list[int] = []

        def generate(self, requests: Sequence[Any]) -> list[str]:
            gc.collect()
            self.alive.append(sum(reference() is not None for reference in self.earlier))
            activations = Activations()
            self.earlier.append(weakref.ref(activations))
            if len(requests) > 1:
                raise MemoryError
            return ["red"]

    model = Greedy()
    evaluate(model, write_questions(tmp_path, 8), tmp_path)
    assert set(model.alive) == {0}


@pytest.mark.parametrize("size", [1, 3, 7, 64])
def test_batch_size_bounds_every_call(tmp_path: Path, size: int) -> None:
    model = Colours()
    evaluate(model, write_questions(tmp_path, 10), tmp_path, batch_size=size)
    assert max(map(len, model.calls)) == min(size, 10)
    assert model.asked == [f"q{i}" for i in range(10)]


def test_batch_cost_bounds_the_sum_of_what_a_batch_costs(tmp_path: Path) -> None:
    model = Colours()
    evaluate(model, write_questions(tmp_path, 10), tmp_path, batch_cost=3 * 640.0)
    assert {len(call) for call in model.calls} <= {1, 2, 3}
    assert len(model.calls) < 10
    assert model.asked == [f"q{i}" for i in range(10)]


def test_a_request_that_costs_more_than_the_bound_is_asked_on_its_own(tmp_path: Path) -> None:
    model = Colours()
    result = evaluate(model, write_questions(tmp_path, 3), tmp_path, batch_cost=0.5)
    assert [len(call) for call in model.calls] == [1, 1, 1]
    assert result.exit_code == 0


def test_pictures_and_texts_never_share_a_batch(tmp_path: Path) -> None:
    class Embeds:
        info = ModelInfo("embeds")

        def __init__(self) -> None:
            self.kinds: list[set[bool]] = []

        def embed(self, requests: Sequence[Any]) -> Any:
            self.kinds.append({bool(request.images) for request in requests})
            return [[1.0, 2.0] for _ in requests]

    model = Embeds()
    evaluate(model, write_captions(tmp_path), tmp_path, "retrieval")
    assert model.kinds == [{True}, {False}]


# --- what changes nothing ---


def test_batch_size_and_loader_threads_change_nothing_in_what_random_answers(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 30)
    said = []
    for n, options in enumerate(
        ({"batch_size": 1}, {"batch_size": 7, "loader_threads": 0}, {"batch_size": 64, "loader_threads": 4})
    ):
        result = evaluate("random", data, tmp_path / str(n), **options)
        said.append({line.id: line.output for line in lines(result.path)})
    assert said[0] == said[1] == said[2]
    assert len(set(said[0].values())) > 1


def test_the_order_of_the_samples_changes_nothing_in_what_random_answers(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 30)
    first = {line.id: line.output for line in lines(evaluate("random", data, tmp_path / "a").path)}
    rows = data.read_text(encoding="utf-8").splitlines(keepends=True)
    random.Random(0).shuffle(rows)
    data.write_text("".join(rows), encoding="utf-8")
    assert {line.id: line.output for line in lines(evaluate("random", data, tmp_path / "b").path)} == first


def test_another_seed_is_another_run_with_other_answers(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 30)
    one, two = (evaluate("random", data, tmp_path, seed=seed).path for seed in (0, 1))
    assert one != two
    assert [line.output for line in lines(one)] != [line.output for line in lines(two)]


# --- collate ---


class Collates(Colours):
    """Prepares inputs ahead."""

    def __init__(self) -> None:
        super().__init__("collates")
        self.threads: list[str] = []
        self.received: list[Any] = []

    def collate(self, requests: Sequence[Any]) -> Any:
        self.threads.append(threading.current_thread().name)
        return {"ids": [request.sample_id for request in requests]}

    def generate(self, requests: Sequence[Any], inputs: Any = None) -> list[Any]:
        self.received.append((inputs["ids"], [request.sample_id for request in requests]))
        return super().generate(requests)


def test_collate_runs_in_background_threads_and_its_result_arrives_as_inputs(tmp_path: Path) -> None:
    model = Collates()
    evaluate(model, write_questions(tmp_path, 40), tmp_path, batch_size=4)
    assert len(model.threads) == 10
    assert all(name != threading.main_thread().name for name in model.threads)
    assert all(prepared == asked for prepared, asked in model.received)
    assert model.asked == [f"q{i}" for i in range(40)]


def test_without_loader_threads_collate_runs_in_the_main_thread(tmp_path: Path) -> None:
    model = Collates()
    evaluate(model, write_questions(tmp_path, 8), tmp_path, batch_size=4, loader_threads=0)
    assert set(model.threads) == {threading.main_thread().name}


def test_the_next_batch_is_collated_while_the_model_works_on_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "idle_cpus", lambda: 1)

    class Waits(Collates):
        def __init__(self) -> None:
            super().__init__()
            self.second = threading.Event()

        def collate(self, requests: Sequence[Any]) -> Any:
            if requests[0].sample_id == "q4":
                self.second.set()
            return super().collate(requests)

        def generate(self, requests: Sequence[Any], inputs: Any = None) -> list[Any]:
            assert self.second.wait(20), "the second batch was not collated during the first"
            return super().generate(requests, inputs)

    assert evaluate(Waits(), write_questions(tmp_path, 12), tmp_path, batch_size=4).exit_code == 0


def test_nothing_is_collated_while_a_model_computes_on_all_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "idle_cpus", lambda: 0)
    monkeypatch.setattr(prefetch, "cpus", lambda: 2)
    both, events = threading.Barrier(2), list[str]()

    class Notes(Collates):
        def collate(self, requests: Sequence[Any]) -> Any:
            both.wait(20)  # two batches are collated at once
            events.append("collate")
            return super().collate(requests)

        def generate(self, requests: Sequence[Any], inputs: Any = None) -> list[Any]:
            events.append("generate")
            time.sleep(0.05)  # long enough for a thread that does not wait
            events.append("generated")
            return super().generate(requests, inputs)

    model = Notes()
    assert evaluate(model, write_questions(tmp_path, 16), tmp_path, batch_size=4).exit_code == 0
    assert events == ["collate", "collate", "generate", "generated", "generate", "generated"] * 2
    assert all(prepared == asked for prepared, asked in model.received)


@pytest.mark.parametrize("threads", [0, 2])
def test_a_collate_that_raises_is_bisected_too(tmp_path: Path, threads: int) -> None:
    class Breaks(Collates):
        def collate(self, requests: Sequence[Any]) -> Any:
            if any(request.sample_id == "q6" for request in requests):
                raise OSError("cannot read the picture")
            return super().collate(requests)

    model = Breaks()
    result = evaluate(model, write_questions(tmp_path, 12), tmp_path, batch_size=4, loader_threads=threads)
    assert [sample for sample, status in statuses(result.path).items() if status == "error"] == ["q6"]
    assert sorted(model.asked) == sorted(f"q{i}" for i in range(12) if i != 6)


def test_a_batch_that_is_split_is_collated_again_in_its_pieces(tmp_path: Path) -> None:
    class Strict(Collates):
        def generate(self, requests: Sequence[Any], inputs: Any = None) -> list[Any]:
            if len(requests) > 2:
                raise ValueError("two at most")
            return super().generate(requests, inputs)

    model = Strict()
    result = evaluate(model, write_questions(tmp_path, 8), tmp_path, batch_size=8)
    assert result.exit_code == 0
    assert all(prepared == asked for prepared, asked in model.received)


# --- pictures ---


@pytest.fixture
def fresh_cache() -> Any:
    cache.clear()
    yield
    cache.clear()


@pytest.mark.usefixtures("fresh_cache")
def test_pictures_that_a_model_does_not_look_at_are_never_decoded(tmp_path: Path) -> None:
    evaluate(Colours(), write_questions(tmp_path, 40), tmp_path, batch_size=4)
    assert (stats().loads, stats().misses) == (0, 0)


@pytest.mark.usefixtures("fresh_cache")
def test_pictures_are_decoded_ahead_once_the_model_has_looked_at_one(tmp_path: Path) -> None:
    main_thread_decodes = []

    class Looks(Colours):
        def answer(self, request: Any) -> str:
            before = stats().misses
            request.images[0].load()
            main_thread_decodes.append(stats().misses - before)
            return "red"

    evaluate(Looks(), write_questions(tmp_path, 40), tmp_path, batch_size=4)
    assert stats().misses == 40, "each once"
    assert sum(main_thread_decodes) < 40, "some were decoded ahead"


@pytest.mark.usefixtures("fresh_cache")
def test_equal_pictures_and_texts_are_embedded_once(tmp_path: Path) -> None:
    class Embeds:
        info = ModelInfo("embeds")

        def __init__(self) -> None:
            self.texts: list[str] = []
            self.pictures = 0

        def embed(self, requests: Sequence[Any]) -> Any:
            self.texts += [request.text for request in requests if request.text]
            self.pictures += sum(bool(request.images) for request in requests)
            return [[1.0, float(len(request.text))] for request in requests]

    data = write_captions(tmp_path, 4)
    copy = tmp_path / "images" / "copy.png"
    copy.write_bytes((tmp_path / "images" / "c0.png").read_bytes())
    with data.open("a", encoding="utf-8") as file:
        file.write('{"image": "copy.png", "captions": ["picture number 0, take 0", "a new one"]}\n')
    model = Embeds()
    result = evaluate(model, data, tmp_path, "retrieval")
    assert model.pictures == 4
    assert len(model.texts) == len(set(model.texts)) == 9
    assert len(lines(result.path)) == 13
    by_id = {row.metric.id: row.metric for row in result.rows()}
    assert by_id["recall@1(direction=t2i)"].n == 10, "all five pictures with their ten captions are scored"
    assert result.exit_code == 0
