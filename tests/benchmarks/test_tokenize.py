"""Captions a second, beside the official program in the same run."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mmbench.metrics.captions.tokenize import tokenize_captions

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "metrics"))

CAPTIONS = 100_000
AT_LEAST = 250_000
"""Captions a second on one core of the reference."""


def _captions() -> list[str]:
    """Made of words as COCO has them, most of them plain; some hundred kinds of the hard pieces."""
    hard = json.loads((Path(__file__).resolve().parents[1] / "metrics" / "data" / "hard_captions.json").read_text())
    words = (
        "a the man woman dog sitting on standing with street red two bus near people table large of and next to".split()  # noqa: SIM905
    )
    plain = [" ".join(words[(i * 7 + k * (i % 13 + 1)) % len(words)] for k in range(10)) + "." for i in range(5000)]
    odd = [caption for kind in ("contractions", "dashes", "numbers", "quotes") for caption, _ in hard[kind]]
    return [odd[i // 50 % len(odd)] if i % 50 == 0 else plain[i % len(plain)] for i in range(CAPTIONS)]


def test_tokenizer(benchmark: Any, slowness: float) -> None:
    captions = _captions()
    lines = benchmark.pedantic(tokenize_captions, args=(captions,), rounds=5)
    assert len(lines) == len(captions)
    rate = len(captions) / benchmark.stats.stats.min
    benchmark.extra_info["captions_per_s"] = rate
    assert rate >= AT_LEAST / slowness
    official = pytest.importorskip("hard_captions")
    if official.has_official():
        some = captions[:5000]
        started = time.perf_counter()
        theirs = official.official(some)
        seconds = time.perf_counter() - started
        benchmark.extra_info["times_the_official"] = rate * seconds / (2 * len(some))
        assert theirs == [tokenize_captions([caption])[0] for caption in some]
