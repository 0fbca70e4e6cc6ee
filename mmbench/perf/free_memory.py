"""How much memory this machine, and each of its GPUs, has left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
_NAMES = {
    "": ("memory.max", "memory.current", "inactive_file"),
    "memory": ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
}
"""Version 2 of control groups, and the controller of version 1: the files of limit and use, and what of the use is freed on demand."""


def free_bytes() -> int | None:
    """Memory that processes of this one's control group can still take, in bytes; None where the system does not tell."""
    known = [each for each in (_of_machine(), *_of_groups()) if each is not None]
    return min(known, default=None)


def _of_machine() -> int | None:
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    except (OSError, ValueError, IndexError):
        return None


def _of_groups() -> Iterator[int | None]:
    """What the limit of each control group around this process leaves."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, own = [*line.split(":", 2), "", ""][:3]
        if controllers not in _NAMES:
            continue
        root = _GROUPS / controllers
        folder = root / own.lstrip("/")
        # A container sees its own group as the root, whatever it is called outside.
        for place in (folder, *folder.parents) if folder.is_dir() else (root,):
            yield _left(place, *_NAMES[controllers])
            if place == root:
                break


def _left(folder: Path, limit: str, use: str, freed: str) -> int | None:
    try:
        most, used = (int((folder / name).read_text(encoding="ascii")) for name in (limit, use))
        statistics = (folder / "memory.stat").read_text(encoding="ascii").split()
    except (OSError, ValueError):  # no such group, or no limit: "max"
        return None
    places = [place for place, name in enumerate(statistics[:-1]) if name == freed]
    return max(0, most - used + sum(int(statistics[place + 1]) for place in places))


def gpu_free_bytes(names: Sequence[str]) -> dict[str, int]:
    """Free memory of GPUs, by the names that ``CUDA_VISIBLE_DEVICES`` takes; those that the driver does not tell are left out.

    It is asked through nvidia-ml-py (extra ``gpu``); without it nothing is known.
    """
    try:
        import pynvml as nvml
    except ImportError:
        return {}
    found: dict[str, int] = {}
    try:
        nvml.nvmlInit()
        for name in names:
            by = nvml.nvmlDeviceGetHandleByIndex if name.isdecimal() else nvml.nvmlDeviceGetHandleByUUID
            found[name] = int(nvml.nvmlDeviceGetMemoryInfo(by(int(name) if name.isdecimal() else name)).free)
    except nvml.NVMLError:
        return found
    return found
