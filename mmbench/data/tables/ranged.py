"""Parquet files on the hub that are read by ranges of bytes, without being kept on this machine."""

from __future__ import annotations

import io
from importlib import import_module
from pathlib import Path
from typing import Any

from mmbench.core import DataError, MissingExtraError
from mmbench.data.remote import remote_parts
from mmbench.data.tables.shards import EXTRA, ParquetShard, footer_digest

_TAIL = 256 * 2**10
"""Bytes at the end of a file that are read first; the footer of a parquet file mostly fits into it."""


class RemoteShard(ParquetShard):
    """A parquet file on the hub: its footer, columns of text and single images are fetched when they are read."""

    def _source(self) -> Any:
        self._stream = RemoteFile(self.path)
        return self._stream

    def _footer_digest(self) -> str:
        return footer_digest(self._stream)


class RemoteFile(io.RawIOBase):
    """A file on the hub, of which only what is read is fetched."""

    def __init__(self, path: Path) -> None:
        """Ask for the end of the file, which tells its size. Raises `DataError`.

        Args:
            path: As `remote_path` makes it.
        """
        super().__init__()
        try:
            hub = import_module("huggingface_hub")
        except ImportError as error:
            raise MissingExtraError("reading datasets of the hub", EXTRA) from error
        repository, revision, file = remote_parts(path)
        self._path = path
        self._url = hub.hf_hub_url(repository, file, repo_type="dataset", revision=revision)
        self._at = 0
        data, stated = self._get(f"bytes=-{_TAIL}")
        self.size = int(stated.rpartition("/")[2]) if stated else len(data)
        self._tail = data
        self._tail_at = self.size - len(data)

    def _get(self, wanted: str) -> tuple[bytes, str]:
        """The bytes of a range, and the header ``Content-Range``. Raises `DataError`."""
        utils = import_module("huggingface_hub.utils")
        try:
            reply = utils.http_backoff(
                "GET", self._url, headers={**utils.build_hf_headers(), "Range": wanted, "Accept-Encoding": "identity"}
            )
            utils.hf_raise_for_status(reply)
        except Exception as error:
            detail = (str(error) or type(error).__name__).splitlines()[0][:200].rstrip(".")
            raise DataError(f"{self._path} cannot be read from the hub: {type(error).__name__}: {detail}") from error
        return reply.content, reply.headers.get("Content-Range", "")

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The place that is read next."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, counted from the start, from here or from the end; nothing is fetched."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, fewer at the end. Raises `DataError`."""
        end = self.size if size is None or size < 0 else min(self.size, self._at + size)
        start, self._at = self._at, max(self._at, end)
        if start >= end:
            return b""
        if start >= self._tail_at:
            return self._tail[start - self._tail_at : end - self._tail_at]
        data, stated = self._get(f"bytes={start}-{end - 1}")
        if not stated:  # a server that knows no ranges sends the whole file
            data = data[start:end]
        if len(data) != end - start:
            raise DataError(f"{self._path}: the hub sent {len(data):,} of {end - start:,} bytes")
        return data

    def readinto(self, buffer: object) -> int:
        """Fill a buffer with the next bytes. Raises `DataError`."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self.read(view.nbytes)
        view[: len(data)] = data
        return len(data)
