"""Stands for the images of a data file where answers are only scored and nobody looks at an image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmbench.core import Media
from mmbench.data.images import NamedImages
from mmbench.data.sources import FileImage


class UnseenImages(NamedImages):
    """Takes every name for an image that is there; nothing is looked for."""

    def __init__(self, data_file: Path) -> None:
        super().__init__(data_file)
        self._unseen: dict[str, Media] = {}

    def add(self, value: str | bytes | Media, place: str, identifier: str = "") -> str:
        """Take a name; see `NamedImages.add`."""
        del place
        name = identifier or (value if isinstance(value, str) else f"image {len(self._unseen)}")
        if len(name) > _LONGEST:
            name = f"image {len(self._unseen)}"
        self._unseen.setdefault(name, Media("image", "", "", FileImage(name)))
        return name

    def media(self) -> Mapping[str, Any]:
        """Name to an image that cannot be read."""
        return self._unseen


_LONGEST = 512
"""Characters of a name; what is longer is an image in base64."""
