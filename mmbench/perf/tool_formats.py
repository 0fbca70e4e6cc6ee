"""Write the requests of a scenario under the field names, and by the formulas, of other tools that measure serving.

These tools count from the send, leave failed requests out and interpolate percentiles; our own figures do none of this, so
that the numbers of the two need not agree. Formulas and names were read in vLLM (``bench serve``), sglang
(``bench_serving``) and aiperf, in November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from mmbench.results.schema import PerfScenario, RequestTiming

_QUANTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)


class _Log:
    """The lists that the tools compute with, of the requests that ended well, in the order in which they were sent."""

    def __init__(self, timings: Sequence[RequestTiming]) -> None:
        self.all = sorted(timings, key=lambda timing: timing.sent_s)
        self.done = [timing for timing in self.all if timing.ended_well]
        self.latencies = [timing.ended_s - timing.sent_s for timing in self.done]
        self.first_tokens = [
            timing.first_token_s - timing.sent_s for timing in self.done if timing.first_token_s is not None
        ]
        self.first_answer_tokens = [
            timing.first_answer_token_s - timing.sent_s
            for timing in self.done
            if timing.first_answer_token_s is not None
        ]
        self.per_token = [
            (timing.ended_s - timing.first_token_s) / (timing.output_tokens - 1)
            for timing in self.done
            if timing.first_token_s is not None and (timing.output_tokens or 0) > 1 and timing.output_tokens is not None
        ]
        self.gaps = [[b - a for a, b in pairwise(timing.pieces_s)] for timing in self.done]
        self.input_tokens = [timing.input_tokens or 0 for timing in self.done]
        self.image_tokens = [timing.image_tokens or 0 for timing in self.done]
        self.output_tokens = [timing.output_tokens or 0 for timing in self.done]
        ends = [timing.ended_s for timing in self.all]
        self.duration = max(ends) - self.all[0].sent_s if ends else 0.0

    @property
    def pooled_gaps(self) -> list[float]:
        """The gaps of all requests."""
        return [gap for gaps in self.gaps for gap in gaps]

    def per_second(self, total: float) -> float:
        """A total over the duration."""
        return total / self.duration if self.duration > 0 else 0.0


def document_for(tool: str, model: str, timings: Sequence[RequestTiming], scenario: PerfScenario) -> dict[str, Any]:
    """The document that a tool would have written of these requests.

    Args:
        tool: ``vllm``, ``sglang`` or ``aiperf``.
        model: Name of the model.
        timings: The measured requests, warm-up left out.
        scenario: Their record, for rate and concurrency.
    """
    return _TOOLS[tool](model, _Log(timings), scenario)


def _moments(values: Sequence[float], name: str, quantiles: Sequence[int]) -> dict[str, float]:
    """Mean, median, standard deviation and percentiles in milliseconds, as NumPy computes them by default."""
    import numpy as np

    if not values:
        return {}
    found = 1e3 * np.asarray(values, dtype=np.float64)
    return {
        f"mean_{name}_ms": float(found.mean()),
        f"median_{name}_ms": float(np.median(found)),
        f"std_{name}_ms": float(found.std()),
        **{f"p{q}_{name}_ms": float(np.percentile(found, q)) for q in quantiles},
    }


def _rate(scenario: PerfScenario) -> float | str:
    """The rate of an open loop; ``inf``, as the tools say, where requests waited for nothing but others."""
    offered = scenario.value("offered_per_s")
    return "inf" if offered is None else offered


def _most_at_once(log: _Log) -> int:
    events = sorted([(timing.sent_s, 1) for timing in log.all] + [(timing.ended_s, -1) for timing in log.all])
    flying = most = 0
    for _, step in events:
        flying += step
        most = max(most, flying)
    return most


def _vllm(model: str, log: _Log, scenario: PerfScenario) -> dict[str, Any]:
    read, written = sum(log.input_tokens), sum(log.output_tokens)
    document: dict[str, Any] = {
        "model_id": model,
        "num_prompts": len(log.all),
        "request_rate": _rate(scenario),
        "max_concurrency": scenario.identity.concurrency,
        "duration": log.duration,
        "completed": len(log.done),
        "failed": len(log.all) - len(log.done),
        "total_input_tokens": read,
        "total_output_tokens": written,
        "request_throughput": log.per_second(len(log.done)),
        "output_throughput": log.per_second(written),
        "total_token_throughput": log.per_second(read + written),
        "max_concurrent_requests": _most_at_once(log),
        **_moments(log.first_tokens, "ttft", (50, 90, 95, 99)),
        **_moments(log.per_token, "tpot", (50, 90, 95, 99)),
        **_moments(log.pooled_gaps, "itl", (50, 90, 95, 99)),
        **_moments(log.latencies, "e2el", (50, 90, 95, 99)),
        "input_lens": log.input_tokens,
        "output_lens": log.output_tokens,
        "ttfts": log.first_tokens,
        "itls": log.gaps,
        "latencies": log.latencies,
        "start_times": [timing.sent_s for timing in log.done],
        "errors": [timing.error or "" for timing in log.all],
    }
    if (goodput := scenario.figures.get("goodput")) is not None and goodput.value is not None:
        document["request_goodput"] = goodput.value
    return document


def _sglang(model: str, log: _Log, scenario: PerfScenario) -> dict[str, Any]:
    read, written = sum(log.input_tokens), sum(log.output_tokens)
    pictures = sum(log.image_tokens)
    gaps = log.pooled_gaps
    return {
        "model_id": model,
        "request_rate": _rate(scenario),
        "max_concurrency": scenario.identity.concurrency,
        "duration": log.duration,
        "completed": len(log.done),
        "total_input_tokens": read,
        "total_input_text_tokens": read - pictures,
        "total_input_vision_tokens": pictures,
        "total_output_tokens": written,
        "request_throughput": log.per_second(len(log.done)),
        "input_throughput": log.per_second(read),
        "output_throughput": log.per_second(written),
        "total_throughput": log.per_second(read + written),
        "concurrency": log.per_second(sum(log.latencies)),
        **_moments(log.latencies, "e2e_latency", (90, 99)),
        **_moments(log.first_tokens, "ttft", (99,)),
        **_moments(log.per_token, "tpot", (99,)),
        **_moments(gaps, "itl", (95, 99)),
        **({"max_itl_ms": 1e3 * max(gaps)} if gaps else {}),
        "input_lens": log.input_tokens,
        "output_lens": log.output_tokens,
        "ttfts": log.first_tokens,
        "itls": log.gaps,
        "errors": [timing.error or "" for timing in log.all],
    }


def _aiperf(model: str, log: _Log, scenario: PerfScenario) -> dict[str, Any]:
    lists: dict[str, tuple[str, Sequence[float]]] = {
        "time_to_first_token": ("ms", [1e3 * value for value in log.first_tokens]),
        "time_to_first_output_token": ("ms", [1e3 * value for value in log.first_answer_tokens]),
        "inter_token_latency": ("ms", [1e3 * value for value in log.per_token]),
        "inter_chunk_latency": ("ms", [1e3 * value for value in log.pooled_gaps]),
        "request_latency": ("ms", [1e3 * value for value in log.latencies]),
        "input_sequence_length": ("tokens", log.input_tokens),
        "output_sequence_length": ("tokens", log.output_tokens),
    }
    rates = {
        "request_throughput": ("requests/sec", log.per_second(len(log.done))),
        "output_token_throughput": ("tokens/sec", log.per_second(sum(log.output_tokens))),
        "request_count": ("requests", len(log.done)),
        "error_request_count": ("requests", len(log.all) - len(log.done)),
        "benchmark_duration": ("sec", log.duration),
    }
    for theirs, ours, unit in (
        ("goodput", "goodput", "requests/sec"),
        ("good_request_fraction", "good_share", "ratio"),
    ):
        if (figure := scenario.figures.get(ours)) is not None and figure.value is not None:
            rates[theirs] = unit, figure.value
    return {
        "model": model,
        **{name: _spread(unit, values) for name, (unit, values) in lists.items() if values},
        **{name: {"unit": unit, "avg": value} for name, (unit, value) in rates.items()},
    }


def _spread(unit: str, values: Sequence[float]) -> dict[str, Any]:
    import numpy as np

    found = np.asarray(values, dtype=np.float64)
    return {
        "unit": unit,
        "avg": float(found.mean()),
        "min": float(found.min()),
        "max": float(found.max()),
        **{f"p{q}": float(np.percentile(found, q)) for q in _QUANTILES},
        "std": float(found.std()),
        "count": len(found),
        "sum": float(found.sum()),
    }


_TOOLS: dict[str, Callable[[str, _Log, PerfScenario], dict[str, Any]]] = {
    "vllm": _vllm,
    "sglang": _sglang,
    "aiperf": _aiperf,
}
"""Tool to what writes its document."""
