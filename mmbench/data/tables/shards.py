"""Parquet and Arrow files: their rows, with images as media that are read when somebody looks."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from mmbench.core import DataError, Media, MediaError, MissingExtraError
from mmbench.data import cache
from mmbench.data.decode import decode_file
from mmbench.data.fingerprint import IDENTIFIED
from mmbench.data.prepared import decoded_image, encoded_source
from mmbench.data.records import Record
from mmbench.data.remote import is_remote
from mmbench.data.tables.columns import class_names, column_values, image_kind

if TYPE_CHECKING:
    from PIL import Image

EXTRA = "data"
"""The extra that holds pyarrow and `datasets`."""
_ROWS = 2048
_WINDOW = 8 * 2**20
_HELD = 24 * 2**20
_BY_CELL: Mapping[str, Any] = {IDENTIFIED: "cell"}


@dataclass(frozen=True, slots=True)
class Cell:
    """An image in a cell of a parquet or Arrow file."""

    shard: str
    """The file."""
    column: str
    """Its column."""
    row: int
    """Its row in the file, from 0."""
    item: int = -1
    """Its place in a cell that holds a list of images; -1 where the cell is one image."""
    digest: str = field(default="", compare=False)
    """What identifies it; the decoded image is cached by it."""

    @property
    def path(self) -> str:
        """The file that it lies in."""
        return self.shard

    def __str__(self) -> str:
        return f"image in {self.shard}, row {self.row + 1}, column {self.column!r}"

    def raw(self) -> bytes:
        """The encoded bytes as they lie in the cell. Raises `MediaError`."""
        try:
            value = _SHARDS.opened(self.shard).cell(self.column, self.row)
        except DataError as error:
            raise MediaError(str(error)) from error
        if self.item >= 0:
            value = value[self.item] if isinstance(value, list) and self.item < len(value) else None
        data = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(data, bytes):
            raise MediaError(f"{self} holds no bytes")
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


class Shard:
    """One parquet or Arrow file: what its columns are, its rows, and single cells."""

    def __init__(self, path: Path) -> None:
        """Open the file; of its rows none is read. Raises `DataError` for one that is truncated or of another kind."""
        self.path = path
        self._lock = Lock()
        self._open()
        features = json.loads((self.schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features")
        self._features: Mapping[str, Any] = features if isinstance(features, dict) else {}
        self.columns: tuple[str, ...] = tuple(self.schema.names)
        self.images: dict[str, bool] = {}
        """Columns that hold images, to whether each cell holds a list of them."""
        for name in self.columns:
            kind = image_kind(self.schema.field(name).type, self._features.get(name))
            if kind is not None:
                self.images[name] = kind == "list"

    schema: Any
    rows: int
    identity: str
    """What identifies the file without all of it being read."""

    def _open(self) -> None:
        raise NotImplementedError

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Record batches of some columns, in order."""
        raise NotImplementedError

    def cell(self, column: str, row: int) -> Any:
        """The value of one cell."""
        raise NotImplementedError

    def present(self, column: str) -> Sequence[int] | None:
        """How many images each cell of a column holds; None where each holds one."""
        raise NotImplementedError

    def records(self, first: int, wanted: frozenset[str] | None) -> Iterator[Record]:
        """The rows, with images as media. Raises `DataError`.

        Args:
            first: Number of the first row among all shards, for places.
            wanted: Columns that are read; None: all.
        """
        names = [name for name in self.columns if wanted is None or name in wanted]
        plain = [name for name in names if name not in self.images]
        media = {name: self.media_of(name) for name in names if name in self.images}
        labels = {name: class_names(self._features.get(name)) for name in plain}
        row = 0
        for batch in self.batches(plain):
            values = [column_values(batch.column(n), labels[name]) for n, name in enumerate(plain)]
            for cells in zip(*values, strict=True) if values else ((),) * batch.num_rows:
                fields = dict(zip(plain, cells, strict=True))
                for name, made in media.items():
                    fields[name] = made(row)
                yield Record(self.path, f"row {first + row + 1}", fields)
                row += 1

    def media_of(self, column: str) -> Callable[[int], Any]:
        """What gives the image in a row's cell of a column, or a list of them, or None."""
        known = hashlib.sha256(f"mmbench-cell-1\x1f{self.identity}\x1f{column}\x1f".encode())
        shard, present, several = str(self.path), self.present(column), self.images[column]

        def one(row: int, item: int) -> Media:
            hashed = known.copy()
            hashed.update(b"%d %d" % (row, item))
            digest = hashed.hexdigest()
            return Media("image", "image/*", digest, Cell(shard, column, row, item, digest), _BY_CELL)

        def made(row: int) -> Any:
            count = 1 if present is None else present[row]
            if several:
                return [one(row, item) for item in range(count)] or None
            return one(row, -1) if count else None

        return made


class ParquetShard(Shard):
    """A parquet file."""

    def _open(self) -> None:
        pq, source = _arrow("pyarrow.parquet"), self._source()
        try:
            self._file = pq.ParquetFile(source, memory_map=False, pre_buffer=False, buffer_size=1 << 20)
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {_detail(error)}") from error
        except Exception as error:
            raise DataError(f"{self.path} is truncated or no parquet file: {_detail(error)}") from error
        self.schema = self._file.schema_arrow
        self.rows = self._file.metadata.num_rows
        self.identity = self._footer_digest()
        self._starts = [0]
        for group in range(self._file.metadata.num_row_groups):
            self._starts.append(self._starts[-1] + self._file.metadata.row_group(group).num_rows)
        self._readers: dict[tuple[str, int], tuple[Iterator[Any], int, int]] = {}

    def _source(self) -> Any:
        """What pyarrow reads: the path, or a stream where the file lies elsewhere."""
        return self.path

    def _footer_digest(self) -> str:
        with self.path.open("rb") as stream:
            return footer_digest(stream)

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Record batches of some columns, in order. Raises `DataError`."""
        with _reading(self.path):
            if not columns:
                yield _Rows(self.rows)
                return
            yield from self._file.iter_batches(batch_size=_ROWS, columns=list(columns), use_threads=False)

    def present(self, column: str) -> Sequence[int] | None:
        """How many images each cell of a column holds, by statistics where they tell it; see `Shard.present`."""
        if self.images[column]:
            with _reading(self.path):
                paths = self._file.read(columns=[f"{column}.list.element.path"], use_threads=False).column(0)
                return [0 if items is None else len(items) for items in paths.to_pylist()]
        leaf = self._leaf(column)
        nulls = 0
        for group in range(self._file.metadata.num_row_groups):
            statistics = self._file.metadata.row_group(group).column(leaf).statistics
            nulls += statistics.null_count if statistics is not None and statistics.has_null_count else 0
        if not nulls:
            return None
        if nulls == self.rows:
            return [0] * self.rows
        with _reading(self.path):
            found: list[int] = []
            for batch in self._file.iter_batches(batch_size=64, columns=[self._leaf_name(column)], use_threads=False):
                cells = batch.column(0)
                data = cells.field("bytes") if cells.type.num_fields else cells
                found += [int(valid) for valid in data.is_valid().to_pylist()]
            return found

    def _leaf_name(self, column: str) -> str:
        return f"{column}.bytes" if self.schema.field(column).type.num_fields else column

    def _leaf(self, column: str) -> int:
        """Number of the stored column that holds the bytes."""
        wanted = self._leaf_name(column)
        stored = self._file.metadata.schema
        return next(n for n in range(len(stored)) if str(stored.column(n).path) == wanted)

    def cell(self, column: str, row: int) -> Any:
        """The value of one cell; cells near it are kept. Raises `DataError`."""
        group = next(n for n in range(len(self._starts)) if row < self._starts[n + 1])
        place = row - self._starts[group]
        size = self._window(group)
        key = (str(self.path), column, group, place // size)
        with self._lock:
            window = _WINDOWS.get(key)
            if window is None:
                window = self._read_to(column, group, place // size, size)
        return window[place % size].as_py()

    def _window(self, group: int) -> int:
        """Rows that are read at once, of about `_WINDOW` bytes."""
        facts = self._file.metadata.row_group(group)
        return max(1, min(1024, _WINDOW * int(facts.num_rows) // max(1, int(facts.total_byte_size))))

    def _read_to(self, column: str, group: int, number: int, size: int) -> Any:
        """Read windows of a row group up to one, going on from where it was read last."""
        reader, at, _ = self._readers.pop((column, group), (None, 0, 0))
        with _reading(self.path):
            if reader is None or at > number:
                name = column if self.images.get(column) else self._leaf_name(column)
                reader, at = self._file.iter_batches(size, [group], [name], use_threads=False), 0
            window = None
            for window in reader:
                _WINDOWS.put((str(self.path), column, group, at), window.column(0))
                at += 1
                if at > number:
                    break
        if window is None or at <= number:
            raise DataError(f"{self.path} is truncated: row group {group} has fewer rows than it says")
        if len(self._readers) > 1:
            self._readers.clear()
        if at * size < self._starts[group + 1] - self._starts[group]:  # one that is at its end holds memory for nothing
            self._readers[column, group] = reader, at, size
        return window.column(0)


class ArrowShard(Shard):
    """A file of Arrow's stream or file format, as `datasets` saves them."""

    def _open(self) -> None:
        pa = _arrow("pyarrow")
        try:
            mapped = pa.memory_map(str(self.path))
            try:
                self._table = pa.ipc.open_stream(mapped).read_all()
            except pa.ArrowInvalid:
                self._table = pa.ipc.open_file(mapped).read_all()
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {_detail(error)}") from error
        except Exception as error:
            raise DataError(f"{self.path} is truncated or no Arrow file: {_detail(error)}") from error
        self.schema = self._table.schema
        self.rows = self._table.num_rows
        sizes = ",".join(f"{batch.num_rows}:{batch.nbytes}" for batch in self._table.to_batches())
        self.identity = hashlib.sha256(f"arrow {self.path.stat().st_size} {sizes}".encode()).hexdigest()

    def batches(self, columns: Sequence[str]) -> Iterator[Any]:
        """Record batches of some columns, in order."""
        if not columns:
            yield _Rows(self.rows)
            return
        yield from self._table.select(list(columns)).to_batches(max_chunksize=_ROWS)

    def present(self, column: str) -> Sequence[int] | None:
        """How many images each cell of a column holds; see `Shard.present`."""
        cells = self._table.column(column)
        if self.images[column]:
            return [len(cell) if cell.is_valid else 0 for cell in cells]
        chunks = [chunk.field("bytes") if chunk.type.num_fields else chunk for chunk in cells.chunks]
        if not any(chunk.null_count for chunk in (*chunks, *cells.chunks)):
            return None
        return [int(valid) for chunk in chunks for valid in chunk.is_valid().to_pylist()]

    def cell(self, column: str, row: int) -> Any:
        """The value of one cell, from the file as it is mapped into memory."""
        return self._table.column(column)[row].as_py()


@dataclass(frozen=True, slots=True)
class _Rows:
    """A batch without columns."""

    num_rows: int


class _Windows:
    """The pieces of columns that were read last, up to `_HELD` bytes, and always the last one."""

    def __init__(self) -> None:
        self._lock, self._held, self._bytes = Lock(), OrderedDict[Any, Any](), 0

    def get(self, key: Any) -> Any:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def put(self, key: Any, window: Any) -> None:
        with self._lock:
            if key not in self._held:
                self._held[key] = window
                self._bytes += window.nbytes
            while self._bytes > _HELD and len(self._held) > 1:
                self._bytes -= self._held.popitem(last=False)[1].nbytes


class _Shards:
    """Files that are open, the eight that were used last."""

    def __init__(self) -> None:
        self._lock, self._open = Lock(), OrderedDict[str, Shard]()

    def opened(self, path: str) -> Shard:
        with self._lock:
            if path not in self._open:
                self._open[path] = open_shard(Path(path))
            self._open.move_to_end(path)
            if len(self._open) > 8:
                self._open.popitem(last=False)
            return self._open[path]


_WINDOWS = _Windows()
_SHARDS = _Shards()


def open_shard(path: Path) -> Shard:
    """A parquet or Arrow file, on this machine or on the hub. Raises `DataError`; `MissingExtraError` without pyarrow."""
    if is_remote(path):
        from mmbench.data.tables.ranged import RemoteShard

        return RemoteShard(path)
    return ArrowShard(path) if path.suffix == ".arrow" else ParquetShard(path)


def _arrow(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError("reading parquet and Arrow files", EXTRA) from error


class _reading:  # noqa: N801 - used as a function
    """Let what pyarrow raises leave as `DataError` about a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, DataError | GeneratorExit):
            raise DataError(f"{self._path} is truncated or damaged: {_detail(error)}") from error


def _detail(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0][:200].rstrip(".")


def footer_digest(stream: Any) -> str:
    """sha256 of a parquet file's footer, which holds the sizes, offsets and statistics of everything in it, and of its size."""
    size = stream.seek(-8, 2) + 8
    length = int.from_bytes(stream.read(4), "little")
    stream.seek(max(0, size - 8 - length))
    return hashlib.sha256(b"parquet %d " % size + stream.read(length)).hexdigest()
