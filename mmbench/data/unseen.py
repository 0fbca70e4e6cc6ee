"""Stands for the images of a data file where answers are only scored and nobody looks at an image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmbench.core import Media
from mmbench.data.images import NamedImages, media_digest
from mmbench.data.sources import FileImage


class UnseenImages(NamedImages):
    """Takes every name for an image that is there; nothing is looked for."""

    def __init__(self, data_file: Path, scope: str = "") -> None:
        """Take names for images.

        Args:
            data_file: The file, or a folder of data.
            scope: What images are identified within: with an identifier they are then the same as where they are looked for.
        """
        super().__init__(data_file)
        self._within = scope
        self._unseen: dict[str, Media] = {}

    def add(self, value: str | bytes | Media, place: str, identifier: str = "") -> str:
        """Take a name; see `NamedImages.add`."""
        del place
        name = identifier or (value if isinstance(value, str) else f"image {len(self._unseen)}")
        if len(name) > _LONGEST:
            name = f"image {len(self._unseen)}"
        digest = media_digest("mmbench-media-1" if identifier else "mmbench-name-1", self._within, name)
        self._unseen.setdefault(name, Media("image", "", digest, FileImage(name)))
        return name

    def media(self) -> Mapping[str, Any]:
        """Name to an image that cannot be read."""
        return self._unseen


_LONGEST = 512
"""Characters of a name; what is longer is an image in base64."""
