"""Who puts an image into a prompt: the text, the processor, or nobody, found out by processing a tiny question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

_QUESTION = "mmbench probe"
_SIDE = 56
"""Pixels of the image that is tried."""
_NAMES = ("image_token", "boi_token")
"""Attributes of a processor or tokenizer that hold what stands for an image in a text."""
_IDS = ("image_token_id", "image_token_index", "boi_token_id", "boi_token_index")
"""Entries of a configuration that hold the same as a number."""

Process = Callable[[Sequence[str], Sequence[Sequence[Any]]], Any]
"""From texts and the images of each to what the model takes; raises what the processor raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How a prompt that is one text holds an image."""

    how: Literal["text", "processor", "apart"]
    """``text``: a token in the text; ``processor``: it adds the tokens by itself; ``apart``: the model takes images beside
    the text."""
    token: str = ""
    """What stands for an image in a text; empty unless it is the text that does."""
    several: bool = True
    """Whether a prompt may hold more than one image."""


def placement(processor: Any, config: Any, process: Process) -> Placement:
    """Find out where a processor wants an image.

    Args:
        processor: The processor.
        config: The configuration of the model; None where it is not known.
        process: Runs the processor.

    Returns:
        A token in the text where nothing else is certain: a processor that refuses everything says so when it is asked.
    """
    tokens = image_tokens(processor, config)
    ids = image_ids(processor, config)
    bare, alone = _ids_of(process, _QUESTION, 1), _ids_of(process, _QUESTION, 0)
    read = {token: _ids_of(process, f"{token}{_QUESTION}", 1) for token in tokens}
    if bare is not None and (ids & set(bare) or (alone is not None and len(bare) > len(alone))):
        same = next((token for token in tokens if read[token] == bare), None)  # it takes both, and warns of the one
        if same:
            return Placement(how="text", token=same)
        return Placement(how="processor", several=len(_ids_of(process, _QUESTION, 2) or ()) > len(bare))
    works = [token for token in tokens if read[token] is not None]
    for token in [*(token for token in works if ids & set(read[token] or ())), *works]:
        return Placement(how="text", token=token)
    if tokens and bare is None:
        return Placement(how="text", token=tokens[0])
    return Placement(how="apart", several=False)


def image_tokens(processor: Any, config: Any) -> list[str]:
    """What may stand for an image in a text, likeliest first: tokens of the tokenizer's vocabulary."""
    tokenizer = getattr(processor, "tokenizer", None)
    named = [str(getattr(owner, name, None) or "") for name in _NAMES for owner in (processor, tokenizer)]
    numbers = [getattr(config, name, None) for name in _IDS]
    named += [str(_token(tokenizer, number)) for number in numbers if isinstance(number, int)]
    unknown = getattr(tokenizer, "unk_token_id", None)
    usual = ["<image>"] if "<image>" in getattr(tokenizer, "added_tokens_encoder", {}) else []
    known = [text for text in dict.fromkeys([*named, *usual]) if text]
    vocabulary = getattr(tokenizer, "convert_tokens_to_ids", lambda _: 0)
    return [text for text in known if vocabulary(text) not in (None, unknown)]


def image_ids(processor: Any, config: Any) -> set[int]:
    """The numbers of the tokens that stand for an image in what a model reads."""
    found = {getattr(processor, "image_token_id", None)}
    found |= {getattr(config, name, None) for name in _IDS[:2]}
    return {number for number in found if isinstance(number, int)}


def _token(tokenizer: Any, number: int) -> Any:
    try:
        return tokenizer.convert_ids_to_tokens(number) or ""
    except (AttributeError, IndexError, OverflowError, TypeError):
        return ""


def _ids_of(process: Process, text: str, images: int) -> list[int] | None:
    """The tokens of a question; None where the processor refuses it."""
    from PIL import Image

    image = Image.new("RGB", (_SIDE, _SIDE), (90, 140, 200))
    try:
        found = process([text], [[image] * images])
        rows = found["input_ids"] if "input_ids" in found else found["decoder_input_ids"]
    except Exception:  # noqa: BLE001 - processors raise whatever they like
        return None
    return [int(number) for number in rows[0]]
