"""One HTTP call: what was answered, or why not and whether asking again may help."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mmbench.core.errors import ModelUnusableError, RunFailedError, TransientError, UsageError
from mmbench.models.endpoint.address import call_address, other_address
from mmbench.models.endpoint.answers import parse
from mmbench.models.endpoint.completion import Completion
from mmbench.models.endpoint.events import DONE, Event, EventParser
from mmbench.models.endpoint.failures import AccessRefusedError, Endpoint, NotThereError, failure, refusal
from mmbench.models.endpoint.proxy import Proxy, proxy_for
from mmbench.models.endpoint.usage import from_cache

if TYPE_CHECKING:
    import aiohttp

MOST_BYTES = 8 * 2**20
"""An answer that is longer has failed."""
_ERROR_BYTES = 2**16
"""So much of an error answer is read."""
_TAIL = 2**12
"""So much of an answer that is cut is dropped at its end: more than a key takes, however it is written."""
_END_S = 0.25
"""How long the end of a stream may come after its last event."""
_LARGE_BODY = 2**20
"""A body from this size on is sent in pieces."""
_BAD_REQUEST = (400, 422)
MOST_REFUSED = 16
"""A session in which so many calls are refused with status 403 before one is answered has no access at all."""


class Client:
    """One session of calls. Made, used and closed on one event loop.

    Where there is nothing at the address, the one with or without ``/v1`` is tried, once for the session.

    Args:
        endpoint: The endpoint, by its base address.
        advice: Takes the body of an answer of status 400 or 422 and the request; what to do about it, as the end of a
            sentence.

    Raises:
        UsageError: If the certificates cannot be read, or the proxy is none.
    """

    def __init__(self, endpoint: Endpoint, advice: Callable[[bytes, bytes], str]) -> None:
        import aiohttp

        self._endpoint = replace(endpoint, url=call_address(endpoint.url))
        self._advice = advice
        self._found = False
        self._finding = asyncio.Lock()
        self._proxy = proxy = proxy_for(endpoint.url)
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        if endpoint.key:
            headers["Authorization"] = f"Bearer {endpoint.key}"
        # Headers of each call, never of the session: aiohttp tells those of the session to the proxy as well. And never
        # redirected: another host must not get the key.
        self._way: dict[str, Any] = {"headers": headers, "allow_redirects": False}
        if proxy is not None:
            self._way |= {"proxy": proxy.url, "proxy_headers": proxy.headers()}
        self.heard_s: float | None = None
        """When the last byte of an answer came, by `time.monotonic`; None before any."""
        self._reached = False
        self._answered = False
        self._refused = 0
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=trust(endpoint.ca_file)),
            timeout=aiohttp.ClientTimeout(total=endpoint.timeout_s, connect=endpoint.connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_request_class(),
        )

    @property
    def address(self) -> str:
        """The address that is called."""
        return self._endpoint.url

    async def close(self) -> None:
        """End the session."""
        await self._http.close()

    async def ask(self, body: bytes) -> Completion:
        """Send a body; the completion that came.

        Raises `TransientError`, `ModelUnusableError`, `RunFailedError`; no text of theirs holds the key.
        """
        import aiohttp

        try:
            found = await self._find_and_post(body)
        except AccessRefusedError as error:
            self._refused += 1
            if self._answered or self._refused < MOST_REFUSED:
                raise
            raise self._endpoint.no_access(error) from error
        except aiohttp.ConnectionTimeoutError as error:
            raise TransientError(
                f"no connection to {self._endpoint.url} came about within {self._endpoint.connect_s:g} s",
                slow_down=True,
            ) from error
        except TimeoutError as error:
            limit = str(error) or f"within {self._endpoint.timeout_s:g} s"
            raise TransientError(f"the endpoint did not answer {limit}", slow_down=True) from error
        except aiohttp.InvalidURL as error:
            raise ModelUnusableError(f"{self._endpoint.url!r} is no address of an endpoint") from error
        except (aiohttp.ClientError, OSError) as error:
            raise self._broken(error) from error
        self._answered = True
        return found

    async def _find_and_post(self, body: bytes) -> Completion:
        """Send a body to the address that answers; the first calls find out which that is."""
        called = self._endpoint
        try:
            answer = await self._post(body, called)
        except NotThereError as error:
            if error.of_model:
                raise
            async with self._finding:
                if not self._found:
                    return await self._try_other(body, called, error)
            if self._endpoint is called:
                raise
            return await self._post(body, self._endpoint)
        self._found = True
        return answer

    async def _try_other(self, body: bytes, called: Endpoint, error: NotThereError) -> Completion:
        """Send a body to the other address, and stay there if it is one. Raises the error of the first where it is none."""
        other = replace(called, url=other_address(called.url))
        try:
            answer = await self._post(body, other)
        except NotThereError as second:
            if not second.of_model:
                self._found = True
                raise NotThereError(f"{error}; nor is there anything at {other.url}") from error
            self._endpoint, self._found = other, True
            raise
        self._endpoint, self._found = other, True
        return answer

    async def _post(self, body: bytes, endpoint: Endpoint) -> Completion:
        data = BytesIO(body) if len(body) >= _LARGE_BODY else body
        started_s = time.perf_counter()
        async with await self._begun(self._http.post(endpoint.url, data=data, **self._way)) as answer:
            self._reached = True
            self.heard_s = time.monotonic()
            if answer.status != 200:
                said = await _read(answer, _ERROR_BYTES, cut=True)
                if (refused := refusal(answer.status, said, endpoint.hide)) is not None:
                    return Completion.refused(refused)
                error = failure(answer.status, answer.headers, said, endpoint)
                if answer.status in _BAD_REQUEST:
                    raise self._advised(error, said, body)
                raise error
            if answer.content_type == "text/event-stream":
                return (await self._stream(answer, started_s)).check(endpoint)
            whole = await _read(answer, MOST_BYTES)
            streamed = whole.startswith(b"data:")
            completion = Completion(streamed=streamed, started_s=started_s, from_cache=from_cache(answer.headers))
            if streamed:
                self._take(completion, _events_of(whole))
            else:
                completion.take(parse(whole, answer.content_type, endpoint.hide))
            return completion.check(endpoint)

    async def _begun(self, calling: Awaitable[aiohttp.ClientResponse]) -> aiohttp.ClientResponse:
        """The answer once its head is there. Raises `TimeoutError` with the limit that was exceeded."""
        limit = self._endpoint.first_byte_s
        if limit >= self._endpoint.timeout_s:
            return await calling
        deadline = asyncio.timeout(limit)
        try:
            async with deadline:
                return await calling
        except TimeoutError as error:
            raise TimeoutError(f"a byte within {limit:g} s") if deadline.expired() else error from None

    def _advised(self, error: RunFailedError, said: bytes, body: bytes) -> RunFailedError:
        """The error with what to do about a field that it names, where it is about this request alone."""
        advice = self._advice(said, body) if type(error) is RunFailedError else ""
        return RunFailedError(f"{str(error).rstrip('.')}{advice}") if advice else error

    async def _stream(self, answer: aiohttp.ClientResponse, started_s: float) -> Completion:
        """Take events as they come, until one says that it is the last. Raises `RunFailedError` when they are too long."""
        completion = Completion(streamed=True, started_s=started_s, from_cache=from_cache(answer.headers))
        parser, seen = EventParser(), 0
        async for piece in answer.content.iter_any():
            self.heard_s = time.monotonic()
            seen += len(piece)
            if seen > MOST_BYTES:
                answer.close()
                raise _too_long(MOST_BYTES)
            self._take(completion, parser.feed(piece))
            if completion.ended:
                await _drain(answer)
                return completion
        self._take(completion, parser.end())
        return completion

    def _take(self, completion: Completion, events: Sequence[Event]) -> None:
        for event in events:
            if completion.ended:
                return
            if event.data == DONE:
                completion.ended = True
            elif event.name == "error" and not event.data.startswith(b"{"):
                completion.take({"error": event.data.decode("utf-8", "replace")})
            else:
                completion.take(parse(event.data, "application/json", self._endpoint.hide), event.name)

    def _broken(self, error: Exception) -> RunFailedError:
        """The exception for a connection that could not be made or did not hold."""
        import aiohttp

        url, said = self._endpoint.url, self._endpoint.quote(error) or type(error).__name__
        if self._proxy is not None and isinstance(
            error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError
        ):
            return self._proxy_failed(self._proxy, error)
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return ModelUnusableError(
                f"{url} shows a certificate that cannot be verified ({self._endpoint.quote(error.certificate_error)}); "
                "for a server of your own give its certificate: --model-args ca_file=FILE"
            )
        if isinstance(error, aiohttp.ClientSSLError):
            if isinstance(error.os_error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                return TransientError(f"the connection to {url} failed: {said}")
            return ModelUnusableError(f"no encrypted connection to {url} can be made ({said}); is it http:// instead?")
        cause = getattr(error, "os_error", None)
        if isinstance(cause, ConnectionRefusedError | socket.gaierror) and not self._reached:
            return ModelUnusableError(f"{url} cannot be reached: {said}")
        return TransientError(f"the connection to {url} failed: {said}")

    def _proxy_failed(self, proxy: Proxy, error: Exception) -> RunFailedError:
        """The exception for a proxy that is away or will not pass calls on; a passing fault of it may pass."""
        import aiohttp

        host = urlsplit(self._endpoint.url).hostname
        said = f"HTTP {error.status}" if isinstance(error, aiohttp.ClientHttpProxyError) else "it cannot be reached"
        text = f"the proxy {proxy.url}, which the environment names, fails ({said}); to do without: NO_PROXY={host}"
        lasting = isinstance(error, aiohttp.ClientHttpProxyError) and error.status < 500
        return ModelUnusableError(text) if lasting or not self._reached else TransientError(text)


def trust(ca_file: str | None) -> ssl.SSLContext | bool:
    """What verifies a server's certificate: the system's, or a file of the user's. Raises `UsageError`."""
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise UsageError(f"ca_file={ca_file!r} cannot be read as certificates: {error}") from error


def _request_class() -> type[aiohttp.ClientRequest]:
    """The class of requests that are sent without delay."""
    import aiohttp

    if sys.version_info >= (3, 12):
        return aiohttp.ClientRequest
    from mmbench.models.endpoint.sending import PromptRequest

    return PromptRequest


async def _read(answer: aiohttp.ClientResponse, most: int, *, cut: bool = False) -> bytes:
    """The body, decompressed. One that is longer than `most` bytes is cut, or raises `RunFailedError`."""
    content = answer.content
    first = await content.readany()
    if content.at_eof() and len(first) <= most:
        return first  # most answers come in one piece
    data = bytearray(first)
    while len(data) <= most and not content.at_eof():
        data += await content.readany()
    if len(data) <= most:
        return bytes(data)
    answer.close()
    if cut:
        return bytes(data[: most - _TAIL])  # what is cut may end in a piece of the key
    raise _too_long(most)


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Read a body that does not count any more to its end, so that its connection serves again, unless the end is far off."""
    import aiohttp

    try:
        async with asyncio.timeout(_END_S):
            await _read(answer, _ERROR_BYTES, cut=True)
    except (TimeoutError, aiohttp.ClientError, OSError):
        answer.close()


def _events_of(data: bytes) -> list[Event]:
    parser = EventParser()
    return [*parser.feed(data), *parser.end()]


def _too_long(most: int) -> RunFailedError:
    return RunFailedError(f"the endpoint's answer is longer than {most / 2**20:.0f} MB")
