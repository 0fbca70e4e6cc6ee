"""Thresholds as people write them: a number with its unit, and what each unit may be used for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from mmbench.core.errors import UsageError

Kind = Literal["none", "points", "percent", "factor", "ms", "rate", "bytes", "usd"]
"""What a unit measures."""

_UNITS: dict[str, tuple[Kind, float]] = {
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
    r"(?P<number>[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf|infinity))\s*(?P<unit>\S*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Amount:
    """A number with its unit."""

    number: float
    """In the base unit of its kind: points, a share of 1 for per cent, a factor, ms, 1/s, bytes, US dollars."""
    kind: Kind
    """What it measures; ``none`` for a bare number."""
    text: str
    """As it was written."""


def parse_amount(text: str | float, where: str) -> Amount:
    """A threshold, such as ``0.5pt``, ``250ms``, ``1.2x`` or ``0.70``. Raises `UsageError`, which begins with `where`.

    >>> parse_amount("0.25 s", "rule")
    Amount(number=250.0, kind='ms', text='0.25 s')
    """
    shown = str(text).strip()
    match = _AMOUNT.fullmatch(shown)
    if isinstance(text, bool) or match is None:
        raise UsageError(f"{where}: {shown!r} is no number with a unit, such as 0.5pt, 0.70, 250ms or 1.2x")
    try:
        number = float(match["number"])
    except ValueError:
        raise UsageError(f"{where}: {shown!r} is no number with a unit, such as 0.5pt, 0.70, 250ms or 1.2x") from None
    if not math.isfinite(number):
        raise UsageError(f"{where}: {shown!r} is no threshold: it must be a finite number")
    unit = match["unit"]
    if unit not in _UNITS:
        raise UsageError(f"{where}: unknown unit {unit!r} in {shown!r}; known are {', '.join(filter(None, _UNITS))}")
    kind, factor = _UNITS[unit]
    return Amount(number / 100 if kind == "percent" else number * factor, kind, shown)


def share(text: str | float, where: str, *, least: float, most: float) -> float:
    """A probability, such as alpha: a number above `least` and below or at `most`. Raises `UsageError`.

    >>> share("5%", "alpha", least=0, most=0.5)
    0.05
    """
    amount = parse_amount(text, where)
    if amount.kind not in ("none", "percent") or not least < amount.number <= most:
        raise UsageError(f"{where}: {amount.text!r} must be above {least:g} and at most {most:g}, such as 0.05")
    return amount.number
