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

    def __init__(self, usage: bool = False) -> None:
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
        headers = {} if self.usage else {"X_Cache": "HIT" if hit else "MISS"}
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
    assert perf.value("samples_per_s") == pytest.approx(8 / mean, rel=0.1)  # 2 % on a machine that does nothing else
    assert perf.value("latency_p50") == pytest.approx(1e3 * mean, rel=0.1)
    assert perf.value("output_tokens_per_s") == pytest.approx(4 * perf.value("samples_per_s"))
    assert "cached_by_server" not in [reason.code for reason in perf.reasons]
    assert "cached_by_server" in [reason.code for reason in kept.reasons]


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
