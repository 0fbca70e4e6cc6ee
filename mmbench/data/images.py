"""Find the images that a data file names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from mmbench.core import DataError, Media
from mmbench.data.embedded import embedded_image, shown_name
from mmbench.data.fingerprint import images_from_files
from mmbench.data.records import listed


class NamedImages:
    """The images that one data file names, collected first, so that all that are missing are reported at once.

    An image is looked for in the file's folder, in its folder ``images``, and in every other folder directly in it.
    """

    def __init__(self, data_file: Path) -> None:
        self._data_file = data_file
        self._folder = data_file.parent.absolute()
        self._names: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._embedded: dict[str, Media] = {}
        self._missing: list[str] = []
        self._ambiguous: list[str] = []

    def add(self, name: str, place: str) -> str:
        """Look for an image that was named at `place` (such as ``line 3``), or that stands there itself.

        Returns:
            The name, the same object whenever it is added; the digest of an image that stands in the file.

        Raises:
            DataError: If a ``data:`` URL holds no image.
        """
        known = self._names.get(name)
        if known is not None:
            return known
        try:
            embedded = embedded_image(name)
        except ValueError as error:
            raise DataError(f"field 'image': {error}", self._data_file, place) from error
        if embedded is not None:
            return self._embedded.setdefault(embedded.digest, embedded).digest
        self._names[name] = name
        found = self._find(name)
        if found:
            self._paths[name] = found[0]
        if not found:
            self._missing.append(f"{shown_name(name)} ({place})")
        elif len(found) > 1:
            folders = " and ".join(path.removesuffix(name).rstrip("/\\") for path in found)
            self._ambiguous.append(f"{name} ({place}; in {folders})")
        return name

    def media(self) -> Mapping[str, Media]:
        """Name to image, for all names; equal files are one medium. Raises `DataError` when any is missing."""
        if self._missing:
            count = "1 picture is" if len(self._missing) == 1 else f"{len(self._missing)} pictures are"
            raise DataError(
                f"{self._data_file}: {count} missing: {listed(self._missing)}. Looked in {self._folder}, "
                f"in its folder images and in every other folder directly in it"
            )
        if self._ambiguous:
            raise DataError(
                f"{self._data_file}: the same name in several folders: {listed(self._ambiguous)}. "
                f"Write the folder before the name"
            )
        paths = list(dict.fromkeys(self._paths.values()))
        by_path = dict(zip(paths, images_from_files(paths), strict=True))
        return {**{name: by_path[path] for name, path in self._paths.items()}, **self._embedded}

    def _find(self, name: str) -> list[str]:
        for folder in (self._folder, self._folder / "images"):
            if _is_file(folder / name):
                return [str(folder / name)]
        return [str(folder / name) for folder in self._others if _is_file(folder / name)]

    @cached_property
    def _others(self) -> list[Path]:
        return sorted(p for p in self._folder.iterdir() if p.is_dir() and p.name != "images")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long for the file system, or holds a zero byte
        return False
