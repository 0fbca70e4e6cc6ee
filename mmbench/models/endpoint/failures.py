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
from mmbench.models.endpoint.answers import Hide, decoded, quoted
from mmbench.models.endpoint.secret import without_key

_OVERLOADED = (429, 503, 529)
_PASSING = (408, 409, 425)
_FOR_GOOD = (501, 505)
_HOPELESS = {
    401: "refused the key",
    402: "refuses for lack of credit",
    404: "knows no such model or address",
    405: "takes no such call",
}
_NO_CREDIT = frozenset({"insufficientquota", "billinghardlimitreached", "billingnotactive"})
_FILTERED = frozenset(
    [
        "contentfilter",
        "contentfiltered",
        "contentpolicyviolation",
        "contentpolicy",
        "responsibleaipolicyviolation",
        "moderationblocked",
        "datainspectionfailed",
        "sensitivecontent",
        "prohibitedcontent",
    ]
)
_WORDS = {
    400: "invalidrequest badrequest contextlengthexceeded invalidargument",
    401: "invalidapikey authentication unauthorized unauthenticated",
    402: "insufficientquota billinghardlimitreached billingnotactive insufficientcredits paymentrequired",
    403: "permission permissiondenied forbidden accessdenied",
    404: "notfound modelnotfound",
    429: "ratelimit ratelimitexceeded ratelimited toomanyrequests resourceexhausted throttling throttled",
    500: "server internal internalserver api apiconnection",
    502: "badgateway upstream provider",
    503: "overloaded engineoverloaded modeloverloaded serveroverloaded serviceunavailable unavailable serverbusy temporarilyunavailable",
    504: "timeout gatewaytimeout deadlineexceeded requesttimeout",
}
_MEANING = {
    word + end: status
    for status, words in _WORDS.items()
    for word in words.split()
    for end in ("", "error", "exception")
}
"""Bare word that names an error inside an answer to the HTTP status that means the same."""
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
    connect_s: float = 15.0
    """Seconds that a connection may take to be made, its TLS handshake and the proxy's included."""
    first_byte_s: float = 120.0
    """Seconds until the answer to a call begins."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""

    def hide(self, text: str) -> str:
        """The text without the key, however it is written there."""
        return without_key(text, self.key) if self.key and len(self.key) >= _PLACEHOLDER else text

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
    if status == 429 and not _NO_CREDIT.isdisjoint(error_names(_inner(data))):
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


def refusal(status: int, data: bytes, hide: Hide) -> str | None:
    """What an error answer says where a content filter turned the request away; None where it does not say so."""
    return filtered_text(_inner(data), hide) if status in (400, 403) else None


def filtered_text(error: Any, hide: Hide) -> str | None:
    """The text of an error that a content filter raised; None for any other error.

    A filter names itself by the error's code or type, or (OpenRouter) gives the reasons for which a moderation flagged the request.
    """
    metadata = error.get("metadata") if isinstance(error, dict) else None
    flagged = isinstance(metadata, dict) and (metadata.get("reasons") or metadata.get("flagged_input"))
    return _text(error, hide) if flagged or not _FILTERED.isdisjoint(error_names(error)) else None


def inner_failure(error: Any, endpoint: Endpoint, *, begun: bool) -> RunFailedError:
    """The exception for an error that came with status 200.

    Args:
        error: What stood under ``error``.
        endpoint: Where it came from.
        begun: Whether part of an answer had come before it: an error of no known kind may pass then.
    """
    status = status_inside(error)
    if status == 200 and begun:
        return TransientError(f"HTTP 200: {_text(error, endpoint.hide) or 'without a word'}")
    found = failure(status, {}, msgspec.json.encode({"error": error}), endpoint)
    return NotThereError(str(found), of_model=True) if isinstance(found, NotThereError) else found


def status_inside(error: Any) -> int:
    """The HTTP status that an error means by its code, status or type; 200 where none of them is known.

    >>> status_inside({"code": "502"}), status_inside({"type": "RateLimitError"}), status_inside({"code": 7})
    (502, 429, 200)
    """
    values = [error.get(name) for name in ("code", "status", "type")] if isinstance(error, dict) else [error]
    for value in values:
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
        if type(number) is int and 400 <= number < 600:
            return number
    return next((_MEANING[name] for name in error_names(error) if name in _MEANING), 200)


def error_names(error: Any) -> list[str]:
    """The code, status and type of an error as bare words: small letters without anything between them."""
    fields = ("code", "status", "type") if isinstance(error, dict) else ()
    values = [error.get(name) for name in fields] if fields else [error]
    return ["".join(filter(str.isalnum, value)).lower() for value in values if isinstance(value, str)]


def error_text(data: bytes, hide: Hide) -> str:
    """What an error answer says, in one line."""
    document = _document(data)
    inner = (document.get("error") or document) if isinstance(document, dict) else document
    return _text(inner, hide) or quoted(data.decode("utf-8", "replace"), hide)


def _text(error: Any, hide: Hide) -> str:
    for name in ("message", "detail"):
        if isinstance(error, dict) and isinstance(error.get(name), str):
            return quoted(error[name], hide)
    return quoted(error, hide) if isinstance(error, str) else ""


def _inner(data: bytes) -> Any:
    document = _document(data)
    return document.get("error") if isinstance(document, dict) else None


def _document(data: bytes) -> Any:
    try:
        return decoded(data)
    except (ValueError, RecursionError):
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
        except (ValueError, OverflowError):
            return None
        try:
            when = when if when.tzinfo else when.replace(tzinfo=UTC)
            seconds = (when - datetime.now(UTC)).total_seconds()
        except (ValueError, OverflowError):  # a date at the end of the calendar, with an offset beyond it
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
