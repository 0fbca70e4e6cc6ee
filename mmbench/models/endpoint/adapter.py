"""``openai/MODEL``: any model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mmbench.core.errors import UsageError
from mmbench.core.media import Media
from mmbench.core.phases import phase
from mmbench.core.requests import Choose, Generate, Request
from mmbench.core.responses import Generation
from mmbench.models.endpoint import answers
from mmbench.models.endpoint.address import base_address
from mmbench.models.endpoint.failures import Endpoint
from mmbench.models.endpoint.payload import Payloads, wishes_of
from mmbench.models.endpoint.prices import Price, price_of

if TYPE_CHECKING:
    from mmbench.models.endpoint.client import Client
    from mmbench.models.endpoint.completion import Completion

DEFAULT_URL = "https://api.openai.com/v1"
"""The endpoint unless another is given."""

_AHEAD = 32
"""Images that must fit beside each other for any to be encoded ahead: those of the requests ahead, and of calls that begin."""
_Asked = TypeVar("_Asked", Generate, Choose)


class OpenAI:
    """Ask a model behind an OpenAI-compatible endpoint: `openai/MODEL --base-url URL`; the key is in OPENAI_API_KEY.

    The runner decides how many calls are in flight and asks again; see `mmbench.runner.execute.pacing`. The key is read from the
    environment variable `key_env` and goes into no file and no message.
    """

    version = "1"
    remote = True

    def __init__(
        self,
        model: str,
        *,
        base_url: str = DEFAULT_URL,
        key_env: str = "OPENAI_API_KEY",
        request_timeout: float = 120.0,
        connect_timeout: float = 15.0,
        first_byte_timeout: float | None = None,
        ca_file: str | None = None,
        **wishes: Any,
    ) -> None:
        """Raises `UsageError`.

        Parameters: `model` by the endpoint's name; `base_url`, with or without ``/v1`` and the path; `request_timeout`,
        seconds that one call may take, `connect_timeout`, that a connection with its TLS handshake may take, and
        `first_byte_timeout`, until the answer begins (None: as long as the call); `ca_file`, certificates to trust; `wishes`:
        the fields of `payload.Wishes`.
        """
        self.endpoint = Endpoint(
            url=base_address(base_url),
            key=_key(key_env, needed=base_address(base_url) == DEFAULT_URL),
            key_name=key_env,
            timeout_s=_checked_timeout("request_timeout", request_timeout),
            connect_s=_checked_timeout("connect_timeout", connect_timeout),
            first_byte_s=_checked_timeout(
                "first_byte_timeout", request_timeout if first_byte_timeout is None else first_byte_timeout
            ),
            ca_file=_checked_file(ca_file),
        )
        self._payloads = Payloads(wishes_of(model, wishes))
        self._price = price_of(model)
        self._encoding: dict[str, asyncio.Future[bytes]] = {}
        self._client: Client | None = None
        self._address: str | None = None

    @property
    def settings(self) -> dict[str, str]:
        """The address that is called, once it is open."""
        address = self._client.address if self._client is not None else self._address
        return {} if address is None else {"address": address}

    @property
    def heard_s(self) -> float | None:
        """When the last byte of an answer came, by `time.monotonic`; None before any."""
        return None if self._client is None else self._client.heard_s

    @classmethod
    def weights_digest(cls, model: str, **options: Any) -> None:
        """Check the options; the weights are on the server, and nothing is known of them but the model's name.

        This runs before anything is written, so that an address with a password in it is refused in time.

        Raises:
            UsageError: If an option is unknown or wrong. A missing key is no error: a run that is complete needs none.
        """
        base_address(options.pop("base_url", DEFAULT_URL))
        for name in ("request_timeout", "connect_timeout"):
            _checked_timeout(name, options.pop(name, 1.0))
        if (first := options.pop("first_byte_timeout", None)) is not None:
            _checked_timeout("first_byte_timeout", first)
        _checked_file(options.pop("ca_file", None))
        _checked_name(options.pop("key_env", "OPENAI_API_KEY"))
        wishes_of(model, options)
        price_of(model)

    def rendered(self, request: Generate | Choose) -> str:
        """The body of the call for a request, with images cut short. Nothing is sent."""
        return self._payloads.shown(request)

    @classmethod
    def price(cls, model: str, **options: Any) -> Price | None:
        """What a token costs, where ``mmbench.toml`` says so."""
        del options
        return price_of(model)

    @classmethod
    def streams(cls, model: str, **options: Any) -> bool:
        """Whether answers come token by token, so that each has a time of its own."""
        del model
        return options.get("stream") is True

    async def open(self) -> None:
        """Open the session. Raises `UsageError` when the certificates cannot be read."""
        self._connected()

    async def close(self) -> None:
        """Close the session."""
        if self._client is not None:
            self._address = self._client.address
            await self._client.close()
            self._client = None

    def prepare_ahead(self, requests: Sequence[Request]) -> None:
        """Begin to encode the images of requests that will soon be asked. What cannot be encoded fails when it is asked.

        Images so large that they would be dropped before their turn are left alone: they would be encoded twice.
        """
        if not self._payloads.has_room(_AHEAD):
            return
        for request in requests:
            for media in self._payloads.missing(request):
                self._encoding_of(media)

    async def generate(self, request: Generate) -> Generation:
        """The model's text. Raises `TransientError`, `ModelUnusableError`, `RunFailedError`, `MediaError`."""
        completion = await self._ask(self._payloads.generate, request)
        return completion.generation(self._price, self.endpoint)

    async def choose(self, request: Choose) -> list[float] | Generation:
        """Log-probabilities of the choices' letters, float [k]; a refusal as a generation. Raises as `generate` does."""
        completion = await self._ask(self._payloads.choose, request)
        if (generation := completion.generation(self._price, self.endpoint)).refused:
            return generation
        return answers.letter_scores(answers.letter_logprobs(completion.logprobs), len(request.choices))

    def _connected(self) -> Client:
        if self._client is None:
            from mmbench.models.endpoint.client import Client

            self._client = Client(self.endpoint, self._payloads.advice)
        return self._client

    async def _ask(self, build: Callable[[_Asked], bytes], request: _Asked) -> Completion:
        return await self._connected().ask(await self._body(build, request))

    async def _body(self, build: Callable[[_Asked], bytes], request: _Asked) -> bytes:
        """The body of a call; images are read and encoded in other threads."""
        if missing := self._payloads.missing(request):
            for media in missing:
                await self._encode(media)
            if self._payloads.missing(request):  # too large to be kept beside each other
                return await asyncio.to_thread(build, request)
        with phase("preprocess"):
            return build(request)

    async def _encode(self, media: Media) -> None:
        """Wait until an image is encoded, once for all requests that hold it. Raises `MediaError`, `RunFailedError`."""
        encoding = self._encoding_of(media)
        await asyncio.wait([encoding])  # a request that is given up does not end the work that others wait for
        encoding.result()

    def _encoding_of(self, media: Media) -> asyncio.Future[bytes]:
        """The encoding of an image in another thread, begun unless it has been."""
        encoding = self._encoding.get(media.digest)
        if encoding is None:
            encoding = asyncio.get_running_loop().run_in_executor(None, self._payloads.encode, media)
            self._encoding[media.digest] = encoding
            encoding.add_done_callback(lambda done: self._encoded(media.digest, done))
        return encoding

    def _encoded(self, digest: str, done: asyncio.Future[bytes]) -> None:
        del self._encoding[digest]
        if not done.cancelled():
            done.exception()  # asyncio complains of exceptions that nobody has looked at


def _checked_timeout(name: str, seconds: Any) -> float:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < float("inf"):
        raise UsageError(f"{name}={seconds!r}: expected a positive number of seconds")
    return float(seconds)


def _checked_file(name: Any) -> str | None:
    if name is not None and not (isinstance(name, str) and Path(name).is_file()):
        raise UsageError(f"ca_file={name!r}: there is no such file")
    return name


def _checked_name(name: Any) -> str:
    """The name of an environment variable. Raises `UsageError`, which does not show what may be the key itself."""
    if not isinstance(name, str) or not name.isidentifier():
        raise UsageError("key_env: expected the name of an environment variable, not the key itself")
    return name


def _key(name: str, *, needed: bool) -> str | None:
    key = os.environ.get(_checked_name(name), "").strip()
    if not key.isascii() or not key.isprintable():
        raise UsageError(f"the key in {name} holds characters that no key has; it is not shown here")
    if needed and not key:
        raise UsageError(f"{DEFAULT_URL} needs a key: set the environment variable {name}, or give --base-url URL")
    return key or None
