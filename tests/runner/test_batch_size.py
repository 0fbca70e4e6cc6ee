"""The size of batches: the rule of ``auto``, which no clock enters, and the search by the clock."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from helpers import Colours, evaluate, write_questions

import mmbench
from mmbench.core.errors import PluginError, RunFailedError, UsageError
from mmbench.models.caller import ModelCaller
from mmbench.resolve.model_names import resolve_instance
from mmbench.results.find import load_run
from mmbench.results.rundir import RunDirectory
from mmbench.runner.execute.batch_search import search
from mmbench.runner.plan.batching import auto_size


class Timed:
    """Answers by a clock of its own: `fixed` seconds a call and `each` a request, until memory runs out."""

    def __init__(self, fixed: float, each: float, room: int = 10_000) -> None:
        self.fixed, self.each, self.room, self.now = fixed, each, room, 0.0
        self.sizes: list[int] = []

    def generate(self, requests: Sequence[Any]) -> list[str]:
        self.sizes.append(len(requests))
        if len(requests) > self.room:
            raise MemoryError
        self.now += self.fixed + self.each * len(requests)
        return ["red"] * len(requests)

    def found(self, n: int = 10_000) -> Any:
        question = mmbench.core.Generate(parts=("?",), max_new_tokens=1)
        return search(ModelCaller(self), lambda size: [question] * size, n, lambda: self.now)


@pytest.mark.parametrize(
    ("fixed", "each", "best"),
    [
        (0.0, 0.01, 1),  # a batch gains nothing
        (0.015, 0.001, 256),  # s / (15 + s) grows by more than a twentieth up to 256, and by less from there to 1,024
        (0.01, 0.0, 1024),  # as large as may be
    ],
)
def test_the_search_finds_the_smallest_size_that_is_as_fast_as_any(fixed: float, each: float, best: int) -> None:
    assert Timed(fixed, each).found().best == best


def test_the_search_goes_no_further_than_memory_requests_and_its_budget() -> None:
    assert Timed(0.01, 0.0, room=20).found().best == 16
    assert Timed(0.01, 0.0).found(n=100).best == 64
    slow = Timed(9.0, 0.0)
    assert slow.found().best == 8  # a minute is over: two calls of 9 s for each of 1, 2, 4 and 8
    assert max(slow.sizes) == 8


def test_a_model_that_cannot_answer_one_request_ends_the_search_with_a_sentence() -> None:
    with pytest.raises(RunFailedError, match="batch of one request"):
        Timed(0.01, 0.0, room=0).found()


def test_a_search_is_stored_in_the_plan_and_not_made_again(tmp_path: Path) -> None:
    model = Colours()
    result = evaluate(model, write_questions(tmp_path, 12), tmp_path, batch_size="search")
    plan = RunDirectory(result.path).read_plan("vqa/mine")
    assert plan is not None
    assert max(map(len, plan.batches)) == plan.batch_size <= 8
    assert load_run(result.path).tasks["vqa/mine"].status == "complete"
    asked = len(model.asked)
    assert asked > 12
    evaluate(model, tmp_path / "mine.jsonl", tmp_path, batch_size="search")
    assert len(model.asked) == asked


def test_a_search_is_refused_where_nothing_is_asked_in_batches(tmp_path: Path) -> None:
    class Server:
        async def generate(self, request: Any) -> str:
            return "red"

    with pytest.raises(UsageError, match="--concurrency"):
        evaluate(Server(), write_questions(tmp_path, 2), tmp_path, batch_size="search")


@pytest.mark.parametrize(
    ("largest_first", "questions", "tokens", "size"),
    [
        (False, 5_000, 1, 64),
        (True, 896, 1, 64),  # seven batches of 128
        (True, 897, 1, 128),
        (True, 5_000, 128, 256),  # 32,768 tokens
        (True, 5_000, 129, 128),
        (True, 5_000, 2_000, 64),
    ],
)
def test_auto_follows_a_rule_without_clocks(largest_first: bool, questions: int, tokens: int, size: int) -> None:
    def requests(numbers: Sequence[int]) -> list[Any]:
        return [mmbench.core.Generate(parts=("",), max_new_tokens=tokens) for _ in numbers]

    plan: Any = SimpleNamespace(pools={("generate",): range(questions)}, requests=requests)
    assert auto_size(plan, largest_first=largest_first) == size


@pytest.mark.parametrize(("image_tokens", "size"), [(None, 64), (576, 64), (240, 128), (112, 256)])
def test_auto_counts_the_tokens_that_the_model_reads_an_image_as(image_tokens: int | None, size: int) -> None:
    image = SimpleNamespace(attrs={})  # of a size that nobody knows

    def requests(numbers: Sequence[int]) -> list[Any]:
        return [SimpleNamespace(text="", media=[image], max_new_tokens=16) for _ in numbers]

    plan: Any = SimpleNamespace(pools={("generate",): range(5_000)}, requests=requests)
    assert auto_size(plan, largest_first=True, image_tokens=image_tokens) == size


@pytest.mark.parametrize(("patch", "problem"), [(14, None), (0, "ZeroDivisionError"), (224, "ValueError")])
def test_the_class_of_a_model_says_how_many_tokens_an_image_is(patch: int, problem: str | None) -> None:
    class Reads(Colours):
        @classmethod
        def image_tokens(cls, patch: int) -> Any:
            return float(224 // patch) ** 2 if patch < 224 else "a few"

    model = resolve_instance(Colours)
    assert model.image_tokens() is None
    model = replace(model, target=Reads, options={"patch": patch})
    if problem is None:
        assert model.image_tokens() == 256
        return
    with pytest.raises(PluginError, match=problem):
        model.image_tokens()


def test_auto_keeps_the_size_of_the_plan_when_a_run_goes_on(tmp_path: Path) -> None:
    model = Colours()
    data = write_questions(tmp_path, 12)
    evaluate(model, data, tmp_path, limit=6, batch_size=4)
    result = evaluate(model, data, tmp_path, limit=6)
    assert RunDirectory(result.path).read_plan("vqa/mine").batch_size == 4  # type: ignore[union-attr]
    evaluate(model, data, tmp_path)
    plan = RunDirectory(result.path).read_plan("vqa/mine")
    assert plan is not None
    assert plan.batch_size == 64
    assert sorted(model.asked) == sorted({*model.asked})
