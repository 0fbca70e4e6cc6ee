"""The append-only response log and the embeddings beside it.

Invariants: a line is in the log only when its request has ended; the row that a line names is on disk before the line;
a batch is one write, so a kill leaves at most one torn last line, which readers drop and the next writer cuts off. Every
line ends in its checksum and holds that of its row; lines of earlier versions have none. A lock keeps other processes
out; where the file system only pretends to keep locks, or a model forks, the file has grown meanwhile, and nothing more
is written or cut off.
"""

from __future__ import annotations

import contextlib
import os
import stat
import struct
import time
import zlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import msgspec

from mmbench.core.errors import DamagedFileError, RunFailedError
from mmbench.results.codec import run_of, write_failed
from mmbench.results.schema import ResponseLine

if TYPE_CHECKING:
    import numpy as np

_ONE_WRITE = 2**22
"""Bytes that are put together for one write."""
_ONE_READ = 2**17
"""Bytes of whole lines that are decoded together."""

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


def check_regular(path: Path) -> bool:
    """Whether a file is there. Raises `DamagedFileError` for a link, a FIFO, a folder, or whatever else is no file."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    if not stat.S_ISREG(mode):
        raise DamagedFileError(path, "it is no regular file", run=run_of(path))
    return True


class AppendFile:
    """A file that only grows, by whole writes of one process; a write that fails is cut off again.

    Raises `RunFailedError`, also when somebody else has changed the size of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        check_regular(path)
        with _writing(path):
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._fd = os.open(path, flags, 0o600)
            self.size = os.fstat(self._fd).st_size

    def append(self, data: bytes) -> None:
        """Write all of `data`, or nothing."""
        self.check_alone()
        view = memoryview(data)
        with _writing(self.path):
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
            except OSError:
                with contextlib.suppress(OSError):
                    if os.fstat(self._fd).st_size == self.size + len(data) - len(view):
                        os.ftruncate(self._fd, self.size)
                raise
        self.size += len(data)
        self.check_alone()

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""
        self.check_alone()
        with _writing(self.path):
            os.ftruncate(self._fd, size)
        self.size = size

    def check_alone(self) -> None:
        """Raise `RunFailedError` when the file is not as long as this process has left it."""
        with _writing(self.path):
            found = os.fstat(self._fd).st_size
        if found != self.size:
            raise RunFailedError(
                f"another process has written to {self.path} meanwhile: the model has forked, or this file system does "
                "not keep locks (some network ones do not). Whole answers of both are kept: stop the other one, and give "
                "the same command again."
            )

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
                raise DamagedFileError(path, f"the log names {rows_in_log} rows, it holds fewer", run=run_of(path))
            self._file.truncate(needed)
            self.rows = rows_in_log
        elif rows_in_log:
            problem = f"the log names {rows_in_log} rows of it, and it is missing or empty"
            raise DamagedFileError(path, problem, run=run_of(path))
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
        raise DamagedFileError(path, "not an embeddings file", run=run_of(path))
    return int(dim)


def read_embeddings(path: Path) -> np.ndarray[Any, Any] | None:
    """float32 [rows, dim], mapped from the file; None where there is no such file. Raises `DamagedFileError`."""
    import numpy as np

    if not check_regular(path) or path.stat().st_size < _HEADER.size:
        return None
    dim = _read_dim(path)
    rows = (path.stat().st_size - _HEADER.size) // (4 * dim)
    if rows == 0:
        return np.empty((0, dim), dtype=np.float32)
    return np.memmap(path, dtype="<f4", mode="r", offset=_HEADER.size, shape=(rows, dim))


def _ends_in_zeros(file: BinaryIO, end: int) -> bool:
    """Whether zeros stand before the line break that ends at a place."""
    file.seek(max(0, end - 2))
    return end >= 2 and file.read(1) == b"\0"


def row_check(row: Any) -> int:
    """The checksum of the embedding of one answer, float32 [dim] or [n, dim], as a line of the log holds it."""
    return zlib.crc32(row.astype("<f4", copy=False).tobytes())


def embedding_of(line: ResponseLine, vectors: np.ndarray[Any, Any] | None) -> np.ndarray[Any, Any] | None:
    """The embedding that a line names: float32 [dim], or [n, dim] of several vectors; None where it is not in the file.

    Args:
        line: A line of the log with a row.
        vectors: What `read_embeddings` gives.
    """
    if vectors is None or line.row is None or line.row < 0 or after(line) > len(vectors):
        return None
    return vectors[line.row] if line.rows is None else vectors[line.row : after(line)]


def after(line: ResponseLine) -> int:
    """The row of embeddings that follows those of a line; 0 where it names none."""
    return 0 if line.row is None else line.row + max(1, line.rows or 1)


_CRC = b',"crc":'
"""What stands before the checksum of a line; within a text the quotation marks would be escaped."""


def decode_line(raw: bytes, decoder: msgspec.json.Decoder[ResponseLine]) -> ResponseLine:
    """One line of a log. Raises ValueError (msgspec's among them) where it is not what was written."""
    end = raw.rfind(_CRC)
    if end < 0:  # of a version before checksums
        return decoder.decode(raw)
    body, check = raw[:end], raw[end + len(_CRC) :].rstrip()
    if check != b"%d}" % zlib.crc32(body):
        raise ValueError("it does not match its checksum")
    return decoder.decode(body + b"}")


_ZEROS = (b"\0\n", b"\0\r\n")


def read_log(path: Path, begins: array[int] | None = None) -> Iterator[ResponseLine]:
    """The lines of a log in order; a torn last line is dropped.

    Args:
        path: The log.
        begins: Gets the place in the file where the line begins that comes next, of each.

    Raises:
        DamagedFileError: For a broken line, and for what is no file.
    """
    if not check_regular(path):
        return
    decoder = msgspec.json.Decoder(ResponseLine)
    zeros, end, number = None, 0, 0
    with path.open("rb") as file:
        while lines := file.readlines(_ONE_READ):
            sound = _decoded(lines, decoder) if begins is None and zeros is None else None
            if sound is not None:
                number += len(lines)
                yield from sound
                continue
            for raw in lines:
                number, place, end = number + 1, end, end + len(raw)
                if not raw.endswith(b"\n"):
                    return
                if raw.endswith(_ZEROS):  # what a power cut leaves, if nothing follows
                    zeros = zeros or number
                    continue
                try:
                    line = decode_line(raw, decoder)
                except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                    raise DamagedFileError(path, error, f"line {number}", run=run_of(path)) from error
                if zeros is not None:
                    raise DamagedFileError(path, "it holds zeros", f"line {zeros}", run=run_of(path))
                if begins is not None:
                    begins.append(place)
                yield line


def _decoded(lines: Sequence[bytes], decoder: msgspec.json.Decoder[ResponseLine]) -> list[ResponseLine] | None:
    """Several lines of a log, decoded together; None unless each of them is whole and matches its checksum."""
    bodies = []
    for raw in lines:
        body, _, check = raw.rpartition(_CRC)
        if check != b"%d}\n" % zlib.crc32(body):
            return None
        bodies.append(body)
    try:
        found = decoder.decode_lines(b"}\n".join(bodies) + b"}")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found if len(found) == len(lines) else None


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
                    if not _ends_in_zeros(file, end):
                        break
                    end -= 1  # the line break after zeros that a power cut left
                else:
                    end = start
        if end != size:
            self._lines.truncate(end)

    @property
    def embeddings(self) -> EmbeddingFile:
        """The embeddings file, opened at its first use."""
        if self._embeddings is None:
            self._lines.check_alone()  # rows of another process are not to be cut off
            self._embeddings = EmbeddingFile(self._embeddings_path, self._rows_in_log)
        return self._embeddings

    def append(self, lines: Sequence[ResponseLine]) -> list[int]:
        """Write the lines of one batch, in one write unless they are long; sync when the interval has passed.

        Returns:
            Where in the file each line begins.
        """
        pieces: list[bytes] = []
        begins: list[int] = []
        end, waiting, encode, check = self._lines.size, 0, self._encoder.encode, zlib.crc32
        for line in lines:
            body = encode(line)[:-1]
            pieces.append(data := b"%b%b%d}\n" % (body, _CRC, check(body)))
            begins.append(end)
            end += len(data)
            waiting += len(data)
            if waiting > _ONE_WRITE:
                self._lines.append(b"".join(pieces))
                pieces, waiting = [], 0
        self._lines.append(b"".join(pieces))
        now = time.monotonic()
        if now - self._synced_at > FSYNC_INTERVAL_S:
            if self._embeddings is not None:
                self._embeddings.sync()
            self._lines.sync()
            self._synced_at = now
        return begins

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            if self._embeddings is not None:
                self._embeddings.close()
            self._lines.sync()
        finally:
            self._lines.close()
