"""Measure the peak memory of the process, of its children, and of its GPU."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mmbench.perf.processes import descendants, peak_memory

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class Peaks:
    """The highest memory of this process, its children and its GPU during a task, in bytes. None: unknown."""

    def __init__(self) -> None:
        self.reset = False
        """Whether the peak of the process is that of the task alone."""
        self.process: int | None = None
        """Resident memory of this process."""
        self.children: int | None = None
        """As `children_bytes`; None where there never was a child."""
        self.gpu_allocated: int | None = None
        """As `accelerator_peak_bytes`."""
        self.gpu_reserved: int | None = None
        """As `accelerator_reserved_bytes`."""

    def start(self) -> None:
        """Start a new high-water mark."""
        self.reset = reset_peak()

    def look(self) -> None:
        """Look at all of it; child processes are seen only while they live."""
        self.process = peak_bytes()
        self.children = max(children_bytes(), self.children or 0) or None
        self.gpu_allocated = accelerator_peak_bytes()
        self.gpu_reserved = accelerator_reserved_bytes()


def reset_peak() -> bool:
    """Start a new high-water mark; False where the system cannot, so that the peak covers the whole process."""
    torch = loaded_torch()
    if torch is not None:
        torch.cuda.reset_peak_memory_stats()
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_bytes() -> int | None:
    """Highest resident memory of the process since `reset_peak`, in bytes; None where the system does not tell."""
    try:
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def children_bytes() -> int:
    """Sum of the highest resident memory of each process below this one that lives now, in bytes.

    A child has a peak of its own from its birth on, so that the sum may be more than all held at any one moment.
    """
    return sum(map(peak_memory, descendants()))


def loaded_torch() -> Any:
    """The torch module, if the model has loaded it and uses a GPU; never imports it."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return torch if cuda is not None and cuda.is_available() and cuda.is_initialized() else None


def accelerator_peak_bytes() -> int | None:
    """Highest memory that torch allocated on its GPU since `reset_peak`, in bytes; None without one."""
    torch = loaded_torch()
    return None if torch is None else int(torch.cuda.max_memory_allocated())


def accelerator_reserved_bytes() -> int | None:
    """Highest memory that torch took from its GPU since `reset_peak`, whether allocated or not; None without one."""
    torch = loaded_torch()
    return None if torch is None else int(torch.cuda.max_memory_reserved())


def synchronise() -> None:
    """Wait for the GPU, so that a clock read afterwards has seen its work."""
    torch = loaded_torch()
    if torch is not None:
        torch.cuda.synchronize()
