"""Read tar archives of samples, as WebDataset has them: files of one name with different endings are one row."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mmbench.core import DataError, Media, MediaError
from mmbench.data import cache
from mmbench.data.decode import decode_file
from mmbench.data.fingerprint import IDENTIFIED
from mmbench.data.formats import FORMATS
from mmbench.data.prepared import decoded_image, encoded_source
from mmbench.data.records import Record
from mmbench.data.sources import unreadable
from mmbench.data.tables.table import Table, refuse_empty
from mmbench.data.tables.text import read_json

if TYPE_CHECKING:
    from PIL import Image

_IMAGES = {suffix.removeprefix("."): known.mime for known in FORMATS for suffix in known.suffixes}
_TEXTS = {"txt": "caption", "text": "caption", "caption": "caption", "cls": "label", "answer": "answer"}
_COMPRESSED = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"})
_END = 4096
"""Bytes at each end of a compressed image that are part of what identifies it."""
_BY_MEMBER: Mapping[str, Any] = {IDENTIFIED: "member"}


@dataclass(frozen=True, slots=True)
class Member:
    """An image in an archive that is not compressed."""

    archive: str
    """The archive."""
    name: str
    """Its name in the archive."""
    start: int
    """Where its bytes begin."""
    size: int
    """How many there are."""
    digest: str = field(default="", compare=False)
    """What identifies it; the decoded image is cached by it."""

    @property
    def path(self) -> str:
        """The archive and the name in it."""
        return f"{self.archive}/{self.name}"

    def __str__(self) -> str:
        return f"image {self.path}"

    def raw(self) -> bytes:
        """The bytes of the file. Raises `MediaError`."""
        try:
            with Path(self.archive).open("rb") as stream:
                stream.seek(self.start)
                data = stream.read(self.size)
        except OSError as error:
            raise unreadable(self.archive, error) from error
        if len(data) < self.size:
            raise MediaError(f"{self} is cut off: the archive ends before it")
        return data

    def read(self) -> bytes:
        """The image as PNG or JPEG with the pixels of `load`. Raises `MediaError`."""
        return encoded_source(self, keep=True).data

    def load(self) -> Image.Image:
        """A new image in mode RGB. Raises `MediaError`."""
        return cache.cached_image(self.digest, self.decode)

    def decode(self) -> Image.Image:
        """Decode the bytes, past the cache. Raises `MediaError`."""
        return decoded_image(decode_file(BytesIO(self.raw()), str(self)), self.digest)


def tar_table(path: Path, archives: Sequence[Path], **facts: Any) -> Table:
    """The table in one archive or several. Raises `DataError` when it is read."""

    def read() -> Iterator[Record]:
        for archive in archives:
            yield from _rows(archive)

    kind = f"WebDataset, {len(archives)} archive{'s' * (len(archives) > 1)}"
    return Table(path, kind, lambda: refuse_empty(path, read()), **facts)


def _rows(archive: Path) -> Iterator[Record]:
    """The rows of an archive; files of one row stand beside each other."""
    key: str | None = None
    fields: dict[str, Any] = {}
    images: list[Media] = []
    try:
        with archive.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for member in tar:
                if not member.isfile() or Path(member.name).name.startswith("."):
                    continue
                folder, _, name = member.name.rpartition("/")
                stem, _, ending = name.partition(".")
                found = f"{folder}/{stem}".lstrip("/")
                if key is not None and found != key:
                    yield _row(archive, key, fields, images)
                    fields, images = {}, []
                key = found
                kind = ending.lower().rpartition(".")[2]
                if kind in _IMAGES:
                    images.append(_image(archive, member, _IMAGES[kind], stream))
                else:
                    _add(archive, member, kind, stream, fields)
    except (OSError, tarfile.TarError, EOFError) as error:
        hint = "; unpack it first" if archive.suffix in (".gz", ".tgz", ".bz2", ".xz") else ""
        raise DataError(f"{archive} is truncated or no tar archive that is not compressed: {error}{hint}") from error
    if key is not None:
        yield _row(archive, key, fields, images)


def _row(archive: Path, key: str, fields: dict[str, Any], images: list[Media]) -> Record:
    found = {"__key__": key, **fields}
    if images:
        found["image"] = images[0] if len(images) == 1 else images
    return Record(archive, f"files {key}.*", found)


def _image(archive: Path, member: tarfile.TarInfo, mime: str, stream: IO[bytes]) -> Media:
    stated = f"mmbench-member-2\x1f{member.name}\x1f{member.size}\x1f{member.chksum}\x1f{member.mtime}\x1f"
    hashed = hashlib.sha256(stated.encode("utf-8", "surrogateescape"))
    place = stream.tell()
    for start, length in _told_apart_by(member, mime):
        stream.seek(member.offset_data + start)
        hashed.update(stream.read(length))
    stream.seek(place)
    digest = hashed.hexdigest()
    source = Member(str(archive), member.name, member.offset_data, member.size, digest)
    return Media("image", mime, digest, source, _BY_MEMBER)


def _told_apart_by(member: tarfile.TarInfo, mime: str) -> Iterator[tuple[int, int]]:
    """Where the bytes begin, and how many there are, that tell an image from another of the same name, size and time.

    Shards may name their files alike. Both ends of a compressed image differ from those of another; pixels that are stored as
    they are can be equal there, as those of two pages with white margins are, so such files are read whole.
    """
    if mime not in _COMPRESSED or member.size <= 2 * _END:
        yield 0, member.size
    else:
        yield from ((0, _END), (member.size - _END, _END))


def _add(archive: Path, member: tarfile.TarInfo, kind: str, stream: Any, fields: dict[str, Any]) -> None:
    """Read a text or JSON file into the fields of a row; files of other kinds are named as fields without a value."""
    if kind not in _TEXTS and kind != "json":
        fields[kind] = None
        return
    place = stream.tell()
    stream.seek(member.offset_data)
    data = stream.read(member.size)
    stream.seek(place)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", archive, member.name) from error
    if kind == "json":
        value = read_json(archive / member.name, text)
        if not isinstance(value, dict):
            raise DataError("expected an object", archive, member.name)
        fields.update(value)
    else:
        fields.setdefault(_TEXTS[kind], text.strip())
