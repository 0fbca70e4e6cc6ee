"""Exports under other tools' names hold what their formulas give on the same requests, computed here anew with the stdlib."""

import math
import random
import statistics
from typing import Any

import pytest

from mmbench.perf.tool_formats import document_for
from mmbench.results.schema import PerfFigure, PerfScenario, RequestTiming, SpeedIdentity


def linear(values: list[float], q: float) -> float:
    """A percentile by linear interpolation between order statistics."""
    ordered = sorted(values)
    place = q / 100 * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def requests(n: int = 40) -> list[RequestTiming]:
    draw = random.Random(7)
    made = []
    for number in range(n):
        due = number / 10
        sent = due + draw.uniform(0, 0.003)
        first = sent + draw.uniform(0.05, 0.3)
        pieces = [first]
        for _ in range(draw.randrange(1, 9)):
            pieces.append(pieces[-1] + draw.uniform(0.005, 0.03))
        failed = number % 13 == 5
        made.append(
            RequestTiming(
                prompt=number,
                due_s=due,
                asked_s=due,
                sent_s=sent,
                ended_s=pieces[-1] + 0.001,
                status="error" if failed else "ok",
                first_token_s=None if failed else first,
                first_answer_token_s=None if failed else first,
                pieces_s=() if failed else tuple(pieces),
                input_tokens=None if failed else 100 + number,
                image_tokens=None if failed else 64,
                output_tokens=None if failed else len(pieces),
                error="broken" if failed else None,
            )
        )
    return made


LOG = requests()
DONE = [each for each in LOG if each.status == "ok"]
DURATION = max(each.ended_s for each in LOG) - min(each.sent_s for each in LOG)
TTFT = [each.first_token_s - each.sent_s for each in DONE if each.first_token_s is not None]
E2E = [each.ended_s - each.sent_s for each in DONE]
TPOT = [(e - t) / (each.output_tokens - 1) for e, t, each in zip(E2E, TTFT, DONE, strict=True) if each.output_tokens]
ITL = [later - earlier for each in DONE for earlier, later in zip(each.pieces_s, each.pieces_s[1:], strict=False)]
IN, OUT = sum(each.input_tokens or 0 for each in DONE), sum(each.output_tokens or 0 for each in DONE)
SCENARIO = PerfScenario(
    name="server",
    identity=SpeedIdentity(batch_size=1, concurrency=None, threads=0, workers=1, settings={"rate": 10.0}),
    complete=True,
    valid=True,
    figures={
        "offered_per_s": PerfFigure(value=10.0, unit="1/s", formula=""),
        "goodput": PerfFigure(value=8.5, unit="1/s", formula=""),
        "good_share": PerfFigure(value=0.9, unit="1", formula=""),
    },
)


def document(tool: str) -> dict[str, Any]:
    return document_for(tool, "m", LOG, SCENARIO)


def check_moments(found: dict[str, Any], name: str, values: list[float], quantiles: tuple[int, ...]) -> None:
    assert found[f"mean_{name}_ms"] == pytest.approx(1e3 * statistics.fmean(values))
    assert found[f"median_{name}_ms"] == pytest.approx(1e3 * statistics.median(values))
    assert found[f"std_{name}_ms"] == pytest.approx(1e3 * statistics.pstdev(values))
    for q in quantiles:
        assert found[f"p{q}_{name}_ms"] == pytest.approx(1e3 * linear(values, q))


def test_vllm() -> None:
    found = document("vllm")
    for name, values in (("ttft", TTFT), ("tpot", TPOT), ("itl", ITL), ("e2el", E2E)):
        check_moments(found, name, values, (50, 90, 95, 99))
    assert (found["completed"], found["failed"]) == (len(DONE), 3)
    assert found["duration"] == pytest.approx(DURATION)
    assert found["request_throughput"] == pytest.approx(len(DONE) / DURATION)
    assert found["output_throughput"] == pytest.approx(OUT / DURATION)
    assert found["total_token_throughput"] == pytest.approx((IN + OUT) / DURATION)
    assert (found["total_input_tokens"], found["total_output_tokens"]) == (IN, OUT)
    assert found["ttfts"] == pytest.approx(TTFT)
    assert [gap for gaps in found["itls"] for gap in gaps] == pytest.approx(ITL)
    assert found["request_goodput"] == 8.5
    assert found["request_rate"] == 10.0
    moments = [each.sent_s + 1e-9 for each in LOG]
    at_once = max(sum(each.sent_s <= moment < each.ended_s for each in LOG) for moment in moments)
    assert found["max_concurrent_requests"] == at_once


def test_sglang() -> None:
    found = document("sglang")
    check_moments(found, "e2e_latency", E2E, (90, 99))
    check_moments(found, "ttft", TTFT, (99,))
    check_moments(found, "tpot", TPOT, (99,))
    check_moments(found, "itl", ITL, (95, 99))
    assert found["max_itl_ms"] == pytest.approx(1e3 * max(ITL))
    assert found["total_input_vision_tokens"] == 64 * len(DONE)
    assert found["total_input_text_tokens"] == IN - 64 * len(DONE)
    assert found["input_throughput"] == pytest.approx(IN / DURATION)
    assert found["total_throughput"] == pytest.approx((IN + OUT) / DURATION)
    assert found["concurrency"] == pytest.approx(sum(E2E) / DURATION)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("time_to_first_token", TTFT),
        ("inter_token_latency", TPOT),
        ("inter_chunk_latency", ITL),
        ("request_latency", E2E),
    ],
)
def test_aiperf(name: str, values: list[float]) -> None:
    found = document("aiperf")[name]
    assert found["unit"] == "ms"
    assert found["avg"] == pytest.approx(1e3 * statistics.fmean(values))
    assert found["std"] == pytest.approx(1e3 * statistics.pstdev(values))
    assert (found["min"], found["max"]) == pytest.approx((1e3 * min(values), 1e3 * max(values)))
    assert found["count"] == len(values)
    for q in (1, 5, 25, 50, 75, 90, 95, 99):
        assert found[f"p{q}"] == pytest.approx(1e3 * linear(values, q))


def test_aiperf_rates() -> None:
    found = document("aiperf")
    assert found["request_throughput"]["avg"] == pytest.approx(len(DONE) / DURATION)
    assert found["good_request_fraction"]["avg"] == 0.9
    assert found["output_sequence_length"]["sum"] == OUT


@pytest.mark.parametrize("tool", ["vllm", "sglang", "aiperf"])
def test_answers_that_came_whole_have_no_token_times(tool: str) -> None:
    whole = [RequestTiming(prompt=0, due_s=0.0, asked_s=0.0, sent_s=0.0, ended_s=1.0 + number) for number in range(3)]
    found = document_for(tool, "m", whole, SCENARIO)
    assert not {"mean_ttft_ms", "mean_itl_ms", "time_to_first_token"} & set(found)
    assert document_for(tool, "m", [], SCENARIO)
