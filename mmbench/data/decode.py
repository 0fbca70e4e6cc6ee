"""One picture from bytes to RGB pixels, guarded against decompression bombs.

The reader for the format is called directly, by the file's first bytes. So the size is checked against our own limit
before anything is decoded, no other program is ever started (as PIL does for PostScript), and neither PIL's global
limit nor the warnings filters, which threads share, are touched.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, BinaryIO

from mmbench.core import MediaError, UsageError
from mmbench.data.formats import FORMATS, PREFIX, ImageFormat, sniff

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 89_478_485
"""Pixels (width times height) beyond which a picture is taken for a decompression bomb."""
MAX_PIXELS_VARIABLE = "MMBENCH_MAX_IMAGE_PIXELS"
"""Environment variable that sets another limit."""
_ORIENTATION_TAG = 0x0112


def max_pixels() -> int:
    """The limit in force. Raises `UsageError` when the environment variable holds no positive whole number."""
    text = os.environ.get(MAX_PIXELS_VARIABLE, "").strip()
    if not text:
        return MAX_PIXELS
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"{MAX_PIXELS_VARIABLE}={text!r}: expected a positive whole number of pixels")
    return int(text)


def decode_image(stream: BinaryIO, name: str) -> Image.Image:
    """Decode a picture to mode RGB, upright by its EXIF orientation; the first frame of an animation.

    Transparency is laid over white. 16-bit grey is scaled to 8 bits; CMYK and other colour models are converted without
    regard to ICC profiles. EXIF data that cannot be read count as absent. `name` begins the text of errors.

    Raises `MediaError` for what is empty, of no known format, larger than the limit, truncated or corrupt.
    """
    from PIL.Image import DecompressionBombError

    limit = max_pixels()
    prefix = stream.read(PREFIX)
    stream.seek(0)
    found = sniff(prefix)
    if found is None:
        raise MediaError(f"{name} is empty" if not prefix else _not_a_picture(name))
    try:
        image = _reader(found)(stream)
        width, height = image.size
        if width * height <= limit:
            return _rgb(_upright(image))
    except MemoryError:
        raise
    except DecompressionBombError as error:
        raise MediaError(f"{name} is too large: {_detail(error)}") from error
    except Exception as error:
        raise MediaError(f"{name} is truncated or corrupt: {_detail(error)}") from error
    raise MediaError(
        f"{name} is {width} x {height} pixels, over the limit of {limit:,}; set {MAX_PIXELS_VARIABLE} to read it"
    )


def _not_a_picture(name: str) -> str:
    return f"{name} is not a picture in a known format ({', '.join(known.name for known in FORMATS)})"


def _detail(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().rstrip(".").replace("\n", " ")


def _reader(found: ImageFormat) -> Any:
    module, _, attribute = found.reader.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _upright(image: Image.Image) -> Image.Image:
    from PIL import Image

    image.load()
    turn = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


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
        opaque = Image.new("RGBA", image.size, "white")
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
