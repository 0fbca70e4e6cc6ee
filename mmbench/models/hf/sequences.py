"""Batches as a model takes them: padded on the right side, without what it does not know."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mmbench.core.errors import RunFailedError
from mmbench.models.hf.processed_images import ProcessedImages


class Processing:
    """Runs a processor for one model.

    Args:
        processor: The processor; the side on which its tokenizer pads is set.
        side: ``left`` to write on behind prompts, ``right`` for an encoder.
        keeps_end: Whether the token with which the tokenizer closes a text stays: an encoder wants it, and a model that
            leaves it out by itself. A model that writes on must not read it.
        to_decoder: Whether the text is what the decoder's answer begins with, the image alone being encoded.
    """

    def __init__(
        self, processor: Any, *, side: str = "left", keeps_end: bool = False, to_decoder: bool = False
    ) -> None:
        self.processor = processor
        self.images = ProcessedImages(getattr(processor, "image_processor", None))
        """What was made of images; an image is processed once where its digest is `known`."""
        self.side = side
        self._to_decoder = to_decoder
        self._flat = False
        tokenizer = getattr(processor, "tokenizer", processor)
        # Set, and not given with each call: a second tokenizer (that of a Q-Former) pads on a side of its own.
        tokenizer.padding_side = side
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        self._start = tokenizer.bos_token
        self._end = None if keeps_end else _closing(tokenizer)

    def __call__(
        self, texts: Sequence[str], images: Sequence[Sequence[Any]], *, started: bool = False
    ) -> dict[str, Any]:
        """What the model takes.

        Args:
            texts: Prompts.
            images: PIL images of each; either every prompt has some, or none has.
            started: Whether a beginning-of-text token at the start of a prompt is one, and no text of the data; it is
                then not added again.

        Raises:
            RunFailedError: If the processor refuses.
        """
        given: dict[str, Any] = {"text": list(texts), "padding": True, "return_tensors": "pt"}
        if self._to_decoder or (started and self._start and all(text.startswith(self._start) for text in texts)):
            given["add_special_tokens"] = False
        try:
            found = self._run(given, images)
        except _REFUSALS as error:
            raise RunFailedError(f"the processor refuses the prompt: {' '.join(str(error).split())[:300]}") from error
        found.pop("labels", None)
        if self._to_decoder and "input_ids" in found:
            found["decoder_input_ids"] = found.pop("input_ids")
            found["decoder_attention_mask"] = found.pop("attention_mask")
        aligned(found, self.side)
        if self._end is not None and "add_special_tokens" not in given:
            _without_end(found, self._end)
        return found

    def _run(self, given: dict[str, Any], images: Sequence[Sequence[Any]]) -> dict[str, Any]:
        """What the processor makes: of the images of each prompt or, where it wants one image a prompt, of all in a row."""
        if not any(images):
            return dict(self.processor(**given))
        nested, flat = [list(own) for own in images], [image for own in images for image in own]
        single = all(len(own) == 1 for own in images)
        try:
            return dict(self.processor(**given, images=flat if single and self._flat else nested))
        except _REFUSALS:
            if not single or self._flat:
                raise
            found = dict(self.processor(**given, images=flat))
            self._flat = True
            return found


_REFUSALS = (ValueError, IndexError, KeyError, TypeError, AttributeError)
"""What a processor raises for what it does not take."""


def _closing(tokenizer: Any) -> int | None:
    """The token that a tokenizer writes behind every text; None where it writes none."""
    plain, whole = (tokenizer("a", add_special_tokens=special)["input_ids"] for special in (False, True))
    ends = (tokenizer.eos_token_id, getattr(tokenizer, "sep_token_id", None))
    return whole[-1] if whole[-1:] != plain[-1:] and whole[-1] in ends else None


def along(inputs: Mapping[str, Any], ids: str = "input_ids") -> list[str]:
    """Names of the tensors that run along the tokens of prompts: ``[n, t]`` or ``[n, t, …]``.

    Those that belong to another sequence of tokens (``qformer_input_ids`` has a mask of its own) are left out.
    """
    shape = tuple(inputs[ids].shape)
    others = [name.removesuffix("input_ids") for name in inputs if name.endswith("_input_ids")]
    return [
        name
        for name, value in inputs.items()
        if tuple(getattr(value, "shape", ()))[:2] == shape and not name.startswith(tuple(others))
    ]


def aligned(inputs: dict[str, Any], side: str) -> None:
    """Move padding to the side where it belongs, in place, where a processor has put it elsewhere by its mask."""
    mask = inputs.get("attention_mask")
    if mask is None or "input_ids" not in inputs or mask.shape != inputs["input_ids"].shape or mask.ndim != 2:
        return
    wrong = mask[:, -1 if side == "left" else 0] == 0
    if not bool(wrong.any()):
        return
    names = along(inputs)
    for row in wrong.nonzero()[:, 0].tolist():
        kept = mask[row].nonzero()[:, 0]
        by = mask.shape[1] - 1 - int(kept[-1]) if side == "left" else -int(kept[0])
        for name in names:
            inputs[name][row] = inputs[name][row].roll(by, dims=0)


def _without_end(inputs: dict[str, Any], end: int) -> None:
    """Take the last token off, in place, where it is the one that closes a text in every row."""
    ids = inputs.get("input_ids")
    if ids is None or ids.shape[1] < 2 or not bool((ids[:, -1] == end).all()):
        return
    for name in along(inputs):
        inputs[name] = inputs[name][:, :-1]


def accepted(model: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs without what runs along the tokens and a model has no use for, such as ``token_type_ids``."""
    names: set[str] = set()
    for method in ("generate", "forward", "prepare_inputs_for_generation"):
        names |= set(inspect.signature(getattr(model, method)).parameters) if hasattr(model, method) else set()
    useless = {name for name in along(inputs) if name not in names} if "input_ids" in inputs else set()
    return {name: value for name, value in inputs.items() if name not in useless}


def on_device(value: Any, device: Any, dtype: Any) -> Any:
    """A value with all its tensors on a device, those of floating point in a dtype; the host does not wait for pinned ones."""
    import torch

    if isinstance(value, torch.Tensor):
        # First the device, then the dtype: the other way round the host would convert, into memory that is not pinned.
        moved = value.to(device, non_blocking=device.type == "cuda" and value.is_pinned())
        return moved.to(dtype) if value.is_floating_point() else moved
    if isinstance(value, Mapping):
        return {name: on_device(each, device, dtype) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(on_device(each, device, dtype) for each in value)
    return value
