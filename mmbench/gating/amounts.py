"""Thresholds as people write them, a number with its unit, and the measures of speed, memory and cost that have units."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mmbench.core.errors import UsageError

if TYPE_CHECKING:
    from mmbench.results.schema import TaskPerf

Quantity = Literal["none", "points", "percent", "factor", "ms", "rate", "bytes", "usd"]
"""What a unit measures."""

_UNITS: dict[str, tuple[Quantity, float]] = {
    "": ("none", 1.0),
    "pt": ("points", 1.0),
    "%": ("percent", 1.0),
    "x": ("factor", 1.0),
    "ms": ("ms", 1.0),
    "s": ("ms", 1e3),
    "/s": ("rate", 1.0),
    "B": ("bytes", 1.0),
    "kB": ("bytes", 1e3),
    "MB": ("bytes", 1e6),
    "GB": ("bytes", 1e9),
    "KiB": ("bytes", 2.0**10),
    "MiB": ("bytes", 2.0**20),
    "GiB": ("bytes", 2.0**30),
    "$": ("usd", 1.0),
    "USD": ("usd", 1.0),
}
_AMOUNT = re.compile(
    r"(?P<number>[-+]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf|infinity))\s*(?P<unit>\S*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit."""

    number: float
    """In the base unit of its kind: points, a share of 1 for per cent, a factor, ms, 1/s, bytes, US dollars."""
    kind: Quantity
    """What it measures; ``none`` for a bare number."""
    text: str
    """As it was written."""


@dataclass(frozen=True, slots=True)
class PerfMetric:
    """A figure of speed, memory or cost of one task."""

    name: str
    """The name that rules use, and that `PerfScenario.figures` has."""
    kind: Quantity
    """What its thresholds are given in."""

    @property
    def unit(self) -> str:
        """The base unit, as it is shown."""
        return {"ms": "ms", "rate": "/s", "bytes": "B"}.get(self.kind, "USD")

    @property
    def higher_is_better(self) -> bool:
        """Direction: only rates are better when they are higher."""
        return self.kind == "rate"

    def read(self, perf: TaskPerf) -> float | None:
        """The measured value in the base unit; None where it was not measured."""
        return perf.value(self.name)


_TIMES = ("latency", "batch_ms", "first_token", "first_answer_token")
PERF_METRICS = {
    each.name: each
    for each in [
        *(PerfMetric(f"{name}_{q}", "ms") for name in _TIMES for q in ("p50", "p90", "p95", "p99", "p99.9")),
        *(PerfMetric(f"{what}_per_s", "rate") for what in ("samples", "images", "input_tokens", "output_tokens")),
        *(
            PerfMetric(name, "bytes")
            for name in ("peak_memory", "peak_memory_children", "gpu_allocated", "gpu_reserved")
        ),
        *(PerfMetric(name, "usd") for name in ("cost", "cost_per_1000_samples")),
    ]
}
"""Measures of speed, memory and cost by name."""


def parse_amount(text: object, where: str) -> Amount:
    """Parse a threshold, such as ``0.5pt``, ``250ms``, ``1.2x`` or ``0.70``.

    Args:
        text: What the user wrote.
        where: Where it was written; the message of an error begins with it.

    Raises:
        UsageError: If it is not a finite number with a known unit.

    >>> parse_amount("0.25 s", "rule")
    Amount(number=250.0, kind='ms', text='0.25 s')
    """
    shown = str(text).strip()
    match = _AMOUNT.fullmatch(shown)
    if isinstance(text, bool) or not isinstance(text, str | int | float) or match is None:
        raise UsageError(f"{where}: {shown!r} is no number with a unit, such as 0.5pt, 0.70, 250ms or 1.2x")
    number = float(match["number"])
    if not math.isfinite(number):
        raise UsageError(f"{where}: {shown!r} is no threshold: it must be a finite number")
    unit = match["unit"]
    if unit not in _UNITS:
        raise UsageError(f"{where}: unknown unit {unit!r} in {shown!r}; known are {', '.join(filter(None, _UNITS))}")
    kind, factor = _UNITS[unit]
    return Amount(number / 100 if kind == "percent" else number * factor, kind, shown)


def share(text: object, where: str, *, least: float, most: float) -> float:
    """Parse a probability, such as alpha: a number above `least` and at most `most`. Raises `UsageError`.

    >>> share("5%", "alpha", least=0, most=0.5)
    0.05
    """
    amount = parse_amount(text, where)
    if amount.kind not in ("none", "percent") or not least < amount.number <= most:
        raise UsageError(f"{where}: {amount.text!r} must be above {least:g} and at most {most:g}, such as 0.05")
    return amount.number
