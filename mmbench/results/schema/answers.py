"""Records of single answers: lines of the response log, and entries of the cache that runs share."""

from __future__ import annotations

from msgspec import Struct

from mmbench.core.responses import FinishReason, Status


class ResponseLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One line of ``responses.jsonl``: the end of one request. A field that holds its default is left out.

    From schema version 8 on a line ends in ``,"crc":N}``, the CRC-32 of all that stands before it.
    """

    id: str
    """``task/sample/n``."""
    status: Status
    """How it ended."""
    output: str | list[float] | None = None
    """The text without reasoning, or the score of every choice in the request's order; null for embeddings and failures."""
    row: int | None = None
    """Row of ``embeddings.bin`` that holds the vector; null for other kinds."""
    error: str | None = None
    """What went wrong, in one sentence; null where nothing did."""
    input_tokens: int | None = None
    """Tokens read, without padding; null where unknown."""
    output_tokens: int | None = None
    """Tokens written, without padding; null where unknown."""
    cost_usd: float | None = None
    """Price in US dollars; null where unknown."""
    start_s: float = 0.0
    """Seconds from the start of the session to the start of the call that answered."""
    duration_s: float = 0.0
    """Seconds that this call took, for its whole batch."""
    batch: int = 0
    """Number of the batch in ``plan.json``, from 0."""
    batch_size: int = 1
    """Requests that this call answered."""
    first_token_s: float | None = None
    """Seconds from sending the request to its first token; null where the answer came whole."""
    cached: bool = False
    """True where the answer came from the cache and no call was made: the times are 0 and the price is too."""
    finish_reason: FinishReason = "unknown"
    """Why the generation ended; ``unknown`` also for scores, embeddings and failures."""
    raw: str | None = None
    """The generated text as it came; null where `output` is the same."""
    reasoning: str | None = None
    """The reasoning, however it came, also if it was cut off; null where there was none."""
    reasoning_tokens: int | None = None
    """Tokens, among those written, that were spent on reasoning; null where unknown."""
    image_tokens: int | None = None
    """Tokens, among those read, that stand for images; null where unknown."""
    cached_tokens: int | None = None
    """Tokens, among those read, that the server took from its cache; null where unknown, and before schema version 9."""
    first_answer_token_s: float | None = None
    """Seconds from sending the request to the first token of the answer; null as for `first_token_s`."""
    row_check: int | None = None
    """CRC-32 of the bytes of `row`, or of all `rows`; null where there is no row, and before schema version 8."""
    rows: int | None = None
    """Rows of ``embeddings.bin``, from `row` on, that hold the answer of a model that gives several vectors (late
    interaction); null: one vector in one row."""


class CachedAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One answer in the cache that runs share (``--cache``), as msgpack."""

    status: Status
    """How it ended: ``ok``, ``refused``, or ``truncated`` with a text."""
    output: str | list[float] | None = None
    """The text, or the score of every choice; null for embeddings."""
    vector: bytes | None = None
    """An embedding as little-endian float32, row by row where it has several vectors; null for other kinds."""
    rows: int | None = None
    """Vectors of the embedding, as `ResponseLine.rows`."""
    input_tokens: int | None = None
    """Tokens read when it was asked; null where unknown."""
    output_tokens: int | None = None
    """Tokens written when it was asked; null where unknown."""
    finish_reason: FinishReason = "unknown"
    """As in `ResponseLine`."""
    raw: str | None = None
    """As in `ResponseLine`."""
    reasoning: str | None = None
    """As in `ResponseLine`."""
    reasoning_tokens: int | None = None
    """As in `ResponseLine`."""
    image_tokens: int | None = None
    """As in `ResponseLine`."""
