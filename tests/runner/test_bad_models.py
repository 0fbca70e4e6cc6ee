"""A model that misbehaves on some samples costs those samples, and nothing else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Colours, evaluate, lines, statuses, write_captions, write_questions

from mmbench import Generation, ModelInfo, Usage
from mmbench.core import UsageError
from mmbench.results.rundir import RunDirectory


class FailsOn(Colours):
    """Raises whenever a batch holds one of the bad samples."""

    def __init__(self, *bad: str, error: BaseException | None = None) -> None:
        super().__init__()
        self.bad = set(bad)
        self.error = error or ValueError("cannot look at this")

    def answer(self, request: Any) -> str:
        if request.sample_id in self.bad:
            raise self.error
        return "red"


class Answers(Colours):
    """Gives a prepared answer to some samples."""

    def __init__(self, **odd: Any) -> None:
        super().__init__()
        self.odd = odd

    def answer(self, request: Any) -> Any:
        return self.odd.get(request.sample_id, "red")


class Returns:
    """Returns one prepared object for every batch of more than `enough` requests."""

    info = ModelInfo("returns")

    def __init__(self, outputs: Any, enough: int = 0) -> None:
        self.outputs = outputs
        self.enough = enough

    def generate(self, requests: Sequence[Any]) -> Any:
        return self.outputs if len(requests) > self.enough else ["red"] * len(requests)


def test_exactly_the_sample_that_raises_fails_and_the_rest_is_scored(tmp_path: Path) -> None:
    model = FailsOn("q5")
    result = evaluate(model, write_questions(tmp_path, 16), tmp_path)
    (metric,) = [row.metric for row in result.rows()]
    assert (metric.n, metric.n_failed, metric.coverage) == (15, 1, 15 / 16)
    assert metric.value == pytest.approx(4 / 15)
    assert metric.value_failed_as_zero == pytest.approx(4 / 16)
    assert statuses(result.path) == {f"q{i}": "error" if i == 5 else "ok" for i in range(16)}
    assert result.exit_code == 4
    assert result.runs[0].record.status == "partial"
    (failed,) = (line for line in lines(result.path) if line.status == "error")
    assert failed.error == "ValueError: cannot look at this"
    assert failed.output is None


def test_the_failing_sample_is_found_in_logarithmically_many_calls(tmp_path: Path) -> None:
    model = FailsOn("q5")
    evaluate(model, write_questions(tmp_path, 32), tmp_path)
    assert len(model.calls) == 1 + 2 * 5


def test_a_resumed_run_asks_only_what_failed(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 16)
    evaluate(FailsOn("q5", "q6"), data, tmp_path)
    healed = FailsOn()
    result = evaluate(healed, data, tmp_path)
    assert sorted(healed.asked) == ["q5", "q6"]
    assert result.exit_code == 0
    assert result.rows()[0].metric.n_failed == 0
    assert result.runs[0].record.status == "complete"


def test_a_model_that_always_raises_scores_nothing_rather_than_zero(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 8)
    result = evaluate(FailsOn(*(f"q{i}" for i in range(8))), data, tmp_path, max_errors=8)
    metric = result.rows()[0].metric
    assert (metric.value, metric.low, metric.high, metric.n, metric.coverage) == (None, None, None, 0, 0.0)
    assert metric.reason == "no unit was scored"
    assert result.exit_code == 4


def test_a_model_that_calls_exit_fails_its_sample_and_does_not_end_the_run(tmp_path: Path) -> None:
    result = evaluate(FailsOn("q3", error=SystemExit(0)), write_questions(tmp_path, 8), tmp_path)
    assert result.exit_code == 4
    assert statuses(result.path)["q3"] == "error"
    assert result.rows()[0].metric.n == 7


def test_an_error_message_that_utf_8_cannot_hold_is_logged_with_escapes(tmp_path: Path) -> None:
    result = evaluate(FailsOn("q1", error=OSError("no file caf\udce9.png")), write_questions(tmp_path, 4), tmp_path)
    (failed,) = (line for line in lines(result.path) if line.status == "error")
    assert failed.error == r"OSError: no file caf\udce9.png"


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (["red"], "returned 1 outputs for 1"),
        (["red"] * 9, "returned 9 outputs"),
        ("red", "returned a str"),
        (None, "returned nothing (None)"),
        (3, "returned a int"),
        ({"q0": "red"}, "returned a dict"),
        ({"red"}, "returned a set"),
    ],
)
def test_outputs_that_cannot_be_matched_to_the_requests_are_errors_never_answers(
    tmp_path: Path, outputs: Any, said: str
) -> None:
    """One output too few or too many, a bare text, a dict: a single request may still be told apart."""
    result = evaluate(Returns(outputs), write_questions(tmp_path, 2), tmp_path, max_errors=9)
    logged = lines(result.path)
    if outputs == ["red"]:  # wrong for the pair, right for each alone
        assert [line.status for line in logged] == ["ok", "ok"]
        return
    assert [line.status for line in logged] == ["error", "error"]
    assert all(said in (line.error or "") for line in logged)
    assert all(line.output is None for line in logged)


def test_too_few_outputs_for_a_batch_are_asked_again_in_smaller_batches(tmp_path: Path) -> None:
    result = evaluate(Returns(["red"], enough=4), write_questions(tmp_path, 16), tmp_path)
    assert result.exit_code == 0
    assert set(statuses(result.path).values()) == {"ok"}
    run = RunDirectory(result.path)
    (entry,) = run.read().tasks.values()
    assert "1 outputs for 16 requests" in (entry.reason or "")
    assert "1 outputs for 16 requests" in str(result), "it is said beside the score"
    (perf,) = run.read_perf().tasks.values()
    assert [reason.code for reason in perf.quality.reasons] == ["too_few_samples"]


def test_the_causes_of_failures_are_said_with_their_first_samples(tmp_path: Path) -> None:
    model = FailsOn("q1", "q3", error=ValueError("no red here"))
    result = evaluate(model, write_questions(tmp_path, 8), tmp_path)
    assert "2 of 8 requests failed: 2 × ValueError: no red here (first: sample q1)" in str(result)


def test_outputs_without_an_answer_are_said_beside_the_score(tmp_path: Path) -> None:
    result = evaluate(Answers(q1="It is red, I think."), write_questions(tmp_path, 4), tmp_path)
    assert "1 of 4 outputs hold no answer (unparsed)" in str(result)


def test_an_output_that_is_no_text_is_that_samples_error(tmp_path: Path) -> None:
    model = Answers(q0=None, q1=7, q2=["red"], q3=b"red", q4=np.str_("red"), q5=Generation("red"), q6="")
    result = evaluate(model, write_questions(tmp_path, 8), tmp_path, max_errors=8)
    assert statuses(result.path) == {
        **dict.fromkeys(("q0", "q1", "q2", "q3"), "error"),
        **dict.fromkeys(("q4", "q5", "q6", "q7"), "ok"),
    }
    errors = {line.id: line.error for line in lines(result.path) if line.error}
    assert errors["vqa/mine/q1/0"] == "generate returned a int; expected a str or mmbench.Generation"


def test_half_of_a_surrogate_pair_is_that_samples_error(tmp_path: Path) -> None:
    result = evaluate(Answers(q1="\ud83d", q2="😀"), write_questions(tmp_path, 4), tmp_path)
    assert statuses(result.path) == {"q0": "ok", "q1": "error", "q2": "ok", "q3": "ok"}


def test_refusals_are_counted_apart_and_not_asked_again(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 8)
    result = evaluate(Answers(q0=Generation("I'd rather not.", refused=True)), data, tmp_path)
    metric = result.rows()[0].metric
    assert (metric.n, metric.n_refused, metric.n_failed) == (8, 1, 0)
    assert metric.value == pytest.approx(1 / 8)
    assert result.exit_code == 0
    again = Answers()
    evaluate(again, data, tmp_path)
    assert again.calls == []


def test_token_counts_of_any_library_are_kept_as_plain_numbers(tmp_path: Path) -> None:
    usage = Usage(input_tokens=np.int64(5), output_tokens=np.int32(2), cost_usd=np.float32(0.5))  # type: ignore[arg-type]
    result = evaluate(Answers(q0=Generation("red", usage=usage)), write_questions(tmp_path, 2), tmp_path)
    first = lines(result.path)[0]
    assert (first.input_tokens, first.output_tokens, first.cost_usd) == (5, 2, 0.5)


@pytest.mark.parametrize(
    "usage",
    [Usage(output_tokens="many"), Usage(cost_usd=float("nan")), {"output_tokens": 3}],  # type: ignore[arg-type]
    ids=["text", "nan", "dict"],
)
def test_a_usage_without_numbers_is_that_samples_error_and_the_log_stays_readable(tmp_path: Path, usage: Any) -> None:
    result = evaluate(Answers(q0=Generation("red", usage=usage)), write_questions(tmp_path, 2), tmp_path)
    assert statuses(result.path) == {"q0": "error", "q1": "ok"}


def test_a_model_cannot_reorder_the_requests_behind_the_runners_back(tmp_path: Path) -> None:
    class Sorts:
        info = ModelInfo("sorts")

        def generate(self, requests: Any) -> list[str]:
            requests.sort(key=lambda request: request.sample_id, reverse=True)
            return ["red" for _ in requests]

    result = evaluate(Sorts(), write_questions(tmp_path, 4), tmp_path, max_errors=4)
    assert {line.error for line in lines(result.path)} == {"AttributeError: 'tuple' object has no attribute 'sort'"}


# --- embeddings ---


class Embeds:
    """Embeds everything at random, but for what `odd` says of some texts."""

    info = ModelInfo("embeds")

    def __init__(self, **odd: Any) -> None:
        self.odd = odd
        self.asked: list[str] = []

    def embed(self, requests: Sequence[Any]) -> Any:
        self.asked += [request.id for request in requests]
        return [self.vector(request) for request in requests]

    def vector(self, request: Any) -> Any:
        found = next((value for text, value in self.odd.items() if text in request.text), None)
        if isinstance(found, Exception):
            raise found
        if found is not None:
            return found
        return np.random.default_rng(request.seed).standard_normal(4).astype(np.float32)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (np.array([1, np.nan, 0, 0]), "NaN or infinite"),
        (np.array([1, np.inf, 0, 0]), "NaN or infinite"),
        (np.array([1e300, 0, 0, 0]), "NaN or infinite"),
        (np.ones(5), "length 5; the first one had 4"),
        (np.ones((2, 2)), "length 2; the first one had 4"),
        (np.ones(0), "shape [0]"),
        (["a", "b", "c", "d"], "expected a vector of numbers"),
        ("vector", "expected a vector of numbers"),
        (ValueError("no vector"), "ValueError: no vector"),
    ],
    ids=["nan", "inf", "overflow", "longer", "matrix", "empty", "texts", "text", "raises"],
)
def test_a_bad_vector_fails_its_own_item_and_marks_the_metrics_incomplete(tmp_path: Path, bad: Any, said: str) -> None:
    model = Embeds(**{"number 3, take 0": bad})
    result = evaluate(model, write_captions(tmp_path), tmp_path, "retrieval", batch_size=4)
    failed = [line for line in lines(result.path) if line.status != "ok"]
    assert [line.id for line in failed] == ["retrieval/captions/c3.png/1"]
    assert said in (failed[0].error or "")
    assert failed[0].row is None
    by_id = {row.metric.id: row.metric for row in result.rows()}
    recall = by_id["recall@1(direction=t2i)"]
    assert (recall.n, recall.n_failed) == (11, 1)
    assert "missing from the gallery" in (by_id["hit_rate@1(direction=i2t)"].reason or "")
    assert result.exit_code == 4


def test_vectors_that_change_their_length_between_batches_are_errors(tmp_path: Path) -> None:
    class Grows:
        info = ModelInfo("grows")

        def __init__(self) -> None:
            self.calls = 0

        def embed(self, requests: Sequence[Any]) -> Any:
            self.calls += 1
            return np.ones((len(requests), 3 + (self.calls > 1)))

    data = write_captions(tmp_path)
    result = evaluate(Grows(), data, tmp_path, "retrieval", batch_size=6, max_errors=99)
    logged = lines(result.path)
    assert [line.status for line in logged] == ["ok"] * 6 + ["error"] * 12
    assert all("the first one had 3" in (line.error or "") for line in logged[6:])
    resumed = evaluate(Grows(), data, tmp_path, "retrieval", batch_size=6, max_errors=99)
    assert resumed.exit_code == 4
    assert len(lines(result.path)) == 18 + 12


def test_a_wrong_number_of_vectors_is_no_answer(tmp_path: Path) -> None:
    class Few:
        info = ModelInfo("few")

        def embed(self, requests: Sequence[Any]) -> Any:
            return np.ones((max(1, len(requests) - 1), 3))

    result = evaluate(Few(), write_captions(tmp_path, 2, 1), tmp_path, "retrieval")
    assert {line.status for line in lines(result.path)} == {"ok"}, "each was asked again on its own"


def test_a_model_that_uses_its_output_buffer_again_keeps_its_earlier_vectors(tmp_path: Path) -> None:
    class Reuses:
        info = ModelInfo("reuses")

        def __init__(self) -> None:
            self.buffer = np.zeros((1, 2), dtype=np.float32)

        def embed(self, requests: Sequence[Any]) -> Any:
            if len(requests) > 1:
                raise ValueError("one at a time")
            self.buffer[0] = [float(requests[0].text[len("picture number ")] if requests[0].text else 9), 1]
            return self.buffer

    result = evaluate(Reuses(), write_captions(tmp_path, 4, 1), tmp_path, "retrieval")
    from mmbench.results.log import read_embeddings

    vectors = read_embeddings(result.path / "tasks" / "retrieval__captions" / "embeddings.bin")
    assert vectors is not None
    by_id = {line.id: vectors[line.row, 0] for line in lines(result.path) if line.row is not None}
    assert [by_id[f"retrieval/captions/c{i}.png/1"] for i in range(4)] == [0, 1, 2, 3]
    assert [by_id[f"retrieval/captions/c{i}.png/0"] for i in range(4)] == [9, 9, 9, 9]


# --- the life of a model ---


class Fragile(Colours):
    """Fails in one of the methods around the questions."""

    def __init__(self, where: str, error: BaseException) -> None:
        super().__init__()
        self.where, self.error = where, error

    def _at(self, place: str) -> None:
        if place == self.where:
            raise self.error

    def open(self) -> None:
        self._at("open")

    def close(self) -> None:
        self._at("close")


@pytest.mark.parametrize("error", [RuntimeError("no weights"), SystemExit(0)], ids=["raises", "exits"])
def test_a_model_that_cannot_be_opened_ends_its_run_with_one_sentence(tmp_path: Path, error: BaseException) -> None:
    result = evaluate(Fragile("open", error), write_questions(tmp_path, 4), tmp_path)
    assert result.exit_code == 4
    assert f"failed in open(): {type(error).__name__}" in result.failures["Fragile"]
    assert result.runs[0].record.status == "failed"


def test_a_model_that_says_that_it_cannot_be_asked_leaves_nothing_behind(tmp_path: Path) -> None:
    data, runs = write_questions(tmp_path, 4), tmp_path / "runs"
    with pytest.raises(UsageError):
        evaluate(Fragile("open", UsageError("no image")), data, tmp_path)
    assert list(runs.iterdir()) == []
    assert evaluate(Fragile("nowhere", UsageError()), data, tmp_path, limit=2).exit_code == 0
    with pytest.raises(UsageError):
        evaluate(Fragile("open", UsageError("no image")), data, tmp_path)
    (run,) = runs.iterdir()
    assert len(lines(run)) == 2


def test_what_was_answered_counts_even_when_the_model_cannot_be_closed(tmp_path: Path) -> None:
    result = evaluate(Fragile("close", RuntimeError("stuck")), write_questions(tmp_path, 4), tmp_path)
    assert result.exit_code == 4
    assert "failed in close(): RuntimeError: stuck" in result.failures["Fragile"]
    assert result.rows()[0].metric.n == 4


def test_a_failing_close_does_not_hide_what_ended_the_run(tmp_path: Path) -> None:
    class Both(Fragile):
        def answer(self, request: Any) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(Both("close", RuntimeError("stuck")), write_questions(tmp_path, 4), tmp_path)


def test_a_constructor_that_raises_ends_the_run_with_one_sentence(tmp_path: Path) -> None:
    class Never:
        def __init__(self) -> None:
            raise OSError("weights.bin is missing")

        def generate(self, requests: Any) -> Any:
            return []

    result = evaluate(Never, write_questions(tmp_path, 4), tmp_path)
    assert result.exit_code == 4
    assert result.failures["Never"] == "model 'Never' cannot be built: OSError: weights.bin is missing"


def test_a_model_that_fails_does_not_keep_the_others_from_running(tmp_path: Path) -> None:
    result = evaluate([Fragile("open", RuntimeError("no")), "constant"], write_questions(tmp_path, 4), tmp_path)
    assert list(result.failures) == ["Fragile"]
    assert [row.model for row in result.rows()] == ["constant"]
    assert result.exit_code == 4


# --- giving up ---


class AlwaysFails(Colours):
    def answer(self, request: Any) -> str:
        raise ValueError("never")


def test_max_errors_as_a_count_stops_after_that_many_more(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 8)
    result = evaluate(AlwaysFails(), data, tmp_path, max_errors=2, batch_size=1)
    assert result.exit_code == 4
    assert result.failures["AlwaysFails"].startswith("3 of 3 requests failed, more than --max-errors 2 allows.")
    assert "sample q0: ValueError: never" in result.failures["AlwaysFails"]
    assert result.runs[0].record.status == "stopped"
    assert len(lines(result.path)) == 3, "what ended before is kept"
    assert result.rows() == [], "a stopped run is not scored"


def test_max_errors_of_zero_stops_at_the_first(tmp_path: Path) -> None:
    result = evaluate(FailsOn("q2"), write_questions(tmp_path, 8), tmp_path, max_errors=0, batch_size=1)
    assert len(lines(result.path)) == 3
    assert result.failures["FailsOn"].startswith("1 of 3 requests failed")


def test_max_errors_as_a_fraction_waits_for_fifty_requests(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 60)
    result = evaluate(AlwaysFails(), data, tmp_path, max_errors=0.5, batch_size=1)
    assert result.failures["AlwaysFails"].startswith("50 of 50 requests failed")


def test_a_fraction_of_errors_below_the_limit_goes_on_to_the_end(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 60)
    bad = [f"q{i}" for i in range(0, 60, 3)]
    result = evaluate(FailsOn(*bad), data, tmp_path, max_errors=0.5)
    assert result.failures == {}
    assert result.rows()[0].metric.n_failed == 20


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 8)
    evaluate(FailsOn("q0", "q1", "q2"), data, tmp_path, max_errors=1, batch_size=1)
    healed = FailsOn()
    result = evaluate(healed, data, tmp_path, max_errors=1, batch_size=1)
    assert sorted(healed.asked) == sorted(f"q{i}" for i in range(8))
    assert result.exit_code == 0
