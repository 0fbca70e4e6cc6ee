"""The check of a checkpoint before it is asked: are answers in a batch those of each question alone?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

from mmbench.core.errors import MmbenchError, UsageError
from mmbench.core.media import Media
from mmbench.core.requests import Generate
from mmbench.models.hf.asking import Asker, Piece
from mmbench.models.hf.generation import Watched

Batches = Literal["together", "by images", "alone"]
"""Which requests share a call of the model: all, those with the same number of images, or none."""

Pieces = Callable[[Sequence[Any], Batches], list[Piece]]
"""Prepares requests."""

_TOKENS = 6
"""Tokens of an answer about images."""
_TEXT_TOKENS = 2
"""Tokens of an answer without; the second one is the first that comes from what the model keeps of the prompt."""
_LIKELIEST = 10
"""Tokens a step whose log-probabilities are compared."""
_TOLERANCE = {"float32": 5e-3, "float16": 0.1}
"""Difference of log-probabilities that rounding explains, by the dtype of the weights."""
_OF_BFLOAT16 = 0.5
_SHORT = "What is it?"
_LONG = "Which shapes and colours are in the image, and which of them is on the left of the others?"


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check found."""

    batches: Batches
    """Which requests may share a call."""
    difference: float | None
    """The largest difference of a log-probability between batched and single; None where a batch failed."""
    reason: str | None = None
    """Why not all requests may share a call; None where they may."""
    text_alone: bool = False
    """Whether requests without an image must be asked one by one."""

    def record(self, dtype: str) -> dict[str, Any]:
        """What the run record says of it."""
        exact = self.batches == "alone" or not self.difference
        kind = "batch-invariant" if exact else "up to rounding"
        return {"class": kind, "dtype": dtype, **asdict(self)}


def check(name: str, asker: Asker, pieces: Pieces, several: bool) -> Checked:
    """Ask two questions together and the shorter one alone, then two without an image, sixteen tokens in all.

    Args:
        name: The checkpoint as the user gave it.
        asker: The loaded model.
        pieces: Prepares requests.
        several: Whether a question may hold more than one image. The longer one then holds two; if that goes wrong, they
            are asked again with one image each.

    Raises:
        UsageError: If the checkpoint cannot answer a question about an image at all.
    """
    asked = _questions(1)
    try:
        alone = _ask(asker, pieces(asked[:1], "alone")[0], _TOKENS)
    except Exception as error:
        raise _unusable(error, name) from error
    found = _about_images(asker, pieces, alone, (2, 1) if several else (1,))
    return found if found.batches == "alone" else replace(found, text_alone=not _texts_share(asker, pieces))


def _about_images(asker: Asker, pieces: Pieces, alone: _Asked, tried: Sequence[int]) -> Checked:
    """What may be asked together about images; `tried` are the numbers of images that the longer question holds."""
    reason, difference = None, None
    for images in tried:
        try:
            together = _ask(asker, pieces(_questions(images), "together")[0], _TOKENS)
        except Exception as error:  # noqa: BLE001 - a model raises whatever it likes
            reason = f"a batch fails: {_sentence(error)}"
            continue
        difference = _difference(alone, together)
        if difference <= _tolerance(asker.model.dtype):
            return Checked("together" if images == tried[0] else "by images", difference, reason)
        reason = "batched answers differ from single ones"
    return Checked("alone", difference, reason)


def _texts_share(asker: Asker, pieces: Pieces) -> bool:
    """Whether two questions without an image are answered together as alone; a model that takes none is never asked."""
    asked = [Generate(parts=(text,), max_new_tokens=_TEXT_TOKENS) for text in (_SHORT, _LONG)]
    try:
        alone = _ask(asker, pieces(asked[:1], "alone")[0], _TEXT_TOKENS)
    except Exception:  # noqa: BLE001 - as above
        return True
    try:
        together = _ask(asker, pieces(asked, "together")[0], _TEXT_TOKENS)
    except Exception:  # noqa: BLE001 - as above
        return False
    return _difference(alone, together) <= _tolerance(asker.model.dtype)


def _questions(images: int) -> list[Generate]:
    """Two questions of unequal length about images of unequal size; the longer one holds so many images."""
    short, long = _image(96, 128), [_image(160, 96), _image(64, 64)]
    return [
        Generate(parts=(short, _SHORT), max_new_tokens=_TOKENS),
        Generate(parts=(*long[:images], _LONG), max_new_tokens=_TOKENS),
    ]


def _image(height: int, width: int) -> Media:
    import numpy as np

    from mmbench.data import image_from_array

    ramp = np.add.outer(np.arange(height) * 255 // height, np.arange(width) * 3)[..., None] * np.array([1, 2, 3])
    return image_from_array((ramp % 256).astype(np.uint8))


class _Asked(NamedTuple):
    tokens: list[int]
    """Of the first request."""
    steps: list[Any]
    """Log-probabilities of each of them, float32 [vocabulary]."""


def _ask(asker: Asker, piece: Piece, tokens: int) -> _Asked:
    watch = Watched()
    written = asker.write(piece, {"max_new_tokens": tokens, "do_sample": False}, watch)
    return _Asked(written[0], [step[0] for step in watch.steps])


def _difference(alone: _Asked, together: _Asked) -> float:
    """The largest difference over the likeliest tokens, up to the first step that writes another one."""
    largest = 0.0
    for number, (one, other) in enumerate(zip(alone.steps, together.steps, strict=False)):
        likely = one.topk(min(_LIKELIEST, len(one))).indices
        gaps = (one[likely] - other[likely]).abs().tolist()
        largest = max([largest, *(gap for gap in gaps if not math.isnan(gap))])  # of two that are impossible
        if alone.tokens[number : number + 1] != together.tokens[number : number + 1]:
            break
    return largest


def _tolerance(dtype: Any) -> float:
    return _TOLERANCE.get(str(dtype).removeprefix("torch."), _OF_BFLOAT16)


def _unusable(error: Exception, name: str) -> Exception:
    """What to raise for a checkpoint that fails on one question: memory that does not suffice says nothing of it."""
    if "OutOfMemory" in type(error).__name__:
        return error
    return UsageError(f"{name} cannot answer a question about an image: {_sentence(error)}")


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())[:300]
    return text if isinstance(error, MmbenchError) else f"{type(error).__name__}: {text}"
