"""Threads that collate share a tokenizer, which keeps how it cuts and pads as a state."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import kin
import pytest
import tiny

from mmbench.core import Choose, Embed, Generate
from mmbench.models.hf.adapter import HuggingFace
from mmbench.models.hf.embedding import HuggingFaceEmbedding
from mmbench.models.hf.hidden_states import HiddenStates
from mmbench.models.hf.turns import in_turns

pytestmark = pytest.mark.slow

BATCHES = 40


def dwell(tokenizer: Any) -> None:
    """Give other threads the time to come in between, where a tokenizer has been told how to cut and pad."""
    told = tokenizer.set_truncation_and_padding

    def slowly(*args: Any, **kwargs: Any) -> None:
        told(*args, **kwargs)
        time.sleep(0.0005)

    object.__setattr__(tokenizer, "set_truncation_and_padding", slowly)


def plain(value: Any) -> Any:
    """Tensors as lists, to be compared."""
    if hasattr(value, "pieces"):
        return plain([[piece.inputs for piece in value.pieces], value.choices])
    if hasattr(value, "items"):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value.tolist()


def same_in_threads(model: Any, batches: list[list[Any]]) -> bool:
    """Whether four threads collate what one does."""
    alone = [plain(model.collate(batch)) for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda batch: plain(model.collate(batch)), batches)) == alone


@pytest.mark.parametrize("kind", ["generate", "choose"])
def test_prompts_and_choices(kind: str, llava: Path) -> None:
    def request(number: int) -> Generate | Choose:
        parts = (tiny.picture(number % 3), "what colour " * (1 + number % 4))
        if kind == "generate":
            return Generate(parts=parts, max_new_tokens=1 + number % 5, id=f"task/{number}")
        return Choose(parts=parts, choices=("red square " * (1 + number % 5), "blue"), id=f"task/{number}")

    model = HuggingFace(str(llava))
    model.open()
    dwell(model._processing.processor.tokenizer)  # type: ignore[union-attr]
    assert same_in_threads(model, [[request(n), request(n + 1)] for n in range(BATCHES)])


def texts(number: int) -> list[Embed]:
    """Two texts of unequal length."""
    return [Embed(part=" ".join(["red square"] * (1 + (number + more) % 5)), id=f"task/{number}") for more in (0, 1)]


@pytest.mark.parametrize("make", ["clip", "siglip"])
def test_texts_of_two_towers(make: str, tmp_path: Path) -> None:
    model = HuggingFaceEmbedding(str(kin.build(make, tmp_path / make) if make == "siglip" else tiny.clip(tmp_path)))
    model.open()
    dwell(model._embedder._processor.tokenizer)  # type: ignore[union-attr]
    assert same_in_threads(model, [texts(number)[: 1 + number % 2] for number in range(BATCHES)])


def test_texts_of_hidden_states(llava: Path) -> None:
    model = HuggingFaceEmbedding(str(llava), pooling="last")
    model.open()
    assert isinstance(model._embedder, HiddenStates)
    dwell(model._embedder._processing.processor.tokenizer)
    assert same_in_threads(model, [texts(number) for number in range(BATCHES)])


def test_a_tokenizer_stays_what_it_was() -> None:
    words = tiny.tokenizer()
    before, kind = words("red square")["input_ids"], type(words)
    assert in_turns(words) is words
    assert words("red square")["input_ids"] == before
    assert isinstance(words, kind)
    assert type(words).__name__ == kind.__name__
