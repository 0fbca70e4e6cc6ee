"""Images that load lazily: from a file, from encoded bytes, from an array. All of them pickle.

`load` goes through the process-wide cache and returns an image of the caller's own; `decode` always decodes. `read` gives
bytes with the same pixels, and `raw` the file as it lies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmbench.core import MediaError
from mmbench.data import cache
from mmbench.data.decode import decode_file
from mmbench.data.prepared import decoded_image, encoded_source

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


@dataclass(frozen=True, slots=True)
class FileImage:
    """A picture in a file."""

    path: str
    """The file."""
    digest: str = ""
    """sha256 of the file, by which the decoded picture is cached; empty: it is not cached."""

    def __str__(self) -> str:
        return f"picture {self.path}"

    def read(self) -> bytes:
        """The image as PNG or JPEG with the pixels of `load`, see `encoded_image`. Raises `MediaError`."""
        return encoded_source(self, keep=True).data

    def raw(self) -> bytes:
        """The bytes of the file. Raises `MediaError`."""
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise unreadable(self.path, error) from error

    def load(self) -> Image.Image:
        """A new picture in mode RGB. Raises `MediaError`."""
        return cache.cached_image(self.digest, self.decode)

    def decode(self) -> Image.Image:
        """Decode the file, past the cache. Raises `MediaError`."""
        try:
            with Path(self.path).open("rb") as stream:
                return decoded_image(decode_file(stream, str(self)), self.digest)
        except OSError as error:
            raise unreadable(self.path, error) from error


@dataclass(frozen=True, slots=True)
class BytesImage:
    """A picture in memory, encoded as PNG, JPEG or the like."""

    data: bytes = field(repr=False)
    """The encoded picture."""
    digest: str = ""
    """sha256 of `data`, by which the decoded picture is cached; empty: it is not cached."""

    @property
    def path(self) -> None:
        """None: it lies in no file."""

    def __str__(self) -> str:
        name = f"picture with digest {self.digest[:12]}" if self.digest else "picture in memory"
        return f"{name} ({len(self.data)} bytes)"

    def read(self) -> bytes:
        """The image as PNG or JPEG with the pixels of `load`, see `encoded_image`. Raises `MediaError`."""
        return encoded_source(self, keep=True).data

    def raw(self) -> bytes:
        """The encoded bytes as they were given."""
        return self.data

    def load(self) -> Image.Image:
        """A new picture in mode RGB. Raises `MediaError`."""
        return cache.cached_image(self.digest, self.decode)

    def decode(self) -> Image.Image:
        """Decode the bytes, past the cache. Raises `MediaError`."""
        return decoded_image(decode_file(BytesIO(self.data), str(self)), self.digest)


@dataclass(frozen=True, slots=True, eq=False)
class ArrayImage:
    """A picture given as its pixels."""

    pixels: np.ndarray[Any, np.dtype[np.uint8]] = field(repr=False)
    """uint8 [height, width, 3]: red, green, blue, row by row from the top. Not cached: a copy costs as much."""

    @property
    def path(self) -> None:
        """None: it lies in no file."""

    def read(self) -> bytes:
        """The picture as PNG. Raises `MediaError`."""
        stream = BytesIO()
        self.decode().save(stream, format="PNG")
        return stream.getvalue()

    def load(self) -> Image.Image:
        """A new picture in mode RGB. Raises `MediaError`."""
        return cache.cached_image("", self.decode)

    def decode(self) -> Image.Image:
        """A picture over a copy of the pixels. Raises `MediaError` when they are not uint8 [height, width, 3]."""
        from PIL import Image

        pixels = self.pixels
        if pixels.dtype != "uint8" or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise MediaError(f"a picture's pixels are {pixels.dtype} {list(pixels.shape)}; expected uint8 [h, w, 3]")
        return Image.frombytes("RGB", (pixels.shape[1], pixels.shape[0]), pixels.tobytes())


def unreadable(path: str, error: OSError) -> MediaError:
    """The error for a picture whose file cannot be opened or read."""
    if isinstance(error, FileNotFoundError):
        return MediaError(f"picture {path} does not exist")
    return MediaError(f"picture {path} cannot be read: {error.strerror or error}")
