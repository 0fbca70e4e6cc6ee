"""Score tables on disk: one ``.npz`` with plain arrays, the same bytes for the same content."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mmbench.core.errors import DamagedFileError, NotComparableError
from mmbench.core.score_table import ScoreTable

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_EPOCH = (1980, 1, 1, 0, 0, 0)


def encode_tables(tables: Mapping[str, ScoreTable]) -> bytes:
    """The tables as an ``.npz`` archive.

    A table ``U`` becomes ``U/column/NAME`` (float64 [n] or [n, d]), ``U/text/NAME`` (UTF-8 JSON list as uint8, for ids,
    answers and explanations) and ``U/label/NAME`` + ``U/code/NAME`` (distinct labels, int32 [n] codes, for clusters,
    status and slices). Raises ValueError when a column holds NaN or an infinity.
    """
    import numpy as np

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for unit in sorted(tables):
            for name, value in _arrays(tables[unit]):
                piece = io.BytesIO()
                np.lib.format.write_array(piece, value, allow_pickle=False)
                archive.writestr(_entry(f"{unit}/{name}.npy"), piece.getbuffer(), zipfile.ZIP_DEFLATED, 1)
    return buffer.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.external_attr = 0o644 << 16
    return entry


def _arrays(table: ScoreTable) -> list[tuple[str, Array]]:
    import numpy as np

    arrays: list[tuple[str, Array]] = [("text/unit_ids", _text(table.unit_ids))]
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
            arrays.append((f"text/{name}", _text(texts)))
    if table.incomplete is not None:
        arrays.append(("text/incomplete", _text([table.incomplete])))
    return arrays


def _text(texts: Sequence[str | None]) -> Array:
    import numpy as np

    return np.frombuffer(msgspec.json.encode(texts), dtype=np.uint8)


def _coded(name: str, labels: Sequence[str]) -> list[tuple[str, Array]]:
    import numpy as np

    code_of = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    codes = np.fromiter(map(code_of.__getitem__, labels), np.int32, len(labels))
    return [(f"label/{name}", _text(list(code_of))), (f"code/{name}", codes)]


def decode_tables(path: Path) -> dict[str, ScoreTable]:
    """Read what `encode_tables` wrote. Raises `NotComparableError` when the file is missing or damaged."""
    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays: dict[str, Array] = {name: archive[name] for name in archive.files}
    except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise NotComparableError(f"cannot read {path}: {error}") from error
    units = sorted({name.partition("/")[0] for name in arrays})
    try:
        return {unit: _table(unit, arrays) for unit in units}
    except (KeyError, IndexError, msgspec.MsgspecError) as error:
        raise DamagedFileError(path, error) from error


def _table(unit: str, arrays: Mapping[str, Array]) -> ScoreTable:
    def texts(name: str) -> Any:
        return msgspec.json.decode(arrays[f"{unit}/text/{name}"].tobytes())

    def labels(name: str) -> list[str]:
        known = msgspec.json.decode(arrays[f"{unit}/label/{name}"].tobytes(), type=list[str])
        return [known[code] for code in arrays[f"{unit}/code/{name}"].tolist()]

    def named(prefix: str) -> list[str]:
        start = f"{unit}/{prefix}"
        return [name.removeprefix(start) for name in arrays if name.startswith(start)]

    present = named("text/")
    return ScoreTable(
        unit=unit,
        unit_ids=texts("unit_ids"),
        cluster_ids=labels("cluster_ids"),
        status=labels("status"),
        columns={name: arrays[f"{unit}/column/{name}"] for name in named("column/")},
        slices={name: labels(f"slice.{name}") for name in named("code/slice.")},
        answers=texts("answers") if "answers" in present else None,
        explanations=texts("explanations") if "explanations" in present else None,
        incomplete=texts("incomplete")[0] if "incomplete" in present else None,
    )
