"""Read official files that are no single table: several files one after the other, and fields that have to be computed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmbench.core import DataError
from mmbench.data import Record, listed, read_records

Read = Callable[[Path, str], Iterable[Record]]
"""As `mmbench.data.Official.read`: the rows of a split in what the user named."""
_DEPTHS = ("", "*/", "*/*/", "*/*/*/")


def find_file(folder: Path, pattern: str) -> Path | None:
    """The first file of a pattern in a folder or up to three folders below; None where there is none."""
    for deep in _DEPTHS:
        found = sorted(path for path in folder.glob(f"{deep}{pattern}") if path.is_file())
        if found:
            return found[0]
    return None


def with_fields(record: Record, **fields: Any) -> Record:
    """A record with more fields, or others in their place."""
    return Record(record.path, record.place, {**record.fields, **fields}, record.is_csv)


def one_after_the_other(files: Mapping[str, str], field: str) -> Read:
    """A reader of several files, whose rows get the name of their part as a field.

    Args:
        files: Part to the pattern of its file. A file that the user names is read alone, as the part whose name stands in its name.
        field: The name of the field.
    """

    def read(path: Path, split: str) -> Iterator[Record]:
        del split
        if path.is_file():
            part = next((part for part in files if part in path.stem), path.stem)
            yield from (with_fields(record, **{field: part}) for record in read_records(path))
            return
        found = {part: find_file(path, pattern) for part, pattern in files.items()}
        if absent := [pattern for part, pattern in files.items() if found[part] is None]:
            known = [str(file.name) for file in found.values() if file is not None]
            hint = f"; to read what is there, name the file: {known[0]}" if known else ""
            raise DataError(f"{path} lacks the file{'s' * (len(absent) > 1)} {listed(absent)}{hint}")
        for part, file in found.items():
            if file is not None:
                yield from (with_fields(record, **{field: part}) for record in read_records(file))

    return read


def computed(files: Mapping[str, str], compute: Callable[[Record], Mapping[str, Any] | None]) -> Read:
    """A reader of one file, whose rows get computed fields.

    Args:
        files: Split to the pattern of its file.
        compute: The fields of a row; None for a row that does not belong to the dataset.
    """

    def read(path: Path, split: str) -> Iterator[Record]:
        file = path if path.is_file() else find_file(path, files[split])
        if file is None:
            raise DataError(f"{path} lacks the file {files[split]}")
        for record in read_records(file):
            fields = compute(record)
            if fields is not None:
                yield with_fields(record, **fields)

    return read
