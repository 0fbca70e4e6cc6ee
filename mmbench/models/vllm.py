"""``vllm/NAME_OR_PATH``: a model that vLLM runs in this process, without a server."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from mmbench.core.errors import MissingExtraError, RunFailedError
from mmbench.core.media import Media
from mmbench.core.reasoning import left_open
from mmbench.core.requests import Choose, Generate, Request, conversation
from mmbench.core.responses import Generation, Usage
from mmbench.models.endpoint.answers import letter_scores
from mmbench.models.endpoint.payload import LETTERS, data_url, messages_of, template_args
from mmbench.models.finish_reasons import finish_reason_of
from mmbench.models.hf.files import checkpoint_digest
from mmbench.models.hf.placeholders import NEUTRALISED, neutral, neutral_messages, placeholders
from mmbench.models.hf.weights_size import WeightsSize, size_of_checkpoint

Messages = list[dict[str, Any]]
"""One chat."""


class VLLM:
    """Run a checkpoint in vLLM's engine, from the hub or a folder: `vllm/OWNER/NAME`, `vllm/PATH`.

    Options: `system`, a system message; all others are arguments of `vllm.LLM`, such as ``max_model_len=4096``,
    ``tensor_parallel_size=2``, ``revision=…``. Prompts go through the checkpoint's own chat template.
    """

    version = "1"
    batches_itself = True

    def __init__(self, path: str, *, system: str | None = None, **options: Any) -> None:
        _require(path)
        self.path = path
        self.system = system
        self.options = options
        self._engine: Any = None
        self._placeholders: tuple[str, ...] = ()
        self.notes: dict[str, set[str]] = {NEUTRALISED: set()}
        """What must be known of its answers, and of which requests."""

    @classmethod
    def weights_digest(cls, path: str, **options: Any) -> str:
        """Digest of the folder, or commit on the hub. Raises `UsageError`, `MissingExtraError`."""
        _require(path)
        return checkpoint_digest(path, options.get("revision"))

    @classmethod
    def weights_size(cls, path: str, **options: Any) -> WeightsSize | None:
        """The memory that the weights will take on GPUs, by their files; None where these are not on this machine.

        Left to itself, the engine loads what was saved in float32 in half precision.
        """
        dtype = "bfloat16" if options.get("dtype", "auto") == "auto" else options["dtype"]
        known = {name: options[name] for name in ("revision",) if name in options}
        quantised = {"quantisation": "int4"} if options.get("quantization") else {}
        found = size_of_checkpoint(path, {**known, **quantised, "dtype": dtype, "device": "cuda"})
        return None if found is None else replace(found, spread=True)

    def open(self) -> None:
        """Load the weights. Raises what the engine raises."""
        from vllm import LLM

        self._engine = LLM(model=self.path, **self.options)
        self._placeholders = placeholders(None, self._engine.get_tokenizer())

    def close(self) -> None:
        """Let the engine go."""
        self._engine = None

    def collate(self, requests: Sequence[Request]) -> list[Messages]:
        """The chats, with the images in them; called ahead, from several threads.

        Tokens for media in the texts of the data are broken by a space: they stand for no image.

        Raises:
            MediaError: If an image cannot be read.
            RunFailedError: If a request holds another medium.
        """
        system = None if self.system is None else neutral(self.system, self._placeholders)
        return [messages_of(self._neutral(request), system, _picture) for request in requests]

    def _neutral(self, request: Request) -> Request:
        asked = conversation(request)
        messages = neutral_messages(asked, self._placeholders)
        if messages == asked:
            return request
        self.notes[NEUTRALISED].add(request.id)
        return replace(request, parts=(), messages=messages)  # type: ignore[call-arg]  # of both kinds that come here

    def generate(self, requests: Sequence[Generate], inputs: list[Messages]) -> list[Generation]:
        """The model's texts: greedy, but for requests with a temperature, each drawn with its own seed."""
        from vllm import SamplingParams

        settings = [
            SamplingParams(
                temperature=request.temperature,
                max_tokens=request.max_new_tokens,
                stop=list(request.stop) or None,
                seed=request.seed % 2**31 if request.temperature > 0 else None,
                **({} if request.top_p is None else {"top_p": request.top_p}),
            )
            for request in requests
        ]
        given: dict[str, Any] = {"sampling_params": settings, "use_tqdm": False}
        if of_template := template_args(requests[0]):  # equal in all requests of a run
            given["chat_template_kwargs"] = of_template
        return [_generation(each) for each in self._engine.chat(inputs, **given)]

    def choose(self, requests: Sequence[Choose], inputs: list[Messages]) -> list[list[float]]:
        """Log-probabilities of the choices' letters as the first token, float [n][k]; see `letter_scores`.

        Raises `RunFailedError` where none of the letters is likely.
        """
        from vllm import SamplingParams

        settings = SamplingParams(temperature=0.0, max_tokens=1, logprobs=len(LETTERS))
        said = self._engine.chat(inputs, sampling_params=settings, use_tqdm=False)
        return [
            letter_scores(_likeliest(each.outputs[0].logprobs), len(request.choices))
            for request, each in zip(requests, said, strict=True)
        ]


def _generation(written: Any) -> Generation:
    """The first of an engine's outputs. Raises `RunFailedError` where the engine gave the request up."""
    output = written.outputs[0]
    reason = finish_reason_of(output.finish_reason)
    if reason == "error":
        raise RunFailedError(f"the engine gave the request up (finish_reason {output.finish_reason!r})")
    text = (left_open(getattr(written, "prompt", None) or "") + output.text).strip()
    return Generation(text, Usage(len(written.prompt_token_ids or ()), len(output.token_ids)), finish_reason=reason)


def _require(path: str) -> None:
    if find_spec("vllm") is None:
        raise MissingExtraError(f"vllm/{path}", "vllm")


def _picture(media: Media) -> dict[str, str]:
    return {"url": data_url(media)}


def _likeliest(logprobs: Any) -> list[tuple[str, float]]:
    """Text and log-probability of the likeliest first tokens."""
    first = logprobs[0] if logprobs else {}
    found = [(str(each.decoded_token), float(each.logprob)) for each in first.values() if each.decoded_token]
    finite = [(token, value) for token, value in found if math.isfinite(value)]
    if not finite:
        raise RunFailedError("the engine gives no log-probabilities, without which it cannot choose")
    return finite
