"""``hf/NAME_OR_PATH``: any image-text-to-text model that transformers can load."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from mmbench.core.reasoning import left_open, marks_reasoning
from mmbench.core.requests import Choose, Generate, Request
from mmbench.core.responses import FinishReason, Generation, Usage
from mmbench.models.hf.files import checkpoint_digest, locate, require
from mmbench.models.hf.generation import build_config, ends_of, settings_of
from mmbench.models.hf.loading import GENERATES, load_model, load_processor
from mmbench.models.hf.options import HfOptions
from mmbench.models.hf.prompts import Prompts, inputs_of

if TYPE_CHECKING:
    import torch


_OWN = ("system",)
"""Options of the adapter itself."""
NEUTRALISED = "a placeholder of an image in the question's own text was broken by a space, so that it counts as none"
"""Said of requests whose text holds one."""


@dataclass(frozen=True, slots=True)
class Collated:
    """A batch, prepared on the CPU."""

    inputs: Any
    """What the processor made: tensors by name; ``input_ids`` int64 [n, t]."""
    choices: tuple[tuple[torch.Tensor, ...], ...] = ()
    """For `Choose`: of every request the tokens of every choice, int64 [length] each."""
    begun: tuple[str, ...] = ()
    """For `Generate`: of every request the marker with which its prompt begins reasoning; empty where it does not."""


class HuggingFace:
    """Run a checkpoint in the Hugging Face layout, from the hub or a folder: `hf/OWNER/NAME`, `hf/PATH`.

    Prompts go through the checkpoint's own chat template and processor; batches are padded on the left. Options:
    `system`, a system message, and the fields of `mmbench.models.hf.options.HfOptions`.
    """

    version = "2"
    largest_first = True

    def __init__(self, path: str, *, system: str | None = None, **options: Any) -> None:
        require(f"hf/{path}")
        self.path = path
        self.system = system
        self.options = HfOptions.parse(f"hf/{path}", options, _OWN)
        self._processor: Any = None
        self._model: Any = None
        self._ends: frozenset[int] = frozenset()
        self._silent: frozenset[int] | None = None
        self._prompts: Prompts | None = None
        self.settings: dict[str, Any] = {}
        """How it is asked; known once it is open."""

    @property
    def notes(self) -> dict[str, set[str]]:
        """What must be known of its answers, and of which requests."""
        return {NEUTRALISED: self._prompts.neutralised} if self._prompts is not None else {}

    @classmethod
    def weights_digest(cls, path: str, **options: Any) -> str:
        """Digest of the folder, or commit on the hub. Raises `UsageError`, `MissingExtraError`."""
        require(f"hf/{path}")
        HfOptions.parse(f"hf/{path}", options, _OWN)
        return checkpoint_digest(path, options.get("revision"))

    def open(self) -> None:
        """Load processor and weights. Raises `RunFailedError` and what to do about it."""
        source = locate(self.path, self.options.revision)
        self._processor = load_processor(source, self.options)
        self._prompts = Prompts(self._processor, self.system)
        self._model = load_model(GENERATES, source, self.options)
        tokenizer = self._processor.tokenizer
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        set_aside = build_config(self._model, tokenizer)
        self._ends = ends_of(self._model)
        self.settings = {
            "generation": {**self._model.generation_config.to_diff_dict(), "num_beams": 1, "do_sample": False},
            "generation_set_aside": set_aside,
            "chat_template": {"content": self._prompts.format.content, "system": self._prompts.format.system},
        }

    def rendered(self, request: Request) -> str:
        """The exact text that the model reads for a request, after the chat template; no weights are loaded."""
        if self._prompts is None:
            self._processor = load_processor(locate(self.path, self.options.revision), self.options)
            self._prompts = Prompts(self._processor, self.system)
        return self._prompts.of([request])[0][0]

    def close(self) -> None:
        """Free the weights."""
        self._model = self._processor = None

    def collate(self, requests: Sequence[Request]) -> Collated:
        """Prompts and pictures as tensors on the CPU; called ahead, from several threads."""
        texts, images = cast(Prompts, self._prompts).of(requests)
        if not isinstance(requests[0], Choose):
            begun = tuple(left_open(text) for text in texts)
            return Collated(inputs_of(self._processor, texts, images, "left"), begun=begun)
        choices = tuple(tuple(self._tokens(c) for c in cast(Choose, request).choices) for request in requests)
        return Collated(inputs_of(self._processor, texts, images, "right"), choices)

    def _tokens(self, text: str) -> torch.Tensor:
        import torch

        found = self._processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        return torch.tensor(found, dtype=torch.int64)

    def generate(self, requests: Sequence[Generate], inputs: Collated) -> list[Generation]:
        """The model's texts: greedy, but for requests with a temperature, each drawn by itself with its own seed."""
        if all(request.temperature == 0 for request in requests):
            return self._write(requests, inputs)
        written: list[Generation] = []
        for request in requests:
            with _seeded(request.seed, self._model.device):
                written += self._write([request], self.collate([request]))
        return written

    def _write(self, requests: Sequence[Generate], inputs: Collated) -> list[Generation]:
        import torch

        given = inputs.inputs.to(self._model.device, dtype=self._model.dtype)
        read = given["attention_mask"].sum(dim=1).tolist()
        with torch.inference_mode():
            written = self._model.generate(**given, **settings_of(requests))
        tokens = written[:, given["input_ids"].shape[1] :].tolist()
        image = getattr(self._processor, "image_token_id", None)
        seen = (given["input_ids"] == image).sum(dim=1).tolist() if isinstance(image, int) else [None] * len(read)
        counts = [Usage(int(total), image_tokens=images) for total, images in zip(read, seen, strict=True)]
        return [self._generation(*row) for row in zip(requests, tokens, counts, inputs.begun, strict=True)]

    def _generation(self, request: Generate, tokens: Sequence[int], read: Usage, begun: str = "") -> Generation:
        """Cut after the end and after what the request allows: padding is neither text nor counted."""
        kept: list[int] = []
        reason: FinishReason = "unknown"
        for token in tokens[: request.max_new_tokens]:
            kept.append(token)
            if token in self._ends:
                reason = "stop"
                break
        if reason != "stop" and len(kept) == request.max_new_tokens:
            reason = "length"
        text = f"{begun}{self._text(kept)}".strip()
        for stop in request.stop:
            text, found, _ = text.partition(stop)
            reason = "stop" if found else reason
        return Generation(text, replace(read, output_tokens=len(kept)), finish_reason=reason)

    def _text(self, tokens: Sequence[int]) -> str:
        """The tokens as text, without special tokens but those that mark reasoning."""
        tokenizer = self._processor.tokenizer
        if self._silent is None:
            special = dict(zip(tokenizer.all_special_ids, tokenizer.all_special_tokens, strict=True))
            added = getattr(tokenizer, "added_tokens_decoder", {})
            special |= {number: token.content for number, token in added.items() if token.special}
            self._silent = frozenset(number for number, text in special.items() if not marks_reasoning(str(text)))
        return str(tokenizer.decode([each for each in tokens if each not in self._silent], skip_special_tokens=False))

    def choose(self, requests: Sequence[Choose], inputs: Collated) -> list[list[float]]:
        """Log-likelihood of every choice after the prompt, the sum over its tokens: float [n][k].

        A choice is tokenised by itself, so that prompt and choice never share a token.
        """
        most = max(len(own) for own in inputs.choices)
        scores: list[list[float]] = [[] for _ in requests]
        for number in range(most):
            rows = [own[min(number, len(own) - 1)] for own in inputs.choices]
            for place, value in enumerate(self._likelihoods(inputs.inputs, rows)):
                if number < len(inputs.choices[place]):
                    scores[place].append(value)
        return scores

    def _likelihoods(self, inputs: Any, choices: Sequence[torch.Tensor]) -> list[float]:
        import torch

        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        given = _with_choices(inputs, choices, self._processor.tokenizer.pad_token_id)
        given = {
            name: value.to(self._model.device, self._model.dtype if value.is_floating_point() else value.dtype)
            for name, value in given.items()
        }
        with torch.inference_mode():
            logits = self._model(**given, use_cache=False).logits
        found: list[float] = []
        for row, (choice, length) in enumerate(zip(choices, lengths, strict=True)):
            said = logits[row, length - 1 : length - 1 + len(choice)].float().log_softmax(dim=-1)
            found.append(float(said.gather(1, choice.to(said.device)[:, None]).double().sum()))
        return found


def _with_choices(inputs: Any, choices: Sequence[torch.Tensor], padding: int) -> dict[str, Any]:
    """The prompts with a choice behind each, padded on the right; whatever else runs along the tokens grows by zeros."""
    import torch

    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    lengths = mask.sum(dim=1).tolist()
    width = max(length + len(choice) for length, choice in zip(lengths, choices, strict=True))
    width = max(width, ids.shape[1])
    grown: dict[str, Any] = {}
    for name, value in inputs.items():
        if not isinstance(value, torch.Tensor) or value.shape != ids.shape:
            grown[name] = value
            continue
        wider = torch.full((len(ids), width), padding if name == "input_ids" else 0, dtype=value.dtype)
        wider[:, : ids.shape[1]] = value
        grown[name] = wider
    for row, (length, choice) in enumerate(zip(lengths, choices, strict=True)):
        grown["input_ids"][row, length : length + len(choice)] = choice
        grown["attention_mask"][row, length : length + len(choice)] = 1
    return grown


@contextlib.contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's own generators start from this seed inside, and are as before afterwards."""
    import torch

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
