"""Embeddings from the hidden states of a model that writes: an instruction, then the last token or the mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.core.errors import CheckpointError, UsageError
from mmbench.core.media import Media
from mmbench.core.requests import Embed
from mmbench.models.hf.files import Checkpoint
from mmbench.models.hf.layouts import is_marked_as_embedding, read_json
from mmbench.models.hf.loading import GENERATES, load_config, load_model, load_processor, quiet, weights_bytes
from mmbench.models.hf.options import HfOptions, template_text
from mmbench.models.hf.prompts import Prompts
from mmbench.models.hf.sequences import Processing, accepted, on_device

if TYPE_CHECKING:
    import numpy as np

    Vectors = np.ndarray[Any, np.dtype[np.float32]]

POOLINGS = ("last", "mean")
"""How one vector is made of the states of all tokens: that of the last one, or their mean without padding."""
_KINDS = ("image", "text")
"""What an instruction may be for."""
_POOLING_FILE = "1_Pooling/config.json"
_POOLED_BY = {"pooling_mode_lasttoken": "last", "pooling_mode_mean_tokens": "mean"}
"""Entries of that file to our names."""

Instruction = str | Mapping[str, str] | None
"""A text for all items, or one for ``image`` and one for ``text``; None: none."""


class HiddenStates:
    """A loaded model that writes, which embeds.

    An item is the one message of the user, with the instruction as the system message (before the item where the chat
    template has none). Of the states behind the last layer, those of the last token or the mean are the embedding.

    Args:
        source: Where it is loaded from.
        options: How it is loaded.
        instruction: What the model is told of every item.
        pooling: One of `POOLINGS`; None: as the checkpoint says, else ``last``.

    Raises:
        CheckpointError: If it cannot be loaded, or is pooled in a way that is not served.
    """

    def __init__(self, source: Checkpoint, options: HfOptions, instruction: Instruction, pooling: str | None) -> None:
        self.pooling = pooling or _declared_pooling(Path(source.place)) or "last"
        config = load_config(source, options)
        processing = Processing(load_processor(source, options), keeps_end=True)
        self._processing = processing
        with quiet():
            self._prompts = {
                kind: Prompts(processing, _told(instruction, kind), config, template_text(options)) for kind in _KINDS
            }
        self._model = load_model(_auto_classes(config), source, options)
        self._states = _without_head(self._model)

    @property
    def settings(self) -> dict[str, Any]:
        """How items are embedded, for the run record."""
        return {
            "pooling": self.pooling,
            "chat_template": self._prompts["text"].format.record(),
            "weights_bytes": weights_bytes(self._model),
        }

    @property
    def notes(self) -> dict[str, set[str]]:
        """What must be known of the answers, and of which requests."""
        return {}

    def rendered(self, request: Embed) -> str:
        """The exact text that the model reads for an item."""
        return self._prompts[_kind(request)].of([request])[0][0]

    def collate(self, requests: Sequence[Embed]) -> dict[str, Any]:
        """Tokens and pixels of a batch of one kind, on the CPU."""
        prompts = self._prompts[_kind(requests[0])]
        texts, images = prompts.of(requests)
        return self._processing(texts, images, started=prompts.format.content != "none")

    def embed(self, inputs: Mapping[str, Any]) -> Vectors:
        """float32 [n, dim], not normalised."""
        import torch

        given = on_device(accepted(self._states, inputs), self._model.device, self._model.dtype)
        with torch.inference_mode():
            states = _last_states(self._states, given)
        pooled = pool(states, given["attention_mask"], self.pooling)
        vectors: Vectors = pooled.float().cpu().numpy()
        return vectors


def _without_head(model: Any) -> Any:
    """The model behind the head that writes, so that no token is made of any state; the model itself where it is one piece."""
    inner = model.base_model
    return getattr(model, "model", model) if inner is model else inner  # transformers 4 names it for some classes only


def _last_states(model: Any, given: Mapping[str, Any]) -> Any:
    """The states behind the last layer: tensor [n, t, dim]."""
    whole = hasattr(model, "lm_head")
    output = model(**given, **({"output_hidden_states": True} if whole else {}))
    return output.hidden_states[-1] if whole else output.last_hidden_state


def pool(states: Any, mask: Any, pooling: str) -> Any:
    """One vector of the states of each row, whatever side is padded.

    Args:
        states: Tensor [n, t, dim].
        mask: int64 [n, t], 1 for tokens and 0 for padding.
        pooling: One of `POOLINGS`.

    Returns:
        Tensor [n, dim].
    """
    import torch

    if pooling == "mean":
        weights = mask[..., None].to(torch.float32)
        return (states.float() * weights).sum(dim=1) / weights.sum(dim=1)
    places = torch.arange(mask.shape[1], device=mask.device) * mask
    return states[torch.arange(len(states), device=states.device), places.argmax(dim=1).to(states.device)]


def parse_instruction(given: Any) -> Instruction:
    """The option ``instruction``. Raises `UsageError`."""
    if given is None or isinstance(given, str):
        return given
    if (
        isinstance(given, Mapping)
        and set(given) <= set(_KINDS)
        and all(isinstance(text, str) for text in given.values())
    ):
        return dict(given)
    raise UsageError(f"instruction={given!r}: expected a text, or a table with one for image and one for text")


def parse_pooling(given: Any) -> str | None:
    """The option ``pooling``. Raises `UsageError`."""
    if given is None or given in POOLINGS:
        return given
    raise UsageError(f"pooling={given!r}: expected {' or '.join(POOLINGS)}")


def embeds_by_states(source: Checkpoint, pooling: str | None) -> bool:
    """Whether a checkpoint that writes is meant to embed: its files say so, or the user does."""
    return pooling is not None or is_marked_as_embedding(Path(source.place))


def _auto_classes(config: Any) -> Sequence[str]:
    """The head stays on where the checkpoint was saved with it: its names of weights are mapped by that class."""
    classes = " ".join(getattr(config, "architectures", None) or ())
    return GENERATES if "For" in classes else ("AutoModel",)


def _told(instruction: Instruction, kind: str) -> str | None:
    return instruction.get(kind) if isinstance(instruction, Mapping) else instruction


def _kind(request: Embed) -> str:
    return "image" if isinstance(request.part, Media) else "text"


def _declared_pooling(folder: Path) -> str | None:
    """What the files of Sentence Transformers say; None where there are none.

    Raises `CheckpointError` for a way, or a layer on top, that is not served: the embeddings would be others.
    """
    modules = folder / "modules.json"
    if modules.is_file() and "Dense" in modules.read_text(encoding="utf-8"):
        raise CheckpointError(
            f"{folder} has a dense layer on top of its embeddings (modules.json), which is not served: "
            "write a model of your own around sentence-transformers (docs/how-to/own-model.md)"
        )
    if not (folder / _POOLING_FILE).is_file():
        return None
    declared = read_json(folder / _POOLING_FILE)
    named = [name for name, value in declared.items() if name.startswith("pooling_mode") and value is True]
    if not named and isinstance(declared.get("pooling_mode"), str):
        named = [f"pooling_mode_{declared['pooling_mode']}"]
    found = [_POOLED_BY[name] for name in named if name in _POOLED_BY]
    if len(found) != len(named) or len(found) > 1:
        raise CheckpointError(
            f"{folder / _POOLING_FILE} pools by {', '.join(named)}; served are: {', '.join(POOLINGS)}"
        )
    return found[0] if found else None
