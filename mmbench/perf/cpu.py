"""What disturbs measuring on the CPUs of this machine: other processes that want them, and processors that slow down."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from mmbench.perf.processes import cpu_seconds, descendants

PRESSURE = Path("/proc/pressure/cpu")
"""Where Linux says for how long tasks have waited for a CPU (pressure stall information, since 4.20)."""
STAT = Path("/proc/stat")
"""Where Linux says what its CPUs have done since it started."""
_THROTTLES = "devices/system/cpu/cpu*/thermal_throttle/core_throttle_count"
_SYS = Path("/sys")


@dataclass(frozen=True, slots=True)
class CpuReading:
    """Counters at one moment. None: the system does not tell."""

    clock: float
    """Seconds of a clock that does not jump."""
    waited: float | None
    """Seconds in which any task of the machine waited for a CPU."""
    process: float
    """Seconds of CPU that this process has used, and all processes below it."""
    machine: float | None
    """Seconds of CPU that all processes of the machine have used."""
    throttles: int | None
    """How often a processor slowed itself down because it was hot."""

    @classmethod
    def now(cls) -> Self:
        """Read the counters."""
        used = os.times()
        process = used.user + used.system + used.children_user + used.children_system
        process += sum(map(cpu_seconds, descendants()))
        return cls(time.perf_counter(), _waited(), process, _busy(), _throttles())


@dataclass(frozen=True, slots=True)
class CpuUse:
    """What happened between two readings."""

    pressure: float | None
    """Share of the time in which some task waited for a CPU."""
    own: float
    """CPUs that this process and those below it kept busy, on average."""
    others: float | None
    """CPUs that other processes kept busy, on average."""
    throttles: int
    """How often a processor slowed itself down."""

    @classmethod
    def between(cls, before: CpuReading, after: CpuReading) -> Self:
        """The difference of two readings."""
        seconds = max(1e-9, after.clock - before.clock)
        known = before.waited is not None and after.waited is not None
        pressure = min(1.0, (after.waited - before.waited) / seconds) if known else None  # type: ignore[operator]
        throttles = (after.throttles or 0) - (before.throttles or 0)
        own, others = after.process - before.process, None
        if before.machine is not None and after.machine is not None:
            others = max(0.0, after.machine - before.machine - own) / seconds
        return cls(pressure, own / seconds, others, throttles)


def cpus() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _waited() -> float | None:
    try:
        first = PRESSURE.read_text(encoding="ascii").partition("\n")[0]
        return int(first.rpartition("total=")[2]) / 1e6 if first.startswith("some") else None
    except (OSError, ValueError):
        return None


def _busy() -> float | None:
    try:
        first = STAT.read_text(encoding="ascii").partition("\n")[0].split()
        user, nice, system, _, _, irq, softirq = map(int, first[1:8])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _throttles() -> int | None:
    try:
        counts = [int(path.read_text(encoding="ascii")) for path in _SYS.glob(_THROTTLES)]
    except (OSError, ValueError):
        return None
    return sum(counts) if counts else None
