"""Figures of a GPU and of arithmetic for the record of speed, and what speaks against them."""

from __future__ import annotations

from dataclasses import dataclass

from mmbench.perf.energy import GpuUse
from mmbench.perf.nvml import GpuState
from mmbench.perf.peak_rates import mfu
from mmbench.results.schema import PerfFigure, PerfReason


def gpu_figures(
    use: GpuUse, requests: int, output_tokens: float | None, requests_per_sample: float = 1.0
) -> dict[str, PerfFigure]:
    """The figures of a GPU over one window.

    Args:
        use: What the driver told.
        requests: Requests that ended well within the window.
        output_tokens: Tokens that they wrote; None where unknown.
        requests_per_sample: Requests that are made of a sample.
    """
    why = next((problem for problem in use.problems if "energy" in problem), None)
    counter = "NVML's counter of the whole board at the end of the window - at its beginning, idle use included"
    found = {
        "gpu_energy": PerfFigure(value=use.energy_j, unit="J", formula=counter, reason=why),
        "gpu_energy_per_request": PerfFigure(
            value=use.per(requests),
            unit="J",
            formula="gpu_energy / requests of the window that ended well",
            n=requests,
            reason=why or (None if requests else "no request ended well"),
        ),
    }
    per_request = use.per(requests)
    if per_request is not None:
        found["gpu_energy_per_1000_samples"] = PerfFigure(
            value=1000 * requests_per_sample * per_request,
            unit="J",
            formula="gpu_energy_per_request × requests of a sample × 1000",
            n=requests,
        )
    if output_tokens is not None:
        found["gpu_energy_per_output_token"] = PerfFigure(
            value=use.energy_j / output_tokens if use.energy_j is not None and output_tokens else None,
            unit="J",
            formula="gpu_energy / tokens written by requests of the window that ended well",
            n=int(output_tokens),
            reason=why or (None if output_tokens else "no token was written"),
        )
    if use.power_w is not None:
        found["gpu_power"] = PerfFigure(value=use.power_w, unit="W", formula="gpu_energy / seconds of the window")
    if use.utilisation is not None:
        formula = "share of the driver's sampling periods in which a kernel ran, mean of looks a second apart"
        found["gpu_utilisation"] = PerfFigure(value=use.utilisation, unit="1", formula=formula)
    return found | _state(use.before, "before") | _state(use.after, "after")


def _state(state: GpuState, when: str) -> dict[str, PerfFigure]:
    values = {
        f"gpu_clock_{when}": (state.sm_clock_mhz, "MHz", "clock of the multiprocessors"),
        f"gpu_memory_clock_{when}": (state.memory_clock_mhz, "MHz", "clock of the memory"),
        f"gpu_temperature_{when}": (state.temperature_c, "°C", "temperature of the chip"),
        f"gpu_process_{when}": (state.process_bytes, "B", "memory of the GPU that the driver says this process holds"),
    }
    return {
        name: PerfFigure(value=float(value), unit=unit, formula=f"{what}, {when} the window")
        for name, (value, unit, what) in values.items()
        if value is not None
    }


def gpu_reasons(use: GpuUse, *, shared: bool = False) -> list[PerfReason]:
    """Why figures that were measured meanwhile must not be quoted; `shared`: the next model was loaded at the end of it."""
    found = []
    if shared:
        detail = (
            "the next model was loaded while the last batches were asked: energy and power of the GPU are those of both"
        )
        found.append(PerfReason(code="foreign_gpu_process", detail=detail))
    if use.slowed_by:
        detail = f"the GPU lowered its clocks while it was measured: {', '.join(use.slowed_by)}"
        found.append(PerfReason(code="throttled", detail=detail))
    if use.foreign:
        several = len(use.foreign) > 1
        pids = ", ".join(map(str, use.foreign))
        detail = f"{'processes' if several else 'process'} {pids} used the GPU as well"
        found.append(PerfReason(code="foreign_gpu_process", detail=detail))
    return found


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What a pass of its own counted."""

    flops: float | None
    """Floating-point operations of one request, the mean over those that were counted, each asked by itself."""
    n: int
    """Requests that were counted."""
    reason: str | None
    """Why nothing was counted."""
    device: str | None
    """Name of the accelerator; None without one."""
    dtype: str | None
    """Type of the numbers that are multiplied; None where the model does not say."""
    peak: float | None
    """Peak rate of the device for this type, in operations a second; None where it is not known."""

    def figures(self, requests_per_s: float | None) -> dict[str, PerfFigure]:
        """FLOPs of a request and the use of the arithmetic at a rate of requests.

        Args:
            requests_per_s: The rate; None where it is unknown.

        Returns:
            ``flops_per_request``, and on an accelerator ``mfu``.
        """
        operations = PerfFigure(
            value=self.flops,
            unit="FLOP",
            formula="2 for each multiplication with its addition in products of matrices, convolutions and attention; mean of "
            "requests that were asked one by one in a pass of their own",
            n=self.n,
            reason=self.reason,
        )
        if self.device is None:  # the peak rate of a CPU is in no table
            return {"flops_per_request": operations}
        value = None
        if self.flops is not None and requests_per_s is not None:
            value = mfu(self.flops * requests_per_s, 1.0, self.peak)
        reason = self.reason or self._no_peak() or (None if requests_per_s else "no rate was measured")
        return {
            "flops_per_request": operations,
            "mfu": PerfFigure(
                value=value,
                unit="1",
                formula="flops_per_request × requests that ended well a second / peak rate of the device without sparsity",
                n=self.n,
                reason=reason if value is None else None,
            ),
        }

    def _no_peak(self) -> str | None:
        if self.peak is not None:
            return None
        if self.dtype is None:
            return "the model does not say in which type it computes (settings: dtype)"
        return f"the peak rate of {self.device} for {self.dtype} is not known (mmbench.perf.peak_rates)"
