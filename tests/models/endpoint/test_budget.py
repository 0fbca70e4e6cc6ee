"""What a run may cost, and what it is expected to cost."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import lines, mmbench, statuses, write_questions
from misbehaving import always, first, said, serving

PRICES = '[prices."test-model"]\ninput = 2\noutput = 10.0\n'
USAGE = {"prompt_tokens": 100, "completion_tokens": 7}
COST = 270e-6
"""US dollars of one answer."""


@pytest.mark.slow
def test_a_run_that_has_cost_enough_stops_and_the_same_command_goes_on(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "mmbench.toml").write_text(PRICES, encoding="utf-8")
    with serving(always(said(usage=USAGE))) as server:
        result = ask(server, 12, max_cost=4.5 * COST, concurrency=1)
        assert result.exit_code == 4
        run = result.runs[0]
        assert run.tasks["vqa/mine"].status == "stopped"
        assert 5 <= len(lines(result.path)) < 12
        assert set(statuses(result.path).values()) == {"ok"}
        whole = ask(server, 12, max_cost=1.0)
    assert whole.exit_code == 0
    assert len(lines(whole.path)) == 12


def test_a_bound_on_the_cost_needs_a_price(ask: Any) -> None:
    with serving(always(said(usage=USAGE))) as server:
        result = ask(server, 6, max_cost=1.0, concurrency=1)
    assert result.exit_code == 4
    assert len(lines(result.path)) <= 2


@pytest.mark.slow
def test_a_dry_run_estimates_requests_tokens_and_cost(tmp_path: Path) -> None:
    (tmp_path / "mmbench.toml").write_text(PRICES, encoding="utf-8")
    data = write_questions(tmp_path, 12)
    done = mmbench(
        *("run", "--model", "openai/test-model", "--base-url", "http://127.0.0.1:9/v1", "--tasks", "vqa"),
        *("--data", data, "--max-new-tokens", "50", "--dry-run", "--json"),
        folder=tmp_path,
    )
    assert done.code == 0, done.err
    (task,) = json.loads(done.out)["plan"][0]["tasks"]
    assert (task["requests"], task["left"], task["output_tokens"]) == (12, 12, 600)
    assert task["input_tokens"] > 12
    assert task["cost_usd"] == (task["input_tokens"] * 2 + 600 * 10) / 1e6


@pytest.mark.slow
def test_the_body_of_a_call_is_shown_without_sending_it(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 3)
    done = mmbench(
        *("show", "vqa", "--data", data, "--sample", "0", "--model", "openai/m", "--prompt", "cot"),
        *("--model-args", "base_url=http://127.0.0.1:9,system=Brief."),
        folder=tmp_path,
    )
    assert done.code == 0, done.err
    body = json.loads("{" + done.out.partition("{")[2].rpartition("}")[0] + "}")
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["max_tokens"] == 512
    assert len(done.out) < 4000


def test_a_refusal_without_a_count_of_tokens_does_not_stop_a_run(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "mmbench.toml").write_text(PRICES, encoding="utf-8")
    with serving(first(said(None, "content_filter"), then=said(usage=USAGE))) as server:
        result = ask(server, 6, max_cost=1.0, concurrency=1)
    assert result.exit_code == 0
    assert sorted(statuses(result.path).values()) == ["ok"] * 5 + ["refused"]


def test_no_further_run_is_started_once_the_bound_is_reached(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "mmbench.toml").write_text(PRICES, encoding="utf-8")
    with serving(always(said(usage=USAGE))) as server:
        result = ask(server, 6, max_cost=2.5 * COST, concurrency=1, seeds=3)
        asked = len(server.calls)
    assert result.exit_code == 4
    assert len(result.runs) == 1
    assert len(result.failures) == 3
    assert asked == len(lines(result.runs[0].path))


@pytest.mark.slow
def test_measuring_under_load_stops_when_it_has_cost_enough_and_the_answers_stand(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "mmbench.toml").write_text(PRICES, encoding="utf-8")
    with serving(always(said(usage=USAGE))) as server:
        result = ask(server, 6, max_cost=40.5 * COST, perf="full", scenarios="single-stream", perf_requests=500)
    run = result.runs[0]
    assert run.tasks["vqa/mine"].status == "complete"
    assert result.exit_code == 4
    assert result.load_failures
    assert len(server.calls) <= 42
