"""The figures of the quality run: each with its unit, its interval and its formula, or null with a reason."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from mmbench.perf.call_log import CallLog
from mmbench.perf.memory import Peaks
from mmbench.perf.percentiles import SHOWN, percentile, sample_floor, with_failures
from mmbench.perf.window import Window, rate
from mmbench.results.schema import PerfFigure

_RATE = (
    "{what} of requests that started after the warm-up and ended well, each counted by the share of its time inside the window, "
    "over the seconds of the window"
)
_LATENCY = "order statistic over {what} that started after the warm-up and ended well"
_FROM_FIRST = "requests, each from the first time that it was sent, asking again included,"
_DEVICE = "calls, by CUDA events from the first piece of work on the GPU to the last,"
_NO_TOKENS = "the model does not tell how many tokens it {did}"


@dataclass(frozen=True, slots=True)
class Counted:
    """The calls that started after the warm-up."""

    window: Window
    """Where rates are taken from."""
    calls: Sequence[int]
    """Numbers of the calls in the log."""
    requests: int
    """Requests of these calls."""
    ok: int
    """Those of them that ended well."""
    waves: float
    """Calls with a request that ended well, over the most calls in flight."""
    requests_per_sample: float
    """Requests that are made of a sample."""

    @classmethod
    def of(cls, log: CallLog, window: Window, requests_per_sample: float) -> Self:
        """Find the calls."""
        calls = [call for call, start in enumerate(log.start) if start >= window.warm]
        waves = sum(log.ok[call] > 0 for call in calls) / window.peak
        requests, ok = sum(log.requests[call] for call in calls), sum(log.ok[call] for call in calls)
        return cls(window, calls, requests, ok, waves, requests_per_sample)

    @property
    def samples(self) -> float:
        """Samples that the requests stand for."""
        return self.ok / self.requests_per_sample if self.requests_per_sample else 0.0


def quick_figures(
    log: CallLog, counted: Counted | None, peaks: Peaks, *, load_s: float | None, why: str | None
) -> dict[str, PerfFigure]:
    """All figures that make sense for the calls.

    Args:
        log: The calls.
        counted: Those that started after the warm-up; None where nothing was asked.
        peaks: Memory.
        load_s: Seconds until the model was loaded; None where it was loaded before.
        why: Why no rate is given; None where one is.
    """
    found: dict[str, PerfFigure] = {}
    if counted is None:
        found["samples_per_s"] = PerfFigure(value=None, unit="1/s", formula=_RATE.format(what="samples"), reason=why)
    else:
        found |= _rates(log, counted, why)
        found |= _latencies(log, counted)
        found |= _batches(log, counted)
    if load_s is not None:
        found["load_s"] = _read(load_s, "s", "time until the model was loaded")
    if len(log):
        first = min(range(len(log)), key=lambda call: log.start[call])
        found["first_call_s"] = _read(log.duration[first], "s", "time of the call that started first", n=1)
    return found | _memory(peaks) | _costs(log, counted)


def _rates(log: CallLog, counted: Counted, why: str | None) -> dict[str, PerfFigure]:
    samples = array("d", (ok / counted.requests_per_sample for ok in log.ok))
    found = {"samples_per_s": _rate(log, counted, samples, "samples", why)}
    if any(log.images[call] for call in counted.calls):
        found["images_per_s"] = _rate(log, counted, log.images, "images", why)
    for side, did, tokens in (("input", "read", log.input_tokens), ("output", "wrote", log.output_tokens)):
        answered = [call for call in counted.calls if log.ok[call]]
        known = [call for call in answered if not math.isnan(tokens[call])]
        if known:
            lacks = None if len(known) == len(answered) else _NO_TOKENS.format(did=did) + " for every request"
            found[f"{side}_tokens_per_s"] = _rate(
                log, counted, tokens, f"{side} tokens, padding left out,", why or lacks
            )
    if why is None:
        busy = array("d", (1.0 for _ in log.start))
        value = sum(
            counted.window.share(log.start[call], log.duration[call]) * log.duration[call] for call in counted.calls
        )
        formula = "mean number of calls in flight inside the window"
        found["in_flight"] = _read(value / counted.window.seconds, "1", formula, n=len(busy))
    return found


def _rate(log: CallLog, counted: Counted, amounts: Sequence[float], what: str, why: str | None) -> PerfFigure:
    formula = _RATE.format(what=what)
    if why is not None:
        return PerfFigure(value=None, unit="1/s", formula=formula, n=counted.ok, reason=why)
    value, low, high = rate(counted.window, log.start, log.duration, amounts)
    return PerfFigure(value=value, low=low, high=high, unit="1/s", formula=formula, n=counted.ok)


def _latencies(log: CallLog, counted: Counted) -> dict[str, PerfFigure]:
    """Times of requests where a call is one, else times of batches under a name of their own."""
    well = [call for call in counted.calls if log.ok[call] == log.requests[call]]
    on_device = [log.device[call] for call in well if not math.isnan(log.device[call])]
    if not log.one_by_one:
        found = _percentiles("batch_ms", "calls of several requests", (log.duration[call] for call in well))
        return found | (_percentiles("device_time_batch", _DEVICE, on_device) if on_device else {})
    found = _percentiles("latency", _FROM_FIRST, (log.waited[call] + log.duration[call] for call in well))
    found |= _percentiles("device_time", _DEVICE, on_device) if on_device else {}
    for name, times in (("first_token", log.first_token), ("first_answer_token", log.first_answer_token)):
        known = [log.waited[call] + times[call] for call in well if not math.isnan(times[call])]
        if known:
            found |= _percentiles(name, _FROM_FIRST, known)
    if again := sum(log.waited[call] > 0 for call in counted.calls):
        formula = (
            "requests that started after the warm-up and were sent more than once, because a call of theirs failed"
        )
        found["requests_sent_again"] = _read(again, "1", formula, n=len(counted.calls))
    return found


def _percentiles(name: str, what: str, seconds: Iterable[float]) -> dict[str, PerfFigure]:
    """Those of `SHOWN` from their floors up; the median always, null with a reason below its floor."""
    ordered = with_failures([1e3 * each for each in seconds])
    formula, found = _LATENCY.format(what=what), {}
    for q in SHOWN:
        known = percentile(ordered, q)
        key = f"{name}_p{100 * q:g}"
        if known is not None:
            value, low, high = known.value, known.low, known.high
            found[key] = PerfFigure(value=value, low=low, high=high, unit="ms", formula=formula, n=known.n)
        elif q == SHOWN[0]:
            reason = f"{what.partition(',')[0]} after the warm-up: {len(ordered):,}, and p50 needs {sample_floor(q):,}"
            found[key] = PerfFigure(value=None, unit="ms", formula=formula, n=len(ordered), reason=reason)
    return found


def _batches(log: CallLog, counted: Counted) -> dict[str, PerfFigure]:
    """How full batches were, and how much of what they read was padding."""
    if log.one_by_one or not counted.calls:
        return {}
    size = sum(log.requests[call] for call in counted.calls) / len(counted.calls)
    found = {"mean_batch": _read(size, "1", "requests over calls, after the warm-up", n=len(counted.calls))}
    known = [call for call in counted.calls if log.padded_tokens[call] > 0 and not math.isnan(log.input_tokens[call])]
    if known:
        share = sum(log.input_tokens[call] for call in known) / sum(log.padded_tokens[call] for call in known)
        formula = "tokens read over requests of a call × tokens of its longest request, summed over calls"
        found["padding_efficiency"] = _read(share, "1", formula, n=len(known))
    return found


def _memory(peaks: Peaks) -> dict[str, PerfFigure]:
    values = {
        "peak_memory": (peaks.process, "highest resident memory of the process, the model and mmbench included"),
        "peak_memory_children": (peaks.children, "sum of the highest resident memory of each child process"),
        "gpu_allocated": (peaks.gpu_allocated, "highest memory that torch allocated on its GPU"),
        "gpu_reserved": (peaks.gpu_reserved, "highest memory that torch took from its GPU, allocated or not"),
    }
    return {name: _read(value, "B", formula) for name, (value, formula) in values.items() if value is not None}


def _costs(log: CallLog, counted: Counted | None) -> dict[str, PerfFigure]:
    known = [call for call in range(len(log)) if not math.isnan(log.cost[call])]
    if not known or counted is None:
        return {}
    spent = math.fsum(log.cost[call] for call in known)
    samples = sum(log.requests[call] for call in known) / counted.requests_per_sample
    return {
        "cost": _read(spent, "USD", "sum over the requests of the session, warm-up included", n=len(known)),
        "cost_per_1000_samples": _read(
            1000 * spent / samples, "USD", "cost over its samples, times 1000", n=len(known)
        ),
    }


def _read(value: float, unit: str, formula: str, n: int = 0) -> PerfFigure:
    return PerfFigure(value=value, unit=unit, formula=formula, n=n)
