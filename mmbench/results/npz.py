"""Score tables on disk: one ``.npz`` with plain arrays, the same bytes for the same content."""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, get_args

import msgspec

from mmbench.core.long_texts import LongTexts
from mmbench.core.score_table import ScoreStatus, ScoreTable

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_EPOCH = (1980, 1, 1, 0, 0, 0)


def encode_tables(tables: Mapping[str, ScoreTable]) -> bytes:
    """The tables as an ``.npz`` archive; see `write_tables`."""
    buffer = io.BytesIO()
    write_tables(buffer, tables)
    return buffer.getvalue()


def write_tables(file: IO[bytes], tables: Mapping[str, ScoreTable]) -> None:
    """Write the tables as an ``.npz`` archive; texts that are not in memory are not brought there together.

    A table ``U`` becomes ``U/column/NAME`` (float64 [n] or [n, d]), ``U/text/NAME`` (UTF-8 JSON list as uint8, for ids,
    answers and explanations) and ``U/label/NAME`` + ``U/code/NAME`` (distinct labels, int32 [n] codes, for clusters,
    status and slices). Raises ValueError when a column holds NaN or an infinity.
    """
    import numpy as np

    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for unit in sorted(tables):
            for name, value in _arrays(tables[unit]):
                entry = _entry(f"{unit}/{name}.npy")
                if isinstance(value, LongTexts):
                    _write_texts(archive, entry, value)
                    continue
                piece = io.BytesIO()
                np.lib.format.write_array(piece, value, allow_pickle=False)
                archive.writestr(entry, piece.getbuffer(), zipfile.ZIP_DEFLATED, 1)


def _write_texts(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, texts: LongTexts) -> None:
    """What `_text` makes of texts, one after the other; the same bytes."""
    import numpy as np

    encoder = msgspec.json.Encoder()
    size = sum(len(encoder.encode(text)) + 1 for text in texts) + 1
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (size,)})
    entry.file_size = len(header.getvalue()) + size
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry._compresslevel = 1  # type: ignore[attr-defined]
    with archive.open(entry, "w") as file:
        file.write(header.getvalue())
        for place, text in enumerate(texts):
            file.write((b"," if place else b"[") + encoder.encode(text))
        file.write(b"]")


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o644 << 16
    return entry


def _arrays(table: ScoreTable) -> list[tuple[str, Array | LongTexts]]:
    import numpy as np

    arrays: list[tuple[str, Array | LongTexts]] = [("text/unit_ids", _text(table.unit_ids))]
    arrays += _coded("cluster_ids", table.cluster_ids)
    arrays += _coded("status", table.status)
    for name in sorted(table.slices):
        arrays += _coded(f"slice.{name}", table.slices[name])
    for name in sorted(table.columns):
        column = np.asarray(table.columns[name], dtype=np.float64)
        if not np.isfinite(column).all():
            raise ValueError(f"column {name!r} of table {table.unit!r} holds NaN or an infinity")
        arrays.append((f"column/{name}", column))
    for name, texts in (("answers", table.answers), ("explanations", table.explanations)):
        if texts is not None:
            arrays.append((f"text/{name}", texts if isinstance(texts, LongTexts) else _text(texts)))
    if table.incomplete is not None:
        arrays.append(("text/incomplete", _text([table.incomplete])))
    if table.remarks:
        arrays.append(("text/remarks", _text([text for remark in sorted(table.remarks.items()) for text in remark])))
    return arrays


def _text(texts: Sequence[str | None]) -> Array:
    import numpy as np

    return np.frombuffer(msgspec.json.encode(texts), dtype=np.uint8)


def _coded(name: str, labels: Sequence[str]) -> list[tuple[str, Array | LongTexts]]:
    import numpy as np

    code_of = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    codes = np.fromiter(map(code_of.__getitem__, labels), np.int32, len(labels))
    return [(f"label/{name}", _text(list(code_of))), (f"code/{name}", codes)]


MAX_TABLES = 2**30
"""Bytes that the tables of one file may take when they are inflated; a file that claims more is refused. Answers and
explanations do not count: where they would take more by themselves, they are left out, since the log has them."""
_TOLD = ("answers", "explanations")
_MAX_ENTRIES = 10_000
_BROKEN = (
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    msgspec.MsgspecError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What a broken archive raises beside ValueError."""


def decode_tables(data: bytes) -> dict[str, ScoreTable]:
    """Read what `encode_tables` wrote, and nothing else.

    Args:
        data: The bytes of the archive, which may come from anybody.

    Returns:
        Unit to table. Every column is finite float64 with a row for each unit, every text a text.

    Raises:
        ValueError: If anything is not as `encode_tables` writes it, or takes more than `MAX_TABLES` bytes inflated.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            arrays = _read_arrays(archive)
        units = sorted({unit for unit, _, _ in arrays})
        return {unit: _Reader(unit, arrays).table() for unit in units}
    except ValueError:
        raise
    except _BROKEN as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _read_arrays(archive: zipfile.ZipFile) -> dict[tuple[str, str, str], Array]:
    """(unit, kind, name) to array."""
    entries = archive.infolist()
    entries = [each for each in entries if not _is_told(each.filename) or each.file_size <= MAX_TABLES]
    total = sum(entry.file_size for entry in entries if not _is_told(entry.filename))
    if len(entries) > _MAX_ENTRIES or total > MAX_TABLES:
        raise ValueError(f"its {len(entries):,} tables would take {total:,} bytes; at most {MAX_TABLES:,} are read")
    arrays: dict[tuple[str, str, str], Array] = {}
    for entry in entries:
        unit, _, rest = entry.filename.removesuffix(".npy").partition("/")
        kind, _, name = rest.partition("/")
        if kind not in _KINDS or not unit or not name or not entry.filename.endswith(".npy"):
            raise ValueError(f"{entry.filename!r} belongs to no table")
        if (unit, kind, name) in arrays:
            raise ValueError(f"{entry.filename!r} is there twice")
        with archive.open(entry) as file:
            arrays[unit, kind, name] = _read_array(file, entry, *_KINDS[kind])
    return arrays


def _is_told(filename: str) -> bool:
    return filename.partition("/")[2] in [f"text/{name}.npy" for name in _TOLD]


_KINDS: dict[str, tuple[str, int]] = {"column": ("<f8", 2), "text": ("|u1", 1), "label": ("|u1", 1), "code": ("<i4", 1)}
"""Kind of an entry to the type of its numbers and the dimensions that it has at most."""


def _read_array(file: IO[bytes], entry: zipfile.ZipInfo, kind: str, dimensions: int) -> Array:
    """One array, of which no more is read than its header and the archive agree on."""
    import numpy as np

    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError(f"{entry.filename!r} is of another format")
    shape, by_column, found = np.lib.format.read_array_header_1_0(file)
    if found.str != kind or not 1 <= len(shape) <= dimensions:
        raise ValueError(f"{entry.filename!r} holds {found.str} {list(shape)}, not {kind}")
    header = file.tell()
    size = math.prod(shape) * found.itemsize
    if min(shape) < 0 or header + size != entry.file_size:
        raise ValueError(f"{entry.filename!r} has {entry.file_size:,} bytes and claims to be {list(shape)}")
    data = file.read(size + 1)
    if len(data) != size:
        raise ValueError(f"{entry.filename!r} is cut off")
    return np.frombuffer(data, dtype=found).reshape(shape, order="F" if by_column else "C")


class _Reader:
    """Reads one table."""

    def __init__(self, unit: str, arrays: Mapping[tuple[str, str, str], Array]) -> None:
        self._unit = unit
        self._arrays = {(kind, name): array for (of, kind, name), array in arrays.items() if of == unit}
        ids = self._texts("unit_ids", None)
        if None in ids or len(set(ids)) != len(ids):
            raise ValueError(f"the units of {unit!r} have no ids of their own")
        self._ids: list[str] = ids  # type: ignore[assignment]

    def table(self) -> ScoreTable:
        """The table. Raises ValueError."""
        names = {kind: [name for of, name in self._arrays if of == kind] for kind in _KINDS}
        status = self._labels("status")
        if unknown := set(status).difference(get_args(ScoreStatus)):
            raise ValueError(f"a unit of {self._unit!r} is {min(unknown)!r}")
        texts: dict[str, Any] = {name: self._texts(name, len(self._ids)) for name in _TOLD if name in names["text"]}
        incomplete = self._texts("incomplete", 1)[0] if "incomplete" in names["text"] else None
        slices = [name.removeprefix("slice.") for name in names["code"] if name.startswith("slice.")]
        return ScoreTable(
            unit=self._unit,
            unit_ids=self._ids,
            cluster_ids=self._labels("cluster_ids"),
            status=status,
            columns={name: self._column(name) for name in names["column"]},
            slices={name: self._labels(f"slice.{name}") for name in slices},
            answers=texts.get("answers"),
            explanations=texts.get("explanations"),
            incomplete=incomplete,
            remarks=self._remarks() if "remarks" in names["text"] else {},
        )

    def _remarks(self) -> dict[str, str]:
        """Column to sentence, stored one after the other."""
        texts = self._texts("remarks", None)
        if len(texts) % 2 or None in texts:
            raise ValueError(f"the remarks of {self._unit!r} are no pairs of a column and a sentence")
        return dict(zip(texts[::2], texts[1::2], strict=True))  # type: ignore[arg-type]

    def _texts(self, name: str, count: int | None) -> list[str | None]:
        found = msgspec.json.decode(self._arrays["text", name].tobytes(), type=list[str | None])
        if count is not None and len(found) != count:
            raise ValueError(f"{name} of {self._unit!r} has {len(found):,} texts for {count:,} rows")
        return found

    def _labels(self, name: str) -> list[str]:
        known = msgspec.json.decode(self._arrays["label", name].tobytes(), type=list[str])
        codes = self._arrays["code", name]
        if len(codes) != len(self._ids) or (len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < len(known)):
            raise ValueError(f"{name} of {self._unit!r} has {len(codes):,} labels for {len(self._ids):,} rows")
        return [known[code] for code in codes.tolist()]

    def _column(self, name: str) -> Array:
        import numpy as np

        column = self._arrays["column", name]
        if len(column) != len(self._ids) or not np.isfinite(column).all():
            raise ValueError(
                f"column {name!r} of {self._unit!r} is no finite number for each of {len(self._ids):,} rows"
            )
        return column
