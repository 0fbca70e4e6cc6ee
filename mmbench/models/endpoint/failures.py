"""What an error answer means: whether asking again may help, whether any request can succeed, and what to say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from mmbench.core.errors import ModelUnusableError, RunFailedError, TransientError
from mmbench.models.endpoint.answers import Hide, quoted

_OVERLOADED = (429, 503, 529)
_PASSING = (408, 409, 425)
_FOR_GOOD = (501, 505)
_HOPELESS = {
    401: "refused the key",
    402: "refuses for lack of credit",
    404: "knows no such model or address",
    405: "takes no such call",
}
_NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_FILTERED = ("content_filter", "content_policy_violation")
_PLACEHOLDER = 8
"""A key of fewer characters (EMPTY, none, x) is no secret, and answers may hold such a word."""


class AccessRefusedError(RunFailedError):
    """Status 403: of this request (its picture, its words), or of all, which a single answer does not tell."""


class NotThereError(ModelUnusableError):
    """Status 404 or 405: nothing takes calls at this address, or it does not know the model.

    Attributes:
        of_model: Whether it spoke of a model, so that the address is right.
    """

    def __init__(self, message: str, *, of_model: bool = False) -> None:
        super().__init__(message)
        self.of_model = of_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where an endpoint is and how it is spoken to."""

    url: str
    """Its address, as messages show it: the base address, or the one that is called."""
    key: str | None = field(repr=False)
    """Sent as a bearer token to `url` and nowhere else; never shown."""
    key_name: str
    """The environment variable that held the key, for messages."""
    timeout_s: float = 120.0
    """Seconds that one call may take."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""

    def hide(self, text: str) -> str:
        """The text without the key."""
        return text.replace(self.key, "[key]") if self.key and len(self.key) >= _PLACEHOLDER else text

    def no_access(self, error: AccessRefusedError) -> ModelUnusableError:
        """The exception for an endpoint that refuses whatever it is asked; `error` is what it said last."""
        return ModelUnusableError(f"{self.url} refused access to every request ({error}){self.key_came_from}")

    @property
    def key_came_from(self) -> str:
        """Where the key came from, as the end of a sentence."""
        return f"; the key came from {self.key_name}" if self.key else f"; {self.key_name} is not set"

    def quote(self, text: object) -> str:
        """A foreign text in one short line, without the key."""
        return quoted(str(text), self.hide)


def failure(status: int, headers: Mapping[str, str], data: bytes, endpoint: Endpoint) -> RunFailedError:
    """The exception for an answer of another status than 200."""
    said = f"HTTP {status}: {error_text(data, endpoint.hide) or 'without a word'}"
    if 300 <= status < 400:
        to = endpoint.quote(headers.get("Location", "nowhere"))
        return ModelUnusableError(f"{endpoint.url} redirects to {to}; give the address that answers: --base-url URL")
    if status == 429 and error_code(data) in _NO_CREDIT:
        return ModelUnusableError(f"{endpoint.url} {_HOPELESS[402]} ({said})")
    if status in _OVERLOADED or status in _PASSING or (status >= 500 and status not in _FOR_GOOD):
        wait = retry_after_s(headers.get("Retry-After"))
        return TransientError(said, slow_down=status in _OVERLOADED, retry_after_s=wait)
    if status == 403:
        return AccessRefusedError(said)
    if status in (404, 405):
        return NotThereError(f"{endpoint.url} {_HOPELESS[status]} ({said})", of_model="model" in said.lower())
    if status in _HOPELESS:
        key = endpoint.key_came_from if status == 401 else ""
        return ModelUnusableError(f"{endpoint.url} {_HOPELESS[status]} ({said}){key}")
    return RunFailedError(said)


def refusal(status: int, data: bytes, hide: Hide) -> dict[str, Any] | None:
    """The document of a refusal, where an error answer says that the request was filtered; None where it does not.

    It says so by its code, or (OpenRouter, status 403) by the reasons for which a moderation flagged the request.
    """
    if status not in (400, 403) or not (error_code(data) in _FILTERED or _flagged(data)):
        return None
    said = error_text(data, hide)
    return {"choices": [{"message": {"content": None, "refusal": said}, "finish_reason": "content_filter"}]}


def failure_inside(document: Mapping[str, Any], endpoint: Endpoint) -> RunFailedError | None:
    """The exception for an error that came with status 200; None where there is none."""
    error = document.get("error")
    if not error:
        return None
    code = error.get("code") if isinstance(error, dict) else None
    status = code if type(code) is int and 400 <= code < 600 else 200
    return failure(status, {}, msgspec.json.encode(document), endpoint)


def error_text(data: bytes, hide: Hide) -> str:
    """What an error answer says, in one line."""
    document = _document(data)
    inner = document.get("error", document) if isinstance(document, dict) else document
    for name in ("message", "detail"):
        if isinstance(inner, dict) and isinstance(inner.get(name), str):
            return quoted(inner[name], hide)
    return quoted(inner if isinstance(inner, str) else data.decode("utf-8", "replace"), hide)


def error_code(data: bytes) -> str:
    """The code that an error answer carries; empty where it carries none."""
    document = _document(data)
    inner = document.get("error") if isinstance(document, dict) else None
    return str(inner.get("code") or inner.get("type") or "") if isinstance(inner, dict) else ""


def _flagged(data: bytes) -> bool:
    document = _document(data)
    inner = document.get("error") if isinstance(document, dict) else None
    metadata = inner.get("metadata") if isinstance(inner, dict) else None
    return isinstance(metadata, dict) and bool(metadata.get("reasons") or metadata.get("flagged_input"))


def _document(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def retry_after_s(value: str | None) -> float | None:
    """Seconds that a header ``Retry-After`` asks for, a number or a date (RFC 9110); None where it says nothing.

    >>> retry_after_s("1.5"), retry_after_s("soon"), retry_after_s(None)
    (1.5, None, None)
    """
    if value is None or not value.isascii():
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
