"""``hf/NAME_OR_PATH``: any image-text-to-text model that transformers can load."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

from mmbench.core.errors import CheckpointError, UsageError
from mmbench.core.reasoning import left_open
from mmbench.core.requests import Choose, Generate, Request
from mmbench.core.responses import Generation, Usage
from mmbench.models.hf.answers import Answers
from mmbench.models.hf.asking import Asker, Piece
from mmbench.models.hf.families import family_of
from mmbench.models.hf.files import Checkpoint, image_tokens, require
from mmbench.models.hf.generation import build_config, ends_of, reads_by_encoder, settings_of
from mmbench.models.hf.loading import GENERATES, load_config, load_model, load_processor, quiet, weights_bytes
from mmbench.models.hf.lora import adapted
from mmbench.models.hf.misfit import misfit
from mmbench.models.hf.options import HfOptions, template_text
from mmbench.models.hf.placeholders import NEUTRALISED
from mmbench.models.hf.prompts import Prompts
from mmbench.models.hf.selfcheck import Batches, check
from mmbench.models.hf.sequences import Processing
from mmbench.models.hf.weights_size import WeightsSize, size_of_checkpoint

if TYPE_CHECKING:
    import torch


_OWN = ("system",)
"""Options of the adapter itself."""
NO_TEMPLATE = (
    "the checkpoint has no chat template, so that the question was the whole prompt; a model that was tuned to chat "
    "needs its own: --model-args chat_template=FILE"
)
"""Said of requests to such a checkpoint, unless its family is known to have none."""
ALONE = "asked one by one, because this checkpoint answers otherwise in a batch"
"""Said of requests that came in a batch, where the self-check failed."""
ROUNDED = "the last bits of the weights' type can make an answer depend on its batch; --batch-size 1 rules that out"
"""Said of requests in a batch, for weights of half precision."""


@dataclass(frozen=True, slots=True)
class Collated:
    """A batch, prepared on the CPU."""

    pieces: list[Piece]
    """What is put to the model in one call each."""
    choices: tuple[tuple[torch.Tensor, ...], ...] = ()
    """For `Choose`: of every request the tokens of every choice, int64 [length] each."""


class HuggingFace:
    """Run a checkpoint in the Hugging Face layout, from the hub or a folder: `hf/OWNER/NAME`, `hf/PATH`.

    Prompts go through the checkpoint's own chat template and processor. When it is opened, it is checked that a batch is
    answered as each question alone; otherwise questions are asked one by one. Options: `system`, a system message, and
    the fields of `mmbench.models.hf.options.HfOptions`.
    """

    version = "3"
    largest_first = True

    def __init__(self, path: str, *, system: str | None = None, **options: Any) -> None:
        require(f"hf/{path}")
        self.path = path
        self.system = system
        self.options = HfOptions.parse(f"hf/{path}", options, _OWN)
        self._processing: Processing | None = None
        self._prompts: Prompts | None = None
        self._asker: Asker | None = None
        self._answers: Answers | None = None
        self._batches: Batches = "together"
        self._text_alone = False
        self._half = False
        self._noted: dict[str, set[str]] = {}
        self.settings: dict[str, Any] = {}
        """How it is asked; known once it is open."""

    @property
    def notes(self) -> dict[str, set[str]]:
        """What must be known of its answers, and of which requests."""
        broken = self._prompts.neutralised if self._prompts is not None else set()
        return {NEUTRALISED: broken, **self._noted}

    @classmethod
    def weights_digest(cls, path: str, **options: Any) -> str:
        """Digest of the folder, or commit on the hub, with the chat template that is used in place of its own.

        Raises `UsageError`, `MissingExtraError`.
        """
        require(f"hf/{path}")
        chosen = HfOptions.parse(f"hf/{path}", options, _OWN)
        template = template_text(chosen)
        found = adapted(path, chosen.revision, chosen.adapter)
        digest = found.digest()
        found.check("hf", trusted=chosen.trust_remote_code)
        return digest if template is None else hashlib.sha256(f"{digest}\0{template}".encode()).hexdigest()

    @classmethod
    def weights_size(cls, path: str, **options: Any) -> WeightsSize | None:
        """The memory that the weights will take, by their files; None where these are not on this machine."""
        return size_of_checkpoint(path, options)

    @classmethod
    def image_tokens(cls, path: str, **options: Any) -> int | None:
        """Tokens that it reads each image as at most; None where that depends on the image. No weights are loaded."""
        chosen = HfOptions.parse(f"hf/{path}", options, _OWN)
        found = adapted(path, chosen.revision, chosen.adapter)
        return None if chosen.processor else image_tokens(found.locate())

    def open(self) -> None:
        """Load processor and weights, and check that it can be asked.

        Raises:
            CheckpointError: If it cannot be loaded, or not be asked: a question about an image fails.
            UsageError: If its chat template fails.
        """
        source = self.source
        prompts, processing = self._prepare()
        model = load_model(GENERATES, source, self.options)
        processor = processing.processor
        set_aside = build_config(model, processor.tokenizer)
        self._answers = Answers(processor.tokenizer, ends_of(model))
        self._asker = Asker(model, processor, prompts.format.family)
        try:
            checked = check(self.path, self._asker, self._pieces, prompts.format.placement.several)
        except UsageError as error:
            raise CheckpointError(f"{error}{misfit(processor, model)}") from error
        self._batches, self._text_alone = checked.batches, checked.text_alone
        dtype = str(model.dtype).removeprefix("torch.")
        self._half = dtype != "float32"
        self.settings = {
            "generation": {**model.generation_config.to_diff_dict(), "num_beams": 1, "do_sample": False},
            "generation_set_aside": set_aside,
            "chat_template": prompts.format.record(),
            "determinism": checked.record(dtype),
            "dtype": dtype,
            "attention": getattr(model.config, "_attn_implementation", None),
            "weights_bytes": weights_bytes(model),
        }

    def _prepare(self) -> tuple[Prompts, Processing]:
        """What writes prompts and makes inputs of them; no weights are loaded."""
        if self._prompts is None or self._processing is None:
            source = self.source
            config = load_config(source, self.options)
            processor = load_processor(source, self.options)
            encoder, family = reads_by_encoder(config), family_of(config)
            side = "right" if encoder and not family.to_decoder else "left"
            keeps_end = encoder or family.drops_last
            self._processing = Processing(processor, side=side, keeps_end=keeps_end, to_decoder=family.to_decoder)
            with quiet():  # trying out a template and a processor makes them warn
                self._prompts = Prompts(self._processing, self.system, config, template_text(self.options))
        return self._prompts, self._processing

    def rendered(self, request: Request) -> str:
        """The exact text that the model reads for a request, after the chat template; no weights are loaded."""
        prompts, _ = self._prepare()
        return prompts.of([request])[0][0]

    @property
    def source(self) -> Checkpoint:
        """Where it is loaded from. Raises `UsageError`."""
        return adapted(self.path, self.options.revision, self.options.adapter).locate()

    @property
    def loaded(self) -> Any:
        """The model of transformers; it must be open."""
        return self._opened[0].model

    def describe(self) -> dict[str, Any]:
        """What was loaded, and how it is asked; it must be open."""
        model = self.loaded
        weights = list(model.parameters())
        return {
            "class": type(model).__name__,
            "parameters": sum(each.numel() for each in weights),
            "dtype": str(model.dtype).removeprefix("torch."),
            "device": str(model.device),
            "adapter": self.source.adapter,
            **self.settings,
        }

    def close(self) -> None:
        """Free the weights."""
        self._asker = self._answers = self._processing = None

    def collate(self, requests: Sequence[Request]) -> Collated:
        """Prompts and pictures as tensors on the CPU; called ahead, from several threads."""
        self._note(requests)
        pieces = [self._opened[0].ahead(piece) for piece in self._pieces(requests, self._batches)]
        choices = tuple(
            tuple(self._tokens(choice) for choice in request.choices)
            for request in requests
            if isinstance(request, Choose)
        )
        return Collated(pieces, choices)

    def _pieces(self, requests: Sequence[Request], batches: Batches) -> list[Piece]:
        """The requests in as few calls as the model allows: those with images and those without never share one."""
        prompts, processing = self._prepare()
        texts, images = prompts.of(requests)
        started = prompts.format.content != "none"
        parts: dict[int, list[int]] = {}
        for row, own in enumerate(images):
            alone = batches == "alone" or (self._text_alone and not own)
            kind = -1 - row if alone else len(own) if batches == "by images" else int(bool(own))
            parts.setdefault(kind, []).append(row)
        digests = [part.digest for request in requests for part in request.media]
        with processing.images.known(list(chain.from_iterable(images)), digests):
            return [
                Piece(
                    tuple(part),
                    processing([texts[row] for row in part], [images[row] for row in part], started=started),
                    tuple(left_open(texts[row]) for row in part),
                )
                for part in parts.values()
            ]

    def _note(self, requests: Sequence[Request]) -> None:
        prompts, _ = self._prepare()
        plain = prompts.format.content == "none" and prompts.format.family.plain is None
        for request in requests:
            alone = self._batches == "alone" or (self._text_alone and not request.media)
            said = {
                NO_TEMPLATE: plain,
                ALONE: alone and len(requests) > 1,
                ROUNDED: self._half and not alone and len(requests) > 1,
            }
            for sentence in (sentence for sentence, true in said.items() if true):
                self._noted.setdefault(sentence, set()).add(request.id)

    def _tokens(self, text: str) -> torch.Tensor:
        import torch

        _, processing = self._prepare()
        found = processing.processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        return torch.tensor(found, dtype=torch.int64)

    def generate(self, requests: Sequence[Generate], inputs: Collated) -> list[Generation]:
        """The model's texts: greedy, but for requests with a temperature, each drawn by itself with its own seed."""
        if all(request.temperature == 0 for request in requests):
            return self._write(requests, inputs)
        written: list[Generation] = []
        for request in requests:
            with _seeded(request.seed, self._opened[0].model.device):
                written += self._write([request], self.collate([request]))
        return written

    @property
    def _opened(self) -> tuple[Asker, Answers]:
        return cast(tuple[Asker, Answers], (self._asker, self._answers))

    def _write(self, requests: Sequence[Generate], inputs: Collated) -> list[Generation]:
        asker, answers = self._opened
        written: dict[int, Generation] = {}
        for piece in inputs.pieces:
            own = [requests[row] for row in piece.rows]
            tokens = asker.write(piece, settings_of(own))
            usage = [
                Usage(read, image_tokens=seen) for read, seen in zip(piece.read, asker.images_read(piece), strict=True)
            ]
            found = map(answers.of, own, tokens, usage, piece.begun)
            written |= zip(piece.rows, found, strict=True)
        return [written[row] for row in range(len(requests))]

    def choose(self, requests: Sequence[Choose], inputs: Collated) -> list[list[float]]:
        """Log-likelihood of every choice after the prompt, the sum over its tokens: float [n][k].

        A choice is tokenised by itself, so that prompt and choice never share a token; the token that ends a text is not
        part of it.
        """
        asker, _ = self._opened
        scores: dict[int, list[float]] = {}
        for piece in inputs.pieces:
            found = asker.score(piece, [inputs.choices[row] for row in piece.rows])
            scores |= zip(piece.rows, found, strict=True)
        return [scores[row] for row in range(len(requests))]


@contextlib.contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's own generators start from this seed inside, and are as before afterwards."""
    import torch

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
