"""The processes below this one, as Linux lists them."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_UTIME, _STIME = 11, 12  # fields 14 and 15 of /proc/PID/stat, counted from behind the name


def descendants() -> list[int]:
    """Numbers of the living processes below this one, their children included; empty where the system does not tell."""
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def cpu_seconds(process: int) -> float:
    """Seconds of CPU that a process has used; 0 where it has ended or the system does not tell."""
    try:
        fields = (_PROC / str(process) / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def peak_memory(process: int) -> int:
    """Highest resident memory of a process in bytes; 0 where it has ended or the system does not tell."""
    try:
        for line in (_PROC / str(process) / "status").read_text("utf-8", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return 0


def _children(process: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in (_PROC / str(process) / "task").iterdir():
            found += map(int, (thread / "children").read_text("ascii").split())
    except (OSError, ValueError):
        pass  # it has just ended, or the kernel keeps no such list
    return found
