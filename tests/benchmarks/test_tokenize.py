"""Captions a second, beside the official program in the same run."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mmbench.metrics.captions import tokenize
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


@pytest.mark.benchmark(timer=time.process_time)
def test_tokenizer(benchmark: Any, slowness: float) -> None:
    """Each round begins knowing no word, as a command does."""
    captions = _captions()
    lines = benchmark.pedantic(tokenize_captions, args=(captions,), setup=tokenize._pieces.cache_clear, rounds=5)
    assert len(lines) == len(captions)
    rate = len(captions) / benchmark.stats.stats.min
    benchmark.extra_info["captions_per_s"] = rate
    assert rate >= AT_LEAST / slowness


def test_the_official_program_for_comparison(benchmark: Any) -> None:
    """It gives the same lines; its time includes the start of Java."""
    official = pytest.importorskip("hard_captions")
    if not official.has_official():
        pytest.skip("needs Java and the extra coco")
    captions = _captions()[:50_000]
    theirs = benchmark.pedantic(official.official, args=(captions,), rounds=1)
    assert theirs == [tokenize_captions([caption])[0] for caption in captions]
