"""Server-sent events, read as the WHATWG standard says, and somewhat more leniently."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

_LINE_END = re.compile(rb"\r\n|\r|\n")
DONE = b"[DONE]"
"""The data of the event after which nothing counts."""


class Event(NamedTuple):
    """One event."""

    name: str
    """Its name; ``message`` unless the server gave another."""
    data: bytes
    """Its lines of data, joined by line breaks."""


class EventParser:
    r"""Puts a stream of bytes together into events. Lines end with LF, CR or CRLF.

    Servers that leave out the blank line between events are understood: data that are complete are not continued.

    Example:
        >>> parser = EventParser()
        >>> parser.feed(b'data: {"a":\rdata: 1}\r\rdata: [DO'), parser.feed(b"NE]"), parser.end()
        ([Event(name='message', data=b'{"a":\n1}')], [], [Event(name='message', data=b'[DONE]')])
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._after_cr = False
        self._started = False
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[Event]:
        """The events that are complete with this piece."""
        if self._after_cr and piece[:1] == b"\n":
            piece = piece[1:]
        self._after_cr = piece[-1:] == b"\r" or (self._after_cr and not piece)
        self._rest += piece
        if b"\n" not in piece and b"\r" not in piece:
            return []
        *lines, rest = _LINE_END.split(bytes(self._rest))
        self._rest = bytearray(rest)
        return [event for line in lines for event in self._line(line)]

    def end(self) -> list[Event]:
        """The event that the end of the stream left without a blank line, if any."""
        events = self._line(bytes(self._rest)) if self._rest else []
        self._rest.clear()
        return [*events, *self._dispatch()]

    def _line(self, line: bytes) -> list[Event]:
        if not self._started:
            self._started = True
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        before: list[Event] = []
        if field == b"event":
            before = self._dispatch() if self._data else []
            self._name = value.decode("utf-8", "replace").strip()
        elif field == b"data":
            before = self._dispatch() if self._data and _is_complete(b"\n".join(self._data)) else []
            self._data.append(value)
        return before

    def _dispatch(self) -> list[Event]:
        name, data = self._name or "message", self._data
        self._name, self._data = "", []
        return [Event(name, b"\n".join(data).strip())] if data else []


def _is_complete(data: bytes) -> bool:
    """Whether these data are a document, or the end of all, so that no further line belongs to them."""
    if data.strip() == DONE:
        return True
    try:
        return isinstance(msgspec.json.decode(data), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
