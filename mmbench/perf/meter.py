"""Measure the calls of one task: throughput, latency, tokens and memory, or nulls with reasons."""

from __future__ import annotations

import time
from array import array
from collections.abc import Sequence

from mmbench.core.responses import Call, Response
from mmbench.perf.memory import accelerator_peak_bytes, peak_bytes, reset_peak
from mmbench.perf.observer import Observer
from mmbench.results.schema import Latency, TaskPerf

FLOORS = {0.5: 10, 0.9: 50, 0.99: 500}
"""Quantile to the number of calls from which it is given: at least five calls lie beyond it."""


class Meter(Observer):
    """Observes the calls of one task. The first call is warm-up."""

    def __init__(self) -> None:
        self._reset = False
        self._durations = array("d")
        self._first_tokens = array("d")
        self._first_answer_tokens = array("d")
        self._requests = 0
        self._tokens: int | None = None
        self._cost_usd: float | None = None
        self._n_cached = 0
        self._warm_at: float | None = None
        self._ended_at = 0.0

    def start(self) -> None:
        """Start a new high-water mark of memory."""
        self._reset = reset_peak()

    def on_responses(self, call: Call, new: Sequence[int], responses: Sequence[Response]) -> None:
        """Take the time of a call, and the tokens and costs of its new responses."""
        if call.cached:
            self._n_cached += len(new)
            return
        now = time.perf_counter()
        self._ended_at = now
        costs = [r.usage.cost_usd for r in responses if r.usage is not None and r.usage.cost_usd is not None]
        if costs:
            self._cost_usd = (self._cost_usd or 0.0) + sum(costs)
        if self._warm_at is None:
            self._warm_at = now
            return
        self._durations.append(call.duration_s)
        self._requests += len(call.numbers)
        tokens = [r.usage.output_tokens for r in responses if r.usage is not None and r.usage.output_tokens is not None]
        if tokens:
            self._tokens = (self._tokens or 0) + sum(tokens)
        self._first_tokens.extend(r.first_token_s for r in responses if r.first_token_s is not None)
        answered = (r.first_answer_token_s for r in responses)
        self._first_answer_tokens.extend(seconds for seconds in answered if seconds is not None)

    def result(self, requests_per_sample: float, batch_size: int) -> TaskPerf:
        """The figures of the task."""
        elapsed = 0.0 if self._warm_at is None else self._ended_at - self._warm_at
        samples = self._requests / requests_per_sample if requests_per_sample else 0.0
        measured = elapsed > 0 and self._requests > 0
        reasons: list[str] = []
        if self._warm_at is None and self._n_cached:
            reasons.append("every answer came from the cache: nothing was measured")
        elif not measured:
            reasons.append("only the warm-up batch ran: no throughput (more samples, or a smaller --batch-size)")
        elif len(self._durations) < FLOORS[0.5]:
            reasons.append(f"{len(self._durations)} calls after warm-up: no latency (p50 needs {FLOORS[0.5]})")
        if not self._reset:
            reasons.append("peak memory covers the whole process so far, not this task alone")
        return TaskPerf(
            samples_per_s=samples / elapsed if measured else None,
            tokens_per_s=self._tokens / elapsed if measured and self._tokens is not None else None,
            latency_ms=_latency(self._durations),
            first_token_ms=_latency(self._first_tokens) if self._first_tokens else None,
            first_answer_token_ms=_latency(self._first_answer_tokens) if self._first_answer_tokens else None,
            cost_usd=self._cost_usd,
            n_cached=self._n_cached,
            peak_memory_bytes=peak_bytes(),
            peak_accelerator_bytes=accelerator_peak_bytes(),
            n_samples=round(samples),
            n_calls=len(self._durations),
            main_loop_s=elapsed,
            batch_size=batch_size,
            valid=measured,
            reasons=reasons,
        )


def _latency(seconds: array[float]) -> Latency:
    return Latency(p50=_quantile(seconds, 0.5), p90=_quantile(seconds, 0.9), p99=_quantile(seconds, 0.99))


def _quantile(seconds: array[float], q: float) -> float | None:
    """Linear interpolation between order statistics, in milliseconds; None below the floor."""
    if len(seconds) < FLOORS[q]:
        return None
    ordered = sorted(seconds)
    place = q * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return 1e3 * (ordered[low] + (ordered[high] - ordered[low]) * (place - low))
