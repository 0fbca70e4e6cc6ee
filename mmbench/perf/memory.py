"""Measure the peak memory of the process and of its GPU."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


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


def loaded_torch() -> Any:
    """The torch module, if the model has loaded it and uses a GPU; never imports it."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return torch if cuda is not None and cuda.is_available() and cuda.is_initialized() else None


def accelerator_peak_bytes() -> int | None:
    """Highest memory that torch allocated on its GPU since `reset_peak`, in bytes; None without one."""
    torch = loaded_torch()
    return None if torch is None else int(torch.cuda.max_memory_allocated())


def synchronise() -> None:
    """Wait for the GPU, so that a clock read afterwards has seen its work."""
    torch = loaded_torch()
    if torch is not None:
        torch.cuda.synchronize()
