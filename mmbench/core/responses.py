"""Responses of a model. An error is never an empty answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mmbench.core.requests import Request

Status = Literal["ok", "truncated", "refused", "error", "timeout"]
"""``ok``: the model ended its answer. ``truncated``: the limit on new tokens did. ``refused``: the model or a content filter
declined. ``error`` and ``timeout``: no completion arrived; asked again on resume."""

ENDED_WELL: frozenset[str] = frozenset({"ok", "truncated", "refused"})
"""The statuses that a resumed run keeps."""

FinishReason = Literal["stop", "length", "filter", "tool", "unknown"]
"""Why a generation ended. ``stop``: by itself, or before a stop text. ``length``: at the limit on new tokens. ``filter``: a content
filter ended it. ``tool``: the model wants to call a tool. ``unknown``: nobody said."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost."""

    input_tokens: int | None = None
    """Tokens read, padding left out; None where unknown."""
    output_tokens: int | None = None
    """Tokens written, padding after the end left out; None where unknown."""
    cost_usd: float | None = None
    """Price in US dollars; None where unknown."""
    reasoning_tokens: int | None = None
    """Tokens, among those written, that were spent on reasoning; None where unknown."""
    image_tokens: int | None = None
    """Tokens, among those read, that stand for images; None where unknown."""
    cached_tokens: int | None = None
    """Tokens, among those read, that a server took from its cache; None where unknown."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What `generate` may return in place of a plain text, when it knows more; `choose` where the model refused."""

    text: str
    """The generated text, without the prompt. Reasoning inside is taken out by its markers (`mmbench.core.reasoning`)."""
    usage: Usage | None = None
    """Tokens and cost, where known."""
    refused: bool = False
    """True when the model or its provider declined to answer."""
    first_token_s: float | None = None
    """Seconds from sending the request to the first token of any kind, for answers that came token by token."""
    first_answer_token_s: float | None = None
    """Seconds from sending the request to the first token that is not reasoning, as above."""
    finish_reason: FinishReason = "unknown"
    """Why the generation ended."""
    reasoning: str | None = None
    """Reasoning that came apart from the text; None where there was none."""
    sent_s: float | None = None
    """When the request was sent, by `time.perf_counter`, for models that prepare it first; None: when the method was called."""
    pieces_s: Sequence[float] = ()
    """Seconds from sending the request to each piece of the answer, reasoning included, for answers that came in pieces."""


Output = str | Sequence[float]
"""A generated text; the scores of the choices; or an embedding (float32 [dim], or [n, dim] of several vectors)."""


@dataclass(frozen=True, slots=True)
class Response:
    """The end of one request."""

    status: Status
    """How it ended."""
    output: Output | None = None
    """The text without reasoning, the scores, or the embedding; None for an error or a time-out, and where a refusal
    came without a text."""
    error: str | None = None
    """One sentence on what went wrong; None where nothing did."""
    usage: Usage | None = None
    """Tokens and cost, where known."""
    first_token_s: float | None = None
    """As in `Generation`."""
    first_answer_token_s: float | None = None
    """As in `Generation`."""
    finish_reason: FinishReason = "unknown"
    """Why the generation ended; ``unknown`` also for scores, embeddings and failures."""
    raw: str | None = None
    """The generated text as it came; None where `output` is the same."""
    reasoning: str | None = None
    """The reasoning, however it came, also if it was cut off; None where there was none."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model, as an executor reports it together with the responses."""

    batch: int
    """Number of the batch in the plan, from 0."""
    numbers: Sequence[int]
    """Numbers of the requests in the plan."""
    requests: Sequence[Request]
    """The requests, in the same order."""
    start_s: float
    """Seconds from the start of the session to the start of the call, by the executor's clock."""
    duration_s: float
    """Seconds that the call took, for all its requests together."""
    cached: bool = False
    """True if no call was made, because the answers came from the cache."""
    device_s: float | None = None
    """Seconds of the call by the clock of the GPU (CUDA events); None without one."""
    waited_s: float = 0.0
    """Seconds from the first time that its request was sent to the start of this call: calls that failed and the waits after them.
    0 where it was sent once."""
