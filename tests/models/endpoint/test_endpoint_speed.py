"""Speed of an endpoint: measured against a server of known service time; a server that keeps answers is caught."""

import json
import time
from pathlib import Path

import pytest
from helpers import evaluate, write_questions
from misbehaving import Call, Reply, answer, reply, serving

from mmbench.models.endpoint.usage import from_cache

pytestmark = pytest.mark.slow
SERVICE_S = 0.2


class Proxy:
    """Answers after a known time, and at once what it has answered before."""

    def __init__(self, usage: bool = False, *, silent: bool = False) -> None:
        self.silent = silent
        self.kept: set[str] = set()
        self.lasted: list[float] = []
        self.usage = usage

    def __call__(self, call: Call) -> Reply:
        known = json.dumps(call.body, sort_keys=True)
        hit = known in self.kept
        self.kept.add(known)
        started = time.perf_counter()
        if not hit:
            time.sleep(SERVICE_S)
            self.lasted.append(time.perf_counter() - started)
        details = {"prompt_tokens_details": {"cached_tokens": 96 if hit else 0}} if self.usage else {}
        usage = {"prompt_tokens": 100, "completion_tokens": 4, **details}
        headers = {} if self.usage or self.silent else {"X_Cache": "HIT" if hit else "MISS"}
        return reply(200, json.dumps(answer(usage=usage)), **headers)


@pytest.mark.parametrize("usage", [True, False])
def test_a_known_service_time_is_found_and_answers_that_are_kept_are_caught(tmp_path: Path, usage: bool) -> None:
    proxy = Proxy(usage)
    data = write_questions(tmp_path, 96)
    with serving(proxy) as server:
        options = {"model_args": {"base_url": server.url}, "concurrency": 8}
        first, again = (evaluate("openai/m", data, tmp_path / folder, **options) for folder in ("first", "again"))
    perf, kept = (result.runs[0].tasks["vqa/mine"].perf.quality for result in (first, again))
    mean = sum(proxy.lasted) / len(proxy.lasted)
    assert len(proxy.lasted) == 96
    assert perf.value("samples_per_s") <= 8 / SERVICE_S
    # Client and server share two cores with all else: what they add themselves is real, and in the latency as well.
    assert perf.value("samples_per_s") > 0.6 * 8 / mean
    assert perf.value("samples_per_s") == pytest.approx(
        1e3 * perf.value("in_flight") / perf.value("latency_p50"), rel=0.05
    )
    assert perf.value("output_tokens_per_s") == pytest.approx(4 * perf.value("samples_per_s"))
    assert "cached_by_server" not in [reason.code for reason in perf.reasons]
    assert "cached_by_server" in [reason.code for reason in kept.reasons]


def test_a_server_that_keeps_answers_and_says_nothing_is_caught_where_models_take_turns(tmp_path: Path) -> None:
    with serving(Proxy(silent=True)) as server:
        options = {"model_args": {"base_url": server.url}, "concurrency": 8, "interleave": "openai/n", "repeats": 2}
        result = evaluate("openai/m", write_questions(tmp_path, 96), tmp_path, **options)
    found = {}
    for run in result.runs:
        perf = run.tasks["vqa/mine"].perf.quality
        found.setdefault(perf.turn.number, []).append("cached_by_server" in [reason.code for reason in perf.reasons])
    assert found == {1: [False, False], 2: [True, True]}
    assert all(figure.ratio is None or figure.ratio.pairs == 1 for figure in result.turns)


@pytest.mark.parametrize(
    ("headers", "hit"),
    [
        ({"X-Cache": "HIT"}, True),
        ({"X-Cache": "Miss from cloudfront"}, False),
        ({"CF-Cache-Status": "HIT"}, True),
        ({"Age": "17"}, True),
        ({"Age": "0"}, False),
        ({"Age": "soon"}, False),
        ({}, False),
    ],
)
def test_what_a_cache_says_of_itself(headers: dict[str, str], hit: bool) -> None:
    assert from_cache(headers) is hit
