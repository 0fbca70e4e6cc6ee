"""Files of people's own: utterances with labels, and predictions; JSON Lines, a JSON list or CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmbench.core import DataError
from mmbench.data import (
    FileRows,
    NamedImages,
    Reading,
    Record,
    cut,
    find_data_file,
    image_names,
    listed,
    numbers_of_classes,
    read_records,
    refuse_repeated,
)
from mmbench.extract import number_text
from mmbench_tasks.sentiment.card import LIMIT, POLARITIES, Utterance, polarity

_FEW = 16
_NOT_NUMBERS = ("nan", "inf", "infinity")


@dataclass(frozen=True, slots=True)
class Labelled:
    """What a file of utterances holds."""

    rows: tuple[Utterance, ...]
    """In the order of the file."""
    classes: tuple[str, ...]
    """The classes that they are of."""
    scored: bool
    """Whether labels are numbers."""
    source: FileRows
    """Where they came from."""


def read_labelled(path: Path, *, asked: bool = True, reading: Reading | None = None) -> Labelled:
    """Read the utterances in a file or folder.

    A record has ``text`` (what was said) and ``label``: a number from -3 to 3 in every record, or the name of a class in every
    record. It may have ``image`` (a path as in `mmbench.data.read_questions`), ``id`` (else ``row-0`` and so on), ``choices`` (all
    classes there are, the same in every record; else those that occur, and for negative, neutral and positive these three),
    ``group`` (on which errors cluster), and ``type`` or ``slices``.

    Where predictions are scored and nobody is `asked`, ``id`` must be there, and ``text`` and ``image`` need not.

    Raises `DataError`, which names file and line.
    """
    reader = _Reader(asked)
    source = FileRows(path, "utterances", reader.read, reading)
    rows = source.rows("test") if asked else reader.read(source.records(), NamedImages(source.table.path))
    if not rows:
        raise DataError(f"{path} holds no rows")
    return Labelled(tuple(rows), reader.classes(), bool(reader.scored), source)


class _Reader:
    """Reads records one after the other and sees to it that they agree."""

    def __init__(self, asked: bool) -> None:
        self._asked = asked
        self._places: dict[str, str] = {}
        self._choices: tuple[str, ...] | None = None
        self._written: set[str] = set()
        self.scored: bool | None = None
        self.rows: list[Utterance] = []
        self.images: dict[int, str] = {}

    def read(self, records: Iterable[Record], images: NamedImages) -> Sequence[Utterance]:
        """The utterances of some records. Raises `DataError`."""
        start = len(self.rows)
        last = None
        for position, record in enumerate(records, start):
            self.add(record, position)
            last = record
            if self._asked and record.has("image"):
                (self.images[position],) = image_names(record, images) or ("",)
        if last is not None:
            self._refuse_numbers_of_classes(last.path)
        media = images.media()
        for position, name in self.images.items():
            self.rows[position] = replace(self.rows[position], image=media[name])
        return self.rows[start:]

    def add(self, record: Record, position: int) -> None:
        """Read one record. Raises `DataError`."""
        name = self._id(record, position)
        text = record.text("text") if self._asked or record.has("text") else None
        label, score = self._label(record)
        slices = record.slices()
        group = record.text("group", number=True) if record.has("group") else ""
        self.rows.append(Utterance(name, text, label, score, group=group, slices=slices))

    def _refuse_numbers_of_classes(self, path: Path) -> None:
        """Raise `DataError` where every label is one of 0, 1, 2, … without a gap: classes have such numbers, scores hardly ever."""
        if self.scored and (problem := numbers_of_classes(self._written)):
            raise DataError(problem, path)

    def _id(self, record: Record, position: int) -> str:
        if not record.has("id"):
            if not self._asked:
                raise record.missing("id")
            return f"row-{position}"
        name = record.identifier(record.fields["id"], "field 'id'")
        if name in self._places:
            raise record.error(f"id {name!r} is taken by {self._places[name]}")
        self._places[name] = record.place
        return name

    def _label(self, record: Record) -> tuple[str, float | None]:
        label = record.text("label", number=True).strip()
        if len(self._written) < _FEW:
            self._written.add(label)
        score = _number(label)
        if self.scored is None:
            self.scored = score is not None and not record.has("choices")
        if self.scored:
            if score is None or not abs(score) <= LIMIT:
                raise record.error(f"label {cut(label)!r}: expected a number from -3 to 3, as the first label is one")
            return polarity(score), score
        choices = tuple(record.texts("choices")) if record.has("choices") else None
        if self.rows and choices != self._choices:
            raise record.error("field 'choices': expected the same in every record, or in none")
        if choices is not None and len(set(choices)) < len(choices):
            raise record.error("field 'choices': a class stands there twice")
        self._choices = choices
        if choices is None:
            if score is not None:
                raise record.error(f"label {cut(label)!r} is a number, and the first label is the name of a class")
        elif label not in choices:
            raise record.error(f"label {cut(label)!r} is none of the classes ({listed(list(choices))})")
        return label, None

    def classes(self) -> tuple[str, ...]:
        """The classes of all records."""
        if self._choices is not None:
            return self._choices
        found = {row.label for row in self.rows}
        return POLARITIES if found <= set(POLARITIES) else tuple(sorted(found))


def _number(text: str) -> float | None:
    try:
        return float(text) + 0.0
    except ValueError:
        return None


def read_predictions(path: Path) -> dict[str, str]:
    """Id to what was predicted, a class or a number or what a model wrote, in the order of the file.

    Records have ``id`` and ``prediction`` (or ``output``). Raises `DataError`, with a list of the ids that stand there twice, and for
    predictions that are NaN or infinite.
    """
    found: dict[str, str] = {}
    names: list[str] = []
    for record in read_records(find_data_file(path)):
        if not record.has("id"):
            raise record.missing("id")
        name = record.identifier(record.fields["id"], "field 'id'")
        names.append(name)
        found[name] = _prediction(record)
    refuse_repeated(path, names)
    return found


def _prediction(record: Record) -> str:
    field = next((name for name in ("prediction", "output") if record.has(name)), None)
    if field is None:
        raise record.missing("prediction")
    value: Any = record.fields[field]
    if isinstance(value, float):  # NaN and Infinity as some programs write them into JSON
        value = number_text(value)
    if isinstance(value, str) and value.strip().casefold().lstrip("+-") in _NOT_NUMBERS:
        raise record.error(
            f"prediction {cut(value.strip())!r} is no answer; leave the line out, and score the others with --partial"
        )
    return (
        value
        if isinstance(value, str) and not value.strip()
        else record.checked(value, f"field {field!r}", number=True)
    )
