"""Figures of speed as they were stored before schema version 9, read as scenarios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_QUANTILES = ("p50", "p90", "p99")
_RATE = (
    "requests that ended after the first call had ended, failed ones included, over the time from then to the last end"
)
_QUANTILE = "linear interpolation between order statistics, failed requests included, the first call left out"
_NOTE = (
    "measured by an mmbench that counted answers which were in flight when the warm-up ended, and failed requests: rates of an "
    "earlier version may be too high"
)


def task_perf(document: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one task of schema version 8 or earlier, as a document of version 9.

    They become those of the quality run. A latency keeps its name where a call was one request for certain; else it is
    called the time of a batch. Concurrency and threads were not stored.

    Args:
        document: What ``perf.json`` held under the name of a task.
    """
    first_token = document.get("first_token_ms")
    one_by_one = document["batch_size"] == 1 or first_token is not None
    n, n_calls, notes = document["n_samples"], document["n_calls"], [str(note) for note in document["reasons"]]
    figures = {
        "samples_per_s": _figure(document["samples_per_s"], "1/s", _RATE, n),
        "output_tokens_per_s": _figure(document["tokens_per_s"], "1/s", _RATE, n),
        **_latency("latency" if one_by_one else "batch_ms", document["latency_ms"], n_calls),
        **_latency("first_token", first_token, n_calls),
        **_latency("first_answer_token", document.get("first_answer_token_ms"), n_calls),
        "peak_memory": _figure(document["peak_memory_bytes"], "B", "highest resident memory of the process"),
        "gpu_allocated": _figure(document["peak_accelerator_bytes"], "B", "highest memory that torch allocated"),
        "cost": _figure(document.get("cost_usd"), "USD", "sum over the requests of the session"),
    }
    reasons = []
    if not document["valid"]:
        code = "failures" if document["samples_per_s"] is not None else "too_few_samples"
        reasons = [{"code": code, "detail": "; ".join(notes) or "an earlier version says so"}]
    return {
        "scenarios": [
            {
                "name": "quality",
                "identity": {
                    "batch_size": 1 if one_by_one else document["batch_size"],
                    "concurrency": None,
                    "threads": None,
                    "workers": None,
                },
                "complete": True,
                "valid": document["valid"],
                "reasons": reasons,
                "notes": [*notes, *([_NOTE] if document["samples_per_s"] is not None else [])],
                "figures": {name: figure for name, figure in figures.items() if figure["value"] is not None},
                "n_samples": float(n),
                "n_calls": n_calls,
                "n_cached": document.get("n_cached", 0),
                "wall_s": document["main_loop_s"],
            }
        ]
    }


def _latency(name: str, values: Mapping[str, Any] | None, n: int) -> dict[str, dict[str, Any]]:
    found = values or {}
    return {f"{name}_{q}": _figure(found.get(q), "ms", _QUANTILE, n) for q in _QUANTILES}


def _figure(value: object, unit: str, formula: str, n: int = 0) -> dict[str, Any]:
    return {"value": value, "unit": unit, "formula": formula, "n": n}
