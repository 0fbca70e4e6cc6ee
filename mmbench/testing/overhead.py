"""Measure what the harness costs on this machine: models that answer at once, on questions about one small image."""

from __future__ import annotations

import json
import struct
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmbench.api.run import execute, make_plan
from mmbench.runner.execute.progress import Silent

SAMPLES = 2_000
"""Questions of each measurement."""
_ROUNDS = 3
_IN_FLIGHT = 64


@dataclass(frozen=True, slots=True)
class Overhead:
    """What the harness costs with one kind of model. Start-up is left out."""

    kind: str
    """How the model is asked."""
    us_per_sample: float
    """Microseconds of CPU for each sample: planned, asked, logged, measured and scored."""
    us_measuring: float
    """Those of them that measuring speed takes: the difference to ``--perf off``, which may be below 0 by chance."""
    where_us: Mapping[str, float] = field(default_factory=dict)
    """Microseconds of the main loop for each sample, by what they were spent on (`PerfScenario.where_s`)."""


def measure_overhead(samples: int = SAMPLES) -> list[Overhead]:
    """Measure the harness with a model that is asked in batches, and with one that is asked by `async def`.

    Args:
        samples: Questions of each run. The fastest of three runs counts, and runs with and without measuring take turns.

    Raises:
        UsageError: Where the task family ``vqa`` is not installed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        data = _questions(Path(scratch), samples)
        kinds: Sequence[tuple[str, Any, dict[str, Any]]] = (
            ("batches of 64", _AtOnce, {"batch_size": 64}),
            (f"async, {_IN_FLIGHT} in flight", _AtOnceAsync, {"concurrency": _IN_FLIGHT}),
        )
        return [_measured(kind, model, data, options, Path(scratch)) for kind, model, options in kinds]


class _AtOnce:
    def generate(self, requests: Sequence[Any]) -> list[str]:
        return ["red"] * len(requests)


class _AtOnceAsync:
    async def generate(self, request: Any) -> str:
        del request
        return "red"


def _measured(kind: str, model: Any, data: Path, options: dict[str, Any], scratch: Path) -> Overhead:
    best = {"quick": float("inf"), "off": float("inf")}
    where: Mapping[str, float] = {}
    n = 0
    for number in range(_ROUNDS + 1):  # the first round loads what is loaded once
        for perf in ("quick", "off"):
            out = scratch / f"{kind}-{perf}-{number}"
            started = time.process_time()
            result = execute(make_plan(model(), "vqa", out, {"data": data, "perf": perf, **options}), Silent())
            seconds = time.process_time() - started
            (task,) = result.runs[0].tasks.values()
            n = task.entry.n_samples
            if number and seconds < best[perf]:
                best[perf] = seconds
                where = task.perf.quality.where_s if task.perf is not None and task.perf.quality is not None else where
    each = {perf: 1e6 * seconds / n for perf, seconds in best.items()}
    spent = {name: 1e6 * seconds / n for name, seconds in where.items()}
    return Overhead(kind, each["quick"], each["quick"] - each["off"], spent)


def _questions(folder: Path, samples: int) -> Path:
    (folder / "pixel.png").write_bytes(_png())
    path = folder / "overhead.jsonl"
    rows = ({"image": "pixel.png", "question": f"What is colour {n}?", "answer": "red"} for n in range(samples))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _png() -> bytes:
    """One red pixel, without a library for images."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
