"""Read the official files of a dataset from a folder of the user's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mmbench.core import DataError
from mmbench.data.distribution import Official, joined
from mmbench.data.records import Record, listed
from mmbench.data.tables.open import open_table
from mmbench.data.tables.table import Table, refuse_empty


def official_table(official: Official, path: Path, split: str, *, whole: bool = True) -> Table:
    """The table of a split.

    Args:
        official: What the files are called.
        path: The folder that holds them, at whatever depth up to three; or the first file of the split itself.
        split: The card's name of the split.
        whole: Whether all files of the split are needed; if not, a file that is named is enough.

    Raises:
        DataError: If a file is missing, with its name, or there are several of that name.
    """
    if split not in official.files:
        raise DataError(f"{path}: the official files have no split {split!r}; they have {', '.join(official.files)}")
    folder = path if path.is_dir() else path.parent
    wanted = official.files[split]
    found = [_found(folder, pattern) for pattern in wanted]
    if path.is_file() and wanted:
        place = next((n for n, pattern in enumerate(wanted) if path.match(pattern)), 0)
        found[place] = path
        if not whole and None in found:
            wanted, found = wanted[place : place + 1], [path]
    if absent := [pattern for pattern, file in zip(wanted, found, strict=True) if file is None]:
        where = f"; they are given out at {official.url}" if official.url else ""
        raise DataError(f"{folder} lacks the file{'s' * (len(absent) > 1)} {listed(absent)}{where}")
    files = [file for file in found if file is not None]
    roots = dict.fromkeys(folder if name == "." else folder / name for name in (*official.images, "."))
    images = tuple(root for root in roots if root.is_dir())
    if official.read is not None:
        read = official.read
        return Table(path, "official files", lambda: refuse_empty(path, iter(read(path, split))), images=images)
    tables = [open_table(file, split if len(official.files) > 1 else "") for file in files]
    if len(tables) == 1:
        return Table(files[0], tables[0].kind, tables[0].read, count=tables[0].count, images=images, split=split)

    def read_joined() -> Iterator[Record]:
        return joined(tables[0].read(), [table.read() for table in tables[1:]], official.join)

    kind = f"{len(files)} official files"
    return Table(files[0], kind, lambda: refuse_empty(files[0], read_joined()), images=images, split=split)


def _found(folder: Path, pattern: str) -> Path | None:
    """The file of a pattern in a folder, the least deep first; None where there is none. Raises `DataError` for several."""
    for deep in ("", "*/", "*/*/"):
        found = sorted(path for path in folder.glob(f"{deep}{pattern}") if path.is_file())
        if len(found) > 1:
            raise DataError(
                f"{folder} holds several files {pattern}: {listed([str(p.relative_to(folder)) for p in found])}"
            )
        if found:
            return found[0]
    return None
