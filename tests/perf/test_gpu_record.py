"""What the record of speed says of a GPU and of arithmetic: figures, reasons, and runs that are watched by a fake driver."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fake_nvml import FakeNvml
from helpers import Colours, evaluate, write_questions

import mmbench
from mmbench.models.caller import ModelCaller
from mmbench.perf import device_clock, energy, memory, nvml
from mmbench.perf.energy import GpuWindow
from mmbench.perf.gpu_figures import Arithmetic, gpu_figures, gpu_reasons
from mmbench.perf.nvml import Gpu
from mmbench.runner.execute import batch_asker
from mmbench.runner.scenarios import arithmetic


def _used(driver: FakeNvml, seconds: float, joules: float) -> energy.GpuUse:
    now = [0.0]
    window = GpuWindow(Gpu(driver, "handle"), lambda: now[0])
    window.start()
    now[0] += seconds
    driver.energy_mj += round(1e3 * joules)
    return window.stop()


def test_energy_is_given_for_each_request_and_token() -> None:
    found = gpu_figures(_used(FakeNvml(), 10, 3_000), requests=60, output_tokens=1_500)
    assert found["gpu_energy"].value == pytest.approx(3_000)
    assert (found["gpu_energy_per_request"].value, found["gpu_energy_per_request"].n) == (pytest.approx(50), 60)
    assert found["gpu_energy_per_1000_samples"].value == pytest.approx(50_000)
    assert found["gpu_energy_per_output_token"].value == pytest.approx(2)
    assert found["gpu_power"].value == pytest.approx(300)
    assert (found["gpu_clock_before"].value, found["gpu_clock_before"].unit) == (1980, "MHz")
    assert found["gpu_temperature_after"].unit == "°C"
    assert all(figure.formula for figure in found.values())


def test_energy_that_is_not_known_is_null_with_a_reason_and_the_rest_stays() -> None:
    found = gpu_figures(_used(FakeNvml(), 1, 300), requests=60, output_tokens=None)
    assert found["gpu_energy"].value is None
    assert found["gpu_energy"].reason
    assert found["gpu_energy_per_request"].reason
    assert "gpu_energy_per_output_token" not in found
    assert found["gpu_utilisation"].value == pytest.approx(0.97)


def test_throttling_and_others_on_the_gpu_speak_against_figures() -> None:
    driver = FakeNvml()
    assert gpu_reasons(_used(driver, 10, 1)) == []
    driver.mask, driver.compute = 0x40, [1]
    assert [reason.code for reason in gpu_reasons(_used(driver, 10, 1))] == ["throttled", "foreign_gpu_process"]


def test_utilisation_of_arithmetic_is_null_with_the_reason_where_a_part_is_unknown() -> None:
    known = Arithmetic(2e12, 8, None, "NVIDIA H100 80GB HBM3", "bfloat16", 989.4e12).figures(100.0)
    assert known["mfu"].value == pytest.approx(200e12 / 989.4e12)
    assert known["flops_per_request"].value == 2e12
    for unknown in (
        Arithmetic(2e12, 8, None, "NVIDIA A10G", "float16", None),
        Arithmetic(2e12, 8, None, "NVIDIA H100 80GB HBM3", None, None),
        Arithmetic(None, 0, "it failed", "NVIDIA H100 80GB HBM3", "bfloat16", 989.4e12),
    ):
        found = unknown.figures(100.0)
        assert found["mfu"].value is None
        assert found["mfu"].reason
    assert Arithmetic(2e12, 8, None, "x", "float16", 1e12).figures(None)["mfu"].reason
    assert "mfu" not in Arithmetic(2e12, 8, None, None, "float32", None).figures(100.0)


class Events:
    """The part of ``torch.cuda`` that a run touches; every stretch of work takes 2 ms on the device."""

    def __init__(self) -> None:
        self.now = 0.0
        self.properties = SimpleNamespace(uuid="1a2b")

    def Event(self, enable_timing: bool) -> Any:  # noqa: N802 - as in torch
        event = SimpleNamespace(synchronize=lambda: None)

        def record() -> None:
            self.now += 1.0
            event.at = self.now

        event.record = record
        event.elapsed_time = lambda other: 2.0 * (other.at - event.at)
        return event

    def __getattr__(self, name: str) -> Any:
        values = {"get_device_properties": self.properties, "current_device": 1, "get_device_name": "NVIDIA L4"}
        return lambda *_: values.get(name, 0)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    """A machine with a GPU that a model has used, as far as anybody can tell from here."""
    driver = FakeNvml()
    torch = SimpleNamespace(cuda=Events())
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    for module in (memory, nvml, device_clock, batch_asker, arithmetic):
        monkeypatch.setattr(module, "loaded_torch", lambda: torch)
    monkeypatch.setattr("mmbench.perf.machine.loaded_torch", lambda: torch)
    return driver


def test_a_run_on_a_gpu_has_the_clock_of_the_device_apart_and_says_why_there_is_no_energy(
    watched: FakeNvml, tmp_path: Path
) -> None:
    watched.mask = 0x20
    result = evaluate(Colours(), write_questions(tmp_path, 30), tmp_path, batch_size=2)
    perf = result.runs[0].tasks["vqa/mine"].perf
    assert perf is not None
    assert perf.quality is not None
    figures = perf.quality.figures
    assert figures["device_time_batch_p50"].value == pytest.approx(2.0)
    assert figures["batch_ms_p50"].value != figures["device_time_batch_p50"].value
    assert figures["gpu_energy_per_request"].value is None
    assert figures["gpu_energy_per_request"].reason
    assert figures["gpu_temperature_before"].value == 61
    assert "throttled" in [reason.code for reason in perf.quality.reasons]
    assert perf.quality.machine is not None
    assert perf.quality.machine.accelerator == "NVIDIA L4"


def test_nvml_without_permission_costs_one_note_and_no_result(watched: FakeNvml, tmp_path: Path) -> None:
    watched.failing = {"nvmlInit": 4}
    result = evaluate(Colours(), write_questions(tmp_path, 30), tmp_path, batch_size=2)
    task = result.runs[0].tasks["vqa/mine"]
    assert task.status == "complete"
    assert task.perf is not None
    assert task.perf.quality is not None
    assert len([note for note in task.perf.quality.notes if "Insufficient Permissions" in note]) == 1
    assert not any(name.startswith("gpu_energy") for name in task.perf.quality.figures)


class Net:
    """Answers by one product of matrices, or fails while it is counted."""

    def __init__(self, settings: dict[str, Any], fails: bool = False) -> None:
        import torch

        self.settings, self.fails = settings, fails
        self.weight = torch.zeros(16, 32)

    def generate(self, requests: Any) -> list[str]:
        if self.fails:
            raise ValueError("no")
        self.weight @ self.weight.T
        return ["red" for _ in requests]


def test_arithmetic_is_counted_request_by_request_and_its_failure_is_a_reason() -> None:
    pytest.importorskip("torch")
    prompts = [mmbench.core.Generate(parts=("?",), max_new_tokens=1) for _ in range(40)]

    def counted(**given: Any) -> Any:
        return arithmetic.arithmetic_of(ModelCaller(Net(**given)), prompts)

    found = counted(settings={"dtype": "float32"})
    assert (found.flops, found.n, found.dtype, found.device) == (2 * 16 * 32 * 16, 8, "float32", None)
    assert counted(settings={"attention": "flash_attention_2"}).flops is None
    assert "no" in counted(settings={}, fails=True).reason
    assert arithmetic.arithmetic_of(ModelCaller(Colours()), prompts) is None  # torch is loaded, and not what it uses
