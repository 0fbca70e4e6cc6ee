"""Files of people's own: utterances with labels, and predictions; JSON Lines, a JSON list or CSV."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmbench.data import NamedImages, Record, cut, find_data_file, listed, read_records, refuse_repeated
from mmbench.extract import number_text
from mmbench_tasks.sentiment.card import LIMIT, POLARITIES, Utterance, polarity

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


def read_labelled(path: Path, *, asked: bool = True) -> Labelled:
    """Read the utterances in a file, or in the only data file of a folder.

    A record has ``text`` (what was said) and ``label``: a number from -3 to 3 in every record, or the name of a class in every
    record. It may have ``image`` (a path as in `mmbench.data.read_questions`), ``id`` (else ``row-0`` and so on), ``choices`` (all
    classes there are, the same in every record; else those that occur, and for negative, neutral and positive these three),
    ``group`` (on which errors cluster), and ``type`` or ``slices``.

    Where predictions are scored and nobody is `asked`, ``id`` must be there, and ``text`` and ``image`` need not.

    Raises `DataError`, which names file and line.
    """
    path = find_data_file(path)
    images, reader = NamedImages(path), _Reader(asked)
    for position, record in enumerate(read_records(path)):
        reader.add(record, position)
        if asked and record.has("image"):
            reader.images[position] = images.add(record.text("image"), record.place)
    media = images.media()
    for position, name in reader.images.items():
        reader.rows[position] = replace(reader.rows[position], image=media[name])
    return Labelled(tuple(reader.rows), reader.classes(), bool(reader.scored))


class _Reader:
    """Reads records one after the other and sees to it that they agree."""

    def __init__(self, asked: bool) -> None:
        self._asked = asked
        self._places: dict[str, str] = {}
        self._choices: tuple[str, ...] | None = None
        self.scored: bool | None = None
        self.rows: list[Utterance] = []
        self.images: dict[int, str] = {}

    def add(self, record: Record, position: int) -> None:
        """Read one record. Raises `DataError`."""
        name = self._id(record, position)
        text = record.text("text") if self._asked or record.has("text") else None
        label, score = self._label(record)
        slices = record.slices()
        group = record.text("group", number=True) if record.has("group") else ""
        self.rows.append(Utterance(name, text, label, score, group=group, slices=slices))

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
