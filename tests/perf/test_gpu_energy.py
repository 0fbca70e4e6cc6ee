"""What NVML says of a GPU, against a fake with the real names: energy, states, and everything that may be missing."""

import inspect
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from fake_nvml import FakeNvml

from mmbench.perf import nvml
from mmbench.perf.energy import GpuUse, GpuWindow
from mmbench.perf.nvml import Gpu, find_gpu


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def _watch(driver: FakeNvml, seconds: int, joules: float = 2_000.0) -> GpuUse:
    clock = Clock()
    window = GpuWindow(Gpu(driver, "handle"), clock)
    window.start()
    for _ in range(seconds):
        clock.now += 1
        driver.energy_mj += round(1e3 * joules / seconds)
        window.look()
    return window.stop()


def test_the_fake_has_the_names_and_values_of_the_real_module() -> None:
    real = pytest.importorskip("pynvml")
    for name, own in inspect.getmembers(FakeNvml):
        if name.startswith(("nvmlClocks", "NVML_")):
            assert getattr(real, name) == own, name
        elif name.startswith("nvml"):
            parameters = inspect.signature(getattr(real, name)).parameters.values()
            needed = [each.name for each in parameters if each.default is each.empty]
            assert needed == list(inspect.signature(own).parameters)[1:], name
    for code, text in FakeNvml.NVMLError.TEXTS.items():
        assert str(real.NVMLError(code)) == text


def test_energy_is_the_difference_of_the_counter_in_joules() -> None:
    used = _watch(FakeNvml(), 10, joules=2_500)
    assert used.energy_j == pytest.approx(2_500)
    assert used.power_w == pytest.approx(250)
    assert used.per(50) == pytest.approx(50)
    assert used.per(None) is None
    assert used.per(0) is None
    assert used.problems == ()


def test_a_window_shorter_than_five_seconds_has_no_energy_but_a_reason() -> None:
    used = _watch(FakeNvml(), 4)
    assert used.energy_j is None
    assert used.power_w is None
    assert len(used.problems) == 1
    assert _watch(FakeNvml(), 5).energy_j is not None


def test_a_counter_that_was_set_back_is_no_negative_energy() -> None:
    used = _watch(FakeNvml(), 10, joules=-5)
    assert used.energy_j is None
    assert len(used.problems) == 1


def test_states_have_the_units_that_they_are_documented_in() -> None:
    driver = FakeNvml()
    driver.compute = [os.getpid()]
    state = Gpu(driver, "handle").state()
    assert (state.sm_clock_mhz, state.memory_clock_mhz, state.temperature_c) == (1980, 2619, 61)
    assert (state.power_w, state.utilisation, state.memory_bytes) == (412.5, 0.97, 7 << 30)
    assert (state.slowed_by, state.foreign) == ((), ())


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (0x1 | 0x2 | 0x10 | 0x100, ()),  # idle, clocks set by somebody, sync boost, display: as wanted
        (0x4, ("power cap",)),
        (0x8 | 0x40, ("hardware slowdown", "thermal slowdown by hardware")),
        (0x20 | 0x80, ("thermal slowdown by software", "external power brake")),
    ],
)
def test_only_reasons_that_spoil_a_figure_count_as_throttling(mask: int, expected: tuple[str, ...]) -> None:
    driver = FakeNvml()
    driver.mask = mask
    assert Gpu(driver, "handle").state().slowed_by == expected


def test_drivers_before_535_name_the_reasons_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeNvml()
    names = [name for name in vars(FakeNvml) if "EventReason" in name]
    for name in names:
        monkeypatch.setattr(FakeNvml, name.replace("Event", "Throttle"), getattr(FakeNvml, name), raising=False)
        monkeypatch.delattr(FakeNvml, name)
    driver.mask = 0x4
    assert Gpu(driver, "handle").state().slowed_by == ("power cap",)


def test_throttling_in_the_middle_of_a_window_is_seen() -> None:
    driver, clock = FakeNvml(), Clock()
    window = GpuWindow(Gpu(driver, "handle"), clock)
    window.start()
    for second in range(10):
        clock.now += 1
        driver.mask = 0x40 if second == 4 else 0
        driver.busy = 50 if second < 5 else 100
        window.look()
    used = window.stop()
    assert used.slowed_by == ("thermal slowdown by hardware",)
    assert used.before.slowed_by == used.after.slowed_by == ()
    assert used.utilisation == pytest.approx((5 * 0.5 + 6 * 1.0) / 11)


def test_processes_of_others_are_named_and_children_are_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        driver = FakeNvml()
        driver.compute, driver.graphics = [os.getpid(), child.pid, 1], [2]
        assert Gpu(driver, "handle").state().foreign == (1, 2)
    finally:
        child.kill()
        child.wait()


def test_in_a_container_with_its_own_process_ids_nobody_is_called_foreign(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeNvml()
    driver.compute = [987_654]  # this process, by the id that the host has for it
    monkeypatch.setattr(nvml, "loaded_torch", object)
    assert Gpu(driver, "handle").state().foreign is None


def test_what_may_not_be_read_is_none_with_one_sentence_and_the_rest_is_read() -> None:
    driver = FakeNvml()
    driver.failing = {
        "nvmlDeviceGetTotalEnergyConsumption": 3,
        "nvmlDeviceGetComputeRunningProcesses": 4,
        "nvmlDeviceGetTemperature": 3,
        "nvmlDeviceGetCurrentClocksEventReasons": 4,
    }
    used = _watch(driver, 10)
    assert used.energy_j is None
    assert used.after.temperature_c is None
    assert used.after.foreign is None
    assert used.after.slowed_by is None
    assert used.after.power_w == 412.5
    assert len(used.problems) == 4


def _torch(uuid: str | None) -> Any:
    properties = SimpleNamespace(**({} if uuid is None else {"uuid": uuid}))
    cuda = SimpleNamespace(current_device=lambda: 1, get_device_properties=lambda number: properties)
    return SimpleNamespace(cuda=cuda)


@pytest.mark.parametrize(
    ("uuid", "visible", "asked"),
    [
        ("1a2b", "", "GPU-1a2b"),
        ("GPU-1a2b", "", "GPU-1a2b"),
        (None, "", 1),
        (None, "5,3", 3),
        (None, "GPU-aa,GPU-bb", "GPU-bb"),
    ],
)
def test_the_device_is_that_of_torch_and_not_the_one_of_the_same_number(
    monkeypatch: pytest.MonkeyPatch, uuid: str | None, visible: str, asked: Any
) -> None:
    driver = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(nvml, "loaded_torch", lambda: _torch(uuid))
    gpu, problem = find_gpu()
    assert gpu is not None
    assert problem is None
    assert driver.asked_for == asked


@pytest.mark.parametrize(("function", "code"), [("nvmlInit", 12), ("nvmlInit", 4), ("nvmlDeviceGetHandleByUUID", 6)])
def test_nvml_that_cannot_be_asked_is_one_sentence(monkeypatch: pytest.MonkeyPatch, function: str, code: int) -> None:
    driver = FakeNvml()
    driver.failing = {function: code}
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    monkeypatch.setattr(nvml, "loaded_torch", lambda: _torch("1a2b"))
    gpu, problem = find_gpu()
    assert gpu is None
    assert FakeNvml.NVMLError.TEXTS[code] in str(problem)


def test_without_the_package_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(nvml, "loaded_torch", lambda: _torch("1a2b"))
    assert "mmbench[gpu]" in str(find_gpu()[1])


def test_without_a_gpu_nothing_is_asked_and_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "loaded_torch", lambda: None)
    assert find_gpu() == (None, None)
