"""Score tables as a little text: what a baseline that is kept in git holds of them.

Ids and answers are left out; digests of the ids stand in for them. Everything that metrics read is kept to the bit.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import field

from mmbench.core.score_table import ScoreTable
from mmbench.results.schema import StoredRecord

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MAX_DECODED = 2**29
"""Bytes that the tables of one file may take when they are unpacked; a file that claims more is refused."""
_DICTIONARY = 2**12
"""A column with more distinct values than this is kept as plain numbers."""


class PackedCodes(StoredRecord, frozen=True, kw_only=True):
    """[n] whole numbers from 0 to `kinds` - 1, written in whichever way is shortest."""

    form: Literal["constant", "bits", "bytes", "steps"]
    """``constant``: all are 0. ``bits``: as few bits each as `kinds` asks for, most significant first. ``bytes``:
    little-endian integers of 1, 2 or 4 bytes. ``steps``: one bit each, 1 where the number is one above that before it."""
    kinds: int
    """How many different numbers there may be."""
    data: str
    """The bytes, deflated (zlib), in base 85 (RFC 1924 alphabet); empty for ``constant``."""


class PackedLabels(StoredRecord, frozen=True, kw_only=True):
    """[n] labels."""

    labels: list[str]
    """The different labels, in the order of their first occurrence."""
    codes: PackedCodes
    """Which of them each row has."""


class PackedColumn(StoredRecord, frozen=True, kw_only=True):
    """One column of scores, float64 [n] or [n, d], exact to the bit."""

    width: int | None
    """d; null for a column [n]."""
    values: str
    """float64, little-endian, the bytes of all numbers sorted by their place in the number, deflated, in base 85: the
    distinct values where there are codes, else the column row by row."""
    codes: PackedCodes | None
    """Which of the values each cell holds; null where `values` is the column itself."""


class PackedTable(StoredRecord, frozen=True, kw_only=True):
    """One score table without ids, answers and explanations."""

    n: int
    """Rows."""
    ids_digest: str
    """sha256 over the ids of the units, in the order of the rows."""
    clusters_digest: str
    """sha256 over the cluster ids, in the order of the rows."""
    clusters: PackedCodes
    """Cluster of each row, numbered by first occurrence."""
    status: PackedLabels
    """Status of each row."""
    slices: dict[str, PackedLabels]
    """Slice name to the label of each row."""
    columns: dict[str, PackedColumn]
    """Name to scores."""
    incomplete: str | None
    """Why values over this table are incomplete."""
    remarks: dict[str, str] = field(default_factory=dict)
    """Column to what must be known to read values that come from it; empty before schema version 9."""


class HiddenIds(Sequence[str]):
    """The ids of a packed table: known by their digest alone; as text they are numbers."""

    def __init__(self, count: int, digest: str) -> None:
        self._count = count
        self.digest = digest

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return map("#{}".format, range(self._count))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [f"#{n}" for n in range(*index.indices(self._count))]
        return f"#{range(self._count)[index]}"


def ids_digest(ids: Sequence[str]) -> str:
    """sha256 over texts in order, each with its length before it; of `HiddenIds` what they are known by."""
    if isinstance(ids, HiddenIds):
        return ids.digest
    digest = hashlib.sha256()
    for text in ids:
        data = text.encode()
        digest.update(f"{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def pack_table(table: ScoreTable) -> PackedTable:
    """A table, packed. Raises ValueError when a column holds NaN or an infinity."""
    return PackedTable(
        n=len(table.unit_ids),
        ids_digest=ids_digest(table.unit_ids),
        clusters_digest=ids_digest(table.cluster_ids),
        clusters=_pack_codes(*_numbered(table.cluster_ids)[::-1]),
        status=_pack_labels(table.status),
        slices={name: _pack_labels(labels) for name, labels in sorted(table.slices.items())},
        columns={name: _pack_column(name, values) for name, values in sorted(table.columns.items())},
        incomplete=table.incomplete,
        remarks=dict(table.remarks),
    )


def _numbered(labels: Sequence[str]) -> tuple[list[str], Array]:
    """Distinct labels by first occurrence, and the number of each."""
    import numpy as np

    number_of: dict[str, int] = {}
    codes = np.fromiter((number_of.setdefault(label, len(number_of)) for label in labels), np.int64, len(labels))
    return list(number_of), codes


def _pack_labels(labels: Sequence[str]) -> PackedLabels:
    names, codes = _numbered(labels)
    return PackedLabels(labels=names, codes=_pack_codes(codes, names))


def _pack_codes(codes: Array, names: Sequence[object]) -> PackedCodes:
    import numpy as np

    kinds = len(names)
    if kinds <= 1:
        return PackedCodes(form="constant", kinds=kinds, data="")
    forms: dict[Literal["bits", "bytes", "steps"], str] = {
        "bits": _deflated(np.packbits(_to_bits(codes, kinds)).tobytes()),
        "bytes": _deflated(codes.astype(_integer(kinds)).tobytes()),
    }
    steps = np.diff(codes, prepend=0)
    if ((steps == 0) | (steps == 1)).all():
        forms["steps"] = _deflated(np.packbits(steps.astype(np.uint8)).tobytes())
    form = min(forms, key=lambda name: len(forms[name]))
    return PackedCodes(form=form, kinds=kinds, data=forms[form])


def _to_bits(codes: Array, kinds: int) -> Array:
    import numpy as np

    places = np.arange((kinds - 1).bit_length())[::-1]
    return ((codes[:, None] >> places) & 1).astype(np.uint8)


def _integer(kinds: int) -> str:
    return "u1" if kinds <= 2**8 else "<u2" if kinds <= 2**16 else "<u4"


def _pack_column(name: str, values: Any) -> PackedColumn:
    import numpy as np

    column = np.asarray(values, dtype=np.float64)
    if not np.isfinite(column).all():
        raise ValueError(f"column {name!r} holds NaN or an infinity")
    width = None if column.ndim == 1 else int(column.shape[1])
    flat = np.ascontiguousarray(column).reshape(-1)
    distinct, codes = np.unique(flat.view(np.uint64), return_inverse=True)  # by bits: -0.0 is not 0.0
    if len(distinct) > min(_DICTIONARY, len(flat) // 2):
        return PackedColumn(width=width, values=_shuffled(flat), codes=None)
    packed = _pack_codes(codes.reshape(-1).astype(np.int64), distinct.tolist())
    return PackedColumn(width=width, values=_shuffled(distinct.view(np.float64)), codes=packed)


def _shuffled(numbers: Array) -> str:
    import numpy as np

    return _deflated(np.ascontiguousarray(numbers.astype("<f8").view(np.uint8).reshape(-1, 8).T).tobytes())


def _deflated(data: bytes) -> str:
    return base64.b85encode(zlib.compress(data, 9)).decode("ascii")


class Unpacker:
    """Unpacks the tables of one file. Its methods raise ValueError for data that are damaged or too large."""

    def __init__(self) -> None:
        self._left = MAX_DECODED

    def table(self, unit: str, packed: PackedTable) -> ScoreTable:
        """A table whose ids are `HiddenIds`; its clusters are named by their numbers."""
        if packed.n < 0:
            raise ValueError(f"table {unit!r} has {packed.n} rows")
        clusters = self._codes(packed.clusters, packed.n)
        width = len(str(packed.clusters.kinds))
        return ScoreTable(
            unit=unit,
            unit_ids=HiddenIds(packed.n, packed.ids_digest),
            cluster_ids=[f"#{code:0{width}}" for code in clusters.tolist()],
            status=self._labels(packed.status, packed.n),
            columns={name: self._column(column, packed.n) for name, column in packed.columns.items()},
            slices={name: self._labels(labels, packed.n) for name, labels in packed.slices.items()},
            incomplete=packed.incomplete,
            remarks=packed.remarks,
        )

    def _labels(self, packed: PackedLabels, n: int) -> list[str]:
        if len(packed.labels) != packed.codes.kinds:
            raise ValueError(f"{len(packed.labels)} labels for {packed.codes.kinds} codes")
        return [packed.labels[code] for code in self._codes(packed.codes, n).tolist()]

    def _codes(self, packed: PackedCodes, n: int) -> Array:
        """int64 [n]."""
        import numpy as np

        self._take(16 * n)
        if packed.kinds < (n > 0) or packed.kinds > max(n, 1):
            raise ValueError(f"{packed.kinds} different codes for {n} rows")
        if packed.form == "constant":
            if packed.kinds > 1 or packed.data:
                raise ValueError("constant codes with data")
            return np.zeros(n, dtype=np.int64)
        if packed.form == "bytes":
            kind = np.dtype(_integer(packed.kinds))
            codes = np.frombuffer(self._inflated(packed.data, n * kind.itemsize), kind).astype(np.int64)
        else:
            each = 1 if packed.form == "steps" else max((packed.kinds - 1).bit_length(), 1)
            data = self._inflated(packed.data, (n * each + 7) // 8)
            bits = np.unpackbits(np.frombuffer(data, np.uint8), count=n * each).reshape(n, each).astype(np.int64)
            codes = np.cumsum(bits[:, 0]) if packed.form == "steps" else bits @ (1 << np.arange(each)[::-1])
        if n and int(codes.max()) >= packed.kinds:
            raise ValueError(f"a code of {int(codes.max())} where there are {packed.kinds}")
        return codes

    def _column(self, packed: PackedColumn, n: int) -> Array:
        """float64 [n] or [n, d]."""
        import numpy as np

        if packed.width is not None and packed.width < 1:
            raise ValueError(f"a column of width {packed.width}")
        cells = n * (packed.width or 1)
        if packed.codes is None:
            flat = self._numbers(packed.values, cells)
        else:
            codes = self._codes(packed.codes, cells)
            flat = self._numbers(packed.values, packed.codes.kinds)[codes]
        if not np.isfinite(flat).all():
            raise ValueError("a score is not a finite number")
        return flat if packed.width is None else flat.reshape(n, packed.width)

    def _numbers(self, text: str, count: int) -> Array:
        import numpy as np

        data = np.frombuffer(self._inflated(text, 8 * count), np.uint8).reshape(8, count)
        return np.ascontiguousarray(data.T).reshape(-1).view("<f8").astype(np.float64)

    def _inflated(self, text: str, size: int) -> bytes:
        """The bytes, of which there must be exactly `size`; never more are made."""
        self._take(size)
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(base64.b85decode(text.encode("ascii")), size + 1)
        except (zlib.error, binascii.Error, UnicodeEncodeError) as error:
            raise ValueError(f"packed data are broken: {error}") from error
        if len(data) != size or not inflater.eof or inflater.unused_data:
            raise ValueError(f"packed data do not hold the {size} bytes that they should")
        return data

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ValueError(f"the tables would take more than {MAX_DECODED >> 20} MiB")


def unpack_tables(packed: Mapping[str, PackedTable]) -> dict[str, ScoreTable]:
    """Unit to table. Raises ValueError for data that are damaged or too large."""
    unpacker = Unpacker()
    return {unit: unpacker.table(unit, table) for unit, table in packed.items()}
