"""Small copies of images, for pages that show many."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from mmbench.core import Media, MediaError, MmbenchError
from mmbench.data.decode import as_rgb

if TYPE_CHECKING:
    from PIL import Image

LONGEST_SIDE = 320
"""Pixels of the longer side of a thumbnail; a smaller image keeps its size."""
_LOSSLESS_SIDE = 128
"""Up to this longer side an image is kept without loss: in what is so small, every pixel is seen."""
_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small copy of an image."""

    mime: str
    """``image/jpeg`` or ``image/png``."""
    data: bytes = field(repr=False)
    """The encoded copy."""
    size: tuple[int, int]
    """Width and height of the copy, in pixels."""
    full_size: tuple[int, int]
    """Width and height of the image itself, in pixels."""


def thumbnail(media: Media) -> Thumbnail:
    """Make a small copy of an image, with the pixels that models see: upright, opaque, RGB.

    Args:
        media: The image. It is decoded past the cache, because a page looks at each image once.

    Returns:
        The copy; the same pixels give the same bytes.

    Raises:
        MediaError: If the image is gone, or cannot be read or decoded.
    """
    source: Any = media.source
    try:
        image: Image.Image = as_rgb(getattr(source, "decode", source.load)())
        return _encoded(image)
    except (MmbenchError, MemoryError):
        raise
    except Exception as error:
        where = media.path or f"image with digest {media.digest[:12]}"
        raise MediaError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error


def _encoded(image: Image.Image) -> Thumbnail:
    from PIL.Image import Resampling

    full_size = image.size
    lossless = max(full_size) <= _LOSSLESS_SIDE
    if max(full_size) > LONGEST_SIDE:
        image = image.copy()
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Resampling.BICUBIC, reducing_gap=1.0)
    stream = BytesIO()
    if lossless:
        image.save(stream, "PNG", optimize=True)
    else:
        image.save(stream, "JPEG", quality=_QUALITY)
    return Thumbnail("image/png" if lossless else "image/jpeg", stream.getvalue(), image.size, full_size)
