"""One NVIDIA GPU as its driver reports it, through NVML: energy, clocks, temperature, throttling, processes.

NVML is read through the package nvidia-ml-py (module ``pynvml``, extra ``gpu``). Every quantity may be missing on its own: a
card may not support it, and a container may not be permitted to ask. What is missing is None, with one sentence that says
why, and never ends a run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from mmbench.core.errors import MissingExtraError
from mmbench.perf.memory import loaded_torch

_T = TypeVar("_T")

SLOWED = {
    "SwPowerCap": "power cap",
    "HwSlowdown": "hardware slowdown",
    "SwThermalSlowdown": "thermal slowdown by software",
    "HwThermalSlowdown": "thermal slowdown by hardware",
    "HwPowerBrakeSlowdown": "external power brake",
}
"""Reasons for lower clocks that spoil a figure: the end of their names in NVML to what they are called here. Being idle, and
clocks that somebody set, are no such reasons."""


@dataclass(frozen=True, slots=True)
class GpuState:
    """A GPU at one moment. None: the driver does not tell."""

    sm_clock_mhz: int | None
    """Clock of the multiprocessors."""
    memory_clock_mhz: int | None
    """Clock of the memory."""
    temperature_c: int | None
    """Degrees Celsius of the chip."""
    power_w: float | None
    """Watts of the whole board; on recent cards the mean of the last second."""
    utilisation: float | None
    """Share of the driver's last sampling period (a sixth of a second to a second) in which a kernel ran, from 0 to 1."""
    memory_bytes: int | None
    """Memory in use, by all processes."""
    process_bytes: int | None
    """Memory that this process and its children hold; None where the driver does not name them."""
    slowed_by: tuple[str, ...] | None
    """Why the clocks are lower than they could be, among the values of `SLOWED`; empty where they are not."""
    foreign: tuple[int, ...] | None
    """Ids of processes with work on this GPU that are neither this one nor its children; None also where this process uses
    the GPU and is not among those that the driver names, as in a container with process ids of its own."""


class Gpu:
    """The GPU that torch computes on in this process.

    Args:
        nvml: The module ``pynvml``, initialised.
        handle: NVML's handle of the device.
    """

    def __init__(self, nvml: Any, handle: Any) -> None:
        self._nvml = nvml
        self._handle = handle
        self._problems: dict[str, str] = {}

    @property
    def problems(self) -> list[str]:
        """Why quantities are missing, a sentence each."""
        return list(self._problems.values())

    @property
    def name(self) -> str | None:
        """The name of the card."""
        return self._read("its name", lambda: str(self._nvml.nvmlDeviceGetName(self._handle)))

    def energy_j(self) -> float | None:
        """Joules that the board has used since the driver was loaded; a counter in steps of millijoules (Volta and newer)."""
        return self._read("energy", lambda: self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1e3)

    def state(self) -> GpuState:
        """The GPU now."""
        nvml, handle = self._nvml, self._handle
        return GpuState(
            sm_clock_mhz=self._read("clocks", lambda: int(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM))),
            memory_clock_mhz=self._read(
                "clocks", lambda: int(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_MEM))
            ),
            temperature_c=self._read(
                "temperature", lambda: int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
            ),
            power_w=self._read("power", lambda: nvml.nvmlDeviceGetPowerUsage(handle) / 1e3),
            utilisation=self._read("utilisation", lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100),
            memory_bytes=self._read("memory", lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).used)),
            process_bytes=self._read("processes", self._process_bytes),
            slowed_by=self._read("throttle reasons", self._slowed_by),
            foreign=self._read("processes", self._foreign),
        )

    def _slowed_by(self) -> tuple[str, ...]:
        nvml = self._nvml
        kind = "Event" if hasattr(nvml, "nvmlDeviceGetCurrentClocksEventReasons") else "Throttle"
        mask = int(getattr(nvml, f"nvmlDeviceGetCurrentClocks{kind}Reasons")(self._handle))
        return tuple(said for name, said in SLOWED.items() if mask & getattr(nvml, f"nvmlClocks{kind}Reason{name}"))

    def _process_bytes(self) -> int | None:
        own = {os.getpid(), *_children(os.getpid())}
        held = [
            each.usedGpuMemory
            for each in self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)
            if int(each.pid) in own
        ]
        return sum(held) if held and None not in held else None

    def _foreign(self) -> tuple[int, ...] | None:
        nvml = self._nvml
        pids = {int(each.pid) for each in nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)}
        pids |= {int(each.pid) for each in nvml.nvmlDeviceGetGraphicsRunningProcesses(self._handle)}
        own = {os.getpid(), *_children(os.getpid())}
        if loaded_torch() is not None and not pids & own:
            return None
        return tuple(sorted(pids - own))

    def _read(self, what: str, read: Callable[[], _T]) -> _T | None:
        try:
            return read()
        except self._nvml.NVMLError as error:
            self._problems.setdefault(what, f"the GPU's {what.removeprefix('its ')} cannot be read: NVML: {error}")
            return None


def find_gpu() -> tuple[Gpu | None, str | None]:
    """The GPU that torch uses in this process.

    Returns:
        (the GPU, None); (None, None) where torch uses none; (None, a sentence) where NVML cannot be asked about it.
    """
    torch = loaded_torch()
    if torch is None:
        return None, None
    try:
        import pynvml as nvml
    except ImportError:
        return None, str(MissingExtraError("energy, clocks and temperature of the GPU", "gpu"))
    try:
        nvml.nvmlInit()
        return Gpu(nvml, _handle(nvml, torch)), None
    except nvml.NVMLError as error:
        return None, f"the GPU's energy, clocks and temperature are unknown: NVML: {error}"


def _handle(nvml: Any, torch: Any) -> Any:
    """NVML's handle of torch's current device: by its UUID, since the numbers of the two may differ."""
    number = int(torch.cuda.current_device())
    uuid = getattr(torch.cuda.get_device_properties(number), "uuid", None)
    if uuid is not None:
        text = str(uuid)
        return nvml.nvmlDeviceGetHandleByUUID(text if text.startswith(("GPU-", "MIG-")) else f"GPU-{text}")
    visible = [each.strip() for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each.strip()]
    name = visible[number] if number < len(visible) else str(number)
    return nvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdigit() else nvml.nvmlDeviceGetHandleByUUID(name)


def _children(pid: int) -> list[int]:
    """Ids of all processes below one, where the system lists them."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:  # noqa: PTH123 - short and hot
                below = [int(each) for each in file.read().split()]
        except OSError:
            below = []
        found += below
        waiting += below
    return found
