"""``hf-embed/NAME_OR_PATH`` and ``hf-encoder/IMAGE+TEXT``: models that put pictures and texts into one space."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from mmbench.core.errors import CheckpointError, ModelUnusableError, RunFailedError, UsageError
from mmbench.core.media import Media
from mmbench.core.requests import Embed
from mmbench.models.hf.files import Checkpoint, checkpoint_digest, image_tokens, locate, require
from mmbench.models.hf.hidden_states import (
    HiddenStates,
    Instruction,
    embeds_by_states,
    parse_instruction,
    parse_pooling,
)
from mmbench.models.hf.loading import (
    check_processor_options,
    load_config,
    load_model,
    load_part,
    load_processor,
    weights_bytes,
)
from mmbench.models.hf.lora import adapted
from mmbench.models.hf.multivector import SeveralVectors, gives_several_vectors
from mmbench.models.hf.options import HfOptions
from mmbench.models.hf.weights_size import WeightsSize, size_of_checkpoint

if TYPE_CHECKING:
    import numpy as np

    Vectors = np.ndarray[Any, np.dtype[np.float32]]

_OWN = ("pooling",)
"""Options of `HuggingFaceEncoders` itself."""
_OF_STATES = ("instruction", "pooling")
"""Options of `HuggingFaceEmbedding` itself, which hold where a model that writes embeds."""
_TOWERS = ("get_image_features", "get_text_features")
"""Methods of two-tower models."""
_FIXED_LENGTH = ("siglip", "siglip2")
"""Kinds of model that were trained on texts padded to their greatest length, and see the padding."""
_UNBOUNDED = 10**6
"""A tokenizer that states no greatest length states a larger one than this."""


def _pictures(requests: Sequence[Embed]) -> list[Any] | None:
    """The pictures of a batch, PIL in mode RGB; None for a batch of texts. Raises `MediaError`, `RunFailedError`."""
    if not isinstance(requests[0].part, Media):
        return None
    found = []
    for request in requests:
        if not isinstance(request.part, Media) or request.part.kind != "image":
            raise RunFailedError(f"request {request.id}: the model embeds pictures and texts, nothing else")
        found.append(request.part.load())
    return found


def _texts(requests: Sequence[Embed]) -> list[str]:
    return [request.part for request in requests if isinstance(request.part, str)]


def _longest(tokenizer: Any, config: Any) -> int | None:
    """The most tokens that a text tower reads: what its tokenizer says, and its positions; None where neither is known.

    A tokenizer saved without a limit would cut nothing, and pad nothing either where texts must all be of this length.
    """
    text = getattr(config, "text_config", config)
    stated = [getattr(tokenizer, "model_max_length", None), getattr(text, "max_position_embeddings", None)]
    return min((int(n) for n in stated if n is not None and 0 < n < _UNBOUNDED), default=None)


def _vectors(output: Any) -> Vectors:
    """float32 [n, dim] on the CPU, from a tensor or from an output that holds the pooled one.

    Where there is a vector for every token (FLAVA), the first token's is the one that was trained to be compared.
    """
    pooled = output if hasattr(output, "detach") else getattr(output, "pooler_output", None)
    if pooled is None or pooled.ndim not in (2, 3):
        raise ModelUnusableError(
            f"the model gives no pooled vector ({type(output).__name__}): it is no two-tower model"
        )
    pooled = pooled[:, 0] if pooled.ndim == 3 else pooled
    vectors: Vectors = pooled.detach().float().cpu().numpy()
    return vectors


@dataclass(slots=True)
class _TextReader:
    """Tokenises texts, and remembers of which requests they were cut."""

    tokenizer: Any
    longest: int | None
    """The most tokens that the model reads; None where that is not known."""
    padding: str = "longest"
    cut: set[str] = field(default_factory=set)
    """Ids of the requests whose text was longer."""

    def read(self, requests: Sequence[Embed]) -> Any:
        """Tokens of the texts of requests, cut to `longest`: int64 [n, t] by name."""
        if self.longest is None:
            return self.tokenizer(_texts(requests), padding=self.padding, return_tensors="pt")
        most = {"truncation": True, "max_length": self.longest}
        tokens = self.tokenizer(_texts(requests), padding=self.padding, return_tensors="pt", **most)
        if tokens["input_ids"].shape[1] >= self.longest:
            whole = self.tokenizer(_texts(requests), padding=False, truncation=False, verbose=False)["input_ids"]
            self.cut |= {r.id for r, own in zip(requests, whole, strict=True) if len(own) > self.longest}
        return tokens

    @property
    def notes(self) -> dict[str, set[str]]:
        """What must be known of the answers, and of which requests."""
        return {f"the text was cut to {self.longest} tokens, the most that the model reads": self.cut}


class HuggingFaceEmbedding:
    """Run a checkpoint that embeds, in the Hugging Face layout: `hf-embed/OWNER/NAME`, `hf-embed/PATH`.

    Two-tower models (CLIP, SigLIP and kin) by their own methods; vision-language models by their hidden states
    (`mmbench.models.hf.hidden_states`); ColPali and kin by late interaction (`mmbench.models.hf.multivector`).

    Options: the fields of `mmbench.models.hf.options.HfOptions`, and for vision-language models `instruction`, a text or a
    table with one for ``image`` and one for ``text``, and `pooling`, ``last`` or ``mean``. Texts that are longer than a
    two-tower model reads are cut.
    """

    version = "1"
    largest_first = True
    max_images = 1

    def __init__(
        self, path: str, *, instruction: Instruction = None, pooling: str | None = None, **options: Any
    ) -> None:
        require(f"hf-embed/{path}")
        self.path = path
        self.instruction = parse_instruction(instruction)
        self.pooling = parse_pooling(pooling)
        self.options = HfOptions.parse(f"hf-embed/{path}", options, _OF_STATES)
        self._embedder: _TwoTowers | HiddenStates | SeveralVectors | None = None

    @property
    def notes(self) -> dict[str, set[str]]:
        """What must be known of its answers, and of which requests."""
        return dict(self._embedder.notes) if self._embedder is not None else {}

    @property
    def settings(self) -> dict[str, Any]:
        """How it embeds; known once it is open."""
        return dict(self._embedder.settings) if self._embedder is not None else {}

    @classmethod
    def weights_digest(cls, path: str, **options: Any) -> str:
        """Digest of the folder, or commit on the hub. Raises `UsageError`, `MissingExtraError`."""
        require(f"hf-embed/{path}")
        chosen = HfOptions.parse(f"hf-embed/{path}", options, _OF_STATES)
        found = adapted(path, chosen.revision, chosen.adapter)
        digest = found.digest()
        found.check("hf-embed", trusted=chosen.trust_remote_code)
        return digest

    @classmethod
    def weights_size(cls, path: str, **options: Any) -> WeightsSize | None:
        """The memory that the weights will take, by their files; None where these are not on this machine."""
        return size_of_checkpoint(path, options)

    @classmethod
    def image_tokens(cls, path: str, **options: Any) -> int | None:
        """Tokens that it reads each image as at most; None where that depends on the image. No weights are loaded."""
        chosen = HfOptions.parse(f"hf-embed/{path}", options, _OF_STATES)
        found = adapted(path, chosen.revision, chosen.adapter)
        return None if chosen.processor else image_tokens(found.locate())

    def open(self) -> None:
        """Load processor and weights. Raises `CheckpointError`."""
        source = adapted(self.path, self.options.revision, self.options.adapter).locate()
        config = load_config(source, self.options)
        if gives_several_vectors(config):
            self._only_states(f"{self.path} embeds by late interaction")
            self._embedder = SeveralVectors(source, self.options)
            return
        known = has_two_towers(config)
        if known is False and embeds_by_states(source, self.pooling):
            self._embedder = HiddenStates(source, self.options, self.instruction, self.pooling)
            return
        if known is False and source.adapter is None and not getattr(config, "auto_map", None):
            kind = ", ".join(getattr(config, "architectures", None) or [type(config).__name__])
            raise CheckpointError(
                f"{self.path} is a {kind}: no two-tower model, and nothing in its folder says that it embeds; if it was "
                f"trained to, say how: --model-args pooling=last; if it writes, hf/{self.path}"
            )
        self._only_states(f"{self.path} is a two-tower model")
        self._embedder = _TwoTowers(source, self.options)

    def _only_states(self, problem: str) -> None:
        """Raise `UsageError` where an option was given that holds for hidden states alone."""
        given = {"instruction": self.instruction, "pooling": self.pooling}
        name = next((name for name, value in given.items() if value is not None), None)
        if name is not None:
            raise UsageError(f"{problem}: it takes no {name}=")

    def close(self) -> None:
        """Free the weights."""
        self._embedder = None

    def collate(self, requests: Sequence[Embed]) -> Any:
        """Pixels or tokens of a batch that holds one of the two, on the CPU."""
        return self._opened.collate(requests)

    def embed(self, requests: Sequence[Embed], inputs: Any) -> Any:
        """float32 [n, dim], not normalised: the task does that; of ColPali and kin a list of float32 [t, dim]."""
        return self._opened.embed(inputs)

    @property
    def _opened(self) -> _TwoTowers | HiddenStates | SeveralVectors:
        return cast("_TwoTowers | HiddenStates | SeveralVectors", self._embedder)


class _TwoTowers:
    """A loaded model with one tower for pictures and one for texts."""

    def __init__(self, source: Checkpoint, options: HfOptions) -> None:
        self._processor = load_processor(source, options)
        self._model = load_model("AutoModel", source, options)
        lacking = [name for name in _TOWERS if not hasattr(self._model, name)]
        if lacking:
            kind = type(self._model).__name__
            raise CheckpointError(
                f"{source.name} is a {kind} without {lacking[0]}: no two-tower model; hf/PATH may fit"
            )
        tokenizer, config = self._processor.tokenizer, self._model.config
        padding = "max_length" if config.model_type in _FIXED_LENGTH else "longest"
        self._reader = _TextReader(tokenizer, _longest(tokenizer, config), padding)
        self.settings: dict[str, Any] = {"weights_bytes": weights_bytes(self._model)}

    @property
    def notes(self) -> dict[str, set[str]]:
        return self._reader.notes

    def collate(self, requests: Sequence[Embed]) -> Any:
        pictures = _pictures(requests)
        if pictures is not None:
            return self._processor.image_processor(images=pictures, return_tensors="pt")
        return self._reader.read(requests)

    def embed(self, inputs: Any) -> Vectors:
        import torch

        model = self._model
        given = inputs.to(model.device, dtype=model.dtype) if "pixel_values" in inputs else inputs.to(model.device)
        method = model.get_image_features if "pixel_values" in inputs else model.get_text_features
        with torch.inference_mode():
            return _vectors(method(**given))


def has_two_towers(config: Any) -> bool | None:
    """Whether the class for a checkpoint embeds pictures and texts by methods of its own; None for a class that is not known."""
    import transformers

    known: Any = transformers.AutoModel._model_mapping
    if type(config) not in known:
        return None
    found = known[type(config)]
    classes = found if isinstance(found, tuple) else (found,)
    return any(all(hasattr(each, name) for name in _TOWERS) for each in classes)


class HuggingFaceEncoders:
    """Run a picture encoder and a text encoder that share a space: `hf-encoder/IMAGE_PATH+TEXT_PATH`.

    A picture's vector is the encoder's pooled output (where it has none, or was saved without, the mean of its tokens), a text's the mean of its
    tokens without padding, or with `pooling=cls` the first token's. Further options as for `hf-embed`.
    """

    version = "1"
    largest_first = True
    max_images = 1

    def __init__(self, paths: str, *, pooling: str = "mean", **options: Any) -> None:
        require(f"hf-encoder/{paths}")
        if pooling not in ("mean", "cls"):
            raise UsageError(f"pooling={pooling!r}: expected mean or cls")
        self.image_path, self.text_path = _two(paths)
        self.pooling = pooling
        self.options = HfOptions.parse(f"hf-encoder/{paths}", options, _OWN)
        self._parts: dict[str, Any] = {}
        self._reader: _TextReader | None = None

    @property
    def notes(self) -> dict[str, set[str]]:
        """What must be known of its answers, and of which requests."""
        return self._reader.notes if self._reader is not None else {}

    @classmethod
    def weights_digest(cls, paths: str, **options: Any) -> str:
        """Digest of both checkpoints. Raises `UsageError`, `MissingExtraError`."""
        require(f"hf-encoder/{paths}")
        HfOptions.parse(f"hf-encoder/{paths}", options, _OWN)
        digests = " ".join(checkpoint_digest(path, options.get("revision")) for path in _two(paths))
        return hashlib.sha256(digests.encode()).hexdigest()

    @classmethod
    def weights_size(cls, paths: str, **options: Any) -> WeightsSize | None:
        """The memory that the weights of both will take, by their files; None where these are not on this machine."""
        image, text = (size_of_checkpoint(path, options) for path in _two(paths))
        if image is None or text is None:
            return None
        return replace(image, bytes=image.bytes + text.bytes, mapped=image.mapped and text.mapped)

    def open(self) -> None:
        """Load both encoders. Raises `RunFailedError`."""
        image, text = (locate(path, self.options.revision) for path in (self.image_path, self.text_path))
        self._parts = {
            "pixels": load_part("AutoImageProcessor", image, self.options),
            "tokens": load_part("AutoTokenizer", text, self.options),
            "image": load_model("AutoModel", image, self.options),
            "text": load_model("AutoModel", text, self.options),
        }
        self._reader = _TextReader(self._parts["tokens"], _longest(self._parts["tokens"], self._parts["text"].config))
        check_processor_options([self._parts["pixels"], self._parts["tokens"]], self.options.processor)
        for path, part in ((self.image_path, "image"), (self.text_path, "text")):
            if hasattr(self._parts[part], "get_text_features"):
                raise RunFailedError(f"{path} is a two-tower model, both encoders in one: hf-embed/{path}")

    def close(self) -> None:
        """Free the weights."""
        self._parts = {}

    def collate(self, requests: Sequence[Embed]) -> Any:
        """Pixels or tokens of a batch that holds one of the two, on the CPU."""
        pictures = _pictures(requests)
        if pictures is not None:
            return self._parts["pixels"](images=pictures, return_tensors="pt")
        return cast(_TextReader, self._reader).read(requests)

    def embed(self, requests: Sequence[Embed], inputs: Any) -> Vectors:
        """float32 [n, dim], not normalised. Raises `ModelUnusableError` for encoders without tokens."""
        import torch

        is_image = "pixel_values" in inputs
        model = self._parts["image" if is_image else "text"]
        given = inputs.to(model.device, dtype=model.dtype) if is_image else inputs.to(model.device)
        with torch.inference_mode():
            output = model(**given)
        if is_image and getattr(output, "pooler_output", None) is not None:
            return _vectors(output)
        tokens = getattr(output, "last_hidden_state", None)
        if tokens is None:
            raise ModelUnusableError(f"{type(model).__name__} gives neither tokens nor a pooled vector")
        if not is_image and self.pooling == "cls":
            return _vectors(tokens[:, 0])
        weights = (
            given["attention_mask"][..., None].to(tokens.dtype) if not is_image else torch.ones_like(tokens[..., :1])
        )
        return _vectors((tokens * weights).sum(dim=1) / weights.sum(dim=1))


def _two(paths: str) -> tuple[str, str]:
    image, plus, text = paths.partition("+")
    if not (image and plus and text):
        raise UsageError(f"hf-encoder/{paths}: expected two checkpoints, hf-encoder/IMAGE_PATH+TEXT_PATH")
    return image, text
