"""Answers that runs share: asked once, kept by content, never an error, never a latency."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import evaluate, lines, write_captions, write_questions

from mmbench import Generation, Usage
from mmbench.core import Generate, Media
from mmbench.resolve.model_names import resolve_model
from mmbench.results.answer_cache import FILE
from mmbench.runner.execute.cached_answers import request_key


class Counts:
    """Answers, and counts what it is asked."""

    def __init__(self, digest: str | None = "counts") -> None:
        self.info = {"digest": digest}
        self.asked: list[str] = []
        self.fails: set[str] = set()

    def generate(self, requests: Any) -> list[Any]:
        self.asked += [request.sample_id for request in requests]
        if any(request.sample_id in self.fails for request in requests):
            raise ValueError("cannot")
        return [Generation("red", Usage(3, 1, 0.5)) for _ in requests]

    def embed(self, requests: Any) -> Any:
        self.asked += [request.id for request in requests]
        draw = np.random.default_rng(len(self.asked))
        return draw.standard_normal((len(requests), 5)).astype(np.float32)


def again(folder: Path) -> Path:
    """A folder for runs that know nothing of each other but the cache."""
    shutil.rmtree(folder / "runs", ignore_errors=True)
    return folder


def test_what_was_answered_is_not_asked_again_in_another_run(tmp_path: Path) -> None:
    data, cache = write_questions(tmp_path, 30), tmp_path / "cache"
    model = Counts()
    first = evaluate(model, data, again(tmp_path), cache=cache, batch_size=4)
    perf = first.runs[0].tasks["vqa/mine"].perf.quality
    assert (perf.value("cost"), perf.n_cached, len(model.asked)) == (15.0, 0, 30)
    assert perf.value("cost_per_1000_samples") == 500.0
    values = [row.to_dict() for row in first.rows()]
    second = evaluate(model, data, again(tmp_path), cache=cache, batch_size=4)
    assert len(model.asked) == 30
    assert [row.to_dict() for row in second.rows()] == values
    perf = second.runs[0].tasks["vqa/mine"].perf.quality
    assert (perf.n_cached, perf.n_calls, perf.value("latency_p50"), perf.value("cost"), perf.valid) == (
        30,
        0,
        None,
        None,
        False,
    )
    assert [reason.code for reason in perf.reasons] == ["too_few_samples"]
    assert "cache" in perf.reasons[0].detail
    logged = lines(second.path)
    assert all(line.cached and line.duration_s == 0 and line.cost_usd == 0 for line in logged)


def test_an_error_is_never_cached(tmp_path: Path) -> None:
    data, cache = write_questions(tmp_path, 6), tmp_path / "cache"
    model = Counts()
    model.fails = {"q3"}
    evaluate(model, data, again(tmp_path), cache=cache, batch_size=2)
    model.fails, model.asked = set(), []
    assert evaluate(model, data, again(tmp_path), cache=cache, batch_size=2).exit_code == 0
    assert model.asked == ["q3"]


@pytest.mark.slow
def test_vectors_come_back_to_the_bit(tmp_path: Path) -> None:
    data, cache = write_captions(tmp_path, 6, 2), tmp_path / "cache"
    model = Counts()
    first = evaluate(model, data, again(tmp_path), "retrieval", cache=cache)
    (stored,) = first.path.glob("tasks/*/embeddings.bin")
    before, asked = stored.read_bytes(), len(model.asked)
    second = evaluate(model, data, again(tmp_path), "retrieval", cache=cache)
    (stored,) = second.path.glob("tasks/*/embeddings.bin")
    assert stored.read_bytes() == before
    assert len(model.asked) == asked


def test_another_model_or_no_digest_is_asked(tmp_path: Path) -> None:
    data, cache = write_questions(tmp_path, 4), tmp_path / "cache"
    evaluate(Counts(), data, again(tmp_path), cache=cache)
    for other in (Counts("another"), Counts(None)):
        evaluate(other, data, again(tmp_path), cache=cache)
        assert len(other.asked) == 4


class _Nowhere:
    path = None

    def read(self) -> bytes:
        return b""

    def load(self) -> Any:
        return None


def key(**changes: Any) -> bytes:
    picture = Media("image", "image/png", changes.pop("digest", "d" * 64), _Nowhere())
    asked: dict[str, Any] = {"parts": (picture, "colour?"), "id": "a", "seed": 1, **changes}
    options = asked.pop("options", {})
    return request_key("weights", options, Generate(**asked))


def test_the_key_holds_all_that_determines_an_answer_and_nothing_else() -> None:
    same = [key(), key(id="b"), key(seed=2), key(sample_id="s")]
    assert len(set(same)) == 1
    others = [
        key(digest="e" * 64),
        key(parts=("colour?",)),
        key(max_new_tokens=5),
        key(stop=("x",)),
        key(choices=("a", "b")),
        key(temperature=0.5),
        key(temperature=0.5, seed=2),
        key(options={"depth": 2}),
    ]
    assert len({*same, *others}) == 1 + len(others)


def test_a_damaged_cache_is_named_and_not_overwritten(tmp_path: Path) -> None:
    data, cache = write_questions(tmp_path, 4), tmp_path / "cache"
    cache.mkdir()
    (cache / FILE).write_bytes(b"no database at all" * 100)
    result = evaluate(Counts(), data, again(tmp_path), cache=cache)
    assert result.exit_code == 4
    assert "cannot be used" in str(result.failures)
    assert (cache / FILE).read_bytes().startswith(b"no database")


def test_a_cache_that_breaks_during_a_run_does_not_break_the_run(tmp_path: Path) -> None:
    data, cache = write_questions(tmp_path, 40), tmp_path / "cache"

    class Breaks(Counts):
        def generate(self, requests: Any) -> list[Any]:
            if not self.asked:
                with sqlite3.connect(cache / FILE) as file:
                    file.execute("DROP TABLE answers")
                file.close()
            return super().generate(requests)

    assert evaluate(Breaks(), data, again(tmp_path), cache=cache, batch_size=4).exit_code == 0


def test_answers_kept_under_a_former_digest_are_found(tmp_path: Path) -> None:
    """As a158290 kept them, which knew registered models by the digest of their source."""
    data, cache = write_questions(tmp_path, 4), tmp_path / "cache"
    (former,) = resolve_model("constant").identity.former
    evaluate(Counts(former), data, again(tmp_path), cache=cache)
    result = evaluate("constant", data, again(tmp_path), cache=cache)
    assert [line.output for line in lines(result.path, "vqa/mine")] == ["red"] * 4
    assert result.runs[0].tasks["vqa/mine"].perf.quality.n_cached == 4
