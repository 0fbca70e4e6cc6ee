"""How outputs ended: what each ending is scored with, where it is counted, and that calls which failed are seen."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers import Colours, evaluate, lines, write_questions

from mmbench import Generation, Usage, run
from mmbench.core import MetricValue
from mmbench.results.rundir import RunDirectory


class Ends(Colours):
    """Says what it is told to about some questions, and the right answer to the others."""

    def __init__(self, **odd: Any) -> None:
        super().__init__()
        self.odd = odd

    def answer(self, request: Any) -> Any:
        right = ["red", "green", "blue", "black"][int(request.sample_id[1:]) % 4]
        return self.odd.get(request.sample_id, Generation(right, finish_reason="stop"))


def primary(result: Any) -> MetricValue:
    """The one primary value."""
    (value,) = [row.metric for row in result.rows() if row.primary]
    return value


def test_every_ending_is_scored_and_counted_as_what_it_is(tmp_path: Path) -> None:
    model = Ends(
        q0=Generation("red", finish_reason="length"),
        q1=Generation("<think>It is gre", usage=Usage(output_tokens=7), finish_reason="length"),
        q2=Generation("hm", finish_reason="length"),
        q3=Generation(""),
        q4=Generation("I would rather not.", finish_reason="filter"),
        q5=3,
    )
    result = evaluate(model, write_questions(tmp_path, 10), tmp_path)
    value = primary(result)
    assert result.exit_code == 4
    assert (value.n, value.n_failed, value.n_truncated, value.n_unparsed, value.n_refused) == (9, 1, 3, 1, 1)
    assert value.value == 5 / 9
    assert (value.bound_low, value.bound_high) == (0.4, 1.0)
    logged = {line.id.split("/")[-2]: line for line in lines(result.path)}
    assert [logged[f"q{n}"].status for n in range(6)] == [*["truncated"] * 3, "ok", "refused", "error"]
    assert (logged["q1"].output, logged["q1"].raw, logged["q1"].reasoning) == ("", "<think>It is gre", "It is gre")
    assert "7" in str(logged["q1"].error)
    (table,) = (
        RunDirectory(result.path).read_tables("vqa/mine", result.runs[0].record.tasks["vqa/mine"].scoring).values()
    )
    assert list(table.status[:6]) == [*["truncated"] * 3, "unparsed", "refused", "error"]
    again = Ends()
    assert evaluate(again, tmp_path / "mine.jsonl", tmp_path).exit_code == 0
    assert again.asked == ["q5"]


@pytest.mark.parametrize(
    ("said", "output", "reasoning"),
    [
        ("<think>blue?</think>\nred", "red", "blue?"),
        (Generation("red", reasoning="blue?"), "red", "blue?"),
        (Generation("<think>no</think>red", reasoning="blue?"), "red", "blue?\n\nno"),
        ("blue?</think>red", "red", "blue?"),
    ],
)
def test_reasoning_is_never_part_of_what_is_scored(said: Any, output: str, reasoning: str, tmp_path: Path) -> None:
    result = evaluate(Ends(q0=said), write_questions(tmp_path, 1), tmp_path)
    (line,) = lines(result.path)
    assert (line.status, line.output, line.reasoning) == ("ok", output, reasoning)
    assert line.raw == (None if "<" not in getattr(said, "text", said) else getattr(said, "text", said))
    assert primary(result).value == 1


@pytest.mark.parametrize(
    "odd",
    [
        Generation("red", finish_reason="bored"),  # type: ignore[arg-type]
        Generation("red", reasoning=3),  # type: ignore[arg-type]
        Generation("red", reasoning="\ud800"),
        Generation("red", usage=Usage(reasoning_tokens="many")),  # type: ignore[arg-type]
        Generation("red", first_answer_token_s="soon"),  # type: ignore[arg-type]
    ],
)
def test_a_generation_that_cannot_be_kept_is_an_error_of_its_sample(odd: Generation, tmp_path: Path) -> None:
    result = evaluate(Ends(q1=odd), write_questions(tmp_path, 4), tmp_path)
    assert [line.status for line in lines(result.path)] == ["ok", "error", "ok", "ok"]


def test_reasoning_without_an_end_was_cut_off_unless_the_model_ended_it(tmp_path: Path) -> None:
    odd = {
        "q0": "<think>Let me",
        "q1": Generation("red <think>or"),
        "q2": Generation("<think>hm", finish_reason="stop"),
    }
    result = evaluate(Ends(**odd), write_questions(tmp_path, 3), tmp_path)
    assert [(line.status, line.output) for line in lines(result.path)] == [
        ("truncated", ""),
        ("truncated", "red"),
        ("ok", ""),
    ]


def test_another_run_replays_endings_and_all(tmp_path: Path) -> None:
    model = Ends(q0=Generation("red", finish_reason="length"), q1=Generation("No.", refused=True))
    first = evaluate(model, write_questions(tmp_path, 4), tmp_path)
    log = first.path / "tasks" / "vqa__mine" / "responses.jsonl"
    second = evaluate("replay", tmp_path / "mine.jsonl", tmp_path, model_args={"file": str(log)})
    assert [line.status for line in lines(second.path)] == [line.status for line in lines(first.path)]
    assert primary(second) == primary(first)


class RaisesNowAndThen(Colours):
    """Fails at every fifth call, whatever it is asked."""

    def __init__(self, error: Callable[[], BaseException]) -> None:
        super().__init__()
        self.error = error

    def generate(self, requests: Sequence[Any]) -> list[Any]:
        self.calls.append(len(requests))
        if len(self.calls) % 5 == 0:
            raise self.error()
        return ["red"] * len(requests)


def test_calls_that_fail_now_and_then_are_counted_with_the_first_cause(tmp_path: Path) -> None:
    errors = iter([ValueError("the first"), *(KeyError(n) for n in range(99))])
    model = RaisesNowAndThen(lambda: next(errors))
    result = evaluate(model, write_questions(tmp_path, 60), tmp_path, batch_size=4)
    entry = result.runs[0].record.tasks["vqa/mine"]
    assert result.exit_code == 0
    assert entry.n_split == len(model.calls) // 5 > 2
    assert entry.split_cause == "ValueError: the first"
    assert "ValueError: the first" in str(entry.reason)
    assert "failures" in [reason.code for reason in result.runs[0].tasks["vqa/mine"].perf.quality.reasons]
    assert {line.status for line in lines(result.path)} == {"ok"}
    again = evaluate(model, tmp_path / "mine.jsonl", tmp_path, batch_size=4)
    assert again.runs[0].record.tasks["vqa/mine"].n_split == entry.n_split


def test_progress_does_not_say_that_there_were_no_errors(tmp_path: Path) -> None:
    shown: list[Any] = []

    class Shown:
        def start(self, stage: Any) -> None: ...

        def update(self, stage: Any) -> None: ...

        def finish(self, stage: Any) -> None:
            shown.append(stage)

        def note(self, text: str) -> None: ...

    for model in (
        RaisesNowAndThen(lambda: ValueError("now and then")),
        Ends(q0=Generation("x", finish_reason="length")),
    ):
        data = write_questions(tmp_path, 32)
        run(model, "vqa", data=data, out=tmp_path / type(model).__name__, progress=Shown(), batch_size=4)
    split, cut = shown
    assert (split.failed, split.splits > 0, split.truncated) == (0, True, 0)
    assert "no errors" not in split.line()
    assert (cut.failed, cut.splits, cut.truncated) == (0, 0, 1)


def test_memory_that_runs_out_is_shown_by_the_batch_size_and_not_as_a_fault(tmp_path: Path) -> None:
    class Small(Colours):
        def generate(self, requests: Sequence[Any]) -> list[Any]:
            if len(requests) > 2:
                raise MemoryError
            return ["red"] * len(requests)

    entry = evaluate(Small(), write_questions(tmp_path, 8), tmp_path).runs[0].record.tasks["vqa/mine"]
    assert (entry.batch_size, entry.n_split, entry.split_cause) == (2, 0, None)
