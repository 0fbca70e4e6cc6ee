"""Decode one image from bytes to RGB pixels, guarded against decompression bombs.

The reader for the format is called directly, by the file's first bytes. So the size is checked against our own limit
before anything is decoded, no other program is ever started (as PIL does for PostScript), and neither PIL's global
limit nor the warnings filters, which threads share, are touched.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from mmbench.core import MediaError, UsageError
from mmbench.data.formats import FORMATS, PREFIX, ImageFormat, sniff

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 89_478_485
"""Pixels (width times height) beyond which a picture is taken for a decompression bomb."""
MAX_PIXELS_VARIABLE = "MMBENCH_MAX_IMAGE_PIXELS"
"""Environment variable that sets another limit."""
PASSED_ON = ("image/png", "image/jpeg")
"""Formats that every decoder reads alike, so that a file may be handed on as it is."""
BACKGROUND = "white"
"""What transparent pixels are laid over."""
_ORIENTATION_TAG = 0x0112
_HEADER = 32
_PNG_BIT_DEPTH = 24
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""PIL's name of what turns an image upright, by its EXIF orientation."""


def max_pixels() -> int:
    """The limit in force. Raises `UsageError` when the environment variable holds no positive whole number."""
    text = os.environ.get(MAX_PIXELS_VARIABLE, "").strip()
    if not text:
        return MAX_PIXELS
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"{MAX_PIXELS_VARIABLE}={text!r}: expected a positive whole number of pixels")
    return int(text)


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image file whose pixels are all read."""

    mime: str
    """MIME type, by the file's content."""
    plain: bool
    """Any decoder gets the same pixels from the file: one PNG or JPEG image of 8-bit RGB or grey, stored upright, with
    no transparency."""
    _image: Image.Image = field(repr=False)
    _name: str

    def rgb(self) -> Image.Image:
        """The image in mode RGB, upright by its EXIF orientation; the first frame of an animation.

        Transparency is laid over `BACKGROUND`. 16-bit grey is scaled to 8 bits, and 16-bit colour keeps its high bytes. CMYK and
        other colour models are converted without regard to ICC profiles.

        Raises:
            MediaError: If the pixels have no defined range.
        """
        with _as_media_error(self._name):
            return _rgb(_upright(self._image))


def decode_file(stream: BinaryIO, name: str) -> Decoded:
    """Read all pixels of an image file. EXIF data that cannot be read count as absent.

    Args:
        stream: The file, from its start.
        name: Begins the text of errors.

    Raises:
        MediaError: If the file is empty, of no known format, larger than the limit, truncated or corrupt.
    """
    limit = max_pixels()
    header = stream.read(_HEADER)
    stream.seek(0)
    found = sniff(header[:PREFIX])
    if found is None:
        raise MediaError(f"{name} is empty" if not header else _not_a_picture(name))
    with _as_media_error(name):
        image = _reader(found)(stream)
        width, height = image.size
        if width * height <= limit:
            image.load()
            return Decoded(found.mime, found.mime in PASSED_ON and _is_plain(image, header), image, name)
    raise MediaError(
        f"{name} is {width} x {height} pixels, over the limit of {limit:,}; set {MAX_PIXELS_VARIABLE} to read it"
    )


def as_rgb(image: Image.Image) -> Image.Image:
    """An image of any mode in mode RGB, over `BACKGROUND`."""
    return image if image.mode == "RGB" and not image.has_transparency_data else _rgb(image)


@contextmanager
def _as_media_error(name: str) -> Iterator[None]:
    """Let whatever PIL raises leave as `MediaError`."""
    from PIL.Image import DecompressionBombError

    try:
        yield
    except (MemoryError, MediaError):
        raise
    except DecompressionBombError as error:
        raise MediaError(f"{name} is too large: {_detail(error)}") from error
    except Exception as error:
        raise MediaError(f"{name} is truncated or corrupt: {_detail(error)}") from error


def _not_a_picture(name: str) -> str:
    return f"{name} is not a picture in a known format ({', '.join(known.name for known in FORMATS)})"


def _detail(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().rstrip(".").replace("\n", " ")


def _reader(found: ImageFormat) -> Any:
    module, _, attribute = found.reader.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _upright(image: Image.Image) -> Image.Image:
    from PIL import Image

    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(Image.Transpose[turn])


def _is_plain(image: Image.Image, header: bytes) -> bool:
    """Whether a decoder that knows nothing of EXIF, transparency, animation and 16 bits gets the same pixels."""
    return (
        image.mode in ("RGB", "L")
        and (image.format != "PNG" or header[_PNG_BIT_DEPTH] == 8)
        and not image.has_transparency_data
        and not getattr(image, "is_animated", False)
        and _orientation(image) not in _TURNS
    )


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # noqa: BLE001 - broken EXIF data raise anything; viewers show such pictures as they lie
        return 1
    return value if isinstance(value, int) else 1


def _rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _eight_bits(image)
    if image.has_transparency_data:
        opaque = Image.new("RGBA", image.size, BACKGROUND)
        opaque.alpha_composite(image.convert("RGBA"))
        image = opaque
    result = image.copy() if image.mode == "RGB" else image.convert("RGB")
    result.info = {}  # an orientation left there would turn the picture a second time
    return result


def _eight_bits(image: Image.Image) -> Image.Image:
    import numpy as np
    from PIL import Image

    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"pixels of mode {image.mode!r} have no defined range; save the picture with 8 or 16 bits")
    scaled = (values.astype(np.uint32) * 255 + 32767) // 65535
    return Image.fromarray(scaled.astype(np.uint8))
