"""A table of rows as a file or folder holds it, before anybody says what its fields mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmbench.core import DataError
from mmbench.data.records import Record


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of one split of a file or folder."""

    path: Path
    """What errors name: the file, or the folder where there are several files."""
    kind: str
    """The format, as people write it: ``JSON Lines``, ``parquet, 3 shards``."""
    read: Callable[[], Iterator[Record]]
    """Reads the rows from the start, one after the other. Raises `DataError`."""
    columns: tuple[str, ...] = ()
    """Names of the fields where the format declares them; empty where every row has its own."""
    split: str = ""
    """The split that is read; empty where the format knows none."""
    splits: tuple[str, ...] = ()
    """Every split that is there."""
    config: str = ""
    """The configuration that is read; empty where there is only one."""
    configs: tuple[str, ...] = ()
    """Every configuration that is there."""
    count: int | None = None
    """Number of rows where the format states it."""
    whole: Mapping[str, Any] | None = None
    """A JSON object that holds several lists, such as annotations of COCO; None for plain rows."""
    shards: tuple[Any, ...] = ()
    """The parquet or Arrow files that hold the rows, opened (`mmbench.data.tables.shards.Shard`); empty for other formats."""
    images: tuple[Path, ...] = ()
    """Folders below which images are looked for first."""
    notes: tuple[str, ...] = field(default=())
    """What a user must know of how it was read, a sentence each."""

    def first(self, count: int) -> list[Record]:
        """The first rows. Raises `DataError`."""
        found: list[Record] = []
        for record in self.read():
            found.append(record)
            if len(found) == count:
                break
        return found


def stacked(path: Path, tables: Sequence[Table]) -> Table:
    """One table of the rows of several, in their order.

    Args:
        path: What errors name.
        tables: At least one.
    """
    first, *more = tables
    if not more:
        return first

    def read() -> Iterator[Record]:
        for table in tables:
            yield from table.read()

    alike = all(set(table.columns) == set(first.columns) for table in more)
    counts = [table.count for table in tables]
    return Table(
        path,
        f"{first.kind}, and {len(more)} more of the kind",
        read,
        first.columns if alike else (),
        split="+".join(dict.fromkeys(table.split for table in tables)),
        splits=first.splits,
        config="+".join(dict.fromkeys(table.config for table in tables)),
        configs=first.configs,
        count=None if None in counts else sum(count or 0 for count in counts),
        shards=tuple(shard for table in tables for shard in table.shards) if alike else (),
    )


def refuse_empty(path: Path, records: Iterator[Record]) -> Iterator[Record]:
    """The records, and `DataError` after them where there were none."""
    empty = True
    for record in records:
        empty = False
        yield record
    if empty:
        raise DataError(f"{path} holds no rows")
