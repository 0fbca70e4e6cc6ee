"""The part of a run that its rates are taken from: full of requests that started after the warm-up.

Requests that were in flight when the warm-up ended were paid for by it, and while the last ones drain fewer are in flight than
were to be. Between the two, each request counts by the share of its time that lies inside. Where `c` calls are in flight all the
time and each takes `L`, this is c / L exactly, whatever the phase between them; it never exceeds c over the shortest call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

WAVES = 3
"""Waves of calls, as many as are in flight at once each, from which a rate is given."""
_FULL = 0.9
"""Share of the most calls in flight that counts as full."""
_ROUNDING = 1e-7
"""Seconds by which sums of start and duration may be off: a call that starts as another ends is not in flight with it."""
_BLOCKS = 10
_T_9 = 2.262
"""97.5 % quantile of Student's t with 9 degrees of freedom, for the mean over 10 blocks."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is measured of the calls of a task. Times are in seconds, by the clock that the calls were timed with."""

    warm: float
    """When the warm-up ended: calls that started then or later are counted."""
    begin: float
    """When the window begins."""
    end: float
    """When it ends."""
    peak: int
    """Calls in flight at most."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return max(0.0, self.end - self.begin)

    def share(self, start: float, duration: float) -> float:
        """The part of a call's time that lies inside, from 0 to 1; of a call that took no time, 1 or 0."""
        if start < self.warm:
            return 0.0
        inside = min(start + duration, self.end) - max(start, self.begin)
        if duration <= 0:
            return float(inside >= 0)
        return min(1.0, max(0.0, inside / duration))


def window_of(starts: Sequence[float], durations: Sequence[float], until: float | None = None) -> Window | None:
    """Find the window of some calls; None where there are none.

    One call after the other: from the end of the first to the end of the last, time between calls included. Several in
    flight: the warm-up ends when a call has ended and nine tenths of the most calls were in flight; the window begins when nine
    tenths of those that were in flight then have ended, and ends when the last call starts, or no half of the most are in flight.

    Args:
        starts: Start of each call.
        durations: Duration of each call.
        until: When the calls had the machine no longer to themselves: the window ends then at the latest.
    """
    found = _whole(starts, durations)
    return found if found is None or until is None else replace(found, end=min(found.end, until))


def _whole(starts: Sequence[float], durations: Sequence[float]) -> Window | None:
    calls = sorted(zip(starts, durations, strict=True))
    if not calls:
        return None
    levels = _levels(calls)
    peak = max(level for _, level in levels)
    first_end = min(start + lasts for start, lasts in calls)
    last_end = max(start + lasts for start, lasts in calls)
    if peak <= 1:
        return Window(first_end - _ROUNDING, first_end, last_end, 1)
    full = next(moment for moment, level in levels if level >= _FULL * peak)
    warm = max(first_end - _ROUNDING, full)
    paid = sorted(start + lasts for start, lasts in calls if start < warm < start + lasts)
    begin = paid[max(0, int(_FULL * len(paid)) - 1)] if paid else warm
    last_half = max(place for place, (_, level) in enumerate(levels) if level >= peak / 2)
    emptied = levels[last_half + 1][0] if last_half + 1 < len(levels) else last_end
    return Window(warm, begin, min(calls[-1][0], emptied), peak)


def _levels(calls: Sequence[tuple[float, float]]) -> list[tuple[float, int]]:
    """(moment, calls in flight from then on) at every start and end; at one moment ends come before starts."""
    starts = [(start, 1) for start, _ in calls]
    ends = [(start + max(0.0, lasts - _ROUNDING), -1) for start, lasts in calls]
    flying, levels = 0, []
    for moment, step in sorted(starts + ends):
        flying += step
        levels.append((moment, flying))
    return levels


def rate(
    window: Window, starts: Sequence[float], durations: Sequence[float], amounts: Sequence[float]
) -> tuple[float | None, float | None, float | None]:
    """What the calls did a second inside the window, with a 95 % interval; three times None for an empty window.

    Args:
        window: As `window_of` gives it.
        starts: Start of each call.
        durations: Duration of each call.
        amounts: What each did: requests that ended well, images, tokens.

    Returns:
        Rate, lower and upper end. The interval is Student's over ten blocks of equal length (batch means); None where
        fewer than ten waves lie inside, so that blocks would not be full.
    """
    if window.seconds <= 0:
        return None, None, None
    total, waves, blocks = 0.0, 0.0, [0.0] * _BLOCKS
    begin, warm, seconds = window.begin, window.warm, window.seconds
    width = seconds / _BLOCKS
    for start, lasts, amount in zip(starts, durations, amounts, strict=True):
        low, high = max(start - begin, 0.0), min(start + lasts - begin, seconds)
        if start < warm or high < low or (lasts > 0 and high == low):
            continue
        density = amount / lasts if lasts > 0 else 0.0
        total += density * (high - low) if lasts > 0 else amount
        waves += (high - low) / lasts if lasts > 0 else 1.0
        first, last = min(_BLOCKS - 1, int(low / width)), min(_BLOCKS - 1, int(high / width))
        if first == last:
            blocks[first] += density * (high - low) if lasts > 0 else amount
            continue
        for block in range(first, last + 1):
            blocks[block] += density * (min(high, (block + 1) * width) - max(low, block * width))
    waves /= window.peak
    value = total / window.seconds
    if waves < _BLOCKS:
        return value, None, None
    rates = [block / width for block in blocks]
    mean = math.fsum(rates) / _BLOCKS
    spread = math.sqrt(math.fsum((each - mean) ** 2 for each in rates) / (_BLOCKS - 1) / _BLOCKS)
    return value, max(0.0, value - _T_9 * spread), value + _T_9 * spread
