"""Read a user's own data: open it, recognise its layout or follow a map, and make rows of it."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mmbench.core import DataError
from mmbench.core.collecting import collection_paused
from mmbench.data.fields import Fields, evaluated
from mmbench.data.fingerprint import digest_file
from mmbench.data.images import NamedImages
from mmbench.data.layouts import CAPTIONS, QUESTIONS, UTTERANCES, Layout, recognised, roles_of_names
from mmbench.data.records import Record, listed
from mmbench.data.tables.open import open_table
from mmbench.data.tables.table import Table

_SHARED = ("id", "image", "group", "slices", "type", "media")
OWN_ROLES = {
    QUESTIONS: (*_SHARED, "question_id", "question", "answer", "answers", "choices"),
    CAPTIONS: (*_SHARED, "caption", "captions"),
    UTTERANCES: (*_SHARED, "text", "label", "choices"),
}
"""The fields that mmbench's own layout of a kind has."""
_LETTERS = "ABCDEFGHIJ"
_FILLED_BY = {"answer": ("answer", "answers"), "answers": ("answer", "answers"), "caption": ("caption", "captions"),
              "captions": ("caption", "captions"), "choices": ("choices", "A")}  # fmt: skip
_MISSPELT = 0.85
"""How alike (`difflib`) the name of an unknown field must be to a known one to be taken for a slip."""
_NEVER_MISSPELT = ("question", "answer", "text", "label", "caption", "image", "media")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a user's data are read, where the user says so."""

    fields: Fields | None = None
    """The map that was given; None: the layout is recognised, or mmbench's own."""
    download: bool = False
    """Whether images that are named by URLs are fetched."""


class FileRows:
    """The rows of a user's file or folder, split by split; satisfies `mmbench.core.RowSource`."""

    def __init__(
        self,
        path: Path,
        kind: str,
        make: Callable[[Iterable[Record], NamedImages], Sequence[Any]],
        reading: Reading | None = None,
    ) -> None:
        """Open the data; of their rows the first is read.

        Args:
            path: A file or folder, see `mmbench.data.tables.open.open_table`.
            kind: The kind of rows, as in `mmbench.data.layouts`.
            make: Makes rows of records whose fields are roles.
            reading: What the user said of it.

        Raises:
            DataError: If there is nothing to read.
        """
        self._path, self._kind, self._make = path, kind, make
        self._reading = reading or Reading()
        self._held: dict[str, Sequence[Any]] = {}
        self.problems: list[str] = []
        self.table = open_table(path)
        self.layout = None if self._reading.fields is not None else recognised(self.table, kind)
        if self.layout is not None and self.layout.change is not None:
            self.table = self.layout.change(self.table)
        self.watch = _Watch(kind, self.mapped, self.layout)

    @property
    def mapped(self) -> Fields | None:
        """The map in force; None for mmbench's own layout."""
        if self._reading.fields is not None:
            own = {role: role for role in OWN_ROLES[self._kind] if role not in ("slices", "type")}
            return self._reading.fields.over(Fields(**own))
        return None if self.layout is None else self.layout.fields

    @property
    def splits(self) -> tuple[str, ...]:
        """``test``, which is the split that the data are for, and every split by its own name."""
        return tuple(dict.fromkeys(("test", *filter(None, self.table.splits))))

    def rows(self, split: str) -> Sequence[Any]:
        """The rows of a split, read once. Raises `DataError`."""
        if split not in self._held:
            with collection_paused():
                self._held[split] = self._read(self._table(split))
        return self._held[split]

    def records(self) -> Iterator[Record]:
        """The records of the split ``test`` with roles as fields. Raises `DataError`."""
        return self._roles(self.table)

    def _table(self, split: str) -> Table:
        if split in ("test", self.table.split):
            return self.table
        table = open_table(self._path, split)
        if self.layout is None or self.layout.change is None:
            return table
        return self.layout.change(replace(table, split=split))

    def _roles(self, table: Table) -> Iterator[Record]:
        mapped = self.mapped
        if mapped is None:
            return self.watch.watched(table.read())
        return (mapped.apply(record) for record in self.watch.watched(table.read()))

    def _read(self, table: Table) -> Sequence[Any]:
        scope = self.revision if table.shards and "media" in (self.mapped or ()) else ""
        images = NamedImages(table.path, folders=table.images, scope=scope, download=self._reading.download)
        if table.shards and self._kind == QUESTIONS and (self.layout is None or self.layout.change is None):
            from mmbench.data.columnar import columnar_questions

            fields = self.mapped or Fields(**{role: role for role in OWN_ROLES[QUESTIONS]})
            if not self.watch.suspects(table.columns) and (found := columnar_questions(table.shards, fields, images)):
                return found
        return self._make(self._roles(table), images)

    @property
    def read_as(self) -> str:
        """The layout, the format and the split: ``POPE, JSON Lines``."""
        layout = (
            "your map"
            if self._reading.fields is not None
            else self.layout.name
            if self.layout
            else "mmbench's own layout"
        )
        split = f", split {self.table.split}" if self.table.split and self.table.split != "test" else ""
        same = layout == self.table.kind.partition(",")[0]
        return f"{self.table.kind}{split}" if same else f"{layout}, {self.table.kind}{split}"

    @property
    def notes(self) -> tuple[str, ...]:
        """How the data were read, and which fields were not, once they were; a sentence each. None for the plain own layout."""
        unread = sorted(self.watch.unread)
        found = [f"read as {self.read_as}"] if self.layout or self._reading.fields or self.table.split else []
        found += self.table.notes
        if unread:
            found.append(f"fields that are not read: {listed(unread, 12)}")
        return tuple(found)

    @property
    def revision(self) -> str:
        """What identifies the data: the digest of a file of text; of anything else, of names and sizes."""
        return revision_of(self.table.path)


def numbers_of_classes(labels: Collection[str]) -> str:
    """What is wrong with labels that are 0, 1, 2, … without a gap, as classes are numbered and scores hardly ever are; else empty.

    Args:
        labels: The different labels, as they are written.
    """
    numbers = sorted(labels)
    if len(numbers) < 2 or numbers != [str(number) for number in range(len(numbers))]:
        return ""
    return (
        f"the labels are {', '.join(numbers)} alone: numbers of classes, or scores from -3 to 3? For classes give their names, "
        f"--map 'classes={'|'.join(['negative', 'neutral', 'positive', 'other'][: len(numbers)])}'; scores are written with a "
        "decimal point, 1.0"
    )


def revision_of(path: Path) -> str:
    """The digest of a text file; of parquet, Arrow, tar archives and folders, that of their files' names and sizes."""
    if path.is_file() and path.suffix not in (".parquet", ".arrow", ".tar"):
        return digest_file(path)
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.is_file())
    stated = "\n".join(f"{each.name} {each.stat().st_size}" for each in files)
    return hashlib.sha256(stated.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass
class _Watch:
    """Sees to it that no field that means something is passed over in silence."""

    kind: str
    mapped: Fields | None
    layout: Layout | None
    unread: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._known = frozenset(self.mapped.names) if self.mapped is not None else self._own()
        self._known |= frozenset() if self.layout is None else self.layout.changed
        self._synonyms = roles_of_names(self.kind)
        self._suspects: dict[tuple[str, ...], list[tuple[str, str]]] = {}

    def _own(self) -> frozenset[str]:
        return frozenset(OWN_ROLES[self.kind]) | (frozenset(_LETTERS) if self.kind == QUESTIONS else frozenset())

    def watched(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records. Raises `DataError` for a field that this reading passes over although it has a meaning."""
        for record in records:
            for name, role in self._suspects_of(record):
                if record.fields[name] not in (None, "", []) and not self._filled(record, role):
                    raise record.error(
                        f"field {name!r} would be passed over; if it is the {role}, add --map {role}={name}, else remove it"
                    )
            yield record

    def suspects(self, columns: Sequence[str]) -> bool:
        """Whether a table with these columns has to be read row by row to see what would be passed over."""
        unread = [name for name in columns if name not in self._known]
        self.unread.update(unread)
        if self.layout is not None:
            return False
        return any(map(self._role, unread)) or (self.mapped is None and bool(set(columns) & set(_LETTERS)))

    def _suspects_of(self, record: Record) -> list[tuple[str, str]]:
        names = tuple(record.fields)
        found = self._suspects.get(names)
        if found is None:
            unread = [name for name in names if name not in self._known]
            self.unread.update(unread)
            self._refuse_slips(record, unread)
            found = [(name, self._role(name)) for name in unread if self._role(name)] if self.layout is None else []
            self._suspects[names] = found
        return found

    def _role(self, name: str) -> str:
        return "hint" if name == "hint" and self.kind == QUESTIONS else self._synonyms.get(name, "")

    def _filled(self, record: Record, role: str) -> bool:
        """Whether the record has the role under another name."""
        if self.mapped is not None:
            return any(
                each in self.mapped and evaluated(record, self.mapped[each]) is not None
                for each in _FILLED_BY.get(role, (role,))
            )
        return any(record.has(each) for each in _FILLED_BY.get(role, (role,)) if each in self._known)

    def _refuse_slips(self, record: Record, unread: Sequence[str]) -> None:
        """Raise `DataError` for a field that looks like a slip for an optional one."""
        if self.mapped is not None:
            return
        absent = [name for name in OWN_ROLES[self.kind] if name not in record.fields and name not in _NEVER_MISSPELT]
        for name in unread:
            if near := difflib.get_close_matches(name.casefold(), absent, n=1, cutoff=_MISSPELT):
                raise record.error(f"unknown field {name!r}; did you mean {near[0]!r}?")


def read_dataset(
    path: Path,
    kind: str,
    make: Callable[[Iterable[Record], NamedImages], Sequence[Any]],
    reading: Reading | None = None,
) -> FileRows:
    """A user's data with the rows of ``test`` read.

    Args:
        path: A file or folder.
        kind: The kind of rows: ``questions``, ``captions`` or ``utterances``.
        make: Makes rows of records.
        reading: What the user said of it.

    Raises:
        DataError: If something is wrong with the data; the first thing that is.
    """
    source = FileRows(path, kind, make, reading)
    if not source.rows("test"):
        raise DataError(f"{path} holds no rows")
    return source
