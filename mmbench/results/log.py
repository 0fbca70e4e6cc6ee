"""The append-only response log and the embeddings beside it.

Invariants: a line is in the log only when its request has ended; the row that a line names is on disk before the line;
a batch is one write, so a kill leaves at most one torn last line, which readers drop and the next writer cuts off.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from mmbench.core.errors import DamagedFileError
from mmbench.results.codec import write_failed
from mmbench.results.schema import ResponseLine

if TYPE_CHECKING:
    import numpy as np

FSYNC_INTERVAL_S = 5.0
"""Longest time between two fsyncs of the log while it grows."""

_HEADER = struct.Struct("<8sI52x")
_MAGIC = b"MMBEMB1\n"


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Make an error of the system a `RunFailedError` about the file."""
    try:
        yield
    except OSError as error:
        raise write_failed(path, error) from error


class AppendFile:
    """A file that only grows, by whole writes; a write that fails is cut off again. Raises `RunFailedError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _writing(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            self.size = os.fstat(self._fd).st_size

    def append(self, data: bytes) -> None:
        """Write all of `data`, or nothing."""
        view = memoryview(data)
        with _writing(self.path):
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
            except OSError:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._fd, self.size)
                raise
        self.size += len(data)

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""
        with _writing(self.path):
            os.ftruncate(self._fd, size)
        self.size = size

    def sync(self) -> None:
        """Make what was written survive a power cut."""
        with _writing(self.path):
            os.fsync(self._fd)

    def close(self) -> None:
        """Close the file; a later write is an error, never a write to whatever has the same descriptor then."""
        fd, self._fd = self._fd, -1
        os.close(fd)


class EmbeddingFile:
    r"""``embeddings.bin``: a 64-byte header (magic ``MMBEMB1\n``, uint32 dim, zeros), then float32 rows, little-endian."""

    def __init__(self, path: Path, rows_in_log: int) -> None:
        self._file = AppendFile(path)
        self.dim: int | None = None
        self.rows = 0
        if self._file.size >= _HEADER.size:
            self.dim = _read_dim(path)
            needed = _HEADER.size + rows_in_log * self.dim * 4
            if self._file.size < needed:
                raise DamagedFileError(path, f"the log names {rows_in_log} rows, it holds fewer")
            self._file.truncate(needed)
            self.rows = rows_in_log
        elif rows_in_log:
            raise DamagedFileError(path, f"the log names {rows_in_log} rows of it, and it is missing or empty")
        else:
            self._file.truncate(0)

    def append(self, vectors: np.ndarray[Any, Any]) -> int:
        """Write float32 [n, dim]; the number of the first row."""
        first = self.rows
        if self.dim is None:
            self.dim = int(vectors.shape[1])
            self._file.append(_HEADER.pack(_MAGIC, self.dim))
        self._file.append(vectors.astype("<f4", copy=False).tobytes())
        self.rows += len(vectors)
        return first

    def sync(self) -> None:
        """Make what was written survive a power cut."""
        self._file.sync()

    def close(self) -> None:
        """Sync and close."""
        try:
            self._file.sync()
        finally:
            self._file.close()


def _read_dim(path: Path) -> int:
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
    magic, dim = _HEADER.unpack(header)
    if magic != _MAGIC or dim < 1:
        raise DamagedFileError(path, "not an embeddings file")
    return int(dim)


def read_embeddings(path: Path) -> np.ndarray[Any, Any] | None:
    """float32 [rows, dim], mapped from the file; None where there is no such file. Raises `DamagedFileError`."""
    import numpy as np

    if not path.is_file() or path.stat().st_size < _HEADER.size:
        return None
    dim = _read_dim(path)
    rows = (path.stat().st_size - _HEADER.size) // (4 * dim)
    if rows == 0:
        return np.empty((0, dim), dtype=np.float32)
    return np.memmap(path, dtype="<f4", mode="r", offset=_HEADER.size, shape=(rows, dim))


def read_log(path: Path) -> Iterator[ResponseLine]:
    """The lines of a log in order; a torn last line is dropped. Raises `DamagedFileError` for a broken line."""
    if not path.is_file():
        return
    decoder = msgspec.json.Decoder(ResponseLine)
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.endswith(b"\n"):
                return
            try:
                yield decoder.decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise DamagedFileError(path, error, f"line {number}") from error


class ResponseLog:
    """Writes ``responses.jsonl`` and ``embeddings.bin``. Use as a context manager; leaving it syncs both."""

    def __init__(self, folder: Path, rows_in_log: int = 0) -> None:
        self._lines = AppendFile(folder / "responses.jsonl")
        self._cut_torn_line()
        self._embeddings_path = folder / "embeddings.bin"
        self._rows_in_log = rows_in_log
        self._embeddings: EmbeddingFile | None = None
        self._encoder = msgspec.json.Encoder()
        self._synced_at = time.monotonic()

    def _cut_torn_line(self) -> None:
        size = self._lines.size
        if size == 0:
            return
        with self._lines.path.open("rb") as file:
            end = size
            while end > 0:
                start = max(0, end - 65536)
                file.seek(start)
                found = file.read(end - start).rfind(b"\n")
                if found >= 0:
                    end = start + found + 1
                    break
                end = start
        if end != size:
            self._lines.truncate(end)

    @property
    def embeddings(self) -> EmbeddingFile:
        """The embeddings file, opened at its first use."""
        if self._embeddings is None:
            self._embeddings = EmbeddingFile(self._embeddings_path, self._rows_in_log)
        return self._embeddings

    def append(self, lines: Sequence[ResponseLine]) -> None:
        """Write the lines of one batch in one write; sync when the interval has passed."""
        self._lines.append(self._encoder.encode_lines(lines))
        now = time.monotonic()
        if now - self._synced_at > FSYNC_INTERVAL_S:
            if self._embeddings is not None:
                self._embeddings.sync()
            self._lines.sync()
            self._synced_at = now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            if self._embeddings is not None:
                self._embeddings.close()
            self._lines.sync()
        finally:
            self._lines.close()
