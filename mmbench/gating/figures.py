"""Figures of speed, memory and cost as the gate reads them from `TaskPerf`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mmbench.gating.amounts import Kind
from mmbench.results.schema import Latency, Machine, TaskPerf

Read = Callable[[TaskPerf], float | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a task's session."""

    name: str
    """As rules name it."""
    kind: Kind
    """What its thresholds are given in."""
    unit: str
    """As it is shown."""
    read: Read
    """The figure in its base unit; None where it was not measured."""

    @property
    def higher_is_better(self) -> bool:
        """Direction: of all figures only rates are better when they are higher."""
        return self.kind == "rate"


def _quantile(name: str, latency: Callable[[TaskPerf], Latency | None]) -> Read:
    def read(perf: TaskPerf) -> float | None:
        found = latency(perf)
        value: float | None = None if found is None else getattr(found, name)
        return value

    return read


def _figures() -> list[Figure]:
    quantiles = ("p50", "p90", "p99")
    return [
        *(Figure(f"latency_{q}", "ms", "ms", _quantile(q, lambda perf: perf.latency_ms)) for q in quantiles),
        *(Figure(f"first_token_{q}", "ms", "ms", _quantile(q, lambda p: p.first_token_ms)) for q in quantiles),
        Figure("samples_per_s", "rate", "/s", lambda perf: perf.samples_per_s),
        Figure("tokens_per_s", "rate", "/s", lambda perf: perf.tokens_per_s),
        Figure("peak_memory", "bytes", "B", lambda perf: perf.peak_memory_bytes),
        Figure("peak_accelerator_memory", "bytes", "B", lambda perf: perf.peak_accelerator_bytes),
        Figure("cost", "usd", "USD", lambda perf: perf.cost_usd),
    ]


FIGURES: dict[str, Figure] = {figure.name: figure for figure in _figures()}
"""Name to figure."""


def why_absent(perf: TaskPerf | None, figure: Figure) -> str:
    """Why a run does not have a figure."""
    if perf is None:
        return "its speed was not measured"
    return "; ".join(perf.reasons) or f"{figure.name} was not measured"


def machine_differences(a: Machine, b: Machine) -> list[str]:
    """What differs between two machines, of all that can change a speed; empty for the same fingerprint."""
    fields = ("cpu", "cpus", "memory_bytes", "accelerator", "platform", "python")
    return [
        f"{name} {getattr(a, name)} against {getattr(b, name)}"
        for name in fields
        if getattr(a, name) != getattr(b, name)
    ]
