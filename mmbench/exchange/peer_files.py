"""Read the files of other tools without trusting them: bounded in size, depth and number, every problem a `DataError`."""

from __future__ import annotations

import hashlib
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from mmbench.core.errors import DataError, MissingExtraError, UsageError

MAX_FILE = 2**31
"""Bytes of a file at most; a larger one is not read."""
MAX_LINE = 2**28
"""Bytes of a line or of one document inside an archive at most."""
MAX_MEMBERS = 2_000_000
"""Files in an archive at most."""
MAX_UNPACKED = 2**34
"""Bytes that an archive may unpack to in all."""
MAX_FILES = 10_000
"""Files of a folder at most."""
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
"""The escape of half of a character."""
_STORED, _DEFLATED, _ZSTD = 0, 8, 93


@dataclass(frozen=True, slots=True)
class PeerFile:
    """One file that the user named, or that lies in a folder that the user named."""

    path: Path
    """Where it lies."""

    @property
    def suffix(self) -> str:
        """The ending of its name in lower case, such as ``.jsonl``."""
        return self.path.suffix.lower()

    def digest(self) -> str:
        """sha256 of its bytes. Raises `DataError`."""
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", self.path) from error

    def head(self, size: int = 4096) -> bytes:
        """Its first bytes. Raises `DataError`."""
        with self.open() as file:
            return file.read(size)

    def open(self) -> BinaryIO:
        """Open it for reading. Raises `DataError`."""
        try:
            return self.path.open("rb")
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", self.path) from error

    def read(self) -> bytes:
        """All of its bytes. Raises `DataError`."""
        with self.open() as file:
            return file.read(MAX_FILE)

    def json(self) -> Any:
        """The document in it. Raises `DataError`."""
        return decode(self.read(), self.path)

    def lines(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every object of a file of JSON Lines, with its place. Raises `DataError`."""
        with self.open() as file:
            for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), 1):
                if len(raw) > MAX_LINE:
                    raise DataError(f"the line is longer than {MAX_LINE:,} bytes", self.path, number)
                if raw.strip():
                    yield f"line {number}", an_object(decode(raw, self.path, number), self.path, number)


def peer_files(given: Iterable[str | Path]) -> list[PeerFile]:
    """The files that a user names; of a folder, all files below it whose names do not begin with a dot.

    Raises:
        UsageError: If there is no such file, or none at all.
        DataError: If a file is no regular one, empty, or too large.
    """
    found: dict[Path, None] = {}
    for each in given:
        if not str(each).strip():  # it would be the working directory
            raise UsageError("the name of a file is empty")
        path = Path(each).expanduser()
        try:
            if path.is_dir():
                inside = [file for file in sorted(path.rglob("*")) if file.is_file() and not file.name.startswith(".")]
                found |= dict.fromkeys(inside[: MAX_FILES + 1])
            elif not path.exists():
                raise UsageError(f"{path}: there is no such file or folder")
            else:
                found[path] = None
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read: {error}") from error
    if len(found) > MAX_FILES:
        raise UsageError(f"more than {MAX_FILES:,} files are named; name those of one run")
    for path in found:
        _check(path)
    once = {path.resolve(): path for path in reversed(found)}  # a tool may link from one folder to another
    found = {path: None for path in found if once[path.resolve()] == path}
    if not found:
        raise UsageError("name at least one file of the run to import, or the folder that holds them")
    return [PeerFile(path) for path in found]


def _check(path: Path) -> None:
    if not path.is_file():
        raise DataError("it is no regular file", path)
    size = path.stat().st_size
    if size > MAX_FILE:
        raise DataError(f"it has {size:,} bytes; at most {MAX_FILE:,} are read", path)
    if size == 0:
        raise DataError("it is empty", path)


def decode(data: bytes, path: Path, place: int | str | None = None) -> Any:
    """Decode one JSON document. Raises `DataError`, also for NaN, which JSON does not have.

    Some tools write NaN and infinities all the same: those are read as null. Half of a character, in which an answer that was cut off
    may end, becomes a question mark.
    """
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    import json

    try:
        found = json.loads(data, parse_constant=lambda _: None)
        if _HALF.search(data):
            found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
        return found
    except (ValueError, RecursionError) as error:
        said = "it is nested too deeply" if isinstance(error, RecursionError) else f"it is no JSON: {error}"
        raise DataError(said, path, place) from error


def an_object(value: Any, path: Path, place: int | str | None = None) -> dict[str, Any]:
    """A value that must be a JSON object. Raises `DataError`."""
    if not isinstance(value, dict):
        raise DataError(f"expected an object, found {type(value).__name__}", path, place)
    return value


class Archive:
    """A zip archive whose members are unpacked one at a time, to the size that its directory states and no further.

    Members may be stored, deflated, or compressed with Zstandard, which inspect uses and Python's own module reads only from 3.14 on.
    Use as a context manager. Raises `DataError` for what is damaged or too large.
    """

    def __init__(self, file: PeerFile) -> None:
        self.path = file.path
        self._file = file.open()
        try:
            self._zip = zipfile.ZipFile(self._file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            self._file.close()
            raise DataError(f"it is no zip archive, or a truncated one: {error}", self.path) from error
        self.members: Mapping[str, zipfile.ZipInfo] = {info.filename: info for info in self._zip.infolist()}
        """Name of a member to what the directory says of it."""
        whole = sum(info.file_size for info in self.members.values())
        if len(self.members) > MAX_MEMBERS or whole > MAX_UNPACKED:
            self._file.close()
            raise DataError(
                f"it unpacks to {len(self.members):,} files of {whole:,} bytes, which is too much", self.path
            )

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def json(self, name: str) -> Any:
        """The document in a member. Raises `DataError`, `MissingExtraError`."""
        return decode(self.read(name), self.path, name)

    def read(self, name: str) -> bytes:
        """Unpack a member. Raises `DataError`, and `MissingExtraError` where Zstandard is needed and pyarrow is not there."""
        info = self.members.get(name)
        if info is None:
            raise DataError(f"it has no {name}", self.path)
        if info.file_size > MAX_LINE or info.flag_bits & 1:
            why = (
                "it is encrypted"
                if info.flag_bits & 1
                else f"it unpacks to {info.file_size:,} bytes, which is too much"
            )
            raise DataError(why, self.path, name)
        try:
            data = _unpacked(self._packed(info), info)
        except (OSError, ValueError, struct.error, zlib.error) as error:
            raise DataError(f"it cannot be unpacked: {error}", self.path, name) from error
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            raise DataError("its content does not match its checksum", self.path, name)
        return data

    def _packed(self, info: zipfile.ZipInfo) -> bytes:
        self._file.seek(info.header_offset)
        header = self._file.read(30)
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        self._file.seek(name_length + extra_length, 1)
        return self._file.read(info.compress_size)


def _unpacked(packed: bytes, info: zipfile.ZipInfo) -> bytes:
    """A member's content, never more than the directory states."""
    if info.compress_type == _STORED:
        return packed
    if info.compress_type == _DEFLATED:
        return zlib.decompressobj(-15).decompress(packed, info.file_size + 1)
    if info.compress_type != _ZSTD:
        raise ValueError(f"compression method {info.compress_type} is not known")
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError("a log of inspect that is compressed with Zstandard", "data") from error
    found: bytes = pa.decompress(packed, decompressed_size=info.file_size, codec="zstd", asbytes=True)
    return found


def number(value: Any) -> float | None:
    """A finite number, also from a truth value or a text that is one; None for anything else."""
    if not isinstance(value, str | bool | int | float):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def texts(value: Any) -> tuple[str, ...]:
    """A text, or every text or number of a list, as texts; empty for anything else."""
    if isinstance(value, str | int | float):
        return (str(value),)
    if isinstance(value, list):
        return tuple(str(each) for each in value if isinstance(each, str | int | float))
    return ()


def plain(value: Any, most: int = 2_000) -> Any:
    """A value for a record: mappings, lists, numbers and short texts as they are, long texts cut."""
    if isinstance(value, str):
        return value if len(value) <= most else f"{value[:most]}…"
    if isinstance(value, Mapping):
        return {str(key): plain(each, most) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, most) for each in value[:100]]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
