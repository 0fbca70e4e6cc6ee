"""When a request was due, sent and answered, by one clock."""

from __future__ import annotations

from msgspec import Struct

from mmbench.core.responses import ENDED_WELL, Status


class RequestTiming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One request of a scenario. Times are seconds from the start of the scenario."""

    prompt: int
    """Which of the prompts of the scenario it asked, from 0."""
    due_s: float
    """When it was to be sent: its arrival in an open loop, the end of what came before it in a closed one."""
    asked_s: float
    """When the model was called."""
    sent_s: float
    """When the request was sent, as the model says; `asked_s` where it does not say."""
    ended_s: float
    """When the whole answer was there, or it was clear that none would come."""
    status: Status = "ok"
    """How it ended."""
    first_token_s: float | None = None
    """When the first token of any kind came; null where the answer came whole."""
    first_answer_token_s: float | None = None
    """When the first token came that is not reasoning; null as above."""
    pieces_s: tuple[float, ...] = ()
    """When each piece of the answer came, the first included; empty where the answer came whole."""
    input_tokens: int | None = None
    """Tokens read; null where unknown."""
    image_tokens: int | None = None
    """Tokens, among those read, that stand for images; null where unknown."""
    cached_tokens: int | None = None
    """Tokens, among those read, that a server took from its cache; null where unknown."""
    output_tokens: int | None = None
    """Tokens written; null where unknown."""
    device_s: float | None = None
    """Seconds of the call by the clock of the GPU (CUDA events); null without one."""
    batch_size: int = 1
    """Requests that the call answered."""
    error: str | None = None
    """What went wrong; null where nothing did."""

    @property
    def ended_well(self) -> bool:
        """Whether an answer came."""
        return self.status in ENDED_WELL
