"""An endpoint under load: times of tokens from the stream, failures, and servers that keep answers."""

import time
from typing import Any

import pytest
from misbehaving import Call, Reply, failed, said, serving, stream

USAGE = {"prompt_tokens": 100, "completion_tokens": 4, "prompt_tokens_details": {"image_tokens": 64}}
PIECES = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in ("r", "e", "d", " ")]
STREAM = [*PIECES, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, {"choices": [], "usage": USAGE}]
DONE = b"data: [DONE]\n\n"
FULL: dict[str, Any] = {"perf": "full", "perf_requests": 12, "perf_seconds": 20.0, "concurrency": 2}


def scenarios(result: Any) -> dict[str, Any]:
    return {each.name: each for each in result.runs[0].tasks["vqa/mine"].perf.scenarios}


@pytest.mark.slow
def test_tokens_of_a_stream_have_clocks(ask: Any) -> None:
    with serving(lambda call: stream([*STREAM, DONE], pause=0.02)) as server:
        result = ask(
            server, 6, args={"stream": True}, rate=10.0, slo="ttft_p50=1s", scenarios="single-stream,server", **FULL
        )
    assert result.exit_code == 0
    for found in (scenarios(result)["single-stream"], scenarios(result)["server"]):
        assert 20 <= found.value("inter_token_latency_p50") < 60
        assert found.value("first_token_p50") < found.value("latency_p50")
        assert found.value("latency_p50") - found.value("first_token_p50") >= 60
        assert found.value("time_per_output_token_p50") >= 20
        assert found.value("image_tokens_a_request") == 64
        assert found.value("text_tokens_a_request") == 36
    assert scenarios(result)["server"].value("good_share") == 1.0


@pytest.mark.slow
def test_a_target_on_tokens_is_refused_before_anything_is_asked_where_nothing_streams(ask: Any) -> None:
    from mmbench.core.errors import UsageError

    with serving(lambda call: said(usage=USAGE)) as server:
        with pytest.raises(UsageError):
            ask(server, 6, rate=10.0, slo="ttft_p99=1s", **FULL)
        assert not server.calls


@pytest.mark.slow
def test_failures_are_not_asked_again_and_count(ask: Any) -> None:
    answered = 0

    def sometimes(call: Call) -> Reply:
        nonlocal answered
        answered += 1
        return failed(503) if answered > 20 and answered % 4 == 0 else said(usage=USAGE)

    with serving(sometimes) as server:
        result = ask(server, 6, scenarios="sweep", **{**FULL, "perf_requests": 70})
    found = scenarios(result)["closed_loop_c2"]
    assert found.n_failed >= 8
    assert "failures" in {reason.code for reason in found.reasons}
    assert found.figures["latency_p90"].value is None


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["single-stream", "server"])
def test_a_server_that_falls_silent_ends_the_load_and_what_was_measured_is_kept(ask: Any, scenario: str) -> None:
    answered = 0

    def falling_silent(call: Call) -> Reply:
        nonlocal answered
        answered += 1
        if answered > 140:  # the quality run, the warm-up and the probe for caches take 123 at most
            time.sleep(4)
        return said(usage=USAGE)

    options = {**FULL, "perf_requests": 100_000, "rate": 50.0 if scenario == "server" else None}
    with serving(falling_silent) as server:
        started = time.monotonic()
        result = ask(server, 6, scenarios=scenario, give_up=1.0, **{**options, "perf_seconds": 60.0})
    assert time.monotonic() - started < 30
    assert result.exit_code == 4
    assert result.runs[0].record.status == "complete"
    found = scenarios(result)[scenario]
    assert not found.complete
    assert found.n_requests > 3


@pytest.mark.slow
def test_a_server_that_keeps_answers_is_caught(ask: Any) -> None:
    known: set[str] = set()

    def caching(call: Call) -> Reply:
        if call.prompt not in known:
            time.sleep(0.15)
            known.add(call.prompt)
        return said(usage=USAGE)

    with serving(caching) as server:
        result = ask(server, 6, scenarios="single-stream", **FULL)
    assert "cached_by_server" in {reason.code for reason in scenarios(result)["single-stream"].reasons}
