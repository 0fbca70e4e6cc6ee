"""Images that stand in a data file itself, as base64 or as a ``data:`` URL."""

from __future__ import annotations

import base64
import binascii
import re

from mmbench.core import Media
from mmbench.data.fingerprint import image_from_bytes
from mmbench.data.formats import PREFIX, UNKNOWN_MIME, guess_mime

_URL = re.compile(r"data:[^,;]*(?:;[^,;]+)*?(?P<base64>;base64)?,", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/\-_\s]+={0,2}\s*")
_SHORTEST = 64
"""Characters from which a text without a dot may be an image; the smallest PNG has about ninety."""


def embedded_image(text: str) -> Media | None:
    """The image in a text; None where the text is a name.

    Args:
        text: What stands where an image is named.

    Returns:
        The image, whose bytes are kept in memory and not decoded.

    Raises:
        ValueError: If the text is a ``data:`` URL that is no base64, or of other bytes than an image's.
    """
    url = _URL.match(text)
    if url is None and (len(text) < _SHORTEST or not _BASE64.fullmatch(text)):
        return None
    if url is not None and not url["base64"]:
        raise ValueError("it is a data: URL without base64")
    data = _decoded(text[url.end() :] if url else text)
    known = data is not None and guess_mime(data[:PREFIX], "") != UNKNOWN_MIME
    if data is not None and known:
        return image_from_bytes(data)
    if url is None:
        return None
    raise ValueError("it is a data: URL of something else than an image")


def _decoded(text: str) -> bytes | None:
    clean = "".join(text.split()).translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(clean + "=" * (-len(clean) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def shown_name(name: str) -> str:
    """A name in a message; a long one with its beginning alone."""
    return name if len(name) <= 120 else f"{name[:80]}… ({len(name):,} characters)"
