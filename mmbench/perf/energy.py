"""What a stretch of work did to the GPU: energy, utilisation, throttling, and who else used it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from mmbench.perf.nvml import Gpu, GpuState

LEAST_S = 5.0
"""Seconds of the shortest window whose energy is given. The driver's counter advances in steps of up to a tenth of a second, so
the two ends of a window of 5 s are uncertain by 4 % at most; those of a shorter one by more."""
_EVERY_S = 1.0
"""Seconds between two looks at the GPU within a window."""


@dataclass(frozen=True, slots=True)
class GpuUse:
    """The GPU over one window. None: unknown, or not to be said of so short a window; `problems` say why."""

    name: str | None
    """Name of the card."""
    seconds: float
    """Length of the window."""
    energy_j: float | None
    """Joules of the whole board from the first moment to the last, what it uses when idle included."""
    power_w: float | None
    """`energy_j` / `seconds`."""
    utilisation: float | None
    """Mean share of time in which a kernel ran, from 0 to 1, over looks a second apart."""
    before: GpuState
    """At the first moment."""
    after: GpuState
    """At the last moment."""
    slowed_by: tuple[str, ...]
    """Every reason for lower clocks that was seen while the window lasted."""
    foreign: tuple[int, ...]
    """Every process of somebody else that was seen on the GPU."""
    problems: tuple[str, ...]
    """Why figures are missing, a sentence each."""

    def per(self, count: int | None) -> float | None:
        """Joules for each of `count` requests or tokens that the window completed; None where either is unknown."""
        return self.energy_j / count if self.energy_j is not None and count else None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


class GpuWindow:
    """Watches a GPU from `start` to `stop`.

    Args:
        gpu: The GPU.
        clock: Seconds.
    """

    def __init__(self, gpu: Gpu, clock: Callable[[], float] = time.perf_counter) -> None:
        self._gpu = gpu
        self._clock = clock
        self._began = 0.0
        self._looked = 0.0
        self._energy: float | None = None
        self._states: list[GpuState] = []

    def start(self) -> None:
        """Begin the window, after whatever the GPU was doing has ended."""
        self._states = [self._gpu.state()]
        self._energy = self._gpu.energy_j()
        self._began = self._looked = self._clock()

    def look(self) -> None:
        """Call now and then while the work goes on: at most one look a second is taken."""
        now = self._clock()
        if now - self._looked >= _EVERY_S:
            self._looked = now
            self._states.append(self._gpu.state())

    def stop(self) -> GpuUse:
        """End the window, after the GPU's work has ended."""
        seconds = self._clock() - self._began
        energy = self._gpu.energy_j()
        self._states.append(self._gpu.state())
        problems = list(self._gpu.problems)
        used = None
        if self._energy is not None and energy is not None:
            used = energy - self._energy
            if seconds < LEAST_S:
                problems.append(f"no energy: the window took {seconds:.1f} s, and the counter needs {LEAST_S:g} s")
                used = None
            elif used < 0:
                problems.append("no energy: the driver's counter was set back while it was read")
                used = None
        # The first look is at what was before; one is left where nothing was seen in between.
        busy = [state.utilisation for state in self._states[1:] if state.utilisation is not None]
        return GpuUse(
            name=self._gpu.name,
            seconds=seconds,
            energy_j=used,
            power_w=used / seconds if used is not None else None,
            utilisation=sum(busy) / len(busy) if busy else None,
            before=self._states[0],
            after=self._states[-1],
            slowed_by=tuple(dict.fromkeys(each for state in self._states for each in state.slowed_by or ())),
            foreign=tuple(dict.fromkeys(each for state in self._states for each in state.foreign or ())),
            problems=tuple(problems),
        )
