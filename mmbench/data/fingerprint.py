"""Digests of files, arrays and data sets, and the media that are named by them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.core import DataError, Media, dataset_digest
from mmbench.data.cache import DigestCache
from mmbench.data.formats import PREFIX, guess_mime
from mmbench.data.sources import ArrayImage, BytesImage, FileImage, unreadable

if TYPE_CHECKING:
    import numpy as np

_CHUNK = 1 << 16
_NO_ATTRS: Mapping[str, Any] = {}
IDENTIFIED = "identified"
"""Attribute of media whose digest is not that of their bytes; says by what they are identified."""
_DIGEST_BYTES = 256
_CONTENTS: DigestCache[str] = DigestCache(64 * 2**20, lambda _: _DIGEST_BYTES)
_THREADS = 8
_FILES_A_TASK = 64


def digest_bytes(data: bytes) -> str:
    """sha256 of the bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """sha256 of a file's bytes, read piece by piece. Raises `DataError` when it cannot be read."""
    try:
        return _digest_and_prefix(str(path))[0]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def digest_array(
    kind: str, mode: str, shape: Sequence[int], dtype: str, content: bytes, rate: float | None = None
) -> str:
    """sha256 of a medium that has no encoded bytes: a header that says what it is, then its content.

    Parameters: `kind`, ``image`` and the like; `mode`, such as ``RGB``; `shape` and `dtype` of the array; `content`,
    its bytes in C order, little-endian; `rate` in hertz, where there is one. Every field is preceded by its length, so
    no two different headers run together into the same bytes.
    """
    shape_text = "x".join(map(str, shape))
    header = ("mmbench-array-1", kind, mode, shape_text, dtype, "" if rate is None else repr(float(rate)))
    return dataset_digest([*header, content])


def image_from_file(path: Path | str) -> Media:
    """The picture in a file. The file is read for its digest but not decoded. Raises `MediaError`."""
    name = str(path)
    try:
        digest, prefix = _digest_and_prefix(name)
    except OSError as error:
        raise unreadable(name, error) from error
    return Media("image", guess_mime(prefix, name), digest, FileImage(name, digest), _NO_ATTRS)


def images_from_files(paths: Sequence[Path | str]) -> list[Media]:
    """`image_from_file` of many files, in their order, read by several threads. Raises `MediaError`."""
    pieces = [paths[start : start + _FILES_A_TASK] for start in range(0, len(paths), _FILES_A_TASK)]
    if len(pieces) < 2:
        return [image_from_file(path) for path in paths]
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        done = pool.map(lambda piece: [image_from_file(path) for path in piece], pieces)
        return [media for piece in done for media in piece]


def image_from_bytes(data: bytes) -> Media:
    """The picture that is encoded in these bytes, not decoded yet."""
    digest = digest_bytes(data)
    return Media("image", guess_mime(data[:PREFIX], ""), digest, BytesImage(data, digest), _NO_ATTRS)


def image_from_array(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> Media:
    """The picture with these pixels, uint8 [height, width, 3]."""
    digest = digest_array("image", "RGB", pixels.shape, str(pixels.dtype), pixels.tobytes())
    return Media("image", "image/png", digest, ArrayImage(pixels), _NO_ATTRS)


def content_digest(media: Media) -> str:
    """sha256 of the encoded bytes of a medium, also of one that is identified in another way; its own digest where it has no bytes.

    The digest of such a medium is kept, so that its bytes are read for it once. Raises `MediaError`.
    """
    raw: Any = getattr(media.source, "raw", None)
    if IDENTIFIED not in media.attrs or raw is None:
        return media.digest
    return _CONTENTS.get(media.digest, lambda: digest_bytes(raw()))


def _digest_and_prefix(name: str) -> tuple[str, bytes]:
    with open(name, "rb", buffering=0) as stream:  # noqa: PTH123 - a Path for each of 100,000 pictures is slow
        chunk = stream.read(_CHUNK)
        prefix = chunk[:PREFIX]
        digest = hashlib.sha256(chunk)
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest(), prefix
