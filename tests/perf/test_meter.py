"""Speed and memory: warm-up left out, no percentile from too few calls, every missing figure with its reason."""

from pathlib import Path

import numpy as np
import pytest
from helpers import Colours, evaluate, write_captions, write_questions

from mmbench.core import Call, Response, Usage
from mmbench.perf.machine import machine, packages
from mmbench.perf.memory import peak_bytes, reset_peak
from mmbench.perf.meter import Meter


def metered(durations: list[float], monkeypatch: pytest.MonkeyPatch, tokens: int | None = None) -> Meter:
    """A meter over calls of these durations, by a clock that only they move; the first is warm-up."""
    clock = [100.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    meter = Meter()
    meter.start()
    for number, duration in enumerate(durations):
        clock[0] += duration
        call = Call(number, range(4), [], 0.0, duration)
        meter.on_responses(call, [0], [Response("ok", "a", usage=Usage(output_tokens=tokens))])
    return meter


def test_the_first_call_is_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    perf = metered([50.0, *[0.5] * 20], monkeypatch, tokens=8).result(1.0, 4)
    assert perf.n_calls == 20
    assert perf.n_samples == 80
    assert perf.main_loop_s == pytest.approx(10.0)
    assert perf.samples_per_s == pytest.approx(8.0)
    assert perf.tokens_per_s == pytest.approx(16.0)
    assert perf.latency_ms.p50 == pytest.approx(500.0)
    assert perf.valid


def test_samples_count_and_not_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    assert metered([1.0] * 11, monkeypatch).result(2.0, 4).samples_per_s == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("calls", "known"), [(9, ()), (10, ("p50",)), (50, ("p50", "p90")), (500, ("p50", "p90", "p99"))]
)
def test_no_percentile_comes_from_too_few_calls(
    monkeypatch: pytest.MonkeyPatch, calls: int, known: tuple[str, ...]
) -> None:
    latency = metered([1.0] * (calls + 1), monkeypatch).result(1.0, 4).latency_ms
    assert [name for name in ("p50", "p90", "p99") if getattr(latency, name) is not None] == list(known)


def test_percentiles_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    durations = np.random.default_rng(0).exponential(0.1, 501).tolist()
    latency = metered(durations, monkeypatch).result(1.0, 4).latency_ms
    expected = np.percentile(durations[1:], [50, 90, 99]) * 1e3
    assert [latency.p50, latency.p90, latency.p99] == pytest.approx(expected.tolist())


def test_a_missing_figure_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    only_warm_up = metered([1.0], monkeypatch).result(1.0, 4)
    assert (only_warm_up.samples_per_s, only_warm_up.latency_ms.p50, only_warm_up.valid) == (None, None, False)
    assert "only the warm-up batch ran" in only_warm_up.reasons[0]
    few = metered([1.0] * 4, monkeypatch).result(1.0, 4)
    assert few.latency_ms.p50 is None
    assert few.samples_per_s == pytest.approx(4.0)
    assert "3 calls after warm-up: no latency (p50 needs 10)" in few.reasons
    assert few.tokens_per_s is None


def test_a_run_records_its_speed_and_memory(tmp_path: Path) -> None:
    result = evaluate(Colours(), write_questions(tmp_path, 48), tmp_path, batch_size=4)
    perf = result.runs[0].tasks["vqa/mine"].perf
    assert (perf.n_calls, perf.n_samples, perf.batch_size) == (11, 44, 4)
    assert perf.samples_per_s is not None
    assert perf.samples_per_s > 0
    assert perf.peak_memory_bytes is not None
    assert perf.peak_memory_bytes > 10e6
    captions = evaluate(Colours("c"), write_questions(tmp_path, 4), tmp_path, perf="off")
    assert [task.perf for task in captions.runs[0].tasks.values()] == [None]


def test_a_sample_of_several_requests_counts_once(tmp_path: Path) -> None:
    result = evaluate("random", write_captions(tmp_path, 30, 3), tmp_path, "retrieval", batch_size=4)
    perf = result.runs[0].tasks["retrieval/captions"].perf
    assert perf.n_samples == pytest.approx(30 * (1 - 4 / 120))


def test_a_session_that_asks_nothing_keeps_the_figures_of_the_one_that_did(tmp_path: Path) -> None:
    data = write_questions(tmp_path, 48)
    first = evaluate("random", data, tmp_path, batch_size=4)
    second = evaluate("random", data, tmp_path, batch_size=4)
    assert second.runs[0].tasks["vqa/mine"].perf == first.runs[0].tasks["vqa/mine"].perf is not None


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


def test_the_machine_and_the_packages_are_recorded() -> None:
    here = machine()
    assert here.cpus >= 1
    assert here.python.count(".") == 2
    assert {"mmbench", "numpy", "msgspec", "pillow"} <= set(packages())
