"""How a model generates: settings built from nothing, so that nothing of a checkpoint's own stays in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmbench.core.errors import RunFailedError
from mmbench.core.requests import Generate

TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "forced_bos_token_id")
"""What is kept of a checkpoint's generation config: the tokens of its format."""
_OF_FILES = ("transformers_version", "_from_model_config", "max_length", "use_cache")
"""Entries that say nothing of how answers are chosen."""


def build_config(model: Any, tokenizer: Any) -> dict[str, Any]:
    """Replace a model's generation config by one that holds its tokens alone.

    Beams, penalties, sampling, forced ends and several answers to one question are gone with the old one.

    Args:
        model: The model; changed.
        tokenizer: Its tokenizer, which has the token that pads.

    Returns:
        What was set in the old config and is in force no more, by name.
    """
    import transformers

    old = model.generation_config or transformers.GenerationConfig()
    config = transformers.GenerationConfig(**{name: getattr(old, name, None) for name in TOKENS})
    config.pad_token_id = tokenizer.pad_token_id
    if config.eos_token_id is None:
        config.eos_token_id = tokenizer.eos_token_id
    model.generation_config = config
    for part in model.modules():  # a model of two has one that writes inside
        if getattr(part, "generation_config", None) is not None:
            part.generation_config = config
    neutral = transformers.GenerationConfig().to_dict() | config.to_dict()
    neutral |= {name: value for name, value in _defaults(config).items() if neutral.get(name) is None}
    return {
        name: value
        for name, value in sorted(old.to_dict().items())
        if name not in (*TOKENS, *_OF_FILES) and value and value != neutral.get(name)
    }


def _defaults(config: Any) -> dict[str, Any]:
    """What transformers takes for entries that nobody set."""
    known = getattr(config, "_get_default_generation_params", None)
    return dict(known()) if callable(known) else {}


def settings_of(requests: Sequence[Generate]) -> dict[str, Any]:
    """Arguments of `generate` for a batch: greedy for a temperature of 0, otherwise drawn as the first request says."""
    first = requests[0]
    settings = {"max_new_tokens": max(request.max_new_tokens for request in requests)}
    if first.temperature <= 0:
        return {**settings, "do_sample": False}
    top_p = 1.0 if first.top_p is None else first.top_p
    return {**settings, "do_sample": True, "temperature": first.temperature, "top_k": 0, "top_p": top_p}


def ends_of(model: Any) -> frozenset[int]:
    """The tokens that end a text."""
    ends = model.generation_config.eos_token_id
    closing = getattr(getattr(model.config, "text_config", None), "sep_token_id", None)  # of decoders made of a BERT
    return frozenset([*(ends if isinstance(ends, list) else [ends]), closing]) - {None}


def reads_by_encoder(config: Any) -> bool:
    """Whether an encoder reads the prompt, so that what a model writes does not begin with it."""
    parts = [config, *(getattr(config, name, None) for name in ("text_config", "decoder"))]
    return any(bool(getattr(part, "is_encoder_decoder", False)) for part in parts)


def prompt_length(written: Any, inputs: Mapping[str, Any], *, encoder: bool, drops_last: bool = False) -> int:
    """How many of the tokens that `generate` returned were given to it.

    Args:
        written: What it returned, int64 [n, t].
        inputs: What it was given.
        encoder: Whether an encoder reads the prompt.
        drops_last: Whether the model leaves out the last token of a prompt.

    Returns:
        Tokens to cut off every row. A decoder that was given embeddings returns nothing of its prompt.
    """
    import torch

    if encoder or "input_ids" not in inputs:
        given = inputs.get("decoder_input_ids")
        if given is None:
            return 1
        # A start is put before a prompt that has none.
        return int(given.shape[1]) + int(not torch.equal(written[:, : given.shape[1]], given))
    ids = inputs["input_ids"]
    length = ids.shape[1] - int(drops_last)
    # The first token is not compared: some models put their own there.
    begins = written.shape[1] >= length and torch.equal(written[:, 1:length], ids[:, 1:length])
    return int(length) if begins else 0


class Forced:
    """A logits processor that makes a model write given tokens and keeps their log-probabilities.

    Args:
        tokens: What each row writes, int64 [length] each.
        firsts: Tokens of each row whose log-probability is wanted as the first one.
        padding: What rows write that are done.
    """

    def __init__(self, tokens: Sequence[Any], firsts: Sequence[Sequence[int]], padding: int) -> None:
        self._lengths = [len(own) for own in tokens]
        self._tokens = [[int(token) for token in own] + [padding] * (max(self._lengths) - len(own)) for own in tokens]
        self._firsts = firsts
        self._first: Any = None
        self._later: list[Any] = []

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The scores that allow the given tokens alone."""
        import torch

        step = len(self._later) + (self._first is not None)
        if step == 0 and bool((scores.isfinite().sum(dim=1) == 1).all()):
            return scores  # the model's format has a token here that nobody chooses
        said = scores.float().log_softmax(dim=-1)
        tokens = torch.tensor([own[step] for own in self._tokens], device=scores.device)[:, None]
        if step == 0:
            rows = [row for row, own in enumerate(self._firsts) for _ in own]
            self._first = said[rows, [token for own in self._firsts for token in own]]
        else:
            self._later.append(said.gather(1, tokens)[:, 0])
        return torch.full_like(scores, -float("inf")).scatter(1, tokens, 0.0)

    @property
    def called(self) -> bool:
        """Whether the model let it see what it computes."""
        return self._first is not None

    def first(self) -> list[list[float]]:
        """Log-probability of every first token, [n][k]."""
        values = iter(self._first.tolist())
        return [[next(values) for _ in own] for own in self._firsts]

    def rest(self) -> list[float]:
        """Log-probability of every row's tokens after the first, their sum.

        Raises:
            RunFailedError: If the model stopped before all were written.
        """
        if len(self._later) + 1 < max(self._lengths):
            raise RunFailedError("the model stopped within a choice: one of the choices holds a token that ends a text")
        steps = [step.tolist() for step in self._later]
        return [
            sum(step[row] for step in steps[: length - 1]) if length > 1 else 0.0
            for row, length in enumerate(self._lengths)
        ]


class Watched:
    """A logits processor that changes nothing and keeps the log-probabilities of every step: float32 [n, vocabulary] each."""

    def __init__(self) -> None:
        self.steps: list[Any] = []
        """One for every token that was written."""

    @property
    def called(self) -> bool:
        """Whether the model let it see what it computes."""
        return bool(self.steps)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The scores as they are."""
        self.steps.append(scores.detach().float().log_softmax(dim=-1).cpu())
        return scores
