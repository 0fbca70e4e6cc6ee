"""Speed and memory of a quality run: warm-up and failures left out, batches and requests apart, every absence with its reason."""

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import Colours, evaluate, write_captions, write_questions

from mmbench.core import Call, Generation, Media, Response, Usage
from mmbench.core.requests import Generate
from mmbench.perf.machine import machine, packages
from mmbench.perf.memory import children_bytes, peak_bytes, reset_peak
from mmbench.perf.meter import Conditions, Meter
from mmbench.results.schema import PerfScenario, SpeedIdentity

ONE_BY_ONE = SpeedIdentity(batch_size=1, concurrency=1, threads=0, workers=1)
MODEL = {"model": 10.0}


def measure(
    calls: list[tuple[float, float, list[Response]]], requests_per_sample: float = 1.0, **more: Any
) -> PerfScenario:
    """What a meter makes of calls (start, duration, responses)."""
    meter = Meter()
    meter.start()
    for number, (start, lasts, responses) in enumerate(calls):
        places = range(len(responses))
        meter.on_responses(Call(number, places, more.get("requests", []), start, lasts), places, responses)
    meter.finish()
    return meter.result(Conditions(ONE_BY_ONE, requests_per_sample), MODEL, complete=more.get("complete", True))


def one_by_one(durations: list[float], response: Response, size: int = 1) -> list[tuple[float, float, list[Response]]]:
    """Calls one after the other."""
    starts = np.concatenate([[0.0], np.cumsum(durations)[:-1]]).tolist()
    return [(start, lasts, [response] * size) for start, lasts in zip(starts, durations, strict=True)]


OK = Response("ok", "a")
FAILED = Response("error", error="no")


def codes(perf: PerfScenario) -> list[str]:
    return [reason.code for reason in perf.reasons]


def test_the_first_call_is_warm_up() -> None:
    perf = measure(one_by_one([50.0, *[0.5] * 20], Response("ok", "a", usage=Usage(3, 8)), size=4))
    assert (perf.n_calls, perf.n_samples, perf.n_warm_up, perf.valid) == (20, 80, 4, True)
    assert perf.value("samples_per_s") == pytest.approx(8.0)
    assert perf.value("output_tokens_per_s") == pytest.approx(64.0)
    assert perf.value("input_tokens_per_s") == pytest.approx(24.0)
    assert perf.value("first_call_s") == 50.0


def test_the_time_of_a_batch_has_a_name_of_its_own() -> None:
    batches = measure(one_by_one([0.5] * 21, OK, size=4))
    assert batches.value("batch_ms_p50") == pytest.approx(500.0)
    assert not any(name.startswith("latency") for name in batches.figures)
    requests = measure(one_by_one([0.5] * 21, OK))
    assert requests.value("latency_p50") == pytest.approx(500.0)
    assert not any(name.startswith("batch") for name in requests.figures)


def test_the_latency_of_a_request_that_was_sent_again_counts_from_its_first_send() -> None:
    meter = Meter()
    meter.start()
    token = Response("ok", "a", first_token_s=0.25)
    for number in range(21):
        waited = 2.0 if number >= 10 else 0.0
        meter.on_responses(Call(number, [number], [], 3.0 * number, 0.5, waited_s=waited), [0], [token])
    meter.finish()
    perf = meter.result(Conditions(ONE_BY_ONE, 1.0), MODEL, complete=True)
    assert perf.value("latency_p50") == pytest.approx(2500.0)
    assert perf.value("first_token_p50") == pytest.approx(2250.0)
    assert perf.value("requests_sent_again") == 11
    assert perf.value("in_flight") == pytest.approx(
        20 * 0.5 / 60
    )  # a request that waits to be sent again is not in flight
    assert perf.value("samples_per_s") == pytest.approx(20 / 60)


def test_samples_count_and_not_requests() -> None:
    assert measure(one_by_one([1.0] * 11, OK, size=4), 2.0).value("samples_per_s") == pytest.approx(2.0)


def test_what_failed_takes_time_and_counts_for_nothing() -> None:
    calls = [(float(n), 1.0, [OK if n % 2 else FAILED]) for n in range(41)]
    perf = measure(calls)
    assert perf.value("samples_per_s") == pytest.approx(0.5)
    assert (perf.n_requests, perf.n_failed, perf.value("latency_p50")) == (20, 20, 1000.0)
    assert codes(perf) == ["failures"]


def test_one_failure_among_many_spoils_nothing() -> None:
    assert measure([(float(n), 1.0, [FAILED if n == 100 else OK]) for n in range(300)]).valid


def test_answers_in_flight_when_the_warm_up_ended_are_not_counted() -> None:
    """Eight at once, each 0.3 s: the rate is 26.7 a second from three full waves up, and unknown below."""
    for n, expected in [(8, None), (16, None), (24, None), (40, 8 / 0.3), (400, 8 / 0.3)]:
        lasts = [0.3 + 1e-5 * slot for slot in range(8)]
        perf = measure([(number // 8 * lasts[number % 8], lasts[number % 8], [OK]) for number in range(n)])
        assert perf.value("samples_per_s") == (None if expected is None else pytest.approx(expected, rel=1e-3))
        assert codes(perf) == ([] if expected else ["too_few_samples"])
    assert perf.value("in_flight") == pytest.approx(8.0, rel=1e-3)


@pytest.mark.parametrize(
    ("calls", "known"), [(10, []), (11, ["p50"]), (64, ["p50", "p90"]), (130, ["p50", "p90", "p95"])]
)
def test_no_percentile_comes_from_too_few_calls(calls: int, known: list[str]) -> None:
    perf = measure(one_by_one([1.0] * (calls + 1), OK))
    assert [name for name in ("p50", "p90", "p95", "p99") if perf.value(f"latency_{name}") is not None] == known


def test_a_missing_figure_has_its_reason() -> None:
    only_warm_up = measure(one_by_one([1.0], OK))
    assert (only_warm_up.value("samples_per_s"), codes(only_warm_up)) == (None, ["too_few_samples"])
    assert "fewer than 3 waves" in (only_warm_up.figures["samples_per_s"].reason or "")
    few = measure(one_by_one([1.0] * 4, OK))
    assert few.value("samples_per_s") == pytest.approx(1.0)
    assert "p50 needs 11" in (few.figures["latency_p50"].reason or "")
    nothing = measure([])
    assert (nothing.value("samples_per_s"), codes(nothing)) == (None, ["too_few_samples"])


def test_every_figure_says_what_it_is() -> None:
    perf = measure(one_by_one([0.5] * 200, Response("ok", "a", usage=Usage(3, 8, 0.01)), size=2))
    assert len(perf.figures) > 8
    assert all(figure.unit and figure.formula for figure in perf.figures.values())
    low, high = perf.figures["samples_per_s"].low, perf.figures["samples_per_s"].high
    assert low is not None
    assert high is not None
    assert low <= 4.0 <= high


def test_tokens_that_one_request_does_not_tell_make_no_rate() -> None:
    calls = one_by_one([1.0] * 10, Response("ok", "a", usage=Usage(3, 8)))
    calls[5] = (5.0, 1.0, [OK])
    perf = measure(calls)
    assert perf.value("output_tokens_per_s") is None
    assert perf.figures["output_tokens_per_s"].reason


def test_padding_efficiency_is_what_was_read_over_the_longest_request_for_all() -> None:
    short, long = (Response("ok", "a", usage=Usage(tokens, 1)) for tokens in (10, 30))
    perf = measure([(float(n), 1.0, [short, long]) for n in range(5)])
    assert perf.value("padding_efficiency") == pytest.approx(40 / 60)
    assert perf.value("mean_batch") == 2


def test_images_are_counted() -> None:
    image = Media("image", "image/png", "0" * 64, None)  # type: ignore[arg-type]
    requests = [Generate(parts=(image, "and", image)), Generate(parts=("which?",))]
    perf = measure([(float(n), 1.0, [OK, OK]) for n in range(6)], requests=requests)
    assert perf.value("images_per_s") == pytest.approx(2.0)


def test_pixels_are_known_of_images_that_were_decoded_or_tell_it(tmp_path: Path) -> None:
    from mmbench.perf.call_log import CallLog

    def image(digest: str, **attrs: int) -> Media:
        return Media("image", "image/png", digest, None, attrs)  # type: ignore[arg-type]

    log = CallLog(lambda media: {"decoded": (2000, 1000)}.get(media.digest))
    told, decoded, unknown = image("told", width=1000, height=500), image("decoded"), image("unknown")
    for place, parts in enumerate([(told,), (told, decoded), (unknown, told), ("text",)]):
        log.add(Call(0, [place], [Generate(parts=parts)], 0.0, 1.0), [0], [OK])
    assert log.megapixels.tolist()[:2] == [0.5, 2.5]
    assert math.isnan(log.megapixels[2])
    assert log.megapixels[3] == 0


def test_the_pixels_of_images_that_a_model_looks_at_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mmbench.perf.call_log import CallLog

    class Looks:
        def generate(self, requests: Any) -> list[str]:
            sizes.extend(request.images[0].load().size for request in requests)
            return ["red" for _ in requests]

    sizes: list[tuple[int, int]] = []
    logs: list[CallLog] = []
    add = CallLog.add
    monkeypatch.setattr(CallLog, "add", lambda log, *given: (logs.append(log), add(log, *given)))
    evaluate(Looks(), write_questions(tmp_path, 6), tmp_path, batch_size=1)
    assert sum(logs[0].megapixels) == pytest.approx(sum(width * height for width, height in sizes) / 1e6)


def test_a_session_that_ended_early_says_so() -> None:
    perf = measure(one_by_one([1.0] * 30, OK), complete=False)
    assert not perf.complete
    assert perf.value("samples_per_s") == pytest.approx(1.0)


def test_what_a_request_costs_is_found_again(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    calls, now = [], 0.0
    for _ in range(200):
        read, wrote = int(draw.integers(10, 500)), int(draw.integers(1, 100))
        lasts = 0.05 + 0.0002 * read + 0.01 * wrote
        calls.append((now, lasts, [Response("ok", "a", usage=Usage(read, wrote, 1e-6 * read + 5e-6 * wrote))]))
        now += lasts
    seconds, price = measure(calls).fits
    assert (seconds.unit, price.unit, seconds.n) == ("s", "USD", 199)
    assert [seconds.fixed, seconds.per_input_token, seconds.per_output_token] == pytest.approx([0.05, 0.0002, 0.01])
    assert [price.per_input_token, price.per_output_token] == pytest.approx([1e-6, 5e-6])
    assert (price.fixed, seconds.per_megapixel) == (pytest.approx(0, abs=1e-9), None)
    assert seconds.error == pytest.approx(0, abs=1e-9)


def test_a_run_records_its_speed_and_memory(tmp_path: Path) -> None:
    result = evaluate(Colours(), write_questions(tmp_path, 48), tmp_path, batch_size=4)
    perf = result.runs[0].tasks["vqa/mine"].perf.quality
    assert (perf.n_calls, perf.n_samples, perf.identity.batch_size, perf.complete) == (11, 44, 4, True)
    assert perf.value("samples_per_s") > 0
    assert perf.value("images_per_s") == pytest.approx(perf.value("samples_per_s"))
    assert perf.value("peak_memory") > 10e6
    assert math.fsum(perf.where_s.values()) == pytest.approx(perf.wall_s)
    assert {"load", "model", "post-process", "score"} <= set(perf.where_s)
    assert perf.machine is not None
    captions = evaluate(Colours("c"), write_questions(tmp_path, 4), tmp_path, perf="off")
    assert [task.perf for task in captions.runs[0].tasks.values()] == [None]


def test_a_sample_of_several_requests_counts_once(tmp_path: Path) -> None:
    result = evaluate("random", write_captions(tmp_path, 30, 3), tmp_path, "retrieval", batch_size=4)
    perf = result.runs[0].tasks["retrieval/captions"].perf.quality
    assert perf.n_samples == pytest.approx(30 * (1 - 4 / 120))


def test_a_session_that_asks_nothing_keeps_the_figures_of_the_one_that_did(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 48)
    first = evaluate("random", data, tmp_path, batch_size=4)
    second = evaluate("random", data, tmp_path, batch_size=4)
    assert second.runs[0].tasks["vqa/mine"].perf == first.runs[0].tasks["vqa/mine"].perf is not None


def test_an_interrupted_session_keeps_what_it_measured(tmp_path: Path) -> None:
    class Stops(Colours):
        def generate(self, requests: Any) -> list[Any]:
            if len(self.calls) == 20:
                raise KeyboardInterrupt
            return super().generate(requests)

    from mmbench.results.rundir import RunDirectory

    with pytest.raises(KeyboardInterrupt):
        evaluate(Stops(), write_questions(tmp_path, 40), tmp_path, batch_size=1)
    (run,) = (tmp_path / "runs").iterdir()
    stored = RunDirectory(run).read_perf()
    assert stored is not None
    perf = stored.tasks["vqa/mine"].quality
    assert perf is not None
    assert (perf.complete, perf.n_calls) == (False, 19)
    assert perf.value("samples_per_s") is not None


class Sleeps:
    """Takes a time that it knows for each call, and writes tokens with padding after the end."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, float]] = []

    def generate(self, requests: Any) -> list[Generation]:
        started = time.perf_counter()
        time.sleep(0.05)
        self.calls.append((started, time.perf_counter()))
        return [Generation("red", Usage(input_tokens=4, output_tokens=1 + n % 3)) for n, _ in enumerate(requests)]


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 4])
def test_a_sleeping_model_is_measured_within_two_per_cent(tmp_path: Path, size: int) -> None:
    model = Sleeps()
    perf = (
        evaluate(model, write_questions(tmp_path, 15 * size), tmp_path, batch_size=size).runs[0].tasks["vqa/mine"].perf
    )
    lasted = sorted(end - start for start, end in model.calls[1:])
    assert 1e-3 * perf.value("latency_p50" if size == 1 else "batch_ms_p50") == pytest.approx(lasted[7], rel=0.02)
    span = model.calls[-1][1] - model.calls[0][1]
    assert perf.value("samples_per_s") == pytest.approx(14 * size / span, rel=0.02)
    tokens = sum(1 + n % 3 for n in range(size))
    assert perf.value("output_tokens_per_s") == pytest.approx(14 * tokens / span, rel=0.02)
    assert perf.quality.where_s["model"] == pytest.approx(sum(end - start for start, end in model.calls), rel=0.02)


@pytest.mark.slow
def test_an_async_model_is_measured_within_two_per_cent(tmp_path: Path) -> None:
    import asyncio

    lasted = []

    class Waits:
        async def generate(self, request: Any) -> str:
            started = time.perf_counter()
            await asyncio.sleep(0.2)
            lasted.append(time.perf_counter() - started)
            if request.sample_id.endswith("7"):
                raise ValueError("no")
            return "red"

    perf = (
        evaluate(Waits(), write_questions(tmp_path, 160), tmp_path, concurrency=8, max_errors=0.9)
        .runs[0]
        .tasks["vqa/mine"]
        .perf
    )
    mean = sum(lasted) / len(lasted)
    assert perf.value("samples_per_s") == pytest.approx(0.9 * perf.value("in_flight") / mean, rel=0.02)
    assert perf.value("in_flight") == pytest.approx(8, rel=0.05)
    assert perf.value("latency_p50") == pytest.approx(1e3 * sorted(lasted)[len(lasted) // 2], rel=0.02)
    assert (perf.quality.identity.concurrency, perf.quality.identity.batch_size) == (8, 1)
    assert [reason.code for reason in perf.quality.reasons] == ["failures"]


@pytest.mark.slow
def test_the_peak_of_memory_can_be_started_anew() -> None:
    if not reset_peak():
        pytest.skip("this system keeps one peak for the whole process")
    before = peak_bytes()
    block = np.ones(400_000_000, dtype=np.uint8)  # far more than other tests' leavings, which may go at any moment
    during = peak_bytes()
    assert before is not None
    assert during is not None
    assert during - before > 0.5 * len(block)
    del block
    reset_peak()
    after = peak_bytes()
    assert after is not None
    assert after < during


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of children is read from /proc")
def test_the_memory_of_children_and_of_theirs_is_counted() -> None:
    import subprocess
    import sys

    inner = "import sys; block = b'1' * 100_000_000; print('up', flush=True); sys.stdin.read()"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    before = children_bytes() or 0
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        held = (children_bytes() or 0) - before
        child.communicate()
    assert 100e6 < held < 250e6


def test_the_machine_and_the_packages_are_recorded() -> None:
    here = machine()
    assert here.cpus >= 1
    assert here.python.count(".") == 2
    assert {"mmbench", "numpy", "msgspec", "pillow"} <= set(packages())
