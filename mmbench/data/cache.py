"""The decoded pictures that were used last, one cache for the process, bounded by bytes.

Pictures are kept under their digest, so one that serves twelve questions is decoded once, also when several threads ask
for it at the same time. What leaves the cache is a copy: callers may change it.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

from mmbench.core import Media, MmbenchError
from mmbench.core.phases import phase

if TYPE_CHECKING:
    from PIL import Image

CAPACITY = 160 * 1024 * 1024
"""Bytes of decoded pictures that are kept unless `resize` says otherwise."""
_BYTES_A_PIXEL = 4  # PIL keeps RGB in four bytes

Value = TypeVar("Value")
"""What a `DigestCache` keeps."""


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What the cache did since the process started, or since `clear`."""

    loads: int
    """Explicit loads, by whoever looks at a picture."""
    hits: int
    """Look-ups, explicit or ahead, that did not have to decode."""
    misses: int
    """Look-ups, explicit or ahead, that decoded (or failed to)."""
    pictures: int
    """Pictures held now."""
    bytes: int
    """Bytes held now."""


class DigestCache(Generic[Value]):
    """Least recently used values by the digest of what they were made from. Safe to use from several threads.

    Args:
        capacity: Bytes that are kept.
        size: Bytes of a value.
    """

    def __init__(self, capacity: int, size: Callable[[Value], int]) -> None:
        self.capacity = capacity
        self._size = size
        self.clear()

    def clear(self) -> None:
        """Forget all values and counts. Also makes a new lock: a forked child may have inherited a held one."""
        self._lock = Lock()
        self._values: OrderedDict[str, Value] = OrderedDict()
        self._pending: dict[str, Future[Value]] = {}
        self._bytes = self._hits = self._misses = 0

    def resize(self, capacity: int) -> None:
        """Keep at most `capacity` bytes from now on."""
        with self._lock:
            self.capacity = capacity
            self._shrink()

    def get(self, digest: str, make: Callable[[], Value]) -> Value:
        """The value itself, which must not be changed, made once however many threads ask for it.

        With an empty digest it is made and not kept. Whatever `make` raises reaches all who wait for it.
        """
        if not digest:
            return make()
        with self._lock:
            value = self._values.get(digest)
            if value is not None:
                self._values.move_to_end(digest)
                self._hits += 1
                return value
            promise = self._pending.get(digest)
            first = promise is None
            if promise is None:
                promise = self._pending[digest] = Future()
                self._misses += 1
            else:
                self._hits += 1
        return self._make(digest, make, promise) if first else promise.result()

    def peek(self, digest: str) -> Value | None:
        """The value itself if it is held, which must not be changed; nothing is counted."""
        with self._lock:
            if (value := self._values.get(digest)) is not None:
                self._values.move_to_end(digest)
            return value

    def put(self, digest: str, value: Value) -> None:
        """Keep a value that was made on the way, unless the digest is empty."""
        if digest:
            with self._lock:
                self._keep(digest, value)

    def _make(self, digest: str, make: Callable[[], Value], promise: Future[Value]) -> Value:
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                self._pending.pop(digest, None)
            promise.set_exception(error)
            raise
        with self._lock:
            self._pending.pop(digest, None)
            self._keep(digest, value)
        promise.set_result(value)
        return value

    def _keep(self, digest: str, value: Value) -> None:
        if digest not in self._values:
            self._values[digest] = value
            self._bytes += self._size(value)
            self._shrink()

    def _shrink(self) -> None:
        while self._bytes > self.capacity:
            _, value = self._values.popitem(last=False)
            self._bytes -= self._size(value)


class ImageCache(DigestCache["Image.Image"]):
    """Decoded images by digest, which counts who looks at them."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        super().__init__(capacity, lambda image: image.width * image.height * _BYTES_A_PIXEL)

    def clear(self) -> None:
        """Forget all images and counts."""
        super().clear()
        self._loads = 0
        self._sizes: dict[str, tuple[int, int]] = {}

    def size(self, digest: str) -> tuple[int, int] | None:
        """Width and height of an image that was decoded, also if it is not held any more; None for others."""
        return self._sizes.get(digest)

    def _keep(self, digest: str, value: Image.Image) -> None:
        self._sizes[digest] = value.size
        super()._keep(digest, value)

    def load(self, digest: str, decode: Callable[[], Image.Image]) -> Image.Image:
        """A copy of the image, counted as a load. With an empty digest it is decoded and not kept."""
        with self._lock:
            self._loads += 1
        with phase("decode"):
            return self.get(digest, decode).copy() if digest else decode()

    def stats(self) -> CacheStats:
        """Counts up to now."""
        with self._lock:
            return CacheStats(self._loads, self._hits, self._misses, len(self._values), self._bytes)


_CACHE = ImageCache()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_CACHE.clear)


def cached_image(digest: str, decode: Callable[[], Image.Image]) -> Image.Image:
    """A copy of the picture with this digest, decoded if need be and counted as a load. Raises what `decode` raises."""
    return _CACHE.load(digest, decode)


def shared_image(digest: str, decode: Callable[[], Image.Image]) -> Image.Image:
    """The image with this digest itself, which must not be changed; not counted as a load. Raises what `decode` raises."""
    return _CACHE.get(digest, decode)


def preload(media: Media) -> None:
    """Decode a picture into the cache before it is asked for; not counted as a load.

    An error is left for the model's own `load` to raise. Media that are not cached are left alone.
    """
    digest = getattr(media.source, "digest", "")
    decode: Callable[[], Image.Image] | None = getattr(media.source, "decode", None)
    if media.kind == "image" and digest and decode is not None:
        with suppress(MmbenchError, MemoryError):
            _CACHE.get(digest, decode)


def size_of(media: Media) -> tuple[int, int] | None:
    """Width and height in pixels of an image that was decoded in this process; None for others."""
    return _CACHE.size(getattr(media.source, "digest", ""))


def loads() -> int:
    """How often a picture was explicitly loaded in this process; never falls."""
    return _CACHE.stats().loads


def stats() -> CacheStats:
    """What the cache did up to now."""
    return _CACHE.stats()


def capacity() -> int:
    """How many bytes of decoded images are kept at most."""
    return _CACHE.capacity


def resize(capacity: int) -> None:
    """Keep at most `capacity` bytes of decoded pictures from now on; 0 keeps none."""
    _CACHE.resize(capacity)


def clear() -> None:
    """Forget all pictures, and start counting from 0."""
    _CACHE.clear()
