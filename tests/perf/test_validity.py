"""Reasons why figures must not be quoted: each from what really happens, and none without."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
from helpers import Colours, evaluate, write_questions

from mmbench.core import Generation, Usage
from mmbench.perf import cpu, validity
from mmbench.perf.cpu import CpuReading, CpuUse
from mmbench.results.schema import PerfReasonCode

QUIET = CpuUse(pressure=0.0, own=1.0, others=0.0, throttles=0)


def test_a_quiet_machine_gives_no_reason() -> None:
    assert validity.cpu_pressure(QUIET) is None
    assert validity.throttled(QUIET) is None
    assert validity.harness_overhead({"model": 9.5, "post-process": 0.5, "score": 100.0}) is None
    assert validity.cached_by_server(10, 100) is None
    assert validity.failures(0, 0) is None
    assert validity.not_steady([1.0] * 100) is None
    assert validity.recompiled(3, 3) is None
    assert validity.asked_before(300.0, 200.0) is None
    assert validity.asked_before(None, 10.0) is None


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (validity.throttled(CpuUse(None, 1.0, None, 2)), "throttled"),
        (validity.cpu_pressure(CpuUse(0.5, 1.0, 1.5, 0)), "cpu_pressure"),
        (validity.cpu_pressure(CpuUse(0.5, 1.0, None, 0)), "cpu_pressure"),
        (validity.client_bound(CpuUse(0.0, 0.97, 0.0, 0)), "client_bound"),
        (validity.harness_overhead({"model": 1.0, "load": 0.1, "post-process": 0.1}), "harness_overhead"),
        (validity.cached_by_server(60, 100), "cached_by_server"),
        (validity.failures(2, 100), "failures"),
        (validity.not_steady([1.0] * 50 + [1.5] * 50), "not_steady"),
        (validity.recompiled(3, 5), "recompiled"),
        (validity.asked_before(300.0, 10.0), "cached_by_server"),
    ],
)
def test_every_check_has_its_code(reason: Any, code: str) -> None:
    assert reason is not None
    assert reason.code == code
    assert reason.code in get_args(PerfReasonCode)
    assert reason.detail


def test_threads_of_this_process_that_wait_for_each_other_are_no_pressure() -> None:
    assert validity.cpu_pressure(CpuUse(0.5, 1.7, 0.1, 0)) is None


def test_failures_name_the_cause_of_the_last() -> None:
    reason = validity.failures(3, 20, "HTTP 503")
    assert reason is not None
    assert (reason.code, reason.detail.endswith("HTTP 503")) == ("failures", True)


def test_times_that_differ_by_chance_are_steady() -> None:
    assert validity.not_steady([1.0, 2.0] * 50) is None
    assert validity.not_steady([1.0] * 10 + [9.0] * 10) is None, "too few to tell"


def test_graphs_that_torch_compiles_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch._dynamo.utils", SimpleNamespace(counters={"stats": {"unique_graphs": 7}}))
    assert validity.compiled_graphs() == 7


def test_a_model_that_takes_no_time_is_measured_as_the_harness(tmp_path: Path) -> None:
    perf = evaluate(Colours(), write_questions(tmp_path, 48), tmp_path, batch_size=4).runs[0].tasks["vqa/mine"].perf
    assert "harness_overhead" in [reason.code for reason in perf.quality.reasons]


def test_a_server_that_says_it_had_the_prompt_in_its_cache_is_caught(tmp_path: Path) -> None:
    class Cached:
        def generate(self, requests: Any) -> list[Generation]:
            return [Generation("red", Usage(input_tokens=100, output_tokens=1, cached_tokens=90)) for _ in requests]

    result = evaluate(Cached(), write_questions(tmp_path, 40), tmp_path, batch_size=2)
    assert "cached_by_server" in [reason.code for reason in result.runs[0].tasks["vqa/mine"].perf.quality.reasons]
    log = next(result.path.glob("tasks/*/responses.jsonl")).read_text()
    assert '"cached_tokens":90' in log


@pytest.fixture
def hogs() -> Iterator[int]:
    """Twice as many busy processes as there are CPUs, which are no children of this one."""
    code = (
        "import subprocess, sys; "
        "print(subprocess.Popen([sys.executable, '-c', 'while True: pass'], stdout=subprocess.DEVNULL).pid)"
    )
    pids = [int(subprocess.check_output([sys.executable, "-c", code], timeout=30)) for _ in range(2 * cpu.cpus())]
    yield len(pids)
    for pid in pids:
        os.kill(pid, 9)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/pressure/cpu").exists(), reason="this kernel keeps no pressure stall information")
def test_a_process_that_hogs_the_cpus_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hogs: int) -> None:
    class Works:
        def generate(self, requests: Any) -> list[str]:
            end = time.monotonic() + 0.05
            while time.monotonic() < end:
                pass
            return ["red" for _ in requests]

    monkeypatch.setattr(cpu, "PRESSURE", Path("/proc/pressure/cpu"))
    perf = evaluate(Works(), write_questions(tmp_path, 20), tmp_path, batch_size=1).runs[0].tasks["vqa/mine"].perf
    assert "cpu_pressure" in [reason.code for reason in perf.quality.reasons]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="this system does not tell what its CPUs did")
def test_children_count_as_this_process_and_hogs_do_not(hogs: int) -> None:
    before = CpuReading.now()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as child:
        time.sleep(1.0)
        use = CpuUse.between(before, CpuReading.now())
        child.kill()
    assert use.others is not None
    assert use.others > 0.2
    assert use.own > 0.02
