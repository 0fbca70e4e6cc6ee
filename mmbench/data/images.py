"""Find the images that a data file names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from mmbench.core import DataError, Media
from mmbench.data.embedded import embedded_image, shown_name
from mmbench.data.fingerprint import IDENTIFIED, image_from_bytes, images_from_files
from mmbench.data.formats import guess_mime
from mmbench.data.records import listed
from mmbench.data.sources import FileImage

_LISTED = 3
_BY_NAME: Mapping[str, Any] = {IDENTIFIED: "name"}
GONE = "gone"
"""Attribute of media that stand in for image files that are missing."""
_STAND_IN: ContextVar[bool] = ContextVar("stand_in", default=False)


@contextmanager
def missing_images_stand_in() -> Iterator[None]:
    """Within this block an image file that is missing is a medium with the attribute `GONE`, whose `load` fails, and no error."""
    token = _STAND_IN.set(True)
    try:
        yield
    finally:
        _STAND_IN.reset(token)


class NamedImages:
    """The images that one data file names, collected first, so that all that are missing are reported at once.

    An image is looked for in the folders that are given, in the file's folder, in its folder ``images``, and in every other
    folder directly in it.
    """

    def __init__(
        self, data_file: Path, *, folders: Sequence[Path] = (), scope: str = "", download: bool = False
    ) -> None:
        """Collect the images of a file.

        Args:
            data_file: The file, or a folder of data.
            folders: Where images are looked for first.
            scope: What images are identified within. Empty: an image is identified by its content, which is read; else by its
                identifier, or its name and size, and nothing is read before somebody looks.
            download: Fetch images that are named by a URL, and keep them.
        """
        self._data_file = data_file
        self._folder = (data_file if data_file.is_dir() else data_file.parent).absolute()
        self._roots = [*folders, self._folder, self._folder / "images"]
        self._scope, self._download = scope, download
        self._names: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._identifiers: dict[str, str] = {}
        self._made: dict[str, Media] = {}
        self._urls: dict[str, str] = {}
        self._missing: list[str] = []
        self._ambiguous: list[str] = []
        self.known: Mapping[str, Media] = {}
        """Images by name, where they lie in another table."""

    def add(self, value: str | bytes | Media, place: str, identifier: str = "") -> str:
        """Look for an image that was named at `place` (such as ``line 3``), or that stands there itself.

        Args:
            value: A name, a URL, base64, bytes, or a medium.
            place: Where it was named.
            identifier: What identifies it within the scope.

        Returns:
            What `media` has it under: the name, the same object whenever it is added; else a digest.

        Raises:
            DataError: If a ``data:`` URL or bytes hold no image.
        """
        if not isinstance(value, str):
            made = image_from_bytes(value) if isinstance(value, bytes) else value
            return self._keep(made, identifier)
        known = self._names.get(value)
        if known is not None:
            return known
        if value in self.known:
            self._names[value] = value
            self._made[value] = self.identified(self.known[value], identifier)
            return value
        try:
            embedded = embedded_image(value)
        except ValueError as error:
            raise DataError(f"field 'image': {error}", self._data_file, place) from error
        if embedded is not None:
            return self._keep(embedded, identifier)
        self._names[value] = value
        if identifier:
            self._identifiers[value] = identifier
        if value.startswith(("http://", "https://")):
            self._urls[value] = place
        else:
            self._look_for(value, place)
        return value

    def _keep(self, media: Media, identifier: str) -> str:
        made = self.identified(media, identifier)
        return self._made.setdefault(made.digest, made).digest

    def identified(self, media: Media, identifier: str) -> Media:
        """The medium, known by its identifier where the scope has them."""
        if not (identifier and self._scope):
            return media
        digest = media_digest("mmbench-media-1", self._scope, identifier)
        source: Any = media.source
        return Media(media.kind, media.mime, digest, replace(source, digest=digest), _BY_NAME)

    def _look_for(self, name: str, place: str) -> None:
        found = self._find(name)
        if not found and "\\" in name:  # written on Windows
            found = self._find(name.replace("\\", "/"))
        if found:
            self._paths[name] = found[0]
        if not found and _STAND_IN.get():
            source = FileImage(str(self._folder / name))
            self._made[name] = Media(
                "image", guess_mime(b"", name), media_digest("mmbench-gone-1", name), source, {GONE: True}
            )
        elif not found:
            self._missing.append(f"{shown_name(name)} ({place})")
        elif len(found) > 1:
            below = [path.removesuffix(name).removeprefix(str(self._folder)).strip("/\\") or "." for path in found]
            folders = " and ".join(below)
            self._ambiguous.append(f"{name} ({place}; in {folders})")

    def check(self) -> None:
        """Raise `DataError` when images are missing, are in several folders, or would have to be fetched."""
        if self._missing:
            count = "1 image is" if len(self._missing) == 1 else f"{len(self._missing):,} images are"
            raise DataError(
                f"{self._data_file}: {count} missing: {listed(self._missing, _LISTED)}. Looked in {self._folder}, "
                f"in its folder images and in every other folder directly in it"
            )
        if self._ambiguous:
            raise DataError(
                f"{self._data_file}: the same name in several folders of {self._folder}: {listed(self._ambiguous)}. "
                f"Write the folder before the name"
            )
        if self._urls and not self._download:
            shown = [f"{shown_name(url)} ({place})" for url, place in self._urls.items()]
            count = "1 image is a URL" if len(shown) == 1 else f"{len(shown):,} images are URLs"
            raise DataError(f"{self._data_file}: {count}: {listed(shown, _LISTED)}. To fetch and keep them: --download")

    def media(self) -> Mapping[str, Media]:
        """Name to image, for all names; equal files are one medium. Raises `DataError` as `check` does, and when fetching fails."""
        self.check()
        paths = {**self._paths, **self._fetched()}
        if self._scope:
            files = {name: self._by_name(name, path) for name, path in paths.items()}
            return {**files, **self._made}
        different = list(dict.fromkeys(paths.values()))
        by_path = dict(zip(different, images_from_files(different), strict=True))
        return {**{name: by_path[path] for name, path in paths.items()}, **self._made}

    def _fetched(self) -> Mapping[str, str]:
        """URL to file, of the images that are named by URLs. Raises `DataError`."""
        if not self._urls:
            return {}
        from mmbench.data.download import fetch_urls

        return fetch_urls(list(self._urls))

    def _by_name(self, name: str, path: str) -> Media:
        """An image that is identified by its identifier, or by its name and size; the file is not opened."""
        identifier = self._identifiers.get(name)
        if identifier:
            digest = media_digest("mmbench-media-1", self._scope, identifier)
        else:
            digest = media_digest("mmbench-file-1", self._scope, name, str(Path(path).stat().st_size))
        return Media("image", guess_mime(b"", path), digest, FileImage(path, digest), _BY_NAME)

    def _find(self, name: str) -> list[str]:
        for folder in self._roots:
            if _is_file(folder / name):
                return [str(folder / name)]
        return [str(folder / name) for folder in self._others if _is_file(folder / name)]

    @cached_property
    def _others(self) -> list[Path]:
        return sorted(p for p in self._folder.iterdir() if p.is_dir() and p.name != "images")


def media_digest(*parts: str) -> str:
    """What identifies an image that is not read: a digest of texts."""
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long for the file system, or holds a zero byte
        return False
