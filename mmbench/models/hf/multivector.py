"""Late interaction: a vector for every token of an item, from ColPali and its kin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmbench.core.errors import CheckpointError
from mmbench.core.media import Media
from mmbench.core.requests import Embed
from mmbench.models.hf.files import Checkpoint
from mmbench.models.hf.loading import load_config, load_model, load_processor
from mmbench.models.hf.options import HfOptions
from mmbench.models.hf.prompts import pil_image
from mmbench.models.hf.sequences import on_device

if TYPE_CHECKING:
    import numpy as np

    Vectors = np.ndarray[Any, np.dtype[np.float32]]

_RETRIEVES = "ForRetrieval"
"""How the names of their classes end."""


def gives_several_vectors(config: Any) -> bool:
    """Whether a checkpoint embeds by late interaction, as its configuration says."""
    return any(name.endswith(_RETRIEVES) for name in getattr(config, "architectures", None) or ())


class SeveralVectors:
    """A loaded model whose processor knows images and queries (``process_images``, ``process_queries``).

    The vectors of all tokens but padding are the embedding of an item, which the task compares by MaxSim.

    Args:
        source: Where it is loaded from.
        options: How it is loaded.

    Raises:
        CheckpointError: If it cannot be loaded, or its processor cannot do this.
    """

    settings: Mapping[str, Any] = {"pooling": "none (late interaction)"}
    """How items are embedded, for the run record."""
    notes: Mapping[str, set[str]] = {}

    def __init__(self, source: Checkpoint, options: HfOptions) -> None:
        self._processor = load_processor(source, options)
        lacking = [name for name in ("process_images", "process_queries") if not hasattr(self._processor, name)]
        if lacking:
            kind = type(self._processor).__name__
            raise CheckpointError(f"the processor of {source.name} is a {kind} without {lacking[0]}")
        (name,) = load_config(source, options).architectures
        self._model = load_model(name, source, options)

    def collate(self, requests: Sequence[Embed]) -> dict[str, Any]:
        """Tokens and pixels of a batch of one kind, on the CPU."""
        if isinstance(requests[0].part, Media):
            images = [pil_image(part) for request in requests for part in request.media]
            found = dict(self._processor.process_images(images=images, return_tensors="pt"))
        else:
            found = dict(
                self._processor.process_queries(text=[request.text for request in requests], return_tensors="pt")
            )
        return {name: value for name, value in found.items() if name != "labels"}

    def embed(self, inputs: Mapping[str, Any]) -> list[Vectors]:
        """float32 [t, dim] for each item: the vectors of its tokens, which the model has brought to norm 1."""
        import torch

        given = on_device(inputs, self._model.device, self._model.dtype)
        with torch.inference_mode():
            vectors = self._model(**given).embeddings.float().cpu().numpy()
        masks = inputs["attention_mask"].numpy().astype(bool)
        return [own[mask] for own, mask in zip(vectors, masks, strict=True)]
