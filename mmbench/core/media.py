"""A picture, a sound or a video: what it is, and where it loads from when somebody looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

MediaKind = Literal["image", "audio", "video"]


class Source(Protocol):
    """Where a medium comes from. The implementations live in `mmbench.data`; all of them pickle."""

    @property
    def path(self) -> str | None:
        """The file, as the user would name it, or None where there is none."""

    def read(self) -> bytes:
        """The encoded bytes (PNG, JPEG, WAV, …); of an image, with the pixels that `load` gives. Raises `MediaError`."""

    def load(self) -> Any:
        """The decoded medium; for an image a `PIL.Image.Image` in mode RGB. Raises `MediaError`."""


@dataclass(frozen=True, slots=True)
class Media:
    """One medium. Nothing is read or decoded before `load` or `read` is called."""

    kind: MediaKind
    """``image``, ``audio`` or ``video``."""
    mime: str
    """MIME type of the file as it lies, for example ``image/png``. The bytes of `read` may be of another type; to have
    both, use `mmbench.data.encoded_image`."""
    digest: str
    """sha256, as 64 hexadecimal digits, of the encoded bytes; where there are none, of a type-tagged header and the
    content; for a generated scene, of its symbolic description; for an image in a table, an archive or a published dataset, of
    what identifies it, so that nothing is read for it (`mmbench.data.content_digest` is that of its bytes)."""
    source: Source = field(compare=False, repr=False)
    """Where it loads from; not part of its identity."""
    attrs: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What the data set knows of it, such as ``width`` and ``height`` in pixels; may be empty."""

    @property
    def path(self) -> str | None:
        """The file it lies in, or None."""
        return self.source.path

    def load(self) -> Any:
        """The decoded medium: for an image, a new `PIL.Image.Image` in mode RGB. Raises `MediaError`."""
        return self.source.load()

    def read(self) -> bytes:
        """The encoded bytes; of an image, with the pixels that `load` gives. Raises `MediaError`."""
        return self.source.read()
