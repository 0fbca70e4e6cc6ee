"""Time on the GPU by CUDA events, which is another quantity than time on the host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmbench.perf.memory import loaded_torch


class DeviceClock:
    """Times stretches of work on the current CUDA stream; on a machine without a GPU it measures nothing.

    A stretch lasts from the moment at which the GPU reaches its first piece of work to the moment at which it has done the
    last one: what the host does before and after is not in it, gaps between kernels are. So it is never longer than the
    host's time of the same stretch, and is not mixed with it: figures of the host's clock are called ``latency``, those of
    this one ``device_time``.
    """

    def __init__(self) -> None:
        self._open: list[tuple[Any, Any]] = []

    @contextmanager
    def stretch(self) -> Iterator[None]:
        """Time what is put on the stream inside."""
        torch = loaded_torch()
        if torch is None:
            yield
            return
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        try:
            yield
        finally:
            end.record()
            self._open.append((begin, end))

    def seconds(self) -> list[float]:
        """Seconds of every stretch since this was last asked, in order; waits for those that the GPU has not ended."""
        stretches, self._open = self._open, []
        for _, end in stretches:
            end.synchronize()
        return [begin.elapsed_time(end) / 1e3 for begin, end in stretches]
