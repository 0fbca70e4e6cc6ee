"""Questions before their images are known, made of many records at once where these are plain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from mmbench.core import DataError, Media
from mmbench.data.columnar import NotPlain
from mmbench.data.images import NamedImages
from mmbench.data.records import NumberText, Record
from mmbench.data.rows import Question

_NOT_PLAIN = ("hint", "media", "A")
"""Fields that only reading row by row understands."""
_TEXT: set[type] = {str}
_TEXT_OR_NUMBER: set[type] = {str, NumberText}


class Draft(NamedTuple):
    """A question whose images are names; fields as in `Question`."""

    id: str
    question: str
    answers: tuple[str, ...]
    choices: tuple[str, ...] | None
    slices: Mapping[str, str]
    group: str
    records: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    """What `NamedImages.media` has the images under."""

    def finished(self, media: Mapping[str, Media]) -> Question:
        """The question with its images."""
        first = media[self.images[0]] if self.images else None
        more = () if len(self.images) < 2 else tuple(media[name] for name in self.images[1:])
        return Question(
            self.id, first, self.question, self.answers, self.choices, self.slices, self.group, self.records, more
        )


class Shared:
    """One object for all equal tuples and mappings, so that many questions cost little."""

    def __init__(self) -> None:
        self._tuples: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._slices: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}

    def texts(self, items: Iterable[str]) -> tuple[str, ...]:
        """The tuple of these texts."""
        whole = tuple(items)
        return self._tuples.setdefault(whole, whole)

    def slices(self, labels: dict[str, str]) -> Mapping[str, str]:
        """The mapping of these labels."""
        return self._slices.setdefault(tuple(sorted(labels.items())), labels)


def plain_drafts(
    records: Sequence[Record], taken: Mapping[str, str], shared: Shared, images: NamedImages
) -> list[Draft]:
    """The drafts of some records, column by column, as `mmbench.data.questions_of` makes them row by row.

    Args:
        records: The records.
        taken: The ids of the questions before them, which are as many as the records before them.
        shared: Holds what questions share.
        images: Gets the images, once nothing else can be wrong.

    Raises:
        NotPlain: If something is wrong, or is of a kind that is rare; rows tell what.
    """
    rows = [record.fields for record in records]
    is_csv = records[0].is_csv
    if not all("image" in row for row in rows) or any(_given(rows, name) for name in _NOT_PLAIN):
        raise NotPlain
    choices = _lists(rows, "choices", shared, is_csv) if _given(rows, "choices") else [None] * len(rows)
    ids = _ids(rows, len(taken))
    if len(set(ids)) != len(ids) or not taken.keys().isdisjoint(ids):
        raise NotPlain
    drafts = zip(
        ids,
        _texts([row.get("question") for row in rows], _TEXT),
        _answers(rows, choices, shared, is_csv),
        choices,
        _labels(records, shared),
        _identifiers([row["group"] for row in rows]) if _given(rows, "group") else [""] * len(rows),
        [()] * len(rows),
        _images(records, images),
        strict=True,
    )
    return list(map(Draft._make, drafts))


def _given(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Whether all rows have a field. Raises `NotPlain` where only some of them have it."""
    absent = [row.get(name) for row in rows].count(None)
    if absent not in (0, len(rows)):
        raise NotPlain
    return not absent


def _texts(column: Sequence[Any], kinds: set[type]) -> list[str]:
    """The values as plain texts. Raises `NotPlain` for other types, blanks, and what is no text."""
    found = set(map(type, column))
    if not found <= kinds or not all(map(str.strip, column)):
        raise NotPlain
    together = "".join(column)
    if not together.isascii():
        try:
            together.encode()
        except UnicodeEncodeError as error:  # half of a surrogate pair
            raise NotPlain from error
    return list(column) if found == _TEXT else list(map(str, column))


def _identifiers(column: Sequence[Any]) -> list[str]:
    """The values as ids. Raises `NotPlain` for what is none, and for numbers with a decimal point."""
    found = _texts(column, _TEXT_OR_NUMBER)
    if not "".join(found).isprintable() or list(map(str.strip, found)) != found:
        raise NotPlain
    if any(type(value) is NumberText and "." in value for value in column):
        raise NotPlain
    return found


def _ids(rows: Sequence[Mapping[str, Any]], first: int) -> list[str]:
    for name in ("id", "question_id"):
        if _given(rows, name):
            return _identifiers([row[name] for row in rows])
    return [f"row-{first + n}" for n in range(len(rows))]


def _lists(rows: Sequence[Mapping[str, Any]], name: str, shared: Shared, is_csv: bool) -> list[tuple[str, ...]]:
    """A column of lists of texts and numbers. Raises `NotPlain` for anything else, and for empty lists."""
    column = [row[name] for row in rows]
    if is_csv or set(map(type, column)) != {list} or not all(column):
        raise NotPlain
    items = iter(_texts(list(chain.from_iterable(column)), _TEXT_OR_NUMBER))
    return [shared.texts([next(items) for _ in each]) for each in column]


def _answers(
    rows: Sequence[Mapping[str, Any]],
    choices: Sequence[tuple[str, ...] | None],
    shared: Shared,
    is_csv: bool,
) -> list[tuple[str, ...]]:
    if _given(rows, "answers") == _given(rows, "answer"):
        raise NotPlain
    if _given(rows, "answers"):
        found = _lists(rows, "answers", shared, is_csv)
    else:
        texts = _texts([row["answer"] for row in rows], _TEXT_OR_NUMBER)
        if is_csv and any("[" in text for text in texts):
            raise NotPlain
        found = _of_each(texts, lambda text: shared.texts([text]))
    for own, several in zip(choices, found, strict=True):
        if own is not None and set(own).isdisjoint(several):
            raise NotPlain
    return found


def _labels(records: Sequence[Record], shared: Shared) -> list[Mapping[str, str]]:
    """The slices of each record."""
    known: dict[Any, Mapping[str, str]] = {}
    found = []
    try:
        for record in records:
            of_record = record.fields.get("slices")
            key = record.fields.get("type"), tuple(of_record.items()) if isinstance(of_record, dict) else of_record
            labels = known.get(key)
            if labels is None:
                labels = known[key] = shared.slices(record.slices())
            found.append(labels)
    except (DataError, TypeError) as error:  # of a kind that cannot be looked up, hence no label
        raise NotPlain from error
    return found


def _images(records: Sequence[Record], images: NamedImages) -> list[tuple[str, ...]]:
    column = [record.fields["image"] for record in records]
    if not set(map(type, column)) <= {str, type(None)}:
        raise NotPlain
    names = _texts([name for name in column if name is not None], _TEXT)
    if records[0].is_csv and any("[" in name for name in names):
        raise NotPlain
    places: dict[str, str] = {}
    for record, name in zip(records, column, strict=True):
        if name is not None:
            places.setdefault(name, record.place)
    added = {name: (images.add(name, place),) for name, place in places.items()}
    return [() if name is None else added[name] for name in column]


def _of_each(column: Sequence[str], make: Callable[[str], Any]) -> list[Any]:
    """What is made of each value, made once for equal ones."""
    made = {value: make(value) for value in dict.fromkeys(column)}
    return [made[value] for value in column]
