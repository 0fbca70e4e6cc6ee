"""From a request to the body of an HTTP call, by the chat completions interface that OpenAI published."""

from __future__ import annotations

import base64
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from string import ascii_uppercase
from typing import Any

import msgspec

from mmbench.core.errors import RunFailedError, UsageError
from mmbench.core.media import Media
from mmbench.core.requests import Choose, Generate, Request, conversation
from mmbench.core.samples import Part
from mmbench.data import encoded_image
from mmbench.models.endpoint.advice import NEEDED, advice_on
from mmbench.models.unknown_option import unknown_option_of

LETTERS = ascii_uppercase[:20]
"""What choices are called; endpoints give the log-probabilities of twenty tokens at most."""
_REMEMBERED_BYTES = 64 * 2**20
"""Encoded pictures in memory: the questions about one picture follow each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a user set of every call."""

    model: str
    """The endpoint's name for the model."""
    system: str | None = None
    """System message; None: none."""
    detail: str | None = None
    """``low``, ``high`` or ``auto``: how closely pictures are looked at, where the endpoint knows it."""
    tokens_field: str = "max_tokens"
    """What the endpoint calls the bound on new tokens."""
    stream: bool = False
    """Have the answer token by token, which tells the time to the first."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields that are added to every body, over ours."""
    omit: tuple[str, ...] = ()
    """Fields that are left out of every body, for endpoints that refuse them."""

    def body(self, ours: Mapping[str, Any]) -> bytes:
        """The body of a call as JSON: our fields, under those of `extra`, without those of `omit`."""
        if not self.extra and not self.omit:
            return msgspec.json.encode(ours)
        return msgspec.json.encode({k: v for k, v in {**ours, **self.extra}.items() if k not in self.omit})


def wishes_of(model: str, given: Mapping[str, Any]) -> Wishes:
    """The wishes in a user's options. Raises `UsageError`: an option of another name, or of another type."""
    known = [each.name for each in fields(Wishes) if each.name != "model"]
    for name in given:
        if name not in known:
            raise unknown_option_of(f"openai/{model}", name, known)
    if not isinstance(given.get("stream", False), bool):
        raise UsageError(f"stream={given['stream']!r}: expected true or false")
    if not isinstance(given.get("extra", {}), Mapping):
        raise UsageError(f"extra={given['extra']!r}: expected a table of fields; to leave a field out: omit=NAME")
    for name in ("system", "detail", "tokens_field"):
        if not isinstance(given.get(name, ""), str):
            raise UsageError(f"{name}={given[name]!r}: expected a text")
    return Wishes(model=model, **{**given, "omit": _omitted(given.get("omit", ()))})


def _omitted(given: Any) -> tuple[str, ...]:
    """The names of fields in a list, or in a text that separates them by commas. Raises `UsageError`."""
    names = given.strip().removeprefix("[").removesuffix("]").split(",") if isinstance(given, str) else given
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"omit={given!r}: expected names of fields, such as omit=temperature,stop")
    found = tuple(dict.fromkeys(name.strip().strip("'\"") for name in names))
    for name in found:
        if name in NEEDED or not name:
            raise UsageError(
                f"omit={given!r}: no request goes without {name}" if name else f"omit={given!r}: a name is empty"
            )
    return found


def lettered(choices: Sequence[str]) -> str:
    """The part of a prompt that asks for the letter of a choice. Raises `RunFailedError` for too many choices.

    >>> print(lettered(["yes", "no"]))
    A. yes
    B. no
    Answer with the letter of the right choice and nothing else.
    """
    if len(choices) > len(LETTERS):
        raise RunFailedError(f"{len(choices)} choices: by their letters, {len(LETTERS)} are told apart at most")
    listed = [f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False)]
    return "\n".join([*listed, "Answer with the letter of the right choice and nothing else."])


def data_url(media: Media) -> str:
    """An image as a ``data:`` URL, with the pixels that every model gets (see `mmbench.data.encoded_image`).

    Raises:
        MediaError: If the image cannot be read or decoded.
        RunFailedError: If the medium is no image.
    """
    if media.kind != "image":
        raise RunFailedError(f"the model is asked about pictures and text; the request holds {media.kind}")
    image = encoded_image(media)
    return f"data:{image.mime};base64,{base64.b64encode(image.data).decode('ascii')}"


def messages_of(request: Request, system: str | None, picture: Callable[[Media], Any]) -> list[dict[str, Any]]:
    """The messages of a chat, for a request that asks for a text or a choice.

    Args:
        request: The request; the choices of a `Choose` are listed with their letters at its end.
        system: A system message of the user, which stands before that of the request; None: none.
        picture: What stands for an image under ``image_url``.

    Returns:
        Messages with ``role`` and ``content``, which is a text where there is no image.
    """
    said = [(message.role, message.parts) for message in conversation(request)]
    if isinstance(request, Choose):
        role, parts = said.pop()
        said.append((role, (*parts, lettered(request.choices))))
    if system is not None:
        first = said.pop(0)[1] if said[0][0] == "system" else ()
        said.insert(0, ("system", (system, *first)))
    return [{"role": role, "content": _content(parts, picture)} for role, parts in said]


def _content(parts: Sequence[Part], picture: Callable[[Media], Any]) -> str | list[dict[str, Any]]:
    """A text where all parts are, else the parts in their order."""
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) == len(parts):
        return "\n".join(texts)
    return [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image_url", "image_url": picture(part)}
        for part in parts
    ]


def template_args(request: Generate) -> dict[str, Any]:
    """What the chat template is given: what the user set, and whether the model reasons, by its usual names."""
    found = dict(request.chat_template_kwargs or {})
    if request.thinking is not None:
        found["enable_thinking"] = bool(request.thinking)
        if not isinstance(request.thinking, bool):
            found["thinking_budget"] = request.thinking
    return found


class Payloads:
    """Builds bodies. Safe to use from several threads."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self._pictures: OrderedDict[str, bytes] = OrderedDict()
        self._remembered = 0
        self._lock = threading.Lock()

    def missing(self, request: Request) -> list[Media]:
        """Images that must be read and encoded before the body can be built."""
        return [each for each in request.media if each.digest not in self._pictures]

    def has_room(self, count: int) -> bool:
        """Whether so many images of the size that the last ones had are kept beside each other."""
        return count * self._remembered <= _REMEMBERED_BYTES * len(self._pictures)

    def encode(self, media: Media) -> bytes:
        """What stands for an image in a body, as JSON, kept for the next time. Raises `MediaError`, `RunFailedError` as above."""
        with self._lock:
            found = self._pictures.get(media.digest)
            if found is not None:
                self._pictures.move_to_end(media.digest)
                return found
        where = {"url": data_url(media)}
        if self._wishes.detail is not None:
            where["detail"] = self._wishes.detail
        encoded = bytes(
            memoryview(msgspec.json.encode(where))
        )  # a copy: the encoder's own holds up to half as much again
        self._remember(media.digest, encoded)
        return encoded

    def generate(self, request: Generate) -> bytes:
        """The body that asks for a text. Raises `MediaError`, `RunFailedError` for what is no picture."""
        body = self._body(request)
        body[self._wishes.tokens_field] = request.max_new_tokens
        body["temperature"] = request.temperature
        if request.temperature > 0:
            body["seed"] = request.seed % 2**31
        if request.stop:
            body["stop"] = list(request.stop)
        if request.top_p is not None:
            body["top_p"] = request.top_p
        if given := template_args(request):
            body["chat_template_kwargs"] = given
        if self._wishes.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return self._wishes.body(body)

    def choose(self, request: Choose) -> bytes:
        """The body that asks for the letter of a choice, with the log-probabilities of the first token. Raises as above."""
        body = self._body(request)
        body |= {self._wishes.tokens_field: 1, "temperature": 0, "logprobs": True, "top_logprobs": len(LETTERS)}
        return self._wishes.body(body)

    def shown(self, request: Generate | Choose) -> str:
        """The body of the call as indented JSON, with the beginning of each image alone."""
        body = msgspec.json.decode(self.choose(request) if isinstance(request, Choose) else self.generate(request))
        text = msgspec.json.format(msgspec.json.encode(body), indent=1).decode()
        return re.sub(r"(data:[a-z/+]+;base64,.{16})[A-Za-z0-9+/=]*", r"\1…", text)

    def advice(self, answer: bytes, body: bytes) -> str:
        """What to do about an answer that names a field of the request; see `advice_on`."""
        return advice_on(answer, body, self._wishes.tokens_field, self._wishes.omit)

    def _body(self, request: Request) -> dict[str, Any]:
        return {"model": self._wishes.model, "messages": messages_of(request, self._wishes.system, self._picture)}

    def _picture(self, media: Media) -> msgspec.Raw:
        return msgspec.Raw(self.encode(media))  # put into the body as it is, without a second look at each character

    def _remember(self, digest: str, encoded: bytes) -> None:
        with self._lock:
            if digest and digest not in self._pictures:
                self._pictures[digest] = encoded
                self._remembered += len(encoded)
            while self._remembered > _REMEMBERED_BYTES:
                _, dropped = self._pictures.popitem(last=False)
                self._remembered -= len(dropped)
