"""Puts batches to a loaded model: prompts in, tokens or log-probabilities out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from mmbench.core.errors import RunFailedError
from mmbench.core.phases import phase
from mmbench.models.hf.families import Family
from mmbench.models.hf.generation import Forced, Watched, prompt_length, reads_by_encoder
from mmbench.models.hf.placement import image_ids
from mmbench.models.hf.sequences import accepted, on_device
from mmbench.models.hf.transfer import Copied, Transfer


@dataclass(frozen=True, slots=True)
class Piece:
    """Requests that are put to the model in one call."""

    rows: tuple[int, ...]
    """Their places in the batch."""
    inputs: dict[str, Any]
    """What the processor made, on the CPU: tensors by name; ``input_ids`` int64 [n, t]."""
    begun: tuple[str, ...]
    """Of every request the marker with which its prompt begins reasoning; empty where it does not."""
    copied: Copied | None = None
    """The inputs on their way to the GPU; None where they are copied when they are needed."""

    @property
    def read(self) -> list[int]:
        """Tokens that each request is read as, without padding."""
        # Beside a prompt of the decoder the other mask is of image patches.
        mask = self.inputs.get("decoder_attention_mask" if "decoder_input_ids" in self.inputs else "attention_mask")
        return [0] * len(self.rows) if mask is None else [int(number) for number in mask.sum(dim=1)]


class Asker:
    """A loaded model.

    Args:
        model: The model.
        processor: Its processor.
        family: What its family does in its own way.
    """

    def __init__(self, model: Any, processor: Any, family: Family) -> None:
        self.model = model
        self._family = family
        self._encoder = reads_by_encoder(model.config)
        self._padding = model.generation_config.pad_token_id
        self._image_ids = image_ids(None, model.config) or image_ids(processor, None)
        self._positions = _positions(model.config)
        pixels = inspect.signature(model.generate).parameters.get("pixel_values")
        self._transfer = Transfer(model.device, self._moved, _cuda())
        self._needs_image = pixels is not None and pixels.default is pixels.empty

    def write(self, piece: Piece, settings: Mapping[str, Any], watch: Watched | None = None) -> list[list[int]]:
        """The tokens that the model writes for each request, int [n][t], padding after an end included.

        Args:
            piece: The requests.
            settings: Arguments of the model's ``generate``.
            watch: What is shown every token's log-probabilities.
        """
        given = self._given(piece)
        written = self._generate(given, settings, watch)
        length = prompt_length(written, given, encoder=self._encoder, drops_last=self._family.drops_last)
        tokens: list[list[int]] = written[:, length:].tolist()
        return tokens

    def images_read(self, piece: Piece) -> list[int | None]:
        """Tokens of each request that stand for images; None where the model does not say which."""
        ids = piece.inputs.get("input_ids")
        if ids is None or not self._image_ids:
            return [None] * len(piece.rows)
        return [int(number) for number in sum((ids == each) for each in self._image_ids).sum(dim=1)]

    def score(self, piece: Piece, choices: Sequence[Sequence[Any]]) -> list[list[float]]:
        """Log-likelihood of every choice after the prompt, the sum over its tokens: float [n][k].

        The model writes each choice, being allowed nothing else, so that whatever goes along with its tokens goes along
        here as it does when it answers freely. The first tokens of all choices are read off the first of these calls.

        Args:
            piece: The requests.
            choices: Of every request the tokens of every choice, int64 [length] each.

        Raises:
            RunFailedError: If a choice holds a token that ends a text.
        """
        firsts = [[int(choice[0]) for choice in own] for own in choices]
        scores: list[list[float]] = []
        for number in range(max(map(len, choices))):
            rows = [own[min(number, len(own) - 1)] for own in choices]
            if scores and not any(len(own[number]) > 1 for own in choices if number < len(own)):
                continue
            forced = Forced(rows, firsts, self._padding)
            forms = int(self._encoder and self.model.generation_config.forced_bos_token_id is not None)
            settings = {"max_new_tokens": max(map(len, rows)) + forms, "do_sample": False}
            self._generate(self._given(piece), settings, forced)
            scores = scores or forced.first()
            for row, value in enumerate(forced.rest()):
                if number < len(choices[row]):
                    scores[row][number] += value
        return scores

    def ahead(self, piece: Piece) -> Piece:
        """The piece with its inputs on their way to the GPU; for background threads."""
        return replace(piece, copied=self._transfer.begin(piece.inputs))

    def _moved(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        moved: dict[str, Any] = on_device(accepted(self.model, inputs), self.model.device, self.model.dtype)
        return moved

    def _given(self, piece: Piece) -> dict[str, Any]:
        with phase("host-to-device"):
            given = self._moved(piece.inputs) if piece.copied is None else piece.copied.take()
        if self._needs_image and "pixel_values" not in given:
            raise RunFailedError("the model answers questions about an image; the request holds none")
        return given

    def _generate(
        self, given: Mapping[str, Any], settings: Mapping[str, Any], watch: Forced | Watched | None = None
    ) -> Any:
        """What the model writes, int64 [n, t]; a logits processor that it does not let see is passed around it."""
        if watch is None:
            return self._call(self.model.generate, given, settings)
        from transformers import GenerationMixin, LogitsProcessorList

        seen = {**settings, "logits_processor": LogitsProcessorList([watch])}
        written = self._call(self.model.generate, given, seen)
        if not watch.called:
            written = self._call(partial(GenerationMixin.generate, self.model), given, seen)
        if not watch.called:
            raise RunFailedError("its generate() takes no logits processor, without which it cannot be checked")
        return written

    def _call(self, generate: Callable[..., Any], given: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
        import torch

        # A copy: a model may write into what it is given.
        own = {name: value.clone() if name == "input_ids" else value for name, value in given.items()}
        try:
            with torch.inference_mode():
                return generate(**own, **settings)
        except (IndexError, RuntimeError) as error:
            length = own["input_ids"].shape[1] + settings["max_new_tokens"] if "input_ids" in own else 0
            if self._positions is None or length <= self._positions or "OutOfMemory" in type(error).__name__:
                raise
            raise RunFailedError(f"prompt and answer take {length} tokens; the model has {self._positions}") from error


def _cuda() -> Any:
    import torch

    return torch.cuda


def _positions(config: Any) -> int | None:
    """The longest text that a model reads and writes; None where it does not say."""
    for part in (getattr(config, "text_config", None), config):
        if isinstance(found := getattr(part, "max_position_embeddings", None), int):
            return found
    return None
