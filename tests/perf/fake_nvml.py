"""A GPU as nvidia-ml-py shows it: the functions that mmbench calls, with the real names, units and errors."""

# ruff: noqa: A002, N802, N815 - the names are those of the real module

from types import SimpleNamespace
from typing import Any, ClassVar


class NVMLError(Exception):
    """As the real one: the code is in `value`, and the message follows from it."""

    TEXTS: ClassVar[dict[int, str]] = {
        3: "Not Supported",
        4: "Insufficient Permissions",
        6: "Not Found",
        12: "NVML Shared Library Not Found",
    }

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return self.TEXTS[self.value]


class FakeNvml:
    """The module ``pynvml`` on a machine with one GPU.

    Attributes:
        failing: Function to the code of the error that it raises.
        energy_mj, clock_mhz, temperature, power_mw, busy, used, mask, compute, graphics: What the driver says.
    """

    NVMLError = NVMLError
    NVML_CLOCK_SM = 1
    NVML_CLOCK_MEM = 2
    NVML_TEMPERATURE_GPU = 0
    nvmlClocksEventReasonGpuIdle = 0x1
    nvmlClocksEventReasonApplicationsClocksSetting = 0x2
    nvmlClocksEventReasonSwPowerCap = 0x4
    nvmlClocksEventReasonHwSlowdown = 0x8
    nvmlClocksEventReasonSwThermalSlowdown = 0x20
    nvmlClocksEventReasonHwThermalSlowdown = 0x40
    nvmlClocksEventReasonHwPowerBrakeSlowdown = 0x80

    def __init__(self) -> None:
        self.failing: dict[str, int] = {}
        self.energy_mj = 123_456_789
        self.clock_mhz = {1: 1980, 2: 2619}
        self.temperature, self.power_mw, self.busy, self.used = 61, 412_500, 97, 7 << 30
        self.mask = self.nvmlClocksEventReasonGpuIdle
        self.compute: list[int] = []
        self.graphics: list[int] = []
        self.asked_for: Any = None

    def _fails(self, name: str) -> None:
        if name in self.failing:
            raise NVMLError(self.failing[name])

    def nvmlInit(self) -> None:
        self._fails("nvmlInit")

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        self._fails("nvmlDeviceGetHandleByUUID")
        self.asked_for = uuid
        return "handle"

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        self.asked_for = index
        return "handle"

    def nvmlDeviceGetName(self, handle: str) -> str:
        return "NVIDIA H100 80GB HBM3"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        self._fails("nvmlDeviceGetTotalEnergyConsumption")
        return self.energy_mj

    def nvmlDeviceGetClockInfo(self, handle: str, type: int) -> int:
        return self.clock_mhz[type]

    def nvmlDeviceGetTemperature(self, handle: str, sensor: int) -> int:
        self._fails("nvmlDeviceGetTemperature")
        return self.temperature

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:
        return self.power_mw

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> Any:
        return SimpleNamespace(gpu=self.busy, memory=12)

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> Any:
        return SimpleNamespace(total=80 << 30, free=(80 << 30) - self.used, used=self.used)

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: str) -> int:
        self._fails("nvmlDeviceGetCurrentClocksEventReasons")
        return self.mask

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[Any]:
        self._fails("nvmlDeviceGetComputeRunningProcesses")
        return [SimpleNamespace(pid=pid, usedGpuMemory=1 << 30) for pid in self.compute]

    def nvmlDeviceGetGraphicsRunningProcesses(self, handle: str) -> list[Any]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=None) for pid in self.graphics]
