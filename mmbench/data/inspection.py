"""What a user's file or folder holds, and everything that is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmbench.core import DataError, MmbenchError
from mmbench.data.captions import captioned_of
from mmbench.data.images import NamedImages
from mmbench.data.layouts import CAPTIONS, QUESTIONS, UTTERANCES
from mmbench.data.questions import questions_of
from mmbench.data.reading import FileRows, Reading, numbers_of_classes
from mmbench.data.records import Record, cut
from mmbench.data.result_files import looks_like_results, object_of_results
from mmbench.data.tables.open import data_files, open_table

_SHOWN_ROWS = 3
_MOST_PROBLEMS = 1000
_HISTOGRAM = 20
_SHOWN_FILES = 30
_OF_KIND = {
    QUESTIONS: {"question", "answer", "answers", "choices"},
    CAPTIONS: {"caption", "captions", "sentences"},
    UTTERANCES: {"label"},
}
"""Fields that say what rows are meant to be, where none of them can be read."""
_IMAGES = {"image", "images", "img"}
_FAMILIES = {QUESTIONS: "vqa, mcq and yes-no", CAPTIONS: "captioning and retrieval", UTTERANCES: "sentiment"}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found."""

    path: str
    """What was looked at."""
    read_as: str
    """Layout, format and split."""
    kind: str
    """``questions``, ``captions`` or ``utterances``; empty where nothing fits."""
    families: str
    """The families of tasks that take it."""
    splits: tuple[str, ...]
    """Every split that is there, where the format has splits."""
    configs: tuple[str, ...]
    """Every configuration that is there, where the format has them."""
    rows: int
    """Rows of the split."""
    good: int
    """Rows that become samples."""
    columns: dict[str, int]
    """Every field, and in how many rows it has a value."""
    roles: dict[str, str]
    """The roles that are filled, and from where."""
    unread: tuple[str, ...]
    """Fields that are not read."""
    samples: tuple[dict[str, str], ...]
    """The first rows as they are read: role to value, cut to what one can read."""
    labels: dict[str, int]
    """The most frequent answers or labels."""
    images: int
    """Different images."""
    notes: tuple[str, ...]
    """What must be known of how it was read."""
    problems: tuple[str, ...] = field(default=())
    """Everything that is wrong, a sentence each."""


def inspect(path: Path, *, kind: str = "", reading: Reading | None = None) -> Inspection:
    """Look at a file or folder as a family would read it, and go on after each problem.

    Args:
        path: The file or folder.
        kind: The kind of rows that is wanted; empty: the one that fits.
        reading: What the user said of it.

    Raises:
        DataError: If it cannot be read at all, so that nothing can be said of it.
    """
    files = data_files(path)
    if len(files) > 1:
        try:
            open_table(path)
        except DataError as error:
            return _several(path, files, kind, reading, str(error))
    kinds = [kind] if kind else [QUESTIONS, CAPTIONS, UTTERANCES]
    found = [_inspected(path, each, reading) for each in kinds]
    if not kind and not any(each.good for each in found):
        meant = _meant(_first_names(path))
        found = [each for each in found if each.kind in meant] or found
    return min(found, key=lambda each: (not each.good, len(each.problems) - each.good))


def _meant(names: set[str]) -> set[str]:
    """The kinds that the fields of a row speak of; images alone are for captions. Empty where they say nothing."""
    meant = {kind for kind, own in _OF_KIND.items() if names & own}
    return meant or ({CAPTIONS} if names & _IMAGES else set())


def _first_names(path: Path) -> set[str]:
    """The fields of the first row, whether they hold anything or not."""
    try:
        return {name for record in open_table(path).first(1) for name in record.fields}
    except DataError:
        return set()


def _several(path: Path, files: Sequence[Path], kind: str, reading: Reading | None, problem: str) -> Inspection:
    """What each of several files in a folder is, where none of them is the one that is meant."""
    notes = []
    for file in files[:_SHOWN_FILES]:
        try:
            found = inspect(file, kind=kind, reading=reading)
        except DataError as error:
            notes.append(f"{file.name}: {_of_file(file, str(error))}")
            continue
        told = f"{found.read_as}, {found.rows:,} rows, for {found.families}"
        notes.append(f"{file.name}: {told if found.good else _of_file(file, found.problems[0])}")
    if len(files) > _SHOWN_FILES:
        notes.append(f"and {len(files) - _SHOWN_FILES:,} more files")
    return Inspection(str(path), "", kind, "", (), (), 0, 0, {}, {}, (), (), {}, 0, tuple(notes), (problem,))


def _of_file(file: Path, problem: str) -> str:
    return problem.removeprefix(str(file)).lstrip(":, ")


def _inspected(path: Path, kind: str, reading: Reading | None) -> Inspection:
    try:
        source = FileRows(path, kind, _MAKERS[kind], reading)
    except DataError as error:
        open_table(path)  # what cannot be opened raises here, as it is no matter of kinds
        told = _looks_like_results(path)
        problem = f"{error}; {told}" if told else str(error)
        return Inspection(str(path), "", kind, _FAMILIES[kind], (), (), 0, 0, {}, {}, (), (), {}, 0, (), (problem,))
    return _Looker(path, kind, source, reading or Reading()).look()


def _looks_like_results(path: Path) -> str:
    """What the first row of a file looks like, as it lies there."""
    return looks_like_results(_first_names(path))


class _Looker:
    """Reads every row by itself, so that each says what is wrong with it."""

    def __init__(self, path: Path, kind: str, source: FileRows, reading: Reading) -> None:
        self._path, self._kind, self._source, self._reading = path, kind, source, reading
        self._problems: list[str] = []
        self._columns: Counter[str] = Counter()
        self._labels: Counter[str] = Counter()
        self._samples: list[dict[str, str]] = []
        self._ids: dict[str, str] = {}
        self._rows = self._good = 0
        self._images = _AllImages(source.table.path, folders=source.table.images, download=reading.download)

    def look(self) -> Inspection:
        """Everything that there is to say."""
        source = self._source
        records = source.table.read()
        while True:
            try:
                record = next(records)
            except StopIteration:
                break
            except MmbenchError as error:  # the file itself is damaged: nothing can be read after it
                self._add(str(error))
                break
            self._rows += 1
            self._columns.update(name for name, value in record.fields.items() if value not in (None, "", []))
            self._one(record)
        self._problems += self._images.problems()
        numbers = "" if self._kind != UTTERANCES else numbers_of_classes(list(self._labels))
        self._problems += (
            [f"{source.table.path}: {numbers}"] if numbers and "classes" not in (source.mapped or ()) else []
        )
        told = "" if self._good else self._told(source)
        self._problems[:0] = [f"{source.table.path} has nothing to ask: {told}"] if told else []
        if not self._rows and not self._problems:
            self._problems.append(f"{self._path} holds no rows")
        mapped = source.mapped
        roles = {} if mapped is None else {role: _shown_expression(mapped[role]) for role in mapped}
        if mapped is None:
            roles = {name: name for name in self._columns if name not in source.watch.unread}
        return Inspection(
            path=str(self._path), read_as=source.read_as, kind=self._kind, families=_FAMILIES[self._kind],
            splits=source.table.splits, configs=source.table.configs, rows=self._rows, good=self._good,
            columns=dict(self._columns), roles=roles, unread=tuple(sorted(source.watch.unread)),
            samples=tuple(self._samples), labels=dict(self._labels.most_common(_HISTOGRAM)),
            images=self._images.count, notes=source.table.notes, problems=tuple(self._problems),
        )  # fmt: skip

    def _told(self, source: FileRows) -> str:
        """What rows of which none can be asked look like; a single one may be an object of id to answer."""
        if not self._rows:
            return _looks_like_results(self._path)
        if self._rows == 1 and self._columns.keys() <= source.watch.unread | {"id"}:
            (record,) = source.table.first(1)
            return object_of_results({name: value for name, value in record.fields.items() if name != "id"})
        return looks_like_results(self._columns)

    def _one(self, record: Record) -> None:
        """Read one row. Problems are kept."""
        source = self._source
        try:
            (watched,) = source.watch.watched([record])
            mapped = source.mapped
            roles = watched if mapped is None else mapped.apply(watched)
            found = _MAKERS[self._kind]([_numbered(roles, self._rows - 1)], self._images)
        except MmbenchError as error:
            self._add(str(error))
            return
        except ValueError as error:
            self._add(f"{record.path}, {record.place}: {error}")
            return
        self._good += 1
        for row in found:
            self._count(row, record)
        if len(self._samples) < _SHOWN_ROWS:
            self._samples.append({role: _shown(value) for role, value in roles.fields.items() if value is not None})

    def _count(self, row: Any, record: Record) -> None:
        if self._kind != CAPTIONS:
            if row.id in self._ids:
                self._good -= 1
                self._add(f"{record.path}, {record.place}: id {cut(row.id)!r} is taken by {self._ids[row.id]}")
            self._ids.setdefault(row.id, record.place)
        answers = getattr(row, "answers", None) or ([row.label] if hasattr(row, "label") else [])
        self._labels.update(cut(answer, 60) for answer in dict.fromkeys(answers))

    def _add(self, problem: str) -> None:
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(problem)


class _AllImages(NamedImages):
    """Looks for images row by row and keeps what is wrong for the end."""

    @property
    def count(self) -> int:
        """Different images that were found."""
        return len(set(self._paths.values())) + len(self._made) + len(self._urls)

    def media(self) -> Any:
        """Something for every name, whether the image is there or not."""
        return _Anything()

    def problems(self) -> list[str]:
        """What is wrong with the images, all of it together."""
        try:
            super().check()
        except DataError as error:
            return [str(error)]
        return []


class _Anything(dict[str, Any]):
    """Has a medium under every name."""

    def __missing__(self, key: str) -> Any:
        from mmbench.data.fingerprint import image_from_bytes

        return image_from_bytes(key.encode("utf-8", "surrogateescape"))


def _numbered(record: Record, number: int) -> Record:
    """The record with the id that it has by its place, where it has none."""
    if record.has("id") or record.has("question_id"):
        return record
    return Record(record.path, record.place, {**record.fields, "id": f"row-{number}"}, record.is_csv)


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(_shown(each) for each in value[:5]) + (", …" if len(value) > 5 else "")
    if isinstance(value, dict):
        return ", ".join(f"{name}={_shown(each)}" for name, each in list(value.items())[:5])
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return cut(str(getattr(value, "source", value)), 100)


def _shown_expression(expression: Any) -> str:
    return expression if isinstance(expression, str) else ", ".join(expression)


@dataclass(frozen=True, slots=True)
class _Labelled:
    """A row with a label, as far as every family agrees on it."""

    id: str
    label: str


def _utterances(records: Iterable[Record], images: NamedImages) -> Sequence[_Labelled]:
    from mmbench.data.questions import image_names

    found = []
    for number, record in enumerate(records):
        name = record.identifier(record.fields["id"], "field 'id'") if record.has("id") else f"row-{number}"
        record.text("text")
        label = record.text("label", number=True).strip()
        if record.has("choices") and label not in record.texts("choices"):
            raise record.error(f"label {cut(label)!r} is none of the classes")
        if record.has("image"):
            image_names(record, images)
        found.append(_Labelled(name, label))
    return found


def rows_source(path: Path, kind: str, reading: Reading) -> FileRows:
    """The rows of a user's data as `statistics` counts them. Raises `DataError`."""
    return FileRows(path, kind, _MAKERS[kind], reading)


_MAKERS: dict[str, Any] = {QUESTIONS: questions_of, CAPTIONS: captioned_of, UTTERANCES: _utterances}
