"""Prepare images once: the bytes that every model gets, with the pixels that `load` gives.

A file is checked by decoding it whole before its bytes are handed on. It is handed on as it is where every decoder gets
the same pixels from it (see `Decoded.plain`); otherwise its upright RGB pixels are encoded as PNG. What is known of an
image is kept under its digest, so that no image is checked or encoded twice while it is remembered.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Protocol

from mmbench.core import Media
from mmbench.data import cache
from mmbench.data.cache import DigestCache
from mmbench.data.decode import Decoded, as_rgb, decode_file

if TYPE_CHECKING:
    from PIL import Image

_PNG_BYTES = 64 * 2**20
_CHECKED_BYTES = 32 * 2**20
_BYTES_A_CHECK = 256  # the digest, its text and its place in a dict
_RE_ENCODED = "re-encoded"


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image as bytes that any decoder reads alike."""

    mime: str
    """``image/png`` or ``image/jpeg``."""
    data: bytes = field(repr=False)
    """The encoded image: RGB or grey with 8 bits, upright and opaque."""


class EncodedSource(Protocol):
    """A `mmbench.core.Source` whose image lies somewhere as an encoded file."""

    @property
    def digest(self) -> str:
        """sha256 of the file; empty: nothing is remembered of it."""

    def raw(self) -> bytes:
        """The bytes of the file as it lies. Raises `MediaError`."""

    def decode(self) -> Image.Image:
        """The decoded image in mode RGB, past the cache. Raises `MediaError`."""


_CHECKED: DigestCache[str] = DigestCache(_CHECKED_BYTES, lambda _: _BYTES_A_CHECK)
"""By digest of a file: its MIME type where it is handed on as it is, else `_RE_ENCODED`."""
_PNGS: DigestCache[bytes] = DigestCache(_PNG_BYTES, len)
"""By digest of an image: its pixels as PNG."""


def clear() -> None:
    """Forget all images."""
    _CHECKED.clear()
    _PNGS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=clear)


def encoded_image(media: Media) -> EncodedImage:
    """The image as bytes for an endpoint, with the pixels that `load` gives to a Python model.

    Raises:
        MediaError: If it cannot be read or decoded.
    """
    source: Any = media.source
    if hasattr(source, "raw"):  # an isinstance check of a protocol takes ten times as long
        return encoded_source(source)
    return EncodedImage("image/png", _PNGS.get(media.digest, lambda: _png(source.load())))


def encoded_source(source: EncodedSource, *, keep: bool = False) -> EncodedImage:
    """`encoded_image` of a file or of bytes.

    Args:
        source: The file or the bytes.
        keep: Keep the decoded image for whoever loads it next, as a model in this process may. Endpoints need bytes only.

    Raises:
        MediaError: If it cannot be read or decoded.
    """
    read: list[bytes] = []

    def check() -> str:
        read.append(source.raw())
        found = decode_file(BytesIO(read[0]), str(source))
        if keep or not found.plain:
            cache.shared_image(source.digest, found.rgb)
        return _verdict(found)

    verdict = _CHECKED.get(source.digest, check)
    if verdict != _RE_ENCODED:
        return EncodedImage(verdict, read[0] if read else source.raw())
    return EncodedImage(
        "image/png", _PNGS.get(source.digest, lambda: _png(cache.shared_image(source.digest, source.decode)))
    )


def decoded_image(found: Decoded, digest: str) -> Image.Image:
    """The RGB image of a file that is decoded; what this tells of its bytes is remembered. Raises `MediaError`."""
    _CHECKED.put(digest, _verdict(found))
    return found.rgb()


def _verdict(found: Decoded) -> str:
    return found.mime if found.plain else _RE_ENCODED


def _png(image: Image.Image) -> bytes:
    stream = BytesIO()
    as_rgb(image).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()
