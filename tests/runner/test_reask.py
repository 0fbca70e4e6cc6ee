"""``--reask truncated``: a variant with more tokens takes over what ended by itself, and asks only the rest."""

from pathlib import Path
from typing import Any

import pytest
from helpers import Colours, evaluate, mmbench, write_model, write_questions

from mmbench import Generation, UsageError

COLOURS = ["red", "green", "blue", "black"]
PLAIN, LARGE = "vqa/mine", "vqa/mine(max_new_tokens=100)"


class Thinks(Colours):
    """Needs ten times the number of the question in tokens, and is cut off where it may not write as many."""

    def answer(self, request: Any) -> Generation:
        number = int(request.sample_id[1:])
        if request.max_new_tokens < 10 * number:
            return Generation("<think>Let me", finish_reason="length")
        return Generation(f"<think>{number}</think>{COLOURS[number % 4]}", finish_reason="stop")


def value_of(result: Any, task: str) -> Any:
    """The accuracy of a task of the only run."""
    return result.runs[0].tasks[task].metrics["accuracy"]


def test_only_what_did_not_end_by_itself_is_asked_again(tmp_path: Path) -> None:
    model, data = Thinks(), write_questions(tmp_path, 8)
    first = evaluate(model, data, tmp_path, max_new_tokens=45)
    assert value_of(first, "vqa/mine(max_new_tokens=45)").n_truncated == 3
    model.calls.clear()
    second = evaluate(model, data, tmp_path, max_new_tokens=100, reask="truncated")
    assert second.path == first.path
    assert sorted(model.asked) == ["q5", "q6", "q7"]
    value = value_of(second, LARGE)
    assert (value.value, value.n, value.n_truncated) == (1.0, 8, 0)
    assert list(second.runs[0].record.tasks[LARGE].notes.values()) == [5]
    assert len(list(second.runs[0].tasks[LARGE].responses())) == 8
    again = evaluate(model, data, tmp_path, max_new_tokens=100, reask="truncated")
    assert (len(model.asked), value_of(again, LARGE)) == (3, value)
    assert value_of(again, LARGE).value > value_of(first, "vqa/mine(max_new_tokens=45)").value


def test_the_result_is_that_of_asking_everything_anew(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 12)
    evaluate(Thinks(), data, tmp_path, max_new_tokens=30)
    evaluate(Thinks(), data, tmp_path, max_new_tokens=60)
    resumed, fresh = Thinks(), Thinks()
    taken = evaluate(resumed, data, tmp_path, max_new_tokens=100, reask="truncated")
    whole = evaluate(fresh, data, tmp_path / "fresh", max_new_tokens=100)
    assert value_of(taken, LARGE) == value_of(whole, LARGE)
    assert len(resumed.asked) == 5, "the answers come from the larger of the earlier limits"
    assert len(fresh.asked) == 12


def test_what_was_selected_and_what_failed_is_asked_all_the_same(tmp_path: Path) -> None:
    class Fails(Thinks):
        def answer(self, request: Any) -> Generation:
            if request.sample_id == "q1" and request.max_new_tokens == 45:
                raise ValueError("not now")
            return super().answer(request)

    model, data = Fails(), write_questions(tmp_path, 8)
    evaluate(model, data, tmp_path, max_new_tokens=45, limit=6)
    model.calls.clear()
    evaluate(model, data, tmp_path, max_new_tokens=100, reask="truncated")
    assert sorted(model.asked) == ["q1", "q5", "q6", "q7"]


def test_an_end_that_nobody_knows_is_asked_again(tmp_path: Path) -> None:
    model, data = Colours(), write_questions(tmp_path, 4)
    evaluate(model, data, tmp_path)
    evaluate(model, data, tmp_path, max_new_tokens=100, reask="truncated")
    assert len(model.asked) == 8


@pytest.mark.parametrize(
    "options",
    [
        {"reask": "truncated"},
        {"reask": "truncated", "max_new_tokens": 45},
        {"reask": "truncated", "max_new_tokens": 3},
        {"reask": "truncated", "max_new_tokens": 100, "seed": 1},
        {"reask": "truncated", "max_new_tokens": 100, "prompt": "direct"},
        {"reask": "refused", "max_new_tokens": 100},
    ],
)
def test_nothing_to_take_over_is_refused_before_anything_is_asked(options: dict[str, Any], tmp_path: Path) -> None:
    model, data = Thinks(), write_questions(tmp_path, 4, closed=False)
    evaluate(model, data, tmp_path, max_new_tokens=45, prompt="cot")
    model.calls.clear()
    with pytest.raises(UsageError):
        evaluate(model, data, tmp_path, **{"prompt": "cot", **options})
    assert model.calls == []


@pytest.mark.slow
def test_the_command_says_what_it_took_over(tmp_path: Path) -> None:
    write_questions(tmp_path, 4)
    write_model(
        tmp_path,
        """
        from mmbench import Generation

        class Thinks:
            def generate(self, requests):
                return [Generation("red", finish_reason="stop" if r.max_new_tokens > 50 else "length") for r in requests]
        """,
    )
    command = ["run", "--model", "mymodel", "--tasks", "vqa", "--data", "mine.jsonl"]
    first = mmbench(*command, folder=tmp_path)
    assert first.code == 0
    assert "--reask truncated --max-new-tokens" in first.out
    again = mmbench(*command, "--reask", "truncated", "--max-new-tokens", "100", folder=tmp_path)
    assert again.code == 0
    assert "--reask" not in again.out.split("Resume")[0]
    mmbench(*command, "--reask", "truncated", "--max-new-tokens", "2", folder=tmp_path).refused(2, "fewer than 2")
