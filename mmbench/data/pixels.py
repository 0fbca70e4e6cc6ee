"""Many pictures as one array of pixels, for models that take them all at one size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

from mmbench.core import Media, MediaError, MmbenchError, PluginError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_AT_ONCE = 2**24
"""Bytes of pixels that are made at once, beside the result."""


class ManyAtOnce(Protocol):
    """What the class of a `mmbench.core.Source` may offer: to make many pictures faster than one by one."""

    @classmethod
    def load_many(cls, sources: Sequence[Self], size: int) -> Pixels:
        """The pictures of `sources`: uint8 [n, size, size, 3], equal to `resized` of what each of them loads."""


def load_pixels(media: Sequence[Media], size: int) -> Pixels:
    """Pictures as one array: uint8 [n, size, size, 3], red, green and blue, row by row from the top.

    A picture of another size is resized (see `resized`). Pictures with the same digest are decoded once, and nothing
    passes through the cache of decoded pictures. Sources whose class has `load_many` (see `ManyAtOnce`) make many at
    once. Raises `MediaError`, which names the picture, and ValueError for a size below 1.
    """
    import numpy as np

    if size < 1:
        raise ValueError(f"size {size}: expected at least 1 pixel")
    first: dict[str, int] = {}
    origin = [first.setdefault(item.digest, place) if item.digest else place for place, item in enumerate(media)]
    kinds: dict[type, list[int]] = {}
    for place, item in enumerate(media):
        if origin[place] == place:
            kinds.setdefault(type(item.source), []).append(place)
    pixels = np.empty((len(media), size, size, 3), dtype=np.uint8)
    step = max(1, _AT_ONCE // (3 * size * size))
    for kind, places in kinds.items():
        for start in range(0, len(places), step):
            chunk = places[start : start + step]
            pixels[chunk] = _load(kind, [media[place] for place in chunk], size)
    again = [place for place, earlier in enumerate(origin) if earlier != place]
    for place in again:
        pixels[place] = pixels[origin[place]]
    return pixels


def resized(pixels: Pixels, size: int) -> Pixels:
    """Pictures at another size: uint8 [n, h, w, 3] → [n, size, size, 3].

    Bilinear, antialiased where they shrink (as PIL does it); what is not square is squeezed. At their own size they
    are returned as they are.
    """
    import numpy as np
    from PIL import Image

    if pixels.shape[1:3] == (size, size):
        return pixels
    found = np.empty((len(pixels), size, size, 3), dtype=np.uint8)
    for place, picture in enumerate(pixels):
        found[place] = np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR))
    return found


def _load(kind: Any, media: Sequence[Media], size: int) -> Pixels:
    """Pictures whose sources are of one class."""
    import numpy as np

    wrong = [item for item in media if item.kind != "image"]
    if wrong:
        raise MediaError(f"{_name(wrong[0])} is no picture")
    if not hasattr(kind, "load_many"):
        return np.concatenate([_load_one(item, size) for item in media])
    try:
        pixels: Pixels = kind.load_many([item.source for item in media], size)
    except (MmbenchError, MemoryError):
        raise
    except Exception as error:
        for item in media:
            _load_one(item, size)  # the one that cannot be made is named
        raise PluginError(f"{kind.__name__}.load_many failed: {type(error).__name__}: {error}") from error
    expected = (len(media), size, size, 3)
    if pixels.shape != expected or pixels.dtype != np.uint8:
        shown = f"{pixels.dtype} {list(pixels.shape)}"
        raise PluginError(f"{kind.__name__}.load_many returned {shown}; expected uint8 {list(expected)}")
    return pixels


def _load_one(item: Media, size: int) -> Pixels:
    """uint8 [1, size, size, 3]."""
    import numpy as np

    past_the_cache = getattr(item.source, "decode", item.source.load)
    try:
        image = past_the_cache().convert("RGB")
        return resized(np.asarray(image)[None], size)
    except (MmbenchError, MemoryError):
        raise
    except Exception as error:
        raise MediaError(f"{_name(item)} cannot be loaded: {type(error).__name__}: {error}") from error


def _name(item: Media) -> str:
    return f"{item.kind} {item.path or f'with digest {item.digest[:12]}'}"
