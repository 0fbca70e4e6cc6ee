"""Responses of a model. An error is never an empty answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mmbench.core.requests import Request

Status = Literal["ok", "error", "timeout", "refused"]
"""``ok``: the model answered. ``refused``: it declined to. ``error`` and ``timeout``: no answer, asked again on resume."""

ENDED_WELL: frozenset[str] = frozenset({"ok", "refused"})
"""The statuses that a resumed run keeps."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost."""

    input_tokens: int | None = None
    """Tokens read, padding left out; None where unknown."""
    output_tokens: int | None = None
    """Tokens written, padding after the end left out; None where unknown."""
    cost_usd: float | None = None
    """Price in US dollars; None where unknown."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What `generate` may return in place of a plain text, when it knows more."""

    text: str
    """The generated text, without the prompt."""
    usage: Usage | None = None
    """Tokens and cost, where known."""
    refused: bool = False
    """True when the model or its provider declined to answer."""
    first_token_s: float | None = None
    """Seconds from sending the request to the first token, for answers that came token by token."""


Output = str | Sequence[float]
"""A generated text; the scores of the choices; or an embedding (float32 [dim])."""


@dataclass(frozen=True, slots=True)
class Response:
    """The end of one request."""

    status: Status
    """How it ended."""
    output: Output | None = None
    """The text, scores or embedding; None unless the status is ``ok`` (or a refusal came with a text)."""
    error: str | None = None
    """One sentence on what went wrong; None where nothing did."""
    usage: Usage | None = None
    """Tokens and cost, where known."""
    first_token_s: float | None = None
    """As in `Generation`."""


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
