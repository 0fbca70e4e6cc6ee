"""Send the body of an HTTP request in the step of the event loop that makes the request."""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from typing import Any

import aiohttp


class PromptRequest(aiohttp.ClientRequest):
    """A request whose body is written at once, as aiohttp writes it by itself from Python 3.12 on.

    Before, a task writes the body, and begins only when everything that the event loop has to do at that moment is done. Where
    many answers arrive together, all of them would be worked through before the first of their connections is used again.
    """

    def write_bytes(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, None]:
        """Write as much as the connection takes now; what is returned writes the rest."""
        writing = super().write_bytes(*args, **kwargs)
        try:
            awaited = writing.send(None)
        except StopIteration:
            return _nothing()
        return _rest(writing, awaited)


async def _nothing() -> None:
    """All is written."""


async def _rest(writing: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _resumed(writing, awaited)


@types.coroutine
def _resumed(writing: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Run a coroutine to its end that was started by hand and now waits for `awaited`."""
    while True:
        error = value = None
        try:
            value = yield awaited
        except BaseException as raised:  # noqa: BLE001 - passed on to the coroutine, a cancellation too
            error = raised
        try:
            awaited = writing.send(value) if error is None else writing.throw(error)
        except StopIteration:
            return
